"""A state file over its life: made, read again, broken, foreign, newer, locked, gone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import cast

import attrs
import pytest
from twisted.logger import capturedLogs, formatEvent

from cliproxy.routing.memory import BindingRow, Changes, Saved, StandingRow, WindowRow
from cliproxy.store.state import APPLICATION_ID, MAX_BROKEN, StateFile, StateTrouble
from cliproxy.store.tables import BINDING_SECONDS, VERSION

NOW = 1_800_000_000.0
STANDING = StandingRow("a.json", "", "rate limited", 429, 1, NOW - 1, NOW + 60, "slow down")
WINDOW = WindowRow("a.json", "5h", "", 0.5, NOW + 60, 18_000.0, NOW)
BINDING = BindingRow(b"session", "opus", "a.json", "claude-opus-4", NOW, 1000)
CHANGES = Changes({("a.json", ""): STANDING}, {("a.json", "5h", ""): WINDOW}, {(b"session", "opus"): BINDING})
SAVED = Saved((STANDING,), (WINDOW,), (BINDING,))
BROKEN = b"SQLite format 3\x00" + b"garbage " * 1000

Said = Callable[[], list[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def said() -> Iterator[Said]:
    """What the log has been told so far, a line each."""
    with capturedLogs() as events:
        yield lambda: [formatEvent(event) for event in events]


def write(path: Path, changes: Changes = CHANGES) -> None:
    """As an earlier process would have."""
    file = StateFile(path)
    file.save(changes)
    file.close()


def read(path: Path, now: float = NOW) -> Saved:
    """As a later process would."""
    file = StateFile(path)
    saved = file.load(now)
    file.close()
    return saved


def execute(path: Path, *statements: str) -> None:
    """With another program."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def place(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


# -- as it should be -----------------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded(path: Path) -> None:
    write(path)
    assert read(path) == SAVED


def test_nothing_is_loaded_and_made_where_nothing_is(path: Path, said: Said) -> None:
    assert (StateFile(path).load(NOW), path.parent.exists(), said()) == (Saved(), False, [])


def test_it_is_loaded_by_the_file_that_goes_on_to_save(path: Path) -> None:
    write(path)
    file = StateFile(path)
    file.load(NOW)
    file.save(Changes(standings={("a.json", ""): None}))
    file.close()
    assert read(path) == attrs.evolve(SAVED, standings=())


def test_nobody_else_may_read_it(path: Path) -> None:
    file = StateFile(path)
    file.save(CHANGES)
    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    file.close()
    assert (modes, stat.S_IMODE(path.parent.stat().st_mode)) == ({0o600}, 0o700)


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    write(path)
    path.chmod(0o644)
    read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_closed_file_is_opened_again_by_the_next_save(path: Path) -> None:
    file = StateFile(path)
    for changes in (attrs.evolve(CHANGES, bindings={}), CHANGES):
        file.save(changes)
        file.close()
    assert read(path) == SAVED


def test_nothing_but_the_file_is_left_when_it_is_closed(path: Path) -> None:
    write(path)
    assert names(path) == ["state.db"]


def test_a_program_that_is_killed_leaves_what_it_saved(path: Path, tmp_path: Path) -> None:
    file = StateFile(path)
    file.save(CHANGES)
    killed = tmp_path / "killed"
    killed.mkdir()
    for entry in path.parent.iterdir():
        (killed / entry.name).write_bytes(entry.read_bytes())
    file.close()
    assert read(killed / "state.db") == SAVED


def test_what_was_over_at_the_start_is_removed_by_the_first_save(path: Path) -> None:
    write(path)
    file = StateFile(path)
    file.load(NOW + BINDING_SECONDS + 1)
    file.save(Changes(standings={("b", ""): attrs.evolve(STANDING, credential="b")}))
    file.close()
    assert read(path) == Saved(read(path).standings, (), ())


def test_two_processes_may_share_it(path: Path) -> None:
    one, other = StateFile(path), StateFile(path)
    one.save(attrs.evolve(CHANGES, bindings={}))
    other.save(attrs.evolve(CHANGES, standings={}))
    one.close()
    other.close()
    assert read(path) == SAVED


