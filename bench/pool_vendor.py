"""The vendor of the simulation: accounts with a quota for five hours each, and a prompt cache for five minutes.

A window begins with the first request after the last one ended. Now and then the owner of an account uses it up
elsewhere, an account that is used up gets its quota back early and without notice, or is overloaded for a minute.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from random import Random
from typing import Final

import attrs

from bench.pool_traces import DAY, HOUR, Thread, Turn
from cliproxy.conversation.usage import Usage
from cliproxy.quota import Window

WINDOW_SECONDS: Final = 5 * HOUR
CACHE_SECONDS: Final = 300.0
READ, WRITE, OUTPUT = 0.1, 1.25, 5.0
"""What a token counts, in tokens of fresh input."""
EARLY: Final = 0.75
"""How many of the accounts that are used up get their quota back early."""
EARLY_SECONDS: Final = (300.0, 7200.0)
"""How long after they were used up."""
ELSEWHERE_A_DAY: Final = 0.5
"""How often an account's owner uses up the rest of a window elsewhere."""
OVERLOADED: Final = 0.01
"""The part of the time in which an account is overloaded."""
OVERLOAD_SECONDS: Final = (20.0, 100.0)
NEARLY: Final = 0.97
"""An account that tells so much use is taken for used up."""
DIGITS: Final = 100
"""Vendors tell of a window's use in hundredths."""


@attrs.frozen
class Refusal:
    """An answer that serves nobody."""

    status: int
    hint: float | None = None


@attrs.frozen
class Cached:
    """What an account has of a thread."""

    turn: Turn
    at: float


class Account:
    """One account. State: its window, its cache, and what it has served."""

    def __init__(self, chance: Random, budget: float, days: float) -> None:
        self._chance = chance
        self._budget = budget
        self._used = 0.0
        self._ends_at = chance.uniform(0, WINDOW_SECONDS)
        self._early_at = math.inf
        self._known = False
        """Whether it is used up as far as its answers have told."""
        self._cached: dict[Thread, Cached] = {}
        self._overloads = _overloads(chance, days)
        self.elsewhere = list(_elsewhere(chance, days))
        """When its owner uses it up."""
        self.served = 0.0
        """In tokens of fresh input."""
        self.recoveries: list[float] = []
        """Seconds from each early reset, or the overload that it fell into, to the next request that was served.

        Of those before which it had told that it was used up.
        """

    def ask(self, thread: Thread, turn: Turn, at: float) -> Usage | Refusal:
        """What becomes of a request."""
        if self._overloaded(at):
            if self._early_at <= at:
                self._early_at = self._overloads[bisect_right(self._overloads, at)]
            return Refusal(529)
        if not self.has_quota(at):
            self._known = True
            return Refusal(429, self._ends_at - at)
        if self._early_at <= at:
            self.recoveries += self.unserved(at)
            self._ends_at = at
        self._early_at = math.inf
        self._known = False
        if at >= self._ends_at:
            self._used = 0.0
            self._ends_at = at + WINDOW_SECONDS
        read = self.reads(thread, turn, at)
        self._cached[thread] = Cached(turn, at)
        self._use(READ * read + WRITE * (turn.prompt - read), at)
        return Usage(cache_read=read, cache_write_5m=turn.prompt - read, output=turn.reply)

    def replied(self, tokens: int, at: float) -> None:
        """A reply is over."""
        self._use(OUTPUT * tokens, at)

    def use_elsewhere(self, at: float) -> None:
        """Its owner uses up what is left."""
        if self._early_at <= at or at >= self._ends_at:
            self._ends_at = at + WINDOW_SECONDS
        self._used = self._budget
        self._exhausted(at)

    def has_room(self, at: float) -> bool:
        """Whether it would serve a request."""
        return self.has_quota(at) and not self._overloaded(at)

    def has_quota(self, at: float) -> bool:
        """Whether it is not used up."""
        return self._used < self._budget or at >= min(self._ends_at, self._early_at)

    def reads(self, thread: Thread, turn: Turn, at: float) -> int:
        """How much of a prompt is in its cache."""
        cached = self._cached.get(thread)
        if cached is None or at - cached.at > CACHE_SECONDS:
            return 0
        return min(cached.turn.prompt, turn.prompt) if cached.turn.history == turn.history else thread.begin

    def window(self) -> Window:
        """What its answers say of its quota."""
        used = math.floor(DIGITS * min(1.0, self._used / self._budget)) / DIGITS
        self._known = self._known or used >= NEARLY
        return Window("5h", used, self._ends_at, WINDOW_SECONDS)

    def unserved(self, end: float) -> list[float]:
        """Seconds from an early reset to the end, if it has served nobody until then."""
        return [end - self._early_at] if self._known and self._early_at < end else []

    def _overloaded(self, at: float) -> bool:
        return bisect_right(self._overloads, at) % 2 == 1

    def _use(self, weight: float, at: float) -> None:
        self.served += weight
        before, self._used = self._used, self._used + weight
        if before < self._budget <= self._used:
            self._exhausted(at)

    def _exhausted(self, at: float) -> None:
        early_at = at + self._chance.uniform(*EARLY_SECONDS)
        lucky = self._chance.random() < EARLY and early_at < self._ends_at
        self._early_at = early_at if lucky else math.inf


def _elsewhere(chance: Random, days: float) -> Iterator[float]:
    at = 0.0
    while (at := at + chance.expovariate(ELSEWHERE_A_DAY / DAY)) < days * DAY:
        yield at


def _overloads(chance: Random, days: float) -> list[float]:
    """The times at which an overload begins or ends, in turn."""
    mean = sum(OVERLOAD_SECONDS) / 2
    times: list[float] = []
    at = 0.0
    while (at := at + chance.expovariate(OVERLOADED / mean)) < days * DAY:
        times += [at, at := at + chance.uniform(*OVERLOAD_SECONDS)]
    return times
