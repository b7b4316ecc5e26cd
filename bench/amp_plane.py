"""A control plane for the benchmark of Amp's door, in a process of its own: the path says what it answers, and how it
breaks off.

    /plain/BYTES            so many bytes, whose number is told
    /chunks/BYTES           the same in chunks
    /gzip/BYTES             the same, as gzip that no header tells of
    /events/COUNT           an event stream
    /echo                   the request's body
    /digest                 what came: how many bytes, and their digest
    /late/MILLISECONDS      a short answer, after that
    /endless                an event stream without an end
    /cut/WHERE              breaks off: `before` the head, in the `head`, or in a body: `counted`, `chunked` or `gzip`
    /reset/WHERE            the same by a reset, which takes back what was sent and not yet read
    /cut-upload/BYTES       breaks off after so many bytes of the request's body
    /echo-socket/BYTES      an upgrade: what comes goes back; after so many bytes it is closed
    /cut-socket/BYTES       the same, but cut

Each stands behind one of the paths that Amp's clients ask: `/api/threads/plain/100`.

    python -m bench.amp_plane PORT
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Final

import httptools
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 512
PIECE_BYTES: Final = 16 * 1024
"""Of an answer in chunks."""
EVENTS_AT_ONCE: Final = 20
ENDLESS_SECONDS: Final = 0.002
"""Between two pieces of a stream that does not end."""
LONGEST_BYTES: Final = 32 * 1024 * 1024
PROMISED_BYTES: Final = 100_000
KEPT_BYTES: Final = 40_000
"""Of those, what is sent before an answer breaks off."""
LAST_CHUNK: Final = b"0\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: bench\r\nConnection: Upgrade\r\n\r\n"


def pattern(size: int) -> bytes:
    """So many bytes, no stretch of which looks like another; each is the beginning of all longer ones."""
    return _longest()[:size]


@lru_cache(maxsize=1)
def _longest() -> bytes:
    return Random(0).randbytes(LONGEST_BYTES // 2).hex().encode()


def event(number: int) -> bytes:
    """One of an event stream."""
    return b'event: step\ndata: {"number": %d, "text": "so much of it and no more, for now"}\n\n' % number


def digest(body: bytes) -> bytes:
    """What an upload is answered with."""
    return b"%d %b" % (len(body), hashlib.sha256(body).hexdigest().encode())


@lru_cache(maxsize=1)
def cut_gzip() -> bytes:
    """The beginning of something in gzip."""
    whole = gzip.compress(pattern(PROMISED_BYTES), 1, mtime=0)  # the same in every process
    return whole[: len(whole) // 2]


def chunk(piece: bytes) -> bytes:
    """A piece of a body, framed."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Plane(Protocol):
    """One connection. State: the request that is under way, and what is still to be done for it."""

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self._came = 0
        self._later: IDelayedCall | None = None
        self._socket = False
        self._limit = 0
        """Of bytes, until it breaks off; 0 if it does not."""
        self._gone = False

    def dataReceived(self, data: bytes) -> None:
        """Of a request, or of what took its place."""
        if self._gone:
            return
        if self._socket:
            self._echo(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._socket = True
            self.transport.write(SWITCHING)
            self._echo(data[switch.args[0] :])
        except httptools.HttpParserError:
            self._cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whatever was under way is over."""
        self._gone = True
        if self._later is not None and self._later.active():
            self._later.cancel()

    # -- called by httptools

    def on_message_begin(self) -> None:
        """Another request."""
        self._url = b""
        self._body.clear()
        self._came = 0

    def on_url(self, url: bytes) -> None:
        """A part of its target."""
        self._url += url

    def on_headers_complete(self) -> None:
        """What is to break off may do so from here on."""
        kind, argument = self._asked()
        self._limit = int(argument) if kind in ("cut-upload", "cut-socket", "echo-socket") else 0

    def on_body(self, piece: bytes) -> None:
        """A part of the body."""
        self._body.append(piece)
        self._came += len(piece)
        if self._limit and self._came >= self._limit:
            self._cut()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._gone or self._parser.should_upgrade():
            return
        kind, argument = self._asked()
        answers: dict[str, Callable[[str], None]] = {
            "plain": lambda size: self._whole(pattern(int(size))),
            "chunks": lambda size: self._chunks(pattern(int(size))),
            "gzip": lambda size: self._whole(gzip.compress(pattern(int(size)), 1)),
            "events": lambda count: self._events(0, int(count)),
            "echo": lambda _: self._whole(b"".join(self._body)),
            "digest": lambda _: self._whole(digest(b"".join(self._body))),
            "late": lambda pause: self._after(int(pause) / 1000, lambda: self._whole(b"late")),
            "endless": lambda _: self._endless(0),
            "cut": lambda where: self._break_off(where, self._close),
            "reset": lambda where: self._break_off(where, self._cut),
        }
        if kind in answers:
            answers[kind](argument)
        else:
            self._whole(b"ok")

    def _asked(self) -> tuple[str, str]:
        steps = self._url.partition(b"?")[0].decode("ascii").split("/")
        return (steps[3], steps[4] if len(steps) > 4 else "0") if len(steps) > 3 else ("", "0")

    # -- answers

    def _head(self, framing: bytes, kind: bytes = b"application/octet-stream") -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nX-Served-By: bench\r\n%b\r\n\r\n" % (kind, framing)

    def _whole(self, body: bytes) -> None:
        self.transport.writeSequence([self._head(b"Content-Length: %d" % len(body)), body])

    def _chunks(self, body: bytes) -> None:
        pieces = [chunk(body[at : at + PIECE_BYTES]) for at in range(0, len(body), PIECE_BYTES)]
        self.transport.writeSequence([self._head(b"Transfer-Encoding: chunked"), *pieces, LAST_CHUNK])

    def _events(self, first: int, count: int) -> None:
        if first == 0:
            self.transport.write(self._head(b"Transfer-Encoding: chunked", b"text/event-stream"))
        last = min(first + EVENTS_AT_ONCE, count)
        self.transport.writeSequence([chunk(event(number)) for number in range(first, last)])
        if last == count:
            self.transport.write(LAST_CHUNK)
        else:
            self._after(0, lambda: self._events(last, count))

    def _endless(self, first: int) -> None:
        if first == 0:
            self.transport.write(self._head(b"Transfer-Encoding: chunked", b"text/event-stream"))
        self.transport.write(chunk(event(first)))
        self._after(ENDLESS_SECONDS, lambda: self._endless(first + 1))

    def _break_off(self, where: str, close: Callable[[], None]) -> None:
        head = self._head(b"Content-Length: %d" % PROMISED_BYTES)
        body = pattern(PROMISED_BYTES)[:KEPT_BYTES]
        told = {
            "before": b"",
            "head": head[:30],
            "counted": head + body,
            "chunked": self._head(b"Transfer-Encoding: chunked") + chunk(body),
            "gzip": head + cut_gzip(),
        }
        self.transport.write(told[where])
        self._after(0, close)  # in a turn of its own: what was written is with the kernel by then

    def _echo(self, data: bytes) -> None:
        self._came += len(data)
        self.transport.write(data)
        if self._limit and self._came >= self._limit:
            if self._asked()[0] == "cut-socket":
                self._cut()
            else:
                self._close()

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._later = self._clock.callLater(seconds, do)

    def _close(self) -> None:
        self.transport.loseConnection()

    def _cut(self) -> None:
        self._gone = True
        self.transport.abortConnection()


class PlaneFactory(Factory):
    """Makes one for each connection."""

    noisy = False

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def buildProtocol(self, addr: object) -> Plane:
        """See `Factory`."""
        return Plane(self._clock)


def main(reactor: PosixReactorBase, port: str) -> Deferred[None]:
    """Serve on loopback until killed."""
    reactor.listenTCP(int(port), PlaneFactory(reactor), backlog=BACKLOG, interface=LOOPBACK)
    return Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
