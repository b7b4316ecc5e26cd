"""One HTTP/1.1 connection to an upstream: a request written at once, an answer handed on once per read.

Twisted's own client makes a call of every chunk and an object of every header. Here the parser is C, and whatever body
bytes one read of the socket holds go to the receiver in one call, which is what a proxy of token streams spends its
time on. The seams are Twisted's (`IResponse.deliverBody`, `ResponseDone`, `ResponseFailed`, `ResponseNeverReceived`):
the stock `Agent` could take this one's place.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

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

MAX_SURELY_SENT_BYTES: Final = 64 * 1024
"""A request of this size is with the upstream's kernel by the time that an answer comes, whoever reads it."""


class State(Enum):
    """CONNECTING -> IDLE -> ASKED -> ANSWERED -> IDLE; from anywhere -> CLOSED."""

    CONNECTING = auto()
    IDLE = auto()
    ASKED = auto()
    """A request is on its way, or its answer's head is."""
    ANSWERED = auto()
    """The answer's head has been handed on; its body is under way."""
    CLOSED = auto()


EXPECTING: Final = frozenset({State.ASKED, State.ANSWERED})
"""Where bytes of the upstream are an answer's."""


@implementer(IResponse)
@attrs.define(eq=False)
class Http1Response:
    """An answer whose head has come. Its body waits, with the socket not read, for `deliverBody`.

    State: the connection, until the body is somebody's. An answer that is dropped before cuts it: a connection that is
    not read would not even notice its peer's leaving.
    """

    code: int
    phrase: bytes
    headers: Headers
    length: object
    _connection: Http1Connection | None = attrs.field(repr=False)
    version: tuple[bytes, int, int] = (b"HTTP", 1, 1)
    request: object = None
    previousResponse: IResponse | None = None

    def deliverBody(self, protocol: IProtocol) -> None:
        """Hand the body to `protocol`: `dataReceived` once per read, `connectionLost` at its end. Only once."""
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("the body has been delivered to another protocol already")
        connection.deliver_to(protocol)

    def setPreviousResponse(self, response: IResponse) -> None:
        """Redirects are not followed, but the interface has it."""
        self.previousResponse = response

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.abort()


@implementer(IPushProducer)
class BodyTransport:
    """What the receiver of a body sees as its transport: flow control, and a way to stop.

    State: the connection, until the body's end. After that nothing has an effect: the connection may carry another's.
    """

    disconnecting = False

    def __init__(self, connection: Http1Connection) -> None:
        self._connection: Http1Connection | None = connection

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


