from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.usage import Usage
from cliproxy.quota import Window
from cliproxy.routing import ledger as ledger_module
from cliproxy.routing import pool as pool_module
from cliproxy.routing.affinity import LEAST_IMBALANCE, WARM_SECONDS
from cliproxy.routing.catalogue import Candidate, CredentialId, Terms
from cliproxy.routing.ledger import LOAD_HALF_LIFE, MAX_WINDOWS
from cliproxy.routing.memory import Saved
from cliproxy.routing.pool import Grant, Policy, Pool, Wait, Wanted
from cliproxy.routing.verdicts import (
    FORBIDDEN,
    NO_SUCH_MODEL,
    RATE_LIMITED,
    TOO_LARGE,
    TRANSIENT,
    UNAUTHORIZED,
    UNPAID,
    Verdict,
)
from tests.support.pooling import candidate, candidates, fails, granted, in_turn, taken, wanting

MONTH = 30 * 86_400.0
HOUR = 3600.0
A = wanting("a")
AB = wanting("a", "b")
ABC = wanting("a", "b", "c")
TALK = wanting("a", "b", session=b"talk")


@pytest.fixture
def pool() -> Pool:
    return in_turn()


def wait(pool: Pool, wanted: Wanted, now: float) -> Wait:
    """Nobody is ready."""
    choice = pool.choose(wanted, now)
    assert isinstance(choice, Wait), choice
    return choice


def knows(pool: Pool, *credentials: str, terms: Terms | None = None) -> None:
    """A reload, after which these are left."""
    pool.configure(pool.policy, lambda _: terms or Terms(), credentials)


def restarted(pool: Pool, now: float, terms: Terms | None = None) -> Pool:
    """Another process, that knows what this one knew."""
    changes = pool.take_changes()
    saved = Saved(
        tuple(row for row in changes.standings.values() if row is not None),
        tuple(row for row in changes.windows.values() if row is not None),
        tuple(row for row in changes.bindings.values() if row is not None),
    )
    another = Pool(pool.policy, lambda _: terms or Terms())
    another.restore(saved, now)
    return another


# -- strategies


def test_each_in_turn(pool: Pool) -> None:
    assert [taken(pool, ABC, 0.0) for _ in range(4)] == ["a", "b", "c", "a"]


def test_names_have_turns_of_their_own(pool: Pool) -> None:
    assert [taken(pool, AB, 0.0), taken(pool, wanting("a", "b", name="other"), 0.0)] == ["a", "a"]


def test_fill_first_follows_the_configuration() -> None:
    pool = Pool(Policy("fill-first"))
    assert [taken(pool, wanting("b", "a"), 0.0) for _ in range(3)] == ["b"] * 3


def test_fill_first_comes_back_to_the_first() -> None:
    pool = Pool(Policy("fill-first"))
    fails(pool, AB, 0.0, hint=10.0)
    assert [taken(pool, AB, 5.0), taken(pool, AB, 10.0), taken(pool, AB, 10.0)] == ["b", "a", "a"]


@pytest.mark.parametrize("weights", [(1, 1, 1), (5, 3, 2), (7, 2, 1)])
def test_a_thousand_requests_are_shared_out_by_weight(weights: tuple[int, ...]) -> None:
    terms = {name: Terms(weight=weight) for name, weight in zip("abc", weights, strict=True)}
    pool = Pool(Policy("weighted-round-robin"), terms.__getitem__)
    counts = Counter(taken(pool, ABC, 0.0) for _ in range(1000))
    assert all(abs(counts[name] - 1000 * terms[name].weight / sum(weights)) <= 1 for name in "abc"), counts


def test_who_has_no_weight_serves_only_alone() -> None:
    pool = Pool(Policy("weighted-round-robin"), lambda credential: Terms(weight=int(credential == "b")))
    assert [taken(pool, AB, 0.0), taken(pool, AB, 0.0, [candidate("b")])] == ["b", "a"]


def test_who_comes_back_does_not_catch_up() -> None:
    pool = Pool(Policy("weighted-round-robin"))
    fails(pool, AB, 0.0, hint=500.0)
    for _ in range(100):
        taken(pool, AB, 1.0)
    taken(pool, AB, 500.0)  # the probe
    assert Counter(taken(pool, AB, 500.0) for _ in range(10)) == {"a": 5, "b": 5}


def test_quota_aware_spreads_what_has_no_windows_by_load() -> None:
    pool = Pool()
    first = taken(pool, wanting("a", "b", tokens=1000), 0.0)
    assert [first, taken(pool, wanting("a", "b", tokens=10), 0.0), taken(pool, AB, 0.0)] == ["a", "b", "b"]


def test_quota_aware_goes_by_the_windows_that_were_told() -> None:
    pool = Pool()
    pool.told(candidate("a"), [Window("5h", 0.9, 4 * HOUR, 5 * HOUR)], 0.0)
    pool.told(candidate("b"), [Window("5h", 0.1, 4 * HOUR, 5 * HOUR)], 0.0)
    assert taken(pool, AB, 0.0) == "b"


def test_a_window_of_another_model_says_nothing() -> None:
    pool = Pool()
    pool.told(candidate("a"), [Window("7d", 1.0, 4 * HOUR, 5 * HOUR, "opus*")], 0.0)
    assert taken(pool, AB, 0.0) == "a"


def test_a_used_up_window_makes_light_of_a_refusal_was_wrong(pool: Pool) -> None:
    fails(pool, A, 0.0, UNAUTHORIZED, status=401)
    pool.told(candidate("a"), [Window("5h", 1.0, 10.0)], 0.0)
    assert wait(pool, A, 20.0) == Wait(520.0, 401)


