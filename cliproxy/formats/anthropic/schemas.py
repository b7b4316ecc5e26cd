"""JSON Schemas, brought into the shape that Anthropic's servers bear.

A tool's must be an object at its root, without unions; an answer's must close every object and bear no bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.formats import jsontext

MAX_DEPTH: Final = 64
"""Of a schema; what is deeper stands as it stood."""
_MAX_BRANCHES: Final = 256
"""Of a root's unions, nested ones counted: references can multiply them without end."""
_UNIONS: Final = ("anyOf", "oneOf", "allOf")
_LOCAL: Final = ("#/$defs/", "#/definitions/")

_BOUNDS: Final = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
"""Refused in the schema of an answer: they are said in its description instead."""
_MIN_ITEMS_BORNE: Final = 1
_HOLDING_ONE: Final = ("items", "additionalItems", "not", "contains")
_HOLDING_LIST: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_HOLDING_NAMED: Final = ("properties", "$defs", "definitions")


# -- of tools -----------------------------------------------------------------------------------------------------


def input_schema(schema: JsonObject | None) -> tuple[dict[str, Json], bool]:
    """The schema of a tool's arguments, and whether it had to be changed in its meaning.

    Unions at the root are dissolved: the properties of all branches stand side by side, and none of theirs is required.
    """
    if schema is None:
        return {"type": "object", "properties": {}}, False
    root = {key: value for key, value in schema.items() if key not in _UNIONS}
    flat = len(root) == len(schema) and "$ref" not in schema
    kind = schema.get("type")
    if flat and kind == "object":
        return root, False
    if not flat:
        reference = root.pop("$ref", None)
        properties: dict[str, Json] = {}
        for branch in _branches(schema, schema, reference, [_MAX_BRANCHES]):
            for name, value in _properties(branch).items():
                properties.setdefault(name, value)
        root["properties"] = {**properties, **_properties(schema)}
    root["type"] = "object"
    root.setdefault("properties", {})
    return root, not flat or kind is not None


def _branches(node: JsonObject, root: JsonObject, reference: Json, left: list[int]) -> Iterator[JsonObject]:
    """What a schema refers to and unites, at any depth, in order. `left[0]` says how many more are looked at."""
    for branch in (_referred(reference, root), *_united(node)):
        if isinstance(branch, dict) and left[0] > 0:
            left[0] -= 1
            yield branch
            yield from _branches(branch, root, branch.get("$ref"), left)


def _united(node: JsonObject) -> Iterator[Json]:
    for union in _UNIONS:
        branches = node.get(union)
        if isinstance(branches, list):
            yield from branches


def _referred(reference: Json, root: JsonObject) -> Json:
    """The definition that a `$ref` within the document names."""
    if not isinstance(reference, str) or not reference.startswith(_LOCAL):
        return None
    _, place, name = reference.split("/", 2)
    definitions = root.get(place)
    return definitions.get(name) if isinstance(definitions, dict) else None


def _properties(schema: JsonObject) -> dict[str, Json]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


# -- of answers ---------------------------------------------------------------------------------------------------


def output_schema(schema: JsonObject) -> tuple[dict[str, Json], bool]:
    """The schema of an answer with every object closed and bounds as words, and whether that changed anything."""
    made = _closed(schema, 0)
    return made, made != schema


def _closed(schema: JsonObject, depth: int) -> dict[str, Json]:
    made = dict(schema)
    if depth >= MAX_DEPTH:
        return made
    if "object" in _kinds(made) or "properties" in made:
        made["additionalProperties"] = False
    _say_bounds(made)
    for key in _HOLDING_ONE:
        if key in made:
            made[key] = _inner(made[key], depth)
    for key in _HOLDING_LIST:
        branches = made.get(key)
        if isinstance(branches, list):
            made[key] = [_inner(branch, depth) for branch in branches]
    for key in _HOLDING_NAMED:
        named = made.get(key)
        if isinstance(named, dict):
            made[key] = {name: _inner(value, depth) for name, value in named.items()}
    return made


def _inner(value: Json, depth: int) -> Json:
    return _closed(value, depth + 1) if isinstance(value, dict) else value


def _kinds(schema: JsonObject) -> Sequence[Json]:
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind]


def _say_bounds(schema: dict[str, Json]) -> None:
    """Move the bounds of one schema into its description."""
    bounds: dict[str, Json] = {key: schema.pop(key) for key in _BOUNDS if key in schema}
    least = schema.get("minItems")
    if isinstance(least, int) and least > _MIN_ITEMS_BORNE:
        bounds["minItems"] = schema.pop("minItems")
    if not bounds:
        return
    words = ", ".join(f"{key}: {jsontext.text_of(value)}" for key, value in bounds.items())
    said = schema.get("description")
    schema["description"] = f"{said} ({words})" if isinstance(said, str) and said else words
