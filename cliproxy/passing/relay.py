"""The body of an answer on its way to the client, as it comes, with backpressure; it ends as it did upstream.

    GATHERING -> TELLING -> ENDED           (any state -> ENDED when the client leaves)

While GATHERING the body may be gzip that is to be decoded, and nothing is told. A body that breaks off is told as far
as it came, and then the client's connection is cut: a clean end would make a whole of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from zope.interface import implementer

from cliproxy.passing.gunzip import MaybeGzip
from cliproxy.streaming.outlet import MAX_STALL_SECONDS, Outlet
from cliproxy.streaming.silence import Silence

IDLE_SECONDS: Final = 600.0
"""Without a byte of the upstream. Long polls and event streams may be silent for minutes."""
PARTING_SECONDS: Final = 0.25
"""Before a cut, for what was told last to leave this machine: a connection that is cut takes back what has not."""

Begin = Callable[[int | None], None]
"""Tells the client status and headers, with the body's length where that is known."""


class Phase(Enum):
    """Where a body stands."""

    GATHERING = auto()
    TELLING = auto()
    ENDED = auto()


@implementer(IPushProducer)
class Relay(Protocol):
    """Receives one body. State: its phase, what waits for room at the client's end, and how the upstream ended."""

    def __init__(
        self, outlet: Outlet, clock: IReactorTime, begin: Begin, length: int | None, suspect: MaybeGzip | None
    ) -> None:
        """`length`: of the body as it comes, where that is known. `suspect`: where it may be gzip, to be decoded."""
        self.done: Deferred[bool] = Deferred(lambda _: self.abandon())
        """Fires when the client has it all, with whether it came whole."""
        self._phase = Phase.GATHERING
        self._outlet = outlet
        self._clock = clock
        self._begin = begin
        self._length = length
        self._suspect = self._gathered = suspect
        self._waiting: deque[bytes] = deque()
        """For the client's end to have room: no more than one read, or a gathered body."""
        self._full = False
        self._whole: bool | None = None
        """How the upstream ended; None until then."""
        self._silence = Silence(clock, self._too_quiet)
        self._later: IDelayedCall | None = None
        """A step of inflating, or the cut."""

    def abandon(self) -> None:
        """Nobody wants the rest: cut the upstream."""
        if self._phase is not Phase.ENDED:
            self._stop()
            self._cut_upstream()

    # -- the upstream's side

    def connectionMade(self) -> None:
        """The body begins."""
        self._silence.start(IDLE_SECONDS)
        if self._suspect is None:
            self._tell()

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of it."""
        if self._phase is Phase.ENDED or self._whole is not None:
            return
        self._silence.touch()
        if self._suspect is not None:
            self._suspect.feed(data)
            self._look()
        else:
            self._waiting.append(data)
            self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """That was all, or it broke off. Without a length, the end of the connection is the body's."""
        self._upstream_ended(bool(reason.check(ResponseDone, PotentialDataLoss)))

    # -- the client's side

    def pauseProducing(self) -> None:
        """The client's socket is full: so shall the upstream's be."""
        self._full = True
        self._read_upstream(reading=False)

    def resumeProducing(self) -> None:
        """It has room again. The upstream could say nothing meanwhile: its silence begins only now."""
        self._full = False
        self._silence.touch()
        self._go_on()
        if not self._full:
            self._read_upstream(reading=True)

    def stopProducing(self) -> None:
        """The client is gone; that cancels `done`, which is what counts."""

    # -- gathering

    def _look(self) -> None:
        """Go on with what may be gzip: decode a step of it, or let it pass, or conclude."""
        suspect = self._suspect
        if suspect is None or self._later is not None:
            return
        if suspect.behind:
            suspect.step()
        if suspect.behind:
            self._read_upstream(reading=False)
            self._later = self._clock.callLater(0, self._step_later)
        elif self._whole is not None:
            plain = suspect.plain() if self._whole else None
            if plain is not None:
                self._length = sum(map(len, plain))
            self._pass(suspect.came if plain is None else plain)
        elif not suspect.sound:
            self._pass(suspect.came)

    def _step_later(self) -> None:
        self._later = None
        self._look()
        if self._later is None and not self._full:
            self._read_upstream(reading=True)

    def _pass(self, pieces: list[bytes]) -> None:
        self._suspect = None
        self._waiting.extend(pieces)
        if self._gathered is not None:
            self._gathered.drop()
        self._tell()

    # -- telling

    def _tell(self) -> None:
        self._phase = Phase.TELLING
        self._begin(self._length)
        self._outlet.draw_from(self)
        self._go_on()

    def _go_on(self) -> None:
        """Tell what waits, as far as there is room; and then the end, if it has come."""
        while self._waiting and not self._full:
            self._outlet.write(self._waiting.popleft())
        if self._waiting or self._whole is None or self._phase is not Phase.TELLING:
            return
        if self._whole:
            self._stop()
            self._outlet.finish()
            self.done.callback(True)
        elif not self._full and self._later is None:
            self._outlet.flush()
            self._later = self._clock.callLater(PARTING_SECONDS, self._cut)

    # -- the end

    def _upstream_ended(self, whole: bool) -> None:
        if self._phase is Phase.ENDED or self._whole is not None:
            return
        self._whole = whole
        if self._suspect is not None:
            self._look()
        else:
            self._go_on()

    def _too_quiet(self, seconds: float) -> None:
        if self._outlet.full_since is not None:
            patience = self._outlet.full_since + MAX_STALL_SECONDS - self._clock.seconds()
            if patience > 0:
                self._silence.start(min(seconds, patience))
            else:
                self._cut_upstream()
                self._cut()
        elif self._whole is None:
            self._cut_upstream()
            self._upstream_ended(False)

    def _cut(self) -> None:
        """End the client's connection, since there is no other way to tell it."""
        self._stop()
        self._outlet.cut(self._gone)

    def _gone(self) -> None:
        if not self.done.called:
            self.done.callback(False)

    def _stop(self) -> None:
        self._phase = Phase.ENDED
        self._silence.stop()
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._suspect = None
        self._waiting.clear()
        if self._gathered is not None:
            self._gathered.leave()

    def _read_upstream(self, *, reading: bool) -> None:
        if self.transport is None or self._whole is not None or self._phase is Phase.ENDED:
            return
        socket = IPushProducer(self.transport)
        if reading:
            socket.resumeProducing()
        else:
            socket.pauseProducing()

    def _cut_upstream(self) -> None:
        if self.transport is not None and self._whole is None:
            IPushProducer(self.transport).stopProducing()
