"""What a client of OpenAI Responses says of operators, tools and tiers, told to Anthropic."""

from __future__ import annotations

import pytest

from tests.support.pairs import Body, asking, dropped, emulated, translated
from tests.support.spoken import IMAGE_URL

R, A = "openai-responses", "anthropic"
USER: Body = {"role": "user", "content": "Hi."}


def function(name: str) -> Body:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


def asked(*items: Body, **fields: object) -> Body:
    return asking(R, input=[*items] or "Hi.", **fields)


def names(body: Body) -> list[str]:
    return [tool["name"] for tool in translated(R, A, body)["tools"]]


def test_instructions_and_the_operators_first_words_are_blocks_of_the_system_in_their_order() -> None:
    body = asked({"role": "system", "content": "S"}, {"role": "developer", "content": "D"}, USER, instructions="I")
    assert [block["text"] for block in translated(R, A, body)["system"]] == ["I", "S", "D"]


def test_the_last_block_of_the_system_may_be_cached() -> None:
    body = asked({"role": "developer", "content": "D"}, USER, instructions="I")
    assert ["cache_control" in block for block in translated(R, A, body)["system"]] == [False, True]


def test_a_picture_of_the_operators_leaves_no_odd_block_in_the_system() -> None:
    picture = {"role": "developer", "content": [{"type": "input_image", "image_url": IMAGE_URL}]}
    body = asked({"role": "developer", "content": "D"}, picture, USER)
    assert [block["type"] for block in translated(R, A, body)["system"]] == ["text"]


def test_a_picture_of_the_operators_is_named_as_left_out() -> None:
    body = asked({"role": "developer", "content": [{"type": "input_image", "image_url": IMAGE_URL}]}, USER)
    assert dropped(R, A, body) == {"messages.0.content.0"}


def test_tools_of_all_kinds_stand_in_the_order_in_which_they_are_declared() -> None:
    custom = {"type": "custom", "name": "apply_patch"}
    space = {"type": "namespace", "name": "mcp", "description": "", "tools": [function("find")]}
    assert names(asked(tools=[function("a"), custom, space, function("b")])) == ["a", "apply_patch", "mcp__find", "b"]


def test_tools_that_are_added_among_the_items_are_declared_too() -> None:
    added = {"type": "additional_tools", "role": "developer", "tools": [function("late")]}
    assert names(asked(added, USER, tools=[function("a")])) == ["a", "late"]


def test_a_tool_of_its_own_keeps_the_name_that_one_of_a_namespace_would_get() -> None:
    space = {"type": "namespace", "name": "mcp", "description": "", "tools": [function("find")]}
    first, second = names(asked(tools=[space, function("mcp__find")]))
    assert first.startswith("mcp__find_")
    assert second == "mcp__find"


def test_of_two_tools_with_one_name_the_first_stands() -> None:
    second = {**function("a"), "description": "another"}
    (tool,) = translated(R, A, asked(tools=[function("a"), second]))["tools"]
    assert "description" not in tool


def test_another_tool_of_the_same_name_was_lost_in_silence() -> None:
    assert dropped(R, A, asked(tools=[function("a"), {**function("a"), "description": "another"}])) == {"tools.1"}


def test_a_tool_that_is_declared_twice_in_the_same_words_is_no_loss() -> None:
    assert not dropped(R, A, asked(tools=[function("a"), function("a")]))


def test_apply_patch_becomes_a_function_with_one_string() -> None:
    (tool,) = translated(R, A, asked(tools=[{"type": "custom", "name": "apply_patch"}]))["tools"]
    assert tool["input_schema"]["required"] == ["input"]


def test_the_grammar_of_a_free_form_tool_is_told_in_its_description() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'}
    custom = {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": form}
    (tool,) = translated(R, A, asked(tools=[custom]))["tools"]
    assert tool["description"].startswith("Edits.")
    assert 'start: "x"' in tool["description"]


def test_a_free_form_tool_may_be_forced() -> None:
    body = asked(tools=[{"type": "custom", "name": "p"}], tool_choice={"type": "custom", "name": "p"})
    assert translated(R, A, body)["tool_choice"] == {"type": "tool", "name": "p"}


def test_calls_of_earlier_turns_bear_the_names_under_which_their_tools_are_declared() -> None:
    space = {"type": "namespace", "name": "mcp", "description": "", "tools": [function("find")]}
    call = {"type": "function_call", "call_id": "c", "name": "find", "namespace": "mcp", "arguments": '{"a":1}'}
    answer = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    (used,) = translated(R, A, asked(USER, call, answer, tools=[space]))["messages"][1]["content"]
    assert (used["name"], used["input"]) == ("mcp__find", {"a": 1})


def test_free_text_of_earlier_turns_becomes_the_functions_one_string() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "*** Begin"}
    answer = {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"}
    (used,) = translated(R, A, asked(USER, call, answer, tools=[{"type": "custom", "name": "p"}]))["messages"][1][
        "content"
    ]
    assert used["input"] == {"input": "*** Begin"}


def test_every_digit_of_an_argument_survives() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"n":123456789012345678901234}'}
    answer = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    (used,) = translated(R, A, asked(USER, call, answer))["messages"][1]["content"]
    assert used["input"] == {"n": 123456789012345678901234}


def test_arguments_that_are_cut_off_are_not_lost() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"n": '}
    answer = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    (used,) = translated(R, A, asked(USER, call, answer))["messages"][1]["content"]
    assert used["input"] == {"_raw": '{"n": '}


@pytest.mark.parametrize("tier", ["priority", "flex"])
def test_a_tier_that_not_every_account_may_ask_for_is_named_as_left_out(tier: str) -> None:
    """Fast mode is a trial that has to be switched on: asking for it unasked would be refused."""
    assert dropped(R, A, asked(service_tier=tier)) == {"service_tier"}


def test_a_schema_for_the_answer_is_asked_for() -> None:
    shape = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    form = translated(R, A, asked(text={"format": shape}))["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert form["schema"]["properties"] == {"a": {"type": "string"}}


def test_json_without_a_schema_is_asked_for_as_the_arguments_of_a_tool() -> None:
    body = asked(text={"format": {"type": "json_object"}})
    assert emulated(R, A, body) == {"output"}
    assert translated(R, A, body)["tool_choice"]["type"] == "tool"


def test_a_web_search_keeps_its_domains_and_its_place() -> None:
    search = {
        "type": "web_search",
        "filters": {"allowed_domains": ["a.org"]},
        "user_location": {"type": "approximate", "country": "DE"},
    }
    (tool,) = translated(R, A, asked(tools=[search]))["tools"]
    assert tool["allowed_domains"] == ["a.org"]
    assert tool["user_location"] == {"type": "approximate", "country": "DE"}


def test_the_size_of_a_search_was_lost_in_silence() -> None:
    assert dropped(R, A, asked(tools=[{"type": "web_search", "search_context_size": "low"}])) == {
        "tools.0.search_context_size"
    }
