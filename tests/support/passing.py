"""What a reverse proxy stands between, in the test's hands: an upstream's answer, and the client's end of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from zope.interface import implementer


@implementer(IPushProducer)
class Pipe:
    """One end of a connection, as whoever has it sees it; what is done with it is in `did`."""

    disconnecting = False

    def __init__(self) -> None:
        self.did: list[str] = []
        self.sent = b""
        self.producer: IPushProducer | None = None

    def write(self, data: bytes) -> None:
        self.sent += data

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        self.producer = cast(IPushProducer, producer)

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.did.append("pause")

    def resumeProducing(self) -> None:
        self.did.append("resume")

    def stopProducing(self) -> None:
        self.did.append("stop")

    def loseConnection(self) -> None:
        self.did.append("lose")

    def abortConnection(self) -> None:
        self.did.append("abort")

    @property
    def is_paused(self) -> bool:
        """Whether it is not read just now."""
        return [done for done in self.did if done in ("pause", "resume")][-1:] == ["pause"]

    @property
    def over(self) -> bool:
        """Whether whoever has it has ended it."""
        return not {"stop", "lose", "abort"}.isdisjoint(self.did)


class Told(Pipe):
    """An answer whose head has come, and whose body is in the test's hands."""

    def __init__(self, status: int = 200, *lines: tuple[str, str], body: bytes = b"", whole: bool = False) -> None:
        """`body`: what of it comes along with the head. `whole`: that is all."""
        super().__init__()
        self.status = status
        self.headers = Headers()
        for name, value in lines:
            self.headers.addRawHeader(name, value)
        length = self.headers.getRawHeaders("content-length")
        self.length = int(length[0]) if length else None
        self._receiver: IProtocol | None = None
        self._first = body
        self._whole = whole

    def deliver(self, receiver: IProtocol) -> None:
        assert self._receiver is None, "it was delivered twice"
        self._receiver = receiver
        receiver.makeConnection(cast(ITransport, self))
        if self._first and not self.over:
            receiver.dataReceived(self._first)
        if self._whole:
            self.end()

    @property
    def delivered(self) -> bool:
        return self._receiver is not None

    def say(self, *pieces: bytes) -> Told:
        """Some bytes, each in a read of its own."""
        assert self._receiver is not None
        for piece in pieces:
            if not self.over:
                self._receiver.dataReceived(piece)
        return self

    def end(self, reason: Exception | None = None) -> None:
        """That was all."""
        assert self._receiver is not None
        self._receiver.connectionLost(Failure(reason or ResponseDone()))

    def cut(self) -> None:
        """The connection breaks."""
        self.end(ResponseFailed([Failure(ConnectionLost())]))


class Mouth:
    """An `Outlet` that keeps what it is told. The test says when it is full."""

    def __init__(self, clock: Clock) -> None:
        self.status: int | None = None
        self.lines: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.finished = False
        self.was_cut = False
        self.flushes = 0
        self.last_write = 0.0
        self.full_since: float | None = None
        self.room: int | None = None
        """How many more pieces it takes until it is full; None: any number."""
        self._clock = clock
        self._source: IPushProducer | None = None
        self._when_closed: list[Callable[[], None]] = []

    @property
    def head_sent(self) -> bool:
        return self.status is not None

    @property
    def closed(self) -> bool:
        return self.finished or self.was_cut

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        assert self.status is None
        self.status, self.lines = status, list(headers)

    def draw_from(self, source: IPushProducer) -> None:
        self._source = source
        if self.full_since is not None:
            source.pauseProducing()

    def write(self, chunk: bytes) -> None:
        assert self.head_sent
        assert not self.closed
        self.body += chunk
        if self.room is not None:
            self.room -= 1
            if self.room <= 0:
                self.fill()

    def flush(self) -> None:
        self.flushes += 1

    def finish(self) -> None:
        assert not self.closed
        self.finished = True

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        if when_closed is not None:
            self._when_closed.append(when_closed)
        self.was_cut = True

    def fill(self) -> None:
        """The client takes no more."""
        self.full_since = self._clock.seconds()
        if self._source is not None:
            self._source.pauseProducing()

    def drain(self, room: int | None = None) -> None:
        """It has taken everything, and takes so many more."""
        self.full_since, self.room = None, room
        assert self._source is not None
        self._source.resumeProducing()

    def close(self) -> None:
        """The connection that was cut is closed."""
        for call in self._when_closed:
            call()
