from __future__ import annotations

import pytest

from cliproxy.conversation.parts import CacheMark, Json
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_tools import decode_tool_choice, decode_tools
from cliproxy.formats.openai_chat.fields import Place

SCHEMA: dict[str, Json] = {"type": "object", "properties": {"a": {"type": "string"}}}


def tool(value: object) -> Tool:
    (found,) = decode_tools(Place({"tools": [value]}))
    return found


def choice(value: object, key: str = "tool_choice") -> ToolChoice | None:
    return decode_tool_choice(Place({key: value}))


def test_a_function_has_a_schema() -> None:
    function = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
    assert tool({"type": "function", "function": function}) == Function("f", "d", SCHEMA, True)


def test_a_function_without_a_schema_has_none() -> None:
    assert tool({"type": "function", "function": {"name": "f"}}) == Function("f")


def test_other_fields_of_a_function_are_carried() -> None:
    found = tool({"type": "function", "function": {"name": "f", "x": 1}})
    assert isinstance(found, Function)
    assert found.extras == {"x": 1}


def test_a_function_may_stand_flat() -> None:
    assert tool({"type": "function", "name": "f", "parameters": SCHEMA}) == Function("f", parameters=SCHEMA)


def test_a_function_may_be_written_as_anthropics_are() -> None:
    assert tool({"name": "f", "description": "d", "input_schema": SCHEMA}) == Function("f", "d", SCHEMA)


def test_a_tool_may_be_cached() -> None:
    found = tool({"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral", "ttl": "1h"}})
    assert found == Function("f", cache=CacheMark("1h"))


def test_a_custom_tool_has_a_grammar() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    custom = {"name": "c", "description": "d", "format": grammar}
    assert tool({"type": "custom", "custom": custom}) == Custom("c", "d", "lark", "start: x")


def test_a_custom_tool_may_take_any_text() -> None:
    assert tool({"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}) == Custom("c")


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview"])
def test_a_search_among_the_tools_is_the_vendors(kind: str) -> None:
    assert tool({"type": kind}) == ServerTool("web_search", "openai-chat", raw={"type": kind})


def test_a_tool_of_another_kind_keeps_its_word() -> None:
    assert tool({"type": "news", "x": 1}) == ServerTool("news", "openai-chat", raw={"type": "news", "x": 1})


def test_the_field_for_searches_is_a_tool() -> None:
    options: dict[str, Json] = {
        "user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}
    }
    assert decode_tools(Place({"web_search_options": options})) == (
        ServerTool("web_search", "openai-chat", location={"city": "Bern", "country": "CH"}, raw=options),
    )


def test_the_older_functions_are_tools() -> None:
    assert decode_tools(Place({"functions": [{"name": "f", "parameters": SCHEMA}]})) == (
        Function("f", parameters=SCHEMA),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ("f",))),
        ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("required", ("c",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice("auto", ("f",)),
        ),
    ],
)
def test_each_choice_is_understood(value: object, expected: ToolChoice | None) -> None:
    assert choice(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("none", ToolChoice("none")), ({"name": "f"}, ToolChoice("required", ("f",)))]
)
def test_the_older_choice_is_understood(value: object, expected: ToolChoice) -> None:
    assert choice(value, "function_call") == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x", "tool_choice: One of auto, required, none was expected."),
        (3, "tool_choice: An object was expected."),
        ({"type": "x"}, "tool_choice.type: One of function, custom, allowed_tools was expected."),
        ({"type": "function"}, "tool_choice.name: Field required."),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": 3}},
            "tool_choice.allowed_tools.mode: A string was expected.",
        ),
    ],
)
def test_a_mistaken_choice_is_told(value: object, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        choice(value)
    assert caught.value.message == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "tools.0: An object was expected."),
        ({"type": "function", "function": {}}, "tools.0.function.name: Field required."),
        (
            {"type": "function", "function": {"name": "f", "parameters": 3}},
            "tools.0.function.parameters: An object was expected.",
        ),
        ({"type": "custom", "custom": {}}, "tools.0.custom.name: Field required."),
    ],
)
def test_a_mistaken_tool_is_told(value: object, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tool(value)
    assert caught.value.message == told
