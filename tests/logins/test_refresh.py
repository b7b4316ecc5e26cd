"""When logins are renewed, who shares a renewal, what is published, and how it all stops."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent

from cliproxy.logins.backlog import FIRST_SECONDS
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.login import NO_SECRET, Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.refresh import (
    FLIGHTS,
    GRACE_SECONDS,
    LEAST_PAUSE_SECONDS,
    LONGEST_SLEEP_SECONDS,
    PATIENCE_SECONDS,
    Refresher,
    renew_now,
)
from cliproxy.logins.renewal import SECOND_LOOK_SECONDS
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.secret import Secret
from cliproxy.upstream.transport import Answer, Outgoing
from tests.support.renewing import FULL, KIMI, NAME, Accounts, failure_of, outcome_of

LEAD = KIMI.lead_seconds
LIFE = 3600.0
DUE = LIFE - LEAD
"""When a token given now is renewed, in seconds."""
REJECTED = Rejected("the provider says no")
SPENT = Secret("access-1")


class Desk(Accounts):
    """A refresh service over a directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.published: list[Login] = []
        self.in_file: list[object] = []
        """The access token in the file at the time of each."""
        self.publisher_fails = False
        self.chance = 0.0
        self.refresher = Refresher(
            self.provider,
            directory,
            LOGIN_TYPES,
            self.clock,
            self.wall,
            lambda: self.chance,
            self.disk,
            self._publish,
        )

    def _publish(self, login: Login) -> None:
        if self.publisher_fails:
            raise ZeroDivisionError
        self.published.append(login)
        self.in_file.append(self.members(login.name).get("access_token"))

    def keep(self, *logins: Login) -> None:
        """Begin, with these."""
        self.refresher.hold({login.name: login for login in logins})
        self.refresher.startService()

    def update(self, *logins: Login) -> None:
        self.refresher.update({login.name: login for login in logins})

    def pass_time(self, seconds: float) -> None:
        """In steps: timers are set anew in between."""
        end = self.clock.seconds() + seconds
        while end - self.clock.seconds() > LONGEST_SLEEP_SECONDS:
            self.clock.advance(LONGEST_SLEEP_SECONDS)
        self.clock.advance(end - self.clock.seconds())

    def reject(self) -> None:
        """Who waits is refused, also at the second look."""
        self.provider.say(REJECTED)
        self.clock.advance(SECOND_LOOK_SECONDS)

    @property
    def asked(self) -> int:
        return len(self.provider.asked)

    @property
    def access_tokens(self) -> list[str]:
        return [login.access_token.reveal() for login in self.published]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as events:
        yield events


# -- before the end ------------------------------------------------------------------------------------------------


def test_a_login_is_renewed_the_lead_before_its_end(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.pass_time(DUE - 1)
    assert desk.asked == 0
    desk.pass_time(1)
    assert desk.asked == 1


def test_the_renewed_login_is_in_the_file_when_it_is_published(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2))
    assert desk.in_file == desk.access_tokens == ["access-2"]


def test_what_is_renewed_is_renewed_again_before_its_new_end(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2, LIFE))
    desk.pass_time(DUE)
    assert desk.asked == 2


def test_chance_brings_a_renewal_forward(desk: Desk) -> None:
    desk.chance = 1.0
    desk.keep(desk.write(1, LIFE))
    desk.pass_time(DUE - LEAD / 10)
    assert desk.asked == 1


def test_before_the_service_starts_nobody_is_asked(desk: Desk) -> None:
    login = desk.write(1, life=1)
    desk.refresher.hold({login.name: login})
    desk.pass_time(100)
    assert (desk.asked, desk.clock.getDelayedCalls()) == (0, [])


@pytest.mark.parametrize("more", [{"disabled": True}, {"needs_login": True}, {"refresh_token": ""}])
def test_who_cannot_or_must_not_be_renewed_is_left_alone(desk: Desk, more: dict[str, object]) -> None:
    (desk.directory / NAME).write_text(json.dumps({"type": "kimi", "access_token": "a", "refresh_token": "r", **more}))
    desk.keep(desk.load())
    assert (desk.asked, desk.clock.getDelayedCalls()) == (0, [])


