from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Json,
    JsonObject,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.reply import Choice, Reply, fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported
from cliproxy.formats.anthropic.decode_reply import MAX_OPEN, AnthropicDecoder, decode_reply
from cliproxy.formats.wire import Document

BEGIN: Document = {"type": "message_start", "message": {"id": "msg_1", "model": "m"}}
END: Document = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
STOP: Document = {"type": "message_stop"}
ENDED = [Finished(Stop.END), Ended()]


def start(index: int, block: Json) -> Document:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, field: str, value: Json) -> Document:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: value}}


def text(index: int, words: str) -> Document:
    return delta(index, "text_delta", "text", words)


def stop(index: int) -> Document:
    return {"type": "content_block_stop", "index": index}


def told(*documents: Document, finish: bool = True) -> list[Event]:
    decoder = AnthropicDecoder()
    events = [event for document in documents for event in decoder.feed(document)]
    return [*events, *decoder.finish()] if finish else events


def within(*documents: Document) -> list[Event]:
    """What the blocks of a reply tell."""
    events = told(BEGIN, *documents, END, STOP)
    assert events[0] == Started("msg_1", "m")
    assert isinstance(events[-2], Finished)
    return events[1:-2]


# -- blocks


def test_text_flows_as_it_comes() -> None:
    assert within(start(0, {"type": "text", "text": ""}), text(0, "Hel"), text(0, "lo"), stop(0)) == [
        Opened(0, Text("")),
        Delta(0, "Hel"),
        Delta(0, "lo"),
        Closed(0),
    ]


def test_thinking_is_signed_once_and_last() -> None:
    assert within(
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "thinking_delta", "thinking", "hm"),
        delta(0, "signature_delta", "signature", "early"),
        delta(0, "signature_delta", "signature", "E3L9"),
        stop(0),
    ) == [Opened(0, Thinking("")), Delta(0, "hm"), Signed(0, Blob("E3L9")), Closed(0)]


def test_thinking_may_be_a_signature_alone() -> None:
    assert within(
        start(0, {"type": "thinking", "thinking": ""}), delta(0, "signature_delta", "signature", "E3L9"), stop(0)
    ) == [Opened(0, Thinking("")), Signed(0, Blob("E3L9")), Closed(0)]


def test_withheld_thinking_is_a_blob() -> None:
    assert within(start(0, {"type": "redacted_thinking", "data": "EmwK"}), stop(0)) == [
        Opened(0, Thinking("", redacted=True)),
        Signed(0, Blob("EmwK")),
        Closed(0),
    ]


def test_arguments_flow_as_they_come() -> None:
    assert within(
        start(0, {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}),
        delta(0, "input_json_delta", "partial_json", ""),
        delta(0, "input_json_delta", "partial_json", '{"a"'),
        delta(0, "input_json_delta", "partial_json", ": 1}"),
        stop(0),
    ) == [Opened(0, ToolCall("toolu_1", "read")), Delta(0, '{"a"'), Delta(0, ": 1}"), Closed(0)]


@pytest.mark.parametrize(("given", "arguments"), [({}, "{}"), ({"a": 1}, '{"a":1}'), (None, ""), ("x", "x")])
def test_arguments_that_came_with_the_start_count_if_no_others_do(given: Json, arguments: str) -> None:
    block: Json = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": given}
    said = [Delta(0, arguments)] if arguments else []
    assert within(start(0, block), stop(0)) == [Opened(0, ToolCall("toolu_1", "read")), *said, Closed(0)]


def test_arguments_that_came_with_the_start_give_way_to_those_that_stream() -> None:
    block: Json = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"a": 0}}
    assert within(start(0, block), delta(0, "input_json_delta", "partial_json", '{"a":1}'), stop(0))[1:] == [
        Delta(0, '{"a":1}'),
        Closed(0),
    ]


def test_a_call_without_an_id_gets_one_by_its_place() -> None:
    assert within(start(0, {"type": "tool_use", "name": "read"}), stop(0))[0] == Opened(
        0, ToolCall("call_none_0", "read")
    )


def test_a_call_without_a_name_is_none() -> None:
    assert within(start(0, {"type": "tool_use", "id": "a", "input": {}}), stop(0)) == []


