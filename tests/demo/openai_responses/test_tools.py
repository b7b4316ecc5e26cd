from __future__ import annotations

from typing import get_args

import pytest
from openai.types.responses import ToolParam

from cliproxy.demo.openai_responses.tools import HOSTED
from cliproxy.demo.replies import Json
from tests.demo.openai_responses.responding import PATH, TOOLS, calls, output, refused

NAMESPACE: Json = {
    "type": "namespace",
    "name": "files",
    "tools": [{"type": "function", "name": "Read", "parameters": PATH}, {"type": "custom", "name": "Patch"}],
}


def test_every_tool_of_the_service_is_known() -> None:
    kinds = {str(tool.__annotations__["type"]) for tool in get_args(ToolParam)}
    known = (*HOSTED, "function", "custom", "namespace")
    assert [kind for kind in kinds if not any(f"'{name}'" in kind for name in known)] == []


def test_a_tool_in_a_namespace_is_called_by_both_names() -> None:
    *_, call = output("[[tool:files__Read]]", tools=[NAMESPACE])
    assert (call["namespace"], call["name"]) == ("files", "Read")


def test_a_free_form_tool_may_stand_in_a_namespace() -> None:
    *_, call = output('[[tool:files__Patch {"input": "x"}]]', tools=[NAMESPACE])
    assert (call["type"], call["namespace"], call["input"]) == ("custom_tool_call", "files", "x")


def test_a_name_with_underscores_is_no_namespace() -> None:
    *_, call = output("[[tool:mcp__a]]", tools=[{"type": "function", "name": "mcp__a"}])
    assert call["name"] == "mcp__a"
    assert "namespace" not in call


def test_a_tool_of_the_service_is_never_called() -> None:
    assert calls("[[tool:web_search]]", tools=[{"type": "web_search"}]) == []


# -- the choice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ("required", [("Read", '{"path":"demo"}')]),
        ({"type": "function", "name": "Bash"}, [("Bash", "{}")]),
        ({"type": "custom", "name": "Patch"}, [("Patch", "demo")]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "Bash"}]},
            [("Bash", "{}")],
        ),
        ({"type": "web_search"}, []),
        ("auto", []),
        ("none", []),
    ],
)
def test_a_tool_that_must_be_called_is_called(choice: Json, made: list[tuple[str, str]]) -> None:
    assert calls("hello", tools=[*TOOLS, {"type": "web_search"}], tool_choice=choice) == made


def test_no_tool_is_called_where_none_may_be() -> None:
    assert calls("[[tool:Read]]", tools=TOOLS, tool_choice="none") == []


def test_parallel_calls_can_be_turned_off() -> None:
    text = "[[tool:Read]][[tool:Bash]][[parallel]]"
    assert len(calls(text, tools=TOOLS)) == 2
    assert len(calls(text, tools=TOOLS, parallel_tool_calls=False)) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "magic"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "function": {"name": "Read"}}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "a", "parameters": {"type": "string"}}]}, "tools[0].parameters"),
        (
            {"tools": [{"type": "function", "name": "a", "parameters": {"type": "object"}, "strict": True}]},
            "tools[0].parameters",
        ),
        ({"tools": [{"type": "namespace", "name": "a", "tools": [NAMESPACE]}]}, "tools[0].tools[0].type"),
        ({"tools": TOOLS, "tool_choice": "some"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "Rm"}}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "Read"}}}, "tool_choice.name"),
    ],
)
def test_a_tool_that_is_wrong_is_named(fields: dict[str, Json], param: str) -> None:
    assert refused("hello", **fields)[1] == param
