"""A body that is gzip although its head does not say so: decoded, whole or not at all. Sans-IO.

There are services that send such answers, which no client understands. A body that begins as gzip does is gathered to
its end; if it is sound, its plain bytes go on in its place. Whatever is not, or grows beyond the bounds, goes on as it
came, for the client to make of it what it can: that is why `streaming.inflate`, which gives what it has before it has
seen the end, will not do. Inflating goes by steps, since a small body can hold a great deal.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import Final

from twisted.web.http_headers import Headers

MAGIC: Final = b"\x1f\x8b"
MAX_CAME_BYTES: Final = 8 * 1024 * 1024
MAX_PLAIN_BYTES: Final = 64 * 1024 * 1024
"""Of the longest threads some MiB are known. Both bounds are for one answer, while it comes."""
MAX_HELD_BYTES: Final = 128 * 1024 * 1024
"""As they came and plain, of all the answers that are gathered at a time."""
MAX_MEMBERS: Final = 64
"""RFC 1952 lets gzip members follow each other. Servers send one; each costs a decompressor."""
STEP_BYTES: Final = 1024 * 1024
"""Of plain bytes at a time, which takes a millisecond or two."""
PIECE_BYTES: Final = 64 * 1024
"""In and out of the decompressor at a time. As much, too, a transport takes before it says that it is full."""

_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS
_WITHOUT_BODY: Final = frozenset({204, 304})


def may_be_gzip(method: bytes, status: int, headers: Headers) -> bool:
    """Whether a body is to be looked at: there is one, and its head says of no coding and of no stream.

    A part of something (Content-Range) is no gzip of its own, and what is of gzip's media type is meant to be gzip.
    """
    if method == b"HEAD" or status in _WITHOUT_BODY:
        return False
    if headers.hasHeader(b"content-encoding") or headers.hasHeader(b"content-range"):
        return False
    media_type = b",".join(headers.getRawHeaders(b"content-type", [])).lower()
    return b"text/event-stream" not in media_type and b"gzip" not in media_type


class Room:
    """What the bodies that are gathered may hold, all of them together. State: how many bytes are left of it."""

    def __init__(self, size: int = MAX_HELD_BYTES) -> None:
        self.left = size


class MaybeGzip:
    """Fed a body, `plain` has it without gzip at its end, and `came` as it is. State: both, and the decompressor's."""

    def __init__(self, room: Room | None = None) -> None:
        """`room`: for what begins as gzip does, until it `leave`s. Where there is none, a body goes on as it came."""
        self._room = room or Room()
        self._holds = 0
        """Bytes of that room."""
        self.came: list[bytes] = []
        """The body so far."""
        self.sound = True
        """It may still be gzip. Once it is not, nothing more is to be fed."""
        self._came_bytes = 0
        self._begun = False
        self._plain: list[bytes] = []
        self._plain_bytes = 0
        self._ahead: deque[bytes] = deque()
        """What came and is not inflated yet."""
        self._pending = False
        """The decompressor may hold plain bytes of what it was given."""
        self._members = 1
        self._stream = zlib.decompressobj(_GZIP_WBITS)

    @property
    def behind(self) -> bool:
        """Whether `step` is to be called, before anything is said of the end."""
        return self.sound and self._begun and (bool(self._ahead) or self._pending)

    def feed(self, data: bytes) -> None:
        """Keep some bytes."""
        self.came.append(data)
        self._came_bytes += len(data)
        self._ahead.extend(data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))
        if not self._begun:
            first = b"".join(self.came)[: len(MAGIC)]
            self.sound, self._begun = MAGIC.startswith(first), first == MAGIC
        if self._came_bytes > MAX_CAME_BYTES:
            self.sound = False
        self._hold()

    def step(self) -> None:
        """Inflate a bounded part of what has come."""
        try:
            self._inflate(min(self._plain_bytes + STEP_BYTES, MAX_PLAIN_BYTES + 1))
        except zlib.error:
            self.sound = False
        if self._plain_bytes > MAX_PLAIN_BYTES or self._members > MAX_MEMBERS:
            self.sound = False
        self._hold()

    def drop(self) -> None:
        """Keep no bytes: somebody else has them, and still takes up the room."""
        self.came.clear()
        self._plain.clear()
        self._ahead.clear()

    def leave(self) -> None:
        """Nobody has them any more."""
        self._room.left += self._holds
        self._holds = 0

    def plain(self) -> list[bytes] | None:
        """At the body's end, with nothing `behind`: its plain bytes, or None if it was no gzip or is damaged."""
        return self._plain if self.sound and self._begun and self._stream.eof else None

    def _hold(self) -> None:
        """Count what is held, which may be too much; what will not be of use is not held."""
        came = self._came_bytes if self._begun else 0
        if self._room.left + self._holds < came + self._plain_bytes:
            self.sound = False
        if not self.sound:
            self._plain.clear()
            self._plain_bytes = 0
        holds = came + self._plain_bytes
        self._room.left += self._holds - holds
        self._holds = holds

    def _inflate(self, until: int) -> None:
        """Until there are so many plain bytes, or nothing is ahead."""
        while self.behind and self._plain_bytes < until and self._members <= MAX_MEMBERS:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_GZIP_WBITS)
                self._members += 1
            piece = self._stream.decompress(self._ahead.popleft() if self._ahead else b"", PIECE_BYTES)
            self._pending = len(piece) == PIECE_BYTES and not self._stream.eof
            left = self._stream.unused_data or self._stream.unconsumed_tail
            if left:
                self._ahead.appendleft(left)
            if piece:
                self._plain.append(piece)
                self._plain_bytes += len(piece)
