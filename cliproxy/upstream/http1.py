"""One HTTP/1.1 connection to an upstream: a request written at once, an answer handed on once per read.

Twisted's own client makes a call of every chunk and an object of every header. Here the parser is C, and whatever body
bytes one read of the socket holds go to the receiver in one call, which is what a proxy of token streams spends its
time on. The seams are Twisted's (`IResponse.deliverBody`, `ResponseDone`, `ResponseFailed`, `ResponseNeverReceived`):
the stock `Agent` could take this one's place.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface import implementer

from cliproxy.upstream.answers import AnswerParser, Garbage, Head
from cliproxy.upstream.headers import HeaderLines


class State(Enum):
    """CONNECTING -> IDLE -> ASKED -> ANSWERED -> IDLE; from anywhere -> CLOSED."""

    CONNECTING = auto()
    IDLE = auto()
    ASKED = auto()
    """A request is on its way, or its answer's head is."""
    ANSWERED = auto()
    """The answer's head has been handed on; its body is under way."""
    CLOSED = auto()


@implementer(IResponse)
@attrs.define(eq=False)
class Http1Response:
    """An answer whose head has come. Its body waits, with the socket not read, for `deliverBody`."""

    code: int
    phrase: bytes
    headers: Headers
    length: object
    _connection: Http1Connection = attrs.field(repr=False)
    version: tuple[bytes, int, int] = (b"HTTP", 1, 1)
    request: object = None
    previousResponse: IResponse | None = None

    def deliverBody(self, protocol: IProtocol) -> None:
        """Hand the body to `protocol`: `dataReceived` once per read, `connectionLost` at its end."""
        self._connection.deliver_to(protocol)

    def setPreviousResponse(self, response: IResponse) -> None:
        """Redirects are not followed, but the interface has it."""
        self.previousResponse = response


@implementer(IPushProducer)
class BodyTransport:
    """What the receiver of a body sees as its transport: flow control, and a way to stop."""

    disconnecting = False

    def __init__(self, connection: Http1Connection) -> None:
        self._connection = connection

    def pauseProducing(self) -> None:
        """Stop reading the upstream's socket."""
        self._connection.pause()

    def resumeProducing(self) -> None:
        """Read it again."""
        self._connection.resume()

    def stopProducing(self) -> None:
        """Nobody wants the rest: cut the connection, which is what tells the upstream to stop working."""
        self._connection.abort()

    loseConnection = stopProducing
    abortConnection = stopProducing


@implementer(IHandshakeListener)
class Http1Connection(Protocol):
    """Carries one request after another: `on_idle` is called when it may carry the next, `on_closed` at its end."""

    def __init__(
        self,
        secure: bool,
        on_idle: Callable[[Http1Connection], None],
        on_closed: Callable[[Http1Connection], None],
    ) -> None:
        self.state = State.CONNECTING
        self.used = 0
        """Requests sent so far."""
        self.ready: Deferred[Http1Connection] = Deferred(lambda _: self.abort())
        """Fires once connected; with TLS, once the handshake has proved the upstream's name."""
        self._secure = secure
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = AnswerParser()
        self._answer: Deferred[IResponse] | None = None
        self._receiver: IProtocol | None = None
        self._paused = False
        self._broken: Failure | None = None

    # -- the asking side

    def ask(self, head: bytes, body: bytes, bodyless: bool) -> Deferred[IResponse]:
        """Send a request; fires with the answer once its head has come. Cancelling cuts the connection.

        Fails with `ResponseNeverReceived` if not a byte came, with `ResponseFailed` if the head was cut or is garbage.
        """
        assert self.state is State.IDLE, self.state
        assert self.transport is not None
        self.state = State.ASKED
        self.used += 1
        self._parser = AnswerParser(bodyless)
        self._receiver = None
        self._answer = Deferred(lambda _: self.abort())
        self.transport.writeSequence([head, body])
        return self._answer

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.transport is not None and self.state is not State.CLOSED:
            getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    # -- the receiving side

    def deliver_to(self, receiver: IProtocol) -> None:
        """See `Http1Response.deliverBody`."""
        self._receiver = receiver
        receiver.makeConnection(BodyTransport(self))  # type: ignore[arg-type]  # Twisted's client, too, gives a producer
        self._hand_on()
        self.resume()

    def pause(self) -> None:
        """Stop reading the socket."""
        if self.state is State.ANSWERED and not self._paused:
            self._paused = True
            IPushProducer(self.transport).pauseProducing()

    def resume(self) -> None:
        """Read it again."""
        if self._paused and self.state is not State.CLOSED:
            self._paused = False
            IPushProducer(self.transport).resumeProducing()

    # -- Twisted's side

    def connectionMade(self) -> None:
        """Without TLS there is nothing more to wait for."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        if not self._secure:
            self._become_ready()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done, the certificate's name proved."""
        self._become_ready()

    def dataReceived(self, data: bytes) -> None:
        """Parse, and hand on the head and what there is of the body."""
        if self.state not in (State.ASKED, State.ANSWERED):
            self.abort()
            return
        try:
            self._parser.feed(data)
        except Garbage:
            self._broken = Failure()
            self._hand_on()
            self.abort()
            return
        if self.state is State.ASKED and self._parser.head is not None:
            self._hand_on_head(self._parser.head)
        self._hand_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits: for the connection, for the answer, or for the rest of its body."""
        before, self.state = self.state, State.CLOSED
        if before is State.CONNECTING:
            self._fire_ready(reason)
        elif self._answer is not None:
            answer, self._answer = self._answer, None
            reasons = [self._broken or reason]
            answer.errback(ResponseFailed(reasons) if self._parser.received else ResponseNeverReceived(reasons))
        elif before is State.ANSWERED:
            self._broken = self._broken or reason
            self._hand_on()
        self._on_closed(self)

    # -- inside

    def _become_ready(self) -> None:
        self.state = State.IDLE
        self._fire_ready(self)

    def _fire_ready(self, result: Http1Connection | Failure) -> None:
        if not self.ready.called:
            self.ready.callback(result)

    def _hand_on_head(self, head: Head) -> None:
        self.state = State.ANSWERED
        length = UNKNOWN_LENGTH if head.length is None else head.length
        answer, self._answer = self._answer, None
        assert answer is not None
        answer.callback(Http1Response(head.status, head.phrase, HeaderLines(head.headers), length, self))
        if self._receiver is None and not self._parser.whole:
            self.pause()

    def _hand_on(self) -> None:
        """Give the receiver, if there is one, the body bytes that wait, and its end if that has come."""
        receiver = self._receiver
        if receiver is None:
            return
        body = self._parser.take_body()
        if body:
            receiver.dataReceived(body)
        if (self._parser.whole or self._broken is not None) and self._receiver is receiver:
            self._receiver = None
            self._release()
            receiver.connectionLost(self._ending())

    def _ending(self) -> Failure:
        if self._parser.whole or self._broken is None:
            return Failure(ResponseDone())
        head = self._parser.head
        if head is not None and not head.framed and self._broken.check(ConnectionDone):
            return Failure(PotentialDataLoss())
        return Failure(ResponseFailed([self._broken]))

    def _release(self) -> None:
        if self.state is not State.ANSWERED:
            return
        if self._parser.whole and self._parser.reusable:
            self.resume()
            self.state = State.IDLE
            self._on_idle(self)
        else:
            self.abort()
