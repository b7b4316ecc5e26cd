"""From an account file to a credential: what it offers, and what it takes to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from cliproxy import __version__
from cliproxy.config.schema import Config, Logins, Model, Proxy, Retrying, Routing
from cliproxy.formats.codec import Dialect
from cliproxy.login_credentials import Unusable, login_account, login_offers, login_way, with_token
from cliproxy.logins.login import NO_SECRET, Login
from cliproxy.logins.providers import LOGIN_TYPES, with_overrides
from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId, ModelName, Offer, Terms
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import CODE_ASSIST, CODEX_BACKEND, PROVIDERS

TOKEN = Secret("access-token-0123456789")
PROXY = Proxy("http", "proxy.example", 3128)


def login(kind: str = "claude", **fields: Any) -> Login:
    """An account with a token and a project."""
    plain = Login(
        f"{kind}-me.json", kind, access_token=TOKEN, refresh_token=Secret("refresh"), project_id="my-project-1"
    )
    return attrs.evolve(plain, **fields)


def account(kind: str = "claude", config: Config | None = None, **fields: Any) -> Account:
    """What it takes to use such an account."""
    return login_account(login(kind, **fields), LOGIN_TYPES[kind], config or Config())


def offers(kind: str = "claude", config: Config | None = None, **fields: Any) -> list[Offer]:
    """What such an account offers."""
    return list(login_offers(login(kind, **fields), LOGIN_TYPES[kind], config or Config()))


def offer(kind: str = "claude", config: Config | None = None, **fields: Any) -> Offer:
    """The only one."""
    (only,) = offers(kind, config, **fields)
    return only


def models(**logins: Any) -> Config:
    """A configuration that says this of the logins' models."""
    return Config(logins=Logins(**logins))


# -- where, and how ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "provider", "base_url", "origin"),
    [
        ("claude", "claude", "https://api.anthropic.com", "anthropic@api.anthropic.com"),
        ("codex", "codex-backend", "https://chatgpt.com/backend-api/codex", "openai-responses@chatgpt.com"),
        ("xai", "openai-responses", "https://api.x.ai/v1", "openai-responses@api.x.ai"),
        ("kimi", "openai-compatibility", "https://api.kimi.com/coding/v1", "openai-chat@api.kimi.com"),
        (
            "vertex",
            "vertex-project",
            "https://us-central1-aiplatform.googleapis.com/v1/projects/my-project-1/locations/us-central1",
            "gemini@us-central1-aiplatform.googleapis.com",
        ),
        ("gemini", "code-assist", "https://cloudcode-pa.googleapis.com", "gemini@cloudcode-pa.googleapis.com"),
    ],
)
def test_an_account_is_used_as_its_type_is(kind: str, provider: str, base_url: str, origin: str) -> None:
    made = account(kind)
    assert (made.provider, made.base_url.to_text(), made.origin) == (provider, base_url, origin)


def test_every_type_is_known_here() -> None:
    assert all(account(kind).provider in PROVIDERS for kind in LOGIN_TYPES)


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_the_token_is_a_bearer_s(kind: str) -> None:
    made = account(kind)
    assert (made.key, made.bearer) == (TOKEN, True)


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_the_account_is_known_by_its_file_s_name(kind: str) -> None:
    assert account(kind).id == offer(kind).credential == f"{kind}-me.json"


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("claude", Dialect()),
        ("codex", CODEX_BACKEND),
        ("xai", Dialect(custom_tools=False)),
        ("kimi", Dialect(custom_tools=False, replays_reasoning=True)),
        ("vertex", Dialect()),
        ("gemini", attrs.evolve(CODE_ASSIST, project="my-project-1")),
    ],
)
def test_each_type_has_its_dialect(kind: str, dialect: Dialect) -> None:
    assert account(kind).dialect == dialect


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_the_file_s_own_address_comes_first(kind: str) -> None:
    made = account(kind, base_url="https://gateway.example/x/")
    assert made.base_url.to_text() == "https://gateway.example/x"
    assert made.origin.endswith("@gateway.example")


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_the_configured_address_comes_before_the_vendor_s(kind: str) -> None:
    types = with_overrides({kind: {"base_url": "https://gateway.example"}})
    assert login_account(login(kind), types[kind], Config()).base_url.to_text() == "https://gateway.example"


