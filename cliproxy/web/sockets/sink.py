"""The client's end of one response over a WebSocket: each event that the exchange tells becomes a frame.

A response ends with the event that says so, not with the upstream's body, which may take a second longer: Codex sends
its next request at once. Whatever happens, there is such an event, or the socket closes; else the client would wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import orjson
from twisted.internet.interfaces import IPushProducer

from cliproxy.errors import Broken, ProxyError
from cliproxy.formats import sse
from cliproxy.web.sockets import complaints
from cliproxy.web.sockets.creates import Create
from cliproxy.web.sockets.history import Output
from cliproxy.web.sockets.socket import INTERNAL_ERROR

LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
MAX_BODY_BYTES: Final = 256 * 1024
"""Of an answer that is no stream, and so tells of an error. Real ones have a few hundred."""
_END_MARK: Final = b"[DONE]"
"""Some servers end this wire's streams as they end the other one's."""


class Line(Protocol):
    """What a sink needs of the socket."""

    @property
    def last_write(self) -> float: ...
    @property
    def full_since(self) -> float | None: ...
    def send(self, message: bytes) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class FrameSink:
    """State: the head; what has gathered of an error's body, or of the output; whether the response has ended."""

    def __init__(self, line: Line, create: Create, request_id: str, ended: Callable[[FrameSink], None]) -> None:
        """`ended` is called once, when the client has been told the response's end; not when the client left."""
        self.create = create
        self.request_id = request_id
        self.output = Output(create.stores)
        self.head_sent = False
        self.closed = False
        self._line = line
        self._ended = ended
        self._source: IPushProducer | None = None
        self._status = 200
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._streams = False
        self._body = b""

    @property
    def last_write(self) -> float:
        """When the client last got something, be it a ping."""
        return self._line.last_write

    @property
    def full_since(self) -> float | None:
        """Since when the client's socket has been full; None while it has room."""
        return self._line.full_since

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Status and headers are told in an error only."""
        assert not self.head_sent
        self.head_sent = True
        self._status = status
        self._headers = tuple(headers)
        kind = dict(self._headers).get(b"content-type", b"")
        self._streams = status < 300 and kind.lower().startswith(b"text/event-stream")

    def draw_from(self, source: IPushProducer) -> None:
        """Pause and resume `source` as the client's socket fills and empties."""
        self._source = source
        if self.full_since is not None:
            source.pauseProducing()

    def write(self, chunk: bytes) -> None:
        """Send whole events, each in a frame of its own; or keep the body of an error."""
        if not self._streams:
            self._body = (self._body + chunk)[:MAX_BODY_BYTES]
            return
        for payload in _payloads(chunk):
            if self.closed:
                return
            self._tell(payload)
        if self.full_since is not None:
            self.pause()  # again: it may have been resumed by somebody else since

    def flush(self) -> None:
        """Nothing gathers here."""

    def finish(self) -> None:
        """The exchange has nothing more to tell."""
        if self.closed:
            return
        if self._status >= 400:
            self._send_last(complaints.told_body(self._status, self._headers, self._body, self.request_id))
        elif self._streams:
            self.refuse(Broken("The upstream's stream ended before its response did."))
        else:
            self.refuse(Broken("The upstream answered with something other than the stream that was asked for."))

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        """End the connection with the response."""
        if when_closed is not None:
            when_closed()
        if not self.closed:
            self.abandon()
            self._line.close(INTERNAL_ERROR, "The response broke.")

    def refuse(self, error: ProxyError) -> None:
        """End the response with an error of ours."""
        if not self.closed:
            self._send_last(complaints.told(error, self.request_id))

    def abandon(self) -> None:
        """The client is gone: whatever is told from now on is told nobody."""
        self.closed = True
        self._source = None

    def pause(self) -> None:
        """The client's socket is full."""
        if self._source is not None:
            self._source.pauseProducing()

    def resume(self) -> None:
        """It has room again."""
        if self._source is not None:
            self._source.resumeProducing()

    def _tell(self, payload: bytes) -> None:
        self.output.feed(payload)
        if self.output.kind == "error":
            payload = complaints.told_event(orjson.loads(payload), self.request_id)
        if self.output.kind in LAST:
            self._send_last(payload)
        else:
            self._send(payload)

    def _send_last(self, payload: bytes) -> None:
        self.abandon()
        self._send(payload)
        self._ended(self)

    def _send(self, payload: bytes) -> None:
        self._line.send(in_lane(payload, self.create.stream_id))


def in_lane(payload: bytes, stream_id: str | None) -> bytes:
    """An event that names the lane which the client gave its request."""
    if stream_id is None or not payload.endswith(b"}"):
        return payload
    return b'%b,"stream_id":%b}' % (payload[:-1], orjson.dumps(stream_id))


def _payloads(events: bytes) -> Iterator[bytes]:
    """The data of some whole events, but for comments, heartbeats and an end mark."""
    for payload in sse.payloads(events) or map(sse.data_of, sse.each(events)):
        if payload is not None and payload.strip() not in (b"", _END_MARK):
            yield payload.strip()
