from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.instance import MAX_VALUES, instance
from cliproxy.demo.replies import Json


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string"}, "demo"),
        ({"type": "STRING"}, "demo"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "minLength": 6}, "demo.."),
        ({"type": "string", "maxLength": 2}, "de"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "number", "minimum": 0.5}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 0),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "array", "items": {"type": "integer"}}, [0]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": "2"}, [0, 0]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({}, {}),
        (None, {}),
    ],
)
def test_a_schema_has_its_instance(schema: Json, made: Json) -> None:
    assert instance(schema) == made


def test_an_object_has_its_required_properties() -> None:
    properties: Json = {"a": {"type": "string"}, "b": {"type": "integer"}}
    assert instance({"type": "object", "properties": properties, "required": ["b"]}) == {"b": 0}


def test_a_required_property_without_a_schema_is_a_word() -> None:
    assert instance({"type": "object", "required": ["a"]}) == {"a": "demo"}


def test_a_reference_is_followed() -> None:
    schema: Json = {"$ref": "#/$defs/answer", "$defs": {"answer": {"enum": ["yes"]}}}
    assert instance(schema) == "yes"


def test_a_reference_to_nowhere_is_null() -> None:
    assert instance({"type": "array", "items": {"$ref": "#/$defs/nobody"}}) == [None]


def test_all_of_is_all_of_them() -> None:
    schema: Json = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"$ref": "#/$defs/more"},
        ],
        "$defs": {"more": {"properties": {"b": {"const": 2}}, "required": ["b"]}},
    }
    assert instance(schema) == {"a": 0, "b": 2}


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    schema: Json = {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}},
        "required": ["left", "right"],
    }
    assert str(instance(schema)).count("left") <= MAX_VALUES


KEYWORDS = ("type", "properties", "required", "items", "enum", "anyOf", "allOf", "$ref", "minItems", "minLength")
ODD: st.SearchStrategy[Json] = st.recursive(
    st.sampled_from([None, True, -1, 1e300, "object", "array", "string", "integer", "#", "#/items"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)


@given(ODD)
def test_every_instance_can_be_written(schema: Json) -> None:
    orjson.dumps(instance(schema))


@pytest.mark.parametrize("bound", [1e300, 2**63, "9" * 40])
def test_a_bound_beyond_all_numbers_is_none(bound: Json) -> None:
    assert instance({"type": "integer", "minimum": bound}) == 0


def test_what_is_nested_too_deeply_to_be_written_is_empty() -> None:
    deep: Json = 1
    for _ in range(230):
        deep = [deep]
    links: dict[str, Json] = {f"{i}": {"type": "array", "items": {"$ref": f"#/$defs/{i + 1}"}} for i in range(10)}
    assert instance({"$ref": "#/$defs/0", "$defs": {**links, "10": {"const": deep}}}) == {}
