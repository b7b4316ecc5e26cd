from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.formats.anthropic.schemas import input_schema, output_schema

A: Json = {"type": "string"}
B: Json = {"type": "integer"}


def test_a_tool_without_a_schema_takes_nothing() -> None:
    assert input_schema(None) == ({"type": "object", "properties": {}}, False)


def test_an_object_stays_as_it_is() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": A}, "required": ["a"], "additionalProperties": False}
    assert input_schema(schema) == (schema, False)


def test_a_schema_that_says_nothing_is_an_object() -> None:
    assert input_schema({}) == ({"type": "object", "properties": {}}, False)


@pytest.mark.parametrize("union", ["anyOf", "oneOf", "allOf"])
def test_branches_are_laid_together_and_none_is_required(union: str) -> None:
    schema: JsonObject = {
        "type": "object",
        "required": ["c"],
        "properties": {"c": A},
        union: [
            {"properties": {"a": A}, "required": ["a"]},
            {"properties": {"b": B}, "required": ["b"]},
        ],
    }
    assert input_schema(schema) == (
        {"type": "object", "required": ["c"], "properties": {"a": A, "b": B, "c": A}},
        True,
    )


def test_a_union_of_constraints_alone_vanishes() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": A, "b": B},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    assert input_schema(schema) == ({"type": "object", "properties": {"a": A, "b": B}}, True)


def test_unions_within_unions_are_laid_together() -> None:
    schema: JsonObject = {"anyOf": [{"oneOf": [{"properties": {"a": A}}]}, {"allOf": [{"properties": {"b": B}}]}]}
    assert input_schema(schema)[0] == {"type": "object", "properties": {"a": A, "b": B}}


def test_of_two_branches_the_first_decides() -> None:
    schema: JsonObject = {"anyOf": [{"properties": {"a": A}}, {"properties": {"a": B}}]}
    assert input_schema(schema)[0]["properties"] == {"a": A}


def test_the_roots_own_properties_decide() -> None:
    schema: JsonObject = {"properties": {"a": B}, "anyOf": [{"properties": {"a": A}}]}
    assert input_schema(schema)[0]["properties"] == {"a": B}


def test_a_reference_at_the_root_is_followed() -> None:
    definitions: Json = {"Order": {"type": "object", "properties": {"a": A}}}
    schema: JsonObject = {"$ref": "#/$defs/Order", "$defs": definitions}
    assert input_schema(schema) == ({"type": "object", "$defs": definitions, "properties": {"a": A}}, True)


def test_references_in_a_circle_end() -> None:
    definitions: Json = {"A": {"$ref": "#/$defs/B"}, "B": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}}
    assert input_schema({"$ref": "#/$defs/A", "$defs": definitions})[0]["properties"] == {}


@pytest.mark.parametrize("junk", [None, 7, "x", {}, [None, 7, "x"]])
def test_a_union_of_junk_is_none(junk: Json) -> None:
    assert input_schema({"type": "object", "anyOf": junk}) == ({"type": "object", "properties": {}}, True)


@pytest.mark.parametrize("kind", ["array", "string", ["object", "null"]])
def test_a_root_of_another_type_becomes_an_object(kind: Json) -> None:
    assert input_schema({"type": kind, "properties": {"a": A}}) == ({"type": "object", "properties": {"a": A}}, True)


def test_the_given_schema_is_not_changed() -> None:
    schema: JsonObject = {"anyOf": [{"properties": {"a": A}}]}
    input_schema(schema)
    assert schema == {"anyOf": [{"properties": {"a": A}}]}


def test_a_closed_answer_stays_as_it_is() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": A}, "additionalProperties": False}
    assert output_schema(schema) == (schema, False)


def test_every_object_of_an_answer_is_closed() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "object"}}, "b": {"anyOf": [{"type": "object"}]}},
        "$defs": {"C": {"type": ["object", "null"]}},
    }
    assert output_schema(schema) == (
        {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "object", "additionalProperties": False}},
                "b": {"anyOf": [{"type": "object", "additionalProperties": False}]},
            },
            "$defs": {"C": {"type": ["object", "null"], "additionalProperties": False}},
            "additionalProperties": False,
        },
        True,
    )


def test_bounds_are_said_in_the_description() -> None:
    schema: JsonObject = {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit"}
    assert output_schema(schema)[0] == {"type": "integer", "description": "A digit (minimum: 1, maximum: 9)"}


def test_a_property_may_be_called_as_a_bound() -> None:
    schema: JsonObject = {"type": "object", "properties": {"minimum": B}, "additionalProperties": False}
    assert output_schema(schema) == (schema, False)


@pytest.mark.parametrize(("least", "left"), [(0, True), (1, True), (2, False)])
def test_a_list_may_be_asked_to_hold_one_thing_at_least(least: int, left: bool) -> None:
    assert ("minItems" in output_schema({"type": "array", "minItems": least})[0]) is left


def test_a_schema_of_any_depth_is_borne() -> None:
    schema: JsonObject = {}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": dict(schema)}}
    output_schema(schema)
