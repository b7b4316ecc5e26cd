"""What the pool's strategies do to caches, quotas and clients: `python -m bench.pool_sim`. Two days in a minute.

The pool is the real one; agents, accounts and time are simulated, and the same for every strategy. Exit 1 if the
default misses a goal. With `--pick`: what one choice among ten thousand credentials costs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

import attrs

from bench.figures import percentile
from bench.pool_pick import pick_table, timed
from bench.pool_run import Run
from bench.pool_traces import DAY, HOUR, Conversation, conversations
from bench.pool_vendor import WINDOW_SECONDS, Account
from cliproxy.routing.pool import Policy

ACCOUNTS: Final = 20
DAYS: Final = 2.0
PEAK: Final = 0.8
"""Of what all accounts allow in five hours, what is asked in the busiest five."""
STEP: Final = HOUR / 4
MOST_DAYS: Final = 31.0

POLICIES: Final[Mapping[str, Policy]] = {
    "quota-aware": Policy(),
    "round-robin, plain": Policy(strategy="round-robin", affinity_seconds=0),
    "fill-first, plain": Policy(strategy="fill-first", affinity_seconds=0),
    "round-robin, affine": Policy(strategy="round-robin"),
}
"""The default comes first."""


@attrs.frozen
class Found:
    """What one strategy came to."""

    name: str
    cached_share: float
    of_ideal: float
    balance: float
    """The most that an account served, over the least."""
    refused_with_room: int
    refused: int
    recoveries: tuple[float, ...]
    """Seconds, ascending."""
    moves: int
    lost_tokens: int
    told_moves: int
    """By the pool's own count."""
    told_lost_tokens: int
    failed: int


def budget_for(ideal: Run, accounts: int) -> float:
    """An account's quota for five hours, such that the busiest five take the wanted part of all quotas."""
    steps = [0.0] * (1 + max((int(at / STEP) for at, _ in ideal.spent), default=0))
    for at, weight in ideal.spent:
        steps[int(at / STEP)] += weight
    width = int(WINDOW_SECONDS / STEP)
    busiest = max(sum(steps[first : first + width]) for first in range(len(steps)))
    return max(1.0, busiest / (PEAK * accounts))


def ideal_run(work: Sequence[Conversation], days: float) -> Run:
    """One account without a limit, that never fails."""
    run = Run(Policy(), [Account(Random(0), math.inf, 0.0)], Random(0))
    run.play(work, days)
    return run


def found(name: str, run: Run, ideal: Run, days: float) -> Found:
    """A run in figures."""
    tally, accounts = run.tally, run.accounts.values()
    served = [account.served for account in accounts]
    share = tally.cached_tokens / max(1, tally.prompt_tokens)
    best = ideal.tally.cached_tokens / max(1, ideal.tally.prompt_tokens)
    late = (seconds for account in accounts for seconds in account.recoveries + account.unserved(days * DAY))
    return Found(
        name=name,
        cached_share=share,
        of_ideal=share / best if best else 1.0,
        balance=max(served) / min(served) if min(served) else math.inf,
        refused_with_room=tally.refused_with_room,
        refused=tally.refused,
        recoveries=tuple(sorted(late)),
        moves=tally.moves,
        lost_tokens=tally.lost_tokens,
        told_moves=run.pool.affinity.moves,
        told_lost_tokens=run.pool.affinity.cached_tokens_lost,
        failed=tally.failed,
    )


def simulate(name: str, work: Sequence[Conversation], seed: int, days: float, budget: float, accounts: int) -> Run:
    """One strategy, from the same beginnings as every other."""
    made = [Account(Random(f"account {seed} {number}"), budget, days) for number in range(accounts)]
    run = Run(POLICIES[name], made, Random(f"jitter {seed}"))
    run.play(work, days)
    return run


# -- the report


@attrs.frozen
class Line:
    """One line of the table."""

    title: str
    shown: Callable[[Found], str]
    goal: str = ""
    met: Callable[[Found], bool] = lambda _: True


