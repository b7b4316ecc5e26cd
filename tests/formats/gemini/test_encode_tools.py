"""Tools, written for Google's servers."""

from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, Tool, ToolChoice
from cliproxy.formats.codec import Dialect, Target
from cliproxy.formats.gemini.encode_tools import encode_choice, encode_tools

SCHEMA: dict[str, Json] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"a": {"type": ["string", "null"]}},
    "additionalProperties": False,
}
JSON_SCHEMA = Target("gemini-3-pro")
PROTOBUF = Target("gemini-3-pro", Dialect(json_schema=False))


def written(*tools: Tool, target: Target = JSON_SCHEMA, of: str = "anthropic") -> tuple[list[Json], list[str]]:
    losses = Losses()
    tools_written = encode_tools(Request(of, "m", (), tools=tools), target, losses)
    return tools_written, [loss.field for loss in losses.dropped]


def chosen(choice: ToolChoice | None, *tools: Tool) -> tuple[Json, list[str]]:
    losses = Losses()
    config = encode_choice(Request("anthropic", "m", (), tools=tools, tool_choice=choice), losses)
    return config, [loss.field for loss in losses.dropped]


def test_functions_share_an_entry_with_their_schemas_as_they_are() -> None:
    assert written(Function("f", "D", SCHEMA), Function("g")) == (
        [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "D", "parametersJsonSchema": SCHEMA},
                    {"name": "g"},
                ]
            }
        ],
        [],
    )


def test_a_server_without_json_schema_gets_cleaned_ones() -> None:
    tools, _ = written(Function("f", parameters=SCHEMA), target=PROTOBUF)
    parameters = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "(nullable)"}}}
    assert tools == [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]


def test_a_cleaned_schema_without_properties_is_left_out() -> None:
    tools, _ = written(Function("f", parameters={"type": "object", "properties": {}}), target=PROTOBUF)
    assert tools == [{"functionDeclarations": [{"name": "f"}]}]


def test_of_two_tools_of_one_name_the_first_stands() -> None:
    tools, lost = written(Function("f", "one"), Function("f", "two"))
    assert (tools, lost) == ([{"functionDeclarations": [{"name": "f", "description": "one"}]}], ["tools.1"])


@pytest.mark.parametrize(
    ("kind", "name"), [("web_search", "googleSearch"), ("web_fetch", "urlContext"), ("code_execution", "codeExecution")]
)
def test_google_runs_some_tools_too(kind: str, name: str) -> None:
    assert written(ServerTool(kind, "anthropic")) == ([{name: {}}], [])


def test_the_settings_of_a_search_are_lost() -> None:
    tool = ServerTool("web_search", "anthropic", ("a.org",), ("b.org",), 3, {"city": "Rome"})
    assert written(tool)[1] == [
        "tools.0.allowed_domains",
        "tools.0.blocked_domains",
        "tools.0.max_uses",
        "tools.0.user_location",
    ]


def test_googles_own_tools_stand_as_they_stood() -> None:
    assert written(ServerTool("googleMaps", "gemini", raw={"googleMaps": {"a": 1}}), of="gemini") == (
        [{"googleMaps": {"a": 1}}],
        [],
    )


def test_a_search_beside_functions_is_lost() -> None:
    assert written(ServerTool("web_search", "openai-responses"), Function("f")) == (
        [{"functionDeclarations": [{"name": "f"}]}],
        ["tools.0"],
    )


@pytest.mark.parametrize("tool", [ServerTool("computer", "anthropic"), Custom("apply_patch")])
def test_what_google_does_not_run_is_lost(tool: Tool) -> None:
    assert written(tool) == ([], ["tools.0"])


def test_what_other_formats_say_of_a_function_is_lost() -> None:
    assert written(Function("f", strict=True, extras={"eager_input_streaming": True}))[1] == [
        "tools.0.strict",
        "tools.0.eager_input_streaming",
    ]


def test_what_google_says_of_a_function_comes_back() -> None:
    assert written(Function("f", extras={"behavior": "BLOCKING"}), of="gemini") == (
        [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}],
        [],
    )


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ("f", "g")), {"mode": "VALIDATED", "allowedFunctionNames": ["f", "g"]}),
    ],
)
def test_each_choice_has_its_mode(choice: ToolChoice, calling: Json) -> None:
    assert chosen(choice, Function("f"), Function("g")) == ({"functionCallingConfig": calling}, [])


def test_without_functions_there_is_nothing_to_choose() -> None:
    assert chosen(ToolChoice("none")) == (None, [])


def test_a_call_cannot_be_forced_where_there_is_no_function() -> None:
    assert chosen(ToolChoice("required"), ServerTool("web_search", "anthropic")) == (None, ["tool_choice"])


def test_a_tool_of_the_vendors_cannot_be_forced() -> None:
    assert chosen(ToolChoice("required", ("web_search",)), Function("f")) == (None, ["tool_choice"])


def test_a_choice_that_nobody_made_is_not_written() -> None:
    assert chosen(None, Function("f")) == (None, [])
