"""From account files to credentials: what each login offers, for routing, and what it takes to use it, for upstream."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

import attrs
from hyperlink import EncodedURL

from cliproxy.config.addresses import base_url, proxy_or_direct
from cliproxy.config.readers import Unfit
from cliproxy.config.schema import Config, OwnProxy, Share
from cliproxy.credentials import layers, terms_for, way_out
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LoginType
from cliproxy.routing.catalogue import CredentialId, Offer
from cliproxy.upstream.accounts import Account, Way
from cliproxy.upstream.providers import CLAUDE_LOGIN_BETAS, CODEX_ACCOUNT_HEADER, PROVIDERS, dialect_at, provider_at
from cliproxy.upstream.vertex import vertex_base_url

_parsed: Final = lru_cache(maxsize=256)(EncodedURL.from_text)
"""Thousands of accounts share a few addresses."""


class Unusable(Exception):
    """An account that cannot be used as its file stands; the sentence says why."""


def login_offers(login: Login, kind: LoginType, config: Config) -> Iterator[Offer]:
    """What an account serves: its type's models, and the configured names for them."""
    share = Share(priority=login.priority, weight=login.weight)
    excluded = (*login.excluded_models, *config.logins.excluded_models.get(login.type, ()))
    for number, models in enumerate(layers(config.logins.aliases.get(login.type, ()))):
        yield Offer(
            credential=CredentialId(login.name),
            models=models,
            patterns=() if number else kind.patterns,
            listed=() if number else kind.listed,
            prefix=login.prefix,
            excluded=excluded,
            prefixed_alone=config.routing.force_model_prefix,
            terms=terms_for(share, config),
        )


def login_account(login: Login, kind: LoginType, config: Config) -> Account:
    """What it takes to use an account. Raises `Unusable`."""
    address = _parsed(_address(login, kind))
    provider = provider_at(kind.provider, address.host)
    row = PROVIDERS[provider]
    return Account(
        id=login.name,
        provider=provider,
        base_url=address,
        key=login.access_token,
        bearer=True,
        headers=login.headers,
        way=way_out(_own_proxy(login), config.proxy_url),
        dialect=dialect_at(provider, address.host, login.project_id),
        origin=sys.intern(f"{row.format}@{address.authority()}"),
        required=_required(login, kind),
        betas=CLAUDE_LOGIN_BETAS if login.type == "claude" else (),
        renewable=bool(login.refresh_token or login.service_account),
    )


def login_way(login: Login, config: Config) -> Way:
    """How an account's vendor is reached; as everybody's, where its own proxy is none."""
    try:
        return way_out(_own_proxy(login), config.proxy_url)
    except Unusable:
        return way_out(None, config.proxy_url)


def with_token(account: Account, login: Login) -> Account:
    """The same account with the token that it has now."""
    renewable = bool(login.refresh_token or login.service_account)
    return attrs.evolve(account, key=login.access_token, renewable=renewable)


def _address(login: Login, kind: LoginType) -> str:
    """Where it is served: the file's own word, else the configuration's, else where its vendor serves its type."""
    if login.base_url:
        try:
            return base_url(login.base_url)
        except Unfit:
            raise Unusable("its base_url is no address of an upstream") from None
    if kind.base_url:
        return kind.base_url
    try:
        return vertex_base_url(login.project_id, login.location)
    except ValueError as error:
        raise Unusable(str(error)) from None


def _required(login: Login, kind: LoginType) -> Mapping[bytes, bytes]:
    """Headers of the vendor's protocol, which say whose account this is, and what program asks: ours."""
    if login.type == "codex":
        return {CODEX_ACCOUNT_HEADER: login.account_id.encode()} if login.account_id else {}
    return {name.lower().encode("ascii"): value.encode() for name, value in kind.headers.items()}


def _own_proxy(login: Login) -> OwnProxy:
    if not login.proxy_url:
        return None
    try:
        return proxy_or_direct(login.proxy_url)
    except Unfit:
        raise Unusable("its proxy_url is no address of a proxy") from None
