"""What is locked, read and written of account files, and what becomes of trouble."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from cliproxy.logins.lock import FileLock
from cliproxy.logins.tokens import Unanswered
from cliproxy.logins.vault import LOCK_SECONDS, NotWritten, Unwritten
from cliproxy.secret import Secret
from tests.support.renewing import FULL, NAME, Accounts, failure_of, outcome_of


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path)


def held_by_another(accounts: Accounts) -> FileLock:
    lock = FileLock(accounts.directory / NAME, accounts.clock)
    lock.acquire()
    return lock


def test_a_login_is_locked_for_one_at_a_time(accounts: Accounts) -> None:
    login = accounts.write()
    (release,) = outcome_of(Deferred.fromCoroutine(accounts.vault.lock(login)))
    second = outcome_of(Deferred.fromCoroutine(accounts.vault.lock(login)))
    assert second == []
    release()
    accounts.clock.advance(1)
    assert len(second) == 1
    second[0]()


def test_nothing_is_left_of_a_lock(accounts: Accounts) -> None:
    (release,) = outcome_of(Deferred.fromCoroutine(accounts.vault.lock(accounts.write())))
    release()
    assert [path.name for path in accounts.directory.iterdir()] == [NAME]


def test_a_lock_that_another_does_not_give_back_is_not_waited_for_any_longer(accounts: Accounts) -> None:
    login = accounts.write()
    lock = held_by_another(accounts)
    failed = failure_of(Deferred.fromCoroutine(accounts.vault.lock(login)))
    accounts.clock.pump([0.1] * int(LOCK_SECONDS * 10 + 2))
    assert [type(error) for error in failed] == [Unanswered]
    lock.release()


def test_where_no_lock_can_be_made_it_goes_on_without(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    login = accounts.write()
    (tmp_path / f".{NAME}.cliproxy-lock").mkdir()
    with capturedLogs() as events:
        (release,) = outcome_of(Deferred.fromCoroutine(accounts.vault.lock(login)))
    assert "renewed without a lock" in formatEvent(events[0])
    release()


def test_a_file_is_read_again(accounts: Accounts) -> None:
    login = accounts.write(1)
    accounts.write(2)
    (found,) = outcome_of(Deferred.fromCoroutine(accounts.vault.read(login)))
    assert found.access_token == Secret("access-2")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"type": "nothing"}'])
def test_a_file_of_which_nothing_can_be_made_may_be_mended(accounts: Accounts, content: bytes | None) -> None:
    login = accounts.write()
    path = accounts.directory / NAME
    path.unlink() if content is None else path.write_bytes(content)
    (error,) = failure_of(Deferred.fromCoroutine(accounts.vault.read(login)))
    assert isinstance(error, Unanswered)


def test_new_tokens_are_written_over_those_they_were_given_for(accounts: Accounts) -> None:
    login = accounts.write(1, note="mine")
    kept = accounts.vault.keep(login, accounts.tokens(2), login.refresh_token, accounts.wall())
    assert outcome_of(Deferred.fromCoroutine(kept)) == [None]
    found = accounts.members()
    assert (found["access_token"], found["refresh_token"], found["note"]) == ("access-2", "refresh-2", "mine")


def test_tokens_of_somebody_who_logged_in_anew_stay(accounts: Accounts) -> None:
    login = accounts.write(1)
    newer = accounts.write(7)
    kept = accounts.vault.keep(login, accounts.tokens(2), login.refresh_token, accounts.wall())
    assert outcome_of(Deferred.fromCoroutine(kept)) == [newer]


def test_a_removed_account_is_not_made_again(accounts: Accounts) -> None:
    login = accounts.write()
    (accounts.directory / NAME).unlink()
    kept = accounts.vault.keep(login, accounts.tokens(2), login.refresh_token, accounts.wall())
    (error,) = failure_of(Deferred.fromCoroutine(kept))
    assert isinstance(error, NotWritten)
    assert not (accounts.directory / NAME).exists()


def test_a_full_disk_is_told(accounts: Accounts) -> None:
    login = accounts.write()
    accounts.disk.next_works(FULL)
    kept = accounts.vault.keep(login, accounts.tokens(2), login.refresh_token, accounts.wall())
    (error,) = failure_of(Deferred.fromCoroutine(kept))
    assert str(error) == "its file cannot be written: No space left on device"


def test_a_login_is_marked_and_the_mark_taken_away(accounts: Accounts) -> None:
    login = accounts.write()
    marks = []
    for needs_login in (True, False):
        outcome_of(Deferred.fromCoroutine(accounts.vault.mark(login, needs_login=needs_login)))
        marks.append(accounts.load().needs_login)
    assert marks == [True, False]


def test_a_mark_that_cannot_be_written_is_only_told(accounts: Accounts) -> None:
    login = accounts.write()
    accounts.disk.next_works(OSError(errno.EROFS, "Read-only file system"))
    with capturedLogs() as events:
        outcome_of(Deferred.fromCoroutine(accounts.vault.mark(login, needs_login=True)))
    assert formatEvent(events[0]) == f"{NAME} cannot be marked: Read-only file system"


def test_what_is_written_late_must_still_be_wanted(accounts: Accounts) -> None:
    login = accounts.write()
    late = Unwritten(login, accounts.tokens(2), accounts.wall(), login.refresh_token, "full")
    assert outcome_of(Deferred.fromCoroutine(accounts.vault.catch_up(late, lambda: False))) == [False]
    assert accounts.load() == login
    assert outcome_of(Deferred.fromCoroutine(accounts.vault.catch_up(late))) == [True]
    assert accounts.load().access_token == Secret("access-2")


def test_of_an_adopted_account_the_tokens_go_to_the_clis_file_and_the_mark_leaves_ours(accounts: Accounts) -> None:
    source = accounts.directory / "cli" / ".credentials.json"
    source.parent.mkdir()
    block = {"accessToken": "access-1", "refreshToken": "refresh-1", "expiresAt": 1, "scopes": ["a"]}
    source.write_text(json.dumps({"claudeAiOauth": block}))
    ours = {"type": "claude", "adopted_from": str(source), "needs_login": True}
    (accounts.directory / "claude-cli.json").write_text(json.dumps(ours))
    login = accounts.load("claude-cli.json")
    kept = accounts.vault.keep(login, accounts.tokens(2), login.refresh_token, accounts.wall())
    assert outcome_of(Deferred.fromCoroutine(kept)) == [None]
    assert json.loads(source.read_text())["claudeAiOauth"]["accessToken"] == "access-2"
    assert "needs_login" not in accounts.members("claude-cli.json")