MOST_SECONDS: Final = 600.0
LINES: Final = (
    Line("prompt tokens from the cache", lambda f: f"{f.cached_share:.1%}"),
    Line("of what one account would reach", lambda f: f"{f.of_ideal:.1%}", ">= 97 %", lambda f: f.of_ideal >= 0.97),
    Line("most used account / least used", lambda f: f"{f.balance:.2f}", "<= 1.3", lambda f: f.balance <= 1.3),
    Line("refused though one had room", lambda f: str(f.refused_with_room), "0", lambda f: not f.refused_with_room),
    Line("refused", lambda f: str(f.refused)),
    Line(
        "early reset to serving, p99, s",
        lambda f: _seconds(f.recoveries, 99),
        "<= 600",
        lambda f: not f.recoveries or percentile(f.recoveries, 99) <= MOST_SECONDS,
    ),
    Line("early reset to serving, p50, s", lambda f: _seconds(f.recoveries, 50)),
    Line("early resets", lambda f: str(len(f.recoveries))),
    Line("requests away from their cache", lambda f: str(f.moves)),
    Line("tokens read afresh for that, M", lambda f: f"{f.lost_tokens / 1e6:.1f}"),
    Line("moves, as the pool counts them", lambda f: str(f.told_moves)),
    Line("tokens lost, as the pool counts, M", lambda f: f"{f.told_lost_tokens / 1e6:.1f}"),
    Line("failed attempts, unseen", lambda f: str(f.failed)),
)
_COLUMNS: Final = "{:<37}" + "{:>20}" * len(POLICIES) + "  {}"


def table(results: Sequence[Found]) -> str:
    """The strategies side by side; the goals are those of the first."""
    rows = [_COLUMNS.format("", *(found.name for found in results), "goal")]
    for line in LINES:
        verdict = f"{line.goal} {'met' if line.met(results[0]) else 'MISSED'}" if line.goal else ""
        rows.append(_COLUMNS.format(line.title, *map(line.shown, results), verdict))
    return "\n".join(row.rstrip() for row in rows)


def all_met(found: Found) -> bool:
    """Whether a strategy reaches every goal."""
    return all(line.met(found) for line in LINES)


def _seconds(ordered: Sequence[float], percent: int) -> str:
    return f"{percentile(ordered, percent):.0f}" if ordered else "-"


def main(arguments: Sequence[str]) -> int:
    """Simulate, print, and say whether the default reaches its goals."""
    parser = argparse.ArgumentParser(prog="python -m bench.pool_sim", description="The pool's strategies, simulated.")
    parser.add_argument("--seed", type=int, default=1, help="of all chance; default 1")
    parser.add_argument("--days", type=float, default=DAYS, help=f"simulated; default {DAYS:g}")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help=f"of the pool; default {ACCOUNTS}")
    parser.add_argument("--pick", action="store_true", help="time single choices among many credentials instead")
    chosen = parser.parse_args(arguments)
    if chosen.accounts < 1 or not 0 < chosen.days <= MOST_DAYS:
        parser.error(f"--accounts must be 1 or more, --days above 0 and at most {MOST_DAYS:g}")
    if chosen.pick:
        picks = timed()
        print(pick_table(picks))
        return 0 if all(pick.met for pick in picks) else 1
    work = conversations(chosen.seed, chosen.days, chosen.accounts)
    ideal = ideal_run(work, chosen.days)
    budget = budget_for(ideal, chosen.accounts)
    print(
        f"seed {chosen.seed}: {len(work)} conversations, {ideal.tally.requests} requests, {chosen.accounts} accounts "
        f"of {budget / 1e6:.1f} M tokens of fresh input in five hours"
    )
    results = [
        found(name, simulate(name, work, chosen.seed, chosen.days, budget, chosen.accounts), ideal, chosen.days)
        for name in POLICIES
    ]
    print(table(results))
    met = all_met(results[0])
    print("Every goal was met." if met else "A goal was missed.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
