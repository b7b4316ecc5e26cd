"""What the file says of accounts that are logged in to: where, by which client, and which models they serve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Final, TypeVar

from cliproxy.config.addresses import base_url
from cliproxy.config.document import Section
from cliproxy.config.readers import Reads, Unfit, number, of_text, once, secret, text, whole
from cliproxy.config.schema import Logins, Override
from cliproxy.config.upstreams import model

H = TypeVar("H", bound=Hashable)

MAX_LEAD_SECONDS: Final = 30 * 86_400

TYPES: Final = ("claude", "codex", "xai", "kimi", "vertex", "gemini")
"""Of accounts, as `cliproxy login` calls them."""
OLDER_NAMES: Final[Mapping[str, str]] = {"gemini-cli": "gemini"}
"""By which other programs call them."""


def _address(written: str) -> str:
    """A URL as it stands: identity providers compare it letter by letter, the last slash included."""
    base_url(written)
    return written


FIELDS: Final[Mapping[str, Reads[Override]]] = {
    "client-id": text,
    "client-secret": secret,
    "authorize-url": of_text(_address),
    "token-url": of_text(_address),
    "device-url": of_text(_address),
    "device-token-url": of_text(_address),
    "device-page-url": of_text(_address),
    "device-redirect-uri": of_text(_address),
    "discovery-url": of_text(_address),
    "userinfo-url": of_text(_address),
    "redirect-uri": of_text(_address),
    "callback-port": whole(0, 65_535),
    "scope": text,
    "base-url": of_text(base_url),
    "lead-seconds": number(MAX_LEAD_SECONDS, zero=True),
}
"""What of a type of account may be another than in the table."""


def logins(file: Section) -> Logins:
    """`logins`, `oauth-excluded-models`, `oauth-model-alias`."""
    return Logins(
        overrides=_overrides(file),
        excluded_models=_by_type(file, "oauth-excluded-models", lambda section, name: section.values(name, text)),
        aliases=_by_type(file, "oauth-model-alias", lambda section, name: map(model, section.entries(name))),
    )


def _overrides(file: Section) -> Mapping[str, Mapping[str, Override]]:
    types = _expecting(file, "logins", TYPES)
    return {name: found for name in TYPES if (found := _fields(_expecting(types, name, FIELDS)))}


def _fields(section: Section) -> Mapping[str, Override]:
    found = {name: section.value(name, reads, None) for name, reads in FIELDS.items()}
    return {name.replace("-", "_"): value for name, value in found.items() if value is not None}


def _expecting(parent: Section, name: str, known: Collection[str]) -> Section:
    """The section under a name, every name in it that is not known being a problem."""
    section = parent.section(name)
    if section.pairs:
        parent.mapping(name, _one_of(known), lambda node: None)
    return section


def _one_of(known: Collection[str]) -> Callable[[str], str]:
    """A reader of names that repeats none: a secret may have slipped to the wrong side of a colon."""

    def reads(name: str) -> str:
        if name not in known:
            raise Unfit(f"expected no other names than {', '.join(known)}")
        return name

    return reads


def _by_type(file: Section, name: str, read: Callable[[Section, str], Iterable[H]]) -> Mapping[str, tuple[H, ...]]:
    """What a section has for each type of account, once each.

    Of types that are not served here, which the original has, nothing is taken.
    """
    section = file.section(name)
    found: dict[str, tuple[H, ...]] = {}
    for own in section.pairs:
        told = own.strip().lower()
        kind = OLDER_NAMES.get(told, told)
        if kind in TYPES:
            found[kind] = once((*found.get(kind, ()), *read(section, own)))
        else:
            file.warning(name, f"what is not for {', '.join(TYPES)} has no effect")
    return found