def test_no_connection_is_open_after_loading(path: Path) -> None:
    """A program may become a daemon then, and SQLite's locks do not survive a fork."""
    write(path)
    StateFile(path).load(NOW)
    held = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert str(path) not in held


def test_each_save_may_run_in_another_thread(path: Path) -> None:
    file = StateFile(path)
    file.load(NOW)
    for work in (lambda: file.save(attrs.evolve(CHANGES, bindings={})), lambda: file.save(CHANGES), file.close):
        thread = Thread(target=work)
        thread.start()
        thread.join()
    assert read(path) == SAVED


# -- broken and foreign --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [BROKEN, b"not a database at all, but a text of some length", b"{}"])
def test_garbage_is_moved_aside(content: bytes, path: Path, said: Said) -> None:
    place(path, content)
    assert StateFile(path).load(NOW) == Saved()
    assert (path.with_name("state.db.broken-1").read_bytes(), names(path)) == (content, ["state.db.broken-1"])
    (line,) = said()
    assert line.startswith("the pool starts without what it knew: ")
    assert line.endswith("is kept as state.db.broken-1.")


def test_an_empty_file_is_a_new_one(path: Path, said: Said) -> None:
    place(path, b"")
    write(path)
    assert (read(path), said()) == (SAVED, [])


def test_after_garbage_a_new_file_is_made(path: Path) -> None:
    place(path, BROKEN)
    file = StateFile(path)
    file.load(NOW)
    file.save(CHANGES)
    file.close()
    assert read(path) == SAVED


@pytest.mark.parametrize("keep", [1000, 5000])
def test_a_file_that_was_cut_is_moved_aside(keep: int, path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert read(path) == Saved()
    assert names(path) == ["state.db.broken-1"]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE standings (credential)"],
        ["PRAGMA user_version = 7"],
        ["PRAGMA application_id = 7"],
        [f"PRAGMA application_id = {APPLICATION_ID}"],
        [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"],
    ],
    ids=["tables", "a version", "a program", "no version", "no tables"],
)
def test_another_programs_database_is_moved_aside_as_it_is(statements: list[str], path: Path) -> None:
    execute(path, *statements)
    before = path.read_bytes()
    read(path)
    assert names(path) == ["state.db.broken-1"]
    if len(statements) == 1:
        assert path.with_name("state.db.broken-1").read_bytes() == before


@pytest.mark.parametrize("value", ["'soon'", "9e999", "NULL", "x'ff'"], ids=["a text", "no end", "nothing", "bytes"])
def test_a_value_of_another_kind_makes_a_file_a_broken_one(value: str, path: Path) -> None:
    write(path)
    execute(
        path,
        "PRAGMA ignore_check_constraints = 1",
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '        ')",
    )
    execute(path, "PRAGMA ignore_check_constraints = 1", f"UPDATE standings SET until = {value}")
    execute(
        path,
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_master SET sql = replace(sql, '        ', 'NOT NULL')",
    )
    assert read(path) == Saved()
    assert names(path) == ["state.db.broken-1"]


def test_a_text_that_is_none_makes_a_file_a_broken_one(path: Path) -> None:
    write(path)
    execute(path, "UPDATE standings SET reason = CAST(x'ff' AS TEXT)")
    assert read(path) == Saved()
    assert names(path) == ["state.db.broken-1"]


def test_what_belongs_to_a_file_is_moved_aside_with_it(path: Path) -> None:
    """A write-ahead log that stays behind could be taken for the new file's."""
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE theirs (a)")
    read(path)
    assert names(path) == [f"state.db.broken-1{suffix}" for suffix in ("", "-shm", "-wal")]
    other.close()


