from __future__ import annotations

import pytest

from cliproxy.quota import Window
from cliproxy.routing import affinity
from cliproxy.routing.affinity import (
    COLD_PACE_GAP,
    COLD_PART,
    LEAST_IMBALANCE,
    MOVES_TO_PAY,
    PACE_GAP,
    WARM_SECONDS,
    Affinity,
    Binding,
    worth_moving,
)
from cliproxy.routing.strategies import FULL, Seen
from tests.support.pooling import candidates

A, B, C = candidates("a", "b", "c")
TALK = (b"talk", "model")
HOUR = 3600.0


def served_at_a(cached: int = 0, now: float = 0.0) -> Affinity:
    """A conversation that was answered by A."""
    kept = Affinity(HOUR)
    kept.bind(TALK, A, now)
    kept.served(TALK, A)
    kept.cached(TALK, A, cached)
    return kept


def where(kept: Affinity, now: float = 0.0) -> str | None:
    found = kept.find(TALK, now)
    return None if found is None else found.candidate.credential


# -- where it is


def test_a_conversation_is_where_it_was_asked() -> None:
    assert where(served_at_a()) == "a"


def test_nothing_is_known_of_a_new_conversation() -> None:
    assert where(Affinity(HOUR)) is None


def test_a_conversation_is_another_one_for_another_model() -> None:
    assert served_at_a().find((b"talk", "other"), 0.0) is None


def test_a_binding_lasts_for_its_time() -> None:
    assert where(served_at_a(), HOUR) == "a"


def test_a_binding_is_over_after_its_time() -> None:
    assert where(served_at_a(), HOUR + 1) is None


def test_each_request_begins_the_time_anew() -> None:
    kept = served_at_a()
    kept.bind(TALK, A, HOUR)
    assert where(kept, 2 * HOUR) == "a"


def test_a_clock_that_is_set_back_ends_a_binding_was_wrong() -> None:
    assert where(served_at_a(now=1000.0), 999.0) == "a"


def test_without_time_there_are_no_bindings() -> None:
    kept = Affinity(0.0)
    kept.bind(TALK, A, 0.0)
    assert (where(kept), len(kept)) == (None, 0)


def test_only_who_is_wanted_keeps_conversations() -> None:
    kept = served_at_a()
    kept.keep(lambda candidate: candidate == B)
    assert where(kept) is None


def test_conversations_are_counted_by_credential() -> None:
    kept = served_at_a()
    kept.bind((b"second", "model"), A, 0.0)
    kept.bind((b"third", "model"), B, 0.0)
    assert kept.counts() == {"a": 2, "b": 1}


# -- moves


def test_a_move_is_counted_when_it_is_answered() -> None:
    kept = served_at_a()
    kept.bind(TALK, B, 1.0)
    kept.served(TALK, B)
    assert (kept.moves, where(kept, 1.0)) == (1, "b")


def test_a_move_that_nobody_answers_is_one_was_wrong() -> None:
    kept = served_at_a()
    kept.bind(TALK, B, 1.0)
    assert kept.moves == 0


def test_what_a_move_costs_is_the_cached_prompt() -> None:
    kept = served_at_a(cached=7000)
    kept.bind(TALK, B, WARM_SECONDS)
    kept.served(TALK, B)
    assert kept.cached_tokens_lost == 7000


def test_a_prompt_that_has_left_the_cache_costs_nothing() -> None:
    kept = served_at_a(cached=7000)
    kept.bind(TALK, B, WARM_SECONDS + 1)
    kept.served(TALK, B)
    assert (kept.moves, kept.cached_tokens_lost) == (1, 0)


def test_what_a_move_costs_is_counted_once() -> None:
    kept = served_at_a(cached=7000)
    for place in (B, C, B, C):
        kept.bind(TALK, place, 1.0)
    kept.served(TALK, C)
    kept.served(TALK, C)
    assert (kept.moves, kept.cached_tokens_lost) == (1, 7000)


def test_a_conversation_that_comes_back_unanswered_has_not_moved() -> None:
    kept = served_at_a(cached=7000)
    kept.bind(TALK, B, 1.0)
    kept.bind(TALK, A, 2.0)
    kept.served(TALK, A)
    assert (kept.moves, kept.find(TALK, 2.0)) == (0, Binding(A, 2.0, 7000, served=True))


def test_to_leave_where_it_was_never_answered_is_no_move() -> None:
    kept = Affinity(HOUR)
    kept.bind(TALK, A, 0.0)
    kept.bind(TALK, B, 1.0)
    kept.served(TALK, B)
    assert kept.moves == 0


def test_of_two_that_are_asked_the_one_that_answers_has_it() -> None:
    kept = Affinity(HOUR)
    kept.bind(TALK, A, 0.0)
    kept.bind(TALK, B, 1.0)
    kept.served(TALK, A)
    assert where(kept) == "a"


def test_an_answer_of_one_that_has_failed_since_does_not_bind() -> None:
    kept = served_at_a()
    kept.bind(TALK, B, 1.0)
    kept.served(TALK, A, well=False)
    assert where(kept) == "b"


