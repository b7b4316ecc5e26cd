"""The life of a login: what leads where, and what changes nothing."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.logins.machine import LIFE_SECONDS, Attempt, Phase, Reception
from cliproxy.logins.pasted import Callback
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret

STATE = Secret("the-state-of-this-login")
CODE = Secret("the-code")
GOOD = Callback(CODE, STATE)
DENIED = Callback(Secret(""), STATE, "access_denied", "they said no")


@pytest.fixture
def attempt(clock: Clock) -> Attempt:
    return Attempt(clock, STATE)


def outcome(waiting: Deferred[Secret]) -> list[object]:
    """What it came to so far."""
    outcomes: list[object] = []
    waiting.addBoth(outcomes.append)
    return outcomes


def phase_of(attempt: Attempt) -> Phase:
    """Where it is now, which a type checker must not remember."""
    return attempt.phase


def error_in(outcomes: list[object]) -> str:
    (failure,) = outcomes
    assert isinstance(failure, Failure)
    assert failure.check(LoginFailed)
    return failure.getErrorMessage()


def test_a_login_by_browser_goes_its_way(attempt: Attempt) -> None:
    phases = [attempt.phase]
    came = outcome(attempt.code())
    phases.append(attempt.phase)
    assert attempt.receive(GOOD) is Reception.TAKEN
    phases.append(attempt.phase)
    attempt.identify()
    phases.append(attempt.phase)
    attempt.finish()
    phases.append(attempt.phase)
    assert came == [CODE]
    assert phases == [Phase.IDLE, Phase.AWAITING_CODE, Phase.EXCHANGING, Phase.IDENTIFYING, Phase.DONE]


def test_a_login_by_device_goes_its_way(attempt: Attempt) -> None:
    attempt.await_device()
    assert phase_of(attempt) is Phase.AWAITING_DEVICE
    attempt.agreed()
    attempt.identify()
    attempt.finish()
    assert attempt.phase is Phase.DONE


def test_a_code_is_taken_once(attempt: Attempt) -> None:
    came = outcome(attempt.code())
    attempt.receive(GOOD)
    assert attempt.receive(Callback(Secret("another"), STATE)) is Reception.NOT_WANTED
    assert came == [CODE]


@pytest.mark.parametrize("state", ["", "another", STATE.reveal() + "x", STATE.reveal()[:-1], "ünïcode"])
def test_a_wrong_state_changes_nothing(attempt: Attempt, state: str) -> None:
    came = outcome(attempt.code())
    assert attempt.receive(Callback(CODE, Secret(state))) is Reception.WRONG_STATE
    assert (attempt.phase, came) == (Phase.AWAITING_CODE, [])


def test_after_a_wrong_state_the_right_one_is_taken(attempt: Attempt) -> None:
    came = outcome(attempt.code())
    attempt.receive(Callback(CODE, Secret("another")))
    attempt.receive(GOOD)
    assert came == [CODE]


def test_an_empty_state_is_never_right(clock: Clock) -> None:
    attempt = Attempt(clock, Secret(""))
    outcome(attempt.code())
    assert attempt.receive(Callback(CODE, Secret(""))) is Reception.WRONG_STATE


def test_a_refusal_ends_it(attempt: Attempt) -> None:
    came = outcome(attempt.code())
    assert attempt.receive(DENIED) is Reception.DENIED
    assert error_in(came) == "The provider refused the login (access_denied: they said no)."
    assert attempt.phase is Phase.FAILED


def test_a_refusal_with_a_wrong_state_does_not(attempt: Attempt) -> None:
    """Any page can make a browser ask for it."""
    came = outcome(attempt.code())
    attempt.receive(Callback(Secret(""), Secret("another"), "access_denied"))
    assert (attempt.phase, came) == (Phase.AWAITING_CODE, [])


def test_nothing_is_taken_before_it_is_asked_for(attempt: Attempt) -> None:
    assert attempt.receive(GOOD) is Reception.NOT_WANTED


def test_a_state_lives_for_ten_minutes(attempt: Attempt, clock: Clock) -> None:
    came = outcome(attempt.code())
    clock.advance(LIFE_SECONDS - 1)
    assert phase_of(attempt) is Phase.AWAITING_CODE
    clock.advance(1)
    assert attempt.phase is Phase.EXPIRED
    assert "in time" in error_in(came)


def test_an_expired_one_takes_nothing(attempt: Attempt, clock: Clock) -> None:
    outcome(attempt.code())
    clock.advance(LIFE_SECONDS)
    assert attempt.receive(GOOD) is Reception.NOT_WANTED


def test_what_is_being_exchanged_does_not_expire(attempt: Attempt, clock: Clock) -> None:
    outcome(attempt.code())
    clock.advance(LIFE_SECONDS - 1)
    attempt.receive(GOOD)
    clock.advance(LIFE_SECONDS)
    assert attempt.phase is Phase.EXCHANGING


@pytest.mark.parametrize("ending", ["taken", "denied", "failed", "cancelled", "given up"])
def test_no_timer_is_left(attempt: Attempt, clock: Clock, ending: str) -> None:
    outcome(attempt.code())
    {
        "taken": lambda: attempt.receive(GOOD),
        "denied": lambda: attempt.receive(DENIED),
        "failed": attempt.fail,
        "cancelled": attempt.cancel,
        "given up": lambda: attempt.give_up(LoginFailed("nobody")),
    }[ending]()
    assert clock.getDelayedCalls() == []


def test_nobody_to_wait_for_ends_the_waiting(attempt: Attempt) -> None:
    came = outcome(attempt.code())
    attempt.give_up(LoginFailed("There is nobody."))
    assert error_in(came) == "There is nobody."


def test_giving_up_does_not_touch_what_has_a_code(attempt: Attempt) -> None:
    outcome(attempt.code())
    attempt.receive(GOOD)
    attempt.give_up(LoginFailed("There is nobody."))
    assert attempt.phase is Phase.EXCHANGING


@pytest.mark.parametrize("end", ["fail", "cancel", "expire", "finish"])
def test_what_is_over_stays_as_it_ended(attempt: Attempt, end: str) -> None:
    attempt.await_device()
    attempt.agreed()
    attempt.identify()
    attempt.finish()
    getattr(attempt, end)()
    assert attempt.phase is Phase.DONE


def test_a_device_that_nobody_agreed_on_expires(attempt: Attempt) -> None:
    attempt.await_device()
    attempt.expire()
    assert attempt.phase is Phase.EXPIRED


def test_no_step_is_left_out(attempt: Attempt) -> None:
    attempt.finish()
    attempt.identify()
    assert attempt.phase is Phase.IDLE
