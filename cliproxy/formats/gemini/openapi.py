"""Google's `Schema`, which is OpenAPI's of 3.0 with its types in capitals, read as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.fields import snake, whole_number

MAX_DEPTH: Final = 100
"""Of schemas in schemas; nobody writes such, and Python has an end."""

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: name
        for name in (
            "additionalProperties",
            "anyOf",
            "maxItems",
            "maxLength",
            "maxProperties",
            "minItems",
            "minLength",
            "minProperties",
            "propertyOrdering",
        )
        for spelling in (name, snake(name))
    }
    | {"defs": "$defs", "ref": "$ref"}
)
_COUNTS: Final = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
"""Integers of 64 bits, which protobuf JSON writes as text."""


def read_schema(schema: JsonObject, path: str) -> dict[str, Json]:
    """The JSON Schema that says the same. JSON Schema passes unchanged, for many clients send that instead.

    Raises `BadRequest` for what is nested without end.
    """
    return _schema(schema, path, 0)


def _schema(schema: JsonObject, path: str, depth: int) -> dict[str, Json]:
    if depth > MAX_DEPTH:
        raise BadRequest(f"{path}: The schema is nested too deeply.")
    read: dict[str, Json] = {}
    for key, value in schema.items():
        name = _NAMES.get(key, key)
        if name in _COUNTS:
            count = whole_number(value)
            read[name] = value if count is None else count
        elif name in _READERS:
            read[name] = _READERS[name](value, path, depth + 1)
        else:
            read[name] = value
    return _without_openapi(read)


def _without_openapi(schema: dict[str, Json]) -> dict[str, Json]:
    """What only OpenAPI says, said in JSON Schema: null by `nullable`, order by a list, one example."""
    if schema.get("type") is None:
        schema.pop("type", None)
    if schema.get("format") == "enum":
        del schema["format"]
    if "example" in schema:
        schema.setdefault("examples", [schema.pop("example")])
    order = schema.pop("propertyOrdering", None)
    properties = schema.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        first = {name: properties[name] for name in order if isinstance(name, str) and name in properties}
        schema["properties"] = first | properties
    if schema.pop("nullable", None) is True:
        _allow_null(schema)
    return schema


def _allow_null(schema: dict[str, Json]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        values = schema.get("enum")
        if isinstance(values, list) and None not in values:
            schema["enum"] = [*values, None]
    branches = schema.get("anyOf")
    if isinstance(branches, list):
        schema["anyOf"] = [*branches, {"type": "null"}]


def _type(value: Json, path: str, depth: int) -> Json:
    if isinstance(value, str):
        return None if value.upper() == "TYPE_UNSPECIFIED" else value.lower()
    if isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    return value


def _one(value: Json, path: str, depth: int) -> Json:
    return _schema(value, path, depth) if isinstance(value, dict) else value


def _several(value: Json, path: str, depth: int) -> Json:
    return [_one(item, path, depth) for item in value] if isinstance(value, list) else value


def _by_name(value: Json, path: str, depth: int) -> Json:
    return {name: _one(item, path, depth) for name, item in value.items()} if isinstance(value, dict) else value


_READERS: Final[Mapping[str, Callable[[Json, str, int], Json]]] = MappingProxyType(
    {
        "type": _type,
        "items": _one,
        "additionalProperties": _one,
        "anyOf": _several,
        "properties": _by_name,
        "$defs": _by_name,
    }
)
