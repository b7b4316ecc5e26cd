"""The directory of account files: read at the start, and then followed as files come, change and go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.logins import notices
from cliproxy.logins.login import Login
from cliproxy.logins.scan import Found, Look, Mark, look, mark_of
from cliproxy.logins.stored import is_account
from cliproxy.threads import OffReactor

POLL_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 0.150
"""As for the configuration: files are written in several steps."""
PATIENCE_SECONDS: Final = 0.4
"""What never becomes quiet is read after that time, so that a change takes effect within a second."""
SLICE: Final = 50
"""Files whose stat is looked at in each poll, in turn: 0.1 ms, however many there are."""
MAX_NAMED: Final = 500
"""Of files that are noticed one by one. After more, as when an archive is unpacked, the whole directory is looked at,
which also finds what the kernel had no room to tell.
"""
MAX_TOLD: Final = 20
"""Lines in the log about the problems that one look finds."""


@attrs.frozen
class Changes:
    """What became of the accounts."""

    logins: Mapping[str, Login]
    """Added or changed, by name."""
    removed: frozenset[str]
    problems: Mapping[str, str]
    """What is wrong with files, by name. Of those in use, the last good state stays in use."""


class AuthDirectory(Service):
    """Hands what changes to `publish`, on the reactor; `logins` is what there is.

    A file is noticed in one of four ways. The kernel tells its name (inotify). The directory's own time of change has
    moved without that. Its own stat has changed, which is looked at for some files in each poll: that sees what
    happens behind links and where there is no inotify. Or the CLI's file has changed from which it is adopted.
    What was noticed is read when it has become quiet, in a thread, one look at a time.

    No cost depends on the number of files but the first look and, without inotify, those after files came or went.

    Changes: what is known of the files, what was noticed, one watch, one timer, one look under way.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        path: Path,
        publish: Callable[[Changes], None],
        clock: IReactorTime,
        reactor: IReactorFDSet | None,
        off_reactor: OffReactor,
    ) -> None:
        self._path = path
        self._publish = publish
        self._clock = clock
        self._reactor = reactor
        self._off_reactor = off_reactor
        self._poll = LoopingCall(self._look_about)
        self._poll.clock = clock

        self._logins: dict[str, Login] = {}
        self._marks: dict[str, Mark] = {}
        self._problems: dict[str, str] = {}
        self._told: dict[str, tuple[bytes, tuple[str, ...]]] = {}
        """What was said in the log of which content."""
        self._sources: dict[str, str] = {}
        self._source_marks: dict[str, Mark | None] = {}

        self._directory_mark: tuple[int, int, int] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._heard = False
        """The kernel has told something since the last poll."""
        self._files_turn: list[str] = []
        self._sources_turn: list[str] = []

        self._named: set[str] = set()
        self._whole = False
        self._quiet: IDelayedCall | None = None
        self._patience = 0.0
        self._looking = False
        self._noted: set[str] = set()
        self._refused = ""
        self._left_out = 0

    @property
    def logins(self) -> Mapping[str, Login]:
        """Every account by name; a view."""
        return MappingProxyType(self._logins)

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with files at present, by name; a view."""
        return MappingProxyType(self._problems)

    def load_now(self) -> Mapping[str, Login]:
        """Read all files at once, for the start, and publish nothing; the answer is `logins`."""
        self._directory_mark = _directory_mark(self._path)
        try:
            self._take(look(self._path, (), self._marks, self._logins, whole=True))
        except OSError as error:
            self._cannot_look(error)
        return self.logins

    def note(self, login: Login) -> None:
        """An account that was just written by this program, and is in use already: it need not be published again.

        The token of a service account is in no file, so that its file says what it said.
        """
        if login.name in self._logins and not login.service_account:
            self._logins[login.name] = login
            self._noted.add(login.name)

    # -- service -----------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Follow the directory from now on, and publish what has changed since it was read."""
        Service.startService(self)
        self._directory_mark = _directory_mark(self._path)
        self._watch()
        self._whole = True
        self._begin()
        self._poll.start(POLL_SECONDS, now=False).addErrback(self._poll_broke)

    def stopService(self) -> None:
        """Stop. A look under way may end, but nothing is published any more."""
        Service.stopService(self)
        if self._poll.running:
            self._poll.stop()
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self._stop_watching()

    def _poll_broke(self, failure: Failure) -> None:
        self._log.failure("{path} is no longer polled", failure, path=self._path)

    # -- noticing ----------------------------------------------------------------------------------------------

    def _look_about(self) -> None:
        before, self._directory_mark = self._directory_mark, _directory_mark(self._path)
        heard, self._heard = self._heard, False
        if self._directory_mark != before:
            if before is None or self._directory_mark is None or before[:2] != self._directory_mark[:2]:
                self._watch()
                self._notice_all()
            elif not heard:
                self._notice_all()
        for name in _turn(self._files_turn, self._marks):
            if mark_of(f"{self._path}/{name}") != self._marks.get(name):
                self._notice(name)
        for source in _turn(self._sources_turn, set(self._sources.values())):
            self._look_at_source(source)

    def _look_at_source(self, source: str) -> None:
        mark = mark_of(source)
        if source in self._source_marks and self._source_marks[source] == mark:
            return
        # One that is new here has been read already, but may have changed since.
        self._source_marks[source] = mark
        for name, adopted_from in self._sources.items():
            if adopted_from == source:
                self._notice(name)

    def _told_by_kernel(self, name: str) -> None:
        self._heard = True
        if not is_account(name):
            return
        if len(self._named) < MAX_NAMED:
            self._notice(name)
        else:
            self._notice_all()

    def _lost(self) -> None:
        """The directory is not the one that was watched: the next poll begins anew with the one that is there then."""
        self._directory_mark = None

    def _notice(self, name: str) -> None:
        self._named.add(name)
        self._wait_for_quiet()

    def _notice_all(self) -> None:
        self._whole = True
        self._wait_for_quiet()

    def _wait_for_quiet(self) -> None:
        now = self._clock.seconds()
        if self._quiet is None:
            self._patience = now + PATIENCE_SECONDS
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._settled)
        else:
            self._quiet.reset(max(0.0, min(QUIET_SECONDS, self._patience - now)))

    def _settled(self) -> None:
        self._quiet = None
        self._begin()

    def _watch(self) -> None:
        self._stop_watching()
        if self._reactor is None or self._directory_mark is None:
            return
        try:
            self._unwatch = notices.watch(self._path, self._told_by_kernel, self._lost, self._reactor)
        except notices.Refused as refused:
            self._log.info("{path} is polled: {reason}", path=self._path, reason=str(refused))

    def _stop_watching(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    # -- looking, once at a time -------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._looking:
            Deferred.fromCoroutine(self._look_until_quiet())

    async def _look_until_quiet(self) -> None:
        self._looking = True
        try:
            # What came during a look is read after it, at once if it has become quiet by then.
            while self.running and self._quiet is None and (self._named or self._whole):
                await self._look()
        finally:
            self._looking = False

    async def _look(self) -> None:
        names, self._named = self._named, set()
        whole, self._whole = self._whole, False
        self._noted.clear()
        try:
            seen = await self._off_reactor(partial(look, self._path, names, self._marks, self._logins, whole=whole))
        except OSError as error:
            self._cannot_look(error)
            return
        except Exception as error:  # also a cancelled thread: what it would have found, the next one will
            if self._refused != repr(error):
                self._refused = repr(error)
                self._log.failure("{path} could not be looked at", path=self._path)
            self._lost()
            return
        if not self.running:
            self._named |= names
            self._whole = self._whole or whole
            return
        changes = self._take(seen)
        if changes.logins or changes.removed or changes.problems:
            with self._log.failuresHandled("publishing the accounts of {path}", path=self._path):
                self._publish(changes)

    def _cannot_look(self, error: OSError) -> None:
        self._lost()
        if self._refused != error.strerror:
            self._refused = error.strerror or "no reason given"
            self._log.error("{path} stays as it was: {reason}", path=self._path, reason=self._refused)

    # -- taking in what was found ------------------------------------------------------------------------------

    def _take(self, seen: Look) -> Changes:
        self._refused = ""
        if seen.left_out and seen.left_out != self._left_out:
            self._log.error("{path}: {count} files too many are left out", path=self._path, count=seen.left_out)
        self._left_out = seen.left_out
        logins: dict[str, Login] = {}
        removed: set[str] = set()
        problems: dict[str, str] = {}
        lines: list[tuple[str, str]] = []
        for name, found in seen.found.items():
            if name in self._noted:  # which this look may have read before it was written
                self._notice(name)
                continue
            lines += [(name, line) for line in self._new_lines(name, found)]
            self._remember(name, found)
            if found.problem:
                problems[name] = found.problem
            if found.login is not None:
                logins[name] = self._logins[name] = found.login
            elif (found.mark is None or found.logged_out) and self._logins.pop(name, None) is not None:
                removed.add(name)
        self._tell(lines)
        return Changes(logins, frozenset(removed), problems)

    def _remember(self, name: str, found: Found) -> None:
        if found.mark is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = found.mark
        if found.source:
            self._sources[name] = found.source
        else:
            gone = self._sources.pop(name, None)
            if gone is not None and gone not in self._sources.values():
                self._source_marks.pop(gone, None)
        if found.problem:
            self._problems[name] = found.problem
        else:
            self._problems.pop(name, None)

    def _new_lines(self, name: str, found: Found) -> tuple[str, ...]:
        """What is to be said of a file, unless it was said of this content."""
        lines = ((found.problem,) if found.problem else ()) + found.remarks
        if not lines:
            self._told.pop(name, None)
            return ()
        if self._told.get(name) == (found.digest, lines):
            return ()
        self._told[name] = (found.digest, lines)
        return lines

    def _tell(self, lines: list[tuple[str, str]]) -> None:
        for name, line in lines[:MAX_TOLD]:
            kept = "; what it said stays in use" if name in self._problems and name in self._logins else ""
            self._log.warn("account file {name}: {line}{kept}", name=name, line=line, kept=kept)
        if len(lines) > MAX_TOLD:
            self._log.warn(
                "and {count} more files with problems in {path}", count=len(lines) - MAX_TOLD, path=self._path
            )


def _directory_mark(path: Path) -> tuple[int, int, int] | None:
    """Device, inode and time of change; None if there is no directory to be looked at."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns


def _turn(waiting: list[str], everybody: Iterable[str]) -> list[str]:
    """The next few; when all had their turn, it begins anew with everybody there is then."""
    if not waiting:
        waiting.extend(everybody)
    taken = waiting[-SLICE:]
    del waiting[-SLICE:]
    return taken
