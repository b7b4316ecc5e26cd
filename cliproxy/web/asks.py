"""From an HTTP request to an `Ask`: what every door does alike."""

from __future__ import annotations

from functools import partial
from typing import Final

from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.formats.wire import Operation, Peek, WireFormat
from cliproxy.routing.sessions import session_of
from cliproxy.web.callers import request_id

SHOW_LOSSES: Final = b"X-Cliproxy-Losses"
"""With `1`, the answer names in a header of the same name what could not be carried over to the upstream's format."""


def ask_for(
    request: Request, wire: WireFormat, operation: Operation, body: bytes, peek: Peek, *, array: bool = False
) -> Ask:
    """What a request asks. `array`: a stream that is told as one JSON array."""
    streams = peek.stream and operation is Operation.GENERATE
    headers = end_to_end(request)
    return Ask(
        request_id=request_id(request),
        wire=wire,
        operation=operation,
        model=peek.model,
        stream=streams and not array,
        array=streams and array,
        body=body,
        headers=headers,
        query=request.uri.partition(b"?")[2],
        shows_losses=request.getHeader(SHOW_LOSSES) == b"1",
        find_session=partial(session_of, headers, peek),
    )


def end_to_end(request: Request) -> list[tuple[bytes, bytes]]:
    """The request's header lines, names in lower case."""
    return [(name.lower(), value) for name, values in request.requestHeaders.getAllRawHeaders() for value in values]
