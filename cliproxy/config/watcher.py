"""Notices that the configuration file has changed, and publishes what it says if that is sound."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import ClassVar, Final

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.config.loader import ConfigInvalid, ConfigUnreadable, Loaded, parse_bytes, read_bytes
from cliproxy.threads import OffReactor

POLL_SECONDS: Final = 0.5
"""A stat costs microseconds; a person does not notice the wait."""
QUIET_SECONDS: Final = 0.150
"""As in the original: editors and copies write in several steps."""

Mark = tuple[int, int, int]
"""What tells one state of a file from the next: time of change in ns, size, inode."""


@attrs.frozen
class Reading:
    """What one look at the file gave."""

    digest: bytes
    """SHA-256 of its bytes."""
    outcome: Loaded | ConfigInvalid | None
    """None: the bytes are known already, or there are none."""


class Watcher(Service):
    """Polls the file's stat, waits until it is quiet, reads it, and hands what is new to `publish`.

    Polling, because inotify watches an inode: it misses a file that is renamed into place, the symlinks that
    Kubernetes swaps, and all that happens on the far side of a network mount. A stat, which follows links, sees
    them all.

    `publish(loaded)` runs on the reactor. `in_use` is the `digest` of what the daemon began with; without it the
    bytes at the start count as that. Changes: the mark last seen, the digests of what runs and of what was refused,
    one timer, and who waits for a reload.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        path: str,
        publish: Callable[[Loaded], None],
        clock: IReactorTime,
        defer_to: OffReactor,
        in_use: bytes = b"",
    ) -> None:
        self._path = path
        self._publish = publish
        self._clock = clock
        self._defer_to = defer_to
        self._in_use = in_use
        self._refused = b""
        self._mark: Mark | None = None
        self._missing = False
        self._quiet: IDelayedCall | None = None
        self._poll = LoopingCall(self._look)
        self._poll.clock = clock
        self._waiting: list[Deferred[bool]] = []
        self._reading = False

    def startService(self) -> None:
        """Begin to poll. The file as it is now is the one in use, unless `in_use` told another."""
        Service.startService(self)
        self._mark = None
        if not self._in_use:
            self._mark = self._stat()
            self._in_use = _digest_now(self._path)
        self._poll.start(POLL_SECONDS, now=False).addErrback(self._poll_broke)

    def stopService(self) -> None:
        """Stop polling. A reading under way may end, but publishes nothing any more."""
        Service.stopService(self)
        if self._poll.running:
            self._poll.stop()
        self._cancel_quiet()

    def reload(self) -> Deferred[bool]:
        """Look at the file now, for whoever asks. Fires with whether what the file says is in use; never fails.

        While one reading is under way, all who ask wait for one more after it. A stopped watcher publishes nothing.
        """
        self._refused = b""  # whoever asks is told again what is wrong
        return self._ask()

    # -- noticing ----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        mark = self._stat()
        if mark == self._mark:
            return
        self._mark = mark
        self._cancel_quiet()
        if mark is not None:
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._settled)

    def _settled(self) -> None:
        self._quiet = None
        before = self._mark
        self._look()
        if self._mark == before:
            self._ask()

    def _stat(self) -> Mark | None:
        try:
            found = os.stat(self._path)
        except OSError as error:
            if not self._missing:
                said = "{path} is gone ({reason}); what it said stays in use"
                self._log.warn(said, path=self._path, reason=error.strerror)
            self._missing = True
            return None
        self._missing = False
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _cancel_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _poll_broke(self, failure: Failure) -> None:
        self._log.failure("{path} is no longer watched", failure, path=self._path)

    # -- reading, one at a time --------------------------------------------------------------------------------

    def _ask(self) -> Deferred[bool]:
        answer: Deferred[bool] = Deferred()
        self._waiting.append(answer)
        if not self._reading:
            Deferred.fromCoroutine(self._read_for_all())
        return answer

    async def _read_for_all(self) -> None:
        self._reading = True
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                current = await self._read()
                for answer in asked:
                    answer.callback(current)
        finally:
            self._reading = False

    async def _read(self) -> bool:
        path, known = self._path, frozenset({self._in_use, self._refused})
        try:
            reading = await self._defer_to(lambda: _read_unless(path, known))
        except ConfigUnreadable as error:
            self._log.error("configuration stays as it was: {reason}", reason=str(error))
            return False
        except Exception:  # also a cancelled thread: nobody waits but those who asked, and they get an answer
            self._log.failure("configuration stays as it was: {path} could not be looked at", path=path)
            return False
        return self._take(reading)

    def _take(self, reading: Reading) -> bool:
        if isinstance(reading.outcome, ConfigInvalid):
            self._refuse(reading.digest, reading.outcome)
        elif reading.outcome is not None and self.running:
            with self._log.failuresHandled("publishing what {path} says", path=self._path) as published:
                self._publish(reading.outcome)
            if published.succeeded:
                self._in_use, self._refused = reading.digest, b""
        return reading.digest == self._in_use

    def _refuse(self, digest: bytes, invalid: ConfigInvalid) -> None:
        self._refused = digest
        self._log.error(
            "configuration stays as it was; problems in {path}: {count}", path=self._path, count=len(invalid.problems)
        )
        for problem in invalid.problems:
            self._log.error("{problem}", problem=problem.at(self._path))


def _read_unless(path: str, known: frozenset[bytes]) -> Reading:
    """Read and parse a file, unless its bytes are known or blank: some editors empty a file before they write."""
    content = read_bytes(path)
    digest = hashlib.sha256(content).digest()
    if digest in known or not content.strip():
        return Reading(digest, None)
    try:
        return Reading(digest, parse_bytes(content, path))
    except ConfigInvalid as invalid:
        return Reading(digest, invalid)


def _digest_now(path: str) -> bytes:
    try:
        return hashlib.sha256(read_bytes(path)).digest()
    except ConfigUnreadable:
        return b""
