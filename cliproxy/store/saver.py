"""Keeps the state file up to date, off the reactor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import ClassVar, Final, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.routing.memory import Changes
from cliproxy.store.state import StateFile, StateTrouble
from cliproxy.store.tables import MAX_ROWS
from cliproxy.threads import OffReactor

SAVE_SECONDS: Final = 2.0
"""What a crash may cost: the pool would ask accounts that it had learned to leave alone, and learn it again."""


Key = TypeVar("Key")
Row = TypeVar("Row")


class Saver(Service):
    """Takes what has changed from the pool every two seconds, and has it written; the rest when it stops.

    One write at a time. What could not be written goes with the next, and no more than the tables may hold is kept for
    that. State: changes still to be written, which belong to the write under way; and the trouble that was told last.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, file: StateFile, take_changes: Callable[[], Changes], clock: IReactorTime, defer_to: OffReactor
    ) -> None:
        self._file = file
        self._take_changes = take_changes
        self._defer_to = defer_to
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock
        self._turn = DeferredLock()
        self._unwritten: Changes | None = None
        self._told = ""

    def startService(self) -> None:
        """Begin to save."""
        Service.startService(self)
        self._loop.start(SAVE_SECONDS, now=False).addErrback(self._loop_broke)

    def stopService(self) -> Deferred[None]:
        """Write what is left and close the file; fires when that is done, well or not."""
        Service.stopService(self)
        if self._loop.running:
            self._loop.stop()
        return Deferred.fromCoroutine(self._finish())

    def _tick(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._save())

    def _loop_broke(self, failure: Failure) -> None:
        self._log.failure("the pool's state is no longer saved", failure)

    async def _finish(self) -> None:
        await self._save()
        async with self._turn:
            with self._log.failuresHandled("closing the state file"):
                await self._defer_to(self._file.close)

    async def _save(self) -> None:
        async with self._turn:
            with self._log.failuresHandled("saving the pool's state"):
                changes = self._take_changes()
                if self._file.left_alone:
                    self._unwritten = None
                elif self._unwritten is not None or _any(changes):
                    await self._write(changes)

    async def _write(self, changes: Changes) -> None:
        try:
            await self._defer_to(lambda: self._save_with_unwritten(changes))
        except StateTrouble as trouble:
            self._tell(str(trouble))
        except Exception:
            self._unwritten = None  # a mistake of ours, which would only be made again
            raise
        else:
            if self._told:
                self._tell("")

    def _save_with_unwritten(self, changes: Changes) -> None:
        """In a thread."""
        self._unwritten = changes if self._unwritten is None else merged(self._unwritten, changes)
        self._file.save(self._unwritten)
        self._unwritten = None

    def _tell(self, trouble: str) -> None:
        """Once, however often it is tried."""
        if trouble == self._told:
            return
        self._told = trouble
        if trouble:
            self._log.error("the pool's state is kept in memory only: {reason}", reason=trouble)
        else:
            self._log.info("the pool's state is written to disk again")


def merged(earlier: Changes, later: Changes) -> Changes:
    """Both, as one; of each table the newest `MAX_ROWS`, for there is no room on disk for more."""
    return Changes(
        _both(earlier.standings, later.standings),
        _both(earlier.windows, later.windows),
        _both(earlier.bindings, later.bindings),
    )


def _both(earlier: Mapping[Key, Row], later: Mapping[Key, Row]) -> dict[Key, Row]:
    both = {key: row for key, row in earlier.items() if key not in later}
    both.update(later)
    surplus = len(both) - MAX_ROWS
    return both if surplus <= 0 else dict(islice(both.items(), surplus, None))


def _any(changes: Changes) -> bool:
    return bool(changes.standings or changes.windows or changes.bindings)
