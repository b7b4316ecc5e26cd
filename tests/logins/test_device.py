"""Logging in on another device: how often it is asked, and what ends it."""

from __future__ import annotations

from typing import TypeVar

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.errors import Unreachable
from cliproxy.logins.device import MAX_TROUBLES, DeviceCode, DeviceExpired, DeviceFlow
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.secret import Secret
from tests.support.answers import FakeSender, Said, said

T = TypeVar("T")

KIMI = LOGIN_TYPES["kimi"]
CODEX = LOGIN_TYPES["codex"]
DEVICE = DeviceCode(Secret("device-code"), "ABCD-EFGH", "https://id.example/device", interval=5.0, life_seconds=600.0)
BEGUN = {
    "device_code": "device-code",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://id.example/device",
    "verification_uri_complete": "https://id.example/device?user_code=ABCD-EFGH",
    "expires_in": 600,
    "interval": 5,
}
PENDING = said(400, error="authorization_pending")
GOOD = said(access_token="a", refresh_token="r")


class Waiting:
    """A device flow that is asked by the test's clock."""

    def __init__(self, *answers: Said | Exception, codex: bool = False, device: DeviceCode = DEVICE) -> None:
        self.clock = Clock()
        self.sender = FakeSender(*answers)
        endpoint = TokenEndpoint(self.sender, self.clock, lambda: 1000.0, b"cliproxy/1")
        row = CODEX if codex else KIMI
        flow = DeviceFlow(endpoint, row, row.device_url, row.token_url, {"X-Extra": "1"})
        self.waiting = Deferred.fromCoroutine(flow.wait(device))
        self.outcomes: list[object] = []
        self.waiting.addBoth(self.outcomes.append)

    def after(self, seconds: float) -> int:
        """How many requests there have been so much later."""
        self.clock.advance(seconds)
        return len(self.sender.sent)

    @property
    def tokens(self) -> Tokens:
        (tokens,) = self.outcomes
        assert isinstance(tokens, Tokens)
        return tokens

    @property
    def error(self) -> BaseException | None:
        (failure,) = self.outcomes
        assert isinstance(failure, Failure)
        return failure.value


def begun(answer: Said, *, codex: bool = False) -> tuple[FakeSender, DeviceCode]:
    sender = FakeSender(answer)
    endpoint = TokenEndpoint(sender, Clock(), lambda: 1000.0, b"cliproxy/1")
    row = CODEX if codex else KIMI
    flow = DeviceFlow(endpoint, row, row.device_url, row.token_url)
    outcomes: list[object] = []
    Deferred.fromCoroutine(flow.begin()).addBoth(outcomes.append)
    (outcome,) = outcomes
    if isinstance(outcome, Failure):
        outcome.raiseException()
    assert isinstance(outcome, DeviceCode)
    return sender, outcome


# -- the beginning


def test_a_code_is_asked_for_by_a_form() -> None:
    sender, device = begun(said(**BEGUN))
    assert sender.sent[0].fields == {"client_id": KIMI.client_id}
    assert (device.user_code, device.page, device.whole_page) == (
        "ABCD-EFGH",
        "https://id.example/device",
        "https://id.example/device?user_code=ABCD-EFGH",
    )


def test_openai_takes_json_and_says_no_page() -> None:
    sender, device = begun(said(device_auth_id="d", usercode="AB-CD", interval="7"), codex=True)
    assert sender.sent[0].header("content-type") == "application/json"
    assert (device.user_code, device.page, device.interval) == ("AB-CD", "https://auth.openai.com/codex/device", 7.0)


@pytest.mark.parametrize(
    ("told", "interval"),
    [(5, 5.0), ("8", 8.0), (0, 5.0), (-1, 5.0), (0.01, 1.0), (10_000, 60.0), (None, 5.0), ("often", 5.0), (True, 5.0)],
)
def test_the_interval_is_the_providers_within_reason(told: object, interval: float) -> None:
    assert begun(said(**(BEGUN | {"interval": told})))[1].interval == interval


@pytest.mark.parametrize(("told", "life"), [(600.0, 600.0), ("300", 300.0), (86_400, 900.0), (None, 900.0)])
def test_a_code_lives_for_a_quarter_of_an_hour_at_the_most(told: object, life: float) -> None:
    assert begun(said(**(BEGUN | {"expires_in": told})))[1].life_seconds == life


@pytest.mark.parametrize(
    "change",
    [
        {"device_code": ""},
        {"device_code": 5},
        {"user_code": ""},
        {"verification_uri": ""},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://id.example/\x1b[2J"},
        {"verification_uri": "https://id.example/a b"},
    ],
)
def test_what_cannot_be_shown_begins_nothing(change: dict[str, object]) -> None:
    with pytest.raises(Unanswered):
        begun(said(**(BEGUN | change)))


def test_a_code_cannot_command_the_terminal() -> None:
    assert "\x1b" not in begun(said(**(BEGUN | {"user_code": "AB\x1b[2J"})))[1].user_code


