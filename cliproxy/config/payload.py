"""`payload`: rules for the bodies that go upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ruamel.yaml.nodes import Node

from cliproxy.config.document import Section
from cliproxy.config.keys import CONDITIONS
from cliproxy.config.readers import Reads, Unfit, json_text, own_name, text
from cliproxy.config.schema import Payload, PayloadMatch, PayloadRule
from cliproxy.conversation.parts import Json
from cliproxy.shaping.payload import parse_path

PROTOCOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "anthropic": "anthropic",
        "claude": "anthropic",
        "openai-chat": "openai-chat",
        "openai": "openai-chat",
        "openai-responses": "openai-responses",
        "openai-response": "openai-responses",
        "codex": "openai-responses",
        "gemini": "gemini",
        "gemini-cli": "gemini",
        "aistudio": "gemini",
        "vertex": "gemini",
    }
)
"""The wire formats, as here and in the original's words."""


def payload(file: Section) -> Payload:
    """The rules that are for some request, in the order of the file; those with JSON as text behind the others."""
    section = file.section("payload")
    return Payload(
        defaults=(*_settings(section, "default"), *_settings(section, "default-raw", json_text)),
        overrides=(*_settings(section, "override"), *_settings(section, "override-raw", json_text)),
        filters=_for_some(
            PayloadRule(_matches(entry), removed=entry.values("params", _path)) for entry in section.entries("filter")
        ),
    )


def _settings(section: Section, name: str, reads: Reads[Json] | None = None) -> tuple[PayloadRule, ...]:
    return _for_some(
        PayloadRule(_matches(entry), entry.mapping("params", _path_name, reads or entry.json))
        for entry in section.entries(name)
    )


def _path(node: Node) -> str:
    """A reader of where a field stands."""
    return _path_name(text(node))


def _path_name(name: str) -> str:
    trimmed = own_name(name)
    try:
        parse_path(trimmed)
    except ValueError as error:
        raise Unfit(str(error)) from None
    return trimmed


def _for_some(rules: Iterable[PayloadRule]) -> tuple[PayloadRule, ...]:
    return tuple(rule for rule in rules if rule.models)


def _matches(entry: Section) -> tuple[PayloadMatch, ...]:
    parts = entry.entries("models")
    if not parts:
        entry.warning("models", "none given, so that this rule is for no request")
    return tuple(match for part in parts if (match := _match(part)))


def _match(part: Section) -> PayloadMatch | None:
    name = part.required("name", text) or ""
    protocol = part.value("protocol", text, "").lower()
    condition = next((key for key in CONDITIONS if part.holds(key)), None)
    if condition is not None:
        part.warning(condition, "such conditions are not in use yet; what has one is left out")
        return None
    if protocol and protocol not in PROTOCOLS:
        part.warning("protocol", f"no upstream speaks it, so that this is left out; known are {', '.join(PROTOCOLS)}")
        return None
    return PayloadMatch(name, PROTOCOLS.get(protocol, ""))
