"""The tables of the state file: how rows of the pool become rows of SQLite, and which of them are still of use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from math import isfinite
from typing import Final, Generic, TypeVar

import attrs

from cliproxy.routing.memory import BindingRow, StandingRow, WindowRow

MAX_ROWS: Final = 50_000
"""Of each table: as many as conversations are remembered. So many are read in a fifth of a second."""
MAX_TEXT: Final = 1000
"""Characters of a text that tells no row from another, such as the reason that an upstream gave."""
STANDING_SECONDS: Final = 30 * 86_400.0
"""What was held against a credential that long ago says nothing any more."""
BINDING_SECONDS: Final = 3600.0
"""No vendor keeps a prompt in its cache for longer."""
AHEAD_SECONDS: Final = 600.0
"""Rows from further in the future were written while the clock was wrong, and would count until it gets there."""

MIGRATIONS: Final[Sequence[Sequence[str]]] = (
    (
        """CREATE TABLE standings (
            credential TEXT NOT NULL CHECK (typeof(credential) = 'text'),
            model TEXT NOT NULL CHECK (typeof(model) = 'text'),
            verdict TEXT NOT NULL CHECK (typeof(verdict) = 'text'),
            status INTEGER NOT NULL CHECK (typeof(status) = 'integer'),
            failures INTEGER NOT NULL CHECK (typeof(failures) = 'integer'),
            since REAL NOT NULL CHECK (typeof(since) = 'real' AND abs(since) < 9e999),
            until REAL NOT NULL CHECK (typeof(until) = 'real' AND abs(until) < 9e999),
            reason TEXT NOT NULL CHECK (typeof(reason) = 'text'),
            PRIMARY KEY (credential, model))""",
        """CREATE TABLE windows (
            credential TEXT NOT NULL CHECK (typeof(credential) = 'text'),
            name TEXT NOT NULL CHECK (typeof(name) = 'text'),
            model TEXT NOT NULL CHECK (typeof(model) = 'text'),
            used REAL NOT NULL CHECK (typeof(used) = 'real' AND abs(used) < 9e999),
            resets_at REAL NOT NULL CHECK (typeof(resets_at) = 'real' AND abs(resets_at) < 9e999),
            seconds REAL NOT NULL CHECK (typeof(seconds) = 'real' AND abs(seconds) < 9e999),
            at REAL NOT NULL CHECK (typeof(at) = 'real' AND abs(at) < 9e999),
            PRIMARY KEY (credential, name, model))""",
        """CREATE TABLE bindings (
            session BLOB NOT NULL CHECK (typeof(session) = 'blob'),
            name TEXT NOT NULL CHECK (typeof(name) = 'text'),
            credential TEXT NOT NULL CHECK (typeof(credential) = 'text'),
            model TEXT NOT NULL CHECK (typeof(model) = 'text'),
            used_at REAL NOT NULL CHECK (typeof(used_at) = 'real' AND abs(used_at) < 9e999),
            cached_tokens INTEGER NOT NULL CHECK (typeof(cached_tokens) = 'integer'),
            PRIMARY KEY (session, name))""",
    ),
)
"""What makes each version of the schema out of the one before, and the first out of an empty file. It only grows.

