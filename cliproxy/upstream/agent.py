"""An `IAgent` for long-lived streams: persistent connections by origin, one way out, no redirects, no cookies.

A request goes to the connection that was used last, so that the surplus of a busy hour can grow old and be closed. If a
connection that was idle turns out to be closed, before a byte of an answer, the request is sent once more on a new one;
nothing else is ever repeated here.
"""

from __future__ import annotations

from collections.abc import Callable
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

from cliproxy.upstream.http1 import Http1Connection

IDLE_SECONDS: Final = 30.0
"""Servers close idle connections after a minute or so; the less often they are first, the fewer requests go twice."""
SWEEP_SECONDS: Final = 5.0
MAX_IDLE: Final = 128
"""For one origin. More simply close."""


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


class BytesBody(Protocol):
    """A body producer that has all its bytes: `Agent` sends them with the head, in one write."""

    content: bytes


@implementer(IAgent)
class PooledAgent:
    """State: the idle connections, and whether any is still kept."""

    def __init__(self, clock: IReactorTime, connect: Connect, connect_seconds: float) -> None:
        self._clock = clock
        self._connect = connect
        self._connect_seconds = connect_seconds
        self._idle: dict[Origin, list[tuple[Http1Connection, float]]] = {}
        self._retired = False
        self._sweeper: IDelayedCall | None = None

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See `IAgent.request`. The body producer must be a `BytesBody`. Cancelling cuts the connection."""
        target = _target(uri)
        body = b"" if bodyProducer is None else cast(BytesBody, bodyProducer).content
        head = _head(method, target, headers or Headers(), body)
        bodyless = method == b"HEAD"
        connection = self._take_idle(target.origin)
        if connection is None:
            return self._ask_anew(target.origin, head, body, bodyless)

        def once_more(failure: Failure) -> Deferred[IResponse]:
            reasons = failure.value.reasons if isinstance(failure.value, ResponseNeverReceived) else ()
            if not (reasons and all(reason.check(ConnectionDone, ConnectionLost) for reason in reasons)):
                failure.raiseException()
            return self._ask_anew(target.origin, head, body, bodyless)

        return connection.ask(head, body, bodyless).addErrback(once_more)

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

    def _ask_anew(self, origin: Origin, head: bytes, body: bytes, bodyless: bool) -> Deferred[IResponse]:
        return self._new(origin).addCallback(lambda connection: connection.ask(head, body, bodyless))

    def _take_idle(self, origin: Origin) -> Http1Connection | None:
        waiting = self._idle.get(origin)
        return waiting.pop()[0] if waiting else None

    def _new(self, origin: Origin) -> Deferred[Http1Connection]:
        connecting = Deferred.fromCoroutine(self._open_connection(origin))
        return connecting.addTimeout(self._connect_seconds, self._clock, _not_in_time)

    async def _open_connection(self, origin: Origin) -> Http1Connection:
        def build() -> Http1Connection:
            return Http1Connection(
                origin.secure, lambda idle: self._keep(origin, idle), lambda closed: self._forget(origin, closed)
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


def _target(uri: bytes) -> Target:
    where, mark, query = uri.partition(b"?")
    target = _target_without_query(where)
    return Target(target.origin, target.path + mark + query, target.host) if mark else target


@lru_cache(maxsize=256)
def _target_without_query(uri: bytes) -> Target:
    """There are as many as base URLs; queries are the clients', and any number."""
    parsed = URI.fromBytes(uri)
    origin = Origin(parsed.scheme == b"https", parsed.host.decode("ascii"), parsed.port)
    return Target(origin, parsed.originForm, parsed.netloc)


def _head(method: bytes, target: Target, headers: Headers, body: bytes) -> bytes:
    """Request line and header lines. No line end is in a name or value: see `HeaderLines` on who has seen to that."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method, target.path)]
    if not headers.hasHeader(b"Host"):
        lines.append(b"Host: %b\r\n" % target.host)
    for name, values in headers.getAllRawHeaders():
        lines += [b"%b: %b\r\n" % (name, value) for value in values]
    if body or method not in (b"GET", b"HEAD", b"DELETE"):
        lines.append(b"Content-Length: %d\r\n" % len(body))
    return b"".join((*lines, b"\r\n"))
