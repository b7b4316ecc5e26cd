"""What a service account states and signs, and what becomes of the answers."""

from __future__ import annotations

import base64
import json
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from cliproxy.errors import Unreachable
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.tokens import Rejected, Tokens, Unanswered
from cliproxy.logins.vertex import GOOGLE, GRANT_TYPE, SCOPE, mint, signed_statement
from cliproxy.secret import Secret
from tests.support.answers import FakeSender, Said, said
from tests.support.renewing import failure_of, outcome_of

NOW = 1_800_000_000.9
VERTEX = LOGIN_TYPES["vertex"]
GOOD = said(access_token="ya29.token", expires_in=3599)


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key().private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def account(**more: str) -> dict[str, str]:
    return {
        "client_email": "robot@example.org",
        "private_key": pem(),
        "private_key_id": "key-1",
        "token_uri": GOOGLE,
        **more,
    }


def parts(statement: str) -> tuple[dict[str, object], dict[str, object], bytes]:
    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in statement.split("."))
    return json.loads(head), json.loads(claims), signature


# -- the statement -------------------------------------------------------------------------------------------------


def test_it_names_the_account_the_scope_the_audience_and_an_hour() -> None:
    head, claims, _ = parts(signed_statement(account(), "https://example.org/token", NOW))
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert claims == {
        "iss": "robot@example.org",
        "scope": SCOPE,
        "aud": "https://example.org/token",
        "iat": int(NOW),
        "exp": int(NOW) + 3600,
    }


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_it_is_signed_by_a_key_of_either_form(form: PrivateFormat) -> None:
    statement = signed_statement(account(private_key=pem(form)), GOOGLE, NOW)
    signed = statement.rpartition(".")[0].encode()
    key().public_key().verify(parts(statement)[2], signed, padding.PKCS1v15(), hashes.SHA256())


def test_line_ends_that_were_escaped_are_mended() -> None:
    assert signed_statement(account(private_key=pem().replace("\n", "\\n")), GOOGLE, NOW)


def other_key() -> str:
    curve = ec.generate_private_key(ec.SECP256R1())
    return curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("text", ["", "nonsense", pem()[:400], other_key()])
def test_a_key_that_cannot_be_used_is_rejected_without_being_told(text: str) -> None:
    with pytest.raises(Rejected) as rejected:
        signed_statement(account(private_key=text), GOOGLE, NOW)
    assert "MII" not in str(rejected.value)


def test_without_an_email_there_is_no_statement() -> None:
    with pytest.raises(Rejected, match="client_email"):
        signed_statement(account(client_email=""), GOOGLE, NOW)


# -- minting -------------------------------------------------------------------------------------------------------


def minted(sender: FakeSender, login: Login) -> Deferred[Tokens]:
    endpoint = TokenEndpoint(sender, Clock(), lambda: NOW, b"cliproxy/1.2.3")
    return Deferred.fromCoroutine(mint(endpoint, execute, VERTEX, login))


def vertex(**more: str) -> Login:
    return Login("vertex-a.json", "vertex", service_account=account(**more))


def test_a_statement_becomes_a_token() -> None:
    sender = FakeSender(GOOD)
    (tokens,) = outcome_of(minted(sender, vertex()))
    assert (tokens.access_token, tokens.expires_at) == (Secret("ya29.token"), NOW + 3599)
    assert not tokens.refresh_token


def test_it_is_posted_as_a_form_where_the_key_file_says() -> None:
    sender = FakeSender(GOOD)
    outcome_of(minted(sender, vertex(token_uri="https://other.example/token")))
    (sent,) = sender.sent
    assert (sent.method, sent.url) == ("POST", "https://other.example/token")
    assert sent.fields["grant_type"] == GRANT_TYPE
    assert parts(str(sent.fields["assertion"]))[1]["aud"] == "https://other.example/token"


def test_where_the_key_file_is_silent_it_is_google() -> None:
    sender = FakeSender(GOOD)
    outcome_of(minted(sender, vertex(token_uri="")))
    assert sender.sent[0].url == GOOGLE


@pytest.mark.parametrize("url", ["http://example.org/token", "ftp://example.org", "nonsense"])
def test_over_plain_http_nothing_is_sent(url: str) -> None:
    sender = FakeSender(GOOD)
    (error,) = failure_of(minted(sender, vertex(token_uri=url)))
    assert isinstance(error, Rejected)
    assert sender.sent == []


def test_a_withdrawn_key_is_rejected() -> None:
    answer = said(400, error="invalid_grant", error_description="Invalid JWT Signature.")
    (error,) = failure_of(minted(FakeSender(answer), vertex()))
    assert isinstance(error, Rejected)


def test_a_wrong_clock_is_no_reason_to_give_up_the_account() -> None:
    described = "Invalid JWT: Token must be a short-lived token. Check your iat and exp values in the JWT claim."
    (error,) = failure_of(minted(FakeSender(said(400, error="invalid_grant", error_description=described)), vertex()))
    assert isinstance(error, Unanswered)
    assert "clock" in str(error)


@pytest.mark.parametrize("answer", [Said(503), Said(200, b"<html>"), Unreachable("down")])
def test_trouble_is_not_a_refusal(answer: Said | Exception) -> None:
    (error,) = failure_of(minted(FakeSender(answer), vertex()))
    assert isinstance(error, Unanswered)


def test_the_key_is_in_no_repr() -> None:
    assert "MII" not in repr(vertex())