def test_a_search_and_what_it_found_are_told() -> None:
    rest: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
    found: JsonObject = {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "Eq"}],
    }
    assert within(
        start(0, {**rest, "input": {}}),
        delta(0, "input_json_delta", "partial_json", '{"query":"q"}'),
        stop(0),
        start(1, dict(found)),
        stop(1),
    ) == [
        Opened(0, ServerCall("srvtoolu_1", "web_search", raw=VendorPart("anthropic", rest))),
        Delta(0, '{"query":"q"}'),
        Closed(0),
        Opened(
            1,
            ServerResult(
                "srvtoolu_1", "web_search", (Hit("https://a", "A", "", "Eq"),), raw=VendorPart("anthropic", found)
            ),
        ),
        Closed(1),
    ]


def test_citations_are_told_in_their_place() -> None:
    cited: Json = {"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "w"}
    assert within(
        start(0, {"type": "text", "text": "", "citations": []}),
        delta(0, "citations_delta", "citation", cited),
        text(0, "words"),
        stop(0),
    ) == [Opened(0, Text("")), Cited(0, Citation("https://a", "A", "w")), Delta(0, "words"), Closed(0)]


def test_a_block_that_nobody_else_knows_is_told_when_it_is_whole() -> None:
    assert within(
        start(0, {"type": "compaction", "content": None}),
        delta(0, "compaction_delta", "content", "Summary"),
        stop(0),
    ) == [Opened(0, VendorPart("anthropic", {"type": "compaction", "content": "Summary"})), Closed(0)]


def test_blocks_that_are_open_at_once_are_told_so() -> None:
    assert within(
        start(0, {"type": "text", "text": ""}),
        start(1, {"type": "tool_use", "id": "a", "name": "b", "input": {}}),
        text(0, "words"),
        delta(1, "input_json_delta", "partial_json", "{}"),
        stop(0),
        stop(1),
    ) == [
        Opened(0, Text("")),
        Opened(1, ToolCall("a", "b")),
        Delta(0, "words"),
        Delta(1, "{}"),
        Closed(0),
        Closed(1),
    ]


def test_a_block_that_begins_again_is_another_one() -> None:
    block: Json = {"type": "text", "text": ""}
    assert within(start(0, block), start(0, block), text(0, "b"), stop(0)) == [
        Opened(0, Text("")),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "b"),
        Closed(1),
    ]


def test_words_of_a_block_that_never_began_are_heard() -> None:
    assert within(text(0, "a"), text(0, "b"), stop(0)) == [
        Opened(0, Text("")),
        Delta(0, "a"),
        Delta(0, "b"),
        Closed(0),
    ]


def test_words_behind_the_end_of_their_block_are_not_heard() -> None:
    assert within(start(0, {"type": "text", "text": "a"}), stop(0), text(0, "b"), stop(0)) == [
        Opened(0, Text("")),
        Delta(0, "a"),
        Closed(0),
    ]


def test_a_block_that_never_ends_ends_with_the_message() -> None:
    assert within(start(0, {"type": "text", "text": "a"})) == [Opened(0, Text("")), Delta(0, "a"), Closed(0)]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "ping"},
        {"type": "news"},
        {"type": 7},
        {},
        {"type": "content_block_start"},
        {"type": "content_block_start", "index": 0, "content_block": "text"},
        {"type": "content_block_start", "index": 0, "content_block": {}},
        {"type": "content_block_delta"},
        {"type": "content_block_delta", "index": 7, "delta": {"type": ["text_delta"]}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_delta", "index": [], "delta": None},
        {"type": "content_block_stop"},
        {"type": "content_block_stop", "index": 9},
        {"type": "message_delta"},
        {"type": "message_delta", "delta": {"stop_reason": 7}, "usage": "much"},
        {"type": "message_start", "message": {"id": "another"}},
    ],
)
def test_what_says_nothing_is_passed_over(document: Document) -> None:
    assert within(document) == []


@pytest.mark.parametrize(
    "document",
    [
        delta(0, "text_delta", "text", None),
        delta(0, "text_delta", "text", 7),
        delta(0, "text_delta", "text", ""),
        delta(0, "thinking_delta", "thinking", "hm"),
        delta(0, "signature_delta", "signature", "E"),
        delta(0, "citations_delta", "citation", None),
        delta(0, "news_delta", "news", "n"),
    ],
)
def test_a_delta_that_does_not_belong_is_passed_over(document: Document) -> None:
    events = within(start(0, {"type": "text", "text": ""}), document, stop(0))
    assert events == [Opened(0, Text("")), Closed(0)]


