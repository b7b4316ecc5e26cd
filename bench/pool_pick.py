"""What one choice of the pool costs in CPU time, among ten thousand credentials and among twenty."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import count
from typing import Final

import attrs

from bench.pool_vendor import WINDOW_SECONDS
from cliproxy.quota import Window
from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.pool import Grant, Pool, Wanted
from cliproxy.routing.verdicts import RATE_LIMITED

MANY: Final = 10_000
FEW: Final = 20
WELL: Final = 10
"""Those that are left when the others cool."""
TALKS: Final = 100
"""Conversations that have their place, where each request goes on one of them."""
PICKS: Final = 200
"""Of one batch; the price of a pick is the median of all batches."""
BATCHES: Final = 15
MOST_MICROSECONDS: Final = 100.0
MODEL: Final = ModelName("model")
SECONDS_APART: Final = 0.001


@attrs.frozen
class Pick:
    """What a choice costs, in µs."""

    title: str
    few: float
    many: float

    @property
    def met(self) -> bool:
        """Whether it is below the goal among many."""
        return self.many < MOST_MICROSECONDS


def timed() -> Sequence[Pick]:
    """Each kind of pick, among few and among many."""
    return (
        Pick("a new conversation", _price(FEW), _price(MANY)),
        Pick(f"all but {WELL} cool", _price(FEW, cooling=FEW - WELL), _price(MANY, cooling=MANY - WELL)),
        Pick("a conversation that has its place", _price(FEW, bound=True), _price(MANY, bound=True)),
    )


def pick_table(picks: Sequence[Pick]) -> str:
    """What a person reads."""
    columns = "{:<35}{:>12}{:>12}{:>8}  {}"
    rows = [columns.format("µs a pick", f"{FEW} of them", f"{MANY} of them", "ratio", "goal")]
    rows += [
        columns.format(
            pick.title,
            f"{pick.few:.1f}",
            f"{pick.many:.1f}",
            f"{pick.many / pick.few:.2f}",
            f"< {MOST_MICROSECONDS:g} {'met' if pick.met else 'MISSED'}",
        )
        for pick in picks
    ]
    return "\n".join(rows)


def crowd(credentials: int, cooling: int) -> tuple[Pool, tuple[Candidate, ...], float]:
    """A pool whose credentials have served and have windows, of which so many cool; and the time it is."""
    pool, now = Pool(), 0.0
    candidates = tuple(Candidate(CredentialId(f"account-{number:05}"), MODEL) for number in range(credentials))
    for number, candidate in enumerate(candidates):
        alone = Wanted(candidate.credential, (candidate,), tokens=20_000 + number % 977)
        grant = pool.choose(alone, now)
        assert isinstance(grant, Grant)
        if number < cooling:
            pool.failed(grant, RATE_LIMITED, now, status=429, hint=WINDOW_SECONDS, whole=True)
        else:
            pool.told(candidate, (Window("5h", number % 90 / 100, WINDOW_SECONDS / 2, WINDOW_SECONDS),), now)
            pool.served(grant, now)
        pool.release(grant, now)
    return pool, candidates, now


def _price(credentials: int, cooling: int = 0, *, bound: bool = False) -> float:
    pool, candidates, now = crowd(credentials, cooling)
    numbers = count()
    prices: list[float] = []
    for _ in range(BATCHES + 1):
        wanted = [
            Wanted(MODEL, candidates, session=b"%d" % (number % TALKS if bound else number), tokens=20_000)
            for number in (next(numbers) for _ in range(PICKS))
        ]
        began = time.process_time()
        grants = [pool.choose(each, now + SECONDS_APART * place) for place, each in enumerate(wanted)]
        prices.append((time.process_time() - began) / PICKS * 1e6)
        now += SECONDS_APART * PICKS
        for grant in grants:
            assert isinstance(grant, Grant)
            pool.served(grant, now)
            pool.release(grant, now)
    return statistics.median(prices[1:])  # the first batch sorts the list
