"""The bodies of requests: those that are all there, and those that are still arriving while they are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime, ITransport
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.streaming.silence import Silence

_LAST_CHUNK: Final = b"0\r\n\r\n"


class WrongLength(Exception):
    """A body has more bytes than were promised, or fewer."""


@implementer(IBodyProducer)
class BytesProducer:
    """A body that is all there: our agent writes `content` with the head; others may have it produced."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write everything at once."""
        consumer.write(self.content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:
        """Nothing is left to resume."""

    def stopProducing(self) -> None:
        """Nothing is left to stop."""


@implementer(IBodyProducer, IConsumer)
class TimedBody:
    """A body that is still arriving. Each piece of it puts off the time at which its request is given up.

    State: the timer, while the answer is waited for.
    """

    def __init__(self, body: IBodyProducer, clock: IReactorTime) -> None:
        self.length = body.length
        self._body = body
        self._consumer: IConsumer | None = None
        self._silence = Silence(clock, self._give_up)
        self._asked: Deferred[IResponse] | None = None
        self._given_up = False

    def watch(self, asked: Deferred[IResponse], seconds: float, too_late: Callable[[object, float], IResponse]) -> None:
        """Cancel `asked` after so many seconds without a piece of the body or an answer, and let it be `too_late`."""

        def answered(outcome: IResponse | Failure) -> IResponse | Failure:
            self._silence.stop()
            return too_late(outcome, seconds) if self._given_up else outcome

        self._asked = asked
        self._silence.start(seconds)
        asked.addBoth(answered)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Have the body written to `consumer`."""
        self._consumer = consumer
        return cast("Deferred[None]", self._body.startProducing(self))

    def write(self, data: bytes) -> None:
        """Hand on a piece."""
        self._silence.touch()
        if self._consumer is not None:
            self._consumer.write(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The body itself is what is paused and resumed."""

    def unregisterProducer(self) -> None:
        """The end of a body is told by its Deferred."""

    def pauseProducing(self) -> None:
        """Give no more for now."""
        self._body.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on."""
        self._body.resumeProducing()

    def stopProducing(self) -> None:
        """Nobody takes the rest."""
        self._body.stopProducing()

    def _give_up(self, _: float) -> None:
        self._given_up = True
        if self._asked is not None:
            self._asked.cancel()


def length_of(body: IBodyProducer) -> int | None:
    """In bytes; None if that is not known, and the body must mark its own end."""
    length = body.length
    return length if isinstance(length, int) else None


@implementer(IConsumer, IPushProducer)
class Upload:
    """One body on its way: a consumer to its producer, whose writes it frames, and a producer to the upstream's socket.

    State: how many bytes went, and whether it is over: sent, failed or stopped. After that nothing is written, whatever
    the producer does, and nobody is told anything.
    """

    def __init__(self, body: IBodyProducer, socket: ITransport, failed: Callable[[Failure], None]) -> None:
        """`failed` is told why the rest of the body will not come; the connection is to be cut then."""
        self.over = False
        self.sent = 0
        """Bytes, without their framing."""
        self._body = body
        self._length = length_of(body)
        self._socket = socket
        self._consumer = IConsumer(socket)
        self._failed = failed

    def begin(self) -> None:
        """Have the body produced. It may be over, sent or failed, before this returns."""
        self._consumer.registerProducer(self, True)
        if not self.over:  # by a socket that was closed already
            maybeDeferred(self._body.startProducing, self).addCallbacks(self._produced, self._fail)

    # -- the body's side

    def write(self, data: bytes) -> None:
        """Send a piece."""
        if self.over or not data:  # an empty chunk would be the last
            return
        if self._length is None:
            self.sent += len(data)
            self._socket.writeSequence([b"%x\r\n" % len(data), data, b"\r\n"])
        elif self.sent + len(data) > self._length:
            self._fail(Failure(WrongLength(f"the body is longer than the {self._length} bytes that were promised")))
            self._body.stopProducing()
        else:
            self.sent += len(data)
            self._socket.write(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The body itself is what is paused and resumed."""

    def unregisterProducer(self) -> None:
        """The end of a body is told by its Deferred."""

    # -- the socket's side

    def pauseProducing(self) -> None:
        """The socket is full."""
        if not self.over:
            self._body.pauseProducing()

    def resumeProducing(self) -> None:
        """It has room again."""
        if not self.over:
            self._body.resumeProducing()

    def stopProducing(self) -> None:
        """Nobody takes the rest: the connection is lost or cut, or its answer is over."""
        if not self.over:
            self._end()
            self._body.stopProducing()

    # -- inside

    def _produced(self, _: object) -> None:
        if self.over:
            return
        if self._length is not None and self.sent < self._length:
            self._fail(Failure(WrongLength(f"the body ended after {self.sent} bytes of {self._length}")))
            return
        self._end()
        if self._length is None:
            self._socket.write(_LAST_CHUNK)

    def _fail(self, failure: Failure) -> None:
        if not self.over:
            self._end()
            self._failed(failure)

    def _end(self) -> None:
        self.over = True
        self._consumer.unregisterProducer()
