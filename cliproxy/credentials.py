"""From configuration to credentials: what each key offers, for routing, and what it takes to use it, for upstream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs
from hyperlink import EncodedURL

from cliproxy.config.schema import (
    DIRECT,
    AuthHeader,
    Config,
    KeyEntry,
    Model,
    OpenAICompatibility,
    OwnProxy,
    Proxy,
    Share,
    Upstream,
)
from cliproxy.demo.settings import MODELS as DEMO_MODELS
from cliproxy.ranges import CLAUDE, GEMINI, NOTHING, OPENAI, Range
from cliproxy.routing.catalogue import CredentialId, ModelName, Offer, Terms
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account, Way
from cliproxy.upstream.providers import PROVIDERS, dialect_at, provider_at

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen
class Use:
    """One key of the configuration, and what it is for."""

    kind: str
    """How its id begins."""
    provider: str
    """A row of `PROVIDERS`, for hosts of which nothing more is known."""
    upstream: Upstream
    api_key: Secret
    proxy_url: OwnProxy
    range: Range = NOTHING
    auth_header: AuthHeader | None = None
    weight: int | None = None
    """If another than its section's."""


@attrs.frozen
class Demo:
    """The demo inside the program, by the door of one wire format."""

    id: CredentialId
    provider: str
    base_url: str
    models: Sequence[str]
    range: Range


DEMO: Final = CredentialId("demo")
DEMOS: Final = (
    Demo(DEMO, "claude", "http://demo", DEMO_MODELS, Range(("claude-*",))),
    Demo(
        CredentialId("demo-responses"),
        "codex",
        "http://demo/v1",
        ("demo-responses",),
        Range(("gpt-*", "codex-*"), ("gpt-5.5", "gpt-5.4-mini")),
    ),
    Demo(CredentialId("demo-chat"), "openai-compatibility", "http://demo/v1", ("demo-chat",), NOTHING),
    Demo(
        CredentialId("demo-gemini"),
        "gemini",
        "http://demo",
        ("demo-gemini",),
        Range(("gemini-*",), ("gemini-3.7-flash", "gemini-2.5-pro")),
    ),
)
"""One for each wire format, so that every client works at once."""


def offers_and_accounts(config: Config) -> tuple[list[Offer], dict[CredentialId, Account]]:
    """Every credential of the configuration, in its order; the demo comes last, and only if asked for."""
    offers: list[Offer] = []
    accounts: dict[CredentialId, Account] = {}
    for use in sorted(_uses(config), key=lambda use: use.upstream.share.place):
        name = _unused(_id(use), accounts)
        offers += _offers(name, use, config)
        accounts[name] = _account(
            name,
            use.provider,
            use.upstream.base_url,
            use.api_key,
            way_out(use.proxy_url, config.proxy_url),
            use.upstream.headers,
            use.auth_header,
        )
    for demo in DEMOS if config.demo else ():
        offers.append(_demo_offer(demo))
        accounts[demo.id] = _account(demo.id, demo.provider, demo.base_url, Secret("demo"), "demo")
    return offers, accounts


def terms_for(share: Share, config: Config, weight: int | None = None) -> Terms:
    """On which terms a credential is asked, with what the configuration says of all where its own part says nothing."""
    limit = share.max_concurrency
    cools = share.disable_cooling
    return Terms(
        priority=share.priority,
        weight=share.weight if weight is None else weight,
        max_concurrency=config.routing.max_concurrency if limit is None else limit,
        cools=not (config.retrying.disable_cooling if cools is None else cools),
    )


def _uses(config: Config) -> Iterator[Use]:
    for claude in config.claude_keys:
        yield Use("claude", "claude", claude, claude.api_key, claude.proxy_url, CLAUDE, claude.auth_header)
    for gemini in config.gemini_keys:
        yield Use("gemini", "gemini", gemini, gemini.api_key, gemini.proxy_url, GEMINI)
    for vertex in config.vertex_keys:
        yield Use("vertex", "vertex", vertex, vertex.api_key, vertex.proxy_url, GEMINI)
    for codex in config.codex_keys:
        yield Use("codex", "codex", codex, codex.api_key, codex.proxy_url, OPENAI)
    for server in config.openai_compatibility:
        if not server.disabled:
            yield from _uses_of(server)