def test_there_is_one_timer_however_many_logins(desk: Desk) -> None:
    login = desk.write(1, LIFE)
    desk.keep(*(attrs.evolve(login, name=f"{number}.json") for number in range(4000)))
    assert len(desk.clock.getDelayedCalls()) == 1


def test_sixteen_are_renewed_at_once_and_the_others_after_them(desk: Desk) -> None:
    desk.keep(*(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS + 3)))
    assert desk.asked == FLIGHTS
    desk.provider.say(desk.tokens(2))
    assert desk.asked == FLIGHTS + 1


def test_while_all_flights_are_taken_it_does_not_spin(desk: Desk) -> None:
    desk.keep(*(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS + 3)))
    waits = [call.getTime() - desk.clock.seconds() for call in desk.clock.getDelayedCalls()]
    assert min(waits) > 1


def test_hundreds_that_are_answered_at_once_need_no_deep_stack(desk: Desk) -> None:
    desk.provider.will_say(*[Unanswered("down")] * 400)
    desk.keep(*(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(400)))
    assert desk.asked == 400


# -- files that change ---------------------------------------------------------------------------------------------


def test_an_added_login_is_kept_fresh(desk: Desk) -> None:
    desk.keep()
    desk.update(desk.write(1, life=1))
    assert desk.asked == 1


