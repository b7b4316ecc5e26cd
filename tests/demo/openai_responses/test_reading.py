from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from cliproxy.demo.openai_responses.reading import KNOWN
from cliproxy.demo.replies import Json
from tests.demo.asking import decoded
from tests.demo.openai_responses.responding import ENCRYPTED, PATH, ask, output, refused, said, user


def test_every_field_of_the_service_is_known() -> None:
    params = (ResponseCreateParamsStreaming, InputTokenCountParams)
    fields = {name for each in params for name in each.__required_keys__ | each.__optional_keys__}
    assert fields | {"client_metadata"} == KNOWN


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 7}, "input", "invalid_type"),
        ({"messages": []}, "messages", "unknown_parameter"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"include": ["everything"]}, "include[0]", "invalid_value"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort", "invalid_value"),
        ({"reasoning": {"effort": "low", "summary": "long"}}, "reasoning.summary", "invalid_value"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name", "missing_required_parameter"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format", None),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
        ({"conversation": "conv_1"}, "conversation", None),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", None),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Json], param: str, code: str | None) -> None:
    given: dict[str, Json] = {"input": "hello", **fields}
    assert refused(given.pop("input"), **given)[1:] == (param, code)


def kinds(**fields: Json) -> list[str]:
    return [item["type"] for item in output(**fields)]


@pytest.mark.parametrize("reasoning", [None, {}, {"effort": None}, {"effort": "none"}, {"summary": "auto"}])
def test_no_reasoning_comes_without_an_effort(reasoning: Json) -> None:
    assert kinds(reasoning=reasoning) == ["message"]


def test_reasoning_is_summed_up_when_asked_for() -> None:
    item = output(reasoning={"effort": "low", "summary": "auto"})[0]
    assert item["summary"][0]["text"].startswith("The user wrote 5 characters")


def test_reasoning_is_empty_otherwise() -> None:
    assert output(reasoning={"effort": "low"})[0]["summary"] == []


def test_reasoning_is_encrypted_when_asked_for() -> None:
    assert output(reasoning={"effort": "low"}, include=ENCRYPTED)[0]["encrypted_content"].startswith("gAAAAA")
    assert "encrypted_content" not in output(reasoning={"effort": "low"})[0]


def test_a_structured_answer_fits_its_schema() -> None:
    form: Json = {"type": "json_schema", "name": "answer", "strict": True, "schema": PATH}
    assert said(text={"format": form}) == '{"path":"demo"}'


def test_json_is_an_object() -> None:
    assert said("as JSON", text={"format": {"type": "json_object"}}) == "{}"


def test_the_settings_are_repeated() -> None:
    reply = decoded(ask(instructions="brief", metadata={"a": "b"}, max_output_tokens=99, temperature=0.5, store=False))
    assert (reply["instructions"], reply["metadata"], reply["max_output_tokens"]) == ("brief", {"a": "b"}, 99)
    assert (reply["temperature"], reply["store"], reply["top_p"]) == (0.5, False, 1.0)


def test_what_was_asked_before_is_cached() -> None:
    answer: Json = {"role": "assistant", "content": "b"}
    usage = decoded(ask([user("a" * 400), answer, user("c")]))["usage"]
    assert 100 < usage["input_tokens_details"]["cached_tokens"] < usage["input_tokens"]


NAMES = ("role", "content", "type", "text", "call_id", "name", "arguments", "output", "summary", "id", "tools")
LEAVES: st.SearchStrategy[Json] = st.sampled_from(
    [None, True, 1, "user", "message", "reasoning", "function_call", "function_call_output", "function", "x"]
)
JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@given(JSON, st.fixed_dictionaries({}, optional=dict.fromkeys(("tools", "tool_choice", "text", "reasoning"), JSON)))
def test_no_body_is_answered_with_anything_but_a_reply(given: Json, fields: dict[str, Json]) -> None:
    assert ask(given, **fields).status in (200, 400, 404)
