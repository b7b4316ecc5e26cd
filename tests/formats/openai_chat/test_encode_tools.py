from __future__ import annotations

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, Tool, ToolChoice
from cliproxy.formats.codec import Dialect
from cliproxy.formats.openai_chat.encode_tools import encode_tools, with_properties

F = Function("f", parameters={"type": "object", "properties": {}})
EMPTY: dict[str, Json] = {"type": "object", "properties": {}}


def written(
    *tools: Tool,
    choice: ToolChoice | None = None,
    parallel: bool | None = None,
    own: bool = False,
    custom_tools: bool = True,
) -> tuple[dict[str, Json], list[str]]:
    losses = Losses()
    request = Request(
        "openai-chat" if own else "anthropic",
        "m",
        (),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    return encode_tools(request, Dialect(custom_tools=custom_tools), losses), [loss.field for loss in losses]


def test_a_function_is_written_whole() -> None:
    body, losses = written(Function("f", "d", {"type": "object", "properties": {"a": {"type": "string"}}}, True))
    assert body == {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
                    "strict": True,
                },
            }
        ]
    }
    assert losses == []


def test_a_function_without_a_schema_takes_nothing() -> None:
    body, _ = written(Function("f"))
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": EMPTY}}]


def test_its_own_fields_return_to_their_format() -> None:
    body, _ = written(Function("f", extras={"x": 1}), own=True)
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": EMPTY, "x": 1}}]


def test_fields_of_another_format_do_not() -> None:
    body, _ = written(Function("f", extras={"x": 1}))
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": EMPTY}}]


def test_objects_say_which_properties_they_have() -> None:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {
            "a": {"type": "object"},
            "b": {"type": "array", "items": {"type": ["object", "null"]}},
            "type": {"anyOf": [{"type": "object"}, {"type": "string"}]},
            "c": {"type": "object", "properties": {"d": {"type": "number"}}},
        },
    }
    assert with_properties(schema) == {
        "type": "object",
        "properties": {
            "a": EMPTY,
            "b": {"type": "array", "items": {"type": ["object", "null"], "properties": {}}},
            "type": {"anyOf": [EMPTY, {"type": "string"}]},
            "c": {"type": "object", "properties": {"d": {"type": "number"}}},
        },
    }


def test_values_that_look_like_schemas_stay_as_they_are() -> None:
    schema: dict[str, Json] = {**EMPTY, "default": {"type": "object"}, "enum": [{"type": "object"}]}
    assert with_properties(schema) == schema


def test_a_bottomless_schema_is_mended_near_its_top() -> None:
    deep: dict[str, Json] = {"type": "object"}
    for _ in range(5000):
        deep = {"items": deep}
    assert with_properties(deep)["items"] is not None


def test_a_custom_tool_has_a_grammar() -> None:
    body, _ = written(Custom("c", "d", "regex", "x+"))
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "x+"}}
    assert body["tools"] == [{"type": "custom", "custom": {"name": "c", "description": "d", "format": grammar}}]


def test_a_custom_tool_is_lost_where_nobody_knows_such() -> None:
    assert written(Custom("c"), custom_tools=False) == ({}, ["tools.c"])


def test_a_search_returns_to_its_own_field() -> None:
    search = ServerTool("web_search", "openai-chat", raw={"search_context_size": "low"})
    assert written(search, own=True) == ({"web_search_options": {"search_context_size": "low"}}, [])


def test_an_own_tool_of_another_kind_returns_as_it_stood() -> None:
    tool = ServerTool("news", "openai-chat", raw={"type": "news"})
    assert written(tool, own=True) == ({"tools": [{"type": "news"}]}, [])


def test_a_search_of_another_format_is_lost() -> None:
    assert written(ServerTool("web_search", "anthropic")) == ({}, ["tools.web_search"])


def test_a_mode_is_a_word() -> None:
    body, _ = written(F, choice=ToolChoice("none"))
    assert body["tool_choice"] == "none"


def test_one_tool_is_named() -> None:
    body, _ = written(F, choice=ToolChoice("required", ("f",)))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_a_custom_tool_is_named_as_such() -> None:
    body, _ = written(Custom("c"), choice=ToolChoice("required", ("c",)))
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "c"}}


def test_some_tools_are_allowed() -> None:
    body, _ = written(F, Custom("c"), choice=ToolChoice("auto", ("f", "c")))
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [
                {"type": "function", "function": {"name": "f"}},
                {"type": "custom", "custom": {"name": "c"}},
            ],
        },
    }


def test_without_tools_there_is_no_choice() -> None:
    assert written(choice=ToolChoice("auto"), parallel=False) == ({}, [])


def test_a_demand_that_nothing_can_meet_is_lost() -> None:
    assert written(choice=ToolChoice("required")) == ({}, ["tool_choice"])


def test_calls_one_at_a_time() -> None:
    body, _ = written(F, parallel=False)
    assert body["parallel_tool_calls"] is False


def test_a_tools_field_of_another_format_is_not_lost_in_silence() -> None:
    assert written(Function("f", extras={"defer_loading": True, "examples": []}))[1] == ["tools.f.defer_loading"]
