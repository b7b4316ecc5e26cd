"""The sections of the file that name upstreams. An entry with a problem is read whole, so that all its problems are
told, and never used: then nothing of the file is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypedDict

from ruamel.yaml.nodes import Node

from cliproxy.config.addresses import base_url, proxy_or_direct
from cliproxy.config.document import Section
from cliproxy.config.readers import (
    auth_header,
    header_name,
    header_value,
    of_text,
    once,
    prefix,
    text,
    truth,
    upstream_key,
    whole,
    wire_api,
)
from cliproxy.config.schema import (
    ANTHROPIC_BASE_URL,
    GEMINI_BASE_URL,
    OPENAI_BASE_URL,
    VERTEX_BASE_URL,
    ClaudeKey,
    CodexKey,
    GeminiKey,
    KeyEntry,
    Model,
    OpenAICompatibility,
    OwnProxy,
    Share,
    VertexKey,
    WireApi,
)
from cliproxy.secret import Secret

NO_KEY: Final = Secret("")
MAX_PRIORITY: Final = 1_000_000
MAX_WEIGHT: Final = 1_000_000
"""As in the original."""
MAX_CONCURRENCY: Final = 100_000

_COMPATIBLE: Final[Mapping[WireApi, str]] = {"chat": "/chat/completions", "responses": "/responses"}
"""What is added to the base URL."""


class _Upstream(TypedDict):
    """The fields that all have but for the address, as `schema.Upstream` tells them."""

    headers: Mapping[str, str]
    models: tuple[Model, ...]
    prefix: str
    excluded_models: tuple[str, ...]
    share: Share


class _Key(_Upstream):
    """And those of a section with one key."""

    api_key: Secret
    base_url: str
    proxy_url: OwnProxy


def claude_keys(file: Section) -> tuple[ClaudeKey, ...]:
    """`claude-api-key`."""
    return tuple(
        ClaudeKey(**key, auth_header=entry.value("auth-header", of_text(auth_header), None))
        for entry, key in _keys(file, "claude-api-key", ANTHROPIC_BASE_URL, "/v1/messages")
    )


def gemini_keys(file: Section) -> tuple[GeminiKey, ...]:
    """`gemini-api-key`, and of the older list what is not there already."""
    keys = [GeminiKey(**key) for _, key in _keys(file, "gemini-api-key", GEMINI_BASE_URL, "/v1beta")]
    known = {key.api_key for key in keys}
    older = once(file.values("generative-language-api-key", upstream_key))
    share = Share(place=_place(file, "generative-language-api-key"))
    return (*keys, *(GeminiKey(key, share=share) for key in older if key not in known))


def vertex_keys(file: Section) -> tuple[VertexKey, ...]:
    """`vertex-api-key`."""
    return tuple(VertexKey(**key) for _, key in _keys(file, "vertex-api-key", VERTEX_BASE_URL, "/v1/publishers"))


def codex_keys(file: Section) -> tuple[CodexKey, ...]:
    """`codex-api-key`."""
    return tuple(CodexKey(**key) for _, key in _keys(file, "codex-api-key", OPENAI_BASE_URL, "/responses"))


def openai_compatibility(file: Section) -> tuple[OpenAICompatibility, ...]:
    """`openai-compatibility`."""
    place = _place(file, "openai-compatibility")
    return tuple(_compatibility(entry, place) for entry in file.entries("openai-compatibility"))


def _compatibility(entry: Section, place: int) -> OpenAICompatibility:
    speaks: WireApi = entry.value("wire-api", of_text(wire_api), "chat")
    compatibility = OpenAICompatibility(
        name=entry.required("name", text) or "",
        base_url=entry.required("base-url", of_text(base_url)) or "",
        wire_api=speaks,
        keys=_key_entries(entry),
        disabled=entry.value("disabled", truth, False),
        **_upstream(entry, place),
    )
    _doubt_base_url(entry, compatibility.base_url, _COMPATIBLE[speaks])
    if not compatibility.models and not compatibility.disabled:
        entry.warning("models", "none given, so that nothing is asked of this upstream")
    return compatibility


def _key_entries(entry: Section) -> tuple[KeyEntry, ...]:
    keys = [
        KeyEntry(
            part.value("api-key", upstream_key, NO_KEY),
            _own_proxy(part),
            part.value("weight", _weight, None),
        )
        for part in entry.entries("api-key-entries")
    ]
    known = {key.api_key for key in keys}
    older = once(entry.values("api-keys", upstream_key))
    return (*keys, *(KeyEntry(key) for key in older if key not in known)) or (KeyEntry(),)


def _keys(file: Section, name: str, default_base_url: str, added: str) -> Iterator[tuple[Section, _Key]]:
    """The entries of a section with one key each; `added`: how the paths below its base URL begin."""
    place = _place(file, name)
    for entry in file.entries(name):
        key = _Key(
            api_key=entry.required("api-key", upstream_key) or NO_KEY,
            base_url=entry.value("base-url", of_text(base_url), default_base_url),
            proxy_url=_own_proxy(entry),
            **_upstream(entry, place),
        )
        _doubt_base_url(entry, key["base_url"], added)
        yield entry, key


def _place(file: Section, name: str) -> int:
    """Which of the file's keys it is. Lines would not do: an entry may be an alias of what stands elsewhere."""
    return list(file.pairs).index(name) if name in file.pairs else 0


def _upstream(entry: Section, place: int) -> _Upstream:
    return _Upstream(
        headers=_headers(entry),
        models=tuple(map(model, entry.entries("models"))),
        prefix=entry.value("prefix", of_text(prefix), ""),
        excluded_models=once(entry.values("excluded-models", text)),
        share=Share(
            priority=entry.value("priority", whole(-MAX_PRIORITY, MAX_PRIORITY), 0),
            weight=entry.value("weight", _weight, 1),
            max_concurrency=entry.value("max-concurrency", whole(0, MAX_CONCURRENCY), None),
            disable_cooling=entry.value("disable-cooling", truth, None),
            place=place,
        ),
    )


def _weight(node: Node) -> int:
    """Below 0 it is 0: none, as in the original."""
    return max(0, whole(-MAX_WEIGHT, MAX_WEIGHT)(node))


def _own_proxy(entry: Section) -> OwnProxy:
    return entry.value("proxy-url", of_text(proxy_or_direct), None)


def _doubt_base_url(entry: Section, written: str, added: str) -> None:
    """Warn where the beginning of what is added, or all of it, stands at the end already."""
    first = f"/{added.split('/')[1]}"
    for ending in (first, added):
        if written.endswith(ending):
            entry.warning("base-url", f"ends in {ending}, and {added} is added to it; {ending} twice is seldom meant")
            return


def _headers(entry: Section) -> dict[str, str]:
    headers = entry.mapping("headers", header_name, header_value)
    if any(value.startswith("$") for value in headers.values()):
        entry.warning("headers", "copying a client's header ($NAME) is not in use yet; such a header is left out")
    return {name: value for name, value in headers.items() if not value.startswith("$")}


def model(part: Section) -> Model:
    """One of `models[]`."""
    name = part.required("name", text) or ""
    return Model(name, part.value("alias", text, name))
