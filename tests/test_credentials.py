from __future__ import annotations

from typing import Any

import attrs
import pytest

from cliproxy.config.loader import parse
from cliproxy.config.schema import (
    DIRECT,
    AuthHeader,
    ClaudeKey,
    CodexKey,
    Config,
    GeminiKey,
    KeyEntry,
    Model,
    OpenAICompatibility,
    Proxy,
    Retrying,
    Routing,
    Share,
    VertexKey,
)
from cliproxy.credentials import DEMO, DEMOS, offers_and_accounts
from cliproxy.demo.settings import MODELS
from cliproxy.formats.codec import Dialect
from cliproxy.ranges import CLAUDE, GEMINI, OPENAI, Range
from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId, ModelName, Offer, Terms
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
    assert tuple(offer.names()) == CLAUDE.listed


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


@pytest.mark.parametrize("served", [CLAUDE, GEMINI, OPENAI, *(demo.range for demo in DEMOS)])
def test_the_names_shown_are_served_by_their_own_pattern(served: Range) -> None:
    offer = Offer(DEMO, patterns=served.patterns)
    assert all(offer.serves(name) == name for name in served.listed)


# -- on which terms


def terms(share: Share, routing: Routing | None = None, retrying: Retrying | None = None) -> Terms:
    """Of a key with this share."""
    config = Config(claude_keys=(key(share=share),), routing=routing or Routing(), retrying=retrying or Retrying())
    return only(config)[0].terms


def test_a_share_that_says_nothing_gives_the_plainest_terms() -> None:
    assert terms(Share()) == Terms()


def test_priority_and_weight_are_passed_on() -> None:
    assert terms(Share(priority=-3, weight=7)) == Terms(priority=-3, weight=7)


@pytest.mark.parametrize(("own", "overall", "most"), [(None, 5, 5), (2, 5, 2), (0, 5, 0), (2, 0, 2)])
def test_a_key_s_own_limit_comes_before_that_of_all(own: int | None, overall: int, most: int) -> None:
    assert terms(Share(max_concurrency=own), Routing(max_concurrency=overall)).max_concurrency == most


@pytest.mark.parametrize(
    ("own", "overall", "cools"), [(None, False, True), (None, True, False), (False, True, True), (True, False, False)]
)
def test_what_a_key_says_of_cooling_comes_before_what_is_said_of_all(
    own: bool | None, overall: bool, cools: bool
) -> None:
    assert terms(Share(disable_cooling=own), retrying=Retrying(disable_cooling=overall)).cools is cools


def test_all_offers_of_a_credential_have_its_terms() -> None:
    models = (Model("a", "fast"), Model("b", "fast"))
    server = OpenAICompatibility("n", "http://h", models=models, share=Share(priority=2))
    offers, _ = offers_and_accounts(Config(openai_compatibility=(server,)))
    assert [offer.terms for offer in offers] == [Terms(priority=2)] * 2


def test_each_key_of_a_server_has_the_server_s_weight_or_its_own() -> None:
    keys = (KeyEntry(Secret("a")), KeyEntry(Secret("b"), weight=9), KeyEntry(Secret("c"), weight=0))
    server = OpenAICompatibility("n", "http://h", models=(Model("m", "m"),), keys=keys, share=Share(1, weight=3))
    offers, _ = offers_and_accounts(Config(openai_compatibility=(server,)))
    assert [offer.terms for offer in offers] == [Terms(1, weight) for weight in (3, 9, 0)]


def test_a_limit_is_each_key_s_own() -> None:
    keys = (KeyEntry(Secret("a")), KeyEntry(Secret("b")))
    server = OpenAICompatibility("n", "http://h", models=(Model("m", "m"),), keys=keys, share=Share(max_concurrency=4))
    offers, _ = offers_and_accounts(Config(openai_compatibility=(server,)))
    assert [offer.terms.max_concurrency for offer in offers] == [4, 4]


@pytest.mark.parametrize(
    ("forced", "prefix", "served"),
    [
        (False, "team", ["claude-x", "claude-x"]),
        (True, "team", [None, "claude-x"]),
        (True, "", ["claude-x", None]),
    ],
)
def test_a_forced_prefix_keeps_plain_names_from_those_who_have_one(
    forced: bool, prefix: str, served: list[str | None]
) -> None:
    config = Config(claude_keys=(key(prefix=prefix),), routing=Routing(force_model_prefix=forced))
    offer, _ = only(config)
    assert [offer.serves(name) for name in ("claude-x", "team/claude-x")] == served


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


# -- kinds of upstream


