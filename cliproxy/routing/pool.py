"""How each credential stands for each model, and who serves the next attempt. Pure: time comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, Generic, TypeVar

import attrs

from cliproxy.routing.catalogue import Candidate
from cliproxy.routing.strategies import Strategy, round_robin
from cliproxy.routing.verdicts import ladder

MAX_REMEMBERED: Final = 4096
"""Names served by pattern come from clients, so what is remembered of them is bounded; the oldest is forgotten."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@attrs.frozen
class Standing:
    """What the pool remembers of one credential for one model."""

    cools_until: float = 0.0
    failures: int = 0
    """In a row; a success resets them."""
    status: int = 0
    """Of the last answer that was trouble."""
    since: float = 0.0
    """When that came."""


@attrs.frozen
class Wait:
    """Nobody is ready: the nearest will be in so many seconds, and `status` was its last answer."""

    seconds: float
    status: int


class Pool:
    """The standings. What changes: one standing with each report, one turn with each choice."""

    def __init__(self, max_cooldown_seconds: float, strategy: Strategy = round_robin) -> None:
        self.max_cooldown_seconds = max_cooldown_seconds
        self._strategy = strategy
        self._standings: _Remembered[Candidate, Standing] = _Remembered()
        self._turns: _Remembered[str, int] = _Remembered()

    def turn(self, name: str) -> int:
        """The number of this request among those for the model a client calls `name`."""
        turn = self._turns.get(name, -1) + 1
        self._turns.put(name, turn)
        return turn

    def choose(
        self, candidates: Sequence[Candidate], turn: int, now: float, tried: Collection[Candidate] = ()
    ) -> Candidate | Wait | None:
        """Who serves the next attempt of a request; a wait if all others cool; None if all were tried."""
        left = [candidate for candidate in candidates if candidate not in tried]
        if not left:
            return None
        ready = [candidate for candidate in left if self.standing(candidate).cools_until <= now]
        if ready:
            return self._strategy(ready, turn)
        first = min((self.standing(candidate) for candidate in left), key=lambda standing: standing.cools_until)
        return Wait(first.cools_until - now, first.status)

    def standing(self, candidate: Candidate) -> Standing:
        """How it stands; well, if nothing is known."""
        return self._standings.get(candidate, Standing())

    def served(self, candidate: Candidate, asked_at: float) -> None:
        """A success: what was held against it is forgotten, unless it failed only after this request was sent."""
        if self.standing(candidate).since <= asked_at:
            self._standings.drop(candidate)

    def failed(self, candidate: Candidate, status: int, now: float, hint: float | None = None) -> float:
        """Trouble: it cools, for `hint` seconds if the upstream gave one, within reason. Returns the seconds.

        Within reason: no longer than the cap, and no shorter than the first step of the ladder, since some say 0.

        Trouble that comes while it cools answers a request sent earlier: it never shortens the cooldown, and is no
        further failure in a row. A status that is no trouble changes nothing.
        """
        steps = ladder(status)
        if steps is None:
            return 0.0
        before = self.standing(candidate)
        failures = before.failures + (before.cools_until <= now)
        seconds = steps.step(failures) if hint is None else max(hint, steps.first)
        until = max(before.cools_until, now + min(seconds, self.max_cooldown_seconds))
        self._standings.put(candidate, Standing(until, failures, status, now))
        return until - now

    def keep_only(self, credentials: Collection[str]) -> None:
        """Forget whoever is not among `credentials` any more, after a reload; the others' standings stay."""
        self._standings.keep(lambda candidate: candidate.credential in credentials)


class _Remembered(Generic[Key, Value]):
    """A mapping of at most `MAX_REMEMBERED` entries."""

    def __init__(self) -> None:
        self._entries: dict[Key, Value] = {}

    def get(self, key: Key, default: Value) -> Value:
        return self._entries.get(key, default)

    def put(self, key: Key, value: Value) -> None:
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > MAX_REMEMBERED:
            del self._entries[next(iter(self._entries))]

    def drop(self, key: Key) -> None:
        self._entries.pop(key, None)

    def keep(self, wanted: Callable[[Key], bool]) -> None:
        self._entries = {key: value for key, value in self._entries.items() if wanted(key)}
