"""A timer for silence: it goes off when nobody has touched it for a while.

Touching is the hot path, once per read of a socket, so it only notes the time; the delayed call looks at the note when
it is due and, if there was a touch meanwhile, sets itself again for the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Silence:
    """Calls `over(seconds)` after so many seconds without a touch; once, unless `start` is called again."""

    def __init__(self, clock: IReactorTime, over: Callable[[float], None]) -> None:
        self._clock = clock
        self._over = over
        self._call: IDelayedCall | None = None
        self._since = 0.0
        self._seconds = 0.0

    @property
    def running(self) -> bool:
        """Whether it may still go off."""
        return self._call is not None

    def start(self, seconds: float) -> None:
        """Begin, or begin anew with another length."""
        self.stop()
        self._seconds = seconds
        self._since = self._clock.seconds()
        self._call = self._clock.callLater(seconds, self._look)

    def touch(self) -> None:
        """Something happened."""
        self._since = self._clock.seconds()

    def stop(self) -> None:
        """Listen no more; nothing stays behind."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        left = self._since + self._seconds - self._clock.seconds()
        if left > 0:
            self._call = self._clock.callLater(left, self._look)
        else:
            self._call = None
            self._over(self._seconds)
