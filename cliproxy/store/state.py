"""The pool's memory on disk: an SQLite file that is never worth stopping for."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

from twisted.logger import Logger

from cliproxy.routing.memory import Changes, Saved
from cliproxy.store.tables import BINDINGS, MIGRATIONS, STANDINGS, VERSION, WINDOWS

APPLICATION_ID: Final = 0x636C7078
"""`clpx`, in the header of the file: by it the file is known as ours."""
MAX_BROKEN: Final = 3
"""Files that were moved aside; of more, nobody would look at the oldest."""
LOAD_WAIT_SECONDS: Final = 0.2
"""For a lock that another process holds, while the reactor stands still."""
SAVE_WAIT_SECONDS: Final = 5.0
"""The same in a thread."""
MAX_LOG_BYTES: Final = 4 * 1024 * 1024
"""What is left of SQLite's write-ahead log when it has grown beyond that once."""

_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a file; left there, it would be taken for the next file's."""
_MISTAKES: Final = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError, sqlite3.DataError)
"""Ours, not the file's or the disk's: they are not hidden."""
_BROKEN_CODES: Final = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""SQLITE_ERROR: a table or a column is missing, for our statements are sound."""


class StateTrouble(Exception):
    """What was asked could not be done; the sentence says why. It may go well the next time."""


class _NotOurs(Exception):
    """A file that this program did not write, or that no longer holds together."""


class _Newer(Exception):
    """A file that a later version of this program wrote."""


class StateFile:
    """One file. `load` may run on the reactor; `save` and `close` wait for the disk: in a thread, one at a time.

    A file that is broken or no state file is moved aside. One that a newer version of the program wrote is left alone:
    then nothing is loaded or saved.
    State: the connection, and which file it is to; when rows were loaded without the others having been removed.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_alone = False
        self._connection: sqlite3.Connection | None = None
        self._made: tuple[int, int] | None = None
        self._loaded_at: float | None = None

    def load(self, now: float) -> Saved:
        """What was saved and is still of use; nothing if it cannot be read, which the log tells. Never raises.

        The file is closed again: a program may become a daemon after this, and no connection outlives a fork.
        """
        self._loaded_at = now
        if not os.path.exists(self.path):
            return Saved()
        try:
            with self._mapped():
                connection = self._open(LOAD_WAIT_SECONDS)
                saved = Saved(
                    STANDINGS.read(connection, now), WINDOWS.read(connection, now), BINDINGS.read(connection, now)
                )
        except StateTrouble as trouble:
            self._log.warn("the pool starts without what it knew: {reason}", reason=str(trouble))
            return Saved()
        self.close()
        return saved

    def save(self, changes: Changes) -> None:
        """Write what has changed, all of it or nothing. Raises `StateTrouble`."""
        if self.left_alone:
            return
        with self._mapped():
            if self._made != _identity(self.path):
                self.close()  # somebody removed the file: what goes on into it would be lost
            connection = self._connection or self._open(SAVE_WAIT_SECONDS)
            connection.execute("BEGIN IMMEDIATE")
            if self._loaded_at is not None:
                STANDINGS.clean(connection, self._loaded_at)
                WINDOWS.clean(connection, self._loaded_at)
                BINDINGS.clean(connection, self._loaded_at)
            STANDINGS.write(connection, changes.standings)
            WINDOWS.write(connection, changes.windows)
            BINDINGS.write(connection, changes.bindings)
            connection.execute("COMMIT")
        self._loaded_at = None

    def close(self) -> None:
        """Let go of the file. A later `save` opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self, wait_seconds: float) -> sqlite3.Connection:
        _make_private(self.path)
        self._connection = connection = sqlite3.connect(
            self.path, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )
        self._made = _identity(self.path)
        version = _version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_LOG_BYTES}")
        if version < VERSION:
            _migrate(connection, version)
        return connection

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """What goes wrong becomes `StateTrouble`, and the connection is given up, with what it was about to write."""
        try:
            yield
        except _Newer:
            self.close()
            self.left_alone = True
            raise StateTrouble(f"{self.path} was written by a newer version, and is left alone.") from None
        except _MISTAKES:
            self.close()
            raise
        except (sqlite3.Error, _NotOurs, OSError) as error:
            self.close()
            if not _is_broken(error):
                raise StateTrouble(f"{self.path} cannot be used: {_reason(error)}.") from error
            raise StateTrouble(self._put_aside(error)) from error

    def _put_aside(self, error: Exception) -> str:
        """Make room for a new file; the sentence tells what became of this one."""
        try:
            kept = _move_aside(self.path)
        except OSError as refusal:
            return f"{self.path} is broken ({error}) and cannot be moved aside: {refusal.strerror}."
        return f"{self.path} was broken ({error}) and is kept as {kept.name}."


def _version(connection: sqlite3.Connection) -> int:
    """Of the schema; 0 for an empty file. Raises `_NotOurs` and `_Newer`."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or version or tables:
            raise _NotOurs("it is another program's")
        return 0
    if version <= 0:
        raise _NotOurs("it has no version")
    if version > VERSION:
        raise _Newer
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _NotOurs("it is damaged")
    return int(version)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the schema to this version, in one step: a program killed meanwhile leaves the file as it was.

    Another process may have done it since, so the version is looked at again.
    """
    connection.execute("BEGIN IMMEDIATE")
    (now,) = connection.execute("PRAGMA user_version").fetchone()
    if now == version:
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    """The file and its directory, for their owner alone. What SQLite puts beside the file has the file's mode.

    A file that is there is not opened: closing it would drop the locks of whoever has it open in this process.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_broken(error: Exception) -> bool:
    """Whether the file itself is at fault, rather than the disk, a lock, or a mistake of ours."""
    if isinstance(error, _NotOurs):
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)  # none: raised by Python's module, for a text that is not UTF-8
    return code is None or code & 0xFF in _BROKEN_CODES


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _move_aside(path: Path) -> Path:
    """Rename a file and what belongs to it to `NAME.broken-N`; of those, the oldest beyond `MAX_BROKEN` go."""
    numbers = _broken_numbers(path)
    number = max(numbers, default=0) + 1
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            os.rename(f"{path}{companion}", f"{path}.broken-{number}{companion}")
    for old in sorted({*numbers, number})[:-MAX_BROKEN]:
        for companion in _COMPANIONS:
            with suppress(OSError):
                os.unlink(f"{path}.broken-{old}{companion}")
    return path.with_name(f"{path.name}.broken-{number}")


def _broken_numbers(path: Path) -> set[int]:
    pattern = re.compile(re.escape(path.name) + r"\.broken-([0-9]{1,9})(?:-wal|-shm|-journal)?")
    return {int(found[1]) for name in os.listdir(path.parent) if (found := pattern.fullmatch(name))}
