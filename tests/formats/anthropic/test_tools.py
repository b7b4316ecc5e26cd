from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, JsonObject
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.tools import read_choice, read_tools, write_choice, write_tools

EMPTY: JsonObject = {"type": "object", "properties": {}}


def one(tool: JsonObject) -> Tool:
    (found,) = read_tools([dict(tool)], Losses())
    return found


def written(*tools: Tool, client: str = "openai-chat") -> tuple[object, list[str], list[str]]:
    losses = Losses()
    made = write_tools(Request(client, "m", (), tools=tools), losses)
    return made, [loss.field for loss in losses.dropped], [loss.field for loss in losses if loss.emulated]


def chosen(choice: ToolChoice | None, parallel: bool | None = None, *names: str) -> tuple[object, list[str]]:
    losses = Losses()
    request = Request("openai-chat", "m", (), tool_choice=choice, parallel_tool_calls=parallel)
    made = write_choice(request, [{"name": name} for name in names], losses)
    return made, [loss.field for loss in losses.dropped]


# -- reading


def test_a_function_is_read() -> None:
    tool: JsonObject = {
        "name": "read",
        "description": "Reads.",
        "input_schema": dict(EMPTY),
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        "defer_loading": True,
    }
    found = one(tool)
    assert found == Function("read", "Reads.", EMPTY, True, cache=CacheMark(), extras={"defer_loading": True})


def test_a_custom_tool_is_a_function_whatever_its_name() -> None:
    assert one({"type": "custom", "name": "web_search", "input_schema": dict(EMPTY)}) == Function(
        "web_search", parameters=EMPTY
    )


def test_a_function_may_have_no_schema() -> None:
    assert one({"name": "now"}) == Function("now")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("web_search_20250305", "web_search"),
        ("web_search_20260318", "web_search"),
        ("web_search_20991231", "web_search"),
        ("web_fetch_20250910", "web_fetch"),
        ("code_execution_20260120", "code_execution"),
        ("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"),
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "text_editor"),
        ("mcp_toolset", "mcp_toolset"),
        ("news_2026", "news_2026"),
    ],
)
def test_a_tool_of_anthropics_is_known_by_what_stands_before_the_date(said: str, kind: str) -> None:
    tool: JsonObject = {"type": said, "name": "x"}
    found = one(tool)
    assert isinstance(found, ServerTool)
    assert (found.kind, found.format, found.raw) == (kind, "anthropic", tool)


