"""What the receiver of an answer sees as its transport: of a body, flow control; after a 101, the whole connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from twisted.internet.interfaces import IAddress, IConsumer, IProducer, IPushProducer, ITransport
from zope.interface import implementer


class Below(Protocol):
    """The connection."""

    def pause(self) -> None:
        """Stop reading the socket."""

    def resume(self) -> None:
        """Read it again."""

    def abort(self) -> None:
        """Cut it."""


class SwitchedBelow(Below, Protocol):
    """The connection, when another protocol has it."""

    def close(self) -> None:
        """Close it once all that was written is sent; in bounded time."""


@implementer(IPushProducer)
class BodyTransport:
    """Has the socket read or not, and a way to stop.

    State: the connection, until the body's end. After that nothing has an effect: the connection may carry another's.
    """

    disconnecting = False

    def __init__(self, connection: Below) -> None:
        self._connection: Below | None = connection

    def let_go(self) -> None:
        """The body is over."""
        self._connection = None

    def pauseProducing(self) -> None:
        """Stop reading the upstream's socket."""
        if self._connection is not None:
            self._connection.pause()

    def resumeProducing(self) -> None:
        """Read it again."""
        if self._connection is not None:
            self._connection.resume()

    def stopProducing(self) -> None:
        """Nobody wants the rest: cut the connection, which is what tells the upstream to stop working."""
        if self._connection is not None:
            self._connection.abort()

    loseConnection = stopProducing
    abortConnection = stopProducing


@implementer(ITransport, IConsumer, IPushProducer)
class RawTransport:
    """Writes to the upstream's socket and has it read or not.

    State: the socket and the connection, until it is closed. After that nothing has an effect.
    """

    disconnecting = False

    def __init__(self, connection: SwitchedBelow, socket: ITransport) -> None:
        self._connection: SwitchedBelow | None = connection
        self._socket = socket
        self._produced = False
        """Somebody is paused and resumed as the socket fills and empties."""

    def let_go(self) -> None:
        """The connection is lost."""
        self._connection = None

    # -- out

    def write(self, data: bytes) -> None:
        """Send."""
        if self._writable:
            self._socket.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        if self._writable:
            self._socket.writeSequence(data)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Have `producer` paused and resumed; stopped, if the connection is or becomes lost."""
        if self._writable:
            IConsumer(self._socket).registerProducer(producer, streaming)
            self._produced = True
        else:
            producer.stopProducing()

    def unregisterProducer(self) -> None:
        """Nobody is paused or resumed any more."""
        if self._produced and self._connection is not None:
            self._produced = False
            IConsumer(self._socket).unregisterProducer()

    # -- in

    def pauseProducing(self) -> None:
        """Stop reading."""
        if self._connection is not None:
            self._connection.pause()

    def resumeProducing(self) -> None:
        """Read again."""
        if self._connection is not None:
            self._connection.resume()

    # -- the end

    def loseConnection(self) -> None:
        """Close once all is sent. From now on nothing is written or told but that."""
        if self._writable and self._connection is not None:
            self.unregisterProducer()  # the socket would wait for it to have no more
            self.disconnecting = True
            self._connection.close()

    stopProducing = loseConnection

    def abortConnection(self) -> None:
        """Cut."""
        if self._connection is not None:
            self.disconnecting = True
            self._connection.abort()

    def getPeer(self) -> IAddress:
        """The upstream's address."""
        return self._socket.getPeer()

    def getHost(self) -> IAddress:
        """Ours."""
        return self._socket.getHost()

    @property
    def _writable(self) -> bool:
        return self._connection is not None and not self.disconnecting
