"""The HTTP/1.1 server's own limits: how long a head and a body may take to arrive, and how large a body may grow.

Twisted limits the head's size and closes idle connections, but a head that dribbles in keeps a connection for ever, and
a body may fill the disk. HTTP/2 is not spoken: no client of this proxy needs it, and each limit would be needed twice.
"""

from __future__ import annotations

from enum import Enum
from io import BytesIO
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

from cliproxy.errors import BadRequest, ProxyError, UploadTooSlow
from cliproxy.formats.wire import Complaint
from cliproxy.observe.requests import new_request_id
from cliproxy.web.callers import error_body_for
from cliproxy.web.gate import Gate

HEAD_SECONDS: Final = 10.0
"""From a request's first byte to the end of its head. A whole one fits into a packet or two."""
UPLOAD_SECONDS: Final = 300.0
"""For a whole body: 32 MiB in five minutes is 110 kB/s."""
IDLE_SECONDS: Final = 60.0
"""Without a byte, between requests and inside a body. Twisted's own default."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Claude Code's heads have 2 kB; a client behind several gateways collects more than Twisted's 16 KiB."""
MAX_WASTE_BYTES: Final = 256 * 1024 * 1024
"""An oversized body is read to its end and dropped, so that the client reads the answer, but not a larger one."""
MAX_LENGTH_DIGITS: Final = 18
"""Of a Content-Length: fits into 64 bits everywhere, and is far from the digits that Python refuses to count."""


MAX_STRANGERS_BODY_BYTES: Final = 64 * 1024
"""Of a caller without a key no more is kept; whoever would fill the memory shall need one. It is refused anyway."""


LAST_BYTES_SECONDS: Final = 5.0
"""When the daemon stops and all replies are written: for clients to take what is still on its way to them."""


class Guarded(Protocol):
    """A resource with a gate before it."""

    gate: Gate


class Upgraded(Protocol):
    """What a connection speaks after an upgrade."""

    def dataReceived(self, data: bytes) -> None:
        """Some bytes have come."""

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""

    def drain(self) -> None:
        """The daemon stops: end when what is under way has ended."""

    def stop(self) -> None:
        """The daemon has stopped: end now, in order."""


class Arriving(Enum):
    """What a client is sending, and how many seconds it has for it."""

    HEAD = HEAD_SECONDS
    BODY = UPLOAD_SECONDS


class LimitedRequest(Request):
    """Keeps its body in memory, and no more of it than the limit."""

    defaultContentType = None
    """Twisted's is text/html, which no answer of an API is."""
    oversize = False
    content: BytesIO
    channel: LimitedChannel
    _received = 0
    _limit = 0

    def gotLength(self, length: int | None) -> None:
        """The head is whole: prepare for the body. In memory, since a temporary file costs more than it saves."""
        self.content = BytesIO()
        self._limit = self.channel.site.body_limit
        if (length is None or length > MAX_STRANGERS_BODY_BYTES) and not self._is_known():
            self._limit = MAX_STRANGERS_BODY_BYTES
        self.oversize = length is not None and length > self._limit

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body, or drop it if there is too much."""
        self._received += len(data)
        if self._received > self._limit:
            self.oversize = True
            self.content.seek(0)
            self.content.truncate()
        if not self.oversize:
            self.content.write(data)
        elif self._received > MAX_WASTE_BYTES:
            self.channel.forceAbortClient()

    def _is_known(self) -> bool:
        """Whether the head shows a key that the gate knows. Twisted reads the query only when the body is there."""
        query = self.channel.target.partition(b"?")[2]
        self.args = parse_qs(query, True) if query else {}
        return self.channel.site.doors.gate.knows(self)

    def process(self) -> None:
        """A target of another form than a path (`*`, `http://…`) is made one, at which nothing is found."""
        if not self.path.startswith(b"/"):
            self.path = b"/" + self.path
        super().process()


class LimitedChannel(HTTPChannel):
    """State beside Twisted's: what is arriving just now, a head or a body, the deadline for it, whether it was refused.

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
    _upgraded: Upgraded | None = None

    @property
    def target(self) -> bytes:
        """Of the request whose head has come: path and query."""
        target: bytes = getattr(self, "_path", b"")
        return target

    def dataReceived(self, data: bytes) -> None:
        """Take some bytes; if they leave a head or body unfinished, it has its time from now."""
        if self._refused:
            return
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
            return
        if self._arriving is None and not self._handlingRequest:
            self._arriving = Arriving.HEAD
        super().dataReceived(data)
        if self._arriving is not None and self._deadline is None and self.connected:
            self._deadline = self.callLater(self._arriving.value, self._out_of_time)

    def rawDataReceived(self, data: bytes) -> None:
        """Of a body; or what came in one read with the request that made this another protocol's connection."""
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
        else:
            super().rawDataReceived(data)

    def upgrade(self, protocol: Upgraded) -> None:
        """From now on the bytes are another protocol's. The connection is still the site's, to be closed in order."""
        self._upgraded = protocol
        self.setTimeout(None)

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
        """The head is whole; now the body has its time."""
        self._disarm()
        self._arriving = Arriving.BODY
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is whole; how long its answer takes is another's affair."""
        self._disarm()
        self._arriving = None
        super().allContentReceived()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Answer this like any other head that is too large, where Twisted only closes."""
        self._respondToBadRequestAndDisconnect()

    def timeoutConnection(self) -> None:
        """Nothing came for too long, or a body took too long: tell, if there is a request to tell it to."""
        self._disarm()
        self.setTimeout(None)
        if self._arriving is Arriving.BODY:
            self._refuse(UploadTooSlow("The request body stopped arriving before its end."))
        super().timeoutConnection()

    def connectionMade(self) -> None:
        """The site knows its connections, to close them in order."""
        self.site.opened(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No deadline outlives the connection."""
        self._disarm()
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
        super().connectionLost(reason)
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
        if not self._refused:
            self._refused = True
            headers = self.requests[-1].requestHeaders if self.requests else Headers()
            self.write(_whole_answer(error, self.target, headers))

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
