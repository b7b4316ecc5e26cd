"""An `IAgent` for long-lived streams: persistent connections by origin, one way out, no redirects, no cookies.

A request goes to the connection that was used last, so that the surplus of a busy hour can grow old and be closed. If a
connection that was idle turns out to be closed, before a byte of an answer, the request is sent once more on a new one;
nothing else is ever repeated here.

A body that is still arriving is there only once, and could not be repeated. So it always goes to a new connection: a
handshake is cheaper than an upload that is lost to a connection which its peer was just closing. Behind its answer that
connection is kept like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from functools import lru_cache
from typing import Final, Protocol, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.client import URI, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.upstream.bodies import BytesProducer, length_of
from cliproxy.upstream.headers import HeaderLines, Line
from cliproxy.upstream.http1 import Http1Connection

IDLE_SECONDS: Final = 30.0
"""Servers close idle connections after a minute or so; the less often they are first, the fewer requests go twice."""
SWEEP_SECONDS: Final = 5.0
MAX_IDLE: Final = 128
"""For one origin. More simply close."""
CLOSING_SECONDS: Final = 30.0
"""For a peer to take what a connection that switched protocols still has to send, and to close its side of it."""


class Connect(Protocol):
    """Makes the endpoint for an origin, whatever lies between: names, proxies, TLS."""

    def __call__(self, secure: bool, host: str, port: int) -> IStreamClientEndpoint:
        """An endpoint that is used once."""


@attrs.frozen
class Origin:
    """Where connections may be shared."""

    secure: bool
    host: str
    port: int


@implementer(IAgent)
class PooledAgent:
    """State: the idle connections, whether any is still kept, and those that are being closed in order."""

    def __init__(self, clock: IReactorTime, connect: Connect, connect_seconds: float) -> None:
        self._clock = clock
        self._connect = connect
        self._connect_seconds = connect_seconds
        self._idle: dict[Origin, list[tuple[Http1Connection, float]]] = {}
        self._retired = False
        self._sweeper: IDelayedCall | None = None
        self._closing: dict[Http1Connection, IDelayedCall] = {}

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See `IAgent.request`. Cancelling cuts the connection, and stops a body that is still arriving.

        Such a body may fail (see `Http1Connection.ask`). It is stopped, too, if there is no connection to be had, so
        that it was never begun. With an `Upgrade` in the headers a 101 is an answer, whose body is the connection.
        """
        target = _target(uri)
        lines = _lines(headers) if headers is not None else ()
        names = {name.lower() for name, _ in lines}
        upgrade = b"upgrade" in names
        bodyless = method == b"HEAD"
        if bodyProducer is not None and not isinstance(bodyProducer, BytesProducer):
            head = _head(method, target, lines, names, _framing(bodyProducer))
            return self._send_anew(target.origin, head, bodyProducer, bodyless, upgrade)
        body = b"" if bodyProducer is None else bodyProducer.content
        framing = b"Content-Length: %d\r\n" % len(body) if body or method not in _WITHOUT_BODY else b""
        head = _head(method, target, lines, names, framing)
        connection = self._take_idle(target.origin)
        if connection is None:
            return self._ask_anew(target.origin, head, body, bodyless, upgrade)

        def once_more(failure: Failure) -> Deferred[IResponse]:
            reasons = failure.value.reasons if isinstance(failure.value, ResponseNeverReceived) else ()
            if not (reasons and all(reason.check(ConnectionDone, ConnectionLost) for reason in reasons)):
                failure.raiseException()
            return self._ask_anew(target.origin, head, body, bodyless, upgrade)

        return connection.ask(head, body, bodyless, upgrade).addErrback(once_more)

    def retire(self) -> None:
        """Close the idle connections, and from now on each that becomes idle; requests under way are not touched."""
        self._retired = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        idle, self._idle = self._idle, {}
        for waiting in idle.values():
            for connection, _ in waiting:
                connection.abort()

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return sum(map(len, self._idle.values()))

    def _ask_anew(
        self, origin: Origin, head: bytes, body: bytes | IBodyProducer, bodyless: bool, upgrade: bool
    ) -> Deferred[IResponse]:
        return self._new(origin).addCallback(lambda connection: connection.ask(head, body, bodyless, upgrade))

    def _send_anew(
        self, origin: Origin, head: bytes, body: IBodyProducer, bodyless: bool, upgrade: bool
    ) -> Deferred[IResponse]:
        def unconnected(failure: Failure) -> Failure:
            body.stopProducing()
            return failure

        connecting = self._new(origin).addErrback(unconnected)
        return connecting.addCallback(lambda connection: connection.ask(head, body, bodyless, upgrade))

    def _take_idle(self, origin: Origin) -> Http1Connection | None:
        waiting = self._idle.get(origin)
        return waiting.pop()[0] if waiting else None

    def _new(self, origin: Origin) -> Deferred[Http1Connection]:
        connecting = Deferred.fromCoroutine(self._open_connection(origin))
        return connecting.addTimeout(self._connect_seconds, self._clock, _not_in_time)

    async def _open_connection(self, origin: Origin) -> Http1Connection:
        def build() -> Http1Connection:
            return Http1Connection(
                origin.secure,
                lambda idle: self._keep(origin, idle),
                lambda closed: self._forget(origin, closed),
                self._limit_closing,
            )

        try:
            endpoint = self._connect(origin.secure, origin.host, origin.port)
            connection = await endpoint.connect(_ConnectionFactory(build))
        except ValueError as malformed:  # so do Twisted's endpoints and TLS options say it
            raise DNSLookupError(f"{origin.host!r} is not a host name") from malformed
        return await cast(Http1Connection, connection).ready

    def _keep(self, origin: Origin, connection: Http1Connection) -> None:
        waiting = self._idle.setdefault(origin, [])
        if self._retired or len(waiting) >= MAX_IDLE:
            connection.abort()
            return
        waiting.append((connection, self._clock.seconds()))
        if self._sweeper is None:
            self._sweeper = self._clock.callLater(SWEEP_SECONDS, self._sweep)

    def _forget(self, origin: Origin, connection: Http1Connection) -> None:
        waiting = self._idle.get(origin, [])
        waiting[:] = [entry for entry in waiting if entry[0] is not connection]
        if connection in self._closing:
            self._closing.pop(connection).cancel()

    def _limit_closing(self, connection: Http1Connection) -> None:
        def cut() -> None:
            del self._closing[connection]
            connection.abort()

        self._closing[connection] = self._clock.callLater(CLOSING_SECONDS, cut)

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = self._clock.seconds() - IDLE_SECONDS
        for origin, waiting in tuple(self._idle.items()):
            for connection, since in tuple(waiting):
                if since <= oldest:
                    waiting.remove((connection, since))
                    connection.abort()
            if not waiting:
                del self._idle[origin]
        if self._idle:
            self._sweeper = self._clock.callLater(SWEEP_SECONDS, self._sweep)


