"""All exchanges of one daemon: those under way, and their end when it is stopped."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import ClassVar, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from cliproxy.ask import Ask, Provision
from cliproxy.asking import Shared
from cliproxy.exchange import Exchange
from cliproxy.modules import Dress
from cliproxy.routing.decisions import Decision, Decisions
from cliproxy.routing.pool import Pool
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.sink import Sink
from cliproxy.telling import shutting_down
from cliproxy.waiting import Waiting

STUBBORN_SECONDS: Final = 10.0
"""Behind the grace, for what was cut short to end. A module's route may be deaf to its being cancelled."""


class _Other:
    """Something under way that is no exchange."""

    def cut_short(self) -> bool:
        """Its end is its being cancelled."""
        return False


class Exchanges:
    """All exchanges of one daemon. State: those under way, and whether it is still open for more."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        provision: Provision,
        pool: Pool,
        clock: IReactorTime,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.provision = provision
        """For exchanges to come; a reload puts another here."""
        self.waiting = Waiting(clock, provision.routing.queue_size)
        """Those for whom no credential is free just now."""
        self.decisions = Decisions()
        self._clock = clock
        self._shared = Shared(pool, self.waiting, clock, wall, chance)
        self._running: dict[Exchange | _Other, Deferred[None]] = {}
        self._drained: Deferred[None] | None = None
        self._late: IDelayedCall | None = None
        """When those that are still under way are cut short, or left."""

    @property
    def running(self) -> int:
        """How many are under way."""
        return len(self._running)

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        """Serve one request; fires when its reply has ended, fails with `ProxyError` if there is none to be told.

        Cancelling it cancels whatever is under way upstream. `dress` may put something before the client's end.
        """
        provision = self._open_provision()
        sink = self.outlet(request)
        return self._run(ask, sink if dress is None else dress(sink), provision)

    def outlet(self, request: Request) -> Outlet:
        """The client's end of a reply."""
        provision = self.provision
        return Sink(request, provision.flusher, self._clock, provision.streaming.flush_bytes)

    def attend(self, served: Deferred[None]) -> Deferred[None]:
        """Something that is no exchange is under way; it is drained like one."""
        if not served.called:
            running = _Other()
            self._running[running] = served
            served.addBoth(self._ended, running)
        return served

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        """The same for a client that needs no heartbeats, and at whose end stands something else than a request."""
        provision = self._open_provision()
        streaming = attrs.evolve(provision.streaming, keepalive_seconds=0)
        return self._run(ask, outlet, attrs.evolve(provision, streaming=streaming))

    def _open_provision(self) -> Provision:
        if self._drained is not None:
            raise shutting_down()
        return self.provision

    def _run(self, ask: Ask, sink: Outlet, provision: Provision) -> Deferred[None]:
        decision = Decision(ask.request_id, self._shared.wall(), ask.model)
        self.decisions.begin(decision)
        exchange = Exchange(ask, sink, provision, self._shared, decision)
        served = Deferred.fromCoroutine(exchange.run())
        if not served.called:
            self._running[exchange] = served
            served.addBoth(self._ended, exchange)
        return served

    def drain(self, grace_seconds: float) -> Deferred[None]:
        """Take no more; fires when those under way have ended, which the grace is for; then they are cancelled."""
        if self._drained is not None:
            return self._drained
        drained = self._drained = Deferred()
        if not self._running:
            drained.callback(None)
            return drained
        self._log.info(
            "stopping: {count} exchanges have {seconds:g} s to end", count=self.running, seconds=grace_seconds
        )
        self._late = self._clock.callLater(grace_seconds, self._cut_short)
        return drained.addBoth(self._in_time)

    def _cut_short(self) -> None:
        self.waiting.close()  # else the end of one would let in the next
        for exchange, served in tuple(self._running.items()):
            if not exchange.cut_short():
                served.cancel()
        if self._running:
            self._late = self._clock.callLater(STUBBORN_SECONDS, self._wait_no_more)

    def _wait_no_more(self) -> None:
        self._log.warn("{count} exchanges do not end, and are left", count=self.running)
        if self._drained is not None and not self._drained.called:
            self._drained.callback(None)

    def _in_time(self, outcome: Failure | None) -> Failure | None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        return outcome

    def _ended(self, outcome: Failure | None, exchange: Exchange | _Other) -> Failure | None:
        del self._running[exchange]
        if self._drained is not None and not self._running and not self._drained.called:
            self._drained.callback(None)
        return outcome
