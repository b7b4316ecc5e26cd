"""What is known of each credential."""

from __future__ import annotations

import pytest

from cliproxy.quota import Window
from cliproxy.routing import ledger as ledger_module
from cliproxy.routing.catalogue import CredentialId, Terms
from cliproxy.routing.ledger import LOAD_HALF_LIFE, MAX_WINDOWS, USED_UP, Credential, Ledger
from cliproxy.routing.memory import Saved, StandingRow
from cliproxy.routing.standing import Standing, held_against
from cliproxy.routing.verdicts import RATE_LIMITED
from tests.support.pooling import candidate

HOUR = 3600.0
A = CredentialId("a")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(lambda _: Terms())


def trouble(since: float = 0.0) -> Standing:
    return held_against(RATE_LIMITED.name, 429, 1, 60.0, since, 600.0)


def test_what_was_served_counts_for_half_after_a_while() -> None:
    record = Credential(Terms())
    record.add_load(1000.0, 0.0)
    assert record.load_now(LOAD_HALF_LIFE) == pytest.approx(500.0)


def test_a_clock_that_is_set_back_adds_nothing() -> None:
    record = Credential(Terms())
    record.add_load(1000.0, HOUR)
    assert record.load_now(0.0) == 1000.0


def test_a_limit_is_reached_by_as_many_requests() -> None:
    record = Credential(Terms(max_concurrency=2))
    record.in_flight = 1
    assert not record.is_full
    record.in_flight = 2
    assert record.is_full


def test_a_window_of_some_models_is_none_of_the_others() -> None:
    record = Credential(Terms())
    record.windows["7d", "*opus*"] = Window("7d", 0.5, HOUR, model="*opus*")
    assert record.windows_for("claude-haiku-4-5", 0.0) == ()
    assert len(record.windows_for("claude-opus-4-5", 0.0)) == 1


def test_both_kinds_of_trouble_are_held_against_a_candidate(ledger: Ledger) -> None:
    ledger.set(candidate("a"), trouble())
    ledger.set_whole(A, trouble(5.0))
    assert [standing.since for standing in ledger.held_against(candidate("a"))] == [5.0, 0.0]


def test_of_too_many_standings_the_oldest_is_forgotten_and_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_STANDINGS", 1)
    assert ledger.set(candidate("a"), trouble()) == ()
    assert ledger.set(candidate("b"), trouble()) == ("a",)
    assert list(ledger.standings) == [candidate("b")]


def test_windows_are_bounded(ledger: Ledger) -> None:
    kept = [ledger.keep_window(A, Window(str(number), 0.1, HOUR), 0.0) for number in range(MAX_WINDOWS + 1)]
    assert kept == [True] * MAX_WINDOWS + [False]


def test_a_window_that_is_over_makes_room(ledger: Ledger) -> None:
    for number in range(MAX_WINDOWS):
        ledger.keep_window(A, Window(str(number), 0.1, 1.0), 0.0)
    assert ledger.keep_window(A, Window("new", 0.1, HOUR), 2.0)
    assert list(ledger.credential(A).windows) == [("new", "")]


def test_who_is_not_known_any_more_is_forgotten(ledger: Ledger) -> None:
    ledger.set(candidate("a"), trouble())
    ledger.keep_window(A, Window("5h", 0.1, HOUR), 0.0)
    ledger.keep_only(["b"], lambda _: Terms())
    assert (dict(ledger.credentials), dict(ledger.standings)) == ({}, {})


def test_that_is_told_to_whoever_writes_it_down(ledger: Ledger) -> None:
    ledger.set(candidate("a"), trouble())
    ledger.keep_window(A, Window("5h", 0.1, HOUR), 0.0)
    ledger.keep_only(["b"], lambda _: Terms())
    assert ledger.take_changes() == ({("a", "m"): None}, {("a", "5h", ""): None})


def test_who_is_unparked_is_told(ledger: Ledger) -> None:
    assert list(ledger.unpark_all_but([A, CredentialId("b")])) == []
    assert list(ledger.unpark_all_but([CredentialId("b")])) == ["a"]
    assert ledger.credential(CredentialId("b")).parked


@pytest.mark.parametrize(("verdict", "soft"), [("transient", True), (USED_UP, True), ("rate limited", False)])
def test_passing_trouble_is_passing_after_a_restart_too(ledger: Ledger, verdict: str, soft: bool) -> None:
    ledger.restore(Saved(standings=(StandingRow("a", "", verdict, 429, 1, 0.0, 60.0, ""),)), 1.0, 600.0)
    standing = ledger.credential(A).standing
    assert standing is not None
    assert (standing.soft_at is not None) is soft
