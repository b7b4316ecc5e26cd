from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
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
    Inline,
    Json,
    JsonObject,
    Media,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.reply import fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported
from cliproxy.formats.openai_responses.decode_reply import ResponsesReplyDecoder, decode_reply

Doc = dict[str, object]
CREATED: Doc = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}}
COMPLETED: Doc = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": []}}
START = Started("resp_1", "gpt-5")
END = [Finished(Stop.END), Ended()]


def told(*documents: Doc) -> list[Event]:
    decoder = ResponsesReplyDecoder()
    events: list[Event] = []
    for document in documents:
        events += decoder.feed(document)
    return [*events, *decoder.finish()]


def reply(*documents: Doc) -> list[Event]:
    """Between the usual beginning and the usual end."""
    events = told(CREATED, *documents, COMPLETED)
    assert events[0] == START
    assert isinstance(events[-1], Ended)
    return events[1:-1]


def added(place: int, **item: object) -> Doc:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def done(place: int, **item: object) -> Doc:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def delta(kind: str, place: int, text: str, **more: object) -> Doc:
    return {"type": f"response.{kind}.delta", "output_index": place, "delta": text, **more}


def said(text: str) -> Doc:
    return {"type": "output_text", "text": text, "annotations": []}


# -- text ------------------------------------------------------------------------------------------------------------


def test_text_flows_as_it_comes() -> None:
    assert reply(
        added(0, type="message", id="msg_1", content=[]),
        delta("output_text", 0, "Hel", content_index=0),
        delta("output_text", 0, "lo", content_index=0),
        done(0, type="message", id="msg_1", content=[said("Hello")]),
    ) == [Opened(0, Text("")), Delta(0, "Hel"), Delta(0, "lo"), Closed(0), Finished(Stop.END)]


def test_each_content_part_is_a_text_of_its_own() -> None:
    events = reply(
        added(0, type="message", content=[]),
        delta("output_text", 0, "a", content_index=0),
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": said("a")},
        delta("output_text", 0, "b", content_index=1),
        done(0, type="message", content=[said("a"), said("b")]),
    )
    assert events[:-1] == [
        Opened(0, Text("")),
        Delta(0, "a"),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "b"),
        Closed(1),
    ]


def test_text_without_deltas_is_told_from_the_done_event() -> None:
    events = reply(
        added(0, type="message"),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"},
    )
    assert events[:-1] == [Opened(0, Text("")), Delta(0, "Hello"), Closed(0)]


def test_text_without_deltas_is_told_from_the_whole_item() -> None:
    assert reply(done(0, type="message", content=[said("Hello")]))[:-1] == [
        Opened(0, Text("")),
        Delta(0, "Hello"),
        Closed(0),
    ]


def test_text_is_never_told_twice() -> None:
    whole: Doc = {"type": "message", "id": "msg_1", "content": [said("a")]}
    events = told(
        CREATED,
        added(0, type="message", id="msg_1"),
        delta("output_text", 0, "a", content_index=0),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "a"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": said("a")},
        done(0, **whole),
        done(0, **whole),
        {"type": "response.completed", "response": {"status": "completed", "output": [whole]}},
    )
    assert [event.text for event in events if isinstance(event, Delta)] == ["a"]


def test_a_refusal_is_a_part_and_the_reason_of_the_end() -> None:
    events = reply(
        added(0, type="message"),
        delta("refusal", 0, "I can't", content_index=0),
        done(0, type="message", content=[{"type": "refusal", "refusal": "I can't"}]),
    )
    assert events == [Opened(0, Refusal("")), Delta(0, "I can't"), Closed(0), Finished(Stop.REFUSAL)]


def test_citations_follow_their_text_once() -> None:
    annotation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    second = {**annotation, "url": "v"}
    events = reply(
        added(0, type="message"),
        delta("output_text", 0, "a", content_index=0),
        {
            "type": "response.output_text.annotation.added",
            "output_index": 0,
            "content_index": 0,
            "annotation": annotation,
        },
        done(0, type="message", content=[{"type": "output_text", "text": "a", "annotations": [annotation, second]}]),
    )
    assert [event.citation for event in events if isinstance(event, Cited)] == [
        Citation("u", "t", start=0, end=1),
        Citation("v", "t", start=0, end=1),
    ]


def test_probabilities_come_with_their_text() -> None:
    logprobs = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
    events = reply(added(0, type="message"), delta("output_text", 0, "a", content_index=0, logprobs=logprobs))
    assert events[1] == Delta(0, "a", [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}])


# -- thinking --------------------------------------------------------------------------------------------------------


