"""Requests for which no credential is free just now: a bounded queue, fair to each conversation.

Whenever something may have changed, those in front look again: one of each conversation in turn. Who finds nothing
keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

SLACK_SECONDS: Final = 0.01
"""A timer that fires a moment before the time it was set for finds nothing changed."""


class Waiter:
    """One request. `look` says whether it has found what it waits for."""

    def __init__(self, same: Hashable, look: Callable[[], bool]) -> None:
        self.same = same
        self.look = look
        self.found: Deferred[bool] = Deferred(lambda _: self._left())
        self.gone = False

    def end(self, found: bool) -> None:
        """It waits no longer."""
        self.gone = True
        self.found.callback(found)

    def _left(self) -> None:
        self.gone = True


class Waiting:
    """All who wait, by conversation. `most`: how many may. State: they, the time of the next look without news, and
    whether anybody is let in still.
    """

    def __init__(self, clock: IReactorTime, most: int) -> None:
        self.most = most
        self._clock = clock
        self._queues: dict[Hashable, list[Waiter]] = {}
        self._alarm: IDelayedCall | None = None
        self._sweeping = False
        self._stirred = False
        self._closed = False

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self) >= self.most

    async def wait(self, who: Hashable, same: Hashable, look: Callable[[], bool], seconds: float) -> bool:
        """Whether `look` has found something before the time is over.

        Of those for whom `same` is the same, nobody finds what another has looked for in vain.
        """
        waiter = Waiter(same, look)
        self._queues.setdefault(who, []).append(waiter)
        late = self._clock.callLater(max(0.0, seconds), waiter.end, False)
        try:
            return await waiter.found
        finally:
            if late.active():
                late.cancel()
            self._leave(who, waiter)

    async def sleep(self, who: Hashable, seconds: float) -> None:
        """Take up a place for that time, and wait for nothing else."""
        await self.wait(who, None, lambda: False, seconds + SLACK_SECONDS)

    def stir(self) -> None:
        """Something has changed: a request has ended, a credential has proved well or ill."""
        self._stirred = True
        if self._closed or self._sweeping:
            return  # by what a request does that has just been let in; the sweep begins again
        self._sweeping = True
        try:
            while self._stirred:
                self._stirred = False
                self._sweep()
        finally:
            self._sweeping = False

    def stir_in(self, seconds: float) -> None:
        """Something will have changed by then, without anybody telling."""
        at = self._clock.seconds() + seconds + SLACK_SECONDS
        if self._alarm is not None:
            if self._alarm.getTime() <= at:
                return
            self._alarm.cancel()
        self._alarm = self._clock.callLater(seconds + SLACK_SECONDS, self._ring)

    def close(self) -> None:
        """Nobody is let in any more; who waits, waits for the end of its time."""
        self._closed = True

    def _sweep(self) -> None:
        """Have those in front look, a round at a time, until nobody in front finds anything."""
        vain: set[Hashable] = set()
        served = True
        while served:
            served = False
            for who, queue in tuple(self._queues.items()):
                waiter = next((waiter for waiter in queue if not waiter.gone), None)
                if waiter is None or waiter.same in vain:
                    continue
                if not waiter.look():
                    vain.add(waiter.same)
                    continue
                served = True
                self._queues[who] = self._queues.pop(who)  # the next round begins with the others
                waiter.end(True)

    def _ring(self) -> None:
        self._alarm = None
        self.stir()

    def _leave(self, who: Hashable, waiter: Waiter) -> None:
        queue = self._queues[who]
        queue.remove(waiter)
        if not queue:
            del self._queues[who]
        if not self._queues and self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
