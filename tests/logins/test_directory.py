"""How the directory of accounts is followed: what is noticed, what is published, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cliproxy.logins import directory as room
from cliproxy.logins import scan
from cliproxy.logins.directory import (
    MAX_NAMED,
    MAX_TOLD,
    PATIENCE_SECONDS,
    POLL_SECONDS,
    QUIET_SECONDS,
    SLICE,
    AuthDirectory,
    Changes,
)
from cliproxy.logins.files import load, save
from cliproxy.logins.notices import Noticed, Refused
from cliproxy.logins.scan import Look, Mark
from cliproxy.secret import Secret
from cliproxy.threads import OffReactor
from tests.support.account_files import CLAUDE, CLAUDE_CODE, CLAUDE_CODE_LOGIN, write
from tests.support.threads import SlowToTell

T = TypeVar("T")

Said = Callable[[], list[str]]
NOTHING = Changes({}, frozenset(), {})


class Kernel:
    """Tells what it is told to tell, in the place of inotify."""

    def __init__(self) -> None:
        self.noticed: Noticed = lambda name: None
        self.lost: Callable[[], None] = lambda: None
        self.watching = 0

    def watch(self, path: Path, noticed: Noticed, lost: Callable[[], None], reactor: object) -> Callable[[], None]:
        if not path.is_dir():
            raise Refused("not there")
        self.noticed, self.lost = noticed, lost
        self.watching += 1
        return self._stop

    def _stop(self) -> None:
        self.watching -= 1


class Desk:
    """A directory, a clock, and what became of them."""

    def __init__(self, path: Path, off_reactor: OffReactor = execute, reactor: IReactorFDSet | None = None) -> None:
        self.path = path
        self.clock = Clock()
        self.published: list[Changes] = []
        self.directory = AuthDirectory(path, self.published.append, self.clock, reactor, off_reactor)

    def write(self, name: str, members: object) -> Path:
        return write(self.path, name, members)

    def start(self) -> Desk:
        self.directory.load_now()
        self.directory.startService()
        return self

    def second(self) -> Changes:
        """Let a second pass; what was published in it, as one."""
        self.published.clear()
        for _ in range(20):
            self.clock.advance(0.05)
        assert len(self.published) < 2
        return self.published[0] if self.published else NOTHING


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two accounts, and no inotify."""
    desk = Desk(tmp_path / "accounts")
    desk.write("a.json", CLAUDE)
    desk.write("b.json", CLAUDE)
    return desk.start()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr("cliproxy.logins.notices.watch", kernel.watch)
    return kernel


@pytest.fixture
def watched(tmp_path: Path, kernel: Kernel) -> Desk:
    """The same with a kernel that tells what happens."""
    desk = Desk(tmp_path / "accounts", reactor=MemoryReactorClock())
    desk.write("a.json", CLAUDE)
    return desk.start()


@pytest.fixture
def said() -> Iterator[Said]:
    with capturedLogs() as events:
        yield lambda: [formatEvent(event) for event in events]


def log_failures(events: list[LogEvent]) -> list[LogEvent]:
    taken = list(events)
    events.clear()
    return taken


# -- the start -----------------------------------------------------------------------------------------------------


def test_all_are_there_at_the_start_and_not_published_again(desk: Desk) -> None:
    assert set(desk.directory.logins) == {"a.json", "b.json"}
    assert desk.published == []
    assert desk.second() == NOTHING


def test_who_did_not_load_is_told_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = desk.write("a.json", CLAUDE)
    desk.directory.startService()
    assert desk.published == [Changes({"a.json": load(path)}, frozenset(), {})]


