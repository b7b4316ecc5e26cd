"""The upstream's end of a reply: takes the body as it comes, has it read, and writes to the sink.

    PROBING -> STREAMING -> ENDED | BROKEN          (any state -> ABANDONED when the exchange is cancelled)

While PROBING nothing of the body has been told to the client, so another credential may still try; what came is held,
and it is little: the opening of a message, or a body too short to be sure of. Everything here is synchronous and runs
once per read of the upstream's socket.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import ClassVar, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from zope.interface import implementer

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, TimedOut, UpstreamTrouble
from cliproxy.formats.wire import SILENT_HEARTBEAT
from cliproxy.streaming.inflate import Inflater, InflationFailed
from cliproxy.streaming.outlet import MAX_STALL_SECONDS, Outlet
from cliproxy.streaming.silence import Silence
from cliproxy.translate.readers import ReplyReader

LINGER_SECONDS: Final = 1.0
"""After a message's own end, how long the upstream may take to end the body, so that its connection can be kept."""

MAX_FIGURE: Final = 2**40
"""Of tokens in one reply. Upstreams may write any number, but sums of them must fit into a database."""


class Phase(Enum):
    """Where a reply stands."""

    PROBING = auto()
    STREAMING = auto()
    ENDED = auto()
    BROKEN = auto()
    ABANDONED = auto()


UNDER_WAY: Final = frozenset({Phase.PROBING, Phase.STREAMING})


