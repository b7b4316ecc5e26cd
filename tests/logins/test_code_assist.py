"""Code Assist: the project of an account, asked for and set up."""

from __future__ import annotations

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.logins.code_assist import MAX_POLLS, POLL_SECONDS, email_of, onboard
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret
from tests.support.answers import FakeSender, Said, said

GEMINI = LOGIN_TYPES["gemini"]
TOKEN = Secret("an-access-token")
FREE = said(allowedTiers=[{"id": "legacy-tier"}, {"id": "free-tier", "isDefault": True}])
PAID = said(allowedTiers=[{"id": "standard-tier", "isDefault": True}])
NOT_YET = said(done=False)
DONE = said(done=True, response={"cloudaicompanionProject": {"id": "given"}})


class Onboarding:
    """One that goes by the test's clock."""

    def __init__(self, *answers: Said | Exception, project: str = "") -> None:
        self.clock = Clock()
        self.sender = FakeSender(*answers)
        endpoint = TokenEndpoint(self.sender, self.clock, lambda: 1000.0, b"cliproxy/1")
        self.asked = Deferred.fromCoroutine(onboard(endpoint, GEMINI, TOKEN, project))
        self.outcomes: list[object] = []
        self.asked.addBoth(self.outcomes.append)

    @property
    def error(self) -> str:
        (failure,) = self.outcomes
        assert isinstance(failure, Failure)
        assert failure.check(LoginFailed)
        return failure.getErrorMessage()


def test_an_account_that_has_a_project_keeps_it() -> None:
    for project in ("mine", {"id": "mine"}):
        asked = Onboarding(said(currentTier={"id": "free-tier"}, cloudaicompanionProject=project))
        assert asked.outcomes == ["mine"]


def test_a_new_account_is_signed_up() -> None:
    asked = Onboarding(FREE, DONE)
    assert asked.outcomes == ["given"]
    assert [sent.url.rpartition(":")[2] for sent in asked.sender.sent] == ["loadCodeAssist", "onboardUser"]


def test_the_usual_tier_is_taken() -> None:
    assert Onboarding(FREE, DONE).sender.sent[1].fields["tierId"] == "free-tier"


def test_without_tiers_the_old_one_is_taken() -> None:
    assert Onboarding(said(), DONE).sender.sent[1].fields["tierId"] == "legacy-tier"


def test_signing_up_is_waited_for() -> None:
    asked = Onboarding(FREE, NOT_YET, NOT_YET, DONE)
    asked.clock.advance(POLL_SECONDS)
    assert asked.outcomes == []
    asked.clock.advance(POLL_SECONDS)
    assert asked.outcomes == ["given"]


def test_it_is_not_waited_for_for_ever() -> None:
    asked = Onboarding(FREE, *[NOT_YET for _ in range(MAX_POLLS)])
    for _ in range(MAX_POLLS):
        asked.clock.advance(POLL_SECONDS)
    assert "still setting up" in asked.error


def test_a_project_of_ones_own_is_sent() -> None:
    asked = Onboarding(PAID, DONE, project="own")
    assert [sent.fields["cloudaicompanionProject"] for sent in asked.sender.sent] == ["own", "own"]


def test_the_free_tier_is_sent_none() -> None:
    assert "cloudaicompanionProject" not in Onboarding(FREE, DONE, project="own").sender.sent[1].fields


def test_no_project_at_all_is_told() -> None:
    assert "--project-id" in Onboarding(PAID, said(done=True, response={})).error


def test_we_say_who_we_are() -> None:
    metadata = Onboarding(FREE, DONE).sender.sent[0].fields["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["ideName"] == "cliproxy"
    assert "GEMINI" not in str(metadata)


def test_the_token_goes_as_bearer() -> None:
    assert Onboarding(FREE, DONE).sender.sent[0].header("authorization") == "Bearer an-access-token"


def test_a_refusal_is_told_in_googles_words() -> None:
    asked = Onboarding(said(403, error={"code": 403, "message": "Cloud Code API is disabled.", "status": "X"}))
    assert asked.error == "cloudcode-pa.googleapis.com refuses: Cloud Code API is disabled."


@pytest.mark.parametrize("answer", [said(500), Said(200, b"<html>"), said(403)])
def test_trouble_ends_the_login(answer: Said) -> None:
    assert "when asked for a project" in Onboarding(answer).error


def test_cancelling_leaves_no_timer() -> None:
    asked = Onboarding(FREE, NOT_YET)
    asked.asked.cancel()
    (failure,) = asked.outcomes
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)
    assert asked.clock.getDelayedCalls() == []


def test_userinfo_tells_the_address() -> None:
    sender = FakeSender(said(email="me@example.org"))
    endpoint = TokenEndpoint(sender, Clock(), lambda: 1000.0, b"cliproxy/1")
    outcomes: list[object] = []
    Deferred.fromCoroutine(email_of(endpoint, GEMINI, TOKEN)).addBoth(outcomes.append)
    assert outcomes == ["me@example.org"]


def test_a_type_without_userinfo_is_not_asked() -> None:
    sender = FakeSender()
    endpoint = TokenEndpoint(sender, Clock(), lambda: 1000.0, b"cliproxy/1")
    outcomes: list[object] = []
    Deferred.fromCoroutine(email_of(endpoint, attrs.evolve(GEMINI, userinfo_url=""), TOKEN)).addBoth(outcomes.append)
    assert (outcomes, sender.sent) == ([""], [])
