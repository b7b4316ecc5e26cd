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

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""A stream may begin with one; it passes, and is not looked at."""

_EMPTY_LINE: Final = re.compile(rb"\r\r|\n(?:\r?\n|\r(?=[^\n]))")
"""Two line ends in a row. Of a CR behind an LF the next byte tells whether it is all of its line end: it is waited for,
so that the events are the same however the bytes are split."""
_EDGE_BYTES: Final = 2
"""So much of what is held may be the beginning of an empty line."""
_LAST_DATA_LINE: Final = re.compile(rb"data:(?<![^\n]data:) ?+(.*+)\n\n")
"""Of an event with line ends of LF. Possessive, and with a dot instead of a set: four times as fast."""
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


_FIELDS_WITHOUT_DATA: Final = frozenset({b"", b"event", b"id", b"retry"})
"""The nameless one is the comment."""


_NO_LETTER: Final = frozenset({b"", b"\r", b"\n"})


class EventTooLong(Exception):
    """An event over `MAX_EVENT_BYTES`."""


class EventSplitter:
    """Cuts a stream of bytes where events end: what goes in comes out, whole events at a time.

    State: the beginning of the event under way, at most `MAX_EVENT_BYTES`.
    """

    __slots__ = ("_edge", "_held", "_held_bytes")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._edge = b""

    def feed(self, chunk: bytes) -> bytes:
        """The whole events that `chunk` completes, or nothing. Raises `EventTooLong`."""
        if not self._held and (
            (chunk.endswith(b"\n\n") and chunk[-3:-2] not in _NO_LETTER)
            or (chunk.endswith(b"\r\n\r\n") and chunk[-5:-4] not in _NO_LETTER)
        ):
            return chunk
        end = _after_last_event(self._edge + chunk)
        if not end:
            self._hold(chunk)
            return b""
        end -= len(self._edge)
        whole = b"".join((*self._held, chunk[:end])) if self._held else chunk[:end]
        self._held.clear()
        self._held_bytes = 0
        self._edge = b""
        self._hold(chunk[end:])
        return whole

    @property
    def unfinished(self) -> bytes:
        """The beginning of an event whose end has not come; line ends alone do not count."""
        return b"".join(self._held).strip(b"\r\n")

    def _hold(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._held.append(chunk)
        self._edge = (self._edge + chunk[-_EDGE_BYTES:])[-_EDGE_BYTES:]
        self._held_bytes += len(chunk)
        if self._held_bytes > MAX_EVENT_BYTES:
            raise EventTooLong


def _after_last_event(window: bytes) -> int:
    """The index behind the last event's empty line in `window`, or 0."""
    if b"\r" not in window:
        last = window.rfind(b"\n\n")
        if last < 0:
            return 0
        if window[last - 1 : last] != b"\n":
            return last + 2
    end = 0
    for match in _EMPTY_LINE.finditer(window):
        end = match.end()
    return end


def payloads(events: bytes) -> list[bytes]:
    """The data of each of some whole events, in order; nothing at all if one of them has none, as comments have."""
    found = _lines_of_data(events) if events[:6] == b"data: " else []
    if found:
        return found
    if events.find(b"\r") < 0:  # `in` takes twice as long for bytes
        # One event of a name and a line of data is what slow streams come as; it needs no pattern.
        data = events.find(b"\ndata: ") + 7
        if events.find(b"\n") == data - 7 and events.find(b"\n", data) == len(events) - 2 and events[:6] == b"event:":
            return [events[data:-2]]
        found = _LAST_DATA_LINE.findall(events)
        if len(found) == events.count(b"\n\n") == events.count(b"\ndata") + events.startswith(b"data"):
            return found
    read = [data_of(event) for event in each(events)]
    told = [payload for payload in read if payload is not None]
    return told if len(told) == len(read) else []


def _lines_of_data(events: bytes) -> list[bytes]:
    """The data of events that are each a line of data and nothing else, as OpenAI and Google write them, or nothing."""
    if events.endswith(b"\r\n\r\n"):
        found = events[6:-4].split(b"\r\n\r\ndata: ")
        line_ends = events.count(b"\r\n")
        alone = line_ends == events.count(b"\n") == events.count(b"\r")
    else:
        found = events[6:-2].split(b"\n\ndata: ")
        line_ends = events.count(b"\n")
        alone = events.find(b"\r") < 0
    return found if alone and line_ends == 2 * len(found) else []


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
    lines = _LINE_END.split(event.removeprefix(BYTE_ORDER_MARK))
    parts = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:") or line == b"data"]
    return b"\n".join(parts) if parts else None


def is_comment(event: bytes) -> bool:
    """Whether an event without data is one at all: a heartbeat, a comment, a name without a payload."""
    lines = _LINE_END.split(event.removeprefix(BYTE_ORDER_MARK))
    return all(not line or line.partition(b":")[0] in _FIELDS_WITHOUT_DATA for line in lines)


def event(name: bytes, payload: bytes) -> bytes:
    """One event with a name and a payload that holds no line end."""
    return b"event: %b\ndata: %b\n\n" % (name, payload)