def test_a_device_login_that_is_not_offered_is_told() -> None:
    with pytest.raises(LoginFailed, match="leave out --device"):
        begun(said(404), codex=True)


@pytest.mark.parametrize("answer", [said(400, error="invalid_client"), said(500), Said(200, b"<html>")])
def test_no_code_is_a_failure(answer: Said) -> None:
    with pytest.raises(LoginFailed):
        begun(answer)


# -- the waiting


def test_the_first_question_waits_for_the_interval() -> None:
    waiting = Waiting(PENDING)
    assert [waiting.after(seconds) for seconds in (0, 4.9, 0.2)] == [0, 0, 1]


def test_it_is_asked_until_the_person_has_agreed() -> None:
    waiting = Waiting(PENDING, PENDING, GOOD)
    assert [waiting.after(5) for _ in range(3)] == [1, 2, 3]
    assert waiting.tokens.access_token == Secret("a")


def test_what_is_asked_names_the_device() -> None:
    waiting = Waiting(GOOD)
    waiting.after(5)
    (sent,) = waiting.sender.sent
    assert sent.fields == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": KIMI.client_id,
        "device_code": "device-code",
    }
    assert (sent.header("x-extra"), sent.header("x-msh-platform")) == ("1", "cliproxy")


def test_slow_down_adds_five_seconds_for_good() -> None:
    waiting = Waiting(said(400, error="slow_down"), PENDING, GOOD)
    assert [waiting.after(seconds) for seconds in (5, 9.9, 0.1, 9.9, 0.1)] == [1, 1, 2, 2, 3]


def test_errors_with_status_200_are_errors() -> None:
    waiting = Waiting(said(200, error="authorization_pending"), said(200, error="access_denied"))
    waiting.after(5)
    waiting.after(5)
    assert isinstance(waiting.error, LoginFailed)


@pytest.mark.parametrize(
    ("word", "kind"), [("expired_token", DeviceExpired), ("access_denied", LoginFailed), ("invalid_grant", Rejected)]
)
def test_a_verdict_ends_it(word: str, kind: type[LoginFailed]) -> None:
    waiting = Waiting(said(400, error=word))
    waiting.after(5)
    assert type(waiting.error) is kind


def test_trouble_does_not_end_it() -> None:
    waiting = Waiting(Unreachable("nobody there"), said(503), Said(200, b"<html>"), GOOD)
    for _ in range(20):
        waiting.after(10)
    assert waiting.tokens


def test_trouble_is_asked_less_and_less_often() -> None:
    waiting = Waiting(said(503), said(503), PENDING)
    assert [waiting.after(seconds) for seconds in (5, 9.9, 0.1, 19.9, 0.1)] == [1, 1, 2, 2, 3]


def test_nothing_but_trouble_ends_it() -> None:
    waiting = Waiting(*[said(404) for _ in range(MAX_TROUBLES)])
    for _ in range(100):
        waiting.after(6)
    assert isinstance(waiting.error, Unanswered)


def test_it_ends_with_the_code() -> None:
    waiting = Waiting(*[PENDING for _ in range(200)])
    for _ in range(120):
        waiting.after(5)
    assert isinstance(waiting.error, DeviceExpired)
    assert waiting.clock.getDelayedCalls() == []


@pytest.mark.parametrize("seconds", [0, 5])
def test_cancelling_leaves_no_timer(seconds: float) -> None:
    waiting = Waiting(PENDING)
    waiting.after(seconds)
    waiting.waiting.cancel()
    assert isinstance(waiting.error, CancelledError)
    assert waiting.clock.getDelayedCalls() == []


# -- OpenAI's


@pytest.mark.parametrize("status", [403, 404])
def test_openai_says_not_yet_by_status(status: int) -> None:
    waiting = Waiting(said(status), said(status), codex=True)
    assert [waiting.after(5), waiting.after(5)] == [1, 2]
    assert waiting.outcomes == []


def test_openai_gives_a_code_that_is_exchanged_once() -> None:
    waiting = Waiting(said(authorization_code="c", code_verifier="v"), GOOD, codex=True)
    waiting.after(5)
    assert waiting.tokens
    _, exchange = waiting.sender.sent
    assert (exchange.url, exchange.fields["code_verifier"]) == (CODEX.token_url, "v")
    assert exchange.fields["redirect_uri"] == "https://auth.openai.com/deviceauth/callback"


def test_a_spent_code_is_not_exchanged_again() -> None:
    waiting = Waiting(said(authorization_code="c", code_verifier="v"), said(500), codex=True)
    waiting.after(5)
    assert type(waiting.error) is LoginFailed
    assert len(waiting.sender.sent) == 2


@pytest.mark.parametrize("answer", [said(400), said(200), said(200, authorization_code="c"), Said(200, b"<html>")])
def test_openais_other_answers_end_it(answer: Said) -> None:
    waiting = Waiting(answer, codex=True)
    waiting.after(5)
    assert isinstance(waiting.error, LoginFailed)


def test_a_code_does_not_print() -> None:
    assert "device-code" not in repr(attrs.evolve(DEVICE, code=Secret("the-device-code-of-somebody")))
