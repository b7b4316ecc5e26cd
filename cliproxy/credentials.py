"""From configuration to credentials: what each key offers, for routing, and what it takes to use it, for upstream."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from hyperlink import EncodedURL

from cliproxy.config.schema import DIRECT, ClaudeKey, Config, Proxy
from cliproxy.demo.settings import MODELS as DEMO_MODELS
from cliproxy.routing.catalogue import CredentialId, ModelName, Offer
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account, Way
from cliproxy.upstream.providers import PROVIDERS

CLAUDE_PATTERN: Final = "claude-*"
"""What a key without `models` serves. A list of names would be out of date with the vendor's next release."""
CLAUDE_MODELS: Final = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-5",
    "claude-haiku-4-5",
)
"""What such a key is shown with in the list of models; any other `claude-*` name is served as well."""

DEMO: Final = CredentialId("demo")


def offers_and_accounts(config: Config) -> tuple[list[Offer], Mapping[CredentialId, Account]]:
    """Every credential of the configuration, in its order; the demo comes last, and only when asked for."""
    offers: list[Offer] = []
    accounts: dict[CredentialId, Account] = {}
    for key in config.claude_keys:
        name = _unused(_id("claude", key.api_key, key.base_url), accounts)
        offers.append(_claude_offer(name, key))
        accounts[name] = _claude_account(name, key, config.proxy_url)
    if config.demo:
        offers.append(Offer(DEMO, models={name: ModelName(name) for name in DEMO_MODELS}))
        accounts[DEMO] = Account(DEMO, "claude", EncodedURL.from_text("http://demo"), Secret("demo"), False, way="demo")
    return offers, accounts


def _claude_offer(name: CredentialId, key: ClaudeKey) -> Offer:
    by_name = {model.alias: ModelName(model.name) for model in key.models}
    return Offer(
        credential=name,
        models=by_name,
        patterns=() if by_name else (CLAUDE_PATTERN,),
        listed=() if by_name else CLAUDE_MODELS,
        prefix=key.prefix,
        excluded=key.excluded_models,
    )


def _claude_account(name: CredentialId, key: ClaudeKey, proxy: Proxy | None) -> Account:
    base_url = EncodedURL.from_text(key.base_url)
    own_host = base_url.host == PROVIDERS["claude"].own_host
    return Account(
        id=name,
        provider="claude",
        base_url=base_url,
        key=key.api_key,
        bearer=key.auth_header == "bearer" if key.auth_header else not own_host,
        headers=key.headers,
        way=_way(key.proxy_url, proxy),
    )


def _way(own: Proxy | str | None, overall: Proxy | None) -> Way:
    if isinstance(own, Proxy):
        return own
    return "direct" if own == DIRECT or overall is None else overall


def _id(kind: str, key: Secret, base_url: str) -> CredentialId:
    """Such as `claude:3f9c2a7be01d`: the same after every restart, and tells nothing of the key."""
    digest = hashlib.sha256(b"\0".join((kind.encode(), base_url.encode(), key.digest()))).hexdigest()
    return CredentialId(f"{kind}:{digest[:12]}")


def _unused(name: CredentialId, taken: Mapping[CredentialId, object]) -> CredentialId:
    count = 1
    candidate = name
    while candidate in taken:
        count += 1
        candidate = CredentialId(f"{name}-{count}")
    return candidate