def _not_in_time(_: object, seconds: float) -> Http1Connection:
    raise ConnectTimeout(string=f"no connection within {seconds:g} s")


class _ConnectionFactory(Factory):
    noisy = False

    def __init__(self, build: Callable[[], Http1Connection]) -> None:
        self._build = build

    def buildProtocol(self, addr: object) -> Http1Connection:
        """One connection for the one connect."""
        return self._build()


@attrs.frozen
class Target:
    """A URI as a connection needs it."""

    origin: Origin
    path: bytes
    """With the query."""
    host: bytes
    """As a Host header names it."""


_WITHOUT_BODY: Final = frozenset({b"GET", b"HEAD", b"DELETE"})
"""Methods for which saying nothing of a body says that there is none."""
_URI: Final = re.compile(rb"([^:/?#]+://[^/?#]*)([^#]*)")


def _target(uri: bytes) -> Target:
    """What follows the host is sent letter by letter: parsing it and joining it anew would lose some."""
    parts = _URI.match(uri)
    if parts is None:
        raise ValueError("the URI is not an absolute one")
    where, path = parts.groups()
    origin, host = _origin(where)
    return Target(origin, path if path[:1] == b"/" else b"/" + path, host)


@lru_cache(maxsize=256)
def _origin(where: bytes) -> tuple[Origin, bytes]:
    """The origin that the beginning of a URI names, and its Host header."""
    parsed = URI.fromBytes(where)
    return Origin(parsed.scheme == b"https", parsed.host.decode("ascii"), parsed.port), parsed.netloc


def _framing(body: IBodyProducer) -> bytes:
    length = length_of(body)
    return b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length


def _lines(headers: Headers) -> Sequence[Line]:
    if isinstance(headers, HeaderLines):
        return headers.lines
    return [(name, value) for name, values in headers.getAllRawHeaders() for value in values]


def _head(method: bytes, target: Target, lines: Iterable[Line], names: Set[bytes], framing: bytes) -> bytes:
    """Request line and header lines. No line end is in a name or value: see `HeaderLines` on who has seen to that.

    `names`: of the lines, in lower case.
    """
    head = [b"%b %b HTTP/1.1\r\n" % (method, target.path)]
    if b"host" not in names:
        head.append(b"Host: %b\r\n" % target.host)
    if b"upgrade" in names and b"connection" not in names:
        head.append(b"Connection: Upgrade\r\n")
    head += [b"%b: %b\r\n" % line for line in lines]
    return b"".join((*head, framing, b"\r\n"))
