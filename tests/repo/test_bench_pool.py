"""The simulation of the pool: agents, accounts and clients in it do what it says they do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Final

import attrs
import pytest

from bench.pool_pick import Pick, crowd, pick_table
from bench.pool_run import COMES_AGAIN_SECONDS, MODEL, Run
from bench.pool_sim import POLICIES, Found, all_met, budget_for, found, ideal_run, main, simulate, table
from bench.pool_traces import (
    DAY,
    HOUR,
    LONGEST_PROMPT,
    TURNS,
    Conversation,
    Thread,
    Turn,
    conversations,
)
from bench.pool_vendor import CACHE_SECONDS, OUTPUT, READ, WINDOW_SECONDS, WRITE, Account, Refusal
from cliproxy.conversation.usage import Usage
from cliproxy.routing.pool import Grant, Policy, Wanted

BUDGET: Final = 100_000.0
GOOD: Final = Found(
    name="quota-aware",
    cached_share=0.9,
    of_ideal=0.98,
    balance=1.1,
    refused_with_room=0,
    refused=3,
    recoveries=(100.0, 590.0),
    moves=7,
    lost_tokens=1_500_000,
    told_moves=5,
    told_lost_tokens=1_000_000,
    failed=9,
)


class Never(Random):
    """Chance that brings nothing: no early reset, and windows that begin with the first request."""

    def random(self) -> float:
        return 1.0 - 1e-9

    def uniform(self, a: float, b: float) -> float:
        return a

    def expovariate(self, lambd: float = 1.0) -> float:
        return math.inf


class Lucky(Never):
    """Every account that is used up gets its quota back as early as can be."""

    def random(self) -> float:
        return 0.0


def account(budget: float = BUDGET, chance: Random | None = None) -> Account:
    return Account(chance or Never(), budget, 1.0)


def turn(prompt: int = 10_000, *, gap: float = 0.0, history: int = 0, reply: int = 0) -> Turn:
    return Turn(gap=gap, prompt=prompt, history=history, reply=reply, seconds=10.0)


def thread(*turns: Turn) -> Thread:
    return Thread(begin=8_000, turns=turns)


def told(answer: Usage | Refusal) -> Usage:
    assert isinstance(answer, Usage)
    return answer


def threads_of(root: Thread) -> Iterator[Thread]:
    yield root
    for one in root.turns:
        for agent in one.agents:
            yield from threads_of(agent)


def played(*threads: Thread, accounts: int = 1, budget: float = math.inf, policy: Policy | None = None) -> Run:
    """Conversations that begin at once."""
    run = Run(policy or Policy(), [account(budget) for _ in range(accounts)], Never())
    run.play([Conversation(0.0, b"%d" % number, each) for number, each in enumerate(threads)], 1.0)
    return run


# -- the traces


def test_the_same_seed_gives_the_same_work() -> None:
    def shape(seed: int) -> list[tuple[float, int, int]]:
        return [(one.at, one.main.begin, len(one.main.turns)) for one in conversations(seed, 0.5, 5)]

    assert shape(3) == shape(3) != shape(4)


def test_conversations_are_as_long_as_they_may_be() -> None:
    lengths = [len(one.main.turns) for one in conversations(1, 2, 20)]
    assert (min(lengths), max(lengths)) == TURNS


def test_there_is_less_work_at_night() -> None:
    hours = [one.at % DAY / HOUR for one in conversations(1, 2, 20)]
    assert sum(1 <= hour < 5 for hour in hours) < sum(13 <= hour < 17 for hour in hours) / 2


def test_a_prompt_grows_until_its_history_is_summed_up() -> None:
    longest = max((one.main for one in conversations(1, 1, 20)), key=lambda main: main.turns[-1].history)
    pairs = list(zip(longest.turns, longest.turns[1:], strict=False))
    assert all((after.prompt > before.prompt) == (after.history == before.history) for before, after in pairs)
    assert max(each.prompt for each in longest.turns) <= LONGEST_PROMPT


def test_some_conversations_have_side_threads() -> None:
    counts = [len(list(threads_of(one.main))) for one in conversations(1, 1, 20)]
    assert min(counts) == 1 < max(counts)


# -- the vendor


def test_a_first_request_is_written_to_the_cache() -> None:
    assert told(account().ask(thread(), turn(10_000), 0.0)).cache_write == 10_000


def test_what_was_asked_five_minutes_ago_is_read_from_the_cache() -> None:
    one, talk = account(), thread()
    one.ask(talk, turn(10_000), 0.0)
    usage = told(one.ask(talk, turn(12_000), CACHE_SECONDS))
    assert (usage.cache_read, usage.cache_write) == (10_000, 2_000)


def test_after_that_it_is_gone() -> None:
    one, talk = account(), thread()
    one.ask(talk, turn(), 0.0)
    assert told(one.ask(talk, turn(), CACHE_SECONDS + 1)).cache_read == 0


def test_of_a_history_that_was_summed_up_the_beginning_is_left() -> None:
    one, talk = account(), thread()
    one.ask(talk, turn(10_000), 0.0)
    assert told(one.ask(talk, turn(9_000, history=1), 1.0)).cache_read == 8_000


def test_another_thread_has_a_cache_of_its_own() -> None:
    one = account()
    one.ask(thread(), turn(), 0.0)
    assert told(one.ask(thread(), turn(), 1.0)).cache_read == 0


def test_a_window_begins_with_the_first_request() -> None:
    one = account()
    one.ask(thread(), turn(), HOUR)
    assert one.window().resets_at == HOUR + WINDOW_SECONDS


def test_its_use_is_told_in_hundredths() -> None:
    one = account()
    one.ask(thread(), turn(10_000), 0.0)
    one.replied(100, 10.0)
    assert one.window().used == math.floor(100 * (10_000 * WRITE + 100 * OUTPUT) / BUDGET) / 100


def test_who_is_used_up_refuses_until_its_window_ends() -> None:
    one = account()
    one.ask(thread(), turn(100_000), 0.0)
    assert one.ask(thread(), turn(), HOUR) == Refusal(429, WINDOW_SECONDS - HOUR)


def test_the_next_window_is_a_new_one() -> None:
    one = account()
    one.ask(thread(), turn(100_000), 0.0)
    assert isinstance(one.ask(thread(), turn(), WINDOW_SECONDS), Usage)


def test_its_owner_may_use_it_up_elsewhere() -> None:
    one = account()
    one.use_elsewhere(0.0)
    assert one.ask(thread(), turn(), 1.0) == Refusal(429, WINDOW_SECONDS - 1)


def test_a_quota_that_comes_back_early_begins_a_window() -> None:
    one = account(chance=Lucky())
    one.ask(thread(), turn(100_000), 0.0)
    one.ask(thread(), turn(), 1000.0)
    assert one.window().resets_at == 1000.0 + WINDOW_SECONDS


def test_the_time_until_that_is_noticed_is_kept() -> None:
    one = account(chance=Lucky())
    one.ask(thread(), turn(100_000), 0.0)
    one.ask(thread(), turn(), 100.0)  # refused; it comes back at 300
    one.ask(thread(), turn(), 1000.0)
    assert one.recoveries == [700.0]


def test_a_reset_that_nobody_notices_counts_to_the_end() -> None:
    one = account(chance=Lucky())
    one.ask(thread(), turn(100_000), 0.0)
    one.ask(thread(), turn(), 100.0)
    assert one.unserved(DAY) == [DAY - 300.0]


def test_who_was_never_told_that_it_is_used_up_need_not_notice() -> None:
    one = account(chance=Lucky())
    one.use_elsewhere(0.0)
    one.ask(thread(), turn(), 1000.0)
    assert one.recoveries == []


def test_accounts_are_overloaded_for_a_hundredth_of_the_time() -> None:
    one, days = Account(Random(1), math.inf, 20.0), 20.0
    overloaded = sum(not one.has_room(float(at)) for at in range(0, int(days * DAY), 10))
    assert overloaded * 10 / (days * DAY) == pytest.approx(0.01, rel=0.2)


# -- a run


def test_each_turn_is_asked_once_the_reply_before_is_over() -> None:
    run = played(thread(turn(), turn(gap=20.0), turn(gap=5.0)))
    assert [at for at, _ in run.spent] == [0.0, 30.0, 45.0]


def test_who_began_side_threads_waits_for_all_of_them() -> None:
    agents = thread(turn()), thread(turn(), turn(gap=100.0))
    run = played(thread(attrs.evolve(turn(), agents=agents), turn(gap=1.0)))
    assert [at for at, _ in run.spent] == [0.0, 10.0, 10.0, 120.0, 131.0]


def test_what_is_spent_is_weighed() -> None:
    run = played(thread(turn(10_000, reply=10), turn(12_000, gap=1.0, reply=10)))
    assert sum(weight for _, weight in run.spent) == 12_000 * WRITE + 10_000 * READ + 20 * OUTPUT


def test_when_nobody_has_quota_the_client_is_refused_and_comes_again() -> None:
    run = played(thread(turn(200_000), turn(gap=1.0)), budget=BUDGET)
    assert run.tally.refused == pytest.approx(WINDOW_SECONDS / COMES_AGAIN_SECONDS, rel=0.02)
    assert (run.tally.requests, run.tally.refused_with_room) == (2, 0)


def test_a_refusal_is_met_by_another_account_unseen() -> None:
    run = played(thread(turn(100_000), turn(gap=1.0)), accounts=2, budget=BUDGET)
    assert (run.tally.requests, run.tally.refused) == (2, 0)


def test_a_turn_away_from_its_cache_is_a_move() -> None:
    plain = Policy(strategy="round-robin", affinity_seconds=0)
    run = played(thread(turn(10_000), turn(12_000, gap=1.0)), accounts=2, policy=plain)
    assert (run.tally.moves, run.tally.lost_tokens) == (1, 10_000)


def test_affinity_moves_nobody_who_is_well() -> None:
    run = played(thread(turn(10_000), turn(12_000, gap=1.0)), accounts=2)
    assert (run.tally.moves, run.pool.affinity.moves) == (0, 0)


def test_the_budget_follows_from_the_busiest_five_hours() -> None:
    run = played(thread(turn(100_000)))
    assert budget_for(run, 2) == pytest.approx(100_000 * WRITE / 0.8 / 2)


@pytest.mark.parametrize("name", POLICIES)
def test_every_strategy_serves_the_same_work(name: str) -> None:
    work = conversations(1, 0.25, 3)
    ideal = ideal_run(work, 0.25)
    run = simulate(name, work, 1, 0.25, budget_for(ideal, 3), 3)
    assert run.tally.requests + run.tally.refused > 0.8 * ideal.tally.requests


def test_a_run_is_the_same_each_time() -> None:
    work = conversations(2, 0.25, 3)
    ideal = ideal_run(work, 0.25)
    first, second = (
        found("x", simulate("quota-aware", work, 2, 0.25, budget_for(ideal, 3), 3), ideal, 0.25) for _ in range(2)
    )
    assert first == second


# -- the report


def test_what_reaches_every_goal_is_said_to() -> None:
    assert (all_met(GOOD), "MISSED" in table([GOOD] * len(POLICIES))) == (True, False)


@pytest.mark.parametrize(
    "bad",
    [
        attrs.evolve(GOOD, of_ideal=0.969),
        attrs.evolve(GOOD, balance=1.31),
        attrs.evolve(GOOD, refused_with_room=1),
        attrs.evolve(GOOD, recoveries=(601.0,)),
    ],
)
def test_what_misses_a_goal_is_said_to(bad: Found) -> None:
    assert (all_met(bad), table([bad, *[GOOD] * (len(POLICIES) - 1)]).count("MISSED")) == (False, 1)


def test_without_an_early_reset_there_is_nothing_to_miss() -> None:
    assert all_met(attrs.evolve(GOOD, recoveries=()))


def test_the_exit_status_tells_whether_every_goal_was_met(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--days", "0.25", "--accounts", "3"])
    assert capsys.readouterr().out.endswith("Every goal was met.\n" if status == 0 else "A goal was missed.\n")


@pytest.mark.parametrize("arguments", [["--accounts", "0"], ["--days", "0"], ["--days", "1e9"], ["--days", "nan"]])
def test_what_cannot_be_simulated_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)


# -- single picks


def test_of_a_crowd_in_which_all_but_some_cool_one_of_those_is_picked() -> None:
    pool, candidates, now = crowd(40, cooling=39)
    choice = pool.choose(Wanted(MODEL, candidates), now)
    assert isinstance(choice, Grant)
    assert choice.candidate == candidates[39]


def test_a_pick_below_a_hundred_microseconds_meets_the_goal() -> None:
    assert (Pick("x", 10.0, 99.0).met, Pick("x", 10.0, 100.0).met) == (True, False)


def test_picks_are_shown_with_their_ratio() -> None:
    assert pick_table([Pick("x", 40.0, 60.0)]).splitlines()[1].split() == [
        "x",
        "40.0",
        "60.0",
        "1.50",
        "<",
        "100",
        "met",
    ]
