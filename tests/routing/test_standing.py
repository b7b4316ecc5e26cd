from __future__ import annotations

import pytest

from cliproxy.routing.standing import Standing, held_against

CAP = 600.0
MONTH = 30 * 86_400.0


def after(seconds: float, *, failures: int = 1, soft: bool = False) -> Standing:
    """What is held against a credential that failed at 1000."""
    return held_against("v", 429, failures, seconds, 1000.0, CAP, soft=soft)


def test_a_hint_of_a_month_is_tried_from_540_seconds_on() -> None:
    assert after(MONTH).probe_at == 1540.0


def test_a_hint_of_a_month_is_overdue_after_600_seconds() -> None:
    assert after(MONTH).overdue_at == 1600.0


def test_a_hint_of_a_month_is_still_told_to_be_one() -> None:
    assert after(MONTH).until == 1000.0 + MONTH


@pytest.mark.parametrize("seconds", [1.0, CAP])
def test_within_the_cap_a_hint_is_believed(seconds: float) -> None:
    standing = after(seconds)
    assert (standing.probe_at, standing.overdue_at, standing.until) == (1000.0 + seconds,) * 3


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (99, 60.0)])
def test_passing_trouble_may_be_met_again_after_a_longer_time_each_time(failures: int, seconds: float) -> None:
    assert after(60.0, failures=failures, soft=True).soft_at == 1000.0 + seconds


def test_other_trouble_is_not_met_again_early() -> None:
    assert after(60.0).soft_at is None