def test_while_others_are_well_a_used_up_one_is_tried_now_and_then(pool: Pool) -> None:
    pool.told(candidate("a"), [Window("7d", 1.0, MONTH)], 0.0)
    assert [taken(pool, AB, 1.0), taken(pool, AB, 539.0), taken(pool, AB, 540.0)] == ["b", "b", "a"]


def test_a_used_up_one_is_asked_when_there_is_nobody_else(pool: Pool) -> None:
    pool.told(candidate("a"), [Window("7d", 1.0, MONTH)], 0.0)
    assert taken(pool, A, 1.0) == "a"


def test_a_full_one_that_turns_out_used_up_is_waited_for() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    slow = granted(pool, A, 0.0)
    wait(pool, A, 0.0)
    pool.told(candidate("a"), [Window("7d", 1.0, MONTH)], 0.0)
    pool.release(slow, 0.0)
    assert wait(pool, A, 0.0) == Wait(1.0, 429)


def test_a_probe_that_turns_out_used_up_is_waited_for(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=10.0)
    probe = granted(pool, A, 10.0)
    wait(pool, A, 10.0)
    pool.told(candidate("a"), [Window("7d", 1.0, MONTH)], 11.0)
    assert wait(pool, A, 11.0) == Wait(540.0, 429)
    pool.served(probe, 11.0)
    assert wait(pool, A, 11.0) == Wait(1.0, 429)


def test_a_window_that_is_over_says_nothing() -> None:
    pool = Pool()
    pool.told(candidate("a"), [Window("5h", 1.0, 10.0, 5 * HOUR)], 0.0)
    assert taken(pool, AB, 10.0) == "a"


def test_what_was_served_is_forgotten_by_halves(pool: Pool) -> None:
    taken(pool, wanting("a", tokens=1000), 0.0)
    assert pool.ledger.credential(CredentialId("a")).load_now(LOAD_HALF_LIFE) == pytest.approx(500.0)


def test_the_load_is_what_the_answer_told() -> None:
    pool = Pool()
    grant = granted(pool, wanting("a", tokens=1000), 0.0)
    pool.release(grant, 0.0, Usage(input=100, output=10))
    assert pool.ledger.credential(CredentialId("a")).load_now(0.0) == pytest.approx(150.0)


# -- who was tried


def test_whoever_was_tried_is_not_asked_again(pool: Pool) -> None:
    assert taken(pool, AB, 0.0, [candidate("a")]) == "b"


def test_when_all_were_tried_there_is_nobody(pool: Pool) -> None:
    assert pool.choose(AB, 0.0, candidates("a", "b")) is None


def test_of_nobody_nobody_is_chosen(pool: Pool) -> None:
    assert (pool.choose(wanting(), 0.0), pool.seconds_until_ready(wanting(), 0.0)) == (None, None)


def test_another_model_of_one_that_was_tried_is_asked(pool: Pool) -> None:
    assert granted(pool, wanting("a/x", "a/y"), 0.0, [candidate("a", "x")]).candidate == candidate("a", "y")


def test_the_wait_is_for_those_who_were_not_tried(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=5.0)
    fails(pool, AB, 0.0, hint=30.0)
    assert pool.choose(AB, 0.0, [candidate("a")]) == Wait(30.0, 429)


# -- priority


def test_a_lower_priority_serves_while_the_higher_cools() -> None:
    pool = in_turn(a=Terms(priority=1))
    fails(pool, AB, 0.0, hint=10.0)
    assert [taken(pool, AB, 5.0), taken(pool, AB, 10.0), taken(pool, AB, 10.0)] == ["b", "a", "a"]


def test_a_lower_priority_is_not_probed_while_a_higher_one_is_ready() -> None:
    pool = in_turn(a=Terms(priority=1))
    fails(pool, wanting("b", name="other"), 0.0, hint=30.0)
    pool.choose(AB, 0.0, candidates("a"))  # that b cools is known to the list
    assert [taken(pool, AB, 5000.0) for _ in range(3)] == ["a"] * 3


def test_a_warm_conversation_does_not_go_back_to_the_higher_priority() -> None:
    pool = in_turn(a=Terms(priority=1))
    fails(pool, AB, 0.0, hint=10.0)
    taken(pool, TALK, 1.0)
    taken(pool, AB, 10.0)
    assert taken(pool, TALK, 11.0) == "b"


def test_a_cold_conversation_goes_back_to_the_higher_priority() -> None:
    pool = in_turn(a=Terms(priority=1))
    fails(pool, AB, 0.0, hint=10.0)
    taken(pool, TALK, 1.0)
    taken(pool, AB, 10.0)
    assert taken(pool, TALK, 1.0 + WARM_SECONDS + 1) == "a"


# -- conversations


def test_a_conversation_stays(pool: Pool) -> None:
    assert {taken(pool, TALK, float(now)) for now in range(10)} == {"a"}


def test_conversations_are_spread(pool: Pool) -> None:
    assert [taken(pool, wanting("a", "b", session=b"%d" % number), 0.0) for number in range(4)] == ["a", "b", "a", "b"]


def test_a_conversation_stays_nowhere_for_longer_than_its_time(pool: Pool) -> None:
    taken(pool, TALK, 0.0)
    assert taken(pool, TALK, 3601.0) == "b"


def test_without_affinity_a_conversation_goes_round() -> None:
    pool = Pool(Policy("round-robin", affinity_seconds=0.0))
    assert [taken(pool, TALK, float(now)) for now in range(3)] == ["a", "b", "a"]


