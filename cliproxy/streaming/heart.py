"""Heartbeats: a client that hears nothing hangs up, and so do the proxies between.

Before the head is out, silence is kept for a while, since until then the true status can still be told and another
credential may still try. Then status 200 goes out with a first beat; from there one follows after each keep-alive
interval of silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from cliproxy.config.schema import Streaming
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.silence import Silence

STREAM_HEAD: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
"""For a stream whose upstream has not answered yet."""


class Heart:
    """Beats for one streamed reply, from the moment the client asked. `beat` gives what may be told at this point."""

    def __init__(
        self,
        sink: Outlet,
        clock: IReactorTime,
        settings: Streaming,
        beat: Callable[[], bytes],
        head: Iterable[tuple[bytes, bytes]] = STREAM_HEAD,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._beat = beat
        self._head = head
        self._commit_at = clock.seconds() + settings.commit_seconds
        self._silence = Silence(clock, self._over)

    def start(self) -> None:
        """The client waits for the stream: from the first attempt on, and again after one that stopped the beats."""
        if self._settings.keepalive_seconds and not self._silence.running:
            self._silence.start(max(self._commit_at - self._clock.seconds(), 0.0))

    def stop(self) -> None:
        """The reply is over, or it is one that bears no beats."""
        self._silence.stop()

    def _over(self, _: float) -> None:
        if self._sink.closed:
            return
        if self._sink.full_since is not None:  # who does not read what is there misses no beat
            self._silence.start(self._settings.keepalive_seconds)
            return
        if not self._sink.head_sent:
            self._sink.head(200, self._head)
            self._tell()
        elif self._clock.seconds() - self._sink.last_write >= self._settings.keepalive_seconds:
            self._tell()
        quiet = self._clock.seconds() - self._sink.last_write
        self._silence.start(max(self._settings.keepalive_seconds - quiet, 0.001))

    def _tell(self) -> None:
        self._sink.write(self._beat())
        self._sink.flush()
