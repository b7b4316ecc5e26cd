"""Taking a whole body where it must be looked at: the short ones that tell of an error."""

from __future__ import annotations

from typing import Protocol as Seam

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from cliproxy.streaming.inflate import Inflater, InflationFailed


class Body(Seam):
    """Something that hands its body to a receiver."""

    def deliver(self, receiver: IProtocol) -> None:
        """Begin."""


class Collected(Protocol):
    """Gathers at most `limit` bytes; whatever else happens to the body, what came is kept."""

    def __init__(self, limit: int) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._cancelled())
        self._unwanted = False
        self._limit = limit
        self._inflater = Inflater()
        self._pieces: list[bytes] = []
        self._bytes = 0

    def dataReceived(self, data: bytes) -> None:
        """Keep some bytes."""
        try:
            self._keep(self._inflater.feed(data))
        except InflationFailed:
            self.stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """That was all."""
        try:
            self._keep(self._inflater.finish())
        except InflationFailed:
            pass
        self._fire()

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece[: self._limit - self._bytes])
        self._bytes += len(self._pieces[-1])
        if self._bytes >= self._limit:
            self.stop()

    def stop(self) -> None:
        """That is enough."""
        self._cut_upstream()
        self._fire()

    def _cancelled(self) -> None:
        """Nobody waits any more. What came is no result: whoever is cancelled must not go on with it."""
        self._unwanted = True
        self._cut_upstream()

    def _cut_upstream(self) -> None:
        if self.transport is not None:
            IPushProducer(self.transport).stopProducing()

    def _fire(self) -> None:
        if not self._unwanted and not self.whole.called:
            self.whole.callback(b"".join(self._pieces))


def collect(body: Body, limit: int, seconds: float, clock: IReactorTime) -> Deferred[bytes]:
    """The body without gzip, or its beginning: at most `limit` bytes, and what came within `seconds`."""
    collected = Collected(limit)
    enough = clock.callLater(seconds, collected.stop)
    body.deliver(collected)

    def stop_waiting(result: bytes | Failure) -> bytes | Failure:
        if enough.active():
            enough.cancel()
        return result

    return collected.whole.addBoth(stop_waiting)
