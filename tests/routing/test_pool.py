from __future__ import annotations

import pytest

from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.pool import MAX_REMEMBERED, Pool, Standing, Wait
from cliproxy.routing.verdicts import NO_ANSWER

CAP = 600.0
A, B, C = (Candidate(CredentialId(name), ModelName("m")) for name in "abc")


@pytest.fixture
def pool() -> Pool:
    return Pool(CAP)


# -- choosing


def test_turns_of_a_name_are_counted_from_zero(pool: Pool) -> None:
    assert [pool.turn("m"), pool.turn("m"), pool.turn("n"), pool.turn("m")] == [0, 1, 0, 2]


def test_each_in_turn(pool: Pool) -> None:
    assert [pool.choose([A, B, C], pool.turn("m"), 0) for _ in range(4)] == [A, B, C, A]


def test_whoever_cools_is_left_out(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    assert {pool.choose([A, B, C], turn, 0.5) for turn in range(6)} == {B, C}


def test_a_cooldown_ends_on_its_moment(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    assert pool.choose([A], 0, 0.75) == Wait(0.25, 500)
    assert pool.choose([A], 0, 1.0) == A


def test_whoever_was_tried_is_not_asked_again(pool: Pool) -> None:
    assert pool.choose([A, B], 0, 0, tried=[A]) == B


def test_when_all_were_tried_there_is_nobody(pool: Pool) -> None:
    assert pool.choose([A, B], 0, 0, tried=[B, A]) is None
    assert pool.choose([], 0, 0) is None


def test_when_all_cool_the_wait_is_for_the_nearest_and_with_its_status(pool: Pool) -> None:
    pool.failed(A, 401, now=0)
    pool.failed(B, 429, now=0, hint=7)
    assert pool.choose([A, B], 0, 2) == Wait(5, 429)


def test_the_wait_is_for_those_who_were_not_tried(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    pool.failed(B, 401, now=0)
    assert pool.choose([A, B], 0, 0, tried=[A]) == Wait(60, 401)


def test_choosing_changes_nothing(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    before = pool.standing(A)
    pool.choose([A, B], 0, 0)
    assert (pool.standing(A), pool.standing(B)) == (before, Standing())


# -- reports


def test_trouble_in_a_row_cools_for_longer_each_time(pool: Pool) -> None:
    now, cooldowns = 0.0, []
    for _ in range(8):
        cooldowns.append(pool.failed(A, 500, now))
        now += cooldowns[-1]
    assert cooldowns == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_burst_in_flight_is_many_failures_in_a_row_was_wrong(pool: Pool) -> None:
    assert [pool.failed(A, 429, now=5) for _ in range(20)] == [1.0] * 20
    assert pool.standing(A) == Standing(cools_until=6, failures=1, status=429, since=5)


def test_a_success_starts_the_row_anew(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    pool.failed(A, 500, now=1)
    pool.served(A, asked_at=2)
    assert pool.failed(A, 500, now=3) == 1


def test_a_success_of_a_request_sent_before_the_failure_ends_the_cooldown_was_wrong(pool: Pool) -> None:
    pool.failed(A, 429, now=10, hint=60)
    pool.served(A, asked_at=9)
    assert pool.choose([A], 0, 11) == Wait(59, 429)


def test_a_success_of_one_says_nothing_of_another(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    pool.served(B, asked_at=1)
    assert pool.standing(A).failures == 1


def test_standings_are_of_a_credential_and_a_model(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    assert pool.standing(Candidate(A.credential, ModelName("other"))) == Standing()


def test_a_hint_counts_instead_of_the_ladder(pool: Pool) -> None:
    assert pool.failed(A, 429, now=0, hint=30) == 30
    assert pool.failed(B, 401, now=0, hint=90) == 90


@pytest.mark.parametrize("hint", [CAP + 1, 1e12, 1e300])
def test_no_hint_goes_beyond_the_cap(pool: Pool, hint: float) -> None:
    assert pool.failed(A, 429, now=100, hint=hint) == CAP


def test_no_ladder_goes_beyond_the_cap() -> None:
    assert Pool(max_cooldown_seconds=10).failed(A, 401, now=0) == 10


def test_a_late_answer_never_shortens_a_cooldown(pool: Pool) -> None:
    pool.failed(A, 429, now=0, hint=100)
    assert pool.failed(A, 500, now=1) == 99
    assert pool.failed(A, 429, now=2, hint=0) == 98


def test_a_hint_of_zero_is_no_shorter_than_the_first_step(pool: Pool) -> None:
    assert pool.failed(A, 429, now=0, hint=0) == 1


@pytest.mark.parametrize("status", [200, 400, 404, 413, 422])
def test_what_is_no_trouble_changes_nothing(pool: Pool, status: int) -> None:
    pool.failed(A, 500, now=0)
    before = pool.standing(A)
    assert pool.failed(A, status, now=0, hint=99) == 0
    assert pool.standing(A) == before


def test_no_answer_at_all_is_trouble(pool: Pool) -> None:
    assert pool.failed(A, NO_ANSWER, now=0) == 1


# -- what is remembered


def test_a_reload_keeps_the_standings_of_those_who_stay(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    pool.failed(B, 500, now=0)
    kept = pool.standing(A)
    pool.keep_only(["a", "c"])
    assert (pool.standing(A), pool.standing(B)) == (kept, Standing())


def test_names_that_clients_make_up_are_forgotten_the_oldest_first(pool: Pool) -> None:
    made_up = [Candidate(CredentialId("a"), ModelName(f"m{i}")) for i in range(MAX_REMEMBERED + 1)]
    for candidate in made_up:
        pool.failed(candidate, 500, now=0)
        pool.turn(candidate.model)
    assert pool.standing(made_up[0]) == Standing()
    assert pool.standing(made_up[1]).failures == 1
    assert (len(pool._standings._entries), len(pool._turns._entries)) == (MAX_REMEMBERED, MAX_REMEMBERED)


def test_a_name_that_is_in_use_is_not_the_oldest(pool: Pool) -> None:
    for i in range(3 * MAX_REMEMBERED):
        pool.turn(f"m{i}")
        if i % 1000 == 0:
            pool.turn("in use")
    assert pool.turn("in use") == 13


def test_a_success_leaves_nothing_to_remember(pool: Pool) -> None:
    pool.failed(A, 500, now=0)
    pool.served(A, asked_at=1)
    assert len(pool._standings._entries) == 0
