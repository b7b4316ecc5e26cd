"""Two attempts at the same thing, of which the first that wins is taken, and the other cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")


class Race(Generic[T]):
    """One runs; after a while without a result, `another` may join it. `result` fires once, with the winner's result,
    or, if nobody wins, with that of the last; cancelling it cancels both.
    """

    def __init__(
        self,
        first: Deferred[T],
        another: Callable[[], Deferred[T] | None],
        wins: Callable[[T], bool],
        clock: IReactorTime,
        seconds: float,
    ) -> None:
        self.result: Deferred[T] = Deferred(lambda _: self._stop())
        self._another = another
        self._wins = wins
        self._running: list[Deferred[T]] = []
        self._over = False
        self._late: IDelayedCall | None = None
        self._join(first)
        if not self._over:
            self._late = clock.callLater(seconds, self._too_silent)

    def _join(self, runner: Deferred[T]) -> None:
        self._running.append(runner)
        runner.addBoth(self._ended, runner)

    def _too_silent(self) -> None:
        self._late = None
        try:
            another = self._another()
        except Exception:
            self._stop()
            self.result.errback(Failure())
            return
        if another is not None:
            self._join(another)

    def _ended(self, result: T | Failure, runner: Deferred[T]) -> None:
        self._running.remove(runner)
        if self._over:
            return
        if isinstance(result, Failure):
            self._stop()
            self.result.errback(result)
        elif self._wins(result) or not self._running:
            self._stop()
            self.result.callback(result)

    def _stop(self) -> None:
        self._over = True
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._late = None
        for runner in tuple(self._running):
            runner.cancel()
