from __future__ import annotations

import pytest

from cliproxy.conversation.efforts import EFFORTS, budget_for, effort_for, nearest
from cliproxy.conversation.request import Effort


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("minimal", 512), ("low", 1024), ("medium", 8192), ("high", 24576), ("xhigh", 32768), ("max", 128000)],
)
def test_an_effort_as_a_budget(effort: Effort, budget: int) -> None:
    assert budget_for(effort) == budget


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (1, "minimal"),
        (512, "minimal"),
        (513, "low"),
        (1024, "low"),
        (1025, "medium"),
        (8192, "medium"),
        (8193, "high"),
        (24576, "high"),
        (24577, "xhigh"),
        (64000, "xhigh"),
        (64001, "max"),
        (10**30, "max"),
    ],
)
def test_a_budget_as_an_effort(budget: int, effort: Effort) -> None:
    assert effort_for(budget) == effort


@pytest.mark.parametrize("effort", EFFORTS)
def test_an_effort_comes_back_from_its_budget(effort: Effort) -> None:
    assert effort_for(budget_for(effort)) == effort


@pytest.mark.parametrize(
    ("effort", "among", "found"),
    [
        ("high", ("low", "high"), "high"),
        ("max", ("low", "medium", "high"), "high"),
        ("minimal", ("low", "high"), "low"),
        ("xhigh", ("low", "high"), "high"),
        ("low", ("high",), "high"),
    ],
)
def test_the_nearest_effort_is_taken(effort: Effort, among: tuple[Effort, ...], found: Effort) -> None:
    assert nearest(effort, among) == found


@pytest.mark.parametrize("among", [("low", "high"), ("high", "low")])
def test_of_two_as_near_the_lower_is_taken(among: tuple[Effort, ...]) -> None:
    assert nearest("medium", among) == "low"
