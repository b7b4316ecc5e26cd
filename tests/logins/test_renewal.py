"""One renewal: who is asked, whose tokens are used in the end, and what the file says then."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred

from cliproxy.logins.lock import FileLock
from cliproxy.logins.login import NO_SECRET, Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.renewal import (
    ASK_SECONDS,
    LEAST_LIFE_SECONDS,
    SECOND_LOOK_SECONDS,
    Outcome,
    Parked,
    Renewal,
    Renewed,
    same_source,
)
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.logins.vault import NotWritten, Unwritten
from cliproxy.secret import Secret
from tests.support.renewing import FULL, KIMI, NAME, Accounts, failure_of, outcome_of

REJECTED = Rejected("the provider says no")


class Desk(Accounts):
    """Renewals of files in a directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.renewal = Renewal(self.vault, self.provider, self.clock, self.wall)
        self.sent = 0

    def run(self, held: Login, unwritten: Unwritten | None = None) -> Deferred[Outcome]:
        return Deferred.fromCoroutine(self.renewal.run(held, LOGIN_TYPES[held.type], self._count, unwritten))

    def _count(self) -> None:
        self.sent += 1

    def renewed(self, held: Login, unwritten: Unwritten | None = None) -> Renewed:
        """What comes of it, now or after the second look."""
        got = outcome_of(self.run(held, unwritten))
        self.clock.advance(SECOND_LOOK_SECONDS)
        (outcome,) = got
        assert isinstance(outcome, Renewed)
        return outcome


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- asking --------------------------------------------------------------------------------------------------------


def test_new_tokens_are_in_the_file_and_in_the_outcome(desk: Desk) -> None:
    login = desk.write(1)
    desk.provider.will_say(desk.tokens(2))
    outcome = desk.renewed(login)
    assert outcome.asked
    assert outcome.login.access_token == Secret("access-2")
    assert outcome.login == desk.load()


def test_the_token_is_announced_before_it_is_sent(desk: Desk) -> None:
    login = desk.write(1)
    desk.run(login)
    assert (desk.sent, len(desk.provider.asked)) == (1, 1)


def test_without_a_new_refresh_token_the_old_one_stays(desk: Desk) -> None:
    login = desk.write(1)
    desk.provider.will_say(Tokens(Secret("access-2"), expires_at=desk.wall() + 9))
    assert desk.renewed(login).login.refresh_token == Secret("refresh-1")
    assert desk.members()["refresh_token"] == "refresh-1"


def test_the_lock_is_free_afterwards(desk: Desk) -> None:
    desk.provider.will_say(desk.tokens(2))
    desk.renewed(desk.write(1))
    assert [path.name for path in desk.directory.iterdir()] == [NAME]


def test_trouble_changes_nothing(desk: Desk) -> None:
    login = desk.write(1)
    desk.provider.will_say(Unanswered("down", 7))
    (error,) = failure_of(desk.run(login))
    assert isinstance(error, Unanswered)
    assert (error.retry_after, desk.load()) == (7, login)


def test_an_endpoint_that_is_silent_for_ever_is_given_up(desk: Desk) -> None:
    failed = failure_of(desk.run(desk.write(1)))
    desk.clock.advance(ASK_SECONDS)
    assert [type(error) for error in failed] == [Unanswered]
    assert desk.provider.cancelled == 1


def test_cancelled_while_it_asks_it_frees_the_lock(desk: Desk) -> None:
    running = desk.run(desk.write(1))
    got: list[object] = []
    running.addErrback(lambda failure: got.append(failure.type))
    running.cancel()
    assert (got, [path.name for path in desk.directory.iterdir()]) == ([CancelledError], [NAME])


def test_cancelled_while_it_waits_for_the_lock_it_asks_nobody(desk: Desk) -> None:
    login = desk.write(1)
    lock = FileLock(desk.directory / NAME, desk.clock)
    lock.acquire()
    running = desk.run(login)
    got: list[object] = []
    running.addErrback(lambda failure: got.append(failure.type))
    running.cancel()
    lock.release()
    assert (got, desk.sent, desk.clock.getDelayedCalls()) == ([CancelledError], 0, [])


# -- what somebody else has renewed --------------------------------------------------------------------------------


def test_what_another_process_has_renewed_is_taken_over_without_asking(desk: Desk) -> None:
    held = desk.write(1)
    newer = desk.write(2)
    assert desk.renewed(held) == Renewed(newer, asked=False)
    assert desk.provider.asked == []


def test_whoever_waited_for_the_lock_takes_over_what_its_holder_got(desk: Desk) -> None:
    held = desk.write(1)
    lock = FileLock(desk.directory / NAME, desk.clock)
    lock.acquire()
    got = outcome_of(desk.run(held))
    newer = desk.write(2)
    lock.release()
    desk.clock.advance(1)
    assert got == [Renewed(newer, asked=False)]


