"""One WebSocket: messages in both directions, pings, and an orderly end.

wsproto does the framing. Twisted's own resource for WebSockets has no limit for a message, no timers, and lets the
parser's complaints end the connection without a word; so the little that is needed around wsproto stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ITransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from zope.interface import implementer

from cliproxy.modules import TakesConnection
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from cliproxy.streaming.silence import Silence

PING_SECONDS: Final = 30.0
"""After so much silence a ping is sent: proxies between forget a connection after a minute."""
MAX_PINGS: Final = 2
"""Unanswered, each with its `PING_SECONDS`: then nobody is there."""
CLOSE_SECONDS: Final = 5.0
"""For the client to answer our close. Closed at once, a client that is still sending would not read why."""

UNSUPPORTED_DATA: Final = 1003
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012


class Carrier(Protocol):
    """The connection below."""

    @property
    def transport(self) -> ITransport | None:
        """The socket itself."""

    def upgrade(self, protocol: TakesConnection) -> None:
        """Hand on what comes, from now on."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Say who writes, to be told when the client does not read."""

    def loseConnection(self) -> None:
        """Close it when all is sent."""

    def cut(self) -> None:
        """Close it whatever is still to be sent."""


class Talk(Protocol):
    """Who speaks over a socket."""

    def heard(self, message: bytes) -> None:
        """A text message has come."""

    def full(self) -> None:
        """The client does not take what is there."""

    def free(self) -> None:
        """It does again."""

    def drain(self) -> None:
        """The daemon stops: close the socket when what is under way has ended."""

    def left(self) -> None:
        """The socket is closing or gone: nothing more is heard, and nothing can be sent."""


@implementer(IPushProducer)
class WebSocket:
    """State: wsproto's; the message that is arriving; the pings without an answer; whether, and how, it is closing."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, channel: Carrier, clock: IReactorTime, limit: int, name: str, talk: Callable[[WebSocket], Talk]
    ) -> None:
        """`limit`: of a message, in bytes. `name`: for the log."""
        self.closed = False
        self.last_write = clock.seconds()
        self.full_since: float | None = None
        """Since when the client has not taken what is there; None while it has room."""
        self._channel = channel
        self._clock = clock
        self._limit = limit
        self._name = name
        self._wire = Connection(ConnectionType.SERVER)
        self._deaf = False
        """What comes is no WebSocket any more, or is of no interest."""
        self._message = bytearray()
        self._pings = 0
        self._silence = Silence(clock, self._too_quiet)
        self._leaving: IDelayedCall | None = None
        self._lingering: IDelayedCall | None = None
        self._steps: Mapping[type[Event], Callable[..., None]] = {
            TextMessage: self._text,
            BytesMessage: self._binary,
            Ping: self._pinged,
            Pong: _nothing,
            CloseConnection: self._closed_by_peer,
        }
        self._left = False
        self._talk = talk(self)

    def open(self, head: bytes) -> None:
        """Take the channel over. `head`: the answer to the handshake."""
        self._channel.upgrade(self)
        self._channel.write(head)
        self._channel.registerProducer(self, True)
        self._silence.start(PING_SECONDS)
        self._log.debug("{name}: a WebSocket is open", name=self._name)

    def send(self, message: bytes) -> None:
        """Send a text message, unless the socket is closing."""
        if not self.closed:
            self._write(TextMessage(message.decode()))

    def close(self, code: int, reason: str) -> None:
        """Close it, and give the client some time to answer that."""
        if self.closed:
            return
        self._log.debug("{name}: the WebSocket closes: {code}, {reason}", name=self._name, code=code, reason=reason)
        self._write(CloseConnection(code, reason))
        self.closed = True
        self._leaving = self._clock.callLater(0, self._leave)  # who closes it is in the midst of something
        self._linger()

    # -- the channel's side

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of frames."""
        if self._deaf:
            return
        self._silence.touch()
        self._pings = 0
        self._wire.receive_data(data)
        for event in self._wire.events():
            self._steps[type(event)](event)
            if self._deaf:
                return

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._deaf = True
        self._leave()
        if self._lingering is not None:
            self._lingering.cancel()

    def drain(self) -> None:
        """The daemon stops."""
        if not self.closed:
            self._talk.drain()

    def stop(self) -> None:
        """The daemon has stopped."""
        self.close(SERVICE_RESTART, "The proxy has stopped.")

    # -- the transport's side

    def pauseProducing(self) -> None:
        """The client does not read: neither do we, or it could have us gather answers to its pings without end."""
        if self.full_since is None:
            self.full_since = self._clock.seconds()
            self._network.pauseProducing()
            self._talk.full()

    def resumeProducing(self) -> None:
        """It reads again."""
        if self.full_since is not None:
            self.full_since = None
            self._network.resumeProducing()
            self._talk.free()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` tells the same, and is what counts."""

    # -- what comes

    def _text(self, event: TextMessage) -> None:
        if self.closed:
            return
        self._message += event.data.encode()
        if len(self._message) > self._limit:
            self.close(TOO_BIG, f"A message has more than {self._limit} bytes, the body-limit of this proxy.")
        elif event.message_finished:
            message = bytes(self._message)
            self._message.clear()
            self._hear(message)

    def _hear(self, message: bytes) -> None:
        try:
            self._talk.heard(message)
        except Exception:
            self._log.failure("{name}: unexpected", name=self._name)
            self.close(INTERNAL_ERROR, f"The proxy failed; its log has the reason under {self._name}.")

    def _binary(self, _: BytesMessage) -> None:
        self.close(UNSUPPORTED_DATA, "Only text messages are understood.")

    def _pinged(self, event: Ping) -> None:
        if not self.closed:
            self._write(event.response())

    def _closed_by_peer(self, event: CloseConnection) -> None:
        """The client closes, or answers our close; or wsproto cannot read on, and words it as if the client closed."""
        state = self._wire.state
        self._deaf = True
        if state is ConnectionState.OPEN:
            self.close(event.code, event.reason or "")
            return
        if state is ConnectionState.REMOTE_CLOSING:
            self._write(event.response())
            self._linger()
        self._leave()
        self._channel.loseConnection()

    # -- the end

    def _too_quiet(self, _: float) -> None:
        stalled = 0.0 if self.full_since is None else self._clock.seconds() - self.full_since
        if self._pings >= MAX_PINGS or stalled >= MAX_STALL_SECONDS:
            self._channel.cut()
            return
        if self.full_since is None:  # a client that does not read cannot answer
            self._pings += 1
            self._write(Ping())
        self._silence.start(PING_SECONDS)

    def _leave(self) -> None:
        self.closed = True
        if self._leaving is not None and self._leaving.active():
            self._leaving.cancel()
        self._silence.stop()
        self._message.clear()
        if not self._left:
            self._left = True
            self._log.debug("{name}: the WebSocket is closed", name=self._name)
            self._talk.left()

    def _linger(self) -> None:
        self._lingering = self._clock.callLater(CLOSE_SECONDS, self._linger_no_more)

    def _linger_no_more(self) -> None:
        self._lingering = None
        self._channel.cut()

    def _write(self, event: Event) -> None:
        self.last_write = self._clock.seconds()
        self._channel.write(bytes(self._wire.send(event)))

    @property
    def _network(self) -> IPushProducer:
        return IPushProducer(self._channel.transport)


def _nothing(_: Event) -> None:
    """A pong has done its work by coming."""
