"""Google's schemas, read as JSON Schema."""

from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.openapi import read_schema


@pytest.mark.parametrize(
    ("schema", "read"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "TYPE_UNSPECIFIED"}, {}),
        ({"type": "ARRAY", "items": {"type": "NUMBER"}}, {"type": "array", "items": {"type": "number"}}),
        ({"type": "STRING", "minLength": "3"}, {"type": "string", "minLength": 3}),
        ({"type": "ARRAY", "max_items": 4}, {"type": "array", "maxItems": 4}),
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "STRING", "example": "a"}, {"type": "string", "examples": ["a"]}),
        ({"type": "INTEGER", "nullable": True}, {"type": ["integer", "null"]}),
        ({"any_of": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"ref": "#/$defs/A", "defs": {"A": {"type": "OBJECT"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}},
        ),
    ],
)
def test_each_keyword_is_said_in_json_schema(schema: dict[str, Json], read: dict[str, Json]) -> None:
    assert read_schema(schema, "s") == read


def test_properties_stand_in_the_order_that_is_asked_for() -> None:
    schema: dict[str, Json] = {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
        "propertyOrdering": ["b", "a"],
    }
    properties = read_schema(schema, "s")["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["b", "a"]


def test_properties_may_be_called_as_keywords_are() -> None:
    schema: dict[str, Json] = {
        "type": "OBJECT",
        "properties": {"nullable": {"type": "BOOLEAN"}, "type": {"enum": ["A"]}},
    }
    assert read_schema(schema, "s")["properties"] == {"nullable": {"type": "boolean"}, "type": {"enum": ["A"]}}


def test_json_schema_passes_unchanged() -> None:
    schema: dict[str, Json] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "pattern": "^A"}},
        "additionalProperties": False,
    }
    assert read_schema(schema, "s") == schema


def test_a_schema_without_end_is_refused() -> None:
    schema: dict[str, Json] = {}
    for _ in range(200):
        schema = {"items": schema}
    with pytest.raises(BadRequest, match=r"tools\.0: The schema is nested too deeply\."):
        read_schema(schema, "tools.0")
