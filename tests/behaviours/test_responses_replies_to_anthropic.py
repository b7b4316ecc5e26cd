"""What clients of Anthropic's expect of an upstream that speaks Responses: what they are told."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.pairs import Body, answered, asking, streamed
from tests.support.wire_replies import (
    arguments_delta,
    blocks_of,
    call_item,
    closing,
    item_added,
    item_done,
    message_item,
    reasoning_item,
    response,
    responses_stream,
    step,
    summary_delta,
)

PAIR: Final = ("anthropic", "openai-responses")
LOOK: Final[Body] = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
SEARCH: Final[Body] = {"type": "web_search_20250305", "name": "web_search"}


def ask(**fields: Any) -> Body:
    return asking("anthropic", **fields)


def text(words: str) -> Body:
    return {"type": "text", "text": words}


# -- calls (11, 12, 16)


def told_blocks(events: list[Body], **fields: Any) -> list[Body]:
    return blocks_of(streamed(*PAIR, events, ask(tools=[LOOK], **fields)))


def test_calls_whose_events_interleave_are_told_one_after_another() -> None:
    blocks = told_blocks(
        responses_stream(
            item_added(0, call_item("c0")),
            item_added(1, call_item("c1")),
            arguments_delta(1, "fc_c1", '{"b":'),
            arguments_delta(0, "fc_c0", '{"a":1}'),
            arguments_delta(1, "fc_c1", "2}"),
            item_done(1, call_item("c1", '{"b":2}')),
            item_done(0, call_item("c0", '{"a":1}')),
        )
    )
    assert [(block["id"], block["arguments"]) for block in blocks] == [("c0", '{"a":1}'), ("c1", '{"b":2}')]


def test_arguments_that_only_the_end_tells_are_told() -> None:
    whole = [call_item("c0", '{"a":1}'), call_item("c1", '{"b":2}')]
    events = responses_stream(item_added(0, call_item("c0")), item_added(1, call_item("c1")), output=whole)
    assert [block["arguments"] for block in told_blocks(events)] == ['{"a":1}', '{"b":2}']


def test_reasoning_that_comes_while_a_call_is_open_waits_for_its_end() -> None:
    blocks = told_blocks(
        responses_stream(
            item_done(0, message_item("Hi.")),
            item_added(1, call_item("c1")),
            item_added(2, reasoning_item()),
            summary_delta("hm", place=2),
            arguments_delta(1, "fc_c1", "{}"),
            item_done(2, reasoning_item("hm", blob="gBLOB")),
            item_done(1, call_item("c1", "{}")),
        )
    )
    assert [block["type"] for block in blocks] == ["text", "tool_use", "thinking"]


@pytest.mark.parametrize("where", ["the item's end", "the reply's end"])
def test_a_call_waits_for_its_name(where: str) -> None:
    nameless, named = call_item("c0", name=""), call_item("c0", '{"a":1}', item_id="fc_other")
    opening = [item_added(0, nameless), arguments_delta(0, "fc_c0", '{"a":1}')]
    if where == "the item's end":
        events = responses_stream(*opening, item_done(0, call_item("c0", '{"a":1}')))
    else:
        events = responses_stream(*opening, output=[named])
    assert [(block["name"], block["arguments"]) for block in told_blocks(events)] == [("look", '{"a":1}')]


def test_calls_at_the_replys_end_are_known_by_their_ids_not_by_their_order() -> None:
    whole = [
        call_item("c1", '{"b":1}', item_id="x", name="one"),
        call_item("c0", '{"a":1}', item_id="y", name="nil"),
    ]
    events = responses_stream(
        item_added(0, call_item("c0", name="")), item_added(1, call_item("c1", name="")), output=whole
    )
    blocks = told_blocks(events)
    assert {block["id"]: (block["name"], block["arguments"]) for block in blocks} == {
        "c0": ("nil", '{"a":1}'),
        "c1": ("one", '{"b":1}'),
    }


def test_a_call_that_is_never_named_is_not_told_and_is_no_reason_to_stop() -> None:
    events = responses_stream(item_added(0, call_item("c0", name="")), arguments_delta(0, "fc_c0", '{"a":1}'))
    told = streamed(*PAIR, events, ask(tools=[LOOK]))
    assert blocks_of(told) == []
    assert closing(told)["delta"]["stop_reason"] == "end_turn"


# -- reasoning (13 to 15)


def signature_of(blob: str) -> Any:
    """What stands for a blob in the client's hands."""
    return answered(*PAIR, response([reasoning_item(blob=blob)]))["content"][0]["signature"]


def test_reasoning_of_several_parts_is_one_block_with_the_final_blob() -> None:
    events = responses_stream(
        item_added(0, reasoning_item(blob="gEARLY")),
        summary_delta("one", 0),
        summary_delta("two", 1),
        item_done(0, reasoning_item("one", "two", blob="gFINAL")),
        item_done(1, message_item("Hi.")),
    )
    thinking, words = told_blocks(events)
    assert (thinking["thinking"], thinking["signature"]) == ("one\n\ntwo", signature_of("gFINAL"))
    assert words["text"] == "Hi."


