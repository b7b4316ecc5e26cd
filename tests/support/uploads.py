"""Requests whose bodies are handed on while they arrive, in memory: a door that serves them, and who takes those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from cliproxy.config.schema import Access
from cliproxy.web.gate import Gate
from cliproxy.web.uploads import ArrivingBody, body_of
from tests.support.http import HERE, LOCAL, Client, FakeHouse, Wire

HEAD: Final = b"POST /up?x=1 HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LARGE: Final = bytes(range(256)) * 1024
"""More than is taken whole, and unlike itself wherever it is cut."""
WHOLE: Final = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(LARGE), LARGE)
NEXT: Final = b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n"


def chunks(body: bytes, size: int = 1000, end: bytes = b"0\r\n\r\n") -> bytes:
    """A body in chunks."""
    pieces = (body[i : i + size] for i in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


@implementer(IConsumer)
class Taker:
    """Takes a body, and says after each write that it is full, if it is told to."""

    def __init__(self, body: IBodyProducer, full: bool = False) -> None:
        self.taken: list[bytes] = []
        self.full = full
        self.outcomes: list[object] = []
        """What the body's Deferred fired with."""
        self.body = body
        self.done: Deferred[None] = body.startProducing(self)
        self.done.addBoth(self.outcomes.append)

    @property
    def content(self) -> bytes:
        return b"".join(self.taken)

    @property
    def trouble(self) -> BaseException | None:
        """Why the body broke off."""
        (outcome,) = self.outcomes
        assert isinstance(outcome, Failure)
        return outcome.value

    def write(self, data: bytes) -> None:
        self.taken.append(data)
        if self.full:
            self.body.pauseProducing()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        raise AssertionError("a body's producer registers itself nowhere")

    def unregisterProducer(self) -> None:
        raise AssertionError("a body's producer registers itself nowhere")


class Door(Resource):
    """Keeps its requests, or does with each what it is told. What is asked at `/up` is served early."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(Access())
        self.requests: list[Request] = []
        self.ends: list[object] = []
        """What `notifyFinish` fired with, in order."""
        self.serve: Callable[[Request], object] = lambda _: None

    def takes_early(self, method: bytes, path: bytes) -> bool:
        return method == b"POST" and path == b"/up"

    def render(self, request: Request) -> int:
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ends.append)
        self.serve(request)
        return int(NOT_DONE_YET)


class Uploader(Client):
    """A client before a `Door`."""

    def __init__(self, body_limit: int = 4096) -> None:
        super().__init__(FakeHouse(body_limit))
        self.door = Door()
        self.site.resource = self.site.doors = self.door

    @property
    def request(self) -> Request:
        """The last one that is served."""
        return self.door.requests[-1]

    @property
    def body(self) -> ArrivingBody:
        """The last one's body, which arrives."""
        body = body_of(self.request)
        assert isinstance(body, ArrivingBody)
        return body

    @property
    def reads(self) -> bool:
        """Whether the client's socket is read."""
        return self.transport.producerState == "producing"

    def take(self, full: bool = False) -> Taker:
        """Take the body of the last request."""
        return Taker(self.body, full)

    def feed(self, *pieces: bytes) -> Uploader:
        super().feed(*pieces)
        return self

    def trickle(self, data: bytes, size: int) -> Uploader:
        """Send bytes in reads of that size."""
        return self.feed(*(data[i : i + size] for i in range(0, len(data), size)))


def answer(request: Request, body: bytes = b"{}") -> None:
    """Answer a request, whole."""
    request.setHeader(b"content-length", b"%d" % len(body))
    request.write(body)
    request.finish()


@contextmanager
def foreign(body: bytes) -> Iterator[Request]:
    """A request that a `Site` of somebody else's has received."""
    door = Door()
    channel = Site(door, timeout=None, reactor=Clock()).buildProtocol(None)
    channel.makeConnection(Wire(hostAddress=HERE, peerAddress=LOCAL))
    channel.dataReceived(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    yield door.requests[0]
    channel.connectionLost(Failure(ConnectionDone()))
