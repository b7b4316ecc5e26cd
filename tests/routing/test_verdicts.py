from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.verdicts import NO_ANSWER, RATE_LIMITED, REFUSED, TRANSIENT, Ladder, is_trouble, ladder


@pytest.mark.parametrize("status", [200, 201, 204, 299, 400, 404, 405, 409, 413, 415, 422])
def test_success_and_the_client_s_mistakes_cost_no_credential(status: int) -> None:
    assert not is_trouble(status)
    assert ladder(status) is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, REFUSED),
        (402, REFUSED),
        (403, REFUSED),
        (429, RATE_LIMITED),
        (408, TRANSIENT),
        (500, TRANSIENT),
        (503, TRANSIENT),
        (529, TRANSIENT),
        (599, TRANSIENT),
        (301, TRANSIENT),
        (NO_ANSWER, TRANSIENT),
    ],
)
def test_trouble_cools_by_the_ladder_of_its_kind(status: int, expected: Ladder) -> None:
    assert is_trouble(status)
    assert ladder(status) is expected


def test_a_cooldown_doubles_up_to_the_most() -> None:
    assert [Ladder(first=1, most=10).step(failures) for failures in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(st.sampled_from([REFUSED, RATE_LIMITED, TRANSIENT]), st.integers(1, 10**9))
def test_a_step_is_never_shorter_than_the_one_before_nor_out_of_bounds(ladder: Ladder, failures: int) -> None:
    assert ladder.first <= ladder.step(failures) <= ladder.step(failures + 1) <= ladder.most
