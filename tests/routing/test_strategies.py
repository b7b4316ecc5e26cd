from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.quota import Window
from cliproxy.routing.strategies import (
    FULL,
    PACE_OF_ONE_REQUEST,
    STRATEGIES,
    Seen,
    Strategy,
    fill_first,
    has_room,
    pace,
    quota_aware,
    round_robin,
    weighted,
)
from tests.support.pooling import candidate

HOUR = 3600.0


def seen(
    name: str,
    order: int = 0,
    *,
    weight: int = 1,
    turn: int = 0,
    share: float = 0.0,
    load: float = 0.0,
    in_flight: int = 0,
    windows: tuple[Window, ...] = (),
) -> Seen:
    return Seen(candidate(name), order, weight, turn, share, load, in_flight, windows)


def five_hours(used: float, left: float) -> Window:
    """A window of five hours that ends in `left` of them."""
    return Window("5h", used, left * HOUR, 5 * HOUR)


def picked(strategy: Strategy, *ready: Seen) -> str:
    return strategy(ready, 0.0).candidate.credential


# -- round-robin


def test_whoever_waited_longest_has_its_turn() -> None:
    assert picked(round_robin, seen("a", 0, turn=7), seen("b", 1, turn=5), seen("c", 2, turn=6)) == "b"


def test_of_those_who_never_had_a_turn_the_first_of_the_configuration_has_it() -> None:
    assert picked(round_robin, seen("b", 1), seen("a", 0)) == "a"


# -- weighted


def test_whoever_has_least_for_its_weight_is_picked() -> None:
    assert picked(weighted, seen("a", 0, share=2.0), seen("b", 1, share=1.5)) == "b"


def test_at_equal_shares_whoever_waited_longest_is_picked() -> None:
    assert picked(weighted, seen("a", 0, turn=9), seen("b", 1, turn=8)) == "b"


def test_who_has_no_weight_is_not_picked_beside_one_that_has() -> None:
    assert picked(weighted, seen("a", 0, weight=0), seen("b", 1, share=99.0)) == "b"


def test_those_without_weight_serve_when_there_is_nobody_else() -> None:
    assert picked(weighted, seen("a", 0, weight=0, turn=2), seen("b", 1, weight=0, turn=1)) == "b"


# -- fill-first


def test_the_first_of_the_configuration_is_filled_whatever_it_has_served() -> None:
    assert picked(fill_first, seen("b", 1), seen("a", 0, load=1e9, turn=50, in_flight=9)) == "a"


# -- quota-aware


def test_whose_window_ends_soonest_with_room_is_picked() -> None:
    late, soon = seen("late", 0, windows=(five_hours(0.2, 4),)), seen("soon", 1, windows=(five_hours(0.2, 1),))
    assert picked(quota_aware, late, soon) == "soon"


def test_of_windows_that_end_together_the_less_used_is_picked() -> None:
    much, little = seen("much", 0, windows=(five_hours(0.6, 2),)), seen("little", 1, windows=(five_hours(0.3, 2),))
    assert picked(quota_aware, much, little) == "little"


def test_a_window_that_ends_in_a_minute_but_is_used_up_is_not_preferred() -> None:
    up, fresh = seen("up", 0, windows=(five_hours(FULL, 0.02),)), seen("fresh", 1, windows=(five_hours(0.9, 4.9),))
    assert picked(quota_aware, up, fresh) == "fresh"


@pytest.mark.parametrize("windows", [(), (Window("5h", 0.99, -1.0, 5 * HOUR),)])
def test_whose_window_has_not_begun_stands_in_the_middle(windows: tuple[Window, ...]) -> None:
    ahead = seen("ahead", 0, windows=(five_hours(0.9, 2.5),))
    behind = seen("behind", 2, windows=(five_hours(0.1, 2.5),))
    new = seen("new", 1, windows=windows)
    assert [picked(quota_aware, ahead, new), picked(quota_aware, new, behind, ahead)] == ["new", "behind"]


def test_who_was_asked_and_has_no_window_comes_after_who_has_one() -> None:
    assert picked(quota_aware, seen("key", 0, turn=1), seen("plan", 1, windows=(five_hours(0.9, 4),))) == "plan"


