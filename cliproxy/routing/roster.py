"""All candidates for one model, sorted by what may be asked of them, so that a choice among thousands is quick.

A roster only sorts. What is held against a credential is known to the pool; a candidate whose fate has changed is
noticed when its turn comes, and put where it belongs.

    ready: in order of priority, then of the configuration       due: to be tried by one request
    asleep: by the time at which each is due                     aside: full, being tried, or in need of a login
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from cliproxy.routing.catalogue import Candidate, CredentialId, Terms
from cliproxy.routing.standing import Fate

LOOKED_AT: Final = 32
"""No strategy is shown more."""
SAMPLE: Final = 12
"""Of a longer list it is shown so many, others each time: each costs some microseconds."""
FEW: Final = 16
"""More than that are not taken out of a list one by one."""
SLACK: Final = 64
"""Alarms that are over, and may stay."""

Judged = tuple[Fate, float, float]
"""A fate; for one that cools, when it is due, and when it may be asked at the earliest, should there be nobody else."""
Judge = Callable[[int], Judged]
"""Of a position."""


class Roster:
    """Positions stand for candidates. State: where each of them is, and what each got."""

    def __init__(self, given: Sequence[Candidate], terms: Sequence[Terms]) -> None:
        self.given = given
        """To know it again."""
        order = sorted(range(len(given)), key=lambda place: -terms[place].priority)
        self.candidates = tuple(given[place] for place in order)
        self.terms = tuple(terms[place] for place in order)
        self.turn = 0
        """Requests so far."""
        self.turns = array("q", bytes(8 * len(order)))
        """The last of them that each got."""
        self.shares = array("d", bytes(8 * len(order)))
        """How many each got, over its weight."""
        self.floor = 0.0
        """The share of the last that got one: who comes back after a while begins there, and does not catch up."""
        self._picks = 0
        self._checked_at = 0.0
        self._tier_ends = _tier_ends(self.terms)
        self._ready = list(range(len(order)))
        self._due: list[int] = []
        self._aside: dict[Fate, set[int]] = {Fate.FULL: set(), Fate.PROBING: set(), Fate.PARKED: set()}
        self._asleep: dict[int, tuple[float, float]] = {}
        self._wakings: list[tuple[float, int]] = []
        """When each who sleeps is due: a heap. What `_asleep` does not say as well is over."""
        self._returns: list[tuple[float, int]] = []
        """When each who sleeps may be asked at the earliest: the same."""
        self._places: dict[CredentialId, list[int]] = {}
        for position, candidate in enumerate(self.candidates):
            self._places.setdefault(candidate.credential, []).append(position)

    def find(self, candidate: Candidate) -> int | None:
        """The position of a candidate, if it has one."""
        for position in self._places.get(candidate.credential, ()):
            if self.candidates[position] == candidate:
                return position
        return None

    # -- what a choice looks at

    def due(self, judge: Judge, now: float) -> Sequence[int]:
        """Positions that are to be tried by one request: the first of them. To be asked for before all others."""
        self._wake(now)
        found: list[int] = []
        others: list[tuple[int, Judged]] = []
        for position in self._due:
            judged = judge(position)
            if judged[0] is Fate.HALF_OPEN:
                found.append(position)
                if len(found) == SAMPLE:
                    break
            elif judged[0] is not Fate.TRIED:
                others.append((position, judged))
        self._move(self._due, others)
        return found

    def look(self, judge: Judge, *, spread: bool) -> Sequence[int]:
        """Ready positions of the highest priority that has any: all of them, or if there are too many, a sample.

        `spread`: another one after each pick; else the first.
        """
        found: list[int] = []
        others: list[tuple[int, Judged]] = []
        begin = 0
        while begin < len(self._ready) and not found:
            end = bisect_left(self._ready, self._tier_ends[self._ready[begin]], begin)
            count = end - begin
            most = count if count <= LOOKED_AT else SAMPLE
            offset = self._picks * SAMPLE % count if spread and count > most else 0
            for step in range(count):
                position = self._ready[begin + (offset + step) % count]
                judged = judge(position)
                if judged[0] is Fate.READY:
                    found.append(position)
                    if len(found) == most:
                        break
                elif judged[0] is not Fate.TRIED:
                    others.append((position, judged))
            begin = end
        self._move(self._ready, others)
        return found

    def first_back(self, judge: Judge, now: float) -> Sequence[tuple[float, int]]:
        """With nobody ready or due: when somebody may be asked, and who; of those who may be now, a sample."""
        found = [(judged[2], place) for place in self._aside[Fate.PROBING] if (judged := judge(place))[2] <= now]
        kept: list[tuple[float, int]] = []
        while self._returns and len(found) < SAMPLE:
            back_at, position = alarm = heapq.heappop(self._returns)
            if position not in self._asleep or self._asleep[position][1] != back_at:
                continue
            judged = judge(position)
            if judged[0] is Fate.TRIED:
                kept.append(alarm)
            elif judged[0] is Fate.COOLING and judged[2] == back_at:
                kept.append(alarm)
                found.append(alarm)
                if back_at > now:
                    break
            else:
                del self._asleep[position]
                self._put(position, judged)
        for alarm in kept:
            heapq.heappush(self._returns, alarm)
        return found

    def anybody_busy(self, judge: Judge) -> bool:
        """Whether somebody is kept out by requests alone, and only until one of them ends."""
        busy = chain(self._aside[Fate.FULL], self._aside[Fate.PROBING])
        return any(judge(position)[0] in (Fate.FULL, Fate.PROBING) for position in busy)

    def unready(self) -> Iterator[int]:
        """Everyone who is not ready, as far as that was noticed."""
        return chain(self._due, *self._aside.values(), self._asleep)

    def rest(self, most: int) -> Sequence[int]:
        """Some of those that count as ready, be it that nobody has looked at them for long."""
        return self._ready[:most]

    # -- what changes

    def count(self, position: int, *, picked: bool) -> None:
        """It got one request more; `picked`: among those that were looked at."""
        self._picks += picked
        self.turn += 1
        self.turns[position] = self.turn
        self.floor = max(self.floor, self.shares[position])
        weight = self.terms[position].weight
        if weight > 0:
            self.shares[position] = self.floor + 1.0 / weight

    def revive(self, credential: CredentialId) -> None:
        """What is held against it is another thing now: look at it again."""
        for position in self._places.get(credential, ()):
            for aside in self._aside.values():
                aside.discard(position)
            self._asleep.pop(position, None)
            _remove(self._due, position)
            _insert(self._ready, position)

    def free(self, credential: CredentialId) -> None:
        """A request that kept others out has ended."""
        for position in self._places.get(credential, ()):
            for aside in self._aside.values():
                if position in aside:
                    aside.remove(position)
                    _insert(self._ready, position)

    # -- inside

    def _wake(self, now: float) -> None:
        """Whose time has come is due. So is everybody, if the clock was set back: by it nobody knows when to wake."""
        if now < self._checked_at:
            self._due = sorted({*self._due, *self._asleep})
            self._asleep.clear()
            self._wakings.clear()
            self._returns.clear()
        self._checked_at = now
        while self._wakings and self._wakings[0][0] <= now:
            due_at, position = heapq.heappop(self._wakings)
            if position in self._asleep and self._asleep[position][0] == due_at:
                del self._asleep[position]
                _insert(self._due, position)

    def _move(self, where: list[int], leaving: Sequence[tuple[int, Judged]]) -> None:
        """Put positions where they belong."""
        if len(leaving) > FEW:
            gone = {position for position, _ in leaving}
            where[:] = [position for position in where if position not in gone]
        else:
            for position, _ in leaving:
                _remove(where, position)
        for position, judged in leaving:
            self._put(position, judged)

    def _put(self, position: int, judged: Judged) -> None:
        fate, due_at, back_at = judged
        if fate is Fate.READY:
            _insert(self._ready, position)
        elif fate is Fate.HALF_OPEN:
            _insert(self._due, position)
        elif fate is Fate.COOLING:
            self._asleep[position] = due_at, back_at
            heapq.heappush(self._wakings, (due_at, position))
            heapq.heappush(self._returns, (back_at, position))
            if len(self._returns) > 2 * len(self._asleep) + SLACK or len(self._wakings) > 2 * len(self._asleep) + SLACK:
                self._forget_what_is_over()
        else:
            self._aside[fate].add(position)

    def _forget_what_is_over(self) -> None:
        self._wakings = [(due_at, position) for position, (due_at, _) in self._asleep.items()]
        self._returns = [(back_at, position) for position, (_, back_at) in self._asleep.items()]
        heapq.heapify(self._wakings)
        heapq.heapify(self._returns)


def _tier_ends(terms: Sequence[Terms]) -> Sequence[int]:
    """For each position, where those of its priority end."""
    ends = array("q", bytes(8 * len(terms)))
    end = len(terms)
    for position in reversed(range(len(terms))):
        if position + 1 < len(terms) and terms[position].priority != terms[position + 1].priority:
            end = position + 1
        ends[position] = end
    return ends


def _insert(positions: list[int], position: int) -> None:
    """Keep a sorted list sorted, and each position in it once."""
    place = bisect_left(positions, position)
    if place == len(positions) or positions[place] != position:
        insort(positions, position)


def _remove(positions: list[int], position: int) -> None:
    """Take it out of a sorted list, if it is there."""
    place = bisect_left(positions, position)
    if place < len(positions) and positions[place] == position:
        del positions[place]
