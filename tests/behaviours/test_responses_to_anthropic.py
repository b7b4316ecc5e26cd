"""What clients of Responses expect of an upstream that speaks Anthropic's format: turns, results and reasoning."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.pairs import Body, answered, asking, dropped, streamed, translated
from tests.support.spoken import SIGNATURE, claude, claude_text, claude_thinking
from tests.support.wire_replies import CLAUDE_USAGE, claude_body

CLIENT: Final = "openai-responses"
UPSTREAM: Final = "anthropic"
PAIR: Final = (CLIENT, UPSTREAM)
LOOK: Final[Body] = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
THINKING: Final[Body] = {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}
UNSPOKEN: Final[Body] = {"type": "thinking", "thinking": "", "signature": "SIG2"}
WITHHELD: Final[Body] = {"type": "redacted_thinking", "data": "RED"}


def ask(*items: Body, **fields: Any) -> Body:
    return asking(CLIENT, input=[user("Go on."), *items], tools=[LOOK], **fields)


def turns(*items: Body) -> list[Body]:
    """What the upstream gets behind the first words of the user's, without the cache marks."""
    messages: list[Body] = translated(*PAIR, ask(*items))["messages"]
    for message in messages:
        for block in message["content"]:
            block.pop("cache_control", None)
    return messages[1:]


def user(words: str) -> Body:
    return {"type": "message", "role": "user", "content": words}


def said(words: str) -> Body:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def call(call_id: str) -> Body:
    return {"type": "function_call", "call_id": call_id, "name": "look", "arguments": '{"a":1}'}


def result(call_id: str, output: Any) -> Body:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def text(words: str) -> Body:
    return {"type": "text", "text": words}


def kinds(message: Body) -> list[str]:
    return [block["type"] for block in message["content"]]


# -- reasoning (71, 72)


def test_reasoning_comes_back_as_the_blocks_it_was() -> None:
    told = answered(*PAIR, claude_body([THINKING, WITHHELD, UNSPOKEN, text("Hi.")]))["output"]
    assert turns(*told, user("And?"))[0]["content"] == [THINKING, WITHHELD, UNSPOKEN, text("Hi.")]


def test_reasoning_comes_back_the_same_from_a_stream() -> None:
    events = claude(claude_thinking("hm"), (WITHHELD, []), claude_text("Hi."))
    output = streamed(*PAIR, events)[-1]["response"]["output"]
    assert turns(*output, user("And?"))[0]["content"] == [THINKING, WITHHELD, text("Hi.")]


def test_withheld_reasoning_is_an_item_without_words() -> None:
    item = answered(*PAIR, claude_body([WITHHELD, text("Hi.")]))["output"][0]
    assert (item["type"], item["summary"]) == ("reasoning", [])
    assert "RED" not in item["encrypted_content"]


def test_the_summary_counts_where_the_content_says_the_same() -> None:
    item = answered(*PAIR, claude_body([THINKING, text("Hi.")]))["output"][0]
    both = {**item, "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert turns(both, said("Hi."), user("And?"))[0]["content"][0] == THINKING


@pytest.mark.parametrize("blob", ["gAAAAABo", "unknown"])
def test_reasoning_that_this_upstream_did_not_give_is_left_out_and_named(blob: str) -> None:
    item = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "s"}]}
    asked = (item | {"encrypted_content": blob}, said("Hi."), user("And?"))
    assert turns(*asked)[0]["content"] == [text("Hi.")]
    assert dropped(*PAIR, ask(*asked)) == {"messages.1.thinking"}


# -- turns (73)


def test_a_turn_is_one_message_with_all_that_was_thought_said_and_called() -> None:
    blocks = [THINKING, text("Look."), {"type": "tool_use", "id": "a", "name": "look", "input": {"a": 1}}]
    output = answered(*PAIR, claude_body(blocks, "tool_use"), ask())["output"]
    written = turns(*output, call("b"), result("b", "rb"), result("a", "ra"), user("And?"))
    assert [message["role"] for message in written] == ["assistant", "user"]
    assert kinds(written[0]) == ["thinking", "text", "tool_use", "tool_use"]
    assert kinds(written[1]) == ["tool_result", "tool_result", "text"]
    assert [block.get("tool_use_id") for block in written[1]["content"]] == ["a", "b", None]


def test_turns_of_two_sides_stay_two() -> None:
    written = turns(said("a"), user("b"), said("c"), user("d"))
    assert [message["role"] for message in written] == ["assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("role", ["assistant", "user"])
def test_a_message_that_says_nothing_splits_no_turn(role: str) -> None:
    empty = {"type": "message", "role": role, "content": ""}
    written = turns(said("t"), empty, call("a"), result("a", "ra"))
    assert [kinds(message) for message in written] == [["text", "tool_use"], ["tool_result"]]


# -- results (74, 75)


def test_of_two_results_of_one_call_the_later_one_counts_and_the_other_is_named() -> None:
    asked = (call("call:1"), result("call:1", "old"), result("call:1", "new"))
    called, given = turns(*asked)
    assert given["content"][0]["content"] == [text("new")]
    assert given["content"][0]["tool_use_id"] == called["content"][0]["id"]
    assert dropped(*PAIR, ask(*asked)) == {"messages.2"}


def test_an_image_in_a_result_is_told_by_its_bytes() -> None:
    shown = [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K"},
    ]
    given = turns(call("a"), result("a", shown))[1]["content"][0]
    assert given["content"] == [
        text("t"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}},
    ]


def test_a_file_in_a_result_is_told() -> None:
    paper = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    given = turns(call("a"), result("a", [paper]))[1]["content"][0]
    assert [block["type"] for block in given["content"]] == ["document"]


# -- silence is not an answer


def test_an_answer_by_a_schema_is_asked_for() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    told = translated(*PAIR, ask(text={"format": {"type": "json_schema", "name": "n", "schema": schema}}))
    assert told["output_config"]["format"] == {"type": "json_schema", "schema": schema}


def test_what_the_operator_shows_but_does_not_say_is_named() -> None:
    shown = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://a.example/a.png"}]
    asked = asking(CLIENT, input=[{"role": "developer", "content": shown}, user("Hi.")])
    told = translated(*PAIR, asked)
    assert [block["type"] for block in told["system"]] == ["text"]
    assert dropped(*PAIR, asked) == {"messages.0.content.1"}


def test_tokens_of_reasoning_are_those_that_the_upstream_counted() -> None:
    events = claude(
        claude_thinking("hm"), claude_text("Hi."), usage=CLAUDE_USAGE, output_tokens_details={"thinking_tokens": 3}
    )
    usage = streamed(*PAIR, events)[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]) == (22044, 22000)
    assert (usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"]) == (4, 3)