def test_blocks_without_end_are_an_error() -> None:
    events = told(BEGIN, *(start(number, {"type": "text", "text": ""}) for number in range(MAX_OPEN + 1)))
    assert events[-1] == Failed(502, "The upstream opened more than 256 blocks at once.")


# -- the end


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("tool_use", Stop.TOOLS),
        ("pause_turn", Stop.PAUSE),
        ("refusal", Stop.REFUSAL),
        ("sensitive", Stop.REFUSAL),
        ("model_context_window_exceeded", Stop.CONTEXT),
    ],
)
def test_each_reason_to_stop_has_its_meaning(reason: str, expected: Stop) -> None:
    events = told(BEGIN, {"type": "message_delta", "delta": {"stop_reason": reason}}, STOP)
    assert events[-2:] == [Finished(expected), Ended()]


def test_a_reason_that_nobody_knows_is_told_as_it_is() -> None:
    events = told(BEGIN, {"type": "message_delta", "delta": {"stop_reason": "bored"}}, STOP)
    assert events[-2] == Finished(Stop.END, detail="bored")


def test_the_sequence_that_came_up_is_told() -> None:
    ending: Json = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert told(BEGIN, {"type": "message_delta", "delta": ending}, STOP)[-2] == Finished(Stop.SEQUENCE, "END")


@pytest.mark.parametrize(
    ("details", "detail"),
    [
        ({"type": "refusal", "category": "cyber", "explanation": "Because."}, "Because."),
        ({"type": "refusal", "category": "cyber", "explanation": None}, "cyber"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_refusal_is_explained(details: Json, detail: str) -> None:
    ending: Json = {"stop_reason": "refusal", "stop_details": details}
    assert told(BEGIN, {"type": "message_delta", "delta": ending}, STOP)[-2] == Finished(Stop.REFUSAL, detail=detail)


def test_a_call_is_why_the_model_stopped() -> None:
    events = told(BEGIN, start(0, {"type": "tool_use", "id": "a", "name": "b"}), stop(0), END, STOP)
    assert events[-2] == Finished(Stop.TOOLS)


def test_a_call_that_was_cut_off_is_not_why_the_model_stopped() -> None:
    cut: Document = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}
    events = told(BEGIN, start(0, {"type": "tool_use", "id": "a", "name": "b"}), stop(0), cut, STOP)
    assert events[-2] == Finished(Stop.LENGTH)


def test_usage_grows_from_the_first_event_to_the_last() -> None:
    opening: Document = {
        "type": "message_start",
        "message": {
            "usage": {
                "input_tokens": 13,
                "cache_read_input_tokens": 22000,
                "cache_creation_input_tokens": 31,
                "cache_creation": {"ephemeral_5m_input_tokens": 11, "ephemeral_1h_input_tokens": 20},
                "output_tokens": 1,
            }
        },
    }
    closing: Document = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}},
    }
    events = told(opening, closing, STOP)
    assert events[0] == Started(usage=Usage(13, 22000, 11, 20, 1))
    assert events[-2] == Used(Usage(13, 22000, 11, 20, 10, 30))


def test_a_message_without_its_stop_is_whole_if_its_reason_was_told() -> None:
    assert told(BEGIN, start(0, {"type": "text", "text": "a"}), END) == [
        Started("msg_1", "m"),
        Opened(0, Text("")),
        Delta(0, "a"),
        Closed(0),
        *ENDED,
    ]


@pytest.mark.parametrize("documents", [(), (BEGIN,), (BEGIN, start(0, {"type": "text", "text": ""}), stop(0))])
def test_a_stream_that_stops_short_has_failed(documents: tuple[Document, ...]) -> None:
    assert told(*documents)[-1] == Failed(
        502, "The upstream's stream ended before the message was whole.", early_end=True
    )


def test_a_stream_of_an_end_alone_has_failed() -> None:
    assert told(STOP) == [Failed(502, "The upstream ended a message that it had not begun.")]


def test_a_message_may_end_without_a_reason() -> None:
    assert told(BEGIN, STOP)[1:] == ENDED


def test_a_message_may_begin_with_a_block() -> None:
    assert told(start(0, {"type": "text", "text": "a"}), finish=False)[0] == Started()


