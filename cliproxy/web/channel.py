"""The HTTP/1.1 server's connections: how long a head and a body may take to arrive, what comes of a body that is passed
on while it does, and how a connection becomes another protocol's.

Twisted limits the head's size and closes idle connections, but a head that dribbles in keeps a connection for ever, and
a request is served only when all of it is there. HTTP/2 is not spoken: no client of this proxy needs it, and each limit
would be needed twice.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

from cliproxy.errors import BadRequest, ProxyError, UploadTooSlow
from cliproxy.formats.wire import Complaint
from cliproxy.modules import TakesConnection
from cliproxy.observe.requests import new_request_id
from cliproxy.web.callers import error_body_for
from cliproxy.web.request import MAX_WASTE_BYTES, Guarded, LimitedRequest
from cliproxy.web.uploads import ArrivingBody

HEAD_SECONDS: Final = 10.0
"""From a request's first byte to the end of its head. A whole one fits into a packet or two."""
UPLOAD_SECONDS: Final = 300.0
"""For a whole body: 32 MiB in five minutes is 110 kB/s."""
REST_SECONDS: Final = 90.0
"""For the rest of a body whose request is answered already: many a client reads nothing before it has sent all."""
IDLE_SECONDS: Final = 60.0
"""Without a byte, between requests and inside a body. Twisted's own default."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Claude Code's heads have 2 kB; a client behind several gateways collects more than Twisted's 16 KiB."""
MAX_LENGTH_DIGITS: Final = 18
"""Of a Content-Length: fits into 64 bits everywhere, and is far from the digits that Python refuses to count."""
LAST_BYTES_SECONDS: Final = 5.0
"""When the daemon stops and all replies are written: for clients to take what is still on its way to them."""


class Arriving(Enum):
    """What a client is sending, and how many seconds it has for it."""

    HEAD = HEAD_SECONDS
    BODY = UPLOAD_SECONDS
    REST = REST_SECONDS
    """Of the body of a request that has its answer."""