@implementer(IPushProducer)
class Pump(Protocol):
    """Receives one body. `proven` and then `done` tell the exchange how it goes."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, reply: ReplyReader, clock: IReactorTime, idle_seconds: float, request_id: str) -> None:
        self.phase = Phase.PROBING
        self.proven: Deferred[None] = Deferred(lambda _: self.abandon())
        """Fires when the reply is worth telling; fails with `UpstreamTrouble` if it broke before."""
        self.done: Deferred[UpstreamTrouble | None] = Deferred(lambda _: self.abandon())
        """After `flow`: fires at the reply's end, with what broke it, if so."""
        self._reply = reply
        self._clock = clock
        self._request_id = request_id
        self._idle_seconds = idle_seconds
        self._idle = Silence(clock, self._too_quiet)
        self._patience: IDelayedCall | None = None
        self._impatient = False
        self._body_over = False
        self._inflater = Inflater()
        self._held: list[bytes] = []
        self._sink: Outlet | None = None
        self._broken_by: UpstreamTrouble | None = None
        """What broke the body after it had proved good, and before it flowed."""

    @property
    def inflated(self) -> bool:
        """Whether the body was gzip and is handed on plain."""
        return self._inflater.inflated

    @property
    def plain(self) -> bool:
        """Whether the body is handed on without gzip, be it that there was none."""
        return not self._inflater.doubtful

    @property
    def usage(self) -> Usage:
        """What the upstream has said so far that the reply took. Figures nobody can mean are bounded."""
        return Usage(*(min(figure, MAX_FIGURE) for figure in attrs.astuple(self._reply.usage)))

    @property
    def heartbeat(self) -> bytes:
        """What may be told the client just now to show that somebody is there."""
        if self.phase is not Phase.STREAMING:
            return SILENT_HEARTBEAT
        return b"" if self._reply.complete else self._reply.heartbeat

    def watch(self, patience_seconds: float | None) -> None:
        """Set the timers, once the body is being delivered; most short ones are whole by then and need none.

        A body that is silent for too long breaks. With patience, it is told as it comes after that time, proven or not.
        """
        if self._body_over or self.phase is not Phase.PROBING:
            return
        self._idle.start(self._idle_seconds)
        if patience_seconds is not None and not self.proven.called:
            self._patience = self._clock.callLater(patience_seconds, self._out_of_patience)

    def flow(self, sink: Outlet) -> None:
        """Tell `sink` what was held, and from now on everything as it comes. To be called when proven."""
        assert self.phase is Phase.PROBING
        self.phase = Phase.STREAMING
        self._sink = sink
        if not self._body_over:
            sink.draw_from(self)
        held, self._held = self._held, []
        sink.write(b"".join(held))
        if self._broken_by is not None:
            self._break(self._broken_by)
        else:
            self._look_at_reply()

    def break_off(self, reason: UpstreamTrouble) -> bool:
        """End a reply that flows, for a reason that is not the upstream's; whether there was one."""
        if self.phase is not Phase.STREAMING:
            return False
        if self._reply.complete:
            self._end()
            self._cut_upstream()
        else:
            self._break(reason)
        return True

    def abandon(self) -> None:
        """Nobody wants the rest: cut the upstream."""
        if self.phase in UNDER_WAY:
            self._stop(Phase.ABANDONED)
            self._cut_upstream()

    # -- the sink's side

    def pauseProducing(self) -> None:
        """The client's socket is full: so shall the upstream's be."""
        if self.transport is not None and not self._body_over:
            IPushProducer(self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again. The upstream could say nothing meanwhile: its silence begins only now."""
        if not self._reply.complete:
            self._idle.touch()
        if self.transport is not None and not self._body_over:
            IPushProducer(self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; that cancels the exchange, which is what counts."""

    # -- Twisted's side

    def dataReceived(self, data: bytes) -> None:
        """Read some bytes, and tell what they say."""
        reply = self._reply
        if reply.complete or self.phase not in UNDER_WAY:
            return
        self._idle.touch()
        try:
            told = reply.feed(self._inflater.feed(data))
        except InflationFailed as failed:
            self._break(Broken(f"The upstream's gzip data is broken: {failed}."))
            return
        if self._sink is not None and not (reply.complete or reply.trouble):
            self._sink.write(told)
            return
        self._tell(told)
        self._look_at_reply()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body has ended, well or not."""
        self._idle.stop()
        self._body_over = True
        if self.phase not in UNDER_WAY:
            return
        if not self._reply.complete:
            if not reason.check(ResponseDone, PotentialDataLoss):
                self._break(Broken("The upstream cut the connection in the middle of its answer."))
                return
            self._read_to_the_end()
        self._look_at_reply()

    # -- inside

    def _read_to_the_end(self) -> None:
        try:
            held = self._inflater.finish()
        except InflationFailed as failed:
            self._break(Broken(f"The upstream's gzip data is broken: {failed}."))
            return
        if self._inflater.doubtful:
            self._log.warn(
                "{request_id}: a body that begins like gzip is not gzip; it was passed on unchanged",
                request_id=self._request_id,
            )
        if held:
            self._tell(self._reply.feed(held))
        self._tell(self._reply.finish())

    def _tell(self, told: bytes) -> None:
        if not told:
            return
        if self._sink is None:
            self._held.append(told)
        else:
            self._sink.write(told)

    def _look_at_reply(self) -> None:
        """Go on to the next phase if what was read says so."""
        reply = self._reply
        if self.phase is Phase.PROBING:
            if reply.proven or (self._impatient and self._held):
                self._prove()
            elif reply.trouble is not None:
                self._break(reply.trouble)
        elif self.phase is Phase.STREAMING:
            if reply.trouble is not None:
                self._break(reply.trouble)
            elif self._body_over:
                self._end()
            elif reply.complete:
                assert self._sink is not None
                if reply.cut_short:
                    self._end()
                    self._cut_upstream()
                    return
                self._sink.flush()
                self._idle.start(LINGER_SECONDS)

    def _prove(self) -> None:
        self._lose_patience_timer()
        if not self.proven.called:
            self.proven.callback(None)

    def _break(self, trouble: UpstreamTrouble) -> None:
        sink = self._sink
        if sink is None and self.proven.called:
            self._broken_by = trouble
            return
        self._stop(Phase.BROKEN)
        self._cut_upstream()
        if sink is None:
            self.proven.errback(trouble)
            return
        told = self._reply.failed(trouble, self._request_id)
        if told:
            sink.write(told)
            sink.finish()
            self.done.callback(trouble)
        else:
            sink.cut(lambda: self._finish_broken(trouble))

    def _finish_broken(self, trouble: UpstreamTrouble) -> None:
        if not self.done.called:
            self.done.callback(trouble)

    def _end(self) -> None:
        sink = self._sink
        assert sink is not None
        self._stop(Phase.ENDED)
        sink.finish()
        self.done.callback(self._reply.reported)

    def _too_quiet(self, seconds: float) -> None:
        if self._reply.complete:
            self._end()
            self._cut_upstream()
        elif self._sink is not None and self._sink.full_since is not None:
            patience = self._sink.full_since + MAX_STALL_SECONDS - self._clock.seconds()
            if patience > 0:
                self._idle.start(min(self._idle_seconds, patience))
            else:
                self.abandon()
                self._sink.cut()
        else:
            self._break(TimedOut(f"The upstream fell silent for {seconds:g} s in the middle of its answer."))

    def _out_of_patience(self) -> None:
        self._patience = None
        self._impatient = True
        self._look_at_reply()

    def _lose_patience_timer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _stop(self, phase: Phase) -> None:
        self.phase = phase
        self._idle.stop()
        self._lose_patience_timer()
        self._held.clear()

    def _cut_upstream(self) -> None:
        if self.transport is not None and not self._body_over:
            IPushProducer(self.transport).stopProducing()
