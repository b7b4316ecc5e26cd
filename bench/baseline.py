"""The yardstick: the relay that anybody would write first with Twisted, a bare `Resource` over a stock `Agent`.

No routes, no keys, no checks, no retries, no batching, no access log: what the daemon costs above this is the price of
what it does, what it costs below is earned. Stock ways stay: bodies over 100 kB pass through a temporary file, as in
any `Site`.

    python -m bench.baseline PORT UPSTREAM_PORT
"""

from __future__ import annotations

import sys
from typing import Final, cast
from typing import Protocol as Seam

from twisted.internet import task
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, Response, ResponseDone
from twisted.web.http import Request as HTTPRequest
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

LOOPBACK: Final = "127.0.0.1"
POOLED_CONNECTIONS: Final = 512
"""More than any scenario opens: the pool's default of two would measure TCP handshakes."""
NOT_RELAYED: Final = frozenset(
    (b"host", b"content-length", b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


# Twisted's interfaces as mypy can read them: it knows none of zope's.


class Consumer(Seam):
    """What a body is written to."""

    def write(self, data: bytes, /) -> object: ...


class Producer(Seam):
    """What a body comes from."""

    def stopProducing(self) -> None: ...


class Asker(Seam):
    """What sends a request upstream: an `Agent`."""

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None, bodyProducer: BytesProducer | None, /
    ) -> Deferred[Response]: ...


@implementer(IBodyProducer)
class BytesProducer:
    """A request body that is all there."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Consumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:
        """Nothing was paused."""

    def stopProducing(self) -> None:
        """Nothing is left to stop."""


class Copy(Protocol):
    """Writes an upstream body to the client's request as it comes; `gone` is set when the client has left."""

    gone = False

    def __init__(self, request: Request) -> None:
        self._request = request

    def dataReceived(self, data: bytes) -> None:
        if not self.gone:
            self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.gone:
            return
        if reason.check(ResponseDone):
            self._request.finish()
        else:
            self._request.loseConnection()

    def leave(self) -> None:
        """The client has left: let the upstream go too."""
        self.gone = True
        if self.transport is not None:
            cast(Producer, self.transport).stopProducing()


class Relay(Resource):
    """Sends every request upstream as it is and its answer back chunk by chunk."""

    isLeaf = True

    def __init__(self, agent: Asker, upstream: bytes) -> None:
        Resource.__init__(self)
        self._agent = agent
        self._upstream = upstream

    def render(self, request: Request) -> int:
        """Relay, and cancel upstream if the client leaves, in whichever phase."""
        headers = Headers()
        for name, values in request.requestHeaders.getAllRawHeaders():
            if name.lower() not in NOT_RELAYED:
                headers.setRawHeaders(name, values)
        body = BytesProducer(request.content.read()) if request.content is not None else None
        copy = Copy(request)
        asked = self._agent.request(request.method, self._upstream + request.uri, headers, body)

        def left(_reason: Failure) -> None:
            copy.leave()
            asked.cancel()

        def answered(response: Response) -> None:
            request.setResponseCode(response.code)
            for name, values in response.headers.getAllRawHeaders():
                if name.lower() not in NOT_RELAYED:
                    request.responseHeaders.setRawHeaders(name, values)
            # The client side of twisted.web takes the length out of the headers.
            if isinstance(response.length, int):
                request.setHeader(b"content-length", b"%d" % response.length)
            response.deliverBody(copy)

        def failed(_reason: Failure) -> None:
            if not copy.gone:
                request.setResponseCode(502)
                request.finish()

        request.notifyFinish().addErrback(left)
        asked.addCallback(answered)
        asked.addErrback(failed)
        return NOT_DONE_YET


class QuietSite(Site):
    """Without an access log: nobody reads it here, and unread log events would be kept in memory."""

    def __init__(self, resource: Resource, clock: IReactorTime) -> None:
        Site.__init__(self, resource, reactor=clock)

    def log(self, request: HTTPRequest) -> None:
        """Nothing."""


def main(reactor: PosixReactorBase, port: str, upstream_port: str) -> Deferred[None]:
    """Serve on loopback until killed."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = POOLED_CONNECTIONS
    agent = cast(Asker, Agent(reactor, pool=pool))
    relay = Relay(agent, f"http://{LOOPBACK}:{int(upstream_port)}".encode())
    reactor.listenTCP(int(port), QuietSite(relay, reactor), backlog=POOLED_CONNECTIONS, interface=LOOPBACK)
    return Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
