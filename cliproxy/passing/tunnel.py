"""A connection that was upgraded, a WebSocket's as a rule: bytes pass both ways, whatever they mean.

Each end is read only as fast as the other takes what comes. When one is over, the other is closed once all that was
written to it has left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cliproxy.modules import Connection, Reply, TakesConnection
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from cliproxy.streaming.silence import Silence

IDLE_SECONDS: Final = 3600.0
"""Without a byte in either direction. Whoever means to stay sends pings, or would be cut by the proxies between."""
CLOSE_SECONDS: Final = 30.0
"""For an end to take what was written to it, once the other is over."""


@implementer(IPushProducer)
class Held:
    """Lets one end be read only while the other has room. State: whether it has."""

    def __init__(self, end: Connection, changed: Callable[[], None]) -> None:
        """`changed` is called when it is told to read or not."""
        self.full = False
        self._end = end
        self._changed = changed

    def pauseProducing(self) -> None:
        """The other is full."""
        self.full = True
        self._end.pauseProducing()
        self._changed()

    def resumeProducing(self) -> None:
        """It has room again."""
        self.full = False
        self._end.resumeProducing()
        self._changed()

    def stopProducing(self) -> None:
        """It is lost; its protocol hears that too, and that is what counts."""


class Tunnel:
    """`TakesConnection` for the client's end. State: which ends there are yet, and which are over."""

    def __init__(self, clock: IReactorTime) -> None:
        self.client_gone = False
        """The client's connection is lost."""
        self._upstream_gone = False
        self._client: Connection | None = None
        self._upstream: Connection | None = None
        self._silence = Silence(clock, lambda _: self.cut())
        self._held: tuple[Held, ...] = ()
        self._clock = clock
        self._closing: IDelayedCall | None = None

    def open(self, reply: Reply, take_over: Callable[[TakesConnection], Connection]) -> None:
        """Join the two, before anything of either comes. Raises what `take_over` does; the reply is left then."""
        self._client = take_over(self)
        try:
            reply.deliver(_UpstreamEnd(self))
        except BaseException:
            self.cut()
            raise

    async def closed(self) -> None:
        """Wait until the client's connection is lost and its request has heard of that, as every handler must.

        The request tells it by cancelling. Any other cancelling, which comes when the daemon's grace is over, ends both
        connections, and the waiting goes on.
        """
        while True:
            try:
                await Deferred()
            except CancelledError:
                if self.client_gone:
                    return
                self.cut()

    def cut(self) -> None:
        """End both at once."""
        for end, gone in ((self._client, self.client_gone), (self._upstream, self._upstream_gone)):
            if end is not None and not gone:
                end.abortConnection()

    # -- the client's end

    def dataReceived(self, data: bytes) -> None:
        """Some bytes have come of the client."""
        self._silence.touch()
        if self._upstream is not None and not self._upstream_gone:
            self._upstream.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone."""
        self.client_gone = True
        self._close_in_order(self._upstream, gone=self._upstream_gone)

    def drain(self) -> None:
        """The daemon stops: it may go on while there is time."""

    def stop(self) -> None:
        """The time is over."""
        self._close_in_order(self._upstream, gone=self._upstream_gone)
        self._close_in_order(self._client, gone=self.client_gone)

    # -- the upstream's end

    def upstream_opened(self, upstream: Connection) -> None:
        """Its connection is ours."""
        self._upstream = upstream
        client = self._client
        assert client is not None
        if self.client_gone:
            upstream.abortConnection()
            return
        self._silence.start(IDLE_SECONDS)
        self._held = (Held(client, self._be_patient), Held(upstream, self._be_patient))
        upstream.registerProducer(self._held[0], True)
        client.registerProducer(self._held[1], True)

    def upstream_said(self, data: bytes) -> None:
        """Some bytes have come of it."""
        self._silence.touch()
        if self._client is not None and not self.client_gone:
            self._client.write(data)

    def upstream_lost(self) -> None:
        """It is gone."""
        self._upstream_gone = True
        self._close_in_order(self._client, gone=self.client_gone)

    # -- inside

    def _be_patient(self) -> None:
        """For a shorter time while an end is not read: that it has been left would not be heard."""
        if self._silence.running:
            self._silence.start(MAX_STALL_SECONDS if any(held.full for held in self._held) else IDLE_SECONDS)

    def _close_in_order(self, end: Connection | None, *, gone: bool) -> None:
        if self.client_gone and self._upstream_gone:
            self._silence.stop()
            if self._closing is not None and self._closing.active():
                self._closing.cancel()
        elif end is not None and not gone:
            end.unregisterProducer()  # else it would wait for more
            end.resumeProducing()  # else it would not hear its peer agree, which TLS waits for
            end.loseConnection()
            if self._closing is None:
                self._closing = self._clock.callLater(CLOSE_SECONDS, self.cut)


class _UpstreamEnd(Protocol):
    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def connectionMade(self) -> None:
        """The transport is the connection itself, and no mere body's."""
        self._tunnel.upstream_opened(cast(Connection, self.transport))

    def dataReceived(self, data: bytes) -> None:
        """See `Tunnel.upstream_said`."""
        self._tunnel.upstream_said(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `Tunnel.upstream_lost`."""
        self._tunnel.upstream_lost()