@pytest.mark.parametrize("written", ["https://", "https://h:x", "h", "ftp://h", "https://u:p@h", "https://h/?a=b"])
def test_a_file_with_an_address_that_is_none_breaks_nothing_but_itself(written: str) -> None:
    with pytest.raises(Unusable, match=r"^its base_url is no address of an upstream$"):
        account(base_url=written)


def test_a_colon_without_a_port_is_none_that_a_daemon_breaks_on() -> None:
    assert account(base_url="https://h:").base_url.to_text() == "https://h"


# -- Vertex AI -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "base_url"),
    [
        (
            "europe-west4",
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project-1/locations/europe-west4",
        ),
        ("global", "https://aiplatform.googleapis.com/v1/projects/my-project-1/locations/global"),
    ],
)
def test_a_project_is_served_where_it_is(location: str, base_url: str) -> None:
    assert account("vertex", location=location).base_url.to_text() == base_url


@pytest.mark.parametrize("fields", [{"project_id": ""}, {"project_id": "a/b"}, {"location": "evil.example/"}])
def test_what_is_no_project_or_no_location_leads_nowhere(fields: Mapping[str, Any]) -> None:
    with pytest.raises(Unusable, match=r"is no (id|location)"):
        account("vertex", **fields)


# -- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_anthropic_alone_wants_the_beta_of_logins(kind: str) -> None:
    assert account(kind).betas == ((b"oauth-2025-04-20",) if kind == "claude" else ())


def test_a_codex_request_says_which_account_it_is_for() -> None:
    assert account("codex", account_id="acc-1").required == {b"chatgpt-account-id": b"acc-1"}


def test_a_codex_account_without_an_id_says_nothing() -> None:
    assert account("codex").required == {}


def test_a_kimi_request_says_that_this_program_asks() -> None:
    assert account("kimi").required == {b"x-msh-platform": b"cliproxy", b"x-msh-version": __version__.encode()}


@pytest.mark.parametrize("kind", ["claude", "xai", "vertex", "gemini"])
def test_others_require_nothing(kind: str) -> None:
    assert account(kind, account_id="acc-1").required == {}


def test_the_file_s_headers_are_passed_on() -> None:
    assert account(headers={"X-Team": "a"}).headers == {"X-Team": "a"}


def test_an_account_prints_neither_token_nor_headers() -> None:
    shown = repr(account(headers={"X-Token": "token-of-the-team"}))
    assert TOKEN.reveal() not in shown
    assert "token-of-the-team" not in shown


# -- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "renewable"),
    [
        ({}, True),
        ({"refresh_token": NO_SECRET}, False),
        ({"refresh_token": NO_SECRET, "service_account": {"private_key": "k"}}, True),
    ],
)
def test_a_token_can_be_renewed_by_what_the_file_has_for_it(fields: Mapping[str, Any], renewable: bool) -> None:
    assert account(**fields).renewable is renewable


def test_without_a_token_yet_the_key_is_empty() -> None:
    assert not account("vertex", access_token=NO_SECRET).key


def test_a_new_token_changes_nothing_else() -> None:
    before = account("codex", account_id="acc-1")
    after = with_token(before, login("codex", account_id="acc-1", access_token=Secret("new")))
    assert after == attrs.evolve(before, key=Secret("new"))


def test_with_its_refresh_token_a_login_loses_its_renewal() -> None:
    assert with_token(account(), login(refresh_token=NO_SECRET)).renewable is False


# -- the way out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "overall", "way"),
    [
        ("", None, "direct"),
        ("", PROXY, PROXY),
        ("direct", PROXY, "direct"),
        ("none", PROXY, "direct"),
        ("socks5://u:p@h", PROXY, Proxy("socks5", "h", 1080, Secret("u"), Secret("p"))),
    ],
)
def test_an_account_s_own_proxy_comes_before_that_of_all(own: str, overall: Proxy | None, way: object) -> None:
    config = Config(proxy_url=overall)
    assert account(config=config, proxy_url=own).way == way
    assert login_way(login(proxy_url=own), config) == way