@pytest.mark.parametrize(
    "document",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"error": {"type": "overloaded_error", "message": "Overloaded"}},
    ],
)
def test_an_error_ends_the_reply(document: Document) -> None:
    assert told(BEGIN, document, END, STOP)[1:] == [Failed(529, "Overloaded")]


def test_after_the_end_nothing_is_told() -> None:
    assert told(BEGIN, END, STOP, BEGIN, text(0, "a"), STOP)[1:] == ENDED


def test_to_finish_twice_tells_nothing_more() -> None:
    decoder = AnthropicDecoder()
    decoder.finish()
    assert list(decoder.finish()) == []


# -- whole replies


def test_a_whole_message_is_read() -> None:
    reply = decode_reply(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "E3L9"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "Yes.", "citations": [{"url": "https://a", "cited_text": "w"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"a": 1}},
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 4},
        }
    )
    assert reply == Reply(
        "msg_1",
        "m",
        (
            Choice(
                (
                    Thinking("hm", Blob("E3L9")),
                    Thinking("", Blob("EmwK"), redacted=True),
                    Text("Yes.", citations=(Citation("https://a", "", "w"),)),
                    ToolCall("toolu_1", "read", '{"a":1}'),
                ),
                Stop.TOOLS,
            ),
        ),
        Usage(input=3, output=4),
    )


def test_a_whole_message_is_as_its_stream() -> None:
    blocks: list[JsonObject] = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "text", "text": "Yes."},
        {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}},
    ]
    streamed = told(
        BEGIN,
        start(0, {**blocks[0], "input": {}}),
        delta(0, "input_json_delta", "partial_json", '{"query":"q"}'),
        stop(0),
        start(1, dict(blocks[1])),
        stop(1),
        start(2, {"type": "text", "text": ""}),
        text(2, "Yes"),
        text(2, "."),
        stop(2),
        start(3, dict(blocks[3])),
        stop(3),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        STOP,
    )
    whole = decode_reply({"id": "msg_1", "model": "m", "content": blocks, "stop_reason": "tool_use"})
    assert fold(streamed) == whole


def test_an_error_in_the_place_of_a_message_is_reported() -> None:
    with pytest.raises(Reported, match="Overloaded") as caught:
        decode_reply({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert caught.value.status == 529


@pytest.mark.parametrize("document", [{}, {"content": None}, {"content": "Yes."}, {"choices": []}])
def test_what_is_no_message_is_broken(document: Document) -> None:
    with pytest.raises(Broken):
        decode_reply(document)


# -- whatever comes

KINDS = ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result", "news", "")
VALUES: st.SearchStrategy[object] = (
    st.none() | st.integers(-2, 3) | st.sampled_from(["", "a", "end_turn", "toolu_1"]) | st.just([]) | st.just({})
)
BODIES = st.dictionaries(
    st.sampled_from(["id", "name", "text", "thinking", "signature", "data", "input", "content", "citations"]), VALUES
)
DOCUMENTS = st.builds(
    lambda kind, index, block, block_kind, delta_kind: {
        "type": kind,
        "index": index,
        "content_block": {**block, "type": block_kind},
        "delta": {**block, "type": delta_kind, "partial_json": "{", "stop_reason": block.get("id")},
        "usage": block.get("input"),
        "message": block,
    },
    st.sampled_from(["message_start", "content_block_stop", "message_delta", "message_stop", "ping"])
    | st.sampled_from(["content_block_start", "content_block_delta"]),
    st.integers(0, 2) | st.none(),
    BODIES,
    st.sampled_from(KINDS),
    st.sampled_from(["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", None]),
)


def check_grammar(events: Iterable[Event]) -> None:
    opened: set[int] = set()
    count = 0
    begun = finished = over = False
    for event in events:
        assert not over
        if isinstance(event, Opened):
            assert begun
            assert not finished
            assert event.index == count
            count += 1
            opened.add(event.index)
        elif isinstance(event, Delta | Signed | Cited | Closed):
            assert event.index in opened
            if isinstance(event, Delta):
                assert event.text
            if isinstance(event, Closed):
                opened.discard(event.index)
        elif isinstance(event, Started):
            assert not begun
            begun = True
        elif isinstance(event, Finished):
            assert not opened
            assert not finished
            finished = True
        elif isinstance(event, Ended | Failed):
            over = True
    assert over


@given(st.lists(DOCUMENTS, max_size=12))
def test_the_grammar_of_events_holds_whatever_comes(documents: list[Document]) -> None:
    check_grammar(told(*documents))
