"""Which rows are kept, which are found again, and which are of no use any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import attrs
import pytest

from cliproxy.routing.memory import BindingRow, StandingRow, WindowRow
from cliproxy.store import tables
from cliproxy.store.tables import (
    AHEAD_SECONDS,
    BINDING_SECONDS,
    BINDINGS,
    MAX_TEXT,
    MIGRATIONS,
    STANDING_SECONDS,
    STANDINGS,
    WINDOWS,
)

NOW = 1_800_000_000.0
STANDING = StandingRow(
    credential="claude-a.json",
    model="claude-opus-4",
    verdict="rate limited",
    status=429,
    failures=3,
    since=NOW - 60,
    until=NOW + 600,
    reason="slow down — bitte",
)
WINDOW = WindowRow(
    credential="claude-a.json",
    name="5h",
    model="",
    used=0.43,
    resets_at=NOW + 7200,
    seconds=18_000.0,
    at=NOW - 5,
)
BINDING = BindingRow(
    session=b"\x00\xffsession",
    name="opus",
    credential="claude-a.json",
    model="claude-opus-4",
    used_at=NOW - 30,
    cached_tokens=120_000,
)
STANDING_KEY = (STANDING.credential, STANDING.model)
WINDOW_KEY = (WINDOW.credential, WINDOW.name, WINDOW.model)
BINDING_KEY = (BINDING.session, BINDING.name)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        for statement in migration:
            connection.execute(statement)
    yield connection
    connection.close()


def columns(connection: sqlite3.Connection, name: str) -> Sequence[str]:
    return [column[1] for column in connection.execute(f"PRAGMA table_info({name})")]


@pytest.mark.parametrize(
    ("name", "row"), [("standings", StandingRow), ("windows", WindowRow), ("bindings", BindingRow)]
)
def test_the_columns_are_the_fields_of_the_rows(
    name: str, row: type[attrs.AttrsInstance], connection: sqlite3.Connection
) -> None:
    """A field more needs a migration."""
    assert columns(connection, name) == [field.name for field in attrs.fields(row)]


def test_a_standing_is_found_as_it_was_written(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: STANDING})
    assert STANDINGS.read(connection, NOW) == (STANDING,)


def test_a_window_is_found_as_it_was_written(connection: sqlite3.Connection) -> None:
    WINDOWS.write(connection, {WINDOW_KEY: WINDOW})
    assert WINDOWS.read(connection, NOW) == (WINDOW,)


def test_a_binding_is_found_as_it_was_written(connection: sqlite3.Connection) -> None:
    BINDINGS.write(connection, {BINDING_KEY: BINDING})
    assert BINDINGS.read(connection, NOW) == (BINDING,)


def test_a_row_takes_the_place_of_the_one_before(connection: sqlite3.Connection) -> None:
    later = attrs.evolve(STANDING, failures=4)
    for row in (STANDING, later):
        STANDINGS.write(connection, {STANDING_KEY: row})
    assert STANDINGS.read(connection, NOW) == (later,)


def test_what_is_gone_is_removed(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: STANDING})
    WINDOWS.write(connection, {WINDOW_KEY: WINDOW})
    BINDINGS.write(connection, {BINDING_KEY: BINDING})
    STANDINGS.write(connection, {STANDING_KEY: None})
    WINDOWS.write(connection, {WINDOW_KEY: None})
    BINDINGS.write(connection, {BINDING_KEY: None})
    found = (STANDINGS.read(connection, NOW), WINDOWS.read(connection, NOW), BINDINGS.read(connection, NOW))
    assert found == ((), (), ())


def test_rows_come_with_the_oldest_first(connection: sqlite3.Connection) -> None:
    ages = {age: attrs.evolve(BINDING, session=bytes([age]), used_at=NOW - age) for age in (5, 9, 1)}
    BINDINGS.write(connection, {(row.session, row.name): row for row in ages.values()})
    assert BINDINGS.read(connection, NOW) == (ages[9], ages[5], ages[1])


def test_of_too_many_rows_the_oldest_go(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    rows = [attrs.evolve(BINDING, session=bytes([age]), used_at=NOW - age) for age in (9, 5, 1)]
    BINDINGS.write(connection, {(row.session, row.name): row for row in rows})
    assert connection.execute("SELECT used_at FROM bindings ORDER BY used_at").fetchall() == [(NOW - 5,), (NOW - 1,)]


# -- what is over --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [NOW - STANDING_SECONDS - 1, NOW + AHEAD_SECONDS + 1])
def test_a_standing_of_long_ago_or_of_the_future_is_over(since: float, connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: attrs.evolve(STANDING, since=since)})
    assert STANDINGS.read(connection, NOW) == ()


def test_a_standing_that_still_cools_is_not_over(connection: sqlite3.Connection) -> None:
    row = attrs.evolve(STANDING, since=NOW - STANDING_SECONDS)
    STANDINGS.write(connection, {STANDING_KEY: row})
    assert STANDINGS.read(connection, NOW) == (row,)


@pytest.mark.parametrize("row", [attrs.evolve(WINDOW, resets_at=NOW), attrs.evolve(WINDOW, at=NOW + AHEAD_SECONDS + 1)])
def test_a_window_that_began_anew_or_is_of_the_future_is_over(row: WindowRow, connection: sqlite3.Connection) -> None:
    WINDOWS.write(connection, {WINDOW_KEY: row})
    assert WINDOWS.read(connection, NOW) == ()


@pytest.mark.parametrize("used_at", [NOW - BINDING_SECONDS - 1, NOW + AHEAD_SECONDS + 1])
def test_a_binding_of_long_ago_or_of_the_future_is_over(used_at: float, connection: sqlite3.Connection) -> None:
    BINDINGS.write(connection, {BINDING_KEY: attrs.evolve(BINDING, used_at=used_at)})
    assert BINDINGS.read(connection, NOW) == ()


def test_what_is_over_is_cleaned_away(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: STANDING})
    WINDOWS.write(connection, {WINDOW_KEY: WINDOW})
    BINDINGS.write(connection, {BINDING_KEY: BINDING})
    later = NOW + STANDING_SECONDS + 1
    for clean in (STANDINGS.clean, WINDOWS.clean, BINDINGS.clean):
        clean(connection, later)
    counts = [connection.execute(table.count).fetchone() for table in (STANDINGS, BINDINGS)]
    assert [*counts, connection.execute(WINDOWS.count).fetchone()] == [(0,), (0,), (0,)]


def test_what_is_of_use_is_not_cleaned_away(connection: sqlite3.Connection) -> None:
    BINDINGS.write(connection, {BINDING_KEY: BINDING})
    BINDINGS.clean(connection, NOW)
    assert BINDINGS.read(connection, NOW) == (BINDING,)


# -- what cannot be stored -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        attrs.evolve(WINDOW, used=float("nan")),
        attrs.evolve(WINDOW, resets_at=float("inf")),
        attrs.evolve(WINDOW, name="\udcff"),
    ],
    ids=["no number", "no end", "no text"],
)
def test_a_row_that_cannot_be_stored_keeps_no_other_from_it(row: WindowRow, connection: sqlite3.Connection) -> None:
    WINDOWS.write(connection, {("", row.name, ""): row, WINDOW_KEY: WINDOW})
    assert WINDOWS.read(connection, NOW) == (WINDOW,)


def test_a_number_beyond_64_bits_is_passed_over(connection: sqlite3.Connection) -> None:
    BINDINGS.write(connection, {BINDING_KEY: attrs.evolve(BINDING, cached_tokens=2**63)})
    assert BINDINGS.read(connection, NOW) == ()


def test_a_key_that_cannot_be_stored_is_gone_anyway(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {("\udcff", ""): None, STANDING_KEY: STANDING})
    assert STANDINGS.read(connection, NOW) == (STANDING,)


def test_a_reason_is_stored_whatever_an_upstream_wrote(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: attrs.evolve(STANDING, reason="half \ud800 a pair")})
    (found,) = STANDINGS.read(connection, NOW)
    assert found.reason == "half ? a pair"


def test_a_reason_is_cut(connection: sqlite3.Connection) -> None:
    STANDINGS.write(connection, {STANDING_KEY: attrs.evolve(STANDING, reason="x" * 10_000)})
    (found,) = STANDINGS.read(connection, NOW)
    assert found.reason == "x" * MAX_TEXT