def test_what_changes_between_loading_and_the_start_is_published(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.directory.load_now()
    desk.write("a.json", CLAUDE)
    desk.directory.startService()
    assert set(desk.published[0].logins) == {"a.json"}


def test_a_directory_that_is_not_there_yet_is_followed(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "accounts").start()
    assert desk.second() == NOTHING
    desk.write("a.json", CLAUDE)
    assert set(desk.second().logins) == {"a.json"}


# -- changes -------------------------------------------------------------------------------------------------------


def test_a_file_that_is_added_is_in_use_within_a_second(desk: Desk) -> None:
    path = desk.write("c.json", CLAUDE)
    assert desk.second() == Changes({"c.json": load(path)}, frozenset(), {})


def test_so_is_one_that_is_written_in_place(desk: Desk) -> None:
    desk.write("a.json", {**CLAUDE, "note": "x"})
    assert desk.second().logins["a.json"].note == "x"


def test_and_one_that_is_replaced(desk: Desk) -> None:
    save(desk.path, "a.json", {"note": "x"})
    assert set(desk.second().logins) == {"a.json"}


def test_one_that_is_removed_is_out_of_use(desk: Desk) -> None:
    (desk.path / "a.json").unlink()
    assert desk.second() == Changes({}, frozenset({"a.json"}), {})
    assert set(desk.directory.logins) == {"b.json"}


def test_one_that_is_renamed_is_another(desk: Desk) -> None:
    (desk.path / "a.json").rename(desk.path / "c.json")
    changes = desk.second()
    assert (set(changes.logins), set(changes.removed)) == ({"c.json"}, {"a.json"})


def test_what_says_the_same_is_no_change(desk: Desk) -> None:
    desk.write("a.json", json.dumps(CLAUDE, indent=4))
    os.utime(desk.path / "b.json", (1, 1))
    assert desk.second() == NOTHING


def test_a_member_that_we_do_not_know_is_no_change(desk: Desk) -> None:
    desk.write("a.json", {**CLAUDE, "unknown": 1})
    assert desk.second() == NOTHING


@pytest.mark.parametrize("name", ["installation.key", "notes.txt", ".cliproxy-x.tmp", ".a.json"])
def test_other_files_are_nobodys_business(desk: Desk, name: str) -> None:
    desk.write(name, CLAUDE)
    assert desk.second() == NOTHING


def test_a_folder_is_no_account(desk: Desk) -> None:
    (desk.path / "state").mkdir()
    write(desk.path / "state", "c.json", CLAUDE)
    assert desk.second() == NOTHING


def test_a_removed_directory_takes_its_accounts_along(desk: Desk) -> None:
    shutil.rmtree(desk.path)
    assert desk.second().removed == {"a.json", "b.json"}


def test_and_one_that_is_made_again_brings_them_back(desk: Desk) -> None:
    shutil.rmtree(desk.path)
    desk.second()
    desk.write("a.json", CLAUDE)
    assert set(desk.second().logins) == {"a.json"}


def test_a_directory_that_cannot_be_looked_at_leaves_all_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    desk.write("c.json", CLAUDE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        assert [desk.second(), desk.second()] == [NOTHING, NOTHING]
    assert said() == [f"{desk.path} stays as it was: Permission denied"]
    assert set(desk.second().logins) == {"c.json"}


# -- broken files --------------------------------------------------------------------------------------------------


def test_a_broken_new_file_is_named_and_ignored(desk: Desk, said: Said) -> None:
    desk.write("c.json", "{")
    assert desk.second() == Changes({}, frozenset(), {"c.json": "it is not JSON"})
    assert said() == ["account file c.json: it is not JSON"]
    assert "c.json" not in desk.directory.logins


def test_a_broken_edit_keeps_the_last_good_state(desk: Desk, said: Said) -> None:
    before = desk.directory.logins["a.json"]
    desk.write("a.json", "{")
    assert desk.second().logins == {}
    assert desk.directory.logins["a.json"] == before
    assert said() == ["account file a.json: it is not JSON; what it said stays in use"]


def test_a_broken_file_is_named_once_for_what_it_holds(desk: Desk, said: Said) -> None:
    desk.write("c.json", "{")
    desk.second()
    os.utime(desk.path / "c.json", (1, 1))
    desk.second()
    assert len(said()) == 1
    desk.write("c.json", "[")
    desk.second()
    assert len(said()) == 2


def test_a_mended_file_is_in_use_and_no_problem(desk: Desk) -> None:
    desk.write("c.json", "{")
    desk.second()
    assert set(desk.directory.problems) == {"c.json"}
    desk.write("c.json", CLAUDE)
    assert set(desk.second().logins) == {"c.json"}
    assert desk.directory.problems == {}


def test_a_broken_file_that_is_removed_is_no_problem(desk: Desk) -> None:
    desk.write("c.json", "{")
    desk.second()
    (desk.path / "c.json").unlink()
    desk.second()
    assert desk.directory.problems == {}


def test_thousands_of_broken_files_are_no_thousands_of_lines(tmp_path: Path, said: Said) -> None:
    desk = Desk(tmp_path)
    for number in range(MAX_TOLD + 5):
        desk.write(f"{number}.json", "{")
    desk.directory.load_now()
    assert len(said()) == MAX_TOLD + 1
    assert said()[-1] == f"and 5 more files with problems in {tmp_path}"


def test_that_the_first_of_several_projects_is_used_is_said_once(desk: Desk, said: Said) -> None:
    desk.write("g.json", {"type": "gemini", "project_id": "one,two"})
    desk.second()
    os.utime(desk.path / "g.json", (1, 1))
    desk.second()
    assert said() == ["account file g.json: of 2 projects the first, one, is used; another needs a file of its own"]


def test_files_beyond_the_limit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    monkeypatch.setattr(scan, "MAX_ACCOUNTS", 1)
    desk = Desk(tmp_path)
    desk.write("a.json", CLAUDE)
    desk.write("b.json", CLAUDE)
    desk.directory.load_now()
    assert said() == [f"{tmp_path}: 1 files too many are left out"]


def test_no_token_is_in_the_log(desk: Desk, said: Said) -> None:
    desk.write("c.json", {**CLAUDE, "access_token": "own access", "weight": "own-refresh"})
    desk.second()
    assert "own" not in "".join(said()).replace("account file", "")


# -- quiet ---------------------------------------------------------------------------------------------------------


def test_nothing_is_read_before_it_is_quiet(watched: Desk, kernel: Kernel) -> None:
    watched.write("a.json", {**CLAUDE, "note": "x"})
    kernel.noticed("a.json")
    watched.clock.advance(QUIET_SECONDS * 0.9)
    kernel.noticed("a.json")
    watched.clock.advance(QUIET_SECONDS * 0.9)
    assert watched.published == []
    watched.clock.advance(QUIET_SECONDS * 0.1)
    assert len(watched.published) == 1


def test_what_never_becomes_quiet_is_read_all_the_same(watched: Desk, kernel: Kernel) -> None:
    watched.write("a.json", {**CLAUDE, "note": "x"})
    for _ in range(int(PATIENCE_SECONDS / 0.05) + 1):
        kernel.noticed("a.json")
        watched.clock.advance(0.05)
    assert len(watched.published) == 1


def test_a_change_during_a_look_is_seen_after_it(tmp_path: Path) -> None:
    slow = SlowToTell()
    desk = Desk(tmp_path, slow)
    desk.directory.startService()
    desk.write("a.json", CLAUDE)
    desk.clock.advance(POLL_SECONDS)
    desk.clock.advance(QUIET_SECONDS)
    assert len(slow.started) == 1
    slow.started.pop()()
    assert desk.published == []
    slow.started.pop()()
    assert set(desk.published[0].logins) == {"a.json"}


# -- our own writes ------------------------------------------------------------------------------------------------


def test_what_was_noted_is_not_published_again(desk: Desk) -> None:
    save(desk.path, "a.json", {"access_token": "new"})
    desk.directory.note(load(desk.path / "a.json"))
    assert desk.second() == NOTHING
    assert desk.directory.logins["a.json"].access_token == Secret("new")


def test_a_look_that_began_before_our_write_takes_nothing_back(tmp_path: Path) -> None:
    slow = SlowToTell()
    desk = Desk(tmp_path, slow)
    desk.write("a.json", CLAUDE)
    desk.directory.load_now()
    desk.directory.startService()
    slow.started.pop()()
    desk.write("a.json", {**CLAUDE, "note": "by hand"})
    desk.clock.advance(POLL_SECONDS)
    desk.clock.advance(QUIET_SECONDS)  # has read the file by hand, and is slow to say so
    save(desk.path, "a.json", {"access_token": "new"})
    desk.directory.note(load(desk.path / "a.json"))
    slow.started.pop()()
    assert desk.published == []
    desk.clock.advance(QUIET_SECONDS)
    slow.started.pop()()
    assert desk.published == []
    assert desk.directory.logins["a.json"].access_token == Secret("new")


def test_a_token_that_is_in_no_file_is_not_missed_in_it(desk: Desk) -> None:
    desk.write("v.json", {"type": "vertex", "service_account": {"client_email": "a@b"}})
    login = desk.second().logins["v.json"]
    desk.directory.note(attrs.evolve(login, access_token=Secret("minted")))
    os.utime(desk.path / "v.json", (1, 1))
    assert desk.second() == NOTHING


def test_an_account_that_is_gone_is_not_noted(desk: Desk) -> None:
    login = desk.directory.logins["a.json"]
    (desk.path / "a.json").unlink()
    desk.second()
    desk.directory.note(login)
    assert "a.json" not in desk.directory.logins


# -- adopted accounts ----------------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "home", ".credentials.json", CLAUDE_CODE)


@pytest.fixture
def adopting(tmp_path: Path, source: Path) -> Desk:
    desk = Desk(tmp_path / "accounts")
    desk.write("a.json", {"type": "claude", "adopted_from": str(source)})
    desk.start()
    desk.second()
    return desk


def renewed(token: str) -> object:
    return {"claudeAiOauth": {**CLAUDE_CODE_LOGIN, "accessToken": token}}


def test_what_the_cli_renews_is_taken_over_within_a_second(adopting: Desk, source: Path) -> None:
    write(source.parent, source.name, renewed("rotated"))
    assert adopting.second().logins["a.json"].access_token == Secret("rotated")


def test_a_file_that_the_cli_is_writing_changes_nothing_yet(adopting: Desk, source: Path) -> None:
    source.write_text("")
    assert adopting.second().logins == {}
    assert adopting.directory.logins["a.json"].access_token == Secret("claude-access")


def test_who_logs_out_of_the_cli_is_out_of_use(adopting: Desk, source: Path) -> None:
    source.unlink()
    changes = adopting.second()
    assert changes.removed == {"a.json"}
    assert "is not there" in changes.problems["a.json"]


def test_and_who_logs_in_again_is_back(adopting: Desk, source: Path) -> None:
    source.unlink()
    adopting.second()
    write(source.parent, source.name, renewed("again"))
    assert adopting.second().logins["a.json"].access_token == Secret("again")


def test_a_source_that_nobody_points_at_any_more_is_let_go(adopting: Desk, source: Path) -> None:
    (adopting.path / "a.json").unlink()
    adopting.second()
    write(source.parent, source.name, renewed("rotated"))
    assert adopting.second() == NOTHING


# -- what it costs -------------------------------------------------------------------------------------------------


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file whose stat was looked at."""
    seen: list[str] = []
    true_mark_of = scan.mark_of

    def mark_of(path: str) -> Mark | None:
        seen.append(path)
        return true_mark_of(path)

    for place in (room, scan):
        monkeypatch.setattr(place, "mark_of", mark_of)
    return seen


def test_a_poll_costs_the_same_however_many_there_are(tmp_path: Path, kernel: Kernel, stats: list[str]) -> None:
    desk = Desk(tmp_path, reactor=MemoryReactorClock())
    for number in range(3 * SLICE):
        desk.write(f"{number}.json", CLAUDE)
    desk.start()
    desk.second()
    for _ in range(6):
        stats.clear()
        desk.clock.advance(POLL_SECONDS)
        assert len(stats) == SLICE


def test_each_file_has_its_turn(tmp_path: Path, kernel: Kernel, stats: list[str]) -> None:
    desk = Desk(tmp_path, reactor=MemoryReactorClock())
    for number in range(3 * SLICE):
        desk.write(f"{number}.json", CLAUDE)
    desk.start()
    stats.clear()
    for _ in range(3):
        desk.clock.advance(POLL_SECONDS)
    assert len(set(stats)) == 3 * SLICE


def test_a_file_that_the_kernel_names_is_the_only_one_read(watched: Desk, kernel: Kernel, stats: list[str]) -> None:
    for name in ("b.json", "c.json"):
        watched.write(name, CLAUDE)
        kernel.noticed(name)
    watched.second()
    watched.write("d.json", CLAUDE)
    kernel.noticed("d.json")
    stats.clear()
    watched.clock.advance(QUIET_SECONDS)
    assert stats == [f"{watched.path}/d.json"]


def test_what_the_kernel_does_not_tell_is_seen_all_the_same(watched: Desk) -> None:
    watched.write("b.json", CLAUDE)
    assert set(watched.second().logins) == {"b.json"}


def test_a_flood_of_names_is_met_with_one_look_at_all(watched: Desk, kernel: Kernel) -> None:
    watched.write("b.json", CLAUDE)
    for number in range(MAX_NAMED + 1):
        kernel.noticed(f"absent-{number}.json")
    assert set(watched.second().logins) == {"b.json"}


def test_a_directory_that_is_lost_is_watched_anew(watched: Desk, kernel: Kernel) -> None:
    shutil.rmtree(watched.path)
    watched.write("b.json", CLAUDE)
    kernel.lost()
    changes = watched.second()
    assert (set(changes.logins), set(changes.removed), kernel.watching) == ({"b.json"}, {"a.json"}, 1)


def test_without_a_kernel_that_tells_it_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    def refuse(*_: object) -> Callable[[], None]:
        raise Refused("no more inotify instances are to be had")

    monkeypatch.setattr("cliproxy.logins.notices.watch", refuse)
    desk = Desk(tmp_path, reactor=MemoryReactorClock()).start()
    desk.write("a.json", CLAUDE)
    assert set(desk.second().logins) == {"a.json"}
    assert said() == [f"{tmp_path} is polled: no more inotify instances are to be had"]


# -- stopping ------------------------------------------------------------------------------------------------------


def test_a_stopped_one_watches_nothing_and_has_no_timer(watched: Desk, kernel: Kernel) -> None:
    kernel.noticed("a.json")
    watched.directory.stopService()
    assert (kernel.watching, watched.clock.getDelayedCalls()) == (0, [])


def test_a_look_under_way_publishes_nothing_after_the_stop(tmp_path: Path) -> None:
    slow = SlowToTell()
    desk = Desk(tmp_path, slow)
    desk.write("a.json", CLAUDE)
    desk.directory.startService()
    desk.directory.stopService()
    slow.started.pop()()
    assert desk.published == []
    desk.directory.startService()
    slow.started.pop()()
    assert set(desk.published[0].logins) == {"a.json"}


def test_what_changed_while_it_was_stopped_is_published_at_the_next_start(desk: Desk) -> None:
    desk.directory.stopService()
    (desk.path / "a.json").unlink()
    desk.directory.startService()
    assert desk.published == [Changes({}, frozenset({"a.json"}), {})]


def test_a_publisher_that_fails_is_told_and_stops_nothing(tmp_path: Path, failures: list[LogEvent]) -> None:
    desk = Desk(tmp_path)

    def fail(_: Changes) -> None:
        raise LookupError

    desk.directory = AuthDirectory(tmp_path, fail, desk.clock, None, execute)
    desk.start()
    desk.write("a.json", CLAUDE)
    desk.second()
    assert len(log_failures(failures)) == 1
    assert set(desk.directory.logins) == {"a.json"}


def test_a_look_that_breaks_is_told_and_made_good(tmp_path: Path, failures: list[LogEvent]) -> None:
    broken = [lookup_fails]

    def sometimes(work: Callable[[], T]) -> Deferred[T]:
        def looked() -> T:
            if broken:
                broken.pop()()
            return work()

        return execute(looked)

    desk = Desk(tmp_path, sometimes)
    desk.write("a.json", CLAUDE)
    desk.directory.load_now()
    (tmp_path / "a.json").unlink()
    desk.directory.startService()
    assert len(log_failures(failures)) == 1
    assert desk.second().removed == {"a.json"}


def lookup_fails() -> Look:
    raise LookupError


def test_changes_are_values() -> None:
    assert attrs.evolve(NOTHING, removed=frozenset({"a"})).removed == {"a"}
