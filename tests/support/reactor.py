"""The real reactor, for tests of what the kernel and sockets do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

LOOK_SECONDS: Final = 0.01


async def until(holds: Callable[[], object], clock: IReactorTime, seconds: float = 5.0) -> bool:
    """Let the reactor run until something is so; whether it came to be in time."""
    done: Deferred[bool] = Deferred()
    end = clock.seconds() + seconds

    def look() -> None:
        if holds() or clock.seconds() >= end:
            looking.stop()

    looking = LoopingCall(look)
    looking.clock = clock
    looking.start(LOOK_SECONDS).addCallbacks(lambda _: done.callback(bool(holds())), done.errback)
    return await done
