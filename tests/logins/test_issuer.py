"""Who is asked for new tokens, with what, and by which way."""

from __future__ import annotations

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from cliproxy.config.schema import Proxy
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.issuer import Issuer
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Way
from tests.support.answers import FakeSender, Sent, said
from tests.support.renewing import outcome_of

PROXY = Proxy("http", "proxy.example", 3128)
GOOD = said(access_token="new-access", refresh_token="new-refresh", expires_in=3600)
KIMI = Login("kimi-1.json", "kimi", refresh_token=Secret("old-refresh"))


def asked(login: Login, way: Way | None = None) -> Sent:
    """What goes out when a login is renewed."""
    sender = FakeSender(GOOD)
    issuer = Issuer(TokenEndpoint(sender, Clock(), lambda: 0.0, b"cliproxy/1"), execute, lambda _: way)
    (tokens,) = outcome_of(issuer.refresh(LOGIN_TYPES[login.type], login))
    assert tokens.access_token == Secret("new-access")
    (sent,) = sender.sent
    return sent


def service_account() -> Login:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Login("v.json", "vertex", service_account={"client_email": "robot@example.org", "private_key": pem})


def test_a_refresh_token_goes_to_the_types_endpoint() -> None:
    sent = asked(KIMI)
    assert sent.url == LOGIN_TYPES["kimi"].token_url
    assert (sent.fields["grant_type"], sent.fields["refresh_token"]) == ("refresh_token", "old-refresh")


def test_an_account_is_renewed_by_the_client_and_at_the_place_that_its_file_names() -> None:
    sent = asked(
        attrs.evolve(
            KIMI, token_endpoint="https://own.example/t", client_id="own-client", client_secret=Secret("own-secret")
        )
    )
    assert sent.url == "https://own.example/t"
    assert (sent.fields["client_id"], sent.fields["client_secret"]) == ("own-client", "own-secret")


def test_a_key_file_goes_to_google() -> None:
    sent = asked(service_account())
    assert "jwt-bearer" in str(sent.fields["grant_type"])


@pytest.mark.parametrize("login", [KIMI, service_account()])
def test_an_account_goes_its_own_way(login: Login) -> None:
    assert asked(login, PROXY).way == PROXY


@pytest.mark.parametrize("login", [KIMI, service_account()])
def test_without_one_it_goes_the_endpoints(login: Login) -> None:
    assert asked(login).way == "direct"


def test_a_way_that_cannot_be_gone_is_told() -> None:
    def nowhere(login: Login) -> Way | None:
        raise LoginFailed("its proxy_url is none")

    issuer = Issuer(TokenEndpoint(FakeSender(), Clock(), lambda: 0.0, b"cliproxy/1"), execute, nowhere)
    with pytest.raises(LoginFailed):
        issuer.refresh(LOGIN_TYPES["kimi"], KIMI)
