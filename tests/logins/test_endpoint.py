"""Token endpoints: what is sent, what is refused for good, and what is only trouble."""

from __future__ import annotations

from typing import TypeVar

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.config.schema import Proxy
from cliproxy.errors import TimedOut
from cliproxy.logins.endpoint import MAX_LIFE_SECONDS, TokenEndpoint, trusted
from cliproxy.logins.providers import LOGIN_TYPES, LoginType
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.secret import Secret
from tests.support.answers import FakeSender, Said, said

T = TypeVar("T")

NOW = 1_700_000_000.0
CLAUDE = attrs.evolve(LOGIN_TYPES["claude"], client_id="a-client")
CODEX = LOGIN_TYPES["codex"]
XAI = attrs.evolve(LOGIN_TYPES["xai"], client_id="a-client")
GEMINI = attrs.evolve(LOGIN_TYPES["gemini"], client_id="a-client", client_secret=Secret("a-client-secret"))
OLD = Secret("the-refresh-token-so-far")
GOOD = said(access_token="new-access", refresh_token="new-refresh", expires_in=3600)
DESCRIPTION = {
    "authorization_endpoint": "https://auth.x.ai/authorize",
    "token_endpoint": "https://auth.x.ai/token",
    "device_authorization_endpoint": "https://auth.x.ai/device",
}


def endpoint(sender: FakeSender) -> TokenEndpoint:
    return TokenEndpoint(sender, Clock(), lambda: NOW, b"cliproxy/1.2.3")


def taken(asked: Deferred[T]) -> T:
    outcomes: list[T | Failure] = []
    asked.addBoth(outcomes.append)
    (outcome,) = outcomes
    assert not isinstance(outcome, Failure), outcome.getErrorMessage()
    return outcome


def failed(asked: Deferred[T]) -> BaseException:
    outcomes: list[object] = []
    asked.addBoth(outcomes.append)
    (failure,) = outcomes
    assert isinstance(failure, Failure)
    assert failure.value is not None
    return failure.value


def refreshed(*answers: Said | Exception, row: LoginType = CODEX) -> Deferred[Tokens]:
    return endpoint(FakeSender(*answers)).refresh(row, OLD)


# -- what is sent


def test_a_code_is_exchanged_by_a_form() -> None:
    sender = FakeSender(GOOD)
    asked = endpoint(sender).exchange(
        CODEX, Secret("c"), redirect_uri="http://localhost:1455/auth/callback", verifier=Secret("v"), state=Secret("s")
    )
    taken(asked)
    assert sender.sent[0].url == "https://auth.openai.com/oauth/token"
    assert sender.sent[0].header("content-type") == "application/x-www-form-urlencoded"
    assert sender.sent[0].fields == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "http://localhost:1455/auth/callback",
        "client_id": CODEX.client_id,
        "code_verifier": "v",
    }


def test_claude_takes_json_and_the_state() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).exchange(CLAUDE, Secret("c"), redirect_uri="r", verifier=Secret("v"), state=Secret("s")))
    assert sender.sent[0].header("content-type") == "application/json"
    assert sender.sent[0].fields["state"] == "s"


def test_a_refresh_sends_no_more_than_it_must() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(CODEX, OLD))
    assert sender.sent[0].fields == {
        "grant_type": "refresh_token",
        "refresh_token": OLD.reveal(),
        "client_id": CODEX.client_id,
    }


def test_a_client_secret_is_sent_where_there_is_one() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(GEMINI, OLD))
    assert sender.sent[0].fields["client_secret"] == "a-client-secret"


def test_an_account_may_bring_its_own_client_and_address() -> None:
    sender = FakeSender(GOOD)
    asked = endpoint(sender).refresh(
        GEMINI, OLD, url="https://other.example/token", client_id="own", client_secret=Secret("own-secret")
    )
    taken(asked)
    fields = sender.sent[0].fields
    assert sender.sent[0].url == "https://other.example/token"
    assert (fields["client_id"], fields["client_secret"]) == ("own", "own-secret")


def test_a_secret_is_not_sent_for_another_client() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(GEMINI, OLD, client_id="another"))
    assert "client_secret" not in sender.sent[0].fields


