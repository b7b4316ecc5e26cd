"""Which result belongs to which call: this wire may leave ids out, and then goes by names and order.

A result takes the id it gives, if there is such a call; else the oldest open call of its name, of the last step that
called anything before older ones. A call whose id some result gives is left to that one. Ids that are made are made of
positions, so that they stay as a history grows.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from cliproxy.formats.codec import NO_CALL_ID

_ANY_STEP: Final = -1


@attrs.define(eq=False)
class _Open:
    id: str
    name: str
    taken: bool = False


class Pairing:
    """Follows one conversation. State: the calls that wait for a result, and which step this is."""

    def __init__(self, answered: frozenset[str]) -> None:
        """`answered`: the ids that results of this conversation give."""
        self._answered = answered
        self._by_id: dict[str, _Open] = {}
        self._queues: dict[tuple[str, int, bool], deque[_Open]] = {}
        """By name (empty: any), step (or any), and whether only calls that came without an id are in it."""
        self._step = 0
        self._answering = False

    def user_spoke(self) -> None:
        """The user has said something: the next call begins a step."""
        self._answering = True

    def call(self, given: str, name: str, position: str) -> str:
        """The id of a call at a position of the conversation."""
        if self._answering:
            self._step += 1
            self._answering = False
        call = _Open(given or NO_CALL_ID + position, name)
        self._by_id.setdefault(call.id, call)
        if given in self._answered:
            return call.id
        for without_id in (False,) if given else (False, True):
            for known_by in (name, ""):
                for step in (self._step, _ANY_STEP):
                    self._queues.setdefault((known_by, step, without_id), deque()).append(call)
        return call.id

    def result(self, given: str, name: str, position: str) -> tuple[str, str]:
        """The id of the call that a result answers, and the name of its tool."""
        call = self._by_id.get(given) if given else None
        if call is None or call.taken:
            call = self._oldest(name, self._step, bool(given)) or self._oldest(name, _ANY_STEP, bool(given))
        if call is None:
            return given or NO_CALL_ID + position, name
        call.taken = True
        return call.id, name or call.name

    def _oldest(self, name: str, step: int, without_id: bool) -> _Open | None:
        queue = self._queues.get((name, step, without_id))
        while queue:
            call = queue.popleft()
            if not call.taken:
                return call
        return None
