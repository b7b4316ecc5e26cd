"""Bodies of requests on their way to somebody else: as they arrive, or as the server has kept them.

Of a body that is handed on as it arrives nothing is kept but what one read of the client's socket gave. While nobody
takes that, the socket is not read, and so the client goes at the pace of whoever does. A socket that is not read does
not tell that its client has left, either: whoever pauses a body for long must have a limit for how long.
"""

from __future__ import annotations

from enum import Enum, auto
from io import SEEK_END, BytesIO
from typing import BinaryIO, Final, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from twisted.web.server import Request
from zope.interface import implementer

from cliproxy.errors import TooLarge

SMALL_BODY_BYTES: Final = 64 * 1024
"""As much is taken whole: it comes in a read or two, and can be sent a second time if a connection proves stale."""
PIECE_BYTES: Final = 64 * 1024
"""Of a file: as much as Twisted's transports take before they say that they are full."""


class Unwanted(Exception):
    """The rest of a body is of no use: its request has been answered, or somebody else has taken it."""


class Reading(Protocol):
    """The client's socket, as far as it is read."""

    def stop_reading(self) -> None:
        """Leave what comes with the kernel."""

    def read_on(self) -> None:
        """Read again."""


class Taker(Enum):
    """Who takes a body."""

    AWAITED = auto()
    HERE = auto()
    GONE = auto()
    """Nobody, from now on: it is dropped."""


@implementer(IBodyProducer)
class ArrivingBody:
    """A body while it arrives.

    State: who takes it, and whether that one has paused; what has come and was not yet handed on; whether all has come,
    or why the rest never will.
    """

    def __init__(self, length: int | None, socket: Reading) -> None:
        """`length`: in bytes; None if the client did not say."""
        self.length: int | str = UNKNOWN_LENGTH if length is None else length
        self.wasted = 0
        """Bytes that were dropped."""
        self.reading = True
        """Whether the client's socket is read."""
        self._socket = socket
        self._taker = Taker.AWAITED
        self._paused = False
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None
        self._held: list[bytes] = []
        self._giving = False
        self._over = False
        self._broken: Failure | None = None

    # -- the client's side

    def came(self, data: bytes) -> None:
        """A piece has come. It is handed on with the others of the same read."""
        if self._taker is Taker.GONE:
            self.wasted += len(data)
        else:
            self._held.append(data)

    def ended(self) -> None:
        """That was all. The last of it may still have to be handed on; meanwhile the client can be seen to leave."""
        self._over = True

    def broke(self, reason: Failure) -> None:
        """The rest will never come. What was not yet handed on is of no use without it."""
        if not self._over:
            self._over = True
            self._broken = reason
            self._let_go(reason)

    def abandon(self) -> None:
        """The request has been answered: nobody may take the rest any more."""
        self._let_go(Failure(Unwanted()))
        self._pace()

    def hand_on(self) -> None:
        """A read of the client's socket is over, or the taker has room: give what there is."""
        if self._giving:
            return
        self._giving = True
        try:
            while self._held and self._consumer is not None and not self._paused:
                data = b"".join(self._held)
                self._held.clear()
                self._consumer.write(data)
        finally:
            self._giving = False
        if self._over and not self._held and self._done is not None:
            done, self._done = self._done, None
            done.callback(None)
        self._pace()

    # -- the taker's side

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Give the body to `consumer`; what has come goes at once.

        Fires when all was given. Fails with whatever lost the connection if the client left, with `ClientMistake` if
        what it sent was broken or stopped coming, with `Unwanted` if the request was answered first.
        """
        if self._broken is not None:
            return fail(self._broken)
        if self._taker is not Taker.AWAITED:
            return fail(Unwanted())
        self._taker = Taker.HERE
        self._consumer = consumer
        done = self._done = Deferred(lambda _: self.stopProducing())
        self.hand_on()
        return done

    def pauseProducing(self) -> None:
        """The taker is full."""
        self._paused = True
        self._pace()

    def resumeProducing(self) -> None:
        """It has room again."""
        self._paused = False
        self.hand_on()

    def stopProducing(self) -> None:
        """It wants no more."""
        self._done = None
        self.abandon()

    # -- inside

    def _let_go(self, reason: Failure) -> None:
        self._taker = Taker.GONE
        self._consumer = None
        self.wasted += sum(map(len, self._held))
        self._held.clear()
        done, self._done = self._done, None
        if done is not None:
            done.errback(reason)

    def _pace(self) -> None:
        """Read the socket, or not. Once all has come, somebody else says when; once it is lost, nobody need."""
        reads = self._over or self._taker is Taker.GONE or not (self._paused or self._held)
        if reads is self.reading or self._broken is not None:
            return
        self.reading = reads
        if reads:
            self._socket.read_on()
        else:
            self._socket.stop_reading()


@implementer(IBodyProducer)
class StoredBody:
    """A body that a server has kept in a file: read in pieces, each when the consumer has room for it."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.length = length
        self._file = file
        self._paused = False
        self._giving = False
        self._taken = False
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Give the body to `consumer`. Fails if the file cannot be read; a server closes it when the client leaves."""
        if self._taken:
            return fail(Unwanted())
        self._taken = True
        self._consumer = consumer
        done = self._done = Deferred(lambda _: self.stopProducing())
        self._give()
        return done

    def pauseProducing(self) -> None:
        """The taker is full."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It has room again."""
        self._paused = False
        self._give()

    def stopProducing(self) -> None:
        """It wants no more."""
        self._taken = True
        self._consumer = self._done = None

    def _give(self) -> None:
        if self._giving:
            return
        self._giving = True
        try:
            while self._consumer is not None and not self._paused:
                self._give_piece(self._consumer)
        finally:
            self._giving = False

    def _give_piece(self, consumer: IConsumer) -> None:
        try:
            piece = self._file.read(PIECE_BYTES)
        except (OSError, ValueError):  # the latter if it is closed
            self._end(Failure())
            return
        if piece:
            consumer.write(piece)
        else:
            self._end(None)

    def _end(self, failure: Failure | None) -> None:
        done, self._done = self._done, None
        self._consumer = None
        if done is not None:
            done.callback(None) if failure is None else done.errback(failure)


def body_of(request: Request) -> bytes | IBodyProducer:
    """A request's body: the bytes where they are in memory, else what gives them. Raises `TooLarge`.

    Whoever takes a body that arrives must `stopProducing` it if it does not want the rest.
    """
    arriving = getattr(request, "arriving", None)
    if isinstance(arriving, ArrivingBody):
        return arriving
    if getattr(request, "oversize", False):
        raise TooLarge("The request body is larger than the body-limit of this proxy.")
    content = request.content
    if content is None:
        return b""
    length = content.seek(0, SEEK_END)
    content.seek(0)
    if isinstance(content, BytesIO) or length <= SMALL_BODY_BYTES:
        body: bytes = content.read()
        return body
    return StoredBody(content, length)
