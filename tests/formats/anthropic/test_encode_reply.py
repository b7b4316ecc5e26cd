from __future__ import annotations

from collections.abc import Sequence

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Hit,
    Inline,
    Json,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.reply import Choice, Reply, fold, unfold
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext, sse
from cliproxy.formats.anthropic.decode_reply import AnthropicDecoder, decode_reply
from cliproxy.formats.anthropic.encode_reply import AnthropicEncoder, encode_reply
from cliproxy.formats.codec import Framing
from cliproxy.formats.wire import Document
from tests.support.grammar import frames

FRAMING = Framing(Request("anthropic", "m", ()), "claude", "5eed", 0, input_estimate=120)
MESSAGE_END = ["message_delta", "message_stop"]


def bytes_of(*events: Event) -> bytes:
    encoder = AnthropicEncoder(FRAMING)
    return b"".join(encoder.feed(event) for event in events)


def told(*events: Event) -> list[Document]:
    return list(frames(bytes_of(*events)))


def at(document: object, *path: str) -> object:
    """What stands there."""
    for key in path:
        assert isinstance(document, dict)
        document = document[key]
    return document


def blocks(*events: Event) -> list[Document]:
    """What stands between the beginning and the end of the message, without the names of the events."""
    first, *rest = told(Started(), *events, Finished(Stop.END), Ended())
    assert first["type"] == "message_start"
    assert [event["type"] for event in rest[-2:]] == MESSAGE_END
    return [{key: value for key, value in event.items() if key != "type"} for event in rest[:-2]]


def start(index: int, block: Json) -> Document:
    return {"index": index, "content_block": block}


def delta(index: int, kind: str, field: str, value: Json) -> Document:
    return {"index": index, "delta": {"type": kind, field: value}}


def stop(index: int) -> Document:
    return {"index": index}


# -- the message


def test_a_message_begins_with_what_is_known() -> None:
    assert told(Started("upstream's", "upstream-model", Usage(3, 4, 5)), Ended())[0] == {
        "type": "message_start",
        "message": {
            "id": "msg_5eed",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 5,
                "cache_read_input_tokens": 4,
                "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 0,
            },
        },
    }


def test_the_prompt_is_estimated_until_it_is_told() -> None:
    begun, ended, _ = told(Started(), Finished(Stop.END), Used(Usage(input=7, output=2)), Ended())
    assert at(begun, "message", "usage", "input_tokens") == 120
    assert at(ended, "usage", "input_tokens") == 7


def test_the_end_tells_why_and_how_much() -> None:
    usage = Usage(13, 22000, 31, 0, 4, 6, 1)
    assert told(Started(), Finished(Stop.SEQUENCE, "END"), Used(usage), Ended())[1:] == [
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
            "usage": {
                "input_tokens": 13,
                "cache_creation_input_tokens": 31,
                "cache_read_input_tokens": 22000,
                "cache_creation": {"ephemeral_5m_input_tokens": 31, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 10,
                "output_tokens_details": {"thinking_tokens": 6},
                "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            },
        },
        {"type": "message_stop"},
    ]


def test_usage_that_was_told_at_the_beginning_stands_at_the_end_too() -> None:
    assert at(told(Started(usage=Usage(input=7)), Ended())[1], "usage", "input_tokens") == 7


def test_a_message_that_was_never_begun_is_begun() -> None:
    assert [event["type"] for event in told(Opened(0, Text("")), Delta(0, "a"), Closed(0), Ended())] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        *MESSAGE_END,
    ]


def test_a_message_that_says_nothing_is_whole() -> None:
    assert [event["type"] for event in told(Ended())] == ["message_start", *MESSAGE_END]


@pytest.mark.parametrize("last", [Ended(), Failed(502, "Alas.")])
def test_after_the_end_nothing_is_written(last: Event) -> None:
    ended = bytes_of(last)
    assert bytes_of(last, Started(), Opened(0, Text("")), Delta(0, "a"), Ended(), Failed(500, "")) == ended


def test_after_a_failure_not_even_more_of_the_open_block_is_written() -> None:
    failed = bytes_of(Started(), Opened(0, Text("")), Delta(0, "a"), Failed(502, ""))
    assert bytes_of(Started(), Opened(0, Text("")), Delta(0, "a"), Failed(502, ""), Delta(0, "b")) == failed


