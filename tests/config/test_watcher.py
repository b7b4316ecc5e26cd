"""When the watcher looks, what it publishes, and what it leaves alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cliproxy.config.loader import Loaded, load
from cliproxy.config.watcher import POLL_SECONDS, QUIET_SECONDS, Watcher
from cliproxy.threads import OffReactor
from tests.support.threads import Slow

T = TypeVar("T")

Said = Callable[[], list[str]]


class Desk:
    """A file, a clock, and what the watcher made of them."""

    def __init__(self, directory: Path, defer_to: OffReactor = execute) -> None:
        self.path = directory / "config.yaml"
        self.clock = Clock()
        self.published: list[Loaded] = []
        self._written = 0
        self.write("port: 1\n")
        self.watcher = Watcher(str(self.path), self.published.append, self.clock, defer_to)

    def write(self, text: str, to: Path | None = None) -> None:
        """Write, with a time of change that differs from the last however fast the test is."""
        path = to or self.path
        path.write_text(text)
        self._written += 1
        os.utime(path, (self._written, self._written))

    def start(self) -> Desk:
        self.watcher.startService()
        return self

    def polls(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(POLL_SECONDS)

    def settle(self) -> None:
        self.polls()
        self.clock.advance(QUIET_SECONDS)

    @property
    def ports(self) -> list[int]:
        return [loaded.config.listening.port for loaded in self.published]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path).start()


@pytest.fixture
def said() -> Iterator[Said]:
    """What the log has been told so far, a line each."""
    with capturedLogs() as events:
        yield lambda: [formatEvent(event) for event in events]


def answers(asked: Deferred[bool]) -> list[bool]:
    got: list[bool] = []
    asked.addCallback(got.append)
    return got


# -- noticing ------------------------------------------------------------------------------------------------------


def test_nothing_is_published_while_the_file_stays(desk: Desk) -> None:
    desk.polls(10)
    assert desk.published == []


def test_a_change_is_published_when_it_has_settled(desk: Desk) -> None:
    desk.write("port: 2\n")
    desk.polls()
    assert desk.published == []
    desk.clock.advance(QUIET_SECONDS)
    assert desk.published == [load(str(desk.path))]


def test_writes_in_several_steps_are_one_change(desk: Desk) -> None:
    desk.write("port: 2\n")
    desk.polls()
    desk.clock.advance(QUIET_SECONDS / 2)
    desk.write("port: 3\n")
    desk.clock.advance(QUIET_SECONDS)
    assert desk.ports == []
    desk.polls()
    assert desk.ports == [3]


def test_the_same_bytes_written_again_are_no_change(desk: Desk) -> None:
    desk.write("port: 1\n")
    desk.settle()
    assert desk.published == []


def test_a_file_renamed_into_place_is_seen(desk: Desk) -> None:
    new = desk.path.with_suffix(".new")
    desk.write("port: 2\n", to=new)
    new.rename(desk.path)
    desk.settle()
    assert desk.ports == [2]


def test_a_link_that_is_swapped_is_seen(desk: Desk) -> None:
    for number in (2, 3):
        desk.write(f"port: {number}\n", to=desk.path.with_suffix(f".{number}"))
        desk.path.unlink()
        desk.path.symlink_to(desk.path.with_suffix(f".{number}"))
        desk.settle()
    assert desk.ports == [2, 3]


def test_an_empty_file_is_left_alone(desk: Desk, said: Said) -> None:
    desk.write("\n")
    desk.settle()
    assert (desk.published, said()) == ([], [])


def test_what_changed_before_the_start_is_published_if_the_digest_in_use_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    in_use = load(str(desk.path)).digest
    desk.write("port: 2\n")
    Watcher(str(desk.path), desk.published.append, desk.clock, execute, in_use=in_use).startService()
    desk.settle()
    assert desk.ports == [2]


def test_the_digest_in_use_is_not_published_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    in_use = load(str(desk.path)).digest
    Watcher(str(desk.path), desk.published.append, desk.clock, execute, in_use=in_use).startService()
    desk.settle()
    assert desk.published == []


# -- what goes wrong -----------------------------------------------------------------------------------------------


def test_a_bad_file_changes_nothing_and_every_problem_is_logged_once(desk: Desk, said: Said) -> None:
    desk.write("port: x\ndebug: 7\n")
    desk.settle()
    desk.write("port: x\ndebug: 7\n")
    desk.settle()
    assert desk.published == []
    assert said() == [
        f"configuration stays as it was; problems in {desk.path}: 2",
        f"{desk.path}:1: port: expected a whole number from 0 to 65535, found text",
        f"{desk.path}:2: debug: expected true or false, found a whole number",
    ]


def test_a_bad_file_that_is_mended_is_published(desk: Desk) -> None:
    desk.write("port: x\n")
    desk.settle()
    desk.write("port: 2\n")
    desk.settle()
    assert desk.ports == [2]


def test_a_bad_file_that_is_taken_back_is_no_change(desk: Desk) -> None:
    desk.write("port: x\n")
    desk.settle()
    desk.write("port: 1\n")
    desk.settle()
    assert desk.published == []


def test_a_file_that_vanishes_is_logged_once_and_seen_when_it_is_back(desk: Desk, said: Said) -> None:
    desk.path.unlink()
    desk.polls(5)
    assert said() == [f"{desk.path} is gone (No such file or directory); what it said stays in use"]
    desk.write("port: 2\n")
    desk.settle()
    assert desk.ports == [2]


def test_a_file_that_vanishes_before_it_has_settled_is_not_read(desk: Desk) -> None:
    desk.write("port: 2\n")
    desk.polls()
    desk.path.unlink()
    desk.clock.advance(QUIET_SECONDS)
    assert desk.published == []


def test_a_publisher_that_raises_does_not_stop_the_watcher(
    tmp_path: Path, said: Said, failures: list[LogEvent]
) -> None:
    desk = Desk(tmp_path)

    def publish(loaded: Loaded) -> None:
        desk.published.append(loaded)
        if len(desk.published) == 1:
            raise ZeroDivisionError

    Watcher(str(desk.path), publish, desk.clock, execute).startService()
    desk.write("port: 2\n")
    desk.settle()
    desk.write("port: 3\n")
    desk.settle()
    assert desk.ports == [2, 3]
    assert said() == [f"publishing what {desk.path} says"]
    assert failures.pop()["log_failure"].type is ZeroDivisionError


def test_a_thread_that_cannot_be_had_is_logged(tmp_path: Path, said: Said, failures: list[LogEvent]) -> None:
    def broken(work: Callable[[], T]) -> Deferred[T]:
        raise RuntimeError("no threads left")

    desk = Desk(tmp_path, broken).start()
    assert answers(desk.watcher.reload()) == [False]
    assert said() == [f"configuration stays as it was: {desk.path} could not be looked at"]
    assert failures.pop()["log_failure"].type is RuntimeError


# -- reload --------------------------------------------------------------------------------------------------------


def test_a_reload_publishes_at_once(desk: Desk) -> None:
    desk.write("port: 2\n")
    assert answers(desk.watcher.reload()) == [True]
    assert desk.ports == [2]


def test_a_reload_of_what_is_in_use_publishes_nothing(desk: Desk) -> None:
    assert answers(desk.watcher.reload()) == [True]
    assert desk.published == []


def test_a_reload_of_a_bad_file_tells_its_problems_each_time(desk: Desk, said: Said) -> None:
    desk.write("port: x\n")
    assert answers(desk.watcher.reload()) == [False]
    assert answers(desk.watcher.reload()) == [False]
    assert len(said()) == 4


def test_a_reload_of_a_missing_file_says_so(desk: Desk, said: Said) -> None:
    desk.path.unlink()
    assert answers(desk.watcher.reload()) == [False]
    assert said() == [f"configuration stays as it was: There is no file {desk.path}."]


def test_a_reload_after_a_publisher_raised_tries_again(tmp_path: Path, failures: list[LogEvent]) -> None:
    desk = Desk(tmp_path)
    moods = iter([ValueError("first"), None])

    def publish(loaded: Loaded) -> None:
        if (mood := next(moods)) is not None:
            raise mood

    watcher = Watcher(str(desk.path), publish, desk.clock, execute)
    watcher.startService()
    desk.write("port: 2\n")
    assert answers(watcher.reload()) == [False]
    assert failures.pop()["log_failure"].type is ValueError
    assert answers(watcher.reload()) == [True]


def test_reloads_asked_for_during_a_reading_are_one_more_reading(tmp_path: Path) -> None:
    slow = Slow()
    desk = Desk(tmp_path, slow).start()
    desk.write("port: 2\n")
    asked = [answers(desk.watcher.reload()) for _ in range(3)]
    assert len(slow.started) == 1
    slow.started[0]()
    assert asked == [[True], [], []]
    desk.write("port: 3\n")
    slow.started[1]()
    assert asked == [[True], [True], [True]]
    assert (desk.ports, len(slow.started)) == ([2, 3], 2)


# -- stopping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polls", [0, 1])
def test_a_stop_leaves_no_timer(desk: Desk, polls: int) -> None:
    desk.write("port: 2\n")
    desk.polls(polls)
    desk.watcher.stopService()
    assert desk.clock.getDelayedCalls() == []


def test_a_reading_that_ends_after_the_stop_publishes_nothing(tmp_path: Path) -> None:
    slow = Slow()
    desk = Desk(tmp_path, slow).start()
    desk.write("port: 2\n")
    asked = answers(desk.watcher.reload())
    desk.watcher.stopService()
    slow.started[0]()
    assert (desk.published, asked) == ([], [False])


def test_a_change_that_was_cut_off_by_a_stop_is_seen_after_the_next_start(desk: Desk) -> None:
    desk.write("port: 2\n")
    desk.polls()
    desk.watcher.stopService()
    desk.start().settle()
    assert desk.ports == [2]


# -- law -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["port: 1\n", "port: 2\n", "port: x\n", "", None]), max_size=8))
def test_what_is_in_use_is_always_the_last_sound_contents(tmp_path: Path, contents: list[str | None]) -> None:
    desk = Desk(tmp_path).start()
    in_use = ["port: 1\n"]
    for text in contents:
        if text is None:
            desk.path.unlink(missing_ok=True)
        else:
            desk.write(text)
            if text not in ("", "port: x\n", in_use[-1]):
                in_use.append(text)
        desk.settle()
    assert desk.ports == [int(text.removeprefix("port: ")) for text in in_use[1:]]
    desk.watcher.stopService()
