"""The lock between processes: one holds it, the others wait, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.logins.lock import RETRY_SECONDS, TIMEOUT_SECONDS, FileLock, NotLocked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.json"


def failure_of(asked: Deferred[None]) -> BaseException | None:
    failures: list[Failure] = []
    asked.addErrback(failures.append)
    return failures[0].value


def waiting(path: Path, clock: Clock) -> tuple[FileLock, Deferred[None]]:
    lock = FileLock(path, clock)
    return lock, lock.acquire()


def test_a_free_lock_is_had_at_once(path: Path, clock: Clock) -> None:
    _, asked = waiting(path, clock)
    assert asked.called


def test_a_second_one_waits_until_the_first_lets_go(path: Path, clock: Clock) -> None:
    first, _ = waiting(path, clock)
    _, second = waiting(path, clock)
    clock.advance(RETRY_SECONDS)
    assert not second.called
    first.release()
    clock.advance(RETRY_SECONDS)
    assert second.called


def test_files_are_locked_one_by_one(path: Path, clock: Clock) -> None:
    waiting(path, clock)
    assert waiting(path.with_name("b.json"), clock)[1].called


def test_waiting_comes_to_an_end(path: Path, clock: Clock) -> None:
    waiting(path, clock)
    _, second = waiting(path, clock)
    clock.pump([RETRY_SECONDS] * (int(TIMEOUT_SECONDS / RETRY_SECONDS) + 2))
    assert "another process has held" in str(failure_of(second))
    assert clock.getDelayedCalls() == []


def test_who_cancels_does_not_get_it(path: Path, clock: Clock) -> None:
    first, _ = waiting(path, clock)
    _, second = waiting(path, clock)
    second.cancel()
    assert isinstance(failure_of(second), CancelledError)
    first.release()
    assert clock.getDelayedCalls() == []
    assert waiting(path, clock)[1].called


def test_nothing_is_left_behind(path: Path, clock: Clock) -> None:
    waiting(path, clock)[0].release()
    assert list(path.parent.iterdir()) == []


def test_letting_go_twice_does_nothing(path: Path, clock: Clock) -> None:
    first, _ = waiting(path, clock)
    first.release()
    waiting(path, clock)
    first.release()
    assert not waiting(path, clock)[1].called


def test_a_lock_can_be_had_again(path: Path, clock: Clock) -> None:
    first, _ = waiting(path, clock)
    first.release()
    assert first.acquire().called


def test_one_object_is_not_acquired_twice_at_once(path: Path, clock: Clock) -> None:
    first, _ = waiting(path, clock)
    with pytest.raises(AssertionError):
        first.acquire()


def test_a_file_left_over_from_a_crash_locks_nobody_out(path: Path, clock: Clock) -> None:
    FileLock(path, clock).path.touch()
    assert waiting(path, clock)[1].called


def test_a_lock_on_a_file_that_was_taken_away_is_none(path: Path, clock: Clock) -> None:
    """Two would be alone with the file otherwise: one with the file before, one with the file after."""
    first, _ = waiting(path, clock)
    opened_before = os.open(first.path, os.O_RDWR)
    first.release()
    second, asked = waiting(path, clock)
    assert asked.called
    assert not os.path.samestat(os.fstat(opened_before), second.path.stat())
    os.close(opened_before)


def test_where_no_lock_can_be_made_it_is_said(tmp_path: Path, clock: Clock) -> None:
    error = failure_of(waiting(tmp_path / "none" / "a.json", clock)[1])
    assert isinstance(error, NotLocked)
    assert "takes no lock" in str(error)


def test_a_link_in_its_place_is_not_followed(path: Path, clock: Clock) -> None:
    FileLock(path, clock).path.symlink_to(path.with_name("elsewhere"))
    assert isinstance(failure_of(waiting(path, clock)[1]), NotLocked)
    assert not path.with_name("elsewhere").exists()


def test_it_is_held_for_a_block(path: Path, clock: Clock) -> None:
    others: list[Deferred[None]] = []

    async def work() -> None:
        async with FileLock(path, clock):
            others.append(waiting(path, clock)[1])
            raise LookupError

    assert isinstance(failure_of(Deferred.fromCoroutine(work())), LookupError)
    assert not others[0].called
    clock.advance(RETRY_SECONDS)
    assert others[0].called


@pytest.mark.real
def test_another_process_is_held_off(path: Path, clock: Clock) -> None:
    script = (
        "import sys, fcntl, os\n"
        "descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(descriptor, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    lock = FileLock(path, clock)
    command = [sys.executable, "-c", script, str(lock.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        asked = lock.acquire()
        assert not asked.called
        other.communicate("")
    clock.advance(RETRY_SECONDS)
    assert asked.called
    lock.release()