def test_a_type_may_have_headers_of_its_own() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(LOGIN_TYPES["kimi"], OLD))
    assert sender.sent[0].header("x-msh-platform") == "cliproxy"


def test_nobody_is_told_that_we_are_somebody_else() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(CODEX, OLD))
    assert sender.sent[0].header("user-agent") == "cliproxy/1.2.3"


def test_a_refresh_may_go_another_way() -> None:
    sender = FakeSender(GOOD)
    way = Proxy("http", "proxy.example", 3128)
    taken(endpoint(sender).refresh(CODEX, OLD, way=way))
    assert sender.sent[0].way == way


# -- tokens


def test_an_answer_gives_tokens() -> None:
    tokens = taken(refreshed(GOOD))
    assert (tokens.access_token, tokens.refresh_token) == (Secret("new-access"), Secret("new-refresh"))
    assert tokens.expires_at == NOW + 3600


def test_no_new_refresh_token_is_an_empty_one() -> None:
    assert not taken(refreshed(said(access_token="a"))).refresh_token


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600.0),
        (899.5, 899.5),
        ("3600", 3600.0),
        (1e12, MAX_LIFE_SECONDS),
        (0, None),
        (-5, None),
        ("soon", None),
        ("nan", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_an_end_is_believed_within_reason(expires_in: object, seconds: float | None) -> None:
    ends = taken(refreshed(said(access_token="a", expires_in=expires_in))).expires_at
    assert ends == (None if seconds is None else NOW + seconds)


def test_tokens_tell_whose_they_are() -> None:
    answer = said(access_token="a", account={"email_address": "me@example.org", "uuid": "1"})
    assert taken(refreshed(answer, row=CLAUDE)).fields == {"email": "me@example.org", "account_uuid": "1"}


@pytest.mark.parametrize("token", ["", "two words", "a\r\nx-evil: 1", "ünï", 5, None])
def test_what_could_not_be_sent_back_is_no_token(token: object) -> None:
    assert isinstance(failed(refreshed(said(access_token=token))), Unanswered)


# -- refused for good


@pytest.mark.parametrize(
    "answer",
    [
        said(400, error="invalid_grant"),
        said(401, error="invalid_client"),
        said(403, error="access_denied"),
        said(400, error="refresh_token_reused"),
        said(401, error={"code": "refresh_token_reused", "message": "Sign in again."}),
        said(401, error={"type": "invalid_request_error", "code": None}),
        said(400, error={"type": "invalid_grant"}),
        said(401, detail="who are you?"),
        said(200, error="invalid_grant"),
    ],
)
def test_a_refusal_is_for_good(answer: Said) -> None:
    assert isinstance(failed(refreshed(answer)), Rejected)


def test_a_refusal_tells_why() -> None:
    answer = said(400, error="invalid_grant", error_description="Token has been revoked.")
    assert str(failed(refreshed(answer))) == "auth.openai.com refuses: invalid_grant (Token has been revoked)."


def test_a_refusal_repeats_no_token() -> None:
    answer = said(400, error="invalid_grant", error_description=f"Unknown token {OLD.reveal()}")
    assert OLD.reveal() not in str(failed(refreshed(answer)))


def test_a_refusal_cannot_command_the_terminal() -> None:
    answer = said(400, error="\x1b[2J", error_description="\x1b[2J")
    assert "\x1b" not in str(failed(refreshed(answer)))


# -- only trouble


@pytest.mark.parametrize(
    "answer",
    [
        said(500),
        said(503, error="invalid_grant"),
        said(529, error={"type": "overloaded_error"}),
        said(429, error="invalid_grant"),
        said(400, error="temporarily_unavailable"),
        said(400, error="slow_down"),
        said(403, error={"type": "forbidden", "message": "Request not allowed"}),
        said(404),
        said(405, error="invalid_grant"),
        said(400, message="what?"),
        said(302),
        Said(403, b"<html>Are you human?</html>"),
        Said(401, b"<html>Are you human?</html>"),
        Said(200, b"<html>Welcome to this hotel</html>"),
        Said(200, b'{"access_token": "ab'),
        said(200),
        TimedOut("The upstream sent no answer within 30 s."),
    ],
)
def test_trouble_costs_nobody_a_login(answer: Said | Exception) -> None:
    assert type(failed(refreshed(answer))) is Unanswered


def test_trouble_tells_when_to_come_back() -> None:
    error = failed(refreshed(Said(429, b"{}", {"retry-after": "90"})))
    assert isinstance(error, Unanswered)
    assert error.retry_after == 90.0


def test_a_client_that_is_not_configured_is_no_refusal() -> None:
    """The account is as good as before; somebody must mend the configuration."""
    error = failed(endpoint(FakeSender()).refresh(LOGIN_TYPES["claude"], OLD))
    assert type(error) is Unanswered
    assert "logins.claude.client-id" in str(error)


def test_cancelling_ends_the_request() -> None:
    sender = FakeSender(None)
    asked = endpoint(sender).refresh(CODEX, OLD)
    asked.cancel()
    assert isinstance(failed(asked), CancelledError)
    assert sender.cancelled == 1


# -- addresses


def test_a_description_is_asked_for_what_is_not_known() -> None:
    sender = FakeSender(said(**DESCRIPTION), GOOD)
    taken(endpoint(sender).refresh(XAI, OLD))
    assert [sent.url for sent in sender.sent] == [XAI.discovery_url, "https://auth.x.ai/token"]


def test_what_is_configured_is_not_asked_for() -> None:
    known = attrs.evolve(XAI, authorize_url="https://a.x.ai", token_url="https://t.x.ai", device_url="https://d.x.ai")
    sender = FakeSender()
    assert taken(endpoint(sender).addresses(known)).token_url == "https://t.x.ai"
    assert sender.sent == []


def test_the_accounts_own_address_is_used_without_asking() -> None:
    sender = FakeSender(GOOD)
    taken(endpoint(sender).refresh(XAI, OLD, url="https://auth.x.ai/own"))
    assert [sent.url for sent in sender.sent] == ["https://auth.x.ai/own"]


def test_a_configured_address_need_not_be_the_vendors_own() -> None:
    """Though the account's file, written when it was logged in to, names the same."""
    sender, own = FakeSender(GOOD), "https://gateway.example/token"
    taken(endpoint(sender).refresh(attrs.evolve(XAI, token_url=own), OLD, url=own))
    assert [sent.url for sent in sender.sent] == [own]


def test_an_account_cannot_send_its_token_elsewhere() -> None:
    sender = FakeSender(GOOD)
    assert isinstance(failed(endpoint(sender).refresh(XAI, OLD, url="https://evil.example/token")), Unanswered)
    assert sender.sent == []


def test_a_description_that_names_a_foreign_address_ends_the_login() -> None:
    sender = FakeSender(said(**(DESCRIPTION | {"token_endpoint": "https://evil.example/token"})))
    error = failed(endpoint(sender).addresses(XAI))
    assert isinstance(error, LoginFailed)
    assert not isinstance(error, Rejected)


@pytest.mark.parametrize("answer", [said(500), Said(200, b"<html>"), said(404)])
def test_no_description_is_trouble(answer: Said) -> None:
    assert isinstance(failed(endpoint(FakeSender(answer)).addresses(XAI)), Unanswered)


@pytest.mark.parametrize("url", ["https://x.ai/token", "https://auth.x.ai:443/token", "https://a.b.x.ai/t?x=1"])
def test_the_vendors_own_are_trusted(url: str) -> None:
    assert trusted(url, "x.ai") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.x.ai/token",
        "https://notx.ai/token",
        "https://x.ai.evil.example/token",
        "https://evil.example/x.ai",
        "https://x.ai@evil.example/",
        "https://user@x.ai/token",
        "https://x.ai:8443/token",
        "https://evil.example\\@x.ai/token",
        "https://x.ai/\x1b[2J",
        "https://x.ai:port/",
        "https://[::1/",
        "//x.ai/token",
        "",
    ],
)
def test_no_other_is(url: str) -> None:
    with pytest.raises(LoginFailed, match="not its own"):
        trusted(url, "x.ai")


def test_nothing_secret_is_in_a_repr() -> None:
    assert not any(secret in repr(taken(refreshed(GOOD))) for secret in ("new-access", "new-refresh"))


def test_no_client_secret_is_in_a_repr() -> None:
    assert "a-client-secret" not in repr(GEMINI)
