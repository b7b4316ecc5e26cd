from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from cliproxy.demo.openai_chat.reading import KNOWN
from cliproxy.demo.replies import Json
from tests.demo.asking import decoded
from tests.demo.openai_chat.chatting import PATH, TOOLS, answered, ask, refused, said, tool, user


def calls(**fields: Json) -> list[Json]:
    """What is called, and with what."""
    made = answered(**fields)["message"].get("tool_calls", [])
    return [call[call["type"]] for call in made]


def test_every_field_of_the_service_is_known() -> None:
    assert (
        CompletionCreateParamsStreaming.__required_keys__ | CompletionCreateParamsStreaming.__optional_keys__ == KNOWN
    )


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 1}, "model", "invalid_type"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": {}}, "messages", "invalid_type"),
        ({"thinking": {"type": "enabled"}}, "thinking", "unknown_parameter"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": "9"}, "max_tokens", "invalid_type"),
        ({"max_tokens": 9, "max_completion_tokens": 9}, "max_tokens", "invalid_parameter_combination"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 9}, "n", "integer_above_max_value"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"reasoning_effort": "enormous"}, "reasoning_effort", "invalid_value"),
        ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "response_format", None),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [tool("has a space")]}, "tools[0].function.name", "invalid_value"),
        ({"tools": [tool("n" * 65)]}, "tools[0].function.name", "string_above_max_length"),
        (
            {"tools": [tool("a", parameters={"type": "string"})]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"tools": TOOLS, "tool_choice": "some"}, "tool_choice", "invalid_value"),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "name": "Read"}},
            "tool_choice.function",
            "missing_required_parameter",
        ),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "Rm"}}}, "tool_choice", None),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Json], param: str, code: str | None) -> None:
    assert refused(**fields)[1:] == (param, code)


def test_a_strict_schema_must_be_closed() -> None:
    told, param, _ = refused(tools=[tool("Read", strict=True, parameters={"type": "object"})])
    assert "'additionalProperties' is required to be supplied and to be false" in told
    assert param == "tools[0].function.parameters"


# -- tool choice ---------------------------------------------------------------------------------------------------


def test_a_tool_that_must_be_called_is_called_by_its_schema() -> None:
    assert calls(tools=TOOLS, tool_choice="required") == [{"name": "Read", "arguments": '{"path":"demo"}'}]


def test_a_tool_that_is_forced_is_called() -> None:
    made = calls(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "Bash"}})
    assert made == [{"name": "Bash", "arguments": '{"path":"demo"}'}]


def test_a_custom_tool_that_is_forced_is_called() -> None:
    assert calls(tools=TOOLS, tool_choice={"type": "custom", "custom": {"name": "Patch"}}) == [
        {"name": "Patch", "input": "demo"}
    ]


def test_of_some_tools_one_is_called() -> None:
    allowed: Json = {"mode": "required", "tools": [{"type": "function", "function": {"name": "Bash"}}]}
    made = calls(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert made == [{"name": "Bash", "arguments": '{"path":"demo"}'}]


def test_no_tool_is_called_where_none_may_be() -> None:
    messages: list[Json] = [user("[[tool:Read]]")]
    assert calls(tools=TOOLS, tool_choice="none", messages=messages) == []


def test_parallel_calls_can_be_turned_off() -> None:
    messages: list[Json] = [user("[[tool:Read]][[tool:Bash]][[parallel]]")]
    assert len(calls(tools=TOOLS, messages=messages)) == 2
    assert len(calls(tools=TOOLS, messages=messages, parallel_tool_calls=False)) == 1


# -- structure, limits ---------------------------------------------------------------------------------------------


def test_a_structured_answer_fits_its_schema() -> None:
    form: Json = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": PATH}}
    assert said(response_format=form) == '{"path":"demo"}'


def test_json_is_an_object() -> None:
    assert said("as JSON, please", response_format={"type": "json_object"}) == "{}"


def test_text_may_be_asked_for_by_name() -> None:
    assert said("[[say:x]]", response_format={"type": "text"}) == "x"


@pytest.mark.parametrize("stop", ["tw", ["tw"], ["three", "tw"]])
def test_a_stop_sequence_ends_the_answer(stop: Json) -> None:
    choice = answered("[[say:one two three]]", stop=stop)
    assert choice["finish_reason"] == "stop"
    assert said("[[say:one two three]]", stop=stop) == "one "


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_ends_the_answer(name: str) -> None:
    assert answered("[[say:" + "word " * 50 + "]]", **{name: 5})["finish_reason"] == "length"


def test_what_was_asked_before_is_cached() -> None:
    messages: list[Json] = [user("a" * 400), {"role": "assistant", "content": "b"}, user("c")]
    usage = decoded(ask(messages=messages))["usage"]
    assert 100 < usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]


NAMES = ("role", "content", "type", "text", "tool_calls", "id", "function", "name", "arguments", "tool_call_id")
LEAVES: st.SearchStrategy[Json] = st.sampled_from([None, True, 1, "user", "assistant", "tool", "function", "text", "x"])
JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("messages", "tools", "tool_choice", "stop", "n"), JSON)))
def test_no_body_is_answered_with_anything_but_a_reply(fields: dict[str, Json]) -> None:
    assert ask(**fields).status in (200, 400)