def test_a_conversation_moves_when_its_account_cools(pool: Pool) -> None:
    taken(pool, TALK, 0.0)
    fails(pool, TALK, 1.0, hint=100.0)
    assert [taken(pool, TALK, 2.0), taken(pool, TALK, 3.0), pool.affinity.moves] == ["b", "b", 1]


def test_what_a_move_costs_is_counted(pool: Pool) -> None:
    grant = granted(pool, TALK, 0.0)
    pool.served(grant, 0.0)
    pool.release(grant, 0.0, Usage(cache_read=3000, cache_write_5m=400))
    fails(pool, TALK, 1.0, hint=100.0)
    taken(pool, TALK, 2.0)
    taken(pool, TALK, 3.0)
    assert pool.affinity.cached_tokens_lost == 3400


def test_a_conversation_moves_when_its_account_is_full() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    granted(pool, TALK, 0.0)
    assert granted(pool, TALK, 0.0).candidate.credential == "b"


def test_a_conversation_moves_when_its_account_is_nearly_used_up() -> None:
    pool = Pool()
    taken(pool, TALK, 0.0)
    pool.told(candidate("a"), [Window("5h", 0.98, HOUR, 5 * HOUR)], 0.0)
    assert taken(pool, TALK, 1.0) == "b"


def test_a_conversation_moves_when_others_have_much_less_to_do() -> None:
    pool = Pool()
    taken(pool, TALK, 0.0)
    pool.ledger.credential(CredentialId("a")).add_load(LEAST_IMBALANCE + 1, 0.0)
    assert taken(pool, TALK, 0.0) == "b"


def test_a_conversation_does_not_move_for_a_little_less_to_do() -> None:
    pool = Pool()
    taken(pool, TALK, 0.0)
    pool.ledger.credential(CredentialId("a")).add_load(LEAST_IMBALANCE - 1, 0.0)
    assert taken(pool, TALK, 0.0) == "a"


def test_fill_first_moves_no_conversation_that_is_well() -> None:
    pool = Pool(Policy("fill-first"))
    fails(pool, AB, 0.0, hint=5.0)
    taken(pool, TALK, 0.0)
    taken(pool, AB, 5.0)
    assert taken(pool, TALK, 6.0) == "b"


def test_who_is_to_serve_more_has_too_much_to_do_was_wrong() -> None:
    pool = Pool(Policy("weighted-round-robin"), lambda credential: Terms(weight=9 if credential == "a" else 1))
    taken(pool, TALK, 0.0)
    pool.ledger.credential(CredentialId("a")).add_load(9e6, 0.0)
    pool.ledger.credential(CredentialId("b")).add_load(1e6, 0.0)
    assert {taken(pool, TALK, 0.0) for _ in range(3)} == {"a"}


def test_a_binding_to_one_that_no_longer_serves_the_model_holds_nobody_up(pool: Pool) -> None:
    taken(pool, TALK, 0.0)
    assert taken(pool, Wanted("model", candidates("b", "c"), session=b"talk"), 1.0) == "b"


def test_token_counts_bind_no_conversation(pool: Pool) -> None:
    taken(pool, wanting("a", "b", session=b"talk", proves=False), 0.0)
    assert len(pool.affinity) == 0


def test_of_two_accounts_that_were_asked_at_once_the_first_to_answer_has_the_conversation(pool: Pool) -> None:
    first = granted(pool, TALK, 0.0)
    second = granted(pool, TALK, 1.0, [first.candidate])
    pool.served(first, 2.0)
    pool.release(first, 2.0)
    pool.release(second, 2.0)
    assert taken(pool, TALK, 3.0) == "a"


# -- the table of verdicts


@pytest.mark.parametrize("verdict", [UNAUTHORIZED, UNPAID])
def test_what_speaks_of_the_account_cools_all_of_its_models(pool: Pool, verdict: Verdict) -> None:
    fails(pool, wanting("a/x"), 0.0, verdict)
    assert wait(pool, wanting("a/y", name="other"), 0.0) == Wait(540.0, 429)


@pytest.mark.parametrize("verdict", [RATE_LIMITED, FORBIDDEN, NO_SUCH_MODEL, TRANSIENT])
def test_what_speaks_of_a_model_leaves_the_others(pool: Pool, verdict: Verdict) -> None:
    fails(pool, wanting("a/x"), 0.0, verdict)
    assert taken(pool, wanting("a/y", name="other"), 0.0) == "a"


def test_what_speaks_of_a_model_leaves_the_other_accounts(pool: Pool) -> None:
    fails(pool, AB, 0.0, NO_SUCH_MODEL, status=404)
    assert [taken(pool, AB, 1.0) for _ in range(2)] == ["b", "b"]


def test_a_model_is_known_by_its_own_name_under_any_alias(pool: Pool) -> None:
    fails(pool, A, 0.0, NO_SUCH_MODEL, status=404)
    assert isinstance(pool.choose(wanting("a", name="alias"), 1.0), Wait)


def test_a_limit_of_all_models_cools_all_of_them(pool: Pool) -> None:
    fails(pool, wanting("a/x"), 0.0, hint=100.0, whole=True)
    assert wait(pool, wanting("a/y", name="other"), 0.0) == Wait(100.0, 429)


def test_limits_in_a_row_cool_for_longer_each_time(pool: Pool) -> None:
    now, cooldowns = 0.0, []
    for _ in range(11):
        cooldowns.append(fails(pool, A, now))
        now += cooldowns[-1]
    assert cooldowns == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]


