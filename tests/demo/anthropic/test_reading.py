from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.answer import answer
from cliproxy.demo.replies import DemoRequest, Json
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import KEY, TOOLS, asking, body_in, reply_to, told_by


def error_in(request: DemoRequest) -> tuple[int, str]:
    reply = answer(request, DemoSettings())
    error = body_in(reply)["error"]
    assert isinstance(error, dict)
    return reply.status, str(error["type"])


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": ""},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"max_tokens": "9"},
        {"messages": []},
        {"messages": {}},
        {"messages": ["hi"]},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"tools": {}},
        {"tools": ["Read"]},
        {"tools": [{}]},
        {"thinking": "yes"},
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "enabled", "budget_tokens": 1023}},
        {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        {"tools": TOOLS, "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"tools": [{"name": "has a space", "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "Read"}]},
        {"tools": [{"name": "Read", "input_schema": {"type": "string"}}]},
        {"tool_choice": {"type": "any"}},
        {"tools": TOOLS, "tool_choice": {"type": "some"}},
        {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "Rm"}},
        {"stop_sequences": [" "]},
        {"output_config": {"format": {"type": "json_schema"}}},
    ],
)
def test_a_malformed_body_is_refused(fields: dict[str, Json]) -> None:
    assert error_in(asking(**fields)) == (400, "invalid_request_error")


NAMES = ("type", "text", "role", "content", "id", "name", "user", "assistant", "tool_use", "thinking", "tool_result")
LEAVES: st.SearchStrategy[Json] = st.sampled_from([None, True, 1, *NAMES])


def test_a_body_nested_too_deeply_is_refused() -> None:
    body = b'{"model":"demo","max_tokens":9,"messages":[{"role":"user","content":"a"}],"system":%b}'
    raw = body % (b"[" * 300 + b"]" * 300)
    assert error_in(DemoRequest("POST", "/v1/messages", "", KEY, raw)) == (400, "invalid_request_error")


JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES[:6]), inner, max_size=4),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("messages", "tools", "system", "thinking", "model"), JSON)))
def test_no_body_is_answered_with_anything_but_a_reply(fields: dict[str, Json]) -> None:
    assert answer(asking(**fields), DemoSettings()).status in (200, 400)


@given(st.binary(max_size=40))
def test_no_bytes_are_answered_with_anything_but_an_error(body: bytes) -> None:
    assert error_in(DemoRequest("POST", "/v1/messages", "", KEY, body)) == (400, "invalid_request_error")


# -- tools, structure ----------------------------------------------------------------------------------------------

PATH: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
PICKY: list[Json] = [{"name": "Read", "input_schema": PATH}, {"name": "Bash", "input_schema": {"type": "object"}}]


def test_a_tool_that_must_be_called_is_called_by_its_schema() -> None:
    told = told_by(reply_to("hello", tools=PICKY, tool_choice={"type": "any"}))
    assert (told.blocks[-1].fields["name"], told.blocks[-1].arguments) == ("Read", {"path": "demo"})


def test_a_tool_that_is_forced_is_called() -> None:
    told = told_by(reply_to("hello", tools=PICKY, tool_choice={"type": "tool", "name": "Bash"}))
    assert told.blocks[-1].fields["name"] == "Bash"


def test_no_tool_is_called_where_none_may_be() -> None:
    told = told_by(reply_to("[[tool:Read]]", tools=TOOLS, tool_choice={"type": "none"}))
    assert told.stop_reason == "end_turn"


def test_parallel_calls_can_be_turned_off() -> None:
    choice: Json = {"type": "auto", "disable_parallel_tool_use": True}
    told = told_by(reply_to("[[tool:Read]][[tool:Bash]][[parallel]]", tools=TOOLS, tool_choice=choice))
    assert [block.kind for block in told.blocks] == ["text", "tool_use"]


def test_a_structured_answer_fits_its_schema() -> None:
    output: Json = {"format": {"type": "json_schema", "schema": PATH}}
    assert orjson.loads(told_by(reply_to("hello", output_config=output)).text) == {"path": "demo"}


# -- the cache -----------------------------------------------------------------------------------------------------

MARK: Json = {"type": "ephemeral"}


def usage_of(system: Json, *messages: Json) -> dict[str, int]:
    usage = body_in(reply_to("x", stream=False, system=system, messages=list(messages)))["usage"]
    assert isinstance(usage, dict)
    return {name: value for name, value in usage.items() if isinstance(value, int)}


def test_a_first_request_writes_up_to_its_last_mark() -> None:
    usage = usage_of([{"type": "text", "text": "s" * 400, "cache_control": MARK}], {"role": "user", "content": "hi"})
    assert usage["cache_read_input_tokens"] == 0
    assert 100 < usage["cache_creation_input_tokens"] < 130
    assert usage["input_tokens"] < 20


def test_a_later_request_reads_what_an_earlier_one_wrote() -> None:
    usage = usage_of(
        [{"type": "text", "text": "s" * 400, "cache_control": MARK}],
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "more", "cache_control": MARK}]},
    )
    assert usage["cache_read_input_tokens"] > 100
    assert 0 < usage["cache_creation_input_tokens"] < 60


def test_without_a_mark_nothing_is_cached() -> None:
    usage = usage_of("s" * 400, {"role": "user", "content": "hi"})
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (0, 0)


def test_a_mark_that_a_text_speaks_of_is_none() -> None:
    usage = usage_of('"cache_control":{', {"role": "user", "content": "hi"})
    assert usage["cache_creation_input_tokens"] == 0


def test_the_whole_request_may_be_marked() -> None:
    usage = body_in(reply_to("x" * 400, stream=False, cache_control={"type": "ephemeral", "ttl": "1h"}))["usage"]
    assert isinstance(usage, dict)
    made = usage["cache_creation"]
    assert isinstance(made, dict)
    assert made["ephemeral_5m_input_tokens"] == 0
    assert made["ephemeral_1h_input_tokens"] == usage["cache_creation_input_tokens"] != 0


CALLED: Json = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}]}
RESULT: Json = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}]}
BUDGET: Json = {"type": "enabled", "budget_tokens": 1024}


def test_with_a_budget_a_call_in_progress_must_begin_with_thinking() -> None:
    messages: Json = [{"role": "user", "content": "hi"}, CALLED, RESULT]
    assert error_in(asking(messages=messages, thinking=BUDGET)) == (400, "invalid_request_error")


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "disabled"}])
def test_without_a_budget_it_need_not(thinking: Json) -> None:
    messages: Json = [{"role": "user", "content": "hi"}, CALLED, RESULT]
    assert answer(asking(messages=messages, thinking=thinking), DemoSettings()).status == 200


def test_a_call_of_an_earlier_turn_need_not() -> None:
    said: Json = {"role": "assistant", "content": "So."}
    messages: Json = [{"role": "user", "content": "hi"}, CALLED, RESULT, said, {"role": "user", "content": "And?"}]
    assert answer(asking(messages=messages, thinking=BUDGET), DemoSettings()).status == 200