def _uses_of(server: OpenAICompatibility) -> Iterator[Use]:
    provider = "openai-responses" if server.wire_api == "responses" else "openai-compatibility"
    for key in server.keys:
        yield _use_of(server, provider, key)


def _use_of(server: OpenAICompatibility, provider: str, key: KeyEntry) -> Use:
    kind = f"openai-compatibility:{server.name.lower()}"
    return Use(kind, provider, server, key.api_key, key.proxy_url, weight=key.weight)


# -- what is offered -----------------------------------------------------------------------------------------------


def _offers(name: CredentialId, use: Use, config: Config) -> Iterator[Offer]:
    upstream = use.upstream
    served = NOTHING if upstream.models else use.range
    terms = terms_for(upstream.share, config, use.weight)
    for models in layers(upstream.models):
        yield Offer(
            credential=name,
            models=models,
            patterns=served.patterns,
            listed=served.listed,
            prefix=upstream.prefix,
            excluded=upstream.excluded_models,
            prefixed_alone=config.routing.force_model_prefix,
            terms=terms,
        )


def layers(models: Sequence[Model]) -> Sequence[Mapping[str, ModelName]]:
    """The models by alias. What an alias stands for beside its first model is in further layers, one each; all of them
    are candidates. There is at least one layer.
    """
    layers: list[dict[str, ModelName]] = [{}]
    depths: dict[str, int] = {}
    for model in dict.fromkeys(models):
        depth = depths[model.alias] = depths.get(model.alias, -1) + 1
        if depth == len(layers):
            layers.append({})
        layers[depth][model.alias] = ModelName(model.name)
    return layers


def _demo_offer(demo: Demo) -> Offer:
    models = {name: ModelName(name) for name in demo.models}
    return Offer(demo.id, models, demo.range.patterns, demo.range.listed)


# -- what it takes to use it ---------------------------------------------------------------------------------------


def _account(
    name: CredentialId,
    kind: str,
    address: str,
    key: Secret,
    way: Way,
    headers: Mapping[str, str] = NO_HEADERS,
    auth_header: AuthHeader | None = None,
) -> Account:
    base_url = EncodedURL.from_text(address)
    provider = provider_at(kind, base_url.host)
    return Account(
        id=name,
        provider=provider,
        base_url=base_url,
        key=key,
        bearer=_bearer(provider, base_url.host, auth_header),
        headers=headers,
        way=way,
        dialect=dialect_at(provider, base_url.host),
        origin=f"{PROVIDERS[provider].format}@{base_url.authority()}",
    )


def _bearer(provider: str, host: str, auth_header: AuthHeader | None) -> bool:
    if auth_header is not None:
        return auth_header == "bearer"
    row = PROVIDERS[provider]
    return row.key_header is None or row.own_host not in (None, host)


def way_out(own: OwnProxy, overall: Proxy | None) -> Way:
    if isinstance(own, Proxy):
        return own
    return "direct" if own == DIRECT or overall is None else overall


def _id(use: Use) -> CredentialId:
    """Such as `claude:3f9c2a7be01d`: the same after every restart, and tells nothing of the key."""
    told = b"\0".join((use.kind.encode(), use.upstream.base_url.encode(), use.api_key.digest()))
    return CredentialId(f"{use.kind}:{hashlib.sha256(told).hexdigest()[:12]}")


def _unused(name: CredentialId, taken: Mapping[CredentialId, object]) -> CredentialId:
    count = 1
    candidate = name
    while candidate in taken:
        count += 1
        candidate = CredentialId(f"{name}-{count}")
    return candidate