class LimitedChannel(HTTPChannel):
    """State beside Twisted's: what is arriving just now, a head or a body, the deadline for it, whether it was refused;
    the body that is handed on while it arrives; and whose the connection is, if it is no HTTP any more.

    A request that is served early is one that Twisted handles, in its own words, while it still receives it. Answered
    before its body has come, it stays the channel's only one until that has, since whatever follows is behind it.

    A deadline is set when a read leaves something unfinished: most requests come whole, in one read, and need none.
    """

    totalHeadersSize = MAX_HEAD_BYTES
    MAX_LENGTH = MAX_HEAD_BYTES
    """Of one line."""
    site: LimitedSite
    """Set by `Site.buildProtocol`."""
    _arriving: Arriving | None = None
    _deadline: IDelayedCall | None = None
    _refused = False
    _body: ArrivingBody | None = None
    """Until its last byte has come."""
    _upgraded: TakesConnection | None = None
    _behind: IDelayedCall | None = None
    """What came behind the request is to be handed over then, and until then all the rest is put to it."""

    @property
    def target(self) -> bytes:
        """Of the request whose head has come: path and query."""
        target: bytes = getattr(self, "_path", b"")
        return target

    @property
    def method(self) -> bytes:
        """Of that request."""
        method: bytes = self._command
        return method

    def dataReceived(self, data: bytes) -> None:
        """Take some bytes; if they leave a head or body unfinished, it has its time from now."""
        if self._refused:
            return
        if self._upgraded is not None:
            self._hand_over(self._upgraded, data)
            return
        if self._arriving is None and not self._handlingRequest:
            self._arriving = Arriving.HEAD
        super().dataReceived(data)
        if self._arriving is not None:
            self._arm(self._arriving)

    def rawDataReceived(self, data: bytes) -> None:
        """Of a body; or what came in one read with the request that made this another protocol's connection."""
        if self._upgraded is not None:
            self._hand_over(self._upgraded, data)
        elif self._body is not None:
            self._receive(self._body, data)
        else:
            super().rawDataReceived(data)

    def _receive(self, body: ArrivingBody, data: bytes) -> None:
        """Take in a read of a body that is handed on, and all that was in it at once."""
        self._handlingRequest = False  # if it is set, Twisted takes what comes for the next request
        super().rawDataReceived(data)
        if self._body is body:
            self._handlingRequest = True
        body.hand_on()
        if body.wasted > MAX_WASTE_BYTES:
            self.cut()

    def stop_reading(self) -> None:
        """Leave what comes with the kernel."""
        if not self._is_closing:
            self._networkProducer.pauseProducing()

    def read_on(self) -> None:
        """Read again; a client that was not heard has its idle time anew."""
        if not self._is_closing:
            self.resetTimeout()
            self._networkProducer.resumeProducing()

    def upgrade(self, protocol: TakesConnection) -> None:
        """From now on the bytes are another protocol's. The connection is still the site's, to be closed in order.

        What has come behind the request is handed over in a turn of its own. Raises `BadRequest` while a body arrives.
        """
        if self._body is not None:
            raise BadRequest("The connection cannot change its protocol before the request's body has come.")
        self._upgraded = protocol
        self.setTimeout(None)
        if any(self._dataBuffer):
            self._behind = self.callLater(0, self._hand_over_rest)

    def _hand_over(self, protocol: TakesConnection, data: bytes) -> None:
        if self._behind is None:
            protocol.dataReceived(data)
        else:
            self._dataBuffer.append(data)

    def _hand_over_rest(self) -> None:
        self._behind = None
        data = b"".join(self._dataBuffer)
        self._dataBuffer.clear()
        self.read_on()  # which Twisted stops when too much comes behind a request
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)

    def hang_up(self) -> None:
        """Close what is no HTTP any more once what was written is sent, or cut it if that takes too long."""
        if self._upgraded is not None and self._abortingCall is None:
            self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
            self.loseConnection()

    def drain(self) -> None:
        """The daemon stops; what is no HTTP any more is not waited for otherwise."""
        if self._upgraded is not None:
            self._upgraded.drain()

    def stop(self) -> None:
        """Close it once what was written is sent."""
        if self._upgraded is not None:
            self._upgraded.stop()
        else:
            self.loseConnection()

    def headerReceived(self, line: bytes) -> bool:
        """Refuse, beside what Twisted refuses, any transfer coding but `chunked`: intermediaries disagree on those.

        And a Content-Length with so many digits that Twisted, reading it, raises `ValueError`.
        """
        if line[:14].lower() == b"content-length" and len(line[15:].strip()) > MAX_LENGTH_DIGITS:
            self._respondToBadRequestAndDisconnect()
            return False
        if line[:17].lower() == b"transfer-encoding" and line[18:].strip().lower() != b"chunked":
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """The head is whole; now the body has its time. Of a request that is served already it may take any."""
        self._disarm()
        self._arriving = Arriving.BODY
        super().allHeadersReceived()
        request = self.requests[-1]
        if request.arriving is not None:
            self._arriving = None
            self._body = request.arriving
            self._handlingRequest = True
            request.requestReceived(self._command, self._path, self._version)

    def allContentReceived(self) -> None:
        """The request is whole; how long its answer takes is another's affair."""
        self._disarm()
        arriving, self._arriving = self._arriving, None
        if self._body is not None:
            self._body.ended()
            self._body = None
        super().allContentReceived()
        if arriving is Arriving.REST:
            super().requestDone(self.requests[0])

    def requestDone(self, request: Request) -> None:
        """It is answered. What still comes of its body is dropped, for a while; only then there may be another."""
        if self._body is None:
            super().requestDone(request)
            return
        self._arriving = Arriving.REST
        self._arm(Arriving.REST)
        self._body.abandon()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Answer this like any other head that is too large, where Twisted only closes."""
        self._respondToBadRequestAndDisconnect()

    def timeoutConnection(self) -> None:
        """Nothing came for too long, or a body took too long: tell, if there is a request to tell it to."""
        if self._body is not None and not self._body.reading:
            self.setTimeout(self.timeOut)  # nothing can come
            return
        self._disarm()
        self.setTimeout(None)
        if self._arriving is Arriving.BODY or self._body is not None:
            self._refuse(UploadTooSlow("The request body stopped arriving before its end."))
        super().timeoutConnection()

    def connectionMade(self) -> None:
        """The site knows its connections, to close them in order."""
        self.site.opened(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No deadline outlives the connection."""
        self._disarm()
        if self._behind is not None:
            self._behind.cancel()
            self._hand_over_rest()
        upgraded, self._upgraded = self._upgraded, None
        if upgraded is not None:
            upgraded.connectionLost(reason)
        super().connectionLost(reason)
        if self._body is not None:
            self._body.broke(reason)
        self.site.closed(self)

    def cut(self) -> None:
        """Close it whatever is still to be sent."""
        transport = self.transport
        assert transport is not None
        getattr(transport, "abortConnection", transport.loseConnection)()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """What Twisted does, with a body and a request id."""
        self._refuse(
            BadRequest(f"The request is not valid HTTP/1.1, or its head is larger than {MAX_HEAD_BYTES} bytes.")
        )
        self.loseConnection()

    def _refuse(self, error: ProxyError) -> None:
        """Answer a request that never became whole. Nothing is told after that, and nothing more is read."""
        if self._refused:
            return
        self._refused = True
        request: LimitedRequest | None = self.requests[-1] if self.requests else None
        if request is not None and self._body is not None:
            self._give_up(request, self._body, Failure(error))
        if request is None or not request.startedWriting:
            self.write(_whole_answer(error, self.target, Headers() if request is None else request.requestHeaders))

    def _give_up(self, request: LimitedRequest, body: ArrivingBody, reason: Failure) -> None:
        """The body of a request that is served, or was, will never be whole. To who serves it, the client has left."""
        self._body = None
        if request.startedWriting and not request.finished:
            self.cut()  # lest a part of an answer looks whole
        request.connectionLost(reason)
        body.broke(reason)

    @property
    def _is_closing(self) -> bool:
        return bool(getattr(self.transport, "disconnecting", False))

    def _arm(self, arriving: Arriving) -> None:
        if self._deadline is None and self.connected:
            self._deadline = self.callLater(arriving.value, self._out_of_time)

    def _out_of_time(self) -> None:
        self._deadline = None
        self.timeoutConnection()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class LimitedSite(Site):
    """A `Site` with those limits and without an access log: its lines would hold the keys of `?key=`."""

    protocol = LimitedChannel  # type: ignore[assignment]  # rather than Twisted's switch between HTTP/1.1 and HTTP/2
    requestFactory = LimitedRequest
    noisy = False

    def __init__(self, doors: Guarded, reactor: IReactorTime, body_limit: int) -> None:
        super().__init__(doors, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)
        self.doors = doors
        self.body_limit = body_limit
        self.clock = reactor
        self._channels: set[LimitedChannel] = set()
        self._emptied: Deferred[None] | None = None

    def opened(self, channel: LimitedChannel) -> None:
        """A client has connected."""
        self._channels.add(channel)

    def closed(self, channel: LimitedChannel) -> None:
        """A connection is lost."""
        self._channels.discard(channel)
        if not self._channels and self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def drain(self) -> None:
        """Have connections that would stay for ever end when what is under way on them has ended."""
        for channel in tuple(self._channels):
            channel.drain()

    def close(self) -> Deferred[None]:
        """Close every connection once what was written to it is sent, or cut it; fires when none is left."""
        emptied: Deferred[None] = Deferred()
        if not self._channels:
            emptied.callback(None)
            return emptied
        self._emptied = emptied
        for channel in tuple(self._channels):
            channel.stop()
        late = self.clock.callLater(LAST_BYTES_SECONDS, self._cut)

        def closed(_: None) -> None:
            if late.active():
                late.cancel()

        return emptied.addCallback(closed)

    def _cut(self) -> None:
        for channel in tuple(self._channels):
            channel.cut()

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may negotiate."""
        return [b"http/1.1"]

    def log(self, request: object) -> None:
        """Nothing: the exchange logs each request by its id."""


def _whole_answer(error: ProxyError, path: bytes, headers: Headers) -> bytes:
    """Head and body, in the words of a caller of whom no more is known than this."""
    request_id = new_request_id()
    body = error_body_for(path, headers)(Complaint(error.status, error.message, request_id))
    head = (
        f"HTTP/1.1 {error.status} {RESPONSES[error.status].decode('ascii')}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
