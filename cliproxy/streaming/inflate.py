"""Undoing gzip in an upstream's body, also where nobody said that it is gzip. Sans-IO.

We ask for `identity`, yet some gateways compress all the same, a few without a Content-Encoding. What begins like gzip
and then is not passes unchanged: better a body that the client may understand than none.
"""

from __future__ import annotations

import zlib
from typing import Final

MAGIC: Final = b"\x1f\x8b\x08"
"""RFC 1952: gzip, and deflate as its one method. No JSON and no event stream begins so."""
MAX_GROWTH_BYTES: Final = 8 * 1024 * 1024
"""Of one read of at most 64 KiB. Deflate reaches a thousandfold, which no honest reply does."""
MAX_HELD_BYTES: Final = 64 * 1024
"""Of a beginning that gives nothing: gzip's own header has some dozen bytes, with a file's name a few more."""


class InflationFailed(Exception):
    """The body stopped being gzip in its middle, or would grow without bound."""


class Inflater:
    """Fed a body's bytes, gives them without gzip. `inflated` says, once bytes came out, whether there was any."""

    def __init__(self) -> None:
        self.inflated = False
        self.doubtful = False
        """The body began like gzip and was not; it passes unchanged."""
        self._passing = False
        self._first = b""
        """Until anything comes out: the whole body so far, to be passed on if it is not gzip."""
        self._next = b""
        """Behind a gzip member's end: what may be the beginning of another one."""
        self._stream = _decompressor()

    def feed(self, chunk: bytes) -> bytes:
        """Plain bytes. Raises `InflationFailed`."""
        if self._passing:
            return chunk
        if self.inflated:
            return self._inflate(chunk)
        seen = len(self._first)
        self._first += chunk
        if len(self._first) < len(MAGIC) and MAGIC.startswith(self._first):
            return b""
        if not self._first.startswith(MAGIC):
            self._passing = True
            return self._take_first()
        try:
            plain = self._inflate(self._first if seen < len(MAGIC) else chunk)
        except InflationFailed:
            plain = b""
            self._passing = self.doubtful = True
        else:
            self.inflated = bool(plain) or self._stream.eof
            self._passing = self.doubtful = not self.inflated and len(self._first) > MAX_HELD_BYTES
        if self._passing:
            return self._take_first()
        if self.inflated:
            self._first = b""
        return plain

    def finish(self) -> bytes:
        """What was held back at the end of the body. Raises `InflationFailed` if the gzip data was cut."""
        if self.inflated and not self._stream.eof:
            raise InflationFailed("the gzip data was cut")
        held = self._take_first()
        self.doubtful = self.doubtful or bool(held)
        return held

    def _take_first(self) -> bytes:
        first, self._first = self._first, b""
        return first

    def _inflate(self, chunk: bytes) -> bytes:
        """Of one member after another: RFC 1952 2.2 lets them follow each other. Whatever else follows is dropped."""
        pieces: list[bytes] = []
        room = MAX_GROWTH_BYTES
        while chunk:
            if self._stream.eof:
                chunk, self._next = self._next + chunk, b""
                if not chunk.startswith(MAGIC):
                    self._next = chunk[: len(MAGIC)]
                    break
                self._stream = _decompressor()
            try:
                pieces.append(self._stream.decompress(chunk, room))
            except zlib.error as error:
                raise InflationFailed(str(error)) from None
            room -= len(pieces[-1])
            if self._stream.unconsumed_tail or not room:
                raise InflationFailed(f"one read grows to {MAX_GROWTH_BYTES} bytes or more")
            chunk = self._stream.unused_data
        return b"".join(pieces)


def _decompressor() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