def test_a_failure_is_an_error_event_and_the_last() -> None:
    events = told(Started(), Opened(0, Text("")), Delta(0, "a"), Failed(529, "Overloaded"))
    assert events[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_5eed",
    }
    assert [event["type"] for event in events[:-1]] == ["message_start", "content_block_start", "content_block_delta"]


def test_a_failure_may_come_first() -> None:
    assert [event["type"] for event in told(Failed(502, "Alas."))] == ["error"]


def test_a_failure_passes_parts_that_wait() -> None:
    events = told(Opened(0, Text("a")), Opened(1, Text("b")), Failed(502, "Alas."))
    assert [event["type"] for event in events][-1] == "error"


def test_an_overflow_is_told_in_the_words_that_clients_look_for() -> None:
    (event,) = told(Failed(400, "context_length_exceeded", context_overflow=True))
    assert event["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: context_length_exceeded",
    }


# -- blocks


def test_text_flows_as_it_comes() -> None:
    assert blocks(Opened(0, Text("")), Delta(0, "Hel"), Delta(0, 'lo "☕"\n'), Closed(0)) == [
        start(0, {"type": "text", "text": ""}),
        delta(0, "text_delta", "text", "Hel"),
        delta(0, "text_delta", "text", 'lo "☕"\n'),
        stop(0),
    ]


def test_each_delta_is_written_at_once() -> None:
    encoder = AnthropicEncoder(FRAMING)
    encoder.feed(Started())
    encoder.feed(Opened(0, Text("")))
    encoder.feed(Delta(0, "a"))
    assert encoder.feed(Delta(0, "b")) == (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}\n\n'
    )


def test_the_signature_stands_last_in_its_block() -> None:
    assert blocks(Opened(0, Thinking("")), Signed(0, Blob("E3L9")), Delta(0, "hm"), Closed(0)) == [
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "thinking_delta", "thinking", "hm"),
        delta(0, "signature_delta", "signature", "E3L9"),
        stop(0),
    ]


def test_a_signature_without_words_is_a_block() -> None:
    assert blocks(Opened(0, Thinking("")), Signed(0, Blob("E3L9")), Closed(0)) == [
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "signature_delta", "signature", "E3L9"),
        stop(0),
    ]


def test_thinking_without_a_signature_is_a_block() -> None:
    assert blocks(Opened(0, Thinking("")), Delta(0, "hm"), Closed(0)) == [
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "thinking_delta", "thinking", "hm"),
        stop(0),
    ]


def test_withheld_thinking_is_written_whole() -> None:
    assert blocks(Opened(0, Thinking("", redacted=True)), Signed(0, Blob("EmwK")), Closed(0)) == [
        start(0, {"type": "redacted_thinking", "data": "EmwK"}),
        stop(0),
    ]


def test_arguments_flow_behind_an_empty_input() -> None:
    assert blocks(Opened(0, ToolCall("call_1", "read")), Delta(0, '{"a"'), Delta(0, ":1}"), Closed(0)) == [
        start(0, {"type": "tool_use", "id": "call_1", "name": "read", "input": {}}),
        delta(0, "input_json_delta", "partial_json", '{"a"'),
        delta(0, "input_json_delta", "partial_json", ":1}"),
        stop(0),
    ]


def test_a_call_without_arguments_is_a_block() -> None:
    assert blocks(Opened(0, ToolCall("call_1", "now")), Closed(0)) == [
        start(0, {"type": "tool_use", "id": "call_1", "name": "now", "input": {}}),
        stop(0),
    ]


def test_a_call_without_an_id_gets_one() -> None:
    first, *_ = blocks(Opened(0, ToolCall("", "now")), Closed(0))
    assert first == start(0, {"type": "tool_use", "id": "toolu_5eed0", "name": "now", "input": {}})