def test_a_removed_login_is_not_renewed(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.refresher.update({}, {NAME})
    desk.pass_time(LIFE)
    assert (desk.asked, desk.clock.getDelayedCalls()) == (0, [])


def test_holding_others_lets_go_of_the_first(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.refresher.hold({})
    assert desk.clock.getDelayedCalls() == []


def test_a_login_removed_during_its_renewal_is_neither_published_nor_made_again(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    (desk.directory / NAME).unlink()
    desk.refresher.update({}, {NAME})
    desk.provider.say(desk.tokens(2))
    assert (desk.published, list(desk.directory.iterdir()), desk.clock.getDelayedCalls()) == ([], [], [])


def test_what_was_edited_during_the_renewal_is_published_with_the_new_tokens(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.update(desk.write(1, life=1, priority=7))
    desk.provider.say(desk.tokens(2))
    assert [(login.priority, login.access_token) for login in desk.published] == [(7, Secret("access-2"))]


def test_our_own_write_coming_back_changes_nothing(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2))
    desk.update(desk.load())
    desk.pass_time(DUE - 1)
    assert (desk.asked, len(desk.published)) == (1, 1)


def test_tokens_that_somebody_else_renewed_in_time_are_waited_for(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.pass_time(DUE - 1)
    desk.update(desk.write(2, LIFE))
    desk.pass_time(DUE - 1)
    assert desk.asked == 0


def test_what_is_known_of_a_token_outlives_a_file_that_does_not_say_it(desk: Desk) -> None:
    login = desk.write(1, life=1)
    desk.keep(login)
    desk.provider.say(desk.tokens(2, LIFE))
    desk.update(attrs.evolve(desk.load(), expired=None, last_refresh=None))
    desk.pass_time(DUE - 1)
    assert desk.asked == 1


def test_another_table_plans_anew(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.refresher.configure({**LOGIN_TYPES, "kimi": attrs.evolve(KIMI, lead_seconds=LEAD * 2)})
    desk.pass_time(LIFE - LEAD * 2)
    assert desk.asked == 1


# -- trouble -------------------------------------------------------------------------------------------------------


def test_trouble_is_tried_again_after_thirty_seconds_and_then_twice_that(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    moments = []
    for _ in range(4):
        moments.append(desk.clock.seconds())
        desk.provider.say(Unanswered("down"))
        before = desk.asked
        while desk.asked == before:
            desk.clock.advance(1)
    assert moments == [0, 30, 90, 210]


def test_the_providers_own_wish_counts(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(Unanswered("slowly", retry_after=7))
    desk.pass_time(6)
    assert desk.asked == 1
    desk.pass_time(1)
    assert desk.asked == 2


def test_success_ends_the_back_off(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(Unanswered("down"))
    desk.pass_time(30)
    desk.provider.say(desk.tokens(2, LIFE))
    desk.pass_time(DUE)
    desk.provider.say(Unanswered("down"))
    desk.pass_time(30)
    assert desk.asked == 4


def test_a_token_that_is_due_when_it_comes_is_not_renewed_in_a_loop(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(attrs.evolve(desk.tokens(2), expires_at=desk.wall() + 0.001))
    desk.pass_time(29)
    assert desk.asked == 1
    desk.pass_time(1)
    assert desk.asked == 2


def test_a_mistake_of_ours_is_logged_and_tried_again(desk: Desk, failures: list[LogEvent]) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.say(ZeroDivisionError())
    assert [event["account"] for event in failures] == [NAME]
    failures.clear()
    desk.pass_time(30)
    assert desk.asked == 2


def test_a_renewal_that_the_endpoint_breaks_off_is_not_tried_in_a_loop(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    desk.provider.waiting[0].cancel()
    assert desk.asked == 1
    desk.pass_time(30)
    assert desk.asked == 2


def test_a_publisher_that_fails_stops_nothing(desk: Desk, failures: list[LogEvent]) -> None:
    desk.publisher_fails = True
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2, LIFE))
    assert len(failures) == 1
    failures.clear()
    desk.publisher_fails = False
    desk.pass_time(DUE)
    assert desk.asked == 2


# -- refused -------------------------------------------------------------------------------------------------------


def parked(desk: Desk) -> None:
    """The one login of a desk, refused."""
    desk.keep(desk.write(1, life=1))
    desk.reject()


def test_a_refused_login_is_published_and_written_as_such(desk: Desk) -> None:
    parked(desk)
    assert [login.needs_login for login in desk.published] == [True]
    assert desk.load().needs_login


def test_a_refused_login_is_not_tried_again(desk: Desk) -> None:
    parked(desk)
    desk.update(desk.load())
    desk.pass_time(3600)
    assert (desk.asked, desk.clock.getDelayedCalls()) == (1, [])


def test_the_log_says_what_mends_it(desk: Desk, events: Sequence[LogEvent]) -> None:
    parked(desk)
    (told,) = [formatEvent(event) for event in events if event["log_level"].name == "error"]
    assert told == f"{NAME} needs a new login, which `cliproxy login kimi` makes: the provider says no"


def test_of_an_adopted_login_the_log_names_the_clis_own_command(desk: Desk, events: Sequence[LogEvent]) -> None:
    source = desk.directory / "cli" / ".credentials.json"
    source.parent.mkdir()
    block = {"accessToken": "access-1", "refreshToken": "refresh-1", "expiresAt": 1_000}
    source.write_text(json.dumps({"claudeAiOauth": block}))
    (desk.directory / NAME).write_text(json.dumps({"type": "claude", "adopted_from": str(source)}))
    desk.keep(desk.load())
    desk.reject()
    assert any("`claude auth login` makes" in formatEvent(event) for event in events)


def test_a_new_login_is_used_at_once(desk: Desk) -> None:
    parked(desk)
    desk.update(desk.write(2, LIFE))
    desk.pass_time(DUE)
    assert (desk.asked, desk.provider.asked[-1].refresh_token) == (2, Secret("refresh-2"))


def test_new_tokens_in_a_file_that_is_marked_still_are_taken_over(desk: Desk) -> None:
    parked(desk)
    desk.update(desk.write(2, LIFE, needs_login=True))
    assert (desk.asked, desk.published[-1].needs_login, desk.load().needs_login) == (1, False, False)
    assert desk.published[-1].access_token == Secret("access-2")


def test_a_mark_that_a_person_takes_away_gives_another_chance(desk: Desk) -> None:
    parked(desk)
    desk.update(desk.write(1, life=1))
    assert desk.asked == 2


# -- for requests --------------------------------------------------------------------------------------------------


def test_a_spent_token_is_renewed_before_it_is_due(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    got = outcome_of(desk.refresher.renew(NAME, SPENT))
    desk.provider.say(desk.tokens(2))
    assert (got, desk.access_tokens) == ([True], ["access-2"])


def test_a_token_renewed_meanwhile_is_told_at_once(desk: Desk) -> None:
    desk.keep(desk.write(2, LIFE))
    assert outcome_of(desk.refresher.renew(NAME, SPENT)) == [True]
    assert desk.asked == 0


def test_all_who_ask_share_one_renewal(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    got = [outcome_of(desk.refresher.renew(NAME, SPENT)) for _ in range(50)]
    desk.provider.say(desk.tokens(2))
    assert (got, desk.asked) == ([[True]] * 50, 1)


def test_a_request_shares_the_renewal_that_was_due(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    got = outcome_of(desk.refresher.renew(NAME, SPENT))
    desk.provider.say(desk.tokens(2))
    assert (got, desk.asked) == ([True], 1)


def test_who_gives_up_does_not_end_it_for_the_others(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    impatient = desk.refresher.renew(NAME, SPENT)
    got = outcome_of(desk.refresher.renew(NAME, SPENT))
    gone: list[object] = []
    impatient.addErrback(lambda failure: gone.append(failure.type))
    impatient.cancel()
    desk.provider.say(desk.tokens(2))
    assert (gone, got) == ([CancelledError], [True])


def test_a_renewal_that_everybody_gave_up_goes_on(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    impatient = desk.refresher.renew(NAME, SPENT).addErrback(lambda _: False)
    impatient.cancel()
    desk.provider.say(desk.tokens(2))
    assert desk.access_tokens == ["access-2"]


def test_a_request_waits_thirty_seconds_at_the_most(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    got = outcome_of(desk.refresher.renew(NAME, SPENT))
    desk.clock.advance(PATIENCE_SECONDS)
    assert got == [False]
    desk.provider.say(desk.tokens(2))
    assert desk.access_tokens == ["access-2"]


@pytest.mark.parametrize("answer", [Unanswered("down"), REJECTED])
def test_without_a_new_token_the_answer_is_no(desk: Desk, answer: LoginFailed) -> None:
    desk.keep(desk.write(1, LIFE))
    got = outcome_of(desk.refresher.renew(NAME, SPENT))
    desk.provider.say(answer)
    desk.clock.advance(SECOND_LOOK_SECONDS)
    assert got == [False]


def test_a_dead_login_is_asked_for_once_in_thirty_seconds(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    first = outcome_of(desk.refresher.renew(NAME, SPENT))
    desk.provider.say(Unanswered("down"))
    desk.clock.advance(LEAST_PAUSE_SECONDS - 1)
    second = outcome_of(desk.refresher.renew(NAME, SPENT))
    assert (first, second, desk.asked) == ([False], [False], 1)


def test_a_token_that_is_refused_as_soon_as_it_comes_is_not_renewed_in_a_loop(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.refresher.renew(NAME, SPENT)
    desk.provider.say(desk.tokens(2))
    assert outcome_of(desk.refresher.renew(NAME, Secret("access-2"))) == [False]
    desk.pass_time(LEAST_PAUSE_SECONDS)
    desk.refresher.renew(NAME, Secret("access-2"))
    assert desk.asked == 2


@pytest.mark.parametrize("more", [{"disabled": True}, {"needs_login": True}, {"refresh_token": ""}])
def test_what_cannot_be_renewed_is_told_at_once(desk: Desk, more: dict[str, object]) -> None:
    members = {"type": "kimi", "access_token": "access-1", "refresh_token": "r", **more}
    (desk.directory / NAME).write_text(json.dumps(members))
    desk.keep(desk.load())
    assert outcome_of(desk.refresher.renew(NAME, SPENT)) == [False]


def test_a_name_that_nobody_knows_is_told_at_once(desk: Desk) -> None:
    desk.keep()
    assert outcome_of(desk.refresher.renew("nobody.json", SPENT)) == [False]


def test_what_a_request_waits_for_goes_before_what_is_due(desk: Desk) -> None:
    urgent = desk.write(1, LIFE, name="urgent.json")
    desk.keep(urgent, *(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS + 3)))
    desk.refresher.renew("urgent.json", SPENT)
    desk.provider.say(desk.tokens(2))
    assert desk.provider.asked[-1].name == "urgent.json"


def test_who_waits_for_a_turn_hears_when_the_login_is_removed(desk: Desk) -> None:
    urgent = desk.write(1, LIFE, name="urgent.json")
    desk.keep(urgent, *(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS)))
    got = outcome_of(desk.refresher.renew("urgent.json", SPENT))
    desk.refresher.update({}, {"urgent.json"})
    assert got == [False]


def test_who_waits_for_a_turn_hears_when_the_login_is_disabled(desk: Desk) -> None:
    urgent = desk.write(1, LIFE, name="urgent.json")
    desk.keep(urgent, *(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS)))
    got = outcome_of(desk.refresher.renew("urgent.json", SPENT))
    desk.update(attrs.evolve(urgent, disabled=True))
    desk.provider.say(desk.tokens(2))
    assert got == [False]


# -- tokens of service accounts ------------------------------------------------------------------------------------

KEY = {"client_email": "robot@example.org", "private_key": "..."}


def vertex(desk: Desk, **more: object) -> Login:
    (desk.directory / NAME).write_text(json.dumps({"type": "vertex", "service_account": KEY, **more}))
    return desk.load()


def minted(desk: Desk) -> None:
    """A service account that has a token."""
    desk.keep(vertex(desk))
    desk.refresher.renew(NAME, NO_SECRET)
    desk.provider.say(Tokens(Secret("access-2"), expires_at=desk.wall() + LIFE))


def test_a_service_account_is_asked_for_when_it_is_needed(desk: Desk) -> None:
    desk.keep(vertex(desk))
    assert desk.asked == 0
    got = outcome_of(desk.refresher.renew(NAME, NO_SECRET))
    desk.provider.say(Tokens(Secret("access-2"), expires_at=desk.wall() + LIFE))
    assert (got, desk.access_tokens) == ([True], ["access-2"])


def test_from_then_on_it_is_kept_fresh(desk: Desk) -> None:
    minted(desk)
    desk.pass_time(DUE)
    assert desk.asked == 2


def test_an_edited_file_does_not_lose_the_token_in_memory(desk: Desk) -> None:
    minted(desk)
    desk.update(vertex(desk, priority=5))
    assert (desk.published[-1].priority, desk.published[-1].access_token) == (5, Secret("access-2"))


def test_another_key_file_does(desk: Desk) -> None:
    minted(desk)
    desk.update(vertex(desk, service_account={**KEY, "client_email": "other@example.org"}))
    assert outcome_of(desk.refresher.renew(NAME, NO_SECRET)) == []


# -- what cannot be written ----------------------------------------------------------------------------------------


def unwritten(desk: Desk) -> None:
    """A renewed login whose tokens did not fit on the disk."""
    desk.disk.next_works(None, FULL)
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2, LIFE))


def test_tokens_that_do_not_fit_on_the_disk_are_published_and_written_later(desk: Desk) -> None:
    unwritten(desk)
    assert desk.access_tokens == ["access-2"]
    desk.clock.advance(FIRST_SECONDS)
    assert desk.load().access_token == Secret("access-2")


def test_a_file_edited_before_they_are_written_does_not_bring_the_old_ones_back(desk: Desk) -> None:
    unwritten(desk)
    desk.update(desk.write(1, life=1, priority=5))
    assert (desk.published[-1].priority, desk.published[-1].access_token) == (5, Secret("access-2"))
    desk.clock.advance(FIRST_SECONDS)
    assert (desk.load().priority, desk.load().access_token) == (5, Secret("access-2"))


def test_what_is_asked_before_they_are_written_is_asked_with_them(desk: Desk) -> None:
    unwritten(desk)
    desk.pass_time(LEAST_PAUSE_SECONDS)
    desk.disk.next_works(*[FULL] * 20)
    desk.pass_time(DUE)
    assert {login.refresh_token for login in desk.provider.asked} <= {Secret("refresh-1"), Secret("refresh-2")}


# -- time that leaps -----------------------------------------------------------------------------------------------


def test_after_a_night_of_sleep_what_is_due_is_renewed_within_a_minute(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE * 4))
    desk.leap += 8 * 3600
    desk.clock.advance(LONGEST_SLEEP_SECONDS)
    assert desk.asked == 1


def test_a_clock_that_is_put_back_puts_renewals_off(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    desk.leap -= 1000
    desk.pass_time(DUE)
    assert desk.asked == 0
    desk.pass_time(1000)
    assert desk.asked == 1


# -- stopping ------------------------------------------------------------------------------------------------------


def stopped(desk: Desk) -> list[None]:
    return outcome_of(desk.refresher.stopService())


def test_stopping_without_work_is_done_at_once(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    assert (stopped(desk), desk.clock.getDelayedCalls()) == ([None], [])


def test_a_renewal_whose_token_was_sent_is_waited_for_and_written(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    done = stopped(desk)
    assert done == []
    desk.provider.say(desk.tokens(2))
    assert (done, desk.load().access_token) == ([None], Secret("access-2"))
    assert desk.clock.getDelayedCalls() == []


def test_one_that_waits_for_a_lock_is_called_off(desk: Desk) -> None:
    login = desk.write(1, life=1)
    lock = outcome_of(Deferred.fromCoroutine(desk.vault.lock(login)))
    desk.keep(login)
    assert (stopped(desk), desk.asked, desk.clock.getDelayedCalls()) == ([None], 0, [])
    lock[0]()


def test_the_grace_ends(desk: Desk) -> None:
    desk.keep(desk.write(1, life=1))
    done = stopped(desk)
    desk.clock.advance(GRACE_SECONDS)
    assert (done, desk.provider.cancelled, desk.clock.getDelayedCalls()) == ([None], 1, [])


def test_who_waits_for_a_turn_hears_that_there_is_none(desk: Desk) -> None:
    urgent = desk.write(1, LIFE, name="urgent.json")
    desk.keep(urgent, *(desk.write(1, life=1, name=f"kimi-{number}.json") for number in range(FLIGHTS)))
    got = outcome_of(desk.refresher.renew("urgent.json", SPENT))
    stopped(desk)
    assert got == [False]
    assert outcome_of(desk.refresher.renew("urgent.json", SPENT)) == [False]


def test_what_was_not_written_is_tried_once_more(desk: Desk) -> None:
    unwritten(desk)
    assert stopped(desk) == [None]
    assert desk.load().access_token == Secret("access-2")


def test_it_can_be_started_again(desk: Desk) -> None:
    desk.keep(desk.write(1, LIFE))
    stopped(desk)
    desk.pass_time(LIFE)
    assert desk.asked == 0
    desk.refresher.startService()
    assert desk.asked == 1


# -- what is told --------------------------------------------------------------------------------------------------


def test_no_token_is_logged(desk: Desk, events: Sequence[LogEvent]) -> None:
    desk.disk.next_works(None, FULL)
    desk.keep(desk.write(1, life=1))
    desk.provider.say(desk.tokens(2, life=1))
    desk.pass_time(40)
    desk.provider.say(Unanswered("down"))
    desk.pass_time(40)
    desk.reject()
    told = " ".join(formatEvent(event) + repr(event) for event in events)
    assert len(events) > 3
    assert "access-" not in told
    assert "refresh-" not in told


# -- without a daemon ----------------------------------------------------------------------------------------------


class Nobody:
    """A way out that leads nowhere."""

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        raise AssertionError("nobody is asked")


def test_renewing_now_refuses_what_cannot_be_renewed(desk: Desk) -> None:
    desk.write(1, refresh_token="")
    endpoint = TokenEndpoint(Nobody(), Clock(), desk.wall, b"cliproxy/test")
    (error,) = failure_of(renew_now(desk.directory, NAME, LOGIN_TYPES, endpoint))
    assert str(error) == f"{NAME} holds nothing to renew it with"
