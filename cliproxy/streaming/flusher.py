"""One `LoopingCall` for all streams: every few milliseconds it has whoever gathered bytes write them.

A single loop, because a timer of its own for each of hundreds of streams would cost more than the writes it saves. It
runs only while somebody waits: an idle daemon, and a stream whose deltas come slower than the interval, set no timer.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Flushable(Protocol):
    """Somebody with gathered bytes."""

    def flush(self) -> None:
        """Write them now."""


class Flusher:
    """State: who waits for the next tick."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self.seconds = seconds
        """The longest that bytes gather."""
        self._waiting: dict[Flushable, None] = {}
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def add(self, stream: Flushable) -> None:
        """Have `stream` flushed at the next tick."""
        self._waiting[stream] = None
        if not self._loop.running:
            self._loop.start(self.seconds, now=False)

    def discard(self, stream: Flushable) -> None:
        """Forget `stream`; it has nothing left to write."""
        self._waiting.pop(stream, None)

    def _tick(self) -> None:
        if not self._waiting:
            self._loop.stop()
            return
        streams, self._waiting = tuple(self._waiting), {}
        for stream in streams:
            try:
                stream.flush()
            except Exception:
                self._log.failure("while flushing a stream")
