from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.strategies import STRATEGIES, Strategy, round_robin


def candidates(count: int) -> list[Candidate]:
    return [Candidate(CredentialId(f"c{i}"), ModelName("m")) for i in range(count)]


@given(st.integers(1, 9), st.integers(0, 10**9))
def test_in_as_many_turns_as_there_are_candidates_each_has_one(count: int, first: int) -> None:
    ready = candidates(count)
    picked = [round_robin(ready, turn) for turn in range(first, first + count)]
    assert sorted(picked, key=ready.index) == ready


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
@given(count=st.integers(1, 9), turn=st.integers(0, 10**9))
def test_a_strategy_picks_one_of_those_who_are_ready(strategy: Strategy, count: int, turn: int) -> None:
    assert strategy(candidates(count), turn) in candidates(count)


def test_the_default_of_the_configuration_is_in_the_table() -> None:
    assert STRATEGIES["round-robin"] is round_robin