def test_a_success_begins_the_row_anew(pool: Pool) -> None:
    fails(pool, A, 0.0)
    fails(pool, A, 1.0)
    taken(pool, A, 3.0)
    assert fails(pool, A, 4.0) == 1.0


def test_a_burst_under_way_is_many_failures_in_a_row_was_wrong(pool: Pool) -> None:
    grants = [granted(pool, A, 0.0) for _ in range(20)]
    assert {pool.failed(grant, RATE_LIMITED, 5.0, status=429) for grant in grants} == {1.0}


def test_a_hint_counts_instead_of_the_ladder(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=30.0)
    assert wait(pool, A, 0.0) == Wait(30.0, 429)


def test_a_hint_of_nothing_is_a_second(pool: Pool) -> None:
    assert fails(pool, A, 0.0, hint=0.0) == 1.0


def test_a_hint_says_nothing_of_a_key_that_is_refused(pool: Pool) -> None:
    assert fails(pool, A, 0.0, UNAUTHORIZED, hint=1.0) == 600.0


@pytest.mark.parametrize("hint", [601.0, MONTH, 1e300])
def test_no_hint_goes_beyond_the_cap(pool: Pool, hint: float) -> None:
    assert fails(pool, A, 0.0, hint=hint) == 600.0


def test_what_is_too_large_for_one_costs_nothing(pool: Pool) -> None:
    assert (fails(pool, A, 0.0, TOO_LARGE), taken(pool, A, 0.0)) == (0.0, "a")


def test_a_request_without_a_verdict_changes_nothing(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=10.0)
    before = list(pool.ledger.held())
    grant = granted(pool, wanting("a/other", name="other"), 0.0)
    pool.release(grant, 1.0)
    assert list(pool.ledger.held()) == before


# -- passing trouble


def test_with_passing_trouble_others_go_first(pool: Pool) -> None:
    fails(pool, AB, 0.0, TRANSIENT, status=529)
    assert [taken(pool, AB, 59.0) for _ in range(3)] == ["b"] * 3


def test_the_only_one_is_asked_again_after_1_2_and_4_seconds(pool: Pool) -> None:
    now, waits = 0.0, []
    for _ in range(3):
        fails(pool, A, now, TRANSIENT, status=529)
        waits.append(wait(pool, A, now))
        now += waits[-1].seconds or 0.0
    assert waits == [Wait(1.0, 529), Wait(2.0, 529), Wait(4.0, 529)]


def test_when_the_others_were_tried_passing_trouble_is_met_again(pool: Pool) -> None:
    fails(pool, AB, 0.0, TRANSIENT, status=500)
    assert granted(pool, AB, 1.0, [candidate("b")]).candidate.credential == "a"


def test_one_slow_request_after_passing_trouble_keeps_all_others_out_was_wrong(pool: Pool) -> None:
    fails(pool, A, 0.0, TRANSIENT, status=500)
    granted(pool, A, 1.0)
    assert [granted(pool, A, now).candidate.credential for now in (1.0, 59.0, 61.0, 999.0)] == ["a"] * 4


def test_passing_trouble_is_met_again_at_the_highest_priority() -> None:
    pool = in_turn(b=Terms(priority=1))
    fails(pool, A, 0.0, TRANSIENT)
    fails(pool, AB, 1.0, TRANSIENT)
    assert taken(pool, AB, 9.0) == "b"


def test_passing_trouble_asks_one_that_is_full_was_wrong() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    slow = granted(pool, A, 0.0)
    pool.failed(slow, TRANSIENT, 0.0, status=500)
    assert wait(pool, A, 5.0) == Wait(None, 0, full=True)


def test_one_that_was_full_is_asked_after_passing_trouble() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    slow = granted(pool, A, 0.0)
    pool.failed(slow, TRANSIENT, 0.0, status=500)
    wait(pool, A, 5.0)
    pool.release(slow, 6.0)
    assert taken(pool, A, 6.0) == "a"


def test_an_answer_to_the_last_resort_that_names_an_earlier_time_counts(pool: Pool) -> None:
    fails(pool, AB, 0.0, TRANSIENT)
    fails(pool, AB, 0.0, TRANSIENT)
    fails(pool, wanting("a", "b"), 1.0, hint=2.0)
    assert granted(pool, AB, 3.0, [candidate("b")]).candidate.credential == "a"


def test_the_configuration_shortens_passing_trouble() -> None:
    pool = Pool(Policy("round-robin", transient_seconds=5.0))
    assert fails(pool, A, 0.0, TRANSIENT) == 5.0


def test_the_configuration_lets_passing_trouble_pass() -> None:
    pool = Pool(Policy("round-robin", transient_seconds=0.0))
    assert (fails(pool, A, 0.0, TRANSIENT), taken(pool, A, 0.0)) == (0.0, "a")


# -- the cap, and the probe