KINDS = {
    "claude": Config(claude_keys=(ClaudeKey(KEY),)),
    "gemini": Config(gemini_keys=(GeminiKey(KEY),)),
    "vertex": Config(vertex_keys=(VertexKey(KEY),)),
    "codex": Config(codex_keys=(CodexKey(KEY),)),
    "chat": Config(openai_compatibility=(OpenAICompatibility("N", "https://h.example/v1", keys=(KeyEntry(KEY),)),)),
    "responses": Config(
        openai_compatibility=(
            OpenAICompatibility("N", "https://h.example/v1", wire_api="responses", keys=(KeyEntry(KEY),)),
        )
    ),
}


@pytest.mark.parametrize(
    ("kind", "provider", "base_url", "bearer", "origin"),
    [
        ("claude", "claude", "https://api.anthropic.com", False, "anthropic@api.anthropic.com"),
        (
            "gemini",
            "gemini",
            "https://generativelanguage.googleapis.com",
            False,
            "gemini@generativelanguage.googleapis.com",
        ),
        ("vertex", "vertex", "https://aiplatform.googleapis.com", False, "gemini@aiplatform.googleapis.com"),
        ("codex", "openai", "https://api.openai.com/v1", True, "openai-responses@api.openai.com"),
        ("chat", "openai-compatibility", "https://h.example/v1", True, "openai-chat@h.example"),
        ("responses", "openai-responses", "https://h.example/v1", True, "openai-responses@h.example"),
    ],
)
def test_a_key_is_used_as_its_kind_is(kind: str, provider: str, base_url: str, bearer: bool, origin: str) -> None:
    _, account = only(KINDS[kind])
    assert (account.provider, account.bearer, account.origin) == (provider, bearer, origin)
    assert account.base_url.to_text() == base_url
    assert account.key == KEY


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("claude", "claude:"),
        ("gemini", "gemini:"),
        ("vertex", "vertex:"),
        ("codex", "codex:"),
        ("chat", "openai-compatibility:n:"),
        ("responses", "openai-compatibility:n:"),
    ],
)
def test_a_credential_s_name_tells_its_kind(kind: str, begins: str) -> None:
    name = only(KINDS[kind])[0].credential
    assert name.startswith(begins)
    assert len(name) == len(begins) + 12


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://gateway.example/v1", "codex"),
        ("https://api.openai.com/v1", "openai"),
        ("https://api.openai.com.evil.example/v1", "codex"),
    ],
)
def test_tokens_are_counted_by_openai_itself_alone(base_url: str, provider: str) -> None:
    assert only(Config(codex_keys=(CodexKey(KEY, base_url=base_url),)))[1].provider == provider


@pytest.mark.parametrize("kind", [GeminiKey, VertexKey])
def test_google_s_key_goes_in_google_s_header_whatever_the_host(kind: type[GeminiKey] | type[VertexKey]) -> None:
    one = kind(KEY, base_url="https://gateway.example")
    config = Config(gemini_keys=(one,)) if isinstance(one, GeminiKey) else Config(vertex_keys=(one,))
    assert only(config)[1].bearer is False


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("http://127.0.0.1:8000/v1", "openai-chat@127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "openai-chat@[::1]:8000"),
        ("https://h.example:443/other", "openai-chat@h.example"),
    ],
)
def test_an_origin_is_format_host_and_port(base_url: str, origin: str) -> None:
    assert only(Config(openai_compatibility=(OpenAICompatibility("n", base_url),)))[1].origin == origin


@pytest.mark.parametrize(
    ("base_url", "dialect"),
    [
        ("https://api.deepseek.com/v1", Dialect(custom_tools=False, replays_reasoning=True)),
        ("https://openrouter.ai/api/v1", Dialect(custom_tools=False)),
        (
            "https://api.openai.com/v1",
            Dialect(max_tokens_key="max_completion_tokens", developer_role=True, reasoning_with_tools=False),
        ),
    ],
)
def test_an_account_has_the_dialect_of_its_host(base_url: str, dialect: Dialect) -> None:
    assert only(Config(openai_compatibility=(OpenAICompatibility("n", base_url),)))[1].dialect == dialect


@pytest.mark.parametrize(
    ("kind", "name", "served"),
    [
        ("gemini", "gemini-of-tomorrow", True),
        ("gemini", "gemma-3", False),
        ("vertex", "gemini-of-tomorrow", True),
        ("vertex", "claude-opus-5", False),
        ("codex", "gpt-6", True),
        ("codex", "codex-mini-latest", True),
        ("codex", "o1", True),
        ("codex", "o3-pro", True),
        ("codex", "o4-mini", True),
        ("codex", "o5", False),
        ("codex", "gemini-3.8-flash", False),
        ("chat", "gpt-5.5", False),
        ("responses", "gpt-5.5", False),
    ],
)
def test_without_models_the_vendor_s_names_are_served(kind: str, name: str, served: bool) -> None:
    offer, _ = only(KINDS[kind])
    assert offer.serves(name) == (name if served else None)


