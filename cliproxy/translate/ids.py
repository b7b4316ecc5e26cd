"""Ids of tool calls, as the target bears them.

A legal id stays. Any other becomes its legal part and a hash of the whole; so does the id of a second call, as some
upstreams number their calls from 0 in each turn, and others refuse an id that comes twice. All of it is made of what
stands before, so that a conversation which goes on keeps its ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.conversation.parts import Part, ToolCall, ToolResult
from cliproxy.conversation.request import Message, Request
from cliproxy.formats.codec import Limits

_HASH_DIGITS: Final = 16
_NAMELESS: Final = "call"
"""How an id begins of which nothing was legal."""


def fit_ids(request: Request, limits: Limits) -> Request:
    """The request with ids that the target bears, the same on a call and on its result, no two calls with one."""
    spelling = _Spelling(limits)
    if _all_fit(request.messages, spelling):
        return request
    renaming = _Renaming(spelling, request.messages)
    return attrs.evolve(request, messages=tuple(renaming.message(message) for message in request.messages))


class _Spelling:
    def __init__(self, limits: Limits) -> None:
        self._pattern = re.compile(limits.id_pattern)
        self._length = limits.id_length

    def bears(self, call_id: str) -> bool:
        return len(call_id) <= self._length and self._pattern.fullmatch(call_id) is not None

    def hashed(self, call_id: str, occurrence: int, attempt: int) -> str:
        told = f"{call_id}\0{occurrence}\0{attempt}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(told).hexdigest()[:_HASH_DIGITS]
        bears = self._pattern.fullmatch
        clean = "".join(char if bears(char) else "_" for char in call_id[: self._length - _HASH_DIGITS - 1])
        return f"{clean or _NAMELESS}_{digest}"


def _all_fit(messages: Sequence[Message], spelling: _Spelling) -> bool:
    seen: set[str] = set()
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                if part.id in seen or not spelling.bears(part.id):
                    return False
                seen.add(part.id)
            elif isinstance(part, ToolResult) and part.call_id not in seen and not spelling.bears(part.call_id):
                return False
    return True


class _Renaming:
    """State: the ids given so far, and by the client's id the calls that wait for their results."""

    def __init__(self, spelling: _Spelling, messages: Sequence[Message]) -> None:
        self._spelling = spelling
        self._taken = {part.id for message in messages for part in message.parts if isinstance(part, ToolCall)}
        self._occurrences: dict[str, int] = {}
        self._waiting: dict[str, list[str]] = {}
        self._latest: dict[str, str] = {}

    def message(self, message: Message) -> Message:
        for part in message.parts:
            if isinstance(part, ToolCall):
                self._waiting.pop(part.id, None)
        parts = tuple(self._part(part) for part in message.parts)
        return message if parts == message.parts else attrs.evolve(message, parts=parts)

    def _part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            return attrs.evolve(part, id=self._of_call(part.id))
        if isinstance(part, ToolResult):
            return attrs.evolve(part, call_id=self._of_result(part.call_id))
        return part

    def _of_call(self, call_id: str) -> str:
        occurrence = self._occurrences.get(call_id, 0)
        self._occurrences[call_id] = occurrence + 1
        told = self._made(call_id, occurrence)
        self._waiting.setdefault(call_id, []).append(told)
        self._latest[call_id] = told
        return told

    def _of_result(self, call_id: str) -> str:
        """Results of calls with one id come in the order of the calls."""
        waiting = self._waiting.get(call_id)
        if waiting:
            return waiting.pop(0)
        if call_id not in self._latest:
            self._latest[call_id] = self._made(call_id, 0)
        return self._latest[call_id]

    def _made(self, call_id: str, occurrence: int) -> str:
        if not occurrence and self._spelling.bears(call_id):
            return call_id
        attempt = 0
        while (told := self._spelling.hashed(call_id, occurrence, attempt)) in self._taken:
            attempt += 1
        self._taken.add(told)
        return told
