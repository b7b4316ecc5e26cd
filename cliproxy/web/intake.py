"""A request's body as plain bytes: read, undone of its Content-Encoding, and never longer than the limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from twisted.web.server import Request

from cliproxy.errors import BadRequest, TooLarge, UnsupportedCoding
from cliproxy.web.request import LimitedRequest

Decoder = Callable[[bytes, int], bytes]
"""Undoes one coding; gives at most so many bytes. Raises `ValueError` for broken input."""

MAX_CODINGS: Final = 2
"""Stacked codings are legal, and only ever seen in attacks."""


def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `TooLarge`, `UnsupportedCoding` or `BadRequest`."""
    body = body_as_it_came(request, limit)
    for coding in reversed(_codings(request)):
        decoder = DECODERS.get(coding)
        if decoder is None:
            known = ", ".join(sorted(DECODERS))
            raise UnsupportedCoding(f"The Content-Encoding {coding!r} is not understood here; these are: {known}.")
        try:
            body = decoder(body, limit + 1)
        except ValueError:
            raise BadRequest(f"The request body is not valid {coding} data.") from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


def body_as_it_came(request: Request, limit: int) -> bytes:
    """The whole body in whatever coding, as often as it is asked for. Raises `TooLarge`."""
    if isinstance(request, LimitedRequest) and request.oversize:
        raise _too_large(limit)
    if request.content is None:
        return b""
    request.content.seek(0)
    return bytes(request.content.read())


def _codings(request: Request) -> list[str]:
    lines = request.requestHeaders.getRawHeaders(b"Content-Encoding", [])
    named = [token.strip().lower() for token in b",".join(lines).decode("latin-1").split(",")]
    codings = [token for token in named if token not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise UnsupportedCoding(f"More than {MAX_CODINGS} Content-Encodings are stacked.")
    return codings


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes, the body-limit of this proxy.")


def _inflate(body: bytes, most: int, *window_bits: int) -> bytes:
    for bits in window_bits:
        stream = zlib.decompressobj(bits)
        try:
            plain = stream.decompress(body, most)
        except zlib.error:
            continue
        if len(plain) >= most or (stream.eof and not stream.unused_data):
            return plain
    raise ValueError


def _gzip(body: bytes, most: int) -> bytes:
    return _inflate(body, most, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes, most: int) -> bytes:
    """zlib's framing as the standard says, or none as some clients do."""
    return _inflate(body, most, zlib.MAX_WBITS, -zlib.MAX_WBITS)


def _brotli(body: bytes, most: int) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    try:
        plain: bytes = stream.process(body, output_buffer_limit=most)
    except brotli.error as error:
        raise ValueError from error
    if not stream.is_finished() and len(plain) < most:
        raise ValueError
    return plain


def _zstd(body: bytes, most: int) -> bytes:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as stream:
            plain: bytes = stream.read(most)
    except zstandard.ZstdError as error:
        raise ValueError from error
    return plain


def _decoders() -> Mapping[str, Decoder]:
    decoders: dict[str, Decoder] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate}
    if find_spec("brotli"):
        decoders["br"] = _brotli
    if find_spec("zstandard"):
        decoders["zstd"] = _zstd
    return MappingProxyType(decoders)


DECODERS: Final = _decoders()
"""By Content-Encoding; `br` and `zstd` where their libraries are installed (`cliproxy[codings]`)."""
