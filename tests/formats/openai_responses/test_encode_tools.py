from __future__ import annotations

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.formats.openai_responses.encode_tools import write_tool_choice, write_tools


def tools(*given: Tool, own: bool = False) -> tuple[list[Json], list[str]]:
    losses = Losses()
    return write_tools(given, own, losses), [loss.field for loss in losses]


def choice(given: ToolChoice, *known: Tool) -> Json:
    return write_tool_choice(given, known, Losses())


def test_a_function_of_another_wire_is_not_strict() -> None:
    schema: dict[str, Json] = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert tools(Function("f", "d", schema))[0] == [
        {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": False}
    ]


def test_a_function_of_this_wire_is_as_strict_as_it_was() -> None:
    assert tools(Function("f", parameters={"type": "object", "properties": {}}), own=True)[0] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    ]


def test_strict_is_kept() -> None:
    assert tools(Function("f", strict=True))[0] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True}
    ]


def test_an_object_gets_its_list_of_properties() -> None:
    written = tools(Function("f", parameters={"type": "object"}))[0][0]
    assert isinstance(written, dict)
    assert written["parameters"] == {"type": "object", "properties": {}}


def test_what_only_this_wire_says_of_a_function_is_given_back() -> None:
    written = tools(Function("f", extras={"defer_loading": True}), own=True)[0][0]
    assert isinstance(written, dict)
    assert written["defer_loading"] is True


def test_what_another_wire_says_of_a_function_is_not_written() -> None:
    written = tools(Function("f", extras={"eager_input_streaming": True}))[0][0]
    assert isinstance(written, dict)
    assert "eager_input_streaming" not in written


def test_a_free_form_tool_has_its_grammar() -> None:
    assert tools(Custom("p", "d", "lark", "start: /a/"))[0] == [
        {
            "type": "custom",
            "name": "p",
            "description": "d",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"},
        }
    ]


def test_tools_of_one_namespace_are_grouped_where_its_first_stood() -> None:
    first = Function("close", namespace="agents", extras={"namespace": {"description": "Agents."}})
    written, _ = tools(first, Custom("x"), Custom("run", namespace="agents"), own=True)
    assert written == [
        {
            "type": "namespace",
            "name": "agents",
            "description": "Agents.",
            "tools": [
                {"type": "function", "name": "close", "parameters": {"type": "object", "properties": {}}},
                {"type": "custom", "name": "run"},
            ],
        },
        {"type": "custom", "name": "x"},
    ]


def test_a_web_search_of_another_wire_keeps_domains_and_place() -> None:
    search = ServerTool("web_search", "anthropic", ("a.example",), location={"city": "Graz"})
    assert tools(search) == (
        [
            {
                "type": "web_search",
                "filters": {"allowed_domains": ["a.example"]},
                "user_location": {"type": "approximate", "city": "Graz"},
            }
        ],
        [],
    )


def test_domains_that_are_barred_and_limits_are_lost() -> None:
    search = ServerTool("web_search", "anthropic", blocked_domains=("b.example",), max_uses=3)
    assert tools(search) == ([{"type": "web_search"}], ["blocked_domains", "max_uses"])


def test_a_tool_of_this_wire_is_written_as_it_stood() -> None:
    raw: dict[str, Json] = {"type": "mcp", "server_label": "x"}
    assert tools(ServerTool("mcp", "openai-responses", raw=raw)) == ([raw], [])


def test_a_tool_that_another_vendor_runs_is_lost() -> None:
    assert tools(ServerTool("web_fetch", "anthropic")) == ([], ["tools.web_fetch"])


def test_a_word_is_a_word() -> None:
    assert choice(ToolChoice("required")) == "required"


def test_one_tool_is_forced_by_its_name() -> None:
    assert choice(ToolChoice("required", ("f",)), Function("f")) == {"type": "function", "name": "f"}


def test_one_free_form_tool_is_forced_as_such() -> None:
    assert choice(ToolChoice("required", ("p",)), Custom("p")) == {"type": "custom", "name": "p"}


def test_a_web_search_is_forced_by_its_kind() -> None:
    raw: dict[str, Json] = {"type": "web_search_preview"}
    search = ServerTool("web_search", "openai-responses", raw=raw)
    assert choice(ToolChoice("required", ("web_search",)), search) == {"type": "web_search_preview"}


def test_an_mcp_server_is_forced_by_its_label() -> None:
    server = ServerTool("mcp", "openai-responses", raw={"type": "mcp", "server_label": "x"})
    assert choice(ToolChoice("required", ("mcp",)), server) == {"type": "mcp", "server_label": "x"}


def test_some_tools_are_allowed() -> None:
    assert choice(ToolChoice("auto", ("f", "p")), Function("f"), Custom("p"), Function("g")) == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
    }


def test_a_tool_in_a_namespace_is_forced_with_it() -> None:
    assert choice(ToolChoice("required", ("ns__f",)), Function("f", namespace="ns")) == {
        "type": "function",
        "name": "f",
        "namespace": "ns",
    }


def test_a_choice_of_a_tool_that_is_not_there_is_noted() -> None:
    losses = Losses()
    assert write_tool_choice(ToolChoice("required", ("gone",)), (), losses) == "auto"
    assert [loss.field for loss in losses] == ["tool_choice"]


def test_a_tools_field_of_another_format_is_not_lost_in_silence() -> None:
    assert tools(Function("f", extras={"defer_loading": True, "examples": []}))[1] == ["tools.f.defer_loading"]
