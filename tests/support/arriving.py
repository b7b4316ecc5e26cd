"""A request's body that is in the test's hands while it arrives."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer


@implementer(IBodyProducer)
class Arriving:
    """Keeps what it is told. `at_once`: pieces that it writes while it is begun, and then it is whole."""

    def __init__(self, length: int | None = None, *at_once: bytes) -> None:
        self.length = UNKNOWN_LENGTH if length is None else length
        self.told: list[str] = []
        self._at_once = at_once
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] = Deferred()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self.told.append("begin")
        self._consumer = consumer
        if self._at_once:
            self.give(*self._at_once).end()
        return self._done

    def give(self, *pieces: bytes) -> Arriving:
        """Some of it has come."""
        assert self._consumer is not None
        for piece in pieces:
            self._consumer.write(piece)
        return self

    def end(self) -> None:
        """That was all. Nothing happens if the body was stopped: its Deferred must not fire then."""
        if not self.stopped:
            self._done.callback(None)

    def fail(self, error: Exception) -> None:
        """The rest will not come."""
        if not self.stopped:
            self._done.errback(Failure(error))

    @property
    def stopped(self) -> bool:
        return "stop" in self.told

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")
