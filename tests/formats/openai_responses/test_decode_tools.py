from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.decode_tools import read_tool_choice, read_tools, without_duplicates

SCHEMA: Json = {"type": "object", "properties": {}}
SPACED = Function("close", namespace="agents")


def tools(*entries: Json) -> list[Tool]:
    return read_tools(list(entries), "tools", Losses())


def choice(value: Json, *known: Tool) -> ToolChoice | None:
    return read_tool_choice(value, known, Losses())


def test_a_function_is_flat() -> None:
    entry: Json = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": False}
    assert tools(entry) == [Function("f", "d", {"type": "object", "properties": {}}, False)]


def test_strict_that_is_not_said_stays_unsaid() -> None:
    tool = tools({"type": "function", "name": "f"})[0]
    assert isinstance(tool, Function)
    assert tool.strict is None


def test_what_only_this_wire_says_of_a_function_is_kept() -> None:
    tool = tools({"type": "function", "name": "f", "defer_loading": True})[0]
    assert isinstance(tool, Function)
    assert tool.extras == {"defer_loading": True}


def test_a_free_form_tool_has_its_grammar() -> None:
    form: Json = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    entry: Json = {"type": "custom", "name": "apply_patch", "description": "d", "format": form}
    assert tools(entry) == [Custom("apply_patch", "d", "lark", "start: /a/")]


def test_a_free_form_tool_may_take_any_text() -> None:
    assert tools({"type": "custom", "name": "x", "format": {"type": "text"}}) == [Custom("x")]


def test_what_nobody_knows_of_a_free_form_tool_is_noted() -> None:
    losses = Losses()
    read_tools([{"type": "custom", "name": "x", "defer_loading": True}], "tools", losses)
    assert [loss.field for loss in losses] == ["tools.0.defer_loading"]


def test_tools_in_a_namespace_are_tools_with_a_namespace() -> None:
    entry: Json = {
        "type": "namespace",
        "name": "agents",
        "description": "Agents.",
        "tools": [
            {"type": "function", "name": "close"},
            {"type": "function", "name": "open"},
            {"type": "custom", "name": "run"},
        ],
    }
    assert tools(entry) == [
        Function("close", namespace="agents", extras={"namespace": {"description": "Agents."}}),
        Function("open", namespace="agents"),
        Custom("run", namespace="agents"),
    ]


@pytest.mark.parametrize(
    "kind", ["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"]
)
def test_web_search_has_several_names(kind: str) -> None:
    tool = tools({"type": kind})[0]
    assert isinstance(tool, ServerTool)
    assert tool.kind == "web_search"


def test_web_search_has_domains_and_a_place() -> None:
    entry: dict[str, Json] = {
        "type": "web_search",
        "filters": {"allowed_domains": ["a.example"]},
        "user_location": {"type": "approximate", "city": "Graz", "country": None},
    }
    assert tools(entry) == [
        ServerTool(
            "web_search", "openai-responses", allowed_domains=("a.example",), location={"city": "Graz"}, raw=entry
        )
    ]


@pytest.mark.parametrize("kind", ["tool_search", "mcp", "code_interpreter", "local_shell", "image_generation"])
def test_other_tools_of_the_vendors_keep_their_name(kind: str) -> None:
    assert tools({"type": kind, "x": 1}) == [ServerTool(kind, "openai-responses", raw={"type": kind, "x": 1})]


def test_of_duplicates_the_first_wins() -> None:
    assert without_duplicates([Function("f", "1"), Custom("f", "2"), SPACED, Function("f", "3")], Losses()) == (
        Function("f", "1"),
        SPACED,
    )


def test_a_tool_of_the_vendors_is_declared_once() -> None:
    search = ServerTool("web_search", "openai-responses", raw={"type": "web_search"})
    assert without_duplicates([search, search], Losses()) == (search,)


@pytest.mark.parametrize("word", ["none", "auto", "required"])
def test_a_choice_may_be_a_word(word: str) -> None:
    found = choice(word)
    assert found is not None
    assert (found.mode, found.names) == (word, ())


def test_one_function_is_forced() -> None:
    assert choice({"type": "function", "name": "f"}, Function("f")) == ToolChoice("required", ("f",))


def test_one_free_form_tool_is_forced() -> None:
    assert choice({"type": "custom", "name": "p"}, Custom("p")) == ToolChoice("required", ("p",))


def test_a_tool_of_the_vendors_is_forced_by_its_kind() -> None:
    assert choice({"type": "web_search_preview"}) == ToolChoice("required", ("web_search",))


def test_a_tool_in_a_namespace_is_meant_by_its_whole_name() -> None:
    assert choice({"type": "function", "name": "close"}, SPACED) == ToolChoice("required", ("agents__close",))


def test_a_direct_tool_wins_over_one_in_a_namespace() -> None:
    assert choice({"type": "function", "name": "close"}, SPACED, Function("close")) == ToolChoice(
        "required", ("close",)
    )


def test_some_tools_are_allowed() -> None:
    value: Json = {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}],
    }
    assert choice(value) == ToolChoice("auto", ("f", "mcp"))


def test_no_choice_is_none() -> None:
    assert choice(None) is None


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"name": "f"}, "tools.0.type: A string was expected."),
        ({"type": "function"}, "tools.0.name: A string was expected."),
        ({"type": "function", "name": "f", "parameters": []}, "tools.0.parameters: An object was expected."),
        ({"type": "function", "name": "f", "strict": "yes"}, "tools.0.strict: A boolean was expected."),
        (
            {"type": "custom", "name": "f", "format": {"type": "grammar"}},
            "tools.0.format.syntax: A string was expected.",
        ),
        ({"type": "namespace", "name": "n", "tools": [3]}, "tools.0.tools.0: An object was expected."),
    ],
)
def test_garbage_is_refused_with_its_path(entry: Json, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tools(entry)
    assert caught.value.message == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("maybe", "tool_choice: One of none, auto, required was expected."),
        (3, "tool_choice: An object was expected."),
        ({"type": "function"}, "tool_choice.name: A string was expected."),
        ({"type": "allowed_tools", "tools": [{}]}, "tool_choice.tools.0.type: A string was expected."),
    ],
)
def test_a_choice_that_is_none_is_refused(value: Json, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        choice(value)
    assert caught.value.message == told
