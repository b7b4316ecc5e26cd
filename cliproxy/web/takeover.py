"""From a request to a connection that is no HTTP any more, for a protocol that somebody else speaks."""

from __future__ import annotations

from typing import Protocol

from twisted.web.server import Request

from cliproxy.errors import UpgradeRequired
from cliproxy.modules import Connection, TakesConnection
from cliproxy.web.channel import LimitedChannel


class Carrier(Protocol):
    """A client's connection, as our own server has it."""

    def write(self, data: bytes) -> None:
        """Send."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Say who writes."""

    def unregisterProducer(self) -> None:
        """Nobody does any more."""

    def stop_reading(self) -> None:
        """Leave what comes with the kernel."""

    def read_on(self) -> None:
        """Read again."""

    def hang_up(self) -> None:
        """Close it when all is sent, or after a while."""

    def cut(self) -> None:
        """Close it whatever is still to be sent."""


def take_over(request: Request, head: bytes, protocol: TakesConnection) -> Connection:
    """Answer with `head`, its empty line included; what comes from then on is `protocol`'s.

    Nothing is handed to `protocol` before this has returned: what the client has sent already comes in a later turn of
    the reactor. The request is never finished; its handler's Deferred is cancelled when the connection is gone, and
    should fire then.

    Raises `UpgradeRequired` where the connection is another server's, `BadRequest` while the request's body arrives.
    """
    channel = request.channel
    if not isinstance(channel, LimitedChannel):
        raise UpgradeRequired("The server that this proxy is mounted in keeps its connections to itself.")
    channel.upgrade(protocol)
    connection = ClientConnection(channel)
    connection.write(head)
    return connection


class ClientConnection:
    """A client's connection that was taken over. State: whether it is being closed; after that nothing is written."""

    def __init__(self, channel: Carrier) -> None:
        self._channel = channel
        self._closing = False

    def write(self, data: bytes) -> None:
        """Send."""
        if not self._closing:
            self._channel.write(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Have `producer` paused and resumed as the client's socket fills and empties, and stopped when it is lost."""
        self._channel.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """No more."""
        self._channel.unregisterProducer()

    def pauseProducing(self) -> None:
        """Stop reading of the client."""
        self._channel.stop_reading()

    def resumeProducing(self) -> None:
        """Read again."""
        self._channel.read_on()

    def loseConnection(self) -> None:
        """Close once all is sent, or after a while."""
        if not self._closing:
            self._closing = True
            self._channel.hang_up()

    def abortConnection(self) -> None:
        """Cut."""
        self._closing = True
        self._channel.cut()
