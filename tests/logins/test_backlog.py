"""What could not be written is written when it can be, and the log says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cliproxy.logins.backlog import FIRST_SECONDS, LAST_SECONDS, Backlog
from cliproxy.logins.vault import Unwritten
from cliproxy.secret import Secret
from tests.support.renewing import FULL, NAME, Accounts, outcome_of


class Desk(Accounts):
    """A backlog of the accounts in a directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.backlog = Backlog(self.vault, self.clock)

    def miss(self, number: int = 2) -> Unwritten:
        """Tokens that could not be written."""
        login = self.write(1)
        missing = Unwritten(login, self.tokens(number), self.wall(), login.refresh_token, "no space")
        self.backlog.add(missing)
        return missing


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as events:
        yield events


def test_it_is_said_at_once_that_tokens_are_in_memory_only(desk: Desk, events: Sequence[LogEvent]) -> None:
    desk.miss()
    assert [formatEvent(event) for event in events] == [
        f"the new tokens of {NAME} are held in memory only, and lost if this process ends: no space"
    ]


def test_they_are_written_when_there_is_room_again(desk: Desk, events: Sequence[LogEvent]) -> None:
    desk.miss()
    desk.clock.advance(FIRST_SECONDS)
    assert desk.load().access_token == Secret("access-2")
    assert (len(desk.backlog), desk.clock.getDelayedCalls()) == (0, [])
    assert formatEvent(events[-1]) == f"the new tokens of {NAME} are written"


def test_each_attempt_waits_twice_as_long_up_to_five_minutes(desk: Desk) -> None:
    desk.miss()
    waits = []
    for _ in range(8):
        desk.disk.next_works(FULL)
        (call,) = desk.clock.getDelayedCalls()
        waits.append(call.getTime() - desk.clock.seconds())
        desk.clock.advance(waits[-1])
    assert waits == [FIRST_SECONDS, 10, 20, 40, 80, 160, LAST_SECONDS, LAST_SECONDS]


def test_each_attempt_that_fails_is_told(desk: Desk, events: Sequence[LogEvent]) -> None:
    desk.miss()
    desk.disk.next_works(FULL)
    desk.clock.advance(FIRST_SECONDS)
    assert len(events) == 2


def test_the_last_tokens_of_a_login_take_the_place_of_older_ones(desk: Desk) -> None:
    desk.miss(2)
    desk.miss(3)
    desk.clock.advance(FIRST_SECONDS)
    assert desk.load().access_token == Secret("access-3")


def test_a_login_made_anew_meanwhile_stays(desk: Desk, events: Sequence[LogEvent]) -> None:
    desk.miss()
    newer = desk.write(7)
    desk.clock.advance(FIRST_SECONDS)
    assert (desk.load(), len(desk.backlog)) == (newer, 0)
    assert formatEvent(events[-1]) == f"{NAME} has been logged in to anew"


def test_what_is_dropped_is_not_written(desk: Desk) -> None:
    missing = desk.miss()
    assert desk.backlog.of(NAME) is missing
    desk.backlog.drop(NAME)
    assert (desk.backlog.of(NAME), desk.clock.getDelayedCalls()) == (None, [])


def test_after_a_drop_the_loop_begins_anew(desk: Desk) -> None:
    desk.miss()
    desk.backlog.drop(NAME)
    desk.miss(3)
    desk.clock.advance(FIRST_SECONDS)
    assert desk.load().access_token == Secret("access-3")


def test_the_last_try_writes_now_and_sets_no_timer(desk: Desk) -> None:
    desk.miss()
    assert outcome_of(desk.backlog.last_try()) == [None]
    assert (desk.load().access_token, desk.clock.getDelayedCalls()) == (Secret("access-2"), [])


def test_the_last_try_may_fail(desk: Desk) -> None:
    desk.miss()
    desk.disk.next_works(FULL)
    assert outcome_of(desk.backlog.last_try()) == [None]
    assert (len(desk.backlog), desk.clock.getDelayedCalls()) == (1, [])
