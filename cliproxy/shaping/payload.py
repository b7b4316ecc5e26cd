"""Configured rules for the bodies that go upstream: `payload.default`, `payload.override`, `payload.filter`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, cast

from cliproxy.config.schema import Payload, PayloadMatch, PayloadRule
from cliproxy.conversation.parts import Json
from cliproxy.routing.catalogue import matches
from cliproxy.shaping.changes import Change, Path, Remove, Set, SetDefault, apply_to_document

__all__ = ["apply_to_document", "changes_for", "parse_path"]

MAX_PATHS: Final = 1024
"""To remember. They come from the configuration alone."""
_STEP: Final = re.compile(r"(?:[^.\\]|\\.)+", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_QUERY: Final = re.compile(r"[#@]|(?:[^\\]|\\.)*?[*?|]", re.DOTALL)


def changes_for(payload: Payload, model: str, wire: str) -> tuple[Change, ...]:
    """What the rules do to a request for an upstream's model in its wire format.

    The first default that names a path wins, and the last override. Raises `ValueError` for a path that is none.
    """
    if not (payload.defaults or payload.overrides or payload.filters):
        return ()
    defaults: dict[Path, object] = {}
    for path, value in _params(payload.defaults, model, wire):
        defaults.setdefault(path, value)
    overrides: dict[Path, object] = {}
    for path, value in _params(payload.overrides, model, wire):
        overrides.pop(path, None)  # a later one also comes later, as it may hold what an earlier one set
        overrides[path] = value
    removed = (path for rule in _meant(payload.filters, model, wire) for path in rule.removed)
    return (
        *(SetDefault(path, cast(Json, value)) for path, value in defaults.items()),
        *(Set(path, cast(Json, value)) for path, value in overrides.items()),
        *(Remove(parse_path(path)) for path in dict.fromkeys(removed)),
    )


@lru_cache(maxsize=MAX_PATHS)
def parse_path(text: str) -> Path:
    r"""`a.b.0.c` as steps, with `\.` for a dot in a key. Raises `ValueError` for what is no path, or is a query."""
    steps = _STEP.findall(text)
    if not steps or ".".join(steps) != text:
        raise ValueError(f"{text!r} is no path: keys and list positions with dots between them were expected")
    if any(_QUERY.match(step) for step in steps):
        raise ValueError(f"{text!r} is a query: only keys and list positions can be given")
    return tuple(_step(_ESCAPE.sub(r"\1", step)) for step in steps)


def _step(word: str) -> str | int:
    is_position = word.isascii() and word.isdecimal() and (word == "0" or not word.startswith("0"))
    return int(word) if is_position else word


def _params(rules: Sequence[PayloadRule], model: str, wire: str) -> Iterator[tuple[Path, object]]:
    for rule in _meant(rules, model, wire):
        for path, value in rule.params.items():
            yield parse_path(path), value


def _meant(rules: Sequence[PayloadRule], model: str, wire: str) -> Iterator[PayloadRule]:
    return (rule for rule in rules if any(_is_for(match, model, wire) for match in rule.models))


def _is_for(match: PayloadMatch, model: str, wire: str) -> bool:
    return match.protocol in ("", wire) and matches(match.name, model)
