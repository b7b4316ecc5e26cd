"""When the pool's changes are written, and what becomes of those that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import execute
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cliproxy.routing.memory import Changes, StandingRow
from cliproxy.store import saver as saving
from cliproxy.store.saver import SAVE_SECONDS, Saver, merged
from cliproxy.store.state import StateFile, StateTrouble
from cliproxy.threads import OffReactor
from tests.support.threads import Slow

ROW = StandingRow("a", "", "rate limited", 429, 1, 0.0, 60.0, "")


def change(name: str, row: StandingRow | None = ROW) -> Changes:
    return Changes(standings={(name, ""): row and attrs.evolve(row, credential=name)})


class FakeFile(StateFile):
    """Keeps what it is given, or refuses it."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.saved: list[Changes] = []
        self.trouble: Exception | None = None
        self.closed = 0

    def save(self, changes: Changes) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.saved.append(changes)

    def close(self) -> None:
        self.closed += 1


class Desk:
    """A pool's changes, a file, a clock, and a saver between them."""

    def __init__(self, defer_to: OffReactor = execute) -> None:
        self.clock = Clock()
        self.file = FakeFile()
        self.changes = Changes()
        self.saver = Saver(self.file, self.take, self.clock, defer_to)
        self.saver.startService()

    def take(self) -> Changes:
        taken, self.changes = self.changes, Changes()
        return taken

    def tick(self) -> None:
        self.clock.advance(SAVE_SECONDS)

    @property
    def saved(self) -> list[list[str]]:
        """The names in each write."""
        return [[credential for credential, _ in changes.standings] for changes in self.file.saved]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def said() -> Iterator[Callable[[], list[str]]]:
    with capturedLogs() as events:
        yield lambda: [formatEvent(event) for event in events]


def test_what_has_changed_is_written_every_two_seconds(desk: Desk) -> None:
    for name in ("a", "b"):
        desk.changes = change(name)
        desk.tick()
    assert desk.saved == [["a"], ["b"]]


def test_nothing_is_written_while_nothing_changes(desk: Desk) -> None:
    desk.tick()
    assert desk.saved == []


def test_a_clock_that_leaps_makes_one_write(desk: Desk) -> None:
    desk.changes = change("a")
    desk.clock.advance(1000 * SAVE_SECONDS)
    assert desk.saved == [["a"]]


def test_one_write_is_under_way_at_a_time() -> None:
    slow = Slow()
    desk = Desk(slow)
    for name in ("a", "b", "c"):
        desk.changes = change(name)
        desk.tick()
    assert len(slow.started) == 1
    slow.started.pop(0)()
    desk.tick()
    slow.started.pop(0)()
    assert desk.saved == [["a"], ["c"]]


def test_what_could_not_be_written_goes_with_the_next(desk: Desk) -> None:
    desk.file.trouble = StateTrouble("The disk is full.")
    desk.changes = change("a")
    desk.tick()
    desk.changes = change("b")
    desk.tick()
    desk.file.trouble = None
    desk.tick()
    assert desk.saved == [["a", "b"]]


def test_it_is_written_once(desk: Desk) -> None:
    desk.file.trouble = StateTrouble("The disk is full.")
    desk.changes = change("a")
    desk.tick()
    desk.file.trouble = None
    desk.tick()
    desk.tick()
    assert desk.saved == [["a"]]


def test_trouble_is_told_once_and_so_is_its_end(desk: Desk, said: Callable[[], list[str]]) -> None:
    desk.file.trouble = StateTrouble("The disk is full.")
    desk.changes = change("a")
    for _ in range(3):
        desk.tick()
    desk.file.trouble = None
    desk.tick()
    desk.changes = change("a")
    desk.tick()
    assert said() == [
        "the pool's state is kept in memory only: The disk is full.",
        "the pool's state is written to disk again",
    ]


def test_a_file_that_is_left_alone_is_told_of_once_and_not_written(desk: Desk, said: Callable[[], list[str]]) -> None:
    desk.file.trouble = StateTrouble("It is left alone.")
    desk.changes = change("a")
    desk.tick()
    desk.file.left_alone, desk.file.trouble = True, None
    desk.changes = change("b")
    desk.tick()
    assert (desk.saved, said()) == ([], ["the pool's state is kept in memory only: It is left alone."])


def test_a_mistake_of_ours_does_not_end_the_saving(desk: Desk, failures: list[LogEvent]) -> None:
    desk.file.trouble = ZeroDivisionError()
    desk.changes = change("a")
    desk.tick()
    desk.file.trouble = None
    desk.changes = change("b")
    desk.tick()
    assert desk.saved == [["b"]]
    assert [event["log_failure"].type for event in failures] == [ZeroDivisionError]
    failures.clear()


# -- stopping ------------------------------------------------------------------------------------------------------


def stop(desk: Desk) -> list[None]:
    """Begin to; the list has an element once it is done."""
    done: list[None] = []
    desk.saver.stopService().addCallback(done.append)
    return done


def test_the_rest_is_written_when_it_stops(desk: Desk) -> None:
    desk.changes = change("a")
    assert stop(desk) == [None]
    assert (desk.saved, desk.file.closed) == ([["a"]], 1)


def test_the_write_under_way_is_waited_for() -> None:
    slow = Slow()
    desk = Desk(slow)
    desk.changes = change("a")
    desk.tick()
    desk.changes = change("b")
    done = stop(desk)
    assert (len(slow.started), done) == (1, [])
    for _ in ("a", "b", "close"):
        assert done == []
        slow.started.pop(0)()
    assert (done, desk.saved, desk.file.closed) == ([None], [["a"], ["b"]], 1)


def test_a_last_write_that_fails_holds_nobody_up(desk: Desk) -> None:
    desk.file.trouble = StateTrouble("The disk is full.")
    desk.changes = change("a")
    assert stop(desk) == [None]
    assert desk.file.closed == 1


def test_no_timer_is_left_when_it_has_stopped(desk: Desk) -> None:
    stop(desk)
    assert desk.clock.getDelayedCalls() == []


def test_it_can_be_started_again(desk: Desk) -> None:
    stop(desk)
    desk.saver.startService()
    desk.changes = change("a")
    desk.tick()
    assert desk.saved == [["a"]]


# -- merging -------------------------------------------------------------------------------------------------------


def test_the_later_change_of_a_row_holds() -> None:
    both = merged(change("a"), change("a", None))
    assert both == change("a", None)


def test_of_more_than_fits_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "MAX_ROWS", 2)
    both = merged(merged(change("a"), change("b")), merged(change("a", None), change("c")))
    assert list(both.standings) == [("a", ""), ("c", "")]
