"""Schemas of tools for servers of Google's that know only the protobuf's own, and names that they take."""

from __future__ import annotations

import pytest

from cliproxy.formats.codec import Dialect
from tests.support.pairs import Body, asking, dropped, emulated, translated

PROTOBUF = Dialect(json_schema=False)
C, G = "openai-chat", "gemini"


def tool(parameters: object, name: str = "f") -> Body:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def cleaned(**properties: object) -> Body:
    """What becomes of the properties of a tool's arguments."""
    left: Body = whole({"type": "object", "properties": properties})["properties"]
    return left


def whole(schema: Body) -> Body:
    body = asking(C, tools=[tool(schema)])
    (declared,) = translated(C, G, body, dialect=PROTOBUF)["tools"][0]["functionDeclarations"]
    parameters: Body = declared["parameters"]
    return parameters


UNKNOWN = (
    "$schema",
    "$id",
    "$comment",
    "patternProperties",
    "propertyNames",
    "additionalProperties",
    "enumDescriptions",
    "enumTitles",
    "prefill",
    "deprecated",
    "encrypted",
    "x-anything",
)


@pytest.mark.parametrize("keyword", UNKNOWN)
def test_a_keyword_that_google_refuses_is_taken_out(keyword: str) -> None:
    schema: Body = {"type": "object", keyword: {}, "properties": {"a": {"type": "string", keyword: {}}}}
    assert keyword not in str(whole(schema))


@pytest.mark.parametrize("keyword", UNKNOWN)
def test_a_property_that_bears_the_name_of_a_keyword_stays(keyword: str) -> None:
    assert keyword in cleaned(**{keyword: {"type": "string"}})


@pytest.mark.parametrize(
    ("bound", "hint"),
    [
        ({"minLength": 2}, "min length: 2"),
        ({"pattern": "^a"}, "pattern: ^a"),
        ({"format": "uuid"}, "format: uuid"),
        ({"default": "d"}, "default: d"),
        ({"examples": ["e"]}, 'examples: ["e"]'),
    ],
)
def test_a_bound_that_cannot_be_told_is_told_in_the_description(bound: Body, hint: str) -> None:
    described = cleaned(a={"type": "string", "description": "D", **bound})["a"]["description"]
    assert described.startswith("D")
    assert hint in described


def test_numbers_to_choose_from_are_texts() -> None:
    assert cleaned(n={"type": "integer", "enum": [1, 12345678901234567890]})["n"] == {
        "type": "STRING",
        "enum": ["1", "12345678901234567890"],
    }


def test_a_constant_is_the_one_choice() -> None:
    assert cleaned(c={"const": "k"})["c"] == {"type": "STRING", "enum": ["k"]}


def test_a_reference_is_replaced_by_what_it_means() -> None:
    schema: Body = {
        "type": "object",
        "properties": {"r": {"$ref": "#/$defs/X"}},
        "$defs": {"X": {"type": "object", "properties": {"y": {"type": "string"}}}},
    }
    assert whole(schema)["properties"]["r"]["properties"] == {"y": {"type": "STRING"}}


def test_a_reference_to_itself_ends_in_a_hint() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    schema: Body = {"type": "object", "properties": {"r": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}
    assert "See: Node" in str(whole(schema))


def test_all_of_several_is_one() -> None:
    branches = [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "string"}}}]
    merged = cleaned(m={"allOf": branches})["m"]
    assert merged["properties"].keys() == {"a", "b"}
    assert merged["required"] == ["a"]


def test_of_a_union_the_object_is_kept_and_the_others_told() -> None:
    union = cleaned(u={"anyOf": [{"type": "string"}, {"type": "object", "properties": {"z": {"type": "string"}}}]})["u"]
    assert union["type"] == "OBJECT"
    assert "Accepts: string | object" in union["description"]


def test_what_may_be_null_is_not_required() -> None:
    schema: Body = {
        "type": "object",
        "properties": {"a": {"type": ["null", "string"]}, "b": {"type": "string"}},
        "required": ["a", "b"],
    }
    assert whole(schema)["required"] == ["b"]


def test_what_is_required_exists() -> None:
    schema: Body = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "gone"]}
    assert whole(schema)["required"] == ["a"]


def test_a_property_with_dots_is_one_property() -> None:
    assert cleaned(**{"a.b": {"type": "string"}}) == {"a.b": {"type": "STRING"}}


def test_branches_of_a_condition_are_laid_together() -> None:
    condition = {
        "if": {"properties": {"q": {"type": "string"}}},
        "then": {"properties": {"w": {"type": "string"}}},
        "else": {"properties": {"v": {"type": "string"}}},
    }
    assert cleaned(i=condition)["i"]["properties"].keys() == {"q", "w", "v"}


def test_a_tool_without_arguments_has_no_parameters() -> None:
    body = asking(C, tools=[tool({"type": "object", "properties": {}})])
    assert translated(C, G, body, dialect=PROTOBUF)["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


def test_that_a_schema_is_told_otherwise_is_named() -> None:
    assert "tools.0.parameters" in emulated(C, G, asking(C, tools=[tool({"type": "object"})]), dialect=PROTOBUF)


def test_a_server_that_takes_json_schema_gets_it_as_it_stands() -> None:
    schema: Body = {"type": "object", "$comment": "c", "properties": {"n": {"enum": [1, 12345678901234567890]}}}
    (declared,) = translated(C, G, asking(C, tools=[tool(schema)]))["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"] == schema


def test_a_union_at_the_root_is_laid_together_for_anthropic() -> None:
    branches = [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}},
    ]
    (told,) = translated(C, "anthropic", asking(C, tools=[tool({"anyOf": branches})]))["tools"]
    assert told["input_schema"]["type"] == "object"
    assert told["input_schema"]["properties"].keys() == {"a", "b"}
    assert "required" not in told["input_schema"]


# -- names


def names(*wanted: str) -> list[str]:
    tools = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in wanted]
    told = translated("openai-responses", G, asking("openai-responses", tools=tools))
    return [declared["name"] for declared in told["tools"][0]["functionDeclarations"]]


@pytest.mark.parametrize(
    ("wanted", "told"), [("a.b:c-d", "a.b:c-d"), ("1abc", "_1abc"), ("x@y", "x_y"), ("Look", "Look")]
)
def test_a_name_is_changed_no_more_than_it_must(wanted: str, told: str) -> None:
    assert names(wanted) == [told]


def test_a_long_name_is_cut() -> None:
    assert len(names("n" * 70)[0]) == 64


def test_names_that_would_fall_together_stay_two_whatever_their_order() -> None:
    first, second = names("x@y", "x#y")
    assert first != second
    assert names("x#y", "x@y") == [second, first]


def test_a_changed_name_is_no_loss_as_the_client_never_sees_it() -> None:
    tools = [{"type": "function", "name": "x@y", "parameters": {"type": "object"}}]
    assert dropped("openai-responses", G, asking("openai-responses", tools=tools)) == set()
