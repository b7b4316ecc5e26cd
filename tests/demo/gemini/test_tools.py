from __future__ import annotations

import pytest
from google.genai import types

from cliproxy.demo.gemini.tools import SCHEMA
from cliproxy.demo.gemini.words import snake
from cliproxy.demo.replies import Json, JsonObject
from tests.demo.gemini.generating import PATH, TOOLS, calls, parts, refused

JSON_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"a": {"type": ["integer", "null"]}},
    "required": ["a"],
    "additionalProperties": False,
}


def declaring(**fields: Json) -> list[Json]:
    return [{"functionDeclarations": [{"name": "Read", **fields}]}]


def config(**fields: Json) -> dict[str, Json]:
    return {"functionCallingConfig": dict(fields)}


def test_the_schema_has_the_sdks_keywords_but_those_of_json_schema_alone() -> None:
    assert {snake(name) for name in SCHEMA} == types.Schema.model_fields.keys() - {
        "additional_properties",
        "defs",
        "ref",
    }


def test_a_tool_may_have_a_json_schema() -> None:
    made = calls("hello", tools=declaring(parametersJsonSchema=JSON_SCHEMA), toolConfig=config(mode="ANY"))
    assert made == [("Read", {"a": 0})]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (JSON_SCHEMA, 'Unknown name "additionalProperties"'),
        ({"type": "OBJECT", "$schema": "x"}, 'Unknown name "$schema"'),
        ({"type": ["STRING", "NULL"]}, "Proto field is not repeating, cannot start list."),
        ({"type": "TEXT"}, "Invalid value at 'tools[0].function_declarations[0].parameters.type'"),
        ({"type": "OBJECT", "properties": {"a": {"const": 1}}}, 'Unknown name "const"'),
        ({"type": "ARRAY", "items": {"oneOf": []}}, 'Unknown name "oneOf"'),
        ({"anyOf": [{"$ref": "#"}]}, 'Unknown name "$ref"'),
        ({"type": "INTEGER", "enum": [1]}, "enum[0]"),
        ({"type": "OBJECT", "properties": {"a": {}}, "required": ["b"]}, "property is not defined"),
    ],
)
def test_a_schema_that_protobuf_has_no_room_for_is_refused(schema: JsonObject, told: str) -> None:
    assert told in refused(tools=declaring(parameters=schema))


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        (declaring(parameters=PATH, parametersJsonSchema=JSON_SCHEMA), "Only one of parameters"),
        (declaring(strict=True), 'Unknown name "strict"'),
        ([{"functionDeclarations": [{"description": "x"}]}], "name is not specified"),
        ([{"functionDeclarations": [{"name": "1st"}]}], "Invalid function name."),
        ([{"functionDeclarations": [{"name": "n" * 129}]}], "Invalid function name."),
        ([{"functionDeclarations": [{"name": "a"}, {"name": "a"}]}], "Duplicate function declaration found: a"),
        ([{"type": "function"}], 'Unknown name "type"'),
    ],
)
def test_a_tool_that_is_wrong_is_refused(tools: list[Json], told: str) -> None:
    assert told in refused(tools=tools)


# -- the choice ----------------------------------------------------------------------------------------------------


def test_a_function_that_must_be_called_is_called_by_its_schema() -> None:
    assert calls("hello", tools=TOOLS, toolConfig=config(mode="ANY")) == [("Read", {"path": "demo"})]


def test_a_function_that_is_forced_is_called() -> None:
    made = calls("[[tool:Read]]", tools=TOOLS, toolConfig=config(mode="ANY", allowedFunctionNames=["Bash"]))
    assert made == [("Bash", {})]


@pytest.mark.parametrize(("mode", "count"), [("AUTO", 1), ("VALIDATED", 1), ("NONE", 0)])
def test_a_mode_lets_the_script_call_or_not(mode: str, count: int) -> None:
    assert len(calls("[[tool:Read]]", tools=TOOLS, toolConfig=config(mode=mode))) == count


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tools": TOOLS, "toolConfig": config(mode="SOME")}, "tool_config.function_calling_config.mode"),
        ({"tools": TOOLS, "toolConfig": config(allowedFunctionNames=["Read"])}, "only be set when"),
        ({"tools": TOOLS, "toolConfig": config(mode="ANY", allowedFunctionNames=["Rm"])}, "Rm are not declared"),
        ({"toolConfig": config(mode="ANY")}, "without function_declarations"),
        ({"tools": TOOLS, "toolConfig": config(parallel=True)}, 'Unknown name "parallel"'),
    ],
)
def test_a_choice_that_cannot_be_is_refused(fields: dict[str, Json], told: str) -> None:
    assert told in refused("hello", **fields)


def test_tools_of_the_service_are_never_called() -> None:
    assert "functionCall" not in parts("hello", tools=[{"googleSearch": {}}, {"codeExecution": {}}])[0]
