"""Where each conversation is, what it would cost to move it, and when that is worth it. Pure: time is an argument.

A conversation stays on its account, since the vendor's prompt cache is there. It moves when the account cannot serve
it, or when others have so much less to do that the cache is the smaller price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from cliproxy.routing.catalogue import Candidate
from cliproxy.routing.memory import note
from cliproxy.routing.strategies import Seen, has_room, pace

MAX_BINDINGS: Final = 50_000
"""A conversation that was not heard of for longest is forgotten."""
WARM_SECONDS: Final = 300.0
"""How long vendors keep a prompt in the cache for certain; after that it may or may not be there."""
COLD_PART: Final = 0.2
"""What is still put on a cache that may be gone."""
MOVES_TO_PAY: Final = 20.0
"""The imbalance that makes a move worth it, in prices of the move: moving costs a twentieth of what it evens out."""
LEAST_IMBALANCE: Final = 250_000.0
"""In tokens of fresh input: below that, nobody starves."""
PACE_GAP: Final = 0.25
"""The same where vendors tell of windows: a quarter of one, for who will run dry before it ends."""
COLD_PACE_GAP: Final = 0.1

Key = tuple[bytes, str]
"""A conversation, and the model that it asks for: the cache is a model's own."""


@attrs.frozen
class Binding:
    """Where a conversation is."""

    candidate: Candidate
    used_at: float
    cached_tokens: int = 0
    """What of its prompt the vendor has in the cache, as the last answer told."""
    served: bool = False
    """It was answered there; before that, to go elsewhere is no move."""
    origin: Binding | None = None
    """Where it was answered before, until it is answered here."""

    def price(self, now: float) -> float:
        """What moving would cost: tokens that are read afresh instead of from the cache."""
        warm = now - self.used_at <= WARM_SECONDS
        return self.cached_tokens * (1.0 if warm else COLD_PART)


class Affinity:
    """The bindings, the least lately used first. Counts: moves, and the tokens whose cache they cost."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How long a binding outlives its last request; 0: there are none."""
        self.moves = 0
        self.cached_tokens_lost = 0
        self._bindings: dict[Key, Binding] = {}
        self._changed: dict[Key, Binding | None] = {}

    def __len__(self) -> int:
        return len(self._bindings)

    def find(self, key: Key, now: float) -> Binding | None:
        """Where a conversation is, if it is anywhere."""
        found = self._bindings.get(key)
        if found is not None and now - found.used_at > self.seconds:
            self._forget(key)
            return None
        return found

    def bind(self, key: Key, candidate: Candidate, now: float) -> None:
        """It is asked there now."""
        if self.seconds <= 0:
            return
        before = self._bindings.pop(key, None)
        origin = before if before is None or before.served else before.origin
        if before is not None and before.candidate == candidate:
            binding = attrs.evolve(before, used_at=now)
        elif origin is not None and origin.candidate == candidate:
            binding = attrs.evolve(origin, used_at=now)
        else:
            binding = Binding(candidate, now, origin=origin)
        self._put(key, binding)
        self._prune(now)

    def served(self, key: Key, candidate: Candidate, *, well: bool = True) -> None:
        """It was answered there. A move is counted, with what it costs.

        Of two that were asked for the same thing, the one that answers first has it from now on, if it is `well`.
        """
        found = self._bindings.get(key)
        if found is None or found.served or not (well or found.candidate == candidate):
            return
        origin = found.origin
        if origin is not None and origin.candidate == candidate:
            self._put(key, attrs.evolve(origin, used_at=found.used_at))
            return
        if origin is not None:
            self.moves += 1
            self.cached_tokens_lost += origin.cached_tokens if found.used_at - origin.used_at <= WARM_SECONDS else 0
        self._put(key, Binding(candidate, found.used_at, served=True))

    def cached(self, key: Key, candidate: Candidate, tokens: int) -> None:
        """So much of it is in that account's cache, if it is still there."""
        found = self._bindings.get(key)
        if found is not None and found.candidate == candidate:
            self._put(key, attrs.evolve(found, cached_tokens=tokens))

    def keep(self, wanted: Callable[[Candidate], bool]) -> None:
        """Forget all bindings to others than these."""
        for key in [key for key, binding in self._bindings.items() if not wanted(binding.candidate)]:
            self._forget(key)

    def counts(self) -> dict[str, int]:
        """How many conversations each credential has."""
        counts: dict[str, int] = {}
        for binding in self._bindings.values():
            counts[binding.candidate.credential] = counts.get(binding.candidate.credential, 0) + 1
        return counts

    def restore(self, key: Key, binding: Binding) -> None:
        """Take up what an earlier process knew."""
        self._bindings[key] = binding

    def take_changes(self) -> dict[Key, Binding | None]:
        """What has changed since this was asked last."""
        changed, self._changed = self._changed, {}
        return changed

    def _put(self, key: Key, binding: Binding) -> None:
        self._bindings[key] = binding
        note(self._changed, key, binding)

    def _forget(self, key: Key) -> None:
        del self._bindings[key]
        note(self._changed, key, None)

    def _prune(self, now: float) -> None:
        """Two of the oldest with each new one: however many expire, no request pays for all of them."""
        for _ in range(2):
            oldest = next(iter(self._bindings))
            if len(self._bindings) > MAX_BINDINGS or now - self._bindings[oldest].used_at > self.seconds:
                self._forget(oldest)


def worth_moving(here: Seen, best: Seen, price: float, warm: bool, now: float) -> bool:
    """Whether a conversation should leave a credential that is well, for the one that the strategy would pick.

    `price` in tokens; `warm`: its prompt is in the cache for certain. Who is not ahead of its time does not run dry,
    and who is behind the other's has more to give, however much more it has served: accounts are not of one size.
    """
    if has_room(best, now) and not has_room(here, now):
        return True
    ours, theirs = pace(here, now), pace(best, now)
    if ours is not None and theirs is not None:
        if ours > 0 and ours - theirs > (PACE_GAP if warm else COLD_PACE_GAP):
            return True
        if ours < theirs:
            return False
    return here.load - best.load > max(LEAST_IMBALANCE, MOVES_TO_PAY * price)