def test_a_hint_of_a_month_keeps_everybody_away_for_540_seconds(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    assert wait(pool, A, 539.0) == Wait(1.0, 429)


def test_from_540_seconds_on_a_request_that_stands_alone_is_the_probe(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    assert granted(pool, AB, 540.0).candidate.credential == "a"


@pytest.mark.parametrize(("now", "credential"), [(599.0, "b"), (600.0, "a")])
def test_a_warm_conversation_is_the_probe_from_600_seconds_on(pool: Pool, now: float, credential: str) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    taken(pool, TALK, 500.0)
    assert taken(pool, TALK, now) == credential


def test_a_cold_conversation_is_the_probe_from_540_seconds_on(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    taken(pool, TALK, 550.0 - WARM_SECONDS - 1)
    assert taken(pool, TALK, 550.0) == "a"


def test_a_probe_does_not_move_a_conversation(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    taken(pool, TALK, 500.0)
    taken(pool, TALK, 600.0)
    assert [taken(pool, TALK, 601.0), pool.affinity.moves] == ["b", 0]


def test_while_one_probes_nobody_else_does(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    granted(pool, AB, 600.0)
    assert [taken(pool, AB, 600.0) for _ in range(3)] == ["b"] * 3


def test_while_one_probes_the_only_account_others_wait_for_its_end(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    granted(pool, A, 600.0)
    assert wait(pool, A, 9999.0) == Wait(None, 0, full=True)


def test_a_probe_that_is_refused_keeps_everybody_away_again(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    fails(pool, A, 600.0, hint=MONTH)
    assert wait(pool, A, 600.0) == Wait(540.0, 429)


def test_a_probe_that_goes_well_clears_the_account(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    grant = granted(pool, A, 600.0)
    pool.served(grant, 601.0)
    assert (list(pool.ledger.held()), pool.probed) == ([], 0)


def test_a_probe_that_goes_well_lets_others_in_before_its_reply_has_ended(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    pool.served(granted(pool, A, 600.0), 601.0)
    assert [granted(pool, A, 601.0).probe for _ in range(2)] == [False, False]


def test_a_probe_that_goes_well_clears_the_account_for_all_names(pool: Pool) -> None:
    other = wanting("a/other", "b", name="other")
    fails(pool, A, 0.0, UNAUTHORIZED, status=401)
    assert taken(pool, other, 1.0) == "b"
    taken(pool, A, 600.0)
    assert {taken(pool, other, 601.0) for _ in range(2)} == {"a", "b"}


def test_passing_trouble_that_is_over_is_over_for_all_names(pool: Pool) -> None:
    fails(pool, AB, 0.0, TRANSIENT, status=500)
    taken(pool, AB, 0.0)
    taken(pool, wanting("a", name="other"), 1.0)
    assert {taken(pool, AB, 2.0) for _ in range(2)} == {"a", "b"}


def test_a_probe_that_was_cancelled_leaves_it_to_the_next(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    probe = granted(pool, AB, 600.0)
    taken(pool, AB, 600.0)
    pool.release(probe, 601.0)
    assert granted(pool, AB, 601.0).candidate.credential == "a"


def test_a_probe_that_is_too_large_for_the_account_leaves_it_to_the_next(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    fails(pool, AB, 600.0, TOO_LARGE)
    assert granted(pool, AB, 601.0).probe


def test_a_probe_of_one_model_keeps_another_models_probe_out_was_wrong(pool: Pool) -> None:
    fails(pool, wanting("a/x"), 0.0, hint=MONTH)
    fails(pool, wanting("a/y"), 0.0, hint=MONTH)
    granted(pool, wanting("a/x"), 600.0)
    assert granted(pool, wanting("a/y"), 600.0).probe


def test_an_account_that_is_refused_while_a_model_of_it_is_probed_is_waited_for(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=1.0)
    slow = granted(pool, wanting("a/other", name="other"), 0.0)
    granted(pool, A, 1.0)
    wait(pool, A, 1.0)
    pool.failed(slow, UNAUTHORIZED, 2.0, status=401)
    assert wait(pool, A, 2.0) == Wait(540.0, 401)


def test_an_account_is_probed_once_whichever_its_model(pool: Pool) -> None:
    fails(pool, wanting("a/x"), 0.0, UNAUTHORIZED, status=401)
    granted(pool, wanting("a/x"), 600.0)
    assert wait(pool, wanting("a/y", name="other"), 600.0).full


def test_the_end_of_one_probe_ends_another_one_was_wrong(pool: Pool) -> None:
    x, y = wanting("a/x"), wanting("a/y", name="other")
    fails(pool, x, 0.0, hint=1.0)
    slow = granted(pool, y, 0.0)
    first = granted(pool, x, 1.0)
    pool.failed(slow, UNAUTHORIZED, 2.0, status=401)
    assert granted(pool, y, 700.0).probe
    pool.release(first, 701.0)
    assert wait(pool, y, 701.0).full


def test_a_request_that_has_met_trouble_tries_the_ill_was_wrong(pool: Pool) -> None:
    fails(pool, ABC, 0.0, hint=MONTH)
    fails(pool, ABC, 0.0, hint=MONTH)
    first = granted(pool, ABC, 600.0)
    assert taken(pool, ABC, 600.0, [first.candidate]) == "c"


def test_a_request_that_has_met_trouble_tries_the_ill_when_nobody_is_well(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    fails(pool, AB, 0.0, hint=MONTH)
    first = granted(pool, AB, 600.0)
    assert granted(pool, AB, 600.0, [first.candidate]).probe


def test_a_new_conversation_is_where_its_probe_went_well(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    assert [taken(pool, TALK, 600.0), taken(pool, TALK, 601.0)] == ["a", "a"]


def test_a_probe_keeps_its_own_conversation_from_expiring(pool: Pool) -> None:
    talk = wanting("a", session=b"talk")
    taken(pool, talk, 0.0)
    fails(pool, talk, 1.0, hint=3000.0)
    taken(pool, talk, 3500.0)
    assert pool.affinity.find((b"talk", "model"), 4000.0) is not None


def test_who_is_probed_is_known(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=10.0)
    granted(pool, A, 10.0)
    assert [pool.is_probed(CredentialId(name)) for name in "ab"] == [True, False]


# -- late answers


def test_a_success_of_a_request_sent_before_the_failure_clears_nothing(pool: Pool) -> None:
    early = granted(pool, A, 0.0)
    fails(pool, A, 1.0, hint=60.0)
    pool.served(early, 2.0)
    assert wait(pool, A, 2.0) == Wait(59.0, 429)


def test_a_success_of_one_says_nothing_of_another(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=60.0)
    taken(pool, AB, 1.0)
    assert [credential for credential, _, _ in pool.ledger.held()] == ["a"]


def test_a_late_failure_never_shortens_a_cooldown(pool: Pool) -> None:
    late = granted(pool, A, 0.0)
    fails(pool, A, 1.0, hint=100.0)
    assert pool.failed(late, TRANSIENT, 2.0, status=500) == 99.0


def test_a_late_failure_may_make_a_cooldown_longer(pool: Pool) -> None:
    late = granted(pool, A, 0.0)
    fails(pool, A, 1.0, hint=10.0)
    assert pool.failed(late, RATE_LIMITED, 2.0, status=429, hint=100.0) == 100.0


def test_a_failure_of_the_account_beside_one_of_the_model_holds_for_both(pool: Pool) -> None:
    late = granted(pool, A, 0.0)
    fails(pool, A, 1.0, hint=100.0)
    pool.failed(late, UNAUTHORIZED, 2.0, status=401)
    assert wait(pool, A, 101.0) == Wait(441.0, 401)


# -- clocks


def test_a_clock_that_was_set_back_keeps_nobody_out(pool: Pool) -> None:
    fails(pool, AB, 10_000.0, hint=MONTH)
    assert granted(pool, AB, 50.0).candidate.credential == "a"


def test_a_clock_that_was_set_back_keeps_the_only_one_not_out(pool: Pool) -> None:
    fails(pool, A, 10_000.0, hint=MONTH)
    wait(pool, A, 10_000.0)
    assert (pool.seconds_until_ready(A, 50.0), taken(pool, A, 50.0)) == (0.0, "a")


def test_of_two_troubles_one_in_the_future_keeps_nobody_out(pool: Pool) -> None:
    fails(pool, wanting("a/other"), 0.0, UNAUTHORIZED, status=401)
    fails(pool, A, 10_000.0, hint=MONTH)
    assert taken(pool, A, 700.0) == "a"


def test_a_success_after_the_clock_was_set_back_clears(pool: Pool) -> None:
    fails(pool, A, 10_000.0, hint=MONTH)
    taken(pool, A, 50.0)
    assert list(pool.ledger.held()) == []


def test_a_failure_after_the_clock_was_set_back_counts_from_then(pool: Pool) -> None:
    fails(pool, A, 10_000.0, hint=MONTH)
    fails(pool, A, 50.0, hint=30.0)
    assert wait(pool, A, 60.0) == Wait(20.0, 429)


# -- limits of requests at once


def test_a_full_one_is_passed_over() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    assert [granted(pool, AB, 0.0).candidate.credential for _ in range(3)] == ["a", "b", "b"]


def test_when_all_are_full_that_is_told() -> None:
    pool = Pool(terms=lambda _: Terms(max_concurrency=1))
    granted(pool, AB, 0.0)
    granted(pool, AB, 0.0)
    assert wait(pool, AB, 0.0) == Wait(None, 0, full=True)


def test_a_full_one_serves_again_when_a_request_ends() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    first = granted(pool, AB, 0.0)
    granted(pool, AB, 0.0)
    pool.release(first, 0.0)
    assert granted(pool, AB, 0.0).candidate.credential == "a"


def test_the_wait_for_a_full_one_tells_when_another_is_back() -> None:
    pool = in_turn(a=Terms(max_concurrency=1), b=Terms(priority=1))
    fails(pool, AB, 0.0, hint=30.0)
    granted(pool, AB, 0.0)
    assert wait(pool, AB, 10.0) == Wait(20.0, 429, full=True)


def test_a_full_one_is_not_probed() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    slow = granted(pool, A, 0.0)
    pool.failed(slow, RATE_LIMITED, 0.0, status=429, hint=10.0)
    assert wait(pool, A, 10.0).full


def test_requests_that_end_twice_are_counted_once(pool: Pool) -> None:
    grant = granted(pool, A, 0.0)
    pool.release(grant, 0.0)
    pool.release(grant, 0.0)
    assert pool.ledger.credential(CredentialId("a")).in_flight == 0


# -- parked


def test_who_needs_a_login_serves_nobody(pool: Pool) -> None:
    pool.park([CredentialId("a")])
    assert {taken(pool, AB, 0.0) for _ in range(3)} == {"b"}


def test_when_all_need_a_login_there_is_nothing_to_wait_for(pool: Pool) -> None:
    pool.park([CredentialId("a")])
    assert (pool.choose(A, 0.0), pool.seconds_until_ready(A, 0.0)) == (None, None)


def test_who_was_logged_in_to_serves_again(pool: Pool) -> None:
    pool.park([CredentialId("a")])
    taken(pool, AB, 0.0)
    pool.park([])
    assert {taken(pool, AB, 0.0) for _ in range(2)} == {"a", "b"}


# -- token counts


def test_a_token_count_probes_nobody_while_others_are_ready(pool: Pool) -> None:
    fails(pool, AB, 0.0, hint=MONTH)
    counting = wanting("a", "b", proves=False)
    assert {taken(pool, counting, 9999.0) for _ in range(3)} == {"b"}


def test_a_token_count_clears_nothing(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=10.0)
    taken(pool, wanting("a", proves=False), 10.0)
    assert [credential for credential, _, _ in pool.ledger.held()] == ["a"]


def test_after_a_token_count_that_went_well_the_next_request_is_the_probe(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=10.0)
    taken(pool, wanting("a", proves=False), 10.0)
    assert granted(pool, A, 10.0).probe


# -- without cooling


def test_without_cooling_trouble_keeps_nobody_out() -> None:
    pool = in_turn(a=Terms(cools=False))
    assert [fails(pool, A, 0.0, hint=MONTH), taken(pool, A, 0.0)] == [0.0, "a"]


def test_without_cooling_a_model_that_is_not_there_is_not_asked_again() -> None:
    pool = in_turn(a=Terms(cools=False))
    assert fails(pool, A, 0.0, NO_SUCH_MODEL) == 600.0


def test_to_switch_cooling_off_frees_who_cools(pool: Pool) -> None:
    fails(pool, wanting("a/x"), 0.0, hint=MONTH)
    fails(pool, wanting("a/y"), 0.0, UNAUTHORIZED)
    knows(pool, "a", terms=Terms(cools=False))
    assert taken(pool, wanting("a/x"), 1.0) == "a"


# -- reloads


def test_who_stays_keeps_its_standing(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=60.0)
    knows(pool, "a")
    assert wait(pool, A, 10.0) == Wait(50.0, 429)


def test_who_goes_is_forgotten(pool: Pool) -> None:
    fails(pool, wanting("a/x"), 0.0, hint=60.0)
    fails(pool, wanting("a/y"), 0.0, UNAUTHORIZED)
    pool.told(candidate("a"), [Window("5h", 0.5, HOUR)], 0.0)
    knows(pool, "b")
    assert (list(pool.ledger.held()), pool.ledger.credential(CredentialId("a")).windows) == ([], {})


def test_who_goes_takes_its_conversations_along(pool: Pool) -> None:
    taken(pool, TALK, 0.0)
    knows(pool, "b")
    assert len(pool.affinity) == 0


def test_who_goes_is_told_to_be_gone(pool: Pool) -> None:
    fails(pool, A, 0.0, UNAUTHORIZED)
    pool.told(candidate("a"), [Window("5h", 0.5, HOUR)], 0.0)
    knows(pool, "b")
    changes = pool.take_changes()
    assert (changes.standings, changes.windows) == ({("a", ""): None}, {("a", "5h", ""): None})


def test_requests_under_way_at_one_that_goes_and_comes_are_counted() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    grant = granted(pool, A, 0.0)
    knows(pool, "b")
    knows(pool, "a", terms=Terms(max_concurrency=1))
    assert wait(pool, A, 0.0).full
    pool.release(grant, 0.0)
    assert taken(pool, A, 0.0) == "a"


def test_new_terms_count_at_once() -> None:
    pool = in_turn(a=Terms(max_concurrency=1))
    granted(pool, A, 0.0)
    wait(pool, A, 0.0)
    knows(pool, "a", terms=Terms(max_concurrency=2))
    assert granted(pool, A, 0.0).candidate.credential == "a"


def test_another_list_of_the_same_name_counts_at_once(pool: Pool) -> None:
    taken(pool, A, 0.0)
    assert taken(pool, wanting("b"), 0.0) == "b"


def test_a_shorter_time_for_conversations_counts_at_once(pool: Pool) -> None:
    taken(pool, TALK, 0.0)
    pool.configure(Policy("round-robin", affinity_seconds=10.0), lambda _: Terms(), ["a", "b"])
    assert pool.affinity.find((b"talk", "model"), 11.0) is None


# -- when somebody is ready


@pytest.mark.parametrize(
    ("verdict", "now", "seconds"),
    [(RATE_LIMITED, 0.0, 30.0), (RATE_LIMITED, 30.0, 0.0), (TRANSIENT, 0.0, 1.0), (TRANSIENT, 1.0, 0.0)],
)
def test_what_is_told_of_the_wait_is_what_is_chosen_by(
    pool: Pool, verdict: Verdict, now: float, seconds: float
) -> None:
    fails(pool, A, 0.0, verdict, hint=30.0)
    choice = pool.choose(A, now)
    told = choice.seconds if isinstance(choice, Wait) else 0.0
    assert (pool.seconds_until_ready(A, now) if told else 0.0, told) == (seconds, seconds)


def test_who_became_due_unnoticed_is_ready(pool: Pool) -> None:
    fails(pool, wanting("a", name="other"), 0.0, hint=30.0)
    assert pool.seconds_until_ready(A, 31.0) == 0.0


def test_who_is_next_is_who_is_chosen(pool: Pool) -> None:
    taken(pool, AB, 0.0)
    assert (pool.next_for(AB, 0.0), taken(pool, AB, 0.0)) == ("b", "b")


def test_nobody_is_next_while_all_cool(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=9.0)
    assert pool.next_for(A, 0.0) is None


def test_to_ask_who_is_next_pushes_no_list_out_was_wrong(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_ROSTERS", 1)
    taken(pool, AB, 0.0)
    pool.next_for(wanting("a", "b", name="other"), 0.0)
    assert taken(pool, AB, 0.0) == "b"


# -- restarts


def test_cooldowns_outlive_a_restart(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=MONTH)
    assert wait(restarted(pool, 100.0), A, 100.0) == Wait(440.0, 429)


def test_passing_trouble_is_passing_after_a_restart(pool: Pool) -> None:
    fails(pool, A, 0.0, TRANSIENT, status=500)
    assert taken(restarted(pool, 1.0), A, 1.0) == "a"


def test_a_used_up_window_is_no_refusal_after_a_restart(pool: Pool) -> None:
    pool.told(candidate("a"), [Window("5h", 1.0, HOUR)], 0.0)
    assert taken(restarted(pool, 1.0), A, 1.0) == "a"


def test_conversations_outlive_a_restart(pool: Pool) -> None:
    taken(pool, AB, 0.0)
    taken(pool, TALK, 0.0)
    assert taken(restarted(pool, 1.0), TALK, 1.0) == "b"


def test_windows_outlive_a_restart() -> None:
    pool = Pool()
    pool.told(candidate("a"), [Window("5h", 0.9, HOUR, 5 * HOUR, "m")], 0.0)
    assert restarted(pool, 1.0).ledger.credential(CredentialId("a")).windows == {
        ("5h", "m"): Window("5h", 0.9, HOUR, 5 * HOUR, "m")
    }


def test_windows_that_are_over_do_not_outlive_a_restart() -> None:
    pool = Pool()
    pool.told(candidate("a"), [Window("5h", 0.9, HOUR)], 0.0)
    assert restarted(pool, HOUR).ledger.credential(CredentialId("a")).windows == {}


def test_changes_are_told_once(pool: Pool) -> None:
    fails(pool, TALK, 0.0)
    pool.take_changes()
    changes = pool.take_changes()
    assert (changes.standings, changes.windows, changes.bindings) == ({}, {}, {})


def test_what_is_over_is_told_to_be_gone(pool: Pool) -> None:
    fails(pool, A, 0.0, hint=5.0)
    taken(pool, A, 5.0)
    assert pool.take_changes().standings == {("a", "m"): None}


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["served", "limited", "broken", "refused", "absent"]),
        st.sampled_from([b"", b"one", b"two"]),
        st.floats(0.0, MONTH),
        st.sampled_from([0.0, 1.0, 45.0, 700.0]),
    ),
    max_size=12,
)
VERDICTS = {"limited": RATE_LIMITED, "broken": TRANSIENT, "refused": UNAUTHORIZED, "absent": NO_SUCH_MODEL}


@given(history=HISTORY, later=st.sampled_from([0.0, 1.0, 60.0, 599.0, 4000.0]))
def test_what_is_restored_gives_the_same_choices(history: list[tuple[str, bytes, float, float]], later: float) -> None:
    pool, now = Pool(Policy("fill-first")), 0.0
    for outcome, session, hint, passes in history:
        wanted = wanting("a/x", "b/x", "a/y", session=session)
        choice = pool.choose(wanted, now)
        if isinstance(choice, Grant):
            if outcome == "served":
                pool.served(choice, now)
            else:
                pool.failed(choice, VERDICTS[outcome], now, status=500, hint=hint)
            pool.release(choice, now)
        now += passes
    another, now = restarted(pool, now), now + later
    for session in (b"one", b"two", b""):
        wanted = wanting("a/x", "b/x", "a/y", session=session)
        tried: set[Candidate] = set()
        for _ in range(4):
            before, after = pool.choose(wanted, now, tried), another.choose(wanted, now, tried)
            assert (before is None, isinstance(before, Wait)) == (after is None, isinstance(after, Wait))
            if not isinstance(before, Grant) or not isinstance(after, Grant):
                assert before == after
                break
            assert (before.candidate, before.probe) == (after.candidate, after.probe)
            tried.add(before.candidate)


# -- bounds


def test_lists_of_names_that_clients_make_up_are_forgotten_the_oldest_first(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "MAX_ROSTERS", 2)
    for name in ("one", "two", "one", "three"):
        taken(pool, wanting("a", "b", name=name), 0.0)
    assert [taken(pool, wanting("a", "b", name=name), 0.0) for name in ("one", "two")] == ["a", "a"]


def test_long_lists_are_fewer(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_PLACES", 3)
    taken(pool, AB, 0.0)
    taken(pool, wanting("a", "b", name="other"), 0.0)
    assert [key for _, key in pool._rosters] == ["other"]


def test_of_too_many_standings_the_oldest_go(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_STANDINGS", 2)
    for model in "xyz":
        fails(pool, wanting(f"a/{model}", name=model), 0.0, hint=90.0)
    assert [model for _, model, _ in pool.ledger.held()] == ["y", "z"]


def test_whose_standing_was_too_old_serves_again(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_STANDINGS", 1)
    fails(pool, A, 0.0, hint=90.0)
    wait(pool, A, 0.0)
    fails(pool, wanting("b", name="other"), 0.0, hint=90.0)
    assert taken(pool, A, 0.0) == "a"


def test_windows_of_one_account_are_bounded(pool: Pool) -> None:
    pool.told(candidate("a"), [Window(str(number), 0.1, HOUR) for number in range(MAX_WINDOWS + 1)], 0.0)
    assert len(pool.ledger.credential(CredentialId("a")).windows) == MAX_WINDOWS


def test_windows_that_are_over_keep_others_out_was_wrong(pool: Pool) -> None:
    pool.told(candidate("a"), [Window(str(number), 0.1, HOUR) for number in range(MAX_WINDOWS)], 0.0)
    pool.told(candidate("a"), [Window("new", 0.1, 2 * HOUR)], HOUR)
    assert list(pool.ledger.credential(CredentialId("a")).windows) == [("new", "")]