@pytest.mark.parametrize(
    "config",
    [
        Config(gemini_keys=(GeminiKey(KEY, models=(Model("gemini-2.5-pro", "smart"),), prefix="p"),)),
        Config(vertex_keys=(VertexKey(KEY, models=(Model("gemini-2.5-pro", "smart"),), prefix="p"),)),
        Config(codex_keys=(CodexKey(KEY, models=(Model("gemini-2.5-pro", "smart"),), prefix="p"),)),
        Config(
            openai_compatibility=(
                OpenAICompatibility("n", "http://h", models=(Model("gemini-2.5-pro", "smart"),), prefix="p"),
            )
        ),
    ],
)
def test_with_models_every_kind_serves_those_alone(config: Config) -> None:
    offer, _ = only(config)
    assert [offer.serves(name) for name in ("smart", "p/smart", "gemini-2.5-pro", "gpt-5.5")] == [
        "gemini-2.5-pro",
        "gemini-2.5-pro",
        None,
        None,
    ]
    assert tuple(offer.names()) == ("smart", "p/smart")


# -- servers with several keys, and pools


def test_each_key_of_a_server_is_a_credential_with_its_own_way() -> None:
    keys = (KeyEntry(Secret("one"), OTHER_PROXY), KeyEntry(Secret("two"), DIRECT), KeyEntry(Secret("three")))
    server = OpenAICompatibility("n", "http://h", models=(Model("m", "m"),), headers={"X-A": "b"}, keys=keys)
    offers, accounts = offers_and_accounts(Config(openai_compatibility=(server,), proxy_url=PROXY))
    assert [offer.credential for offer in offers] == list(accounts)
    assert [account.key.reveal() for account in accounts.values()] == ["one", "two", "three"]
    assert [account.way for account in accounts.values()] == [OTHER_PROXY, "direct", PROXY]
    assert [account.headers for account in accounts.values()] == [{"X-A": "b"}] * 3


def test_a_server_without_a_key_is_one_credential() -> None:
    _, account = only(Config(openai_compatibility=(OpenAICompatibility("n", "http://h", models=(Model("m", "m"),)),)))
    assert account.key == Secret("")


def test_a_server_that_is_left_out_is_nobody() -> None:
    server = OpenAICompatibility("n", "http://h", models=(Model("m", "m"),), disabled=True)
    assert offers_and_accounts(Config(openai_compatibility=(server,))) == ([], {})


def test_an_alias_of_several_models_has_all_of_them_as_candidates() -> None:
    models = (Model("a", "fast"), Model("x", "x"), Model("b", "fast"), Model("c", "fast"), Model("a", "fast"))
    server = OpenAICompatibility("n", "http://h", models=models, prefix="p")
    offers, accounts = offers_and_accounts(Config(openai_compatibility=(server,)))
    (name,) = accounts
    catalogue = Catalogue(offers)
    for asked in ("fast", "p/fast"):
        assert catalogue.candidates(asked) == tuple(Candidate(name, ModelName(model)) for model in "abc")
    assert catalogue.candidates("x") == (Candidate(name, ModelName("x")),)
    assert catalogue.names == ("fast", "p/fast", "x", "p/x")


def test_a_pool_is_one_offer_for_each_of_an_alias_s_models() -> None:
    models = (Model("a", "fast"), Model("b", "fast"), Model("c", "slow"), Model("d", "slow"), Model("e", "slow"))
    offers, _ = offers_and_accounts(Config(openai_compatibility=(OpenAICompatibility("n", "http://h", models=models),)))
    assert [dict(offer.models) for offer in offers] == [
        {"fast": "a", "slow": "c"},
        {"fast": "b", "slow": "d"},
        {"slow": "e"},
    ]


def test_what_is_excluded_is_left_out_of_a_pool() -> None:
    models = (Model("a:free", "fast"), Model("b", "fast"))
    server = OpenAICompatibility("n", "http://h", models=models, excluded_models=("*:free",))
    offers, _ = offers_and_accounts(Config(openai_compatibility=(server,)))
    assert [candidate.model for candidate in Catalogue(offers).candidates("fast")] == ["b"]


# -- all together


def test_without_keys_there_is_nobody() -> None:
    offers, accounts = offers_and_accounts(Config())
    assert (offers, accounts) == ([], {})


def test_the_demo_comes_last_and_only_when_asked_for() -> None:
    offers, accounts = offers_and_accounts(Config(claude_keys=(key(),), demo=True))
    demos = ["demo", "demo-responses", "demo-chat", "demo-gemini"]
    assert [offer.credential for offer in offers][1:] == list(accounts)[1:] == demos


