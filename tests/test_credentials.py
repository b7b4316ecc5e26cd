from __future__ import annotations

from typing import Any

import attrs
import pytest

from cliproxy.config.schema import DIRECT, AuthHeader, ClaudeKey, Config, Model, Proxy
from cliproxy.credentials import CLAUDE_MODELS, DEMO, offers_and_accounts
from cliproxy.demo.settings import MODELS
from cliproxy.routing.catalogue import Catalogue, CredentialId, Offer
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account

KEY = Secret("sk-ant-0123456789abcdef")
PROXY = Proxy("http", "proxy.example", 3128)
OTHER_PROXY = Proxy("socks5", "other.example", 1080)


def key(**fields: Any) -> ClaudeKey:
    """A key with defaults."""
    return attrs.evolve(ClaudeKey(KEY), **fields)


def only(config: Config) -> tuple[Offer, Account]:
    (offer,), accounts = offers_and_accounts(config)
    assert list(accounts) == [offer.credential]
    return offer, accounts[offer.credential]


def of(claude_key: ClaudeKey, proxy: Proxy | None = None) -> tuple[Offer, Account]:
    return only(Config(claude_keys=(claude_key,), proxy_url=proxy))


# -- names


def test_a_credential_is_named_the_same_each_time_and_tells_nothing_of_its_key() -> None:
    assert of(key())[0].credential == of(key())[0].credential == "claude:e772552b9bd6"


def test_names_differ_by_key_and_by_upstream() -> None:
    keys = key(), key(api_key=Secret("other")), key(base_url="https://gateway.example")
    assert len({of(one)[0].credential for one in keys}) == 3


@pytest.mark.parametrize("change", [{"prefix": "team"}, {"proxy_url": DIRECT}, {"headers": {"x": "y"}}])
def test_a_change_of_anything_else_keeps_the_name_and_so_the_standing(change: dict[str, object]) -> None:
    assert of(key(**change))[0].credential == of(key())[0].credential


def test_the_same_key_twice_is_two_credentials() -> None:
    offers, accounts = offers_and_accounts(Config(claude_keys=(key(prefix="a"), key(prefix="b"), key(prefix="c"))))
    first = offers[0].credential
    assert list(accounts) == [first, f"{first}-2", f"{first}-3"]
    assert [offer.prefix for offer in offers] == ["a", "b", "c"]


def test_an_account_is_known_by_the_name_of_its_offer() -> None:
    offer, account = of(key())
    assert account.id == offer.credential


# -- what is offered


def test_without_models_every_claude_name_is_served() -> None:
    offer, _ = of(key())
    assert offer.serves("claude-of-tomorrow") == "claude-of-tomorrow"
    assert offer.serves("gpt-5") is None
    assert tuple(offer.names()) == CLAUDE_MODELS


def test_with_models_only_those_are_served() -> None:
    offer, _ = of(key(models=(Model("claude-haiku-4-5", "fast"), Model("claude-opus-5", "claude-opus-5"))))
    assert [offer.serves(name) for name in ("fast", "claude-opus-5", "claude-haiku-4-5")] == [
        "claude-haiku-4-5",
        "claude-opus-5",
        None,
    ]
    assert tuple(offer.names()) == ("fast", "claude-opus-5")


def test_prefix_and_exclusions_are_passed_on() -> None:
    offer, _ = of(key(prefix="team", excluded_models=("claude-opus-*",)))
    assert [offer.serves(name) for name in ("team/claude-haiku-4-5", "team/claude-opus-5")] == [
        "claude-haiku-4-5",
        None,
    ]


def test_the_names_shown_are_served_by_their_own_pattern() -> None:
    assert all(of(key())[0].serves(name) == name for name in CLAUDE_MODELS)


# -- what it takes to use it


@pytest.mark.parametrize(
    ("base_url", "auth_header", "bearer"),
    [
        ("https://api.anthropic.com", None, False),
        ("https://api.anthropic.com:8443/anthropic", None, False),
        ("https://gateway.example", None, True),
        ("https://api.anthropic.com.evil.example", None, True),
        ("https://gateway.example/api.anthropic.com", None, True),
        ("https://api.anthropic.com", "bearer", True),
        ("https://gateway.example", "x-api-key", False),
    ],
)
def test_the_key_goes_out_as_its_upstream_expects(base_url: str, auth_header: AuthHeader | None, bearer: bool) -> None:
    assert of(key(base_url=base_url, auth_header=auth_header))[1].bearer is bearer


@pytest.mark.parametrize(
    ("own", "overall", "way"),
    [
        (None, None, "direct"),
        (None, PROXY, PROXY),
        (DIRECT, PROXY, "direct"),
        (DIRECT, None, "direct"),
        (OTHER_PROXY, PROXY, OTHER_PROXY),
        (OTHER_PROXY, None, OTHER_PROXY),
    ],
)
def test_a_key_s_own_proxy_comes_before_that_of_all(own: object, overall: Proxy | None, way: object) -> None:
    assert of(key(proxy_url=own), overall)[1].way == way


def test_key_headers_and_url_are_passed_on() -> None:
    _, account = of(key(base_url="https://gateway.example/claude", headers={"X-Team": "a"}))
    assert account.key == KEY
    assert account.headers == {"X-Team": "a"}
    assert account.base_url.to_text() == "https://gateway.example/claude"


def test_an_account_does_not_print_its_key_or_headers() -> None:
    _, account = of(key(headers={"X-Token": "token-of-the-team"}))
    assert KEY.reveal() not in repr(account)
    assert "token-of-the-team" not in repr(account)


# -- all together


def test_without_keys_there_is_nobody() -> None:
    offers, accounts = offers_and_accounts(Config())
    assert (offers, accounts) == ([], {})


def test_the_demo_comes_last_and_only_when_asked_for() -> None:
    offers, accounts = offers_and_accounts(Config(claude_keys=(key(),), demo=True))
    assert [offer.credential for offer in offers][1:] == [DEMO]
    assert accounts[DEMO].way == "demo"
    assert tuple(offers[-1].names()) == MODELS


def test_the_demo_s_models_are_served_by_keys_first() -> None:
    offers, _ = offers_and_accounts(Config(claude_keys=(key(),), demo=True))
    found = Catalogue(offers).candidates("claude-haiku-4-5")
    assert [candidate.credential for candidate in found] == [offers[0].credential, DEMO]


def test_the_order_is_that_of_the_configuration() -> None:
    keys = tuple(key(api_key=Secret(f"key-{i}")) for i in range(5))
    expected = [CredentialId(of(one)[0].credential) for one in keys]
    assert list(offers_and_accounts(Config(claude_keys=keys))[1]) == expected
