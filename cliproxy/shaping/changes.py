"""Changes of a JSON document as values, and what they make of a parsed one.

What cannot be done leaves the document as it is: rules are written for bodies of many shapes, and a rule that does not
fit one of them is no error. So a list position must exist, and neither an object nor a list is replaced because a path
takes it for the other. A plain value in the way of `Set` becomes an object; in the way of `SetDefault` it stays, for it
is something that the client said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import attrs

from cliproxy.conversation.parts import Json

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys and list positions, from the document's root. Where an object is found, a position is taken for a key."""

_MISSING: Final = object()


@attrs.frozen
class Set:
    """The value stands there, whatever stood there before. Missing objects on the way are made."""

    path: Path = attrs.field(validator=attrs.validators.min_len(1))
    value: Json = attrs.field(hash=False)


@attrs.frozen
class SetDefault:
    """The value stands there if nothing did; null is something."""

    path: Path = attrs.field(validator=attrs.validators.min_len(1))
    value: Json = attrs.field(hash=False)


@attrs.frozen
class Remove:
    """Nothing stands there."""

    path: Path = attrs.field(validator=attrs.validators.min_len(1))


Change: TypeAlias = "Set | SetDefault | Remove"


def apply_to_document(document: Mapping[str, Json], changes: Iterable[Change]) -> dict[str, Json]:
    """The document with the changes, one after another. The one that is given stays as it was."""
    changed: object = dict(document)
    for change in changes:
        changed = applied(changed, change)
    assert isinstance(changed, dict)
    return changed


def applied(node: object, change: Change) -> object:
    """What one change makes of a value. Only what lies along the path is looked at and copied."""
    return _applied(node, change.path, change)


def created(path: Path, change: Change) -> object:
    """What comes to stand at the end of a path of which `path` is still missing; `MISSING` if nothing can."""
    if isinstance(change, Remove) or any(isinstance(step, int) for step in path):
        return _MISSING
    value: object = change.value
    for step in reversed(path):
        value = {step: value}
    return value


def is_missing(value: object) -> bool:
    """Whether `created` could create nothing."""
    return value is _MISSING


def _applied(node: object, path: Path, change: Change) -> object:
    if not path:
        return change.value if isinstance(change, Set) else node
    if isinstance(node, dict):
        return _in_object(node, str(path[0]), path[1:], change)
    if isinstance(node, list):
        return _in_list(node, path[0], path[1:], change)
    made = created(path, change) if isinstance(change, Set) else _MISSING
    return node if made is _MISSING else made


def _in_object(node: dict[str, object], key: str, rest: Path, change: Change) -> object:
    if key in node:
        if not rest and isinstance(change, Remove):
            return {other: value for other, value in node.items() if other != key}
        return {**node, key: _applied(node[key], rest, change)}
    made = created(rest, change)
    return node if made is _MISSING else {**node, key: made}


def _in_list(node: list[object], position: str | int, rest: Path, change: Change) -> object:
    if not isinstance(position, int) or not 0 <= position < len(node):
        return node
    if not rest and isinstance(change, Remove):
        return [*node[:position], *node[position + 1 :]]
    return [*node[:position], _applied(node[position], rest, change), *node[position + 1 :]]
