"""What is kept of a choice: who was there, and what became of each."""

from __future__ import annotations

import pytest

from cliproxy.routing.catalogue import CredentialId, Terms
from cliproxy.routing.decisions import Decision
from cliproxy.routing.pool import Pool, Wanted
from cliproxy.routing.roster import SAMPLE
from tests.support.pooling import candidates, fails, granted, in_turn, taken, wanting

A = wanting("a")
AB = wanting("a", "b")
TALK = wanting("a", "b", session=b"talk")


@pytest.fixture
def pool() -> Pool:
    return in_turn()


def told(pool: Pool, wanted: Wanted, now: float, *tried: str) -> list[tuple[object, object]]:
    """Each candidate of a choice, and its fate."""
    decision = Decision("req", now, "model")
    pool.choose(wanted, now, candidates(*tried), decision)
    rows = decision.steps[-1].told()["candidates"]
    assert isinstance(rows, list)
    return sorted((row["credential"], row["fate"]) for row in rows)


def test_each_candidate_is_told_with_its_fate() -> None:
    pool = in_turn(full=Terms(max_concurrency=1), lower=Terms(priority=-1))
    wanted = wanting("cools", "full", "parked", "less", "taken", "lower")
    fails(pool, wanting("cools"), 0.0, hint=9.0)
    granted(pool, wanting("full"), 0.0)
    pool.park([CredentialId("parked")])
    taken(pool, wanted, 0.0)
    assert told(pool, wanted, 0.0) == [
        ("cools", "cooling"),
        ("full", "full"),
        ("less", "less preferred"),
        ("lower", "lower priority"),
        ("parked", "needs login"),
        ("taken", "taken"),
    ]


def test_who_is_probed_is_told_to_be(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=9.0)
    granted(pool, AB, 9.0)
    assert told(pool, AB, 9.0) == [("a", "probing"), ("b", "taken")]


def test_who_was_tried_is_told_to_be(pool: Pool) -> None:
    assert told(pool, AB, 0.0, "a") == [("a", "tried"), ("b", "taken")]


def test_a_wait_is_told_with_those_who_are_waited_for(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=9.0)
    assert told(pool, A, 0.0) == [("a", "cooling")]


def test_of_many_candidates_some_are_told_and_the_others_counted(pool: Pool) -> None:
    many = wanting(*map(str, range(100)))
    decision = Decision("req", 0.0, "model")
    pool.choose(many, 0.0, (), decision)
    step = decision.steps[0]
    assert (len(told(pool, many, 0.0)), step.others) == (SAMPLE, 100 - SAMPLE)


def test_the_reason_of_a_choice_is_told(pool: Pool) -> None:
    decision = Decision("req", 0.0, "model")
    fails(pool, AB, 0.0, hint=9.0)
    for now in (0.0, 1.0, 9.0):
        pool.choose(TALK, now, (), decision)
    assert [step.why for step in decision.steps] == [
        "chosen by round-robin",
        "the conversation is there",
        "a probe: what was held against it may be over",
    ]