def test_a_search_and_what_it_found_are_blocks() -> None:
    assert blocks(
        Opened(0, ServerCall("ws_1", "web_search")),
        Delta(0, '{"query":"q"}'),
        Closed(0),
        Opened(1, ServerResult("ws_1", "web_search", (Hit("https://a", "A"),))),
        Closed(1),
    ) == [
        start(0, {"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {}}),
        delta(0, "input_json_delta", "partial_json", '{"query":"q"}'),
        stop(0),
        start(
            1,
            {
                "type": "web_search_tool_result",
                "tool_use_id": "ws_1",
                "content": [
                    {
                        "type": "web_search_result",
                        "url": "https://a",
                        "title": "A",
                        "page_age": None,
                        "encrypted_content": "",
                    }
                ],
            },
        ),
        stop(1),
    ]


def test_a_citation_belongs_to_its_text() -> None:
    citation: Json = {
        "type": "web_search_result_location",
        "url": "https://a",
        "title": "A",
        "cited_text": "w",
        "encrypted_index": "",
    }
    assert blocks(Opened(0, Text("")), Cited(0, Citation("https://a", "A", "w")), Delta(0, "a"), Closed(0)) == [
        start(0, {"type": "text", "text": ""}),
        delta(0, "citations_delta", "citation", citation),
        delta(0, "text_delta", "text", "a"),
        stop(0),
    ]


@pytest.mark.parametrize(
    ("part", "words"), [(Refusal("No."), "No."), (Media("image", Inline("image/png", "AAAA")), "[image omitted]")]
)
def test_what_has_no_block_of_its_own_is_text(part: Part, words: str) -> None:
    assert blocks(Opened(0, part), Closed(0)) == [
        start(0, {"type": "text", "text": ""}),
        delta(0, "text_delta", "text", words),
        stop(0),
    ]


@pytest.mark.parametrize(
    "events",
    [
        (Opened(0, Text("")), Closed(0)),
        (Opened(0, Thinking("")), Closed(0)),
        (Opened(0, Thinking("", redacted=True)), Delta(0, "a"), Closed(0)),
        (Opened(0, ServerCall("fs_1", "file_search")), Delta(0, "{}"), Closed(0)),
        (Opened(0, ServerResult("fs_1", "file_search")), Closed(0)),
        (Opened(0, VendorPart("gemini", {})), Delta(0, "a"), Signed(0, Blob("s")), Closed(0)),
        (Opened(0, Text("a"), choice=1), Delta(0, "b"), Closed(0), Finished(Stop.LENGTH, choice=1)),
        (Delta(0, "a"), Signed(0, Blob("s")), Cited(0, Citation("u")), Closed(0)),
    ],
)
def test_what_says_nothing_here_is_no_block(events: Sequence[Event]) -> None:
    assert blocks(*events) == []


def test_a_signature_of_text_is_not_told() -> None:
    assert blocks(Opened(0, Text("")), Delta(0, "a"), Signed(0, Blob("s")), Closed(0)) == [
        start(0, {"type": "text", "text": ""}),
        delta(0, "text_delta", "text", "a"),
        stop(0),
    ]


def test_calls_that_interleave_are_put_one_after_another() -> None:
    assert blocks(
        Opened(0, ToolCall("a", "x")),
        Opened(1, ToolCall("b", "y")),
        Delta(1, "{"),
        Delta(0, "{"),
        Delta(1, "}"),
        Delta(0, "}"),
        Closed(1),
        Closed(0),
    ) == [
        start(0, {"type": "tool_use", "id": "a", "name": "x", "input": {}}),
        delta(0, "input_json_delta", "partial_json", "{"),
        delta(0, "input_json_delta", "partial_json", "}"),
        stop(0),
        start(1, {"type": "tool_use", "id": "b", "name": "y", "input": {}}),
        delta(1, "input_json_delta", "partial_json", "{"),
        delta(1, "input_json_delta", "partial_json", "}"),
        stop(1),
    ]


def test_parts_that_are_never_closed_are_closed_at_the_end() -> None:
    assert blocks(Opened(0, ToolCall("a", "x")), Opened(1, Text("")), Delta(1, "b")) == [
        start(0, {"type": "tool_use", "id": "a", "name": "x", "input": {}}),
        stop(0),
        start(1, {"type": "text", "text": ""}),
        delta(1, "text_delta", "text", "b"),
        stop(1),
    ]


# -- whole replies

PARTS = st.one_of(
    st.builds(Text, st.text(max_size=3)),
    st.builds(Text, st.text(max_size=3), citations=st.just((Citation("https://a", "A", "w"),))),
    st.builds(Thinking, st.text(max_size=3), st.none() | st.just(Blob("E3L9"))),
    st.builds(Thinking, st.just(""), st.none() | st.just(Blob("EmwK")), st.just(True)),
    st.builds(ToolCall, st.sampled_from(["", "call_1"]), st.just("read"), st.sampled_from(["{}", '{"a":1}'])),
    st.just(Refusal("No.")),
    st.just(Media("image", Inline("image/png", "AAAA"))),
    st.just(ServerCall("ws_1", "web_search", '{"query":"q"}')),
    st.just(ServerResult("ws_1", "web_search", (Hit("https://a", "A"),))),
    st.just(ServerCall("fs_1", "file_search", "{}")),
    st.just(VendorPart("gemini", {"a": 1})),
    st.just(VendorPart("anthropic", {"type": "container_upload", "file_id": "f"})),
)
REPLIES = st.builds(
    lambda parts, stop, usage: Reply("x", "y", (Choice(tuple(parts), stop, detail="d"),), usage),
    st.lists(PARTS, max_size=4),
    st.sampled_from(Stop),
    st.none() | st.builds(Usage, *[st.integers(0, 9)] * 7),
)


def read_stream(raw: bytes) -> Reply:
    decoder = AnthropicDecoder()
    events: list[Event] = []
    for payload in sse.payloads(raw):
        document = jsontext.loads(payload)
        assert isinstance(document, dict)
        events += decoder.feed(document)
    return fold(events)


@given(REPLIES)
def test_a_stream_tells_what_the_whole_message_holds(reply: Reply) -> None:
    document = jsontext.loads(encode_reply(reply, FRAMING))
    assert isinstance(document, dict)
    assert read_stream(bytes_of(*unfold(reply))) == decode_reply(document)


@given(REPLIES)
def test_the_sdk_understands_every_message(reply: Reply) -> None:
    SdkMessage.model_validate_json(encode_reply(reply, FRAMING))


def test_a_whole_message_is_written() -> None:
    choice = Choice((Text("Yes."), ToolCall("call_1", "read", '{"a":1}')), Stop.END)
    other = Choice((Text("No."),), Stop.LENGTH)
    assert jsontext.loads(encode_reply(Reply("x", "y", (choice, other), Usage(input=3, output=4)), FRAMING)) == {
        "id": "msg_5eed",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [
            {"type": "text", "text": "Yes."},
            {"type": "tool_use", "id": "call_1", "name": "read", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 4,
        },
    }


def test_a_reply_without_a_choice_is_an_empty_message() -> None:
    document = jsontext.loads(encode_reply(Reply(choices=()), FRAMING))
    assert isinstance(document, dict)
    assert (document["content"], document["stop_reason"]) == ([], "end_turn")


# -- whatever comes

SDK_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
INDEXES = st.integers(0, 3)
EVENTS = st.one_of(
    st.just(Started("a", "b", Usage(1))),
    st.builds(Opened, INDEXES, PARTS, st.sampled_from([0, 0, 0, 1])),
    st.builds(Delta, INDEXES, st.just("a")),
    st.builds(Signed, INDEXES, st.just(Blob("E"))),
    st.builds(Cited, INDEXES, st.just(Citation("https://a"))),
    st.builds(Closed, INDEXES),
    st.just(Used(Usage(2))),
    st.builds(Finished, st.sampled_from(Stop)),
    st.just(Ended()),
    st.just(Failed(502, "Alas.")),
)


def check_grammar(events: Sequence[Document]) -> None:
    """Blocks one after another, numbered without gaps, within one message; an error may replace the rest."""
    kinds = [event["type"] for event in events]
    if kinds[-1] == "error":
        kinds, events = kinds[:-1], events[:-1]
    else:
        assert kinds[-2:] == MESSAGE_END
        kinds, events = kinds[:-2], events[:-2]
    if not kinds:
        return
    assert kinds[0] == "message_start"
    number, is_open = -1, False
    for event in events[1:]:
        if event["type"] == "content_block_start":
            assert not is_open
            number, is_open = number + 1, True
        assert is_open
        assert event["index"] == number
        is_open = event["type"] != "content_block_stop"


@given(st.lists(EVENTS, max_size=14))
def test_the_grammar_of_the_wire_holds_whatever_comes(events: list[Event]) -> None:
    check_grammar(told(*events, Ended()))


@given(REPLIES)
def test_the_sdk_understands_every_event(reply: Reply) -> None:
    for payload in sse.payloads(bytes_of(*unfold(reply))):
        SDK_EVENT.validate_json(payload)