def test_an_answer_from_elsewhere_does_not_take_a_conversation_that_was_answered() -> None:
    kept = served_at_a()
    kept.served(TALK, B)
    assert where(kept) == "a"


def test_what_is_cached_elsewhere_is_not_noted() -> None:
    kept = served_at_a(cached=5)
    kept.cached(TALK, B, 9000)
    assert kept.find(TALK, 0.0) == Binding(A, 0.0, 5, served=True)


def test_to_hear_of_what_nobody_knows_is_no_trouble() -> None:
    kept = Affinity(HOUR)
    kept.served(TALK, A)
    kept.cached(TALK, A, 1)
    assert len(kept) == 0


@pytest.mark.parametrize(("age", "part"), [(WARM_SECONDS, 1.0), (WARM_SECONDS + 1, COLD_PART)])
def test_a_cache_that_may_be_gone_is_worth_a_part(age: float, part: float) -> None:
    assert Binding(A, 0.0, 1000).price(age) == 1000 * part


# -- bounds and changes


def test_of_too_many_the_one_that_was_not_heard_of_for_longest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "MAX_BINDINGS", 3)
    kept = Affinity(HOUR)
    for number in (1, 2, 3, 1, 4):
        kept.bind((b"%d" % number, "model"), A, 0.0)
    assert [kept.find((b"%d" % number, "model"), 0.0) is not None for number in (1, 2, 3, 4)] == [
        True,
        False,
        True,
        True,
    ]


def test_the_expired_go_without_being_asked_for() -> None:
    kept = served_at_a()
    for number in range(3):
        kept.bind((b"%d" % number, "model"), A, HOUR + 1)
    assert (len(kept), TALK in kept.take_changes()) == (3, True)


def test_changes_are_told_once() -> None:
    kept = served_at_a(cached=3)
    assert (kept.take_changes(), kept.take_changes()) == ({TALK: Binding(A, 0.0, 3, served=True)}, {})


def test_a_binding_that_is_over_is_told_to_be_gone() -> None:
    kept = served_at_a()
    kept.take_changes()
    kept.find(TALK, HOUR + 1)
    assert kept.take_changes() == {TALK: None}


def test_what_an_earlier_process_knew_is_no_change() -> None:
    kept = Affinity(HOUR)
    kept.restore(TALK, Binding(A, 0.0))
    assert (where(kept), kept.take_changes()) == ("a", {})


# -- when a move is worth it


def seen(load: float = 0.0, *, used: float | None = None) -> Seen:
    """A credential; `used` of a window that is half over."""
    windows = () if used is None else (Window("5h", used, 2.5 * HOUR, 5 * HOUR),)
    return Seen(A, 0, 1, 0, 0.0, load, 0, windows)


def test_below_a_quarter_of_a_million_tokens_nobody_starves() -> None:
    assert not worth_moving(seen(LEAST_IMBALANCE), seen(), 0.0, False, 0.0)


def test_a_conversation_without_cache_moves_when_others_have_much_less_to_do() -> None:
    assert worth_moving(seen(LEAST_IMBALANCE + 1), seen(), 0.0, False, 0.0)


def test_the_more_is_cached_the_more_others_must_starve() -> None:
    price = LEAST_IMBALANCE
    assert not worth_moving(seen(MOVES_TO_PAY * price), seen(), price, True, 0.0)


def test_enough_imbalance_moves_any_conversation() -> None:
    price = LEAST_IMBALANCE
    assert worth_moving(seen(MOVES_TO_PAY * price + 1), seen(), price, True, 0.0)


def test_who_is_nearly_used_up_is_left() -> None:
    assert worth_moving(seen(used=FULL), seen(used=0.9), 1e9, True, 0.0)


def test_who_is_nearly_used_up_is_not_left_for_another_that_is() -> None:
    assert not worth_moving(seen(used=FULL), seen(used=FULL), 1e9, True, 0.0)


@pytest.mark.parametrize(("warm", "gap"), [(True, PACE_GAP), (False, COLD_PACE_GAP)])
def test_who_is_far_ahead_of_its_window_is_left(warm: bool, gap: float) -> None:
    assert worth_moving(seen(used=0.6 + gap + 0.01), seen(used=0.6), 1e9, warm, 0.0)


@pytest.mark.parametrize(("warm", "gap"), [(True, PACE_GAP), (False, COLD_PACE_GAP)])
def test_who_does_not_run_dry_is_not_left_for_its_pace(warm: bool, gap: float) -> None:
    assert not worth_moving(seen(used=0.5), seen(used=0.5 - gap - 0.01), 1e9, warm, 0.0)


def test_who_has_more_to_give_is_not_left_for_what_it_has_served() -> None:
    assert not worth_moving(seen(1e9, used=0.1), seen(used=0.3), 0.0, False, 0.0)


@pytest.mark.parametrize(("warm", "gap"), [(True, PACE_GAP), (False, COLD_PACE_GAP)])
def test_who_is_a_little_ahead_of_its_window_is_not_left(warm: bool, gap: float) -> None:
    assert not worth_moving(seen(used=0.6 + gap - 0.01), seen(used=0.6), 1e9, warm, 0.0)