def test_the_limits_of_a_search_are_read() -> None:
    found = one(
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "allowed_domains": ["a.b"],
            "blocked_domains": ["c.d"],
            "max_uses": 3,
            "user_location": {"type": "approximate", "city": "Bonn", "country": "DE", "region": None},
        }
    )
    assert isinstance(found, ServerTool)
    assert (found.allowed_domains, found.blocked_domains, found.max_uses) == (("a.b",), ("c.d",), 3)
    assert found.location == {"city": "Bonn", "country": "DE"}


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        (7, "tools.0"),
        ({}, "tools.0.name"),
        ({"name": "a", "input_schema": []}, "tools.0.input_schema"),
        ({"name": "a", "strict": "yes"}, "tools.0.strict"),
        ({"type": 7}, "tools.0.type"),
        ({"type": "web_search_20250305", "allowed_domains": "a.b"}, "tools.0.allowed_domains"),
        ({"type": "web_search_20250305", "max_uses": "3"}, "tools.0.max_uses"),
    ],
)
def test_a_broken_tool_is_refused_with_its_path(tool: Json, path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        read_tools([tool], Losses())


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        (None, None, None),
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "a"}, ToolChoice("required", ("a",)), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice("auto"), False),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), True),
    ],
)
def test_a_choice_is_read(said: Json, choice: ToolChoice | None, parallel: bool | None) -> None:
    assert read_choice(said, Losses()) == (choice, parallel)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("auto", "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": "some"}, "tool_choice.type"),
        ({"type": "tool"}, "tool_choice.name"),
        ({"type": "auto", "disable_parallel_tool_use": 1}, "tool_choice.disable_parallel_tool_use"),
    ],
)
def test_a_broken_choice_is_refused_with_its_path(said: Json, path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        read_choice(said, Losses())


# -- writing


def test_a_function_is_written() -> None:
    function = Function("read", "Reads.", EMPTY, True, cache=CacheMark("1h"))
    assert written(function) == (
        [
            {
                "name": "read",
                "description": "Reads.",
                "input_schema": EMPTY,
                "strict": True,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            }
        ],
        [],
        [],
    )


def test_a_function_without_a_schema_takes_nothing() -> None:
    assert written(Function("now")) == ([{"name": "now", "input_schema": EMPTY}], [], [])


def test_a_schema_that_had_to_be_changed_is_named() -> None:
    assert written(Function("a", parameters={"anyOf": []}))[2] == ["tools.0.parameters"]


def test_a_strictness_that_is_off_is_not_told() -> None:
    assert written(Function("a", strict=False)) == ([{"name": "a", "input_schema": EMPTY}], [], [])


def test_a_field_of_another_format_is_lost() -> None:
    assert written(Function("a", extras={"news": 1}))[1] == ["tools.0.news"]


def test_a_field_of_this_format_comes_back() -> None:
    function = Function("a", extras={"defer_loading": True})
    made = [{"defer_loading": True, "name": "a", "input_schema": EMPTY}]
    assert written(function, client="anthropic") == (made, [], [])


def test_a_free_form_tool_is_lost() -> None:
    assert written(Custom("apply_patch")) == ([], ["tools.0"], [])


def test_a_tool_of_anthropics_comes_back_as_it_was() -> None:
    raw: JsonObject = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
    assert written(one(raw), client="anthropic") == ([raw], [], [])


def test_a_search_of_another_format_becomes_anthropics() -> None:
    tool = ServerTool(
        "web_search", "openai-responses", ("a.b",), (), 3, {"city": "Bonn", "country": "DE"}, {"type": "web_search"}
    )
    assert written(tool) == (
        [
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "allowed_domains": ["a.b"],
                "max_uses": 3,
                "user_location": {"type": "approximate", "city": "Bonn", "country": "DE"},
            }
        ],
        [],
        [],
    )


def test_domains_are_allowed_or_blocked() -> None:
    made, lost, _ = written(ServerTool("web_search", "gemini", ("a.b",), ("c.d",)))
    assert made == [{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.b"]}]
    assert lost == ["tools.0.blocked_domains"]


def test_domains_may_be_blocked() -> None:
    made, lost, _ = written(ServerTool("web_search", "gemini", (), ("c.d",)))
    assert made == [{"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["c.d"]}]
    assert lost == []


def test_another_tool_of_another_vendors_is_lost() -> None:
    assert written(ServerTool("file_search", "openai-responses")) == ([], ["tools.0"], [])


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("required", ("a",)), None, {"type": "tool", "name": "a"}),
        (ToolChoice("required", ("a",)), False, {"type": "tool", "name": "a", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), None, {"type": "none"}),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_a_choice_is_written(choice: ToolChoice | None, parallel: bool | None, expected: object) -> None:
    assert chosen(choice, parallel, "a", "b") == (expected, [])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto", ("a",)), {"type": "auto"}),
        (ToolChoice("auto", ("a", "b")), {"type": "auto"}),
        (ToolChoice("required", ("a", "b")), {"type": "any"}),
        (ToolChoice("required", ("z",)), {"type": "auto"}),
    ],
)
def test_a_choice_among_some_tools_is_lost(choice: ToolChoice, expected: object) -> None:
    assert chosen(choice, None, "a", "b", "c") == (expected, ["tool_choice"])


def test_without_tools_there_is_nothing_to_choose() -> None:
    assert chosen(ToolChoice("auto"), False) == (None, [])


def test_without_tools_none_can_be_forced() -> None:
    assert chosen(ToolChoice("required")) == (None, ["tool_choice"])
