"""Why a request was served by whom: kept for the last requests, and put into words when somebody asks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from cliproxy.routing.catalogue import Candidate
from cliproxy.routing.standing import Fate

MAX_DECISIONS: Final = 10_000
MAX_STEPS: Final = 64
"""Of one request: as many attempts as anybody makes."""
SHOWN: Final = 32
"""Candidates that are kept of one choice."""
SHOWN_OF_MANY: Final = 16
"""And if there are more of them; of the others, how many there were. Each costs some microseconds."""
NOT_KNOWN: Final = float("nan")

_PACKED: Final = struct.Struct("<IBHffH")
"""Position, fate, requests under way, two figures and a status: what makes a sentence of it. A choice is kept for long
by the thousand, so it is kept small."""
_FATES: Final = tuple(Fate)
_NUMBER: Final = {fate: number for number, fate in enumerate(_FATES)}


@attrs.frozen
class Step:
    """One choice."""

    at: float
    name: str
    """The model that was asked for, or what stands in for it."""
    taken: Candidate | None
    why: str
    packed: bytes = attrs.field(repr=False)
    candidates: Sequence[Candidate] = attrs.field(repr=False)
    """The roster's, by position."""
    others: int = 0

    def told(self) -> dict[str, object]:
        """In words, as JSON has them."""
        return {
            "at": self.at,
            "name": self.name,
            "taken": self.taken.credential if self.taken else None,
            "model": self.taken.model if self.taken else "",
            "why": self.why,
            "candidates": [
                _told(self.candidates[position], _FATES[fate], in_flight, first, second, status)
                for position, fate, in_flight, first, second, status in _PACKED.iter_unpack(self.packed)
            ],
            "others": self.others,
        }


def pack(
    position: int,
    fate: Fate,
    in_flight: int = 0,
    first: float = NOT_KNOWN,
    second: float = NOT_KNOWN,
    status: int = 0,
) -> bytes:
    """A candidate, small. Ready: load and pace; cooling: seconds until it is due and until it is expected back."""
    return _PACKED.pack(position, _NUMBER[fate], min(in_flight, 65_535), first, second, min(max(status, 0), 65_535))


@attrs.define
class Decision:
    """All choices for one request. Grows while it is served."""

    request_id: str
    at: float
    model: str
    session: str = ""
    """By what the conversation was known."""
    outcome: str = "under way"
    steps: list[Step] = attrs.field(factory=list)

    def note(self, step: Step) -> None:
        """One choice more. Who waits looks often: of those in a row that found nobody, each model's last is kept."""
        if step.taken is None:
            for place in reversed(range(len(self.steps))):
                if self.steps[place].taken is not None:
                    break
                if self.steps[place].name == step.name:
                    self.steps[place] = step
                    return
        if len(self.steps) < MAX_STEPS:
            self.steps.append(step)

    def told(self) -> dict[str, object]:
        """In words, as JSON has them."""
        return {
            "request_id": self.request_id,
            "at": self.at,
            "model": self.model,
            "session": {"source": self.session} if self.session else None,
            "outcome": self.outcome,
            "steps": [step.told() for step in self.steps],
        }


class Decisions:
    """The last requests' decisions."""

    def __init__(self) -> None:
        self._kept: dict[str, Decision] = {}

    def begin(self, decision: Decision) -> None:
        """Keep one; the oldest goes."""
        self._kept[decision.request_id] = decision
        if len(self._kept) > MAX_DECISIONS:
            del self._kept[next(iter(self._kept))]

    def find(self, request_id: str) -> Decision | None:
        """That of one request, if it is kept still."""
        return self._kept.get(request_id)


def _told(
    candidate: Candidate, fate: Fate, in_flight: int, first: float, second: float, status: int
) -> dict[str, object]:
    return {
        "credential": candidate.credential,
        "model": candidate.model,
        "fate": fate.value,
        "detail": "; ".join(_details(fate, in_flight, first, second, status)),
    }


def _details(fate: Fate, in_flight: int, first: float, second: float, status: int) -> Iterable[str]:
    if fate in (Fate.COOLING, Fate.HALF_OPEN, Fate.PROBING):
        yield f"after status {status}" if status else "after no answer"
        if fate is Fate.COOLING and first == first:
            yield f"to be tried in {max(first, 0):.0f} s"
        if second == second and second > 0:
            yield f"expected back in {second:.0f} s"
        return
    if in_flight:
        yield f"{in_flight} under way"
    if first == first:
        yield f"{first:.0f} tokens lately"
    if second == second:
        yield f"{abs(second) * 100:.0f} % of a window {'ahead of' if second > 0 else 'behind'} its time"
