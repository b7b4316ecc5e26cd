"""A value that fits a JSON Schema, or Gemini's dialect of it: a small one, always the same. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from cliproxy.demo.replies import Json, JsonObject, writable

MAX_DEPTH: Final = 24
"""A schema that refers to itself ends here with null; no sensible one is so deep."""
MAX_VALUES: Final = 1000
"""In all, for schemas that grow in breadth: beyond them everything is null."""
MAX_CHARACTERS: Final = 1000
"""Of a string whose least length is absurd."""
MAX_NUMBER: Final = 2**53
"""Bounds beyond it are none: not every number there can be told apart."""

WORD: Final = "demo"
FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "demo@example.com",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: Json) -> Json:
    """An instance. An object has its required properties, an array one item or as many as it must.

    Of a schema that says nothing, or of which nothing can be written, it is an empty object.
    """
    root = schema if isinstance(schema, dict) else {}
    made = _Making(root).value(root if root.keys() & _TELLING else {"type": "object"}, 0)
    return made if writable(made) else {}


_TELLING: Final = frozenset(
    {"type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "default"}
)


class _Making:
    """One instance in the making. State: how many values have been made."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._made = 0

    def value(self, schema: Json, depth: int) -> Json:
        self._made += 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._made > MAX_VALUES:
            return None
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.value(self._referred(reference), depth + 1)
        for name in ("const", "default"):
            if name in schema:
                return schema[name]
        for name in ("enum", "anyOf", "oneOf"):
            choices = schema.get(name)
            if isinstance(choices, list) and choices:
                return choices[0] if name == "enum" else self.value(choices[0], depth + 1)
        if isinstance(schema.get("allOf"), list):
            schema = self._merged(schema)
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        return _SCALARS[kind](schema) if kind in _SCALARS else None

    def _object(self, schema: JsonObject, depth: int) -> Json:
        properties = _object(schema.get("properties"))
        names = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        return {name: self.value(properties.get(name, {"type": "string"}), depth + 1) for name in names}

    def _array(self, schema: JsonObject, depth: int) -> Json:
        count = min(max(1, _number(schema, "minItems", 1)), _number(schema, "maxItems", MAX_VALUES), MAX_VALUES)
        return [self.value(schema.get("items", {"type": "string"}), depth + 1) for _ in range(int(count))]

    def _referred(self, reference: str) -> Json:
        """What a local `$ref` points at; null for any other."""
        found: Json = self._root if reference.startswith("#") else None
        for name in filter(None, reference[1:].split("/")):
            if not isinstance(found, dict):
                return None
            found = found.get(name.replace("~1", "/").replace("~0", "~"))
        return found

    def _merged(self, schema: JsonObject) -> JsonObject:
        """An `allOf` in one: properties and required names of all parts, of other keywords the last."""
        merged: JsonObject = {}
        properties: JsonObject = {}
        required: list[Json] = []
        for part in (*_list(schema.get("allOf")), {**schema, "allOf": None}):
            if isinstance(part, dict) and isinstance(part.get("$ref"), str):
                part = self._referred(str(part["$ref"]))
            if isinstance(part, dict):
                merged |= part
                properties |= _object(part.get("properties"))
                required += _list(part.get("required"))
        return merged | {"properties": properties, "required": required} if properties or required else merged


def _kind(schema: JsonObject) -> str:
    """The type in lower case: Gemini writes it in capitals. Of several the first."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(iter(kind), None)
    if isinstance(kind, str):
        return kind.lower()
    if "items" in schema:
        return "array"
    return "object" if "properties" in schema or "required" in schema else "string"


def _string(schema: JsonObject) -> Json:
    text = FORMATS.get(str(schema.get("format")), WORD)
    least, most = (
        int(min(_number(schema, name, otherwise), MAX_CHARACTERS))
        for name, otherwise in (("minLength", 0), ("maxLength", MAX_CHARACTERS))
    )
    return text.ljust(least, ".")[: max(most, 0)]


def _integer(schema: JsonObject) -> Json:
    """The whole number within the bounds that is nearest to nought; of a number without room for one, a bound."""
    least = max(math.ceil(_number(schema, "minimum", 0)), math.floor(_number(schema, "exclusiveMinimum", -1)) + 1)
    most = min(
        math.floor(_number(schema, "maximum", max(least, 0))),
        math.ceil(_number(schema, "exclusiveMaximum", max(least, 0) + 1)) - 1,
    )
    return min(max(least, 0), most)


def _boolean(schema: JsonObject) -> Json:
    return True


_SCALARS: Final[Mapping[str, Callable[[JsonObject], Json]]] = {
    "string": _string,
    "integer": _integer,
    "number": _integer,
    "boolean": _boolean,
}


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _number(schema: JsonObject, name: str, otherwise: float) -> float:
    """A bound. Gemini's may be strings of digits, as protobuf writes 64-bit numbers."""
    value = schema.get(name)
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(MAX_NUMBER)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        return otherwise
    return value
