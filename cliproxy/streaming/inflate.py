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


class InflationFailed(Exception):
    """The body stopped being gzip in its middle, or would grow without bound."""


class Inflater:
    """Fed a body's bytes, gives them without gzip. `inflated` says, once bytes came out, whether there was any."""

    def __init__(self) -> None:
        self.inflated = False
        self.doubtful = False
        """The body began like gzip and was not; it passes unchanged."""
        self._first = b""
        self._passing = False
        self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def feed(self, chunk: bytes) -> bytes:
        """Plain bytes. Raises `InflationFailed`."""
        if self._passing:
            return chunk
        if self.inflated:
            return self._inflate(chunk)
        self._first += chunk
        if len(self._first) < len(MAGIC) and MAGIC.startswith(self._first):
            return b""
        first, self._first = self._first, b""
        if not first.startswith(MAGIC):
            self._passing = True
            return first
        try:
            plain = self._inflate(first)
        except InflationFailed:
            self._passing = self.doubtful = True
            return first
        if plain:
            self.inflated = True
        else:
            self._first, self._stream = first, zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        return plain

    def finish(self) -> bytes:
        """What was held back at the end of the body. Raises `InflationFailed` if the gzip data was cut."""
        if self.inflated and not self._stream.eof:
            raise InflationFailed("the gzip data was cut")
        held, self._first = self._first, b""
        self.doubtful = self.doubtful or bool(held)
        return held

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            plain = self._stream.decompress(chunk, MAX_GROWTH_BYTES)
        except zlib.error as error:
            raise InflationFailed(str(error)) from None
        if self._stream.unconsumed_tail:
            raise InflationFailed(f"{len(chunk)} bytes grow to more than {MAX_GROWTH_BYTES}")
        return plain