def test_an_account_whose_proxy_is_none_never_goes_without_it() -> None:
    with pytest.raises(Unusable, match=r"^its proxy_url is no address of a proxy$"):
        account(proxy_url="http://user:secret@h:99999")


def test_what_cannot_be_used_does_not_repeat_a_proxy_s_password() -> None:
    with pytest.raises(Unusable) as caught:
        account(proxy_url="ftp://user:hunter2@h")
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__}"


# -- what is offered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "served"),
    [
        ("claude", "claude-of-tomorrow", True),
        ("claude", "gpt-5.5", False),
        ("codex", "gpt-of-tomorrow", True),
        ("codex", "codex-mini-latest", True),
        ("codex", "o3", False),
        ("xai", "grok-of-tomorrow", True),
        ("kimi", "kimi-for-coding", True),
        ("kimi", "grok-4", False),
        ("vertex", "gemini-of-tomorrow", True),
        ("gemini", "gemini-of-tomorrow", True),
        ("gemini", "claude-opus-5", False),
    ],
)
def test_an_account_serves_its_vendor_s_names(kind: str, name: str, served: bool) -> None:
    assert offer(kind).serves(name) == (name if served else None)


@pytest.mark.parametrize("kind", LOGIN_TYPES)
def test_the_names_shown_are_served(kind: str) -> None:
    only = offer(kind)
    assert tuple(only.names()) == LOGIN_TYPES[kind].listed
    assert all(only.serves(name) == name for name in only.names())


def test_an_alias_is_one_more_name() -> None:
    config = models(aliases={"claude": (Model("claude-opus-5-5", "big"),)})
    only = offer(config=config)
    assert [only.serves(name) for name in ("big", "claude-opus-5-5")] == ["claude-opus-5-5"] * 2
    assert next(iter(only.names())) == "big"


def test_an_alias_of_one_type_is_none_of_another() -> None:
    assert offer("codex", models(aliases={"claude": (Model("claude-opus-5-5", "big"),)})).serves("big") is None


def test_an_alias_of_several_models_has_all_of_them_as_candidates() -> None:
    config = models(aliases={"claude": (Model("claude-a", "big"), Model("claude-b", "big"))})
    both = offers(config=config)
    name = CredentialId("claude-me.json")
    assert Catalogue(both).candidates("big") == (
        Candidate(name, ModelName("claude-a")),
        Candidate(name, ModelName("claude-b")),
    )


def test_an_alias_of_several_models_makes_no_second_candidate_of_any_other_name() -> None:
    config = models(aliases={"claude": (Model("claude-a", "big"), Model("claude-b", "big"))})
    assert len(Catalogue(offers(config=config)).candidates("claude-opus-5-5")) == 1


def test_exclusions_of_the_file_and_of_the_type_are_added_up() -> None:
    config = models(excluded_models={"claude": ("claude-opus-*",), "codex": ("*",)})
    only = offer(config=config, excluded_models=("claude-haiku-4-5",))
    assert [only.serves(name) for name in ("claude-opus-5", "claude-haiku-4-5", "claude-sonnet-5")] == [
        None,
        None,
        "claude-sonnet-5",
    ]


def test_no_alias_gets_around_an_exclusion() -> None:
    config = models(
        excluded_models={"claude": ("claude-opus-*",)}, aliases={"claude": (Model("claude-opus-5", "big"),)}
    )
    assert offer(config=config).serves("big") is None


@pytest.mark.parametrize(("forced", "plain"), [(False, "claude-x"), (True, None)])
def test_a_prefix_is_needed_only_where_it_is_forced(forced: bool, plain: str | None) -> None:
    only = offer(config=Config(routing=Routing(force_model_prefix=forced)), prefix="team")
    assert [only.serves(name) for name in ("claude-x", "team/claude-x")] == [plain, "claude-x"]


def test_the_terms_are_the_file_s_and_beyond_that_those_of_all() -> None:
    config = Config(routing=Routing(max_concurrency=4), retrying=Retrying(disable_cooling=True))
    assert offer(config=config, priority=-2, weight=0).terms == Terms(
        priority=-2, weight=0, max_concurrency=4, cools=False
    )