The checks hold values to what the rows' fields promise (9e999 is SQLite's infinity), for a column takes anything else;
`PRAGMA quick_check` looks whether they are kept, much faster than a look at each row would be.
"""
VERSION: Final = len(MIGRATIONS)

Key = TypeVar("Key", tuple[str, str], tuple[str, str, str], tuple[bytes, str])
Row = TypeVar("Row", StandingRow, WindowRow, BindingRow)

Stored = str | int | float | bytes


@attrs.frozen
class Table(Generic[Key, Row]):
    """One table. Its columns are the fields of its rows, in their order."""

    row: type[Row]
    keys: Sequence[str]
    """The columns that tell a row from others."""
    select: str
    """Those of use at `:now`, the newest first, no more than `:most`."""
    insert: str
    delete: str
    """The row of a key."""
    sweep: str
    """Those of no use at `:now`."""
    count: str
    trim: str
    """All but the newest `:most`."""

    def read(self, connection: sqlite3.Connection, now: float) -> tuple[Row, ...]:
        """The rows that are of use, the oldest first."""
        found = connection.execute(self.select, {**_valid(now), "most": MAX_ROWS}).fetchall()
        found.reverse()
        return tuple(starmap(self.row, found))

    def clean(self, connection: sqlite3.Connection, now: float) -> None:
        """Remove the rows that are of no use."""
        connection.execute(self.sweep, _valid(now))

    def write(self, connection: sqlite3.Connection, changes: Mapping[Key, Row | None]) -> None:
        """Make the table say what has changed. A row that cannot be stored is passed over."""
        if not changes:
            return
        gone = [key for key, row in changes.items() if row is None and _is_storable(key)]
        kept = [row for row in changes.values() if row is not None]
        connection.executemany(self.delete, gone)
        connection.executemany(self.insert, self._values(kept))
        if connection.execute(self.count).fetchone()[0] > MAX_ROWS:
            connection.execute(self.trim, {"most": MAX_ROWS})

    def _values(self, rows: Sequence[Row]) -> Iterator[tuple[Stored, ...]]:
        names = [field.name for field in attrs.fields(self.row)]
        for row in rows:
            values = tuple(_fit(getattr(row, name), exact=name in self.keys) for name in names)
            if _is_storable(values):
                yield values


STANDINGS: Final = Table[tuple[str, str], StandingRow](
    row=StandingRow,
    keys=("credential", "model"),
    select="SELECT credential, model, verdict, status, failures, since, until, reason FROM standings"
    " WHERE since >= :standing_since AND since <= :ahead ORDER BY since DESC LIMIT :most",
    insert="INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    delete="DELETE FROM standings WHERE credential = ? AND model = ?",
    sweep="DELETE FROM standings WHERE since < :standing_since OR since > :ahead",
    count="SELECT count(*) FROM standings",
    trim="DELETE FROM standings WHERE rowid IN (SELECT rowid FROM standings ORDER BY since DESC LIMIT -1 OFFSET :most)",
)
WINDOWS: Final = Table[tuple[str, str, str], WindowRow](
    row=WindowRow,
    keys=("credential", "name", "model"),
    select="SELECT credential, name, model, used, resets_at, seconds, at FROM windows"
    " WHERE resets_at > :now AND at <= :ahead ORDER BY at DESC LIMIT :most",
    insert="INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?, ?, ?, ?)",
    delete="DELETE FROM windows WHERE credential = ? AND name = ? AND model = ?",
    sweep="DELETE FROM windows WHERE resets_at <= :now OR at > :ahead",
    count="SELECT count(*) FROM windows",
    trim="DELETE FROM windows WHERE rowid IN (SELECT rowid FROM windows ORDER BY at DESC LIMIT -1 OFFSET :most)",
)
BINDINGS: Final = Table[tuple[bytes, str], BindingRow](
    row=BindingRow,
    keys=("session", "name"),
    select="SELECT session, name, credential, model, used_at, cached_tokens FROM bindings"
    " WHERE used_at >= :binding_since AND used_at <= :ahead ORDER BY used_at DESC LIMIT :most",
    insert="INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?, ?, ?)",
    delete="DELETE FROM bindings WHERE session = ? AND name = ?",
    sweep="DELETE FROM bindings WHERE used_at < :binding_since OR used_at > :ahead",
    count="SELECT count(*) FROM bindings",
    trim="DELETE FROM bindings WHERE rowid IN (SELECT rowid FROM bindings ORDER BY used_at DESC LIMIT -1 OFFSET :most)",
)


def _valid(now: float) -> dict[str, float]:
    """The times by which rows are judged."""
    return {
        "now": now,
        "ahead": now + AHEAD_SECONDS,
        "standing_since": now - STANDING_SECONDS,
        "binding_since": now - BINDING_SECONDS,
    }


def _is_storable(values: tuple[object, ...]) -> bool:
    return all(map(_is_plain, values))


def _is_plain(value: object) -> bool:
    """Not so: half a surrogate pair, of which a file's name may consist; a number that is none, or has no end."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return value.isascii() or _is_unicode(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fit(value: Stored, *, exact: bool) -> Stored:
    """A text that nothing is found by, so that it can be stored whatever an upstream wrote."""
    if exact or not isinstance(value, str):
        return value
    return value[:MAX_TEXT].encode("utf-8", "replace").decode()