@implementer(IHandshakeListener)
class Http1Connection(Protocol):
    """Carries one request after another: `on_idle` is called when it may carry the next, `on_closed` when none more."""

    def __init__(
        self,
        secure: bool,
        on_idle: Callable[[Http1Connection], None],
        on_closed: Callable[[Http1Connection], None],
    ) -> None:
        self.state = State.CONNECTING
        self.ready: Deferred[Http1Connection] = Deferred(lambda _: self.abort())
        """Fires once connected; with TLS, once the handshake has proved the upstream's name."""
        self._secure = secure
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._asked_bytes = 0
        self._parser = AnswerParser()
        self._answer: Deferred[IResponse] | None = None
        self._receiver: IProtocol | None = None
        self._body_transport: BodyTransport | None = None
        self._unclaimed = False
        """There is a body under way, and nobody yet to receive it."""
        self._paused = False
        """By the receiver."""
        self._reading = True
        self._aborted = False
        self._broken: Failure | None = None

    # -- the asking side

    def ask(self, head: bytes, body: bytes, bodyless: bool) -> Deferred[IResponse]:
        """Send a request; fires with the answer once its head has come. Cancelling cuts the connection.

        Fails with `ResponseNeverReceived` if not a byte came, with `ResponseFailed` if the head was cut or is garbage.
        """
        assert self.state is State.IDLE, self.state
        assert self.transport is not None
        self.state = State.ASKED
        self._parser = AnswerParser(bodyless)
        self._answer = Deferred(self._forget_answer)
        self._asked_bytes = len(body)
        self.transport.writeSequence([head, body])
        return self._answer

    def abort(self) -> None:
        """Cut the connection at once. What still comes is dropped; whoever waits is told when it is closed."""
        if self.transport is None or self._aborted or self.state is State.CLOSED:
            return
        self._aborted = True
        getattr(self.transport, "abortConnection", self.transport.loseConnection)()
        if self.state is State.IDLE:
            self._on_closed(self)

    # -- the receiving side

    def deliver_to(self, receiver: IProtocol) -> None:
        """See `Http1Response.deliverBody`."""
        self._receiver = receiver
        self._unclaimed = False
        self._body_transport = BodyTransport(self)
        try:
            receiver.makeConnection(self._body_transport)  # type: ignore[arg-type]  # Twisted's client, too, gives a producer
            self._hand_on()
        except BaseException:
            self.abort()
            raise
        self._read_or_rest()

    def pause(self) -> None:
        """Stop reading the socket."""
        self._paused = True
        self._read_or_rest()

    def resume(self) -> None:
        """Read it again."""
        self._paused = False
        self._read_or_rest()

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
        if self._aborted:
            return
        if self.state not in EXPECTING:
            self.abort()
            return
        try:
            self._parser.feed(data)
        except Garbage:
            self._broken = Failure()
        if self.state is State.ASKED and self._parser.head is not None:
            self._hand_on_head(self._parser.head)
        self._hand_on()
        if self._broken is not None:
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits: for the connection, for the answer, or for the rest of its body."""
        before, self.state = self.state, State.CLOSED
        self._broken = self._broken or reason
        self._on_closed(self)
        if before is State.CONNECTING:
            self._fire_ready(reason)
        elif self._answer is not None:
            answer, self._answer = self._answer, None
            reasons = [self._broken]
            answer.errback(ResponseFailed(reasons) if self._parser.received else ResponseNeverReceived(reasons))
        else:
            self._hand_on()

    # -- inside

    def _become_ready(self) -> None:
        self.state = State.IDLE
        self._fire_ready(self)

    def _fire_ready(self, result: Http1Connection | Failure) -> None:
        if not self.ready.called:
            self.ready.callback(result)

    def _forget_answer(self, _: Deferred[IResponse]) -> None:
        """It was cancelled, so that it is not ours to fire any more."""
        self._answer = None
        self.abort()

    def _hand_on_head(self, head: Head) -> None:
        self.state = State.ANSWERED
        length = UNKNOWN_LENGTH if head.length is None else head.length
        answer, self._answer = self._answer, None
        assert answer is not None
        self._unclaimed = not self._parser.whole
        answer.callback(Http1Response(head.status, head.phrase, HeaderLines(head.headers), length, self))
        self._read_or_rest()

    def _hand_on(self) -> None:
        """Give the receiver, if there is one, the body bytes that wait, and its end if that has come."""
        receiver = self._receiver
        if receiver is None:
            return
        body = self._parser.take_body()
        if body:
            receiver.dataReceived(body)
        if (self._parser.whole or self._broken is not None) and self._receiver is receiver:
            ending = self._ending()
            self._release()
            receiver.connectionLost(ending)

    def _ending(self) -> Failure:
        if self._parser.whole or self._broken is None:
            return Failure(ResponseDone())
        head = self._parser.head
        if head is not None and not head.framed and self._broken.check(ConnectionDone):
            return Failure(PotentialDataLoss())
        return Failure(ResponseFailed([self._broken]))

    def _release(self) -> None:
        """The body is over: the connection goes on to the next request, or is cut."""
        self._receiver = None
        if self._body_transport is not None:
            self._body_transport.let_go()
        if self._may_be_reused() and not self._aborted and self.state is State.ANSWERED:
            self._paused = False
            self._read_or_rest()
            self.state = State.IDLE
            self._on_idle(self)
        else:
            self.abort()

    def _may_be_reused(self) -> bool:
        """Whether the connection is clean.

        An error may come before the request's body was read. What of a large one is still to be written then follows
        on the connection, and an upstream that does not expect it would take it for the next request.
        """
        head = self._parser.head
        early = head is not None and head.status >= 400 and self._asked_bytes > MAX_SURELY_SENT_BYTES
        return self._parser.whole and self._parser.reusable and not early

    def _read_or_rest(self) -> None:
        """Read the socket, unless the receiver has paused or there is none."""
        reading = not (self._paused or self._unclaimed)
        if reading is self._reading or self._aborted or self.state is State.CLOSED:
            return
        self._reading = reading
        socket = IPushProducer(self.transport)
        if reading:
            socket.resumeProducing()
        else:
            socket.pauseProducing()