def test_parts_of_a_summary_are_one_thinking_until_the_item_is_done() -> None:
    events = reply(
        added(0, type="reasoning", id="rs_1", summary=[], encrypted_content="early"),
        delta("reasoning_summary_text", 0, "a", summary_index=0),
        {"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "a"},
        delta("reasoning_summary_text", 0, "b", summary_index=1),
        done(
            0,
            type="reasoning",
            id="rs_1",
            summary=[{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            encrypted_content="final",
        ),
    )
    assert events[:-1] == [
        Opened(0, Thinking("")),
        Delta(0, "a"),
        Delta(0, "\n\nb"),
        Signed(0, Blob("final")),
        Closed(0),
    ]


def test_the_early_blob_stands_if_the_item_has_none() -> None:
    events = reply(added(0, type="reasoning", encrypted_content="early"), done(0, type="reasoning", summary=[]))
    assert events[:-1] == [Opened(0, Thinking("")), Signed(0, Blob("early")), Closed(0)]


def test_thinking_without_blob_is_not_signed() -> None:
    events = reply(added(0, type="reasoning"), delta("reasoning_summary_text", 0, "a", summary_index=0))
    assert events[:-1] == [Opened(0, Thinking("")), Delta(0, "a"), Closed(0)]


def test_raw_reasoning_is_thinking_too() -> None:
    events = reply(added(0, type="reasoning"), delta("reasoning_text", 0, "a", content_index=0))
    assert events[:-1] == [Opened(0, Thinking("")), Delta(0, "a"), Closed(0)]


def test_raw_reasoning_is_not_repeated_by_its_summary() -> None:
    events = reply(
        added(0, type="reasoning"),
        delta("reasoning_text", 0, "long", content_index=0),
        done(0, type="reasoning", summary=[{"type": "summary_text", "text": "short"}]),
    )
    assert [event.text for event in events if isinstance(event, Delta)] == ["long"]


def test_reasoning_of_which_nothing_is_told_is_no_part() -> None:
    assert reply(added(0, type="reasoning"), done(0, type="reasoning", summary=[])) == [Finished(Stop.END)]


def test_a_summary_without_deltas_is_told_from_the_whole_item() -> None:
    events = reply(
        done(
            0, type="reasoning", summary=[{"text": "a"}, {"text": "b"}], content=[{"text": "c"}], encrypted_content="x"
        )
    )
    assert events[:-1] == [
        Opened(0, Thinking("")),
        Delta(0, "a"),
        Delta(0, "\n\nb"),
        Signed(0, Blob("x")),
        Closed(0),
    ]


# -- calls -----------------------------------------------------------------------------------------------------------


def call(place: int, **more: object) -> Doc:
    return added(place, type="function_call", id=f"fc_{place}", call_id=f"call_{place}", name="f", arguments="", **more)


def test_arguments_flow_as_they_come() -> None:
    events = reply(
        call(0, namespace="ns"),
        delta("function_call_arguments", 0, '{"a"'),
        delta("function_call_arguments", 0, ":1}"),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'},
        done(0, type="function_call", id="fc_0", call_id="call_0", name="f", arguments='{"a":1}'),
    )
    assert events == [
        Opened(0, ToolCall("call_0", "f", namespace="ns")),
        Delta(0, '{"a"'),
        Delta(0, ":1}"),
        Closed(0),
        Finished(Stop.TOOLS),
    ]


@pytest.mark.parametrize(
    "documents",
    [
        [call(0), {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"}],
        [call(0), done(0, type="function_call", call_id="call_0", name="f", arguments="{}")],
        [done(0, type="function_call", call_id="call_0", name="f", arguments="{}")],
        [added(0, type="function_call", call_id="call_0", name="f", arguments="{}")],
    ],
)
def test_arguments_that_come_in_one_place_only_are_told_once(documents: Sequence[Doc]) -> None:
    assert reply(*documents) == [
        Opened(0, ToolCall("call_0", "f")),
        Delta(0, "{}"),
        Closed(0),
        Finished(Stop.TOOLS),
    ]


def test_parallel_calls_keep_their_arguments_apart() -> None:
    events = reply(
        call(0),
        call(1),
        delta("function_call_arguments", 1, "b"),
        delta("function_call_arguments", 0, "a"),
        done(1, type="function_call", id="fc_1", arguments="b"),
        done(0, type="function_call", id="fc_0", arguments="a"),
    )
    assert events[2:-1] == [Delta(1, "b"), Delta(0, "a"), Closed(1), Closed(0)]


def test_a_call_waits_for_its_name() -> None:
    events = reply(
        added(0, type="function_call", call_id="c", arguments=""),
        delta("function_call_arguments", 0, '{"a"'),
        delta("function_call_arguments", 0, ":1}"),
        done(0, type="function_call", call_id="c", name="f", arguments='{"a":1}'),
    )
    assert events[:-1] == [Opened(0, ToolCall("c", "f")), Delta(0, '{"a":1}'), Closed(0)]


def test_a_call_that_waits_holds_no_number() -> None:
    events = reply(
        added(0, type="function_call", call_id="c"),
        delta("output_text", 1, "a", content_index=0),
        done(0, type="function_call", call_id="c", name="f", arguments="{}"),
    )
    assert [event.index for event in events if isinstance(event, Opened)] == [0, 1]


def test_a_name_may_come_with_the_whole_response() -> None:
    events = told(
        CREATED,
        added(0, type="function_call", id="fc_1"),
        delta("function_call_arguments", 0, "{}"),
        {
            "type": "response.completed",
            "response": {
                "output": [{"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}]
            },
        },
    )
    assert events[1:] == [
        Opened(0, ToolCall("c", "f")),
        Delta(0, "{}"),
        Closed(0),
        Finished(Stop.TOOLS),
        Ended(),
    ]


def test_a_call_without_a_name_is_none() -> None:
    assert reply(added(0, type="function_call", call_id="c"), delta("function_call_arguments", 0, "{}")) == [
        Finished(Stop.END)
    ]


def test_a_call_without_call_id_has_the_items() -> None:
    events = reply(done(0, type="function_call", id="fc_1", name="f", arguments="{}"))
    assert events[0] == Opened(0, ToolCall("fc_1", "f"))


def test_a_free_form_call_flows_as_it_comes() -> None:
    events = reply(
        added(0, type="custom_tool_call", call_id="c", name="apply_patch", input=""),
        delta("custom_tool_call_input", 0, "*** "),
        delta("custom_tool_call_input", 0, "Begin"),
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "*** Begin"},
        done(0, type="custom_tool_call", call_id="c", name="apply_patch", input="*** Begin"),
    )
    assert events == [
        Opened(0, ToolCall("c", "apply_patch", custom=True)),
        Delta(0, "*** "),
        Delta(0, "Begin"),
        Closed(0),
        Finished(Stop.TOOLS),
    ]


def test_an_event_finds_its_item_by_id_where_it_has_no_place() -> None:
    events = reply(
        call(0),
        call(1),
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "b"},
    )
    assert Delta(1, "b") in events


def test_another_id_in_each_event_does_not_matter() -> None:
    events = told(
        CREATED,
        added(0, type="message", id="a"),
        delta("output_text", 0, "hi", content_index=0, item_id="b"),
        done(0, type="message", id="c", content=[said("hi")]),
        {
            "type": "response.completed",
            "response": {"output": [{"type": "message", "id": "d", "content": [said("hi")]}]},
        },
    )
    assert [event.text for event in events if isinstance(event, Delta)] == ["hi"]


def test_items_that_all_have_one_place_are_told_apart_by_their_ids() -> None:
    events = reply(
        added(0, type="message", id="a"),
        delta("output_text", 0, "x", content_index=0, item_id="a"),
        done(0, type="message", id="a", content=[said("x")]),
        added(0, type="message", id="b"),
        delta("output_text", 0, "y", content_index=0, item_id="b"),
        done(0, type="message", id="b", content=[said("y")]),
    )
    assert [event.text for event in events if isinstance(event, Delta)] == ["x", "y"]


def test_calls_that_all_have_one_place_keep_their_arguments_apart() -> None:
    events = reply(
        added(0, type="function_call", id="a", call_id="c", name="f"),
        added(0, type="function_call", id="b", call_id="d", name="f"),
        delta("function_call_arguments", 0, "1", item_id="a"),
        delta("function_call_arguments", 0, "2", item_id="b"),
    )
    assert events[2:4] == [Delta(0, "1"), Delta(1, "2")]


def test_deltas_that_name_no_item_belong_together() -> None:
    events = reply(
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.output_text.delta", "delta": "b"},
        {"type": "response.output_item.done", "item": {"type": "message", "content": [said("ab")]}},
    )
    assert events[:-1] == [Opened(0, Text("")), Delta(0, "a"), Delta(0, "b"), Closed(0)]


# -- what the vendor makes -------------------------------------------------------------------------------------------


def test_a_search_is_told_when_it_is_done() -> None:
    action: Json = {"type": "search", "query": "q"}
    item: JsonObject = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    events = reply(
        added(0, type="web_search_call", id="ws_1"),
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
        done(0, **item),
    )
    assert events == [
        Opened(0, ServerCall("ws_1", "web_search", "", VendorPart("openai-responses", item))),
        Delta(0, '{"query":"q"}'),
        Closed(0),
        Opened(1, ServerResult("ws_1", "web_search")),
        Closed(1),
        Finished(Stop.END),
    ]


def test_an_image_is_told_when_it_is_done() -> None:
    events = reply(done(0, type="image_generation_call", id="ig_1", result="AAAA"))
    assert events[0] == Opened(0, Media("image", Inline("image/png", "AAAA")))


def test_an_unknown_item_is_kept_as_it_stands() -> None:
    assert reply(done(0, type="novelty", x=1))[0] == Opened(
        0, VendorPart("openai-responses", {"type": "novelty", "x": 1})
    )


# -- the end ---------------------------------------------------------------------------------------------------------


def test_the_whole_response_tells_what_no_event_told() -> None:
    events = told(
        CREATED,
        done(0, type="message", id="msg_1", content=[said("a")]),
        {
            "type": "response.completed",
            "response": {
                "output": [
                    {"type": "message", "id": "msg_1", "content": [said("a")]},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                ]
            },
        },
    )
    assert events[4:] == [
        Opened(1, ToolCall("c", "f")),
        Delta(1, "{}"),
        Closed(1),
        Finished(Stop.TOOLS),
        Ended(),
    ]


def test_an_empty_output_at_the_end_takes_nothing_back() -> None:
    assert len(reply(done(0, type="message", content=[said("a")]))) == 4


def test_an_item_that_nobody_closed_is_closed_at_the_end() -> None:
    assert reply(added(0, type="message"), delta("output_text", 0, "a", content_index=0))[-2:] == [
        Closed(0),
        Finished(Stop.END),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("max_output_tokens", Stop.LENGTH),
        ("content_filter", Stop.REFUSAL),
        ("steered", Stop.END),
    ],
)
def test_an_incomplete_response_has_its_reason(reason: str, stop: Stop) -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": reason}, "output": []}
    assert told(CREATED, {"type": "response.incomplete", "response": response})[1] == Finished(stop, detail=reason)


def test_a_limit_wins_over_calls() -> None:
    response: Doc = {"status": "incomplete", "incomplete_details": None, "output": []}
    events = told(CREATED, call(0), {"type": "response.incomplete", "response": response})
    assert events[-2] == Finished(Stop.LENGTH, detail="max_output_tokens")


def test_a_stop_sequence_is_named_where_a_server_tells_it() -> None:
    response: Doc = {"status": "completed", "stop_sequence": "END", "output": []}
    assert told(CREATED, {"type": "response.completed", "response": response})[1] == Finished(Stop.SEQUENCE, "END")


def test_usage_comes_before_the_end() -> None:
    response = {"output": [], "usage": {"input_tokens": 3, "output_tokens": 4}}
    assert told(CREATED, {"type": "response.completed", "response": response})[1:] == [
        Finished(Stop.END),
        Used(Usage(input=3, output=4)),
        Ended(),
    ]


def test_after_the_end_there_is_nothing() -> None:
    assert told(CREATED, COMPLETED, COMPLETED, delta("output_text", 0, "a"), {"type": "error"}) == [START, *END]


def test_a_reply_that_failed_has_no_end() -> None:
    failed: Doc = {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}}
    assert told(CREATED, failed, COMPLETED) == [START, Failed(500, "m")]


def test_an_error_may_come_first() -> None:
    assert told({"type": "error", "code": "rate_limit_exceeded", "message": "m"}) == [Failed(429, "m")]


def test_an_error_may_come_without_a_kind() -> None:
    assert told({"error": {"message": "m", "type": "server_error"}}) == [Failed(500, "m")]


def test_a_response_that_was_cancelled_failed() -> None:
    events = told(CREATED, {"type": "response.completed", "response": {"status": "cancelled"}})
    assert isinstance(events[-1], Failed)


def test_a_stream_that_stops_short_failed() -> None:
    events = told(CREATED, delta("output_text", 0, "a"))
    assert events[-1] == Failed(502, "The upstream's reply stopped before its end.", early_end=True)


def test_the_end_of_the_body_is_told_once() -> None:
    decoder = ResponsesReplyDecoder()
    decoder.finish()
    assert decoder.finish() == ()


def test_a_stream_without_a_beginning_begins_anyway() -> None:
    assert told(delta("output_text", 0, "a", content_index=0), COMPLETED)[:2] == [Started(), Opened(0, Text(""))]


def test_the_name_of_the_model_is_taken_from_whatever_comes_first() -> None:
    response = {"id": "r", "model": "m", "output": []}
    assert told({"type": "response.completed", "response": response})[0] == Started("r", "m")


# -- whole replies ---------------------------------------------------------------------------------------------------


def test_a_whole_response_reads_as_its_stream() -> None:
    output: list[Doc] = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"},
        {"type": "message", "content": [said("a"), said("b")]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
    ]
    response: Doc = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": output}
    streamed = told(
        CREATED,
        added(0, type="reasoning"),
        delta("reasoning_summary_text", 0, "hm", summary_index=0),
        done(0, **output[0]),
        added(1, type="message"),
        delta("output_text", 1, "a", content_index=0),
        delta("output_text", 1, "b", content_index=1),
        done(1, **output[1]),
        added(2, type="function_call", call_id="c", name="f"),
        delta("function_call_arguments", 2, '{"a":1}'),
        done(2, **output[2]),
        {"type": "response.completed", "response": response},
    )
    assert decode_reply(response) == fold(streamed)


def test_a_whole_response_that_failed_is_an_error() -> None:
    with pytest.raises(Reported) as caught:
        decode_reply({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}, "output": []})
    assert (caught.value.status, caught.value.message) == (429, "m")


def test_an_error_in_the_place_of_a_response_is_told() -> None:
    with pytest.raises(Reported, match=r"^m$"):
        decode_reply({"error": {"message": "m"}})


@pytest.mark.parametrize("document", [{}, {"output": None}, {"output": [], "status": "queued"}])
def test_what_is_no_response_is_broken(document: Doc) -> None:
    with pytest.raises(Broken):
        decode_reply(document)


# -- laws ------------------------------------------------------------------------------------------------------------

GARBAGE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 3), st.text(max_size=3), st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["type", "text", "id"]), inner)
    ),
    max_leaves=5,
)
KINDS = [
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.refusal.delta",
    "response.refusal.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
    "unknown",
]
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(
            st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call", "web_search_call", "x"]),
            GARBAGE,
        ),
        "id": st.one_of(st.sampled_from(["a", "b"]), GARBAGE),
        "call_id": st.one_of(st.sampled_from(["c", "d"]), GARBAGE),
        "name": st.one_of(st.just("f"), GARBAGE),
        "arguments": st.one_of(st.just("{}"), GARBAGE),
        "content": st.one_of(st.just([said("x"), {"type": "refusal", "refusal": "r"}]), GARBAGE),
        "summary": st.one_of(st.just([{"text": "s"}]), GARBAGE),
        "encrypted_content": st.one_of(st.just("e"), GARBAGE),
        "action": st.one_of(st.just({"type": "search"}), GARBAGE),
    },
)
EVENTS = st.fixed_dictionaries(
    {"type": st.one_of(st.sampled_from(KINDS), GARBAGE)},
    optional={
        "output_index": st.one_of(st.integers(0, 2), GARBAGE),
        "item_id": st.one_of(st.sampled_from(["a", "b"]), GARBAGE),
        "content_index": st.one_of(st.integers(0, 1), GARBAGE),
        "summary_index": st.one_of(st.integers(0, 1), GARBAGE),
        "delta": st.one_of(st.text(max_size=3), GARBAGE),
        "text": GARBAGE,
        "part": ITEM,
        "annotation": st.one_of(st.just({"type": "url_citation", "url": "u"}), GARBAGE),
        "item": st.one_of(ITEM, GARBAGE),
        "response": st.one_of(
            st.fixed_dictionaries({"output": st.one_of(st.lists(ITEM, max_size=3), GARBAGE)}), GARBAGE
        ),
        "error": GARBAGE,
    },
)


@settings(max_examples=120, deadline=None)
@given(st.lists(EVENTS, max_size=10))
def test_whatever_comes_the_events_keep_their_grammar(documents: list[Doc]) -> None:
    events = told(*documents)
    json.dumps([repr(event) for event in events])
    assert isinstance(events[-1], Ended | Failed)
    assert sum(isinstance(event, Ended | Failed) for event in events) == 1
    open_parts: set[int] = set()
    seen = 0
    begun = False
    for event in events:
        if isinstance(event, Started):
            assert not begun
            begun = True
        elif isinstance(event, Opened):
            assert begun
            assert event.index == seen
            seen += 1
            open_parts.add(event.index)
        elif isinstance(event, Delta | Signed | Cited):
            assert event.index in open_parts
            assert not isinstance(event, Delta) or event.text
        elif isinstance(event, Closed):
            open_parts.remove(event.index)
        elif isinstance(event, Finished):
            assert not open_parts