def test_reasoning_without_a_summary_is_an_empty_block_with_its_blob() -> None:
    events = responses_stream(item_done(0, reasoning_item(blob="gBLOB")), item_done(1, message_item("Hi.")))
    thinking, words = told_blocks(events)
    assert thinking == {"type": "thinking", "thinking": "", "signature": signature_of("gBLOB")}
    assert words["type"] == "text"


def test_a_blob_that_only_the_opening_has_is_used() -> None:
    events = responses_stream(
        item_added(0, reasoning_item(blob="gEARLY")), summary_delta("one"), item_done(0, reasoning_item("one"))
    )
    assert told_blocks(events)[0]["signature"] == signature_of("gEARLY")


# -- words, searches, ends (17 to 20)


def test_a_message_told_before_an_empty_end_is_there() -> None:
    assert told_blocks(responses_stream(item_done(0, message_item("Hi.")))) == [text("Hi.")]


FOUND: Final[Body] = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://a.example"}]},
}
CITED: Final = message_item(
    "See A.",
    {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 4, "end_index": 5},
)


def test_a_search_becomes_a_call_and_its_result_with_one_id() -> None:
    events = responses_stream(
        item_added(0, {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}),
        step("web_search_call.searching", output_index=0, item_id="ws_1"),
        item_done(0, FOUND),
        item_done(1, CITED),
        output=[FOUND, CITED],
    )
    told = streamed(*PAIR, events, ask(tools=[SEARCH]))
    searching, found, words = blocks_of(told)
    assert (searching["type"], searching["arguments"]) == ("server_tool_use", '{"query":"q"}')
    assert (found["type"], found["tool_use_id"]) == ("web_search_tool_result", searching["id"])
    assert words["citations"][0]["url"] == "https://a.example"
    assert closing(told)["delta"]["stop_reason"] == "end_turn"


def test_pages_that_were_opened_without_an_address_are_no_searches() -> None:
    opened = {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page"}}
    content = answered(*PAIR, response([FOUND, opened, CITED]), ask(tools=[SEARCH]))["content"]
    assert [block["type"] for block in content] == ["server_tool_use", "web_search_tool_result", "text"]


ENDS: Final[list[tuple[list[Body], str, Body, str]]] = [
    ([message_item("x")], "completed", {}, "end_turn"),
    ([message_item("x")], "incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "max_tokens"),
    ([message_item("x")], "incomplete", {"incomplete_details": {"reason": "content_filter"}}, "refusal"),
    ([call_item("c0", "{}")], "completed", {}, "tool_use"),
    ([message_item("x")], "completed", {"stop_sequence": "END"}, "stop_sequence"),
    ([call_item("c0", '{"a')], "incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "max_tokens"),
]


@pytest.mark.parametrize(("output", "status", "fields", "stop"), ENDS)
def test_a_reply_ends_for_the_reason_it_had(output: list[Body], status: str, fields: Body, stop: str) -> None:
    asked = ask(tools=[LOOK])
    assert answered(*PAIR, response(output, status, **fields), asked)["stop_reason"] == stop
    told = streamed(*PAIR, responses_stream(output=output, status=status, **fields), asked)
    assert closing(told)["delta"]["stop_reason"] == stop


def test_a_stop_sequence_that_the_server_tells_is_told() -> None:
    told = answered(*PAIR, response([message_item("x")], stop_sequence="END"))
    assert told["stop_sequence"] == "END"


def test_words_of_refusal_are_told_and_the_reply_counts_as_refused() -> None:
    declined = {"type": "refusal", "refusal": "I won't."}
    events = responses_stream(
        item_added(0, {**message_item(""), "content": []}),
        step("refusal.delta", output_index=0, item_id="msg_1", content_index=0, delta="I won't."),
        item_done(0, {**message_item(""), "content": [declined]}),
    )
    told = streamed(*PAIR, events)
    assert blocks_of(told) == [text("I won't.")]
    assert closing(told)["delta"]["stop_reason"] == "refusal"


def test_usage_is_divided_as_anthropic_divides_it() -> None:
    usage = answered(*PAIR, response([message_item("x")]))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (
        50,
        30,
        20,
    )
    assert (usage["output_tokens"], usage["output_tokens_details"]["thinking_tokens"]) == (9, 4)


def test_the_beginning_of_a_stream_tells_how_long_the_prompt_is() -> None:
    told = streamed(*PAIR, responses_stream(item_done(0, message_item("x"))))
    assert told[0]["message"]["usage"]["input_tokens"] > 0


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"code": "cyber_policy", "message": "No."}, "invalid_request_error", "No."),
        ({"error": {"type": "rate_limit_error"}}, "rate_limit_error", "rate_limit_error"),
    ],
)
def test_an_error_in_the_stream_is_told_once(error: Body, kind: str, message: str) -> None:
    told = streamed(*PAIR, [*responses_stream()[:1], {"type": "error", **error}])
    assert [event["error"] for event in told if event["type"] == "error"] == [{"type": kind, "message": message}]
    assert "message_stop" not in [event["type"] for event in told]