def test_where_little_is_asked_a_window_that_has_just_begun_is_not_left_for_last() -> None:
    old, new = (
        seen("old", 0, load=1.0, windows=(five_hours(0.1, 1.0),)),
        seen("new", 1, windows=(five_hours(0.0, 5.0),)),
    )
    assert picked(quota_aware, old, new) == "new"


def test_who_has_no_window_goes_before_who_is_used_up() -> None:
    assert picked(quota_aware, seen("up", 0, windows=(five_hours(1.0, 2),)), seen("key", 1)) == "key"


def test_without_windows_whoever_served_least_is_picked() -> None:
    assert picked(quota_aware, seen("a", 0, load=10.0), seen("b", 1, load=9.0)) == "b"


def test_at_the_same_pace_whoever_served_least_is_picked() -> None:
    a = seen("a", 0, load=2.0, windows=(five_hours(0.501, 2.5),))
    b = seen("b", 1, load=1.0, windows=(five_hours(0.502, 2.5),))
    assert picked(quota_aware, a, b) == "b"


def test_with_nothing_to_tell_them_apart_each_has_its_turn() -> None:
    assert picked(quota_aware, seen("a", 0, turn=2), seen("b", 1, turn=1)) == "b"


def test_requests_under_way_count_before_their_answers_come() -> None:
    busy = seen("busy", 0, in_flight=40, windows=(five_hours(0.50, 2.5),))
    idle = seen("idle", 1, windows=(five_hours(0.55, 2.5),))
    assert picked(quota_aware, busy, idle) == "idle"


# -- pace


def test_half_used_at_half_time_is_on_pace() -> None:
    assert pace(seen("a", windows=(five_hours(0.5, 2.5),)), 0.0) == 0.0


def test_the_window_that_is_furthest_ahead_counts() -> None:
    week = Window("7d", 0.9, 3.5 * 24 * HOUR, 7 * 24 * HOUR)
    assert pace(seen("a", windows=(five_hours(0.1, 2.5), week)), 0.0) == pytest.approx(0.4)


def test_a_window_of_a_minute_has_no_pace() -> None:
    assert pace(seen("a", windows=(Window("requests", 0.9, 30.0, 60.0),)), 0.0) is None


def test_a_window_of_unknown_length_is_taken_for_one_of_five_hours() -> None:
    assert pace(seen("a", windows=(Window("w", 0.5, 2.5 * HOUR),)), 0.0) == 0.0


def test_a_window_that_ends_later_than_it_lasts_has_just_begun() -> None:
    assert pace(seen("a", windows=(five_hours(0.25, 50),)), 0.0) == 0.25


def test_each_request_under_way_adds_to_the_pace() -> None:
    assert pace(seen("a", in_flight=3, windows=(five_hours(0.5, 2.5),)), 0.0) == pytest.approx(3 * PACE_OF_ONE_REQUEST)


def test_one_used_up_window_leaves_no_room() -> None:
    assert not has_room(seen("a", windows=(five_hours(0.1, 1), Window("requests", 1.0, 30.0, 60.0))), 0.0)


def test_who_has_no_windows_has_room() -> None:
    assert has_room(seen("a"), 0.0)


def test_a_window_that_is_over_leaves_room() -> None:
    assert has_room(seen("a", windows=(five_hours(1.0, 1),)), HOUR)


# -- all of them

SEEN = st.builds(
    seen,
    st.sampled_from("abcdef"),
    st.integers(0, 9),
    weight=st.integers(0, 5),
    turn=st.integers(0, 9),
    share=st.floats(0, 9),
    load=st.floats(0, 1e9),
    in_flight=st.integers(0, 99),
    windows=st.lists(
        st.builds(Window, st.just("w"), st.floats(0, 1), st.floats(1, 1e7), st.sampled_from([0.0, 60.0, 18000.0]))
    ).map(tuple),
)


@given(name=st.sampled_from(sorted(STRATEGIES)), ready=st.lists(SEEN, min_size=1, max_size=9))
def test_a_strategy_picks_one_of_those_who_are_ready(name: str, ready: list[Seen]) -> None:
    assert STRATEGIES[name](ready, 0.0) in ready
