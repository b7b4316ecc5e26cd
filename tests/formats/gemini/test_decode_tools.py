"""Tools of a client of this wire."""

from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Function, ServerTool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.decode_tools import decode_choice, decode_tools

SCHEMA: dict[str, Json] = {"type": "object", "properties": {"path": {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize("key", ["parametersJsonSchema", "parameters_json_schema"])
def test_a_function_with_json_schema_has_it_as_it_is(key: str) -> None:
    (tool,) = decode_tools([{"functionDeclarations": [{"name": "f", "description": "D", key: SCHEMA}]}])
    assert isinstance(tool, Function)
    assert (tool.name, tool.description, tool.parameters) == ("f", "D", SCHEMA)


def test_a_function_with_googles_schema_has_it_as_json_schema() -> None:
    schema: Json = {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}}
    (tool,) = decode_tools([{"function_declarations": [{"name": "f", "parameters": schema}]}])
    assert isinstance(tool, Function)
    assert tool.parameters == {"type": "object", "properties": {"path": {"type": "string"}}}


def test_a_function_without_a_schema_has_none() -> None:
    (tool,) = decode_tools([{"functionDeclarations": [{"name": "f"}]}])
    assert isinstance(tool, Function)
    assert tool.parameters is None


def test_what_only_google_says_of_a_function_is_kept() -> None:
    (tool,) = decode_tools([{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}])
    assert isinstance(tool, Function)
    assert tool.extras == {"behavior": "BLOCKING"}


def test_a_function_without_a_name_is_refused_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"tools\.0\.functionDeclarations\.1\.name: Field required\."):
        decode_tools([{"functionDeclarations": [{"name": "f"}, {}]}])


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("googleSearch", "web_search"),
        ("google_search", "web_search"),
        ("googleSearchRetrieval", "web_search"),
        ("urlContext", "web_fetch"),
        ("codeExecution", "code_execution"),
        ("googleMaps", "googleMaps"),
    ],
)
def test_the_tools_that_google_runs_are_known(key: str, kind: str) -> None:
    assert decode_tools([{key: {}}]) == (ServerTool(kind, "gemini", raw={key: {}}),)


def test_excluded_domains_are_blocked_ones() -> None:
    (tool,) = decode_tools([{"googleSearch": {"excludeDomains": ["a.com"]}}])
    assert isinstance(tool, ServerTool)
    assert tool.blocked_domains == ("a.com",)


def test_one_entry_may_hold_several_tools() -> None:
    tools = decode_tools([{"functionDeclarations": [{"name": "f"}, {"name": "g"}], "googleSearch": {}}])
    assert [type(tool) for tool in tools] == [Function, Function, ServerTool]


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", ("f",))),
        ({"mode": "VALIDATED", "allowed_function_names": ["f", "g"]}, ToolChoice("auto", ("f", "g"))),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({}, None),
    ],
)
def test_each_mode_has_its_choice(calling: Json, choice: ToolChoice | None) -> None:
    assert decode_choice({"functionCallingConfig": calling}) == (choice, {})


def test_what_else_stands_there_is_left() -> None:
    config = {
        "function_calling_config": {"mode": "VALIDATED", "streamFunctionCallArguments": True},
        "retrievalConfig": {"languageCode": "en"},
    }
    assert decode_choice(config) == (
        ToolChoice("auto"),
        {
            "retrievalConfig": {"languageCode": "en"},
            "functionCallingConfig": {"streamFunctionCallArguments": True, "mode": "VALIDATED"},
        },
    )


def test_another_mode_is_refused_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"toolConfig\.functionCallingConfig\.mode: One of AUTO"):
        decode_choice({"functionCallingConfig": {"mode": "SOMETIMES"}})