def test_three_broken_files_are_kept_the_latest(path: Path) -> None:
    place(path.with_name("state.db.broken-1"), BROKEN)
    place(path.with_name("state.db.broken-1-wal"), BROKEN)
    for number in range(2, MAX_BROKEN + 3):
        place(path, b"garbage %d" % number * 100)
        read(path)
    assert names(path) == ["state.db.broken-3", "state.db.broken-4", "state.db.broken-5"]
    assert path.with_name("state.db.broken-5").read_bytes().startswith(b"garbage 5")


def test_a_file_that_breaks_after_it_was_loaded_is_moved_aside(path: Path) -> None:
    write(path)
    file = StateFile(path)
    file.load(NOW)
    path.write_bytes(BROKEN)
    with pytest.raises(StateTrouble, match=r"is kept as state\.db\.broken-1"):
        file.save(CHANGES)
    file.save(CHANGES)
    file.close()
    assert read(path) == SAVED


def test_a_file_that_is_removed_while_it_is_in_use_is_made_anew(path: Path) -> None:
    file = StateFile(path)
    file.save(CHANGES)
    shutil.rmtree(path.parent)
    file.save(attrs.evolve(CHANGES, bindings={}))
    file.close()
    assert read(path) == attrs.evolve(SAVED, bindings=())


# -- newer ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def newer(path: Path) -> Path:
    write(path)
    execute(path, f"PRAGMA user_version = {VERSION + 1}")
    return path


def test_a_newer_file_is_left_alone(newer: Path, said: Said) -> None:
    before = newer.read_bytes()
    file = StateFile(newer)
    assert file.load(NOW) == Saved()
    file.save(Changes(standings={("a.json", ""): None}))
    file.close()
    assert (newer.read_bytes(), names(newer), file.left_alone) == (before, ["state.db"], True)
    (line,) = said()
    assert line.endswith("was written by a newer version, and is left alone.")


def test_a_newer_file_found_when_saving_is_told(newer: Path) -> None:
    file = StateFile(newer)
    with pytest.raises(StateTrouble, match="newer version"):
        file.save(CHANGES)
    assert file.left_alone


# -- a disk that does not take it ----------------------------------------------------------------------------------


def test_a_directory_in_its_place_is_told(path: Path, said: Said) -> None:
    path.mkdir(parents=True)
    assert StateFile(path).load(NOW) == Saved()
    assert "cannot be used: unable to open database file" in said()[0]
    assert names(path) == ["state.db"]


def test_a_file_in_its_directorys_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateTrouble, match=r"cannot be used: File exists\."):
        StateFile(tmp_path / "state" / "state.db").save(CHANGES)


def test_a_full_disk_keeps_the_file_as_it_was(path: Path) -> None:
    write(path)
    file = StateFile(path)
    file.save(CHANGES)
    assert file._connection is not None
    file._connection.execute("PRAGMA max_page_count = 1")
    rows = (attrs.evolve(BINDING, session=b"%d" % number) for number in range(2000))
    with pytest.raises(StateTrouble, match="database or disk is full"):
        file.save(Changes(bindings={(row.session, row.name): row for row in rows}))
    assert read(path) == SAVED


def test_after_trouble_the_next_save_may_go_well(path: Path) -> None:
    path.parent.parent.joinpath("state").write_text("")
    file = StateFile(path)
    with pytest.raises(StateTrouble):
        file.save(CHANGES)
    os.unlink(path.parent)
    file.save(CHANGES)
    file.close()
    assert read(path) == SAVED


def test_a_file_that_another_process_locks_is_waited_for_shortly(path: Path, said: Said) -> None:
    write(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM standings")
    assert StateFile(path).load(NOW) == Saved()
    other.execute("ROLLBACK")
    other.close()
    assert "database is locked" in said()[0]
    assert (read(path), names(path)) == (SAVED, ["state.db"])


def test_a_mistake_of_ours_costs_nobody_a_file(path: Path) -> None:
    write(path)
    file = StateFile(path)
    none: str = cast(str, None)
    with pytest.raises(sqlite3.IntegrityError):
        file.save(Changes(standings={("b", ""): attrs.evolve(STANDING, credential=none)}))
    file.close()
    assert read(path) == SAVED