def test_what_another_has_renewed_and_is_about_to_end_is_renewed_with_its_token(desk: Desk) -> None:
    held = desk.write(1)
    desk.write(2, life=LEAST_LIFE_SECONDS)
    desk.provider.will_say(desk.tokens(3))
    assert desk.renewed(held).asked
    assert desk.provider.asked[0].refresh_token == Secret("refresh-2")


def test_tokens_taken_over_clear_the_mark_of_those_before(desk: Desk) -> None:
    held = desk.write(1)
    desk.write(2, needs_login=True)
    assert not desk.renewed(held).login.needs_login
    assert "needs_login" not in desk.members()


def test_what_another_process_was_refused_is_not_asked_again(desk: Desk) -> None:
    held = desk.write(1)
    parked = desk.write(1, needs_login=True)
    (outcome,) = outcome_of(desk.run(held))
    assert isinstance(outcome, Parked)
    assert (outcome.login, desk.provider.asked) == (parked, [])


def test_a_new_login_during_the_renewal_wins(desk: Desk) -> None:
    held = desk.write(1)
    got = outcome_of(desk.run(held))
    newer = desk.write(7)
    desk.provider.say(desk.tokens(2))
    assert got == [Renewed(newer, asked=False)]
    assert desk.load() == newer


# -- refused -------------------------------------------------------------------------------------------------------


def test_a_refused_login_is_parked_after_a_second_look(desk: Desk) -> None:
    desk.provider.will_say(REJECTED)
    got = outcome_of(desk.run(desk.write(1)))
    assert (got, desk.load().needs_login) == ([], False)
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert got == [Parked(desk.load(), "the provider says no")]
    assert desk.load().needs_login


def test_who_was_refused_takes_over_what_somebody_else_got(desk: Desk) -> None:
    got = outcome_of(desk.run(desk.write(1)))
    desk.provider.say(REJECTED)
    newer = desk.write(2)
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert got == [Renewed(newer, asked=False)]


def test_who_was_refused_asks_once_more_with_another_refresh_token(desk: Desk) -> None:
    held = desk.write(1)
    got = outcome_of(desk.run(held))
    desk.write(2, life=-1)
    desk.provider.say(REJECTED)
    desk.clock.advance(SECOND_LOOK_SECONDS)
    desk.provider.say(desk.tokens(3))
    assert len(got) == 1
    assert desk.load().access_token == Secret("access-3")


def test_who_is_refused_again_and_again_is_parked(desk: Desk) -> None:
    got = outcome_of(desk.run(desk.write(1)))
    for number in (2, 3):
        desk.write(number, life=-1)
        desk.provider.say(REJECTED)
        desk.clock.advance(SECOND_LOOK_SECONDS)
    assert [type(outcome) for outcome in got] == [Parked]
    assert len(desk.provider.asked) == 2


def test_a_login_that_needs_one_is_asked_for_when_somebody_insists(desk: Desk) -> None:
    parked = desk.write(1, needs_login=True)
    desk.provider.will_say(desk.tokens(2))
    assert not desk.renewed(parked).login.needs_login
    assert "needs_login" not in desk.members()


# -- what cannot be written ----------------------------------------------------------------------------------------


def test_tokens_that_cannot_be_written_are_used_all_the_same(desk: Desk) -> None:
    login = desk.write(1)
    desk.disk.next_works(None, FULL)
    tokens = desk.tokens(2)
    desk.provider.will_say(tokens)
    outcome = desk.renewed(login)
    assert outcome.login.access_token == Secret("access-2")
    assert outcome.unwritten is not None
    assert (outcome.unwritten.spent, outcome.unwritten.tokens) == (Secret("refresh-1"), tokens)


def unwritten(desk: Desk) -> tuple[Login, Unwritten]:
    """The state after a renewal that could not be written."""
    desk.disk.next_works(None, FULL)
    desk.provider.will_say(desk.tokens(2))
    outcome = desk.renewed(desk.write(1))
    assert outcome.unwritten is not None
    return outcome.login, outcome.unwritten


def test_the_next_renewal_is_asked_with_what_was_not_written(desk: Desk) -> None:
    held, missing = unwritten(desk)
    desk.provider.will_say(desk.tokens(3))
    assert desk.renewed(held, missing).unwritten is None
    assert desk.provider.asked[1].refresh_token == Secret("refresh-2")
    assert desk.load().refresh_token == Secret("refresh-3")


def test_what_was_not_written_twice_still_names_the_token_in_the_file(desk: Desk) -> None:
    held, missing = unwritten(desk)
    desk.disk.next_works(None, FULL)
    desk.provider.will_say(desk.tokens(3))
    again = desk.renewed(held, missing).unwritten
    assert again is not None
    assert (again.spent, again.login.refresh_token) == (Secret("refresh-1"), Secret("refresh-2"))


