"""Server-sent events as bytes: where events end, and what they carry. Sans-IO; bytes are never rewritten.

The grammar is the WHATWG one: lines end in LF, CR or CRLF, an empty line ends an event, lines that start with a colon
are comments. The hot path is `EventSplitter.feed` and `payloads`, once per read of the upstream's socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""A server tool's result comes as one event, a fetched PDF inside; the original's limit for a line is 20 MiB."""

_EMPTY_LINE: Final = re.compile(rb"(?>\r\n|\r|\n){2}")
"""Atomic, so that one CRLF is never taken for two line ends."""
_LONGEST_EMPTY_LINE: Final = 4
_LAST_DATA_LINE: Final = re.compile(rb"data: ?([^\r\n]*)\n\n")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class EventTooLong(Exception):
    """An event over `MAX_EVENT_BYTES`."""


class EventSplitter:
    """Cuts a stream of bytes where events end: what goes in comes out, whole events at a time.

    State: the beginning of the event under way, at most `MAX_EVENT_BYTES`.
    """

    __slots__ = ("_held", "_held_bytes")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """The whole events that `chunk` completes, or nothing. Raises `EventTooLong`."""
        edge = b"".join(self._held[-_LONGEST_EMPTY_LINE:])[1 - _LONGEST_EMPTY_LINE :] if self._held else b""
        end = _after_last_event(edge + chunk if edge else chunk) - len(edge)
        if end <= 0:
            self._hold(chunk)
            return b""
        whole = b"".join((*self._held, chunk[:end])) if self._held else chunk[:end]
        self._held.clear()
        self._held_bytes = 0
        if end < len(chunk):
            self._hold(chunk[end:])
        return whole

    @property
    def unfinished(self) -> bytes:
        """The beginning of an event whose end has not come; line ends alone do not count."""
        return b"".join(self._held).strip(b"\r\n")

    def _hold(self, chunk: bytes) -> None:
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes > MAX_EVENT_BYTES:
            raise EventTooLong


def _after_last_event(window: bytes) -> int:
    """The index behind the last event's empty line in `window`, or 0."""
    if b"\r" not in window:
        return window.rfind(b"\n\n") + 2 if b"\n\n" in window else 0
    end = 0
    for match in _EMPTY_LINE.finditer(window):
        end = match.end()
    return end


def payloads(events: bytes) -> list[bytes]:
    """The data of each of some whole events, in order; events without data (comments, heartbeats) have none."""
    plain = _LAST_DATA_LINE.findall(events)
    if len(plain) == events.count(b"\n\n") == events.count(b"data:"):
        return plain
    return [payload for event in each(events) if (payload := data_of(event)) is not None]


def each(events: bytes) -> Iterator[bytes]:
    """Some whole events, one by one, each with the empty line that ends it; joined they are `events` again."""
    start = 0
    for match in _EMPTY_LINE.finditer(events):
        yield events[start : match.end()]
        start = match.end()
    if start < len(events):
        yield events[start:]


def data_of(event: bytes) -> bytes | None:
    """The data of one event, its lines joined by LF; None if it has none."""
    lines = _LINE_END.split(event)
    parts = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    if b"data" in lines:
        parts.append(b"")
    return b"\n".join(parts) if parts else None


def event(name: bytes, payload: bytes) -> bytes:
    """One event with a name and a payload that holds no line end."""
    return b"event: %b\ndata: %b\n\n" % (name, payload)
