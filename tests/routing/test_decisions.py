from __future__ import annotations

import pytest

from cliproxy.routing.decisions import MAX_DECISIONS, MAX_STEPS, Decision, Decisions, Step, pack
from cliproxy.routing.standing import Fate
from tests.support.pooling import candidates

A, B = candidates("a", "b")


def step(*packed: bytes, at: float = 5.0, others: int = 0) -> Step:
    return Step(at, "model", A, "because", b"".join(packed), (A, B), others)


def detail(packed: bytes) -> object:
    """What is said of one candidate."""
    told = step(packed).told()["candidates"]
    assert isinstance(told, list)
    return told[0]["detail"]


# -- in words


def test_a_choice_is_told_with_each_candidate_and_its_fate() -> None:
    assert step(pack(0, Fate.TAKEN), pack(1, Fate.FULL, 3), others=7).told() == {
        "at": 5.0,
        "name": "model",
        "taken": "a",
        "model": "m",
        "why": "because",
        "candidates": [
            {"credential": "a", "model": "m", "fate": "taken", "detail": ""},
            {"credential": "b", "model": "m", "fate": "full", "detail": "3 under way"},
        ],
        "others": 7,
    }


def test_a_choice_of_nobody_is_told_as_one() -> None:
    told = Step(5.0, "model", None, "nobody is ready", b"", (A, B)).told()
    assert (told["taken"], told["model"]) == (None, "")


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (pack(0, Fate.READY, 2, 1234.4), "2 under way; 1234 tokens lately"),
        (pack(0, Fate.TAKEN, 0, 0.0, 0.25), "0 tokens lately; 25 % of a window ahead of its time"),
        (pack(0, Fate.READY, 0, 0.0, -0.5), "0 tokens lately; 50 % of a window behind its time"),
        (pack(0, Fate.COOLING, 0, 12.0, 30.0, 429), "after status 429; to be tried in 12 s; expected back in 30 s"),
        (pack(0, Fate.COOLING, 0, 12.0, -1.0, 0), "after no answer; to be tried in 12 s"),
        (pack(0, Fate.HALF_OPEN, 0, -3.0, 100.0, 401), "after status 401; expected back in 100 s"),
        (pack(0, Fate.PARKED), ""),
    ],
)
def test_figures_become_words(packed: bytes, words: str) -> None:
    assert detail(packed) == words


@pytest.mark.parametrize("status", [-1, 99_999])
def test_a_status_that_is_none_is_no_trouble(status: int) -> None:
    assert isinstance(detail(pack(0, Fate.COOLING, status=status)), str)


def test_more_requests_under_way_than_fit_are_no_trouble() -> None:
    assert detail(pack(0, Fate.FULL, 70_000)) == "65535 under way"


def test_a_decision_is_told_with_its_steps_and_outcome() -> None:
    decision = Decision("req", 1.0, "model", "its beginning", "200 by a", [step()])
    assert decision.told() == {
        "request_id": "req",
        "at": 1.0,
        "model": "model",
        "session": {"source": "its beginning"},
        "outcome": "200 by a",
        "steps": [step().told()],
    }


def test_a_request_that_stands_alone_has_no_session() -> None:
    assert Decision("req", 1.0, "model").told()["session"] is None


# -- bounds


def test_steps_of_one_request_are_bounded() -> None:
    decision = Decision("req", 1.0, "model")
    for _ in range(MAX_STEPS + 1):
        decision.note(step())
    assert len(decision.steps) == MAX_STEPS


def test_a_decision_is_found_by_its_request() -> None:
    decisions, decision = Decisions(), Decision("req", 1.0, "model")
    decisions.begin(decision)
    assert decisions.find("req") is decision


def test_a_request_that_nobody_knows_has_none() -> None:
    assert Decisions().find("req") is None


def test_of_more_than_ten_thousand_the_oldest_goes() -> None:
    decisions = Decisions()
    for number in range(MAX_DECISIONS + 1):
        decisions.begin(Decision(str(number), 1.0, "model"))
    assert [decisions.find(name) is None for name in ("0", "1", str(MAX_DECISIONS))] == [True, False, False]
