from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from cliproxy.routing.catalogue import Terms
from cliproxy.routing.roster import LOOKED_AT, SAMPLE, SLACK, Judged, Roster
from cliproxy.routing.standing import Fate
from tests.support.pooling import candidate, candidates

READY: Judged = Fate.READY, 0.0, 0.0
TRIED: Judged = Fate.TRIED, 0.0, 0.0
FULL: Judged = Fate.FULL, 0.0, float("inf")
PARKED: Judged = Fate.PARKED, 0.0, float("inf")
DUE: Judged = Fate.HALF_OPEN, 0.0, 0.0
PROBED: Judged = Fate.PROBING, 0.0, float("inf")


def cools(due_at: float, back_at: float | None = None) -> Judged:
    return Fate.COOLING, due_at, due_at if back_at is None else back_at


class Fates:
    """What is known of each position, as a pool would tell it: ready, unless it says otherwise. Counts the looks."""

    def __init__(self, fates: dict[int, Judged] | None = None) -> None:
        self.fates = fates or {}
        self.asked = 0

    def __call__(self, position: int) -> Judged:
        self.asked += 1
        return self.fates.get(position, READY)


def roster(*priorities: int) -> Roster:
    """Credentials named by their number, of these priorities."""
    names = candidates(*map(str, range(len(priorities))))
    return Roster(names, [Terms(priority=priority) for priority in priorities])


def of(count: int) -> Roster:
    return roster(*[0] * count)


def ready(of: Roster, fates: Callable[[int], Judged], now: float = 0.0) -> Sequence[int]:
    """Who is ready, as a choice finds it."""
    of.due(fates, now)
    return of.look(fates, spread=False)


# -- positions


def test_the_order_is_that_of_priority_then_of_the_configuration() -> None:
    assert [one.credential for one in roster(1, 2, 1, 2).candidates] == ["1", "3", "0", "2"]


def test_a_candidate_is_found_by_its_model_too() -> None:
    pool = Roster(candidates("a/x", "a/y", "b/x"), [Terms()] * 3)
    assert [pool.find(candidate("a", "y")), pool.find(candidate("b", "y")), pool.find(candidate("c"))] == [
        1,
        None,
        None,
    ]


def test_a_roster_of_nobody_has_nobody() -> None:
    nobody = of(0)
    assert (ready(nobody, Fates()), nobody.first_back(Fates(), 0.0), nobody.anybody_busy(Fates())) == ([], [], False)


# -- looking


def test_only_the_highest_priority_that_has_anybody_is_looked_at() -> None:
    assert ready(roster(2, 2, 1), Fates()) == [0, 1]


@pytest.mark.parametrize("fate", [cools(9.0), FULL, PARKED, PROBED, DUE, TRIED])
def test_without_anybody_ready_the_next_priority_is_looked_at(fate: Judged) -> None:
    assert ready(roster(2, 2, 1), Fates({0: fate, 1: fate})) == [2]


def test_who_was_tried_by_one_request_is_ready_for_the_next() -> None:
    some = of(2)
    ready(some, Fates({0: TRIED}))
    assert ready(some, Fates()) == [0, 1]


def test_a_short_list_is_seen_whole() -> None:
    assert len(of(LOOKED_AT).look(Fates(), spread=True)) == LOOKED_AT


def test_of_a_long_list_a_sample_is_seen() -> None:
    assert of(LOOKED_AT + 1).look(Fates(), spread=True) == list(range(SAMPLE))


@pytest.mark.parametrize("count", [33, 48, 64, 100])
def test_of_a_long_list_everybody_is_seen_after_some_picks(count: int) -> None:
    many, seen = of(count), set[int]()
    for _ in range(count):
        looked = many.look(Fates(), spread=True)
        seen.update(looked)
        many.count(looked[0], picked=True)
    assert seen == set(range(count))


