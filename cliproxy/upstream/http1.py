"""One HTTP/1.1 connection to an upstream: a request that goes out, an answer handed on once per read.

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
from twisted.internet.interfaces import IHandshakeListener, INegotiated, IProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.upstream.answers import AnswerParser, Garbage, Head
from cliproxy.upstream.bodies import Upload
from cliproxy.upstream.handover import BodyTransport, RawTransport
from cliproxy.upstream.headers import HeaderLines

MAX_SURELY_SENT_BYTES: Final = 64 * 1024
"""A request of this size is with the upstream's kernel by the time that an answer comes, whoever reads it."""


class State(Enum):
    """CONNECTING -> IDLE -> ASKED -> ANSWERED -> IDLE; ASKED -> SWITCHED -> CLOSING; from anywhere -> CLOSED."""

    CONNECTING = auto()
    IDLE = auto()
    ASKED = auto()
    """A request is on its way, or its answer's head is."""
    ANSWERED = auto()
    """The answer's head has been handed on; its body is under way."""
    SWITCHED = auto()
    """The answer was a 101 that was asked for: from here on it is another protocol's connection."""
    CLOSING = auto()
    """That protocol has said its last; what it wrote is still being sent."""
    CLOSED = auto()


EXPECTING: Final = frozenset({State.ASKED, State.ANSWERED})
"""Where bytes of the upstream are an answer's."""
OVER: Final = frozenset({State.CLOSING, State.CLOSED})
"""Where nobody wants any more of them."""


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


@implementer(IHandshakeListener)
class Http1Connection(Protocol):
    """Carries one request after another: `on_idle` is called when it may carry the next, `on_closed` when none more."""

    def __init__(
        self,
        secure: bool,
        on_idle: Callable[[Http1Connection], None],
        on_closed: Callable[[Http1Connection], None],
        on_closing: Callable[[Http1Connection], None] = lambda _: None,
    ) -> None:
        """`on_closing` is called when all that is left is to send what was written; whoever hears it bounds that."""
        self.state = State.CONNECTING
        self.ready: Deferred[Http1Connection] = Deferred(lambda _: self.abort())
        """Fires once connected; with TLS, once the handshake has proved the upstream's name."""
        self._secure = secure
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._on_closing = on_closing
        self._asked_bytes = 0
        self._upload: Upload | None = None
        """The request's body, if it is not all there when it is asked."""
        self._early = False
        """The answer came before that body was sent."""
        self._parser = AnswerParser()
        self._answer: Deferred[IResponse] | None = None
        self._receiver: IProtocol | None = None
        self._body_transport: BodyTransport | RawTransport | None = None
        self._unclaimed = False
        """There is a body under way, and nobody yet to receive it."""
        self._paused = False
        """By the receiver."""
        self._reading = True
        self._aborted = False
        self._broken: Failure | None = None

    # -- the asking side

    def ask(
        self, head: bytes, body: bytes | IBodyProducer, bodyless: bool, upgrade: bool = False
    ) -> Deferred[IResponse]:
        """Send a request; fires with the answer once its head has come. Cancelling cuts the connection.

        `bodyless`: the answer has no body, whatever it says. `upgrade`: the request asks for another protocol.

        Fails with `ResponseNeverReceived` if not a byte came, with `ResponseFailed` if the head was cut or is garbage,
        with `RequestGenerationFailed` if the body failed, or was longer or shorter than it said. A body that is still
        to come when its answer is over, or when the connection is lost or cut, is stopped.
        """
        assert self.state is State.IDLE, self.state
        assert self.transport is not None
        self.state = State.ASKED
        self._parser = AnswerParser(bodyless, upgrade)
        answer = self._answer = Deferred(self._forget_answer)
        if isinstance(body, bytes):
            self._upload = None
            self._asked_bytes = len(body)
            self.transport.writeSequence([head, body])
        else:
            self._upload = Upload(body, self.transport, self._upload_failed)
            self._early = False
            self.transport.write(head)
            self._upload.begin()
        return answer

    def close(self) -> None:
        """Close a connection that switched, once what was written is sent. What still comes is read, and dropped.

        To close a socket on which something unread waits is to reset it, and a peer that was just writing might then
        not read the last of what it was sent. So only our side is closed, and the peer closes the other.
        """
        if self.state is not State.SWITCHED or self._aborted:
            return
        self.resume()
        self.state = State.CLOSING
        self._on_closing(self)
        socket = self.transport
        assert socket is not None
        if INegotiated.providedBy(socket):  # TLS has a goodbye of its own, and waits for the peer's
            socket.loseConnection()
        else:
            getattr(socket, "loseWriteConnection", socket.loseConnection)()

    def abort(self) -> None:
        """Cut the connection at once. What still comes is dropped; whoever waits is told when it is closed."""
        if self.transport is None or self._aborted or self.state is State.CLOSED:
            return
        self._aborted = True
        self._stop_upload()
        getattr(self.transport, "abortConnection", self.transport.loseConnection)()
        if self.state is State.IDLE:
            self._on_closed(self)

    # -- the receiving side

    def deliver_to(self, receiver: IProtocol) -> None:
        """See `Http1Response.deliverBody`."""
        self._receiver = receiver
        self._unclaimed = False
        assert self.transport is not None
        self._body_transport = RawTransport(self, self.transport) if self._parser.switched else BodyTransport(self)
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
            self._take_otherwise(data)
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
        self._stop_upload()
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

    def _take_otherwise(self, data: bytes) -> None:
        """Bytes that are no answer's: of the protocol that took over, or of a peer that speaks out of turn."""
        if self.state is State.SWITCHED:
            self._parser.take_raw(data)
            self._hand_on()
        elif self.state not in OVER:
            self.abort()

    def _stop_upload(self) -> None:
        if self._upload is not None:
            self._upload.stopProducing()

    def _upload_failed(self, failure: Failure) -> None:
        """The rest of the request will not come: the upstream sees a cut, and nobody gets an answer."""
        broken = RequestGenerationFailed([failure])
        self._broken = self._broken or Failure(broken)
        answer, self._answer = self._answer, None
        self.abort()
        if answer is not None:
            answer.errback(broken)

    def _hand_on_head(self, head: Head) -> None:
        if self._upload is not None:
            self._asked_bytes, self._early = self._upload.sent, not self._upload.over
            if self._early and self._parser.switched:
                self._broken = Failure(Garbage("the answer switches protocols in the middle of the request"))
                return
        self.state = State.SWITCHED if self._parser.switched else State.ANSWERED
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
        if self._parser.switched and self._broken is not None:
            return self._broken
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
            self._upload = None
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
        if self._upload is not None:
            early = early or self._early
        return self._parser.whole and self._parser.reusable and not early

    def _read_or_rest(self) -> None:
        """Read the socket, unless the receiver has paused or there is none."""
        reading = not (self._paused or self._unclaimed)
        if reading is self._reading or self._aborted or self.state in OVER:
            return
        self._reading = reading
        socket = IPushProducer(self.transport)
        if reading:
            socket.resumeProducing()
        else:
            socket.pauseProducing()