@pytest.mark.parametrize(
    ("name", "provider", "base_url", "origin"),
    [
        ("demo", "claude", "http://demo", "anthropic@demo"),
        ("demo-responses", "codex", "http://demo/v1", "openai-responses@demo"),
        ("demo-chat", "openai-compatibility", "http://demo/v1", "openai-chat@demo"),
        ("demo-gemini", "gemini", "http://demo", "gemini@demo"),
    ],
)
def test_the_demo_has_a_door_for_each_wire_format(name: str, provider: str, base_url: str, origin: str) -> None:
    account = offers_and_accounts(Config(demo=True))[1][CredentialId(name)]
    assert (account.provider, account.base_url.to_text(), account.origin) == (provider, base_url, origin)
    assert account.way == "demo"


@pytest.mark.parametrize(
    ("asked", "credential"),
    [
        ("demo", "demo"),
        ("claude-of-tomorrow", "demo"),
        ("gpt-5.5", "demo-responses"),
        ("codex-mini-latest", "demo-responses"),
        ("demo-responses", "demo-responses"),
        ("demo-chat", "demo-chat"),
        ("gemini-of-tomorrow", "demo-gemini"),
        ("demo-gemini", "demo-gemini"),
    ],
)
def test_every_client_s_own_names_are_served_by_the_demo(asked: str, credential: str) -> None:
    offers, _ = offers_and_accounts(Config(demo=True))
    assert Catalogue(offers).candidates(asked) == (Candidate(CredentialId(credential), ModelName(asked)),)


def test_the_demo_shows_a_few_names_of_each_wire_format() -> None:
    offers, _ = offers_and_accounts(Config(demo=True))
    assert Catalogue(offers).names == (
        *MODELS,
        "demo-responses",
        "gpt-5.5",
        "gpt-5.4-mini",
        "demo-chat",
        "demo-gemini",
        "gemini-3.7-flash",
        "gemini-2.5-pro",
    )


def test_the_demo_s_models_are_served_by_keys_first() -> None:
    offers, _ = offers_and_accounts(Config(claude_keys=(key(),), demo=True))
    found = Catalogue(offers).candidates("claude-haiku-4-5")
    assert [candidate.credential for candidate in found] == [offers[0].credential, DEMO]


def test_the_order_is_that_of_the_configuration() -> None:
    keys = tuple(key(api_key=Secret(f"key-{i}")) for i in range(5))
    expected = [CredentialId(of(one)[0].credential) for one in keys]
    assert list(offers_and_accounts(Config(claude_keys=keys))[1]) == expected


def kinds(config: Config) -> list[str]:
    """Of all credentials, in their order."""
    return [name.partition(":")[0] for name in offers_and_accounts(config)[1]]


def test_the_order_is_that_of_the_file_whatever_the_sections() -> None:
    text = """\
openai-compatibility: [{name: n, base-url: http://h, models: [{name: m}], api-keys: [a, b]}]
codex-api-key: [{api-key: a}]
generative-language-api-key: [a]
claude-api-key: [{api-key: a}, {api-key: b}]
vertex-api-key: [{api-key: a}]
gemini-api-key: [{api-key: b}]
"""
    assert kinds(parse(text).config) == [
        "openai-compatibility",
        "openai-compatibility",
        "codex",
        "gemini",
        "claude",
        "claude",
        "vertex",
        "gemini",
    ]


def test_offers_stand_in_the_order_of_their_accounts() -> None:
    config = parse("codex-api-key: [{api-key: a}]\nclaude-api-key: [{api-key: b}]").config
    offers, accounts = offers_and_accounts(config)
    assert [offer.credential for offer in offers] == list(accounts)


def test_an_alias_of_an_entry_stands_where_it_is_written_and_not_where_its_anchor_is() -> None:
    text = "x: [&one {api-key: one}]\nclaude-api-key: [{api-key: two}, *one]"
    accounts = offers_and_accounts(parse(text).config)[1]
    assert [account.key.reveal() for account in accounts.values()] == ["two", "one"]


def test_keys_of_the_older_list_do_not_come_first_for_having_no_more_to_say() -> None:
    config = parse("claude-api-key: [{api-key: a}]\ngenerative-language-api-key: [b]").config
    assert kinds(config) == ["claude", "gemini"]


def test_kinds_come_in_one_order() -> None:
    config = Config(
        openai_compatibility=(OpenAICompatibility("n", "http://h"),),
        codex_keys=(CodexKey(KEY),),
        vertex_keys=(VertexKey(KEY),),
        gemini_keys=(GeminiKey(KEY),),
        claude_keys=(ClaudeKey(KEY),),
    )
    assert kinds(config) == ["claude", "gemini", "vertex", "codex", "openai-compatibility"]
