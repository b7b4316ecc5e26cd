"""The client's end of a reply: the one object that writes to the `IRequest` once a handler runs.

The first bytes leave at once. Bytes that follow within the flush interval gather until the flusher's next tick or until
there are enough of them; so a slow stream sets no timer and a fast one is written in few system calls. When the
client's socket is full, Twisted pauses the sink, which pauses the upstream: nothing is written meanwhile, and what
gathers is no more than what one read of the upstream's socket still held.

After the client has left, the request is a ghost: no write, no `unregisterProducer`, no `finish`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from cliproxy.streaming.flusher import Flusher


@implementer(IPushProducer)
class Sink:
    """State: whether the head is out, what has gathered, whether the client's socket is full, whether it is gone."""

    def __init__(self, request: Request, flusher: Flusher, clock: IReactorTime, flush_bytes: int) -> None:
        self.head_sent = False
        self.closed = False
        """Ended by us, or the client is gone."""
        self.last_write = -math.inf
        """When the client last got something, be it a heartbeat."""
        self.full_since: float | None = None
        """Since when the client's socket has been full; None while it has room."""
        self._request = request
        self._flusher = flusher
        self._clock = clock
        self._flush_bytes = flush_bytes
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._source: IPushProducer | None = None
        self._gone: Deferred[None] = Deferred()
        request.notifyFinish().addBoth(self._finished)

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Fix status and headers; they leave with the first bytes. `headers` go over those set before."""
        assert not self.head_sent
        if self.closed:
            return
        self.head_sent = True
        self._request.setResponseCode(status)
        fresh: set[bytes] = set()
        for name, value in headers:
            if name in fresh:
                self._request.responseHeaders.addRawHeader(name, value)
            else:
                self._request.responseHeaders.setRawHeaders(name, [value])
                fresh.add(name)
        self._request.registerProducer(self, True)

    def draw_from(self, source: IPushProducer) -> None:
        """Pause and resume `source` as the client's socket fills and empties."""
        self._source = source
        if self.full_since is not None:
            source.pauseProducing()

    def write(self, chunk: bytes) -> None:
        """Tell the client something: at once if it heard nothing for a flush interval, else soon."""
        if self.closed or not chunk:
            return
        now = self._clock.seconds()
        full = self.full_since is not None
        if not (self._gathered or full) and now - self.last_write >= self._flusher.seconds:
            self.last_write = now
            self._request.write(chunk)
            return
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        if full:
            if self._source is not None:
                self._source.pauseProducing()  # again: it may have been resumed by somebody else since
        elif self._gathered_bytes >= self._flush_bytes or now - self.last_write >= self._flusher.seconds:
            self._send(now)
        elif len(self._gathered) == 1:
            self._flusher.add(self)

    def flush(self) -> None:
        """Write what has gathered, unless the client's socket is full; or the head, if nothing has come yet."""
        if self.head_sent and self.last_write == -math.inf and self.full_since is None and not self.closed:
            self._request.write(b"")
        self._write_gathered()

    def finish(self) -> None:
        """End the reply; what has gathered goes first, whether the socket is full or not: it is bounded."""
        if self.closed:
            return
        if self._gathered:
            self._send(self._clock.seconds())
        self._close()
        self._request.unregisterProducer()
        self._request.finish()

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        """End a reply that has no words for its trouble: cut the connection, and call back when it is closed."""
        if when_closed is not None:
            self._gone.addCallback(lambda _: when_closed())
        if not self.closed:
            self._close()
            transport = self._request.transport
            assert transport is not None
            getattr(transport, "abortConnection", transport.loseConnection)()

    # -- Twisted's side

    def pauseProducing(self) -> None:
        """The client's socket is full."""
        if self.full_since is None:
            self.full_since = self._clock.seconds()
        if self._source is not None:
            self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """It has room again."""
        self.full_since = None
        self._write_gathered()
        if self.full_since is None and self._source is not None:
            self._source.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; `notifyFinish` tells the same, and is what counts."""

    def _write_gathered(self) -> None:
        if self._gathered and self.full_since is None and not self.closed:
            self._send(self._clock.seconds())

    def _send(self, now: float) -> None:
        gathered = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_bytes = 0
        self.last_write = now
        self._request.write(gathered)

    def _close(self) -> None:
        self.closed = True
        self._gathered.clear()
        self._source = None
        self._flusher.discard(self)

    def _finished(self, outcome: Failure | None) -> None:
        self._close()
        self._gone.callback(None)