def test_requests_that_were_not_picked_shift_what_is_seen_was_wrong() -> None:
    many, seen = of(2 * LOOKED_AT), set[int]()
    for _ in range(2 * LOOKED_AT):
        looked = many.look(Fates(), spread=True)
        seen.update(looked)
        many.count(looked[0], picked=True)
        for _ in range(2 * LOOKED_AT // SAMPLE - 1):
            many.count(0, picked=False)  # conversations that stay where they are
    assert seen == set(range(2 * LOOKED_AT))


def test_without_spread_a_long_list_is_seen_from_its_beginning() -> None:
    many = of(100)
    many.count(0, picked=True)
    assert many.look(Fates(), spread=False) == list(range(SAMPLE))


def test_whoever_cools_costs_one_look_alone() -> None:
    many, fates = of(1000), Fates(dict.fromkeys(range(999), cools(9.0)))
    ready(many, fates)
    fates.asked = 0
    assert (ready(many, fates), fates.asked) == ([999], 1)


# -- due


def test_whose_time_has_come_is_due() -> None:
    some = of(2)
    ready(some, Fates({0: cools(9.0)}))
    assert some.due(Fates({0: DUE}), 9.0) == [0]


def test_before_its_time_nobody_is_due() -> None:
    some = of(2)
    ready(some, Fates({0: cools(9.0)}))
    assert some.due(Fates({0: DUE}), 8.9) == []


def test_who_is_well_when_it_wakes_is_ready() -> None:
    some = of(2)
    ready(some, Fates({0: cools(9.0)}))
    assert ready(some, Fates(), 9.0) == [0, 1]


def test_who_cools_anew_when_it_wakes_sleeps_on() -> None:
    some = of(2)
    ready(some, Fates({0: cools(9.0)}))
    assert (some.due(Fates({0: cools(20.0)}), 9.0), some.due(Fates({0: DUE}), 20.0)) == ([], [0])


def test_due_are_those_of_the_highest_priority_first() -> None:
    some, fates = roster(1, 2), Fates({0: cools(1.0), 1: cools(2.0)})
    ready(some, fates)
    assert [some.candidates[place].credential for place in some.due(Fates({0: DUE, 1: DUE}), 2.0)] == ["1", "0"]


@pytest.mark.parametrize("fate", [PROBED, FULL, TRIED, cools(99.0)])
def test_many_who_cannot_be_tried_hide_one_who_can_was_wrong(fate: Judged) -> None:
    many = of(4 * SAMPLE)
    ready(many, Fates(dict.fromkeys(range(4 * SAMPLE), cools(1.0))))
    fates = dict.fromkeys(range(4 * SAMPLE), fate) | {4 * SAMPLE - 1: DUE}
    assert many.due(Fates(fates), 1.0) == [4 * SAMPLE - 1]


def test_a_clock_that_was_set_back_wakes_everybody() -> None:
    some = of(2)
    ready(some, Fates({0: cools(1009.0)}), 1000.0)
    assert some.due(Fates({0: DUE}), 10.0) == [0]


# -- nobody ready


def test_the_first_to_be_back_is_known() -> None:
    some, fates = of(3), Fates({0: cools(30.0), 1: cools(10.0), 2: cools(20.0)})
    ready(some, fates)
    assert some.first_back(fates, 5.0) == [(10.0, 1)]


def test_who_may_be_asked_before_it_is_due_is_the_first_to_be_back() -> None:
    some, fates = of(2), Fates({0: cools(30.0), 1: cools(60.0, back_at=2.0)})
    ready(some, fates)
    assert some.first_back(fates, 1.0) == [(2.0, 1)]


def test_of_those_who_may_be_asked_now_all_are_told_and_the_next() -> None:
    some, fates = of(3), Fates({0: cools(60.0, 3.0), 1: cools(60.0, 2.0), 2: cools(60.0, 9.0)})
    ready(some, fates)
    assert some.first_back(fates, 5.0) == [(2.0, 1), (3.0, 0), (9.0, 2)]


def test_to_be_told_who_is_back_first_changes_nothing() -> None:
    some, fates = of(3), Fates({0: cools(60.0, 3.0), 1: cools(60.0, 2.0), 2: cools(60.0, 9.0)})
    ready(some, fates)
    assert some.first_back(fates, 5.0) == some.first_back(fates, 5.0)


def test_who_was_tried_is_not_waited_for() -> None:
    some, fates = of(2), Fates({0: cools(10.0), 1: cools(20.0)})
    ready(some, fates)
    assert some.first_back(Fates({0: TRIED, 1: cools(20.0)}), 5.0) == [(20.0, 1)]


def test_who_was_tried_is_waited_for_by_the_next_request() -> None:
    some, fates = of(2), Fates({0: cools(10.0), 1: cools(20.0)})
    ready(some, fates)
    some.first_back(Fates({0: TRIED, 1: cools(20.0)}), 5.0)
    assert some.first_back(fates, 5.0) == [(10.0, 0)]


def test_a_cooldown_that_has_become_longer_is_noticed() -> None:
    some = of(2)
    ready(some, Fates({0: cools(10.0), 1: cools(20.0)}))
    assert some.first_back(Fates({0: cools(30.0), 1: cools(20.0)}), 5.0) == [(20.0, 1)]


def test_who_is_tried_for_passing_trouble_may_be_asked_beside() -> None:
    some, probed = of(1), Fates({0: (Fate.PROBING, 4.0, 4.0)})
    ready(some, probed)
    assert some.first_back(probed, 5.0) == [(4.0, 0)]


@pytest.mark.parametrize(("fate", "busy"), [(FULL, True), (PROBED, True), (PARKED, False), (cools(9.0), False)])
def test_somebody_is_busy_or_not(fate: Judged, busy: bool) -> None:
    some, fates = of(1), Fates({0: fate})
    ready(some, fates)
    assert some.anybody_busy(fates) is busy


def test_who_is_full_but_was_tried_is_not_waited_for() -> None:
    some = of(1)
    ready(some, Fates({0: FULL}))
    assert not some.anybody_busy(Fates({0: TRIED}))


# -- changes


@pytest.mark.parametrize("fate", [cools(99.0), FULL, PARKED, PROBED, DUE])
def test_the_revived_are_looked_at_again(fate: Judged) -> None:
    some = of(2)
    ready(some, Fates({0: fate}))
    some.revive(candidate("0").credential)
    assert ready(some, Fates()) == [0, 1]


@pytest.mark.parametrize("fate", [cools(99.0), FULL, PARKED, PROBED, DUE])
def test_the_revived_are_in_no_two_places(fate: Judged) -> None:
    some = of(2)
    ready(some, Fates({0: fate}))
    some.revive(candidate("0").credential)
    assert list(some.unready()) == []


@pytest.mark.parametrize("fate", [FULL, PROBED])
def test_who_was_busy_is_looked_at_when_a_request_ends(fate: Judged) -> None:
    some = of(2)
    ready(some, Fates({0: fate}))
    some.free(candidate("0").credential)
    assert ready(some, Fates()) == [0, 1]


def test_an_old_alarm_wakes_nobody_who_sleeps_longer() -> None:
    some = of(1)
    ready(some, Fates({0: cools(10.0)}))
    some.revive(candidate("0").credential)
    ready(some, Fates({0: cools(50.0)}))
    fates = Fates({0: cools(50.0)})
    some.due(fates, 20.0)
    assert fates.asked == 0


def test_alarms_that_are_over_do_not_pile_up() -> None:
    some = of(1)
    for turn in range(10 * SLACK):
        ready(some, Fates({0: cools(1000.0 + turn)}))
        some.revive(candidate("0").credential)
    ready(some, Fates({0: cools(9.0)}))
    assert max(len(some._wakings), len(some._returns)) <= SLACK + 3