def test_what_was_not_written_and_is_refused_parks_the_login(desk: Desk) -> None:
    held, missing = unwritten(desk)
    desk.provider.will_say(REJECTED)
    got = outcome_of(desk.run(held, missing))
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert [type(outcome) for outcome in got] == [Parked]


# -- service accounts ----------------------------------------------------------------------------------------------

KEY = {"client_email": "robot@example.org", "private_key": "..."}


def vertex(desk: Desk, **more: object) -> Login:
    members = {"type": "vertex", "service_account": KEY, **more}
    (desk.directory / "v.json").write_text(json.dumps(members))
    return desk.load("v.json")


def test_the_token_of_a_service_account_is_in_no_file(desk: Desk) -> None:
    login = vertex(desk)
    before = desk.members("v.json")
    desk.provider.will_say(Tokens(Secret("access-2"), expires_at=desk.wall() + 3600))
    outcome = desk.renewed(login)
    assert outcome.login.access_token == Secret("access-2")
    assert desk.members("v.json") == before


def test_a_key_file_that_is_refused_is_parked(desk: Desk) -> None:
    login = vertex(desk)
    desk.provider.will_say(REJECTED)
    got = outcome_of(desk.run(login))
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert [type(outcome) for outcome in got] == [Parked]
    assert desk.load("v.json").needs_login


def test_a_key_file_that_was_replaced_meanwhile_is_asked_with(desk: Desk) -> None:
    got = outcome_of(desk.run(vertex(desk)))
    vertex(desk, service_account={**KEY, "client_email": "other@example.org"})
    desk.provider.say(REJECTED)
    desk.clock.advance(SECOND_LOOK_SECONDS)
    desk.provider.say(Tokens(Secret("access-2")))
    assert [type(outcome) for outcome in got] == [Renewed]
    assert desk.provider.asked[1].service_account["client_email"] == "other@example.org"


def test_a_new_key_file_that_works_clears_the_mark(desk: Desk) -> None:
    login = vertex(desk, needs_login=True)
    desk.provider.will_say(Tokens(Secret("access-2")))
    assert not desk.renewed(login).login.needs_login
    assert "needs_login" not in desk.members("v.json")


# -- at once -------------------------------------------------------------------------------------------------------


def at_once(desk: Desk) -> Deferred[Login]:
    return Deferred.fromCoroutine(desk.renewal.at_once(NAME, LOGIN_TYPES))


def test_at_once_a_login_is_renewed_that_is_not_due(desk: Desk) -> None:
    desk.write(1)
    desk.provider.will_say(desk.tokens(2))
    assert [login.access_token for login in outcome_of(at_once(desk))] == [Secret("access-2")]


def test_at_once_a_refusal_is_raised_and_marked(desk: Desk) -> None:
    desk.write(1)
    desk.provider.will_say(REJECTED)
    failed = failure_of(at_once(desk))
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert [type(error) for error in failed] == [Rejected]
    assert desk.load().needs_login


def test_at_once_a_login_without_a_refresh_token_is_refused(desk: Desk) -> None:
    desk.write(1, refresh_token="")
    (error,) = failure_of(at_once(desk))
    assert str(error) == f"{NAME} holds nothing to renew it with"


def test_at_once_a_file_that_is_not_there_is_told(desk: Desk) -> None:
    (error,) = failure_of(at_once(desk))
    assert isinstance(error, LoginFailed)


def test_at_once_what_cannot_be_written_is_tried_again(desk: Desk) -> None:
    desk.write(1)
    desk.disk.next_works(None, None, FULL, FULL)
    desk.provider.will_say(desk.tokens(2))
    got = outcome_of(at_once(desk))
    desk.clock.pump([SECOND_LOOK_SECONDS] * 2)
    assert len(got) == 1
    assert desk.load().access_token == Secret("access-2")


def test_at_once_what_can_never_be_written_is_told(desk: Desk) -> None:
    desk.write(1)
    desk.disk.next_works(None, None, *[FULL] * 9)
    desk.provider.will_say(desk.tokens(2))
    failed = failure_of(at_once(desk))
    desk.clock.pump([SECOND_LOOK_SECONDS] * 9)
    assert [type(error) for error in failed] == [NotWritten]


# -- values --------------------------------------------------------------------------------------------------------


def test_the_source_of_a_login_is_its_refresh_token_or_key_file() -> None:
    login = Login(NAME, KIMI.name, access_token=Secret("a"), refresh_token=Secret("r"))
    assert same_source(login, attrs.evolve(login, access_token=NO_SECRET, priority=3))
    assert not same_source(login, attrs.evolve(login, refresh_token=Secret("s")))
    assert not same_source(login, attrs.evolve(login, service_account=KEY))


def test_no_value_shows_a_token(desk: Desk) -> None:
    _, missing = unwritten(desk)
    assert "access-" not in repr(missing)
    assert "refresh-" not in repr(missing)
