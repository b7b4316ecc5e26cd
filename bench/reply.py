"""Read HTTP/1.1 replies and the stamps in streamed ones: sans-IO, strict about how a body ends, and cheap."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_CHUNK_BYTES: Final = 4 * 1024 * 1024
TAIL_BYTES: Final = 64
"""Longer than a stamp or the mark of a last event, which may be split between two reads."""

_STATUS = re.compile(rb"http/1\.1 (\d{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n")
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n")
_STAMP = re.compile(rb"@(\d{9,20})@")


class Malformed(Exception):
    """Bytes that are no whole, well-formed reply; the text says where they went wrong."""


class Reply:
    """One reply as it arrives. `feed` it until `done`; a new reply needs a new object.

    A chunk is passed on when it is complete: over loopback the rest of one is microseconds away.
    """

    __slots__ = ("_left", "_read", "_rest", "done", "keep_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        self.done = False
        self.keep_alive = True
        self._rest = b""
        self._left = 0
        self._read: Callable[[bytes], bytes] = self._head

    def feed(self, received: bytes) -> bytes:
        """The bytes of the body that these bytes complete, framing taken off. Raises `Malformed`."""
        return self._read(received)

    def close(self) -> None:
        """The peer closed: the end of a body without length, `Malformed` anywhere else."""
        if self._read == self._until_close:
            self.done = True
        elif not self.done:
            raise Malformed("the connection closed inside a reply")

    def _head(self, received: bytes) -> bytes:
        received = self._rest + received
        end = received.find(b"\r\n\r\n")
        if end < 0:
            if len(received) > MAX_HEAD_BYTES:
                raise Malformed("a head without end")
            self._rest = received
            return b""
        self._rest = b""
        head = received[: end + 2].lower()
        status = _STATUS.match(head)
        if status is None:
            raise Malformed("no HTTP/1.1 status line")
        self.status = int(status[1])
        self.keep_alive = _CLOSE.search(head) is None
        if _CHUNKED.search(head):
            self._read = self._chunked
        elif length := _LENGTH.search(head):
            self._left = int(length[1])
            self._read = self._counted
        else:
            self.keep_alive = False
            self._read = self._until_close
        return self._read(received[end + 4 :])

    def _counted(self, received: bytes) -> bytes:
        self._left -= len(received)
        if self._left < 0:
            raise Malformed("more bytes than content-length says")
        self.done = self._left == 0
        return received

    def _until_close(self, received: bytes) -> bytes:
        return received

    def _chunked(self, received: bytes) -> bytes:
        if self.done:
            raise Malformed("bytes after the last chunk")
        if self._rest:
            received = self._rest + received
        pieces: list[bytes] = []
        at = 0
        while (line_end := received.find(b"\r\n", at)) >= 0:
            try:
                size = int(received[at:line_end].partition(b";")[0], 16)
            except ValueError:
                raise Malformed("a chunk without a size") from None
            start = line_end + 2
            end = start + size
            if len(received) < end + 2:
                break
            if received[end : end + 2] != b"\r\n":
                raise Malformed("a chunk longer than its size")
            at = end + 2
            if size == 0:
                if at != len(received):
                    raise Malformed("bytes after the last chunk")
                self.done = True
                break
            pieces.append(received[start:end])
        self._rest = received[at:]
        if len(self._rest) > MAX_CHUNK_BYTES:
            raise Malformed("a chunk without end")
        return b"".join(pieces)


class Stamps:
    """Finds the stamps `@<monotonic ns>@` of a streamed body, also split ones, and remembers how the body ends.

    `last`: what stands in the last event of a whole stream.
    """

    __slots__ = ("_last", "_last_came", "_tail")

    def __init__(self, last: bytes) -> None:
        self._last = last
        self._last_came = False
        self._tail = b""

    def feed(self, body: bytes) -> list[int]:
        """The sending times (monotonic ns) that this part of the body completes."""
        text = self._tail + body
        times: list[int] = []
        end = 0
        for stamp in _STAMP.finditer(text):
            times.append(int(stamp[1]))
            end = stamp.end()
        self._last_came = self._last_came or self._last in text
        self._tail = text[max(end, len(text) - TAIL_BYTES) :]
        return times

    def ended_well(self) -> bool:
        """Whether the last event has come, whole."""
        return self._last_came and self._tail.endswith((b"\n\n", b"\r\n\r\n"))
