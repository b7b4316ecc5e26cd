"""Cleaning JSON Schema for the protobuf."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import Json
from cliproxy.formats.gemini.schema import MAX_DEPTH, MAX_SCHEMAS, clean

A_STRING: dict[str, Json] = {"type": "string"}


def properties(**inner: Json) -> dict[str, Json]:
    return {"type": "object", "properties": inner}


@pytest.mark.parametrize(
    ("schema", "cleaned"),
    [
        ({"type": "string", "$comment": "x", "title": "T", "deprecated": True, "x-y": 1}, {"type": "STRING"}),
        ({"type": "string", "description": "D"}, {"type": "STRING", "description": "D"}),
        ({"type": "string", "minLength": 2}, {"type": "STRING", "description": "(min length: 2)"}),
        (
            {"type": "string", "description": "D", "pattern": "^a", "default": "a"},
            {"type": "STRING", "description": "D (pattern: ^a, default: a)"},
        ),
        ({"type": "integer", "minimum": 1, "maximum": 9}, {"type": "INTEGER", "minimum": 1, "maximum": 9}),
        (
            {"type": "integer", "exclusiveMinimum": 12345678901234567890},
            {"type": "INTEGER", "description": "(greater than: 12345678901234567890)"},
        ),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "STRING", "enum": ["1", "2"]}),
        ({"type": ["null", "string"]}, {"type": "STRING", "description": "(nullable)"}),
        ({"type": ["string", "integer"]}, {"type": "STRING", "description": "(Accepts: string | integer)"}),
        (True, {"type": "STRING", "description": "(any JSON value)"}),
        ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING", "description": "(any JSON value)"}}),
        ({"type": "array", "items": [A_STRING]}, {"type": "ARRAY", "items": {"type": "STRING"}}),
        (
            {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "string"}}}]},
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}},
                "description": "(Accepts: string | object)",
            },
        ),
        (
            {"oneOf": [{"type": "integer", "description": "N"}, {"type": "null"}]},
            {"type": "INTEGER", "description": "N (nullable)"},
        ),
        ({"path": A_STRING}, {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}}),
    ],
)
def test_what_cannot_be_said_is_told(schema: Json, cleaned: dict[str, Json]) -> None:
    assert clean({"type": "object", "properties": {"p": schema}}) == {"type": "OBJECT", "properties": {"p": cleaned}}


def test_properties_may_be_called_as_keywords_are() -> None:
    cleaned = clean(properties(pattern=A_STRING, default=A_STRING, title=A_STRING))
    assert cleaned["properties"] == {
        "pattern": {"type": "STRING"},
        "default": {"type": "STRING"},
        "title": {"type": "STRING"},
    }


def test_references_are_replaced_by_what_they_mean() -> None:
    schema = properties(a={"$ref": "#/$defs/A", "description": "D"}) | {"$defs": {"A": {"type": "integer"}}}
    assert clean(schema)["properties"] == {"a": {"type": "INTEGER", "description": "D"}}


def test_a_reference_into_itself_is_an_object_with_a_hint() -> None:
    node = properties(next={"$ref": "#/$defs/Node"})
    cleaned = clean({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert cleaned == {
        "type": "OBJECT",
        "properties": {"next": {"type": "OBJECT", "description": "(See: Node)"}},
    }


def test_a_reference_to_elsewhere_is_named() -> None:
    cleaned = clean(properties(a={"$ref": "https://example.org/schemas/Thing"}))
    assert cleaned["properties"] == {"a": {"type": "OBJECT", "description": "(See: Thing)"}}


def test_schemas_that_hold_at_once_are_merged() -> None:
    schema: dict[str, Json] = {
        "allOf": [properties(a=A_STRING) | {"required": ["a"]}, {"properties": {"b": {"type": "integer"}}}],
        "type": "object",
        "required": ["b"],
    }
    assert clean(schema) == {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}},
        "required": ["b", "a"],
    }


def test_what_holds_in_some_cases_only_is_not_required() -> None:
    schema: dict[str, Json] = properties(a=A_STRING) | {
        "if": {"properties": {"a": {"const": "x"}}},
        "then": {"properties": {"b": A_STRING}, "required": ["b"]},
        "required": ["a"],
    }
    assert clean(schema) == {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
        "required": ["a"],
    }


def test_an_object_with_alternatives_stays_an_object() -> None:
    schema: dict[str, Json] = properties(a=A_STRING, b=A_STRING) | {
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    cleaned = clean(schema)
    assert (cleaned["type"], cleaned["description"]) == (
        "OBJECT",
        '(anyOf: [{"required":["a"]},{"required":["b"]}])',
    )


def test_only_properties_that_exist_are_required() -> None:
    schema: dict[str, Json] = properties(a=A_STRING) | {"required": ["a", "ghost"]}
    assert clean(schema)["required"] == ["a"]


def test_a_property_that_may_be_null_is_not_required() -> None:
    schema: dict[str, Json] = properties(a={"type": ["string", "null"]}) | {"required": ["a"]}
    assert "required" not in clean(schema)


def test_a_property_that_calls_itself_required_is() -> None:
    assert clean(properties(a={"type": "string", "required": True}))["required"] == ["a"]


def test_a_property_that_nothing_fits_is_left_out() -> None:
    assert clean(properties(a=False, b=A_STRING))["properties"] == {"b": {"type": "STRING"}}


def size(schema: Json) -> int:
    """How many schemas it is."""
    if not isinstance(schema, dict):
        return 0
    inner = schema.get("properties")
    return 1 + size(schema.get("items")) + (sum(map(size, inner.values())) if isinstance(inner, dict) else 0)


def test_references_that_multiply_come_to_an_end() -> None:
    names = [f"L{number}" for number in range(30)]
    levels: dict[str, Json] = {
        name: {"allOf": [{"$ref": f"#/$defs/{below}"}] * 4, "properties": {name: {"$ref": f"#/$defs/{below}"}}}
        for name, below in pairwise(names)
    }
    assert size(clean({"$ref": "#/$defs/L0", "$defs": levels})) <= MAX_SCHEMAS


def test_a_schema_without_end_comes_to_one() -> None:
    schema: dict[str, Json] = {}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    assert size(clean(schema)) == MAX_DEPTH + 2


KEYS = st.sampled_from(
    ["type", "properties", "items", "enum", "const", "required", "anyOf", "allOf", "if", "$ref", "default", "a", "not"]
)
SCHEMAS = st.recursive(
    st.sampled_from([None, True, 3, "string", "object", "null", "#/properties/a", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def is_clean(schema: Json) -> bool:
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return False
    if schema.keys() - {"type", "description", "properties", "required", "items", "enum", "minimum", "maximum"}:
        return False
    inner = schema.get("properties", {})
    return (
        isinstance(inner, dict)
        and all(map(is_clean, inner.values()))
        and ("items" not in schema or is_clean(schema["items"]))
    )


@given(st.dictionaries(KEYS, SCHEMAS, max_size=5))
def test_whatever_comes_only_known_keywords_leave(schema: dict[str, Json]) -> None:
    assert is_clean(clean(schema))
