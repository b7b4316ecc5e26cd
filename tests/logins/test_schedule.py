"""When a login is due, how long trouble waits, and what the heap gives in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logins.login import Login
from cliproxy.logins.schedule import SLACK, Schedule, back_off_seconds, can_be_renewed, due_at
from cliproxy.secret import Secret

LEAD = 300.0
NOW = 10_000.0
TOKEN = Secret("an-access-token")


def login(expired: float | None = None, last_refresh: float | None = None, token: Secret = TOKEN) -> Login:
    return Login("a.json", "claude", access_token=token, expired=expired, last_refresh=last_refresh)


# -- when ----------------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_the_lead_before_its_end() -> None:
    assert due_at(login(expired=NOW + 1000), LEAD, NOW, chance=0) == NOW + 700


def test_chance_brings_it_forward_by_a_tenth_of_the_lead() -> None:
    assert due_at(login(expired=NOW + 1000), LEAD, NOW, chance=1) == NOW + 670


def test_a_token_that_lives_shorter_than_the_lead_is_renewed_at_half_of_its_life() -> None:
    assert due_at(login(expired=NOW + 100, last_refresh=NOW), LEAD, NOW, chance=1) == NOW + 50


def test_an_end_before_the_last_refresh_says_nothing() -> None:
    assert due_at(login(expired=NOW - 50, last_refresh=NOW - 10), LEAD, NOW, chance=0) == NOW + 290


def test_of_an_unknown_end_the_last_refresh_counts() -> None:
    assert due_at(login(last_refresh=NOW - 10), LEAD, NOW, chance=0) == NOW + 290


def test_a_last_refresh_in_the_future_is_taken_for_now() -> None:
    assert due_at(login(last_refresh=NOW + 1e9), LEAD, NOW, chance=0) == NOW + LEAD


def test_of_which_nothing_is_known_is_renewed_now() -> None:
    assert due_at(login(), LEAD, NOW, chance=0) == NOW


def test_without_an_access_token_it_is_renewed_now() -> None:
    assert due_at(login(NOW + 1000, NOW, token=Secret("")), LEAD, NOW, chance=0) == NOW


def test_a_service_account_without_a_token_waits_until_it_is_asked_for() -> None:
    vertex = Login("v.json", "vertex", service_account={"client_email": "me@example.org"})
    assert due_at(vertex, LEAD, NOW, chance=0) is None


@pytest.mark.parametrize(
    ("login", "can"),
    [
        (Login("a.json", "claude", refresh_token=Secret("r")), True),
        (Login("a.json", "vertex", service_account={"a": "b"}), True),
        (Login("a.json", "claude", access_token=TOKEN), False),
    ],
)
def test_a_refresh_token_or_a_key_file_is_needed(login: Login, can: bool) -> None:
    assert can_be_renewed(login) is can


# -- how long trouble waits ----------------------------------------------------------------------------------------


def test_trouble_waits_twice_as_long_each_time_up_to_five_minutes() -> None:
    assert [back_off_seconds(count, None, 0) for count in (1, 2, 3, 4, 5, 6, 10_000)] == [
        30,
        60,
        120,
        240,
        300,
        300,
        300,
    ]


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 5), (42.0, 42), (86400.0, 300)])
def test_what_the_provider_asks_for_counts_within_bounds(asked: float, waited: float) -> None:
    assert back_off_seconds(1, asked, 0) == waited


def test_chance_prolongs_by_a_fifth() -> None:
    assert back_off_seconds(1, None, 1) == pytest.approx(36)


# -- who is next ---------------------------------------------------------------------------------------------------


def test_nobody_is_due_before_the_time() -> None:
    schedule = Schedule()
    schedule.put("a", 5)
    assert (schedule.pop(4.9), schedule.next_due()) == (None, 5)


def test_who_is_due_longest_comes_first_and_once() -> None:
    schedule = Schedule()
    for name, when in (("b", 2), ("a", 1), ("c", 3)):
        schedule.put(name, when)
    assert [schedule.pop(9) for _ in range(4)] == ["a", "b", "c", None]


def test_the_last_time_given_counts() -> None:
    schedule = Schedule()
    schedule.put("a", 1)
    schedule.put("a", 7)
    assert (schedule.pop(6), schedule.pop(7), schedule.pop(99)) == (None, "a", None)


def test_who_is_dropped_is_not_due() -> None:
    schedule = Schedule()
    schedule.put("a", 1)
    schedule.drop("a")
    assert (schedule.pop(9), schedule.next_due(), len(schedule)) == (None, None, 0)


def test_the_heap_stays_small_however_often_a_time_is_moved() -> None:
    schedule = Schedule()
    for when in range(10_000):
        schedule.put("a", when)
    assert schedule.entries <= SLACK + 2


Step = tuple[str, float | None]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.floats(0, 10))), st.floats(0, 10))
def test_it_gives_what_a_sorted_list_would(steps: list[Step], now: float) -> None:
    schedule, plain = Schedule(), dict[str, float]()
    for name, when in steps:
        if when is None:
            schedule.drop(name)
            plain.pop(name, None)
        else:
            schedule.put(name, when)
            plain[name] = when
    expected = [name for _, name in sorted((when, name) for name, when in plain.items() if when <= now)]
    assert [schedule.pop(now) for _ in range(len(expected) + 1)] == [*expected, None]
