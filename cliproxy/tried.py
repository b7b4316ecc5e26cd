"""Who was asked in one round, and where nobody need be asked any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Final

from cliproxy.routing.catalogue import Candidate

MOST_UNREACHED: Final = 3
"""Attempts at one place that found nobody there. Thousands of accounts may share it, and would find nobody either."""


class Tried(Collection[Candidate]):
    """Those who were asked; beside them it contains all whose place could not be reached several times.

    `place_of` tells what candidates have in common that are reached, or not, together.
    """

    def __init__(self, place_of: Callable[[Candidate], Hashable]) -> None:
        self._place_of = place_of
        self._asked: set[Candidate] = set()
        self._unreached: dict[Hashable, int] = {}
        self._given_up: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._asked)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._asked)

    def __contains__(self, candidate: object) -> bool:
        if candidate in self._asked:
            return True
        return bool(self._given_up) and isinstance(candidate, Candidate) and self._place_of(candidate) in self._given_up

    def add(self, candidate: Candidate) -> None:
        """It is asked now."""
        self._asked.add(candidate)

    def not_reached(self, candidate: Candidate) -> None:
        """Nobody was there."""
        place = self._place_of(candidate)
        self._unreached[place] = self._unreached.get(place, 0) + 1
        if self._unreached[place] >= MOST_UNREACHED:
            self._given_up.add(place)

    def clear(self) -> None:
        """Another round begins."""
        self._asked.clear()
        self._unreached.clear()
        self._given_up.clear()
