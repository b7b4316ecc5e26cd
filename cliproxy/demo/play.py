"""Plays a reply in time on whatever can take it: a socket's request, or a protocol in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall

from cliproxy.demo.replies import Chunk, Cut, End, Pause, Reply, Stamped

STEPS_A_TURN: Final = 20
"""So many events go out in one turn of the reactor; a real upstream would not send a reply in one go either."""
MAX_WRITE_BYTES: Final = 64 * 1024
"""Between two writes a target may ask for a pause; as large as the buffer of Twisted's transports."""


class Timer(Protocol):
    """What the player needs of a reactor."""

    def callLater(self, delay: float, call: Callable[..., object], /, *args: object) -> IDelayedCall: ...


class Target(Protocol):
    """Where a reply goes. After `end` or `cut` nothing follows."""

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None: ...

    def write(self, body: bytes) -> None: ...

    def end(self) -> None: ...

    def cut(self) -> None: ...


class Player:
    """Plays one reply once. Its state: the place in the steps, whether it is paused, and the one call it waits for.

    A reply of a few steps without a `Pause` is played at once, without a timer; a longer one gives the reactor a turn
    after every `STEPS_A_TURN`. Whatever the target does while it is written to (pause, resume, stop) takes effect
    before the next write, and never writes from within.
    """

    def __init__(self, reply: Reply, clock: Timer, target: Target) -> None:
        self._reply = reply
        self._clock = clock
        self._target = target
        self._at = 0
        self._offset = 0
        """How much of a chunk that is too large for one write is out."""
        self._paused = False
        self._playing = False
        self._over = False
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin with the head, or the silence before it."""
        if self._reply.wait_seconds:
            self._call = self._clock.callLater(self._reply.wait_seconds, self._open)
        else:
            self._open()

    def pause(self) -> None:
        """Write nothing until `resume`. A silence that is on goes on."""
        self._paused = True

    def resume(self) -> None:
        """Go on in the next turn of the reactor."""
        self._paused = False
        if self._call is None and not self._playing and not self._over:
            self._call = self._clock.callLater(0, self._play)

    def stop(self) -> None:
        """Forget the rest: the target hears nothing more."""
        self._over = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _open(self) -> None:
        self._call = None
        self._target.head(self._reply.status, self._reply.headers)
        if self._call is None:
            self._play()

    def _play(self) -> None:
        self._call = None
        self._playing = True
        for _ in range(STEPS_A_TURN):
            if self._paused or self._over or self._call is not None:
                break
            self._step()
        else:
            if not self._over and self._call is None:
                self._call = self._clock.callLater(0, self._play)
        self._playing = False

    def _step(self) -> None:
        step = self._reply.steps[self._at]
        if isinstance(step, Chunk) and len(step.body) > MAX_WRITE_BYTES:
            self._write_part(step.body)
            return
        self._at += 1
        if isinstance(step, Chunk):
            self._target.write(step.body)
        elif isinstance(step, Stamped):
            self._target.write(step.at(time.monotonic_ns()))
        elif isinstance(step, Pause):
            self._call = self._clock.callLater(step.seconds, self._play)
        elif isinstance(step, End):
            self._over = True
            self._target.end()
        elif isinstance(step, Cut):
            self._over = True
            self._target.cut()

    def _write_part(self, body: bytes) -> None:
        part = body[self._offset : self._offset + MAX_WRITE_BYTES]
        self._offset += len(part)
        if self._offset == len(body):
            self._at += 1
            self._offset = 0
        self._target.write(part)
