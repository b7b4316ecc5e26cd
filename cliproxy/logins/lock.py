"""A lock between processes, for the time in which one of them renews the tokens of a file.

It is advice: who does not know it is not held off. The official CLIs do not, so that it is completed by reading the
file again while it is held.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

RETRY_SECONDS: Final = 0.1
"""A renewal takes about a second, and nobody waits for it but another renewal."""
TIMEOUT_SECONDS: Final = 30.0


class NotLocked(Exception):
    """The lock was not to be had. The sentence is for a person."""


class FileLock:
    """Whoever holds it is alone with a file, of all that ask: `async with FileLock(path, clock): …`.

    The lock is a file beside it, `.NAME.cliproxy-lock`, that the holder takes away at the end; one that is left over
    after a crash locks nobody out. It is not the file itself, which gets another inode whenever it is written. Held by
    this object or not; many in turn, but one at a time.
    """

    def __init__(self, path: Path, clock: IReactorTime, timeout: float = TIMEOUT_SECONDS) -> None:
        self.path = path.with_name(f".{path.name}.cliproxy-lock")
        self._clock = clock
        self._timeout = timeout
        self._held: int | None = None
        self._retry: IDelayedCall | None = None

    def acquire(self) -> Deferred[None]:
        """Fires when the lock is held; fails with `NotLocked`. Who cancels it does not get the lock."""
        if self._held is not None or self._retry is not None:
            raise AssertionError("one lock object is acquired once at a time")
        acquired: Deferred[None] = Deferred(lambda _: self._give_up())
        self._try(acquired, self._clock.seconds() + self._timeout)
        return acquired

    def release(self) -> None:
        """Let others have it; nothing happens if it is not held."""
        held, self._held = self._held, None
        if held is None:
            return
        with suppress(OSError):  # a file that stays locks nobody out
            if _is_at(held, self.path):
                self.path.unlink()
        os.close(held)

    async def __aenter__(self) -> FileLock:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _try(self, acquired: Deferred[None], deadline: float) -> None:
        self._retry = None
        try:
            self._held = _locked(self.path)
        except OSError as error:
            acquired.errback(NotLocked(f"{self.path.parent} takes no lock: {error.strerror}"))
            return
        if self._held is not None:
            acquired.callback(None)
        elif self._clock.seconds() >= deadline:
            acquired.errback(NotLocked(f"another process has held {self.path} for {self._timeout:g} s"))
        else:
            self._retry = self._clock.callLater(RETRY_SECONDS, self._try, acquired, deadline)

    def _give_up(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _locked(path: Path) -> int | None:
    """The descriptor that holds the lock, or None if another does. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have taken the file away between our opening and our locking: then it locks nothing.
        if _is_at(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
