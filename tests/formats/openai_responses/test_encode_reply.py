from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module

import pytest
from hypothesis import given, settings
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
from cliproxy.conversation.losses import Losses
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
from cliproxy.conversation.usage import Usage
from cliproxy.formats import sse
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_responses.decode_reply import ResponsesReplyDecoder, decode_reply
from cliproxy.formats.openai_responses.decode_request import decode_request
from cliproxy.formats.openai_responses.encode_reply import ResponsesReplyEncoder, encode_reply

Doc = dict[str, Json]
TOOLS: list[Json] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True},
    {"type": "custom", "name": "p"},
]
FRAMING = Framing(
    decode_request({"model": "m", "input": "hi", "instructions": "be kind", "tools": TOOLS}, Losses()),
    "alias",
    "seed1",
    1700000000,
)
END = (Finished(Stop.END), Ended())


def stream(*events: Event) -> list[Doc]:
    encoder = ResponsesReplyEncoder(FRAMING)
    lines = b"".join([encoder.feed(event) for event in events])
    documents = [json.loads(payload) for payload in sse.payloads(lines)]
    assert [document["sequence_number"] for document in documents] == list(range(len(documents)))
    return documents


def told(*events: Event) -> list[Doc]:
    """Between `in_progress` and the end, without what each event has."""
    documents = stream(Started(), *events, *END)[2:-1]
    return [{key: value for key, value in document.items() if key != "sequence_number"} for document in documents]


def test_a_text_is_told_as_the_wire_tells_it() -> None:
    content = {"item_id": "msg_seed1_0", "output_index": 0, "content_index": 0}
    whole = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    item = {"id": "msg_seed1_0", "type": "message", "role": "assistant"}
    assert told(Opened(0, Text("")), Delta(0, "Hel"), Delta(0, "lo"), Closed(0)) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **content, "part": {**whole, "text": ""}},
        {"type": "response.output_text.delta", **content, "delta": "Hel", "logprobs": []},
        {"type": "response.output_text.delta", **content, "delta": "lo", "logprobs": []},
        {"type": "response.output_text.done", **content, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **content, "part": whole},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "status": "completed", "content": [whole]},
        },
    ]


def test_thinking_is_a_summary_whose_blob_comes_at_the_end() -> None:
    place = {"item_id": "rs_seed1_0", "output_index": 0, "summary_index": 0}
    whole = {"type": "summary_text", "text": "hm"}
    item = {"id": "rs_seed1_0", "type": "reasoning"}
    assert told(Opened(0, Thinking("")), Delta(0, "hm"), Signed(0, Blob("gAAAA")), Closed(0)) == [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "summary": []}},
        {"type": "response.reasoning_summary_part.added", **place, "part": {**whole, "text": ""}},
        {"type": "response.reasoning_summary_text.delta", **place, "delta": "hm"},
        {"type": "response.reasoning_summary_text.done", **place, "text": "hm"},
        {"type": "response.reasoning_summary_part.done", **place, "part": whole},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "summary": [whole], "encrypted_content": "gAAAA"},
        },
    ]


def test_a_call_is_told_with_its_arguments() -> None:
    place = {"item_id": "fc_seed1_0", "output_index": 0}
    item = {"id": "fc_seed1_0", "type": "function_call", "call_id": "c", "name": "f", "namespace": "ns"}
    assert told(Opened(0, ToolCall("c", "f", namespace="ns")), Delta(0, "{}"), Closed(0)) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", **place, "delta": "{}"},
        {"type": "response.function_call_arguments.done", **place, "arguments": "{}"},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "status": "completed", "arguments": "{}"},
        },
    ]


def test_a_free_form_call_has_events_of_its_own() -> None:
    kinds = [event["type"] for event in told(Opened(0, ToolCall("c", "p", custom=True)), Delta(0, "x"), Closed(0))]
    assert kinds == [
        "response.output_item.added",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
    ]


def test_a_refusal_has_events_of_its_own() -> None:
    kinds = [event["type"] for event in told(Opened(0, Refusal("")), Delta(0, "no"), Closed(0))]
    assert kinds == [
        "response.output_item.added",
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
        "response.output_item.done",
    ]


def test_neighbouring_texts_share_an_item() -> None:
    events = told(Opened(0, Text("")), Delta(0, "a"), Closed(0), Opened(1, Text("")), Delta(1, "b"), Closed(1))
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert len(items) == 1
    assert [event["content_index"] for event in events if event["type"] == "response.output_text.done"] == [0, 1]


def test_text_after_a_call_is_another_item() -> None:
    events = told(
        Opened(0, Text("")),
        Delta(0, "a"),
        Closed(0),
        Opened(1, ToolCall("c", "f")),
        Closed(1),
        Opened(2, Text("")),
        Delta(2, "b"),
        Closed(2),
    )
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    ids = [item["id"] for item in items if isinstance(item, dict)]
    assert ids == ["msg_seed1_0", "fc_seed1_1", "msg_seed1_2"]


def test_a_message_that_is_still_open_ends_when_its_text_does() -> None:
    events = told(Opened(0, Text("")), Opened(1, ToolCall("c", "f")), Delta(0, "a"), Closed(0), Closed(1))
    done = [event["output_index"] for event in events if event["type"] == "response.output_item.done"]
    assert done == [0, 1]


def test_items_may_be_interleaved() -> None:
    events = told(
        Opened(0, ToolCall("c", "f")),
        Opened(1, ToolCall("d", "f")),
        Delta(1, "b"),
        Delta(0, "a"),
        Closed(1),
        Closed(0),
    )
    arguments = {
        event["output_index"]: event["arguments"]
        for event in events
        if event["type"] == "response.function_call_arguments.done"
    }
    assert arguments == {0: "a", 1: "b"}


def test_a_citation_is_an_annotation_with_a_place() -> None:
    events = told(Opened(0, Text("")), Delta(0, "abc"), Cited(0, Citation("u", "t")), Closed(0))
    annotation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 3}
    assert [event["annotation"] for event in events if "annotation" in event] == [annotation]
    assert events[-2]["part"] == {"type": "output_text", "text": "abc", "annotations": [annotation], "logprobs": []}


def test_probabilities_are_told_with_their_text() -> None:
    given: Json = [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
    events = told(Opened(0, Text("")), Delta(0, "a", given), Closed(0))
    assert events[2]["logprobs"] == [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]


def test_a_search_is_done_when_its_result_comes() -> None:
    events = told(
        Opened(0, ServerCall("s", "web_search")),
        Delta(0, '{"query":"q"}'),
        Closed(0),
        Opened(1, ServerResult("s", "web_search", (Hit("https://a.example"),))),
        Closed(1),
        Opened(2, Text("")),
        Closed(2),
    )
    assert [event["type"] for event in events[:5]] == [
        "response.output_item.added",
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
        "response.output_item.done",
    ]


def test_a_search_without_result_is_done_at_the_end() -> None:
    events = told(Opened(0, ServerCall("s", "web_search")), Closed(0))
    assert events[-1]["type"] == "response.output_item.done"


def test_what_another_vendor_knows_is_left_out() -> None:
    assert told(Opened(0, VendorPart("gemini", {"x": 1})), Closed(0)) == []


def test_an_image_is_an_item() -> None:
    events = told(Opened(0, Media("image", Inline("image/png", "AAAA"))), Closed(0))
    assert [event["type"] for event in events] == ["response.output_item.added", "response.output_item.done"]


def response(*events: Event) -> Doc:
    last = stream(Started(), *events)[-1]["response"]
    assert isinstance(last, dict)
    return last


def test_the_end_has_the_whole_response() -> None:
    whole = response(Opened(0, Text("")), Delta(0, "a"), Closed(0), Finished(Stop.END), Used(Usage(1)), Ended())
    assert (whole["status"], whole["model"], whole["id"]) == ("completed", "alias", "resp_seed1")
    assert whole["output"] == [
        {
            "id": "msg_seed1_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}],
        }
    ]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.LENGTH, "max_output_tokens"),
        (Stop.CONTEXT, "max_output_tokens"),
        (Stop.REFUSAL, "content_filter"),
    ],
)
def test_what_was_cut_off_is_incomplete(stop: Stop, reason: str) -> None:
    documents = stream(Started(), Opened(0, Text("")), Delta(0, "a"), Closed(0), Finished(stop), Ended())
    whole = documents[-1]["response"]
    assert isinstance(whole, dict)
    assert documents[-1]["type"] == "response.incomplete"
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": reason})
    item = documents[-2]["item"]
    assert isinstance(item, dict)
    assert item["status"] == "incomplete"


@pytest.mark.parametrize("stop", [Stop.END, Stop.TOOLS, Stop.SEQUENCE, Stop.PAUSE])
def test_other_ends_are_complete(stop: Stop) -> None:
    assert response(Finished(stop), Ended())["status"] == "completed"


def test_a_refusal_in_words_is_complete() -> None:
    whole = response(Opened(0, Refusal("")), Delta(0, "no"), Closed(0), Finished(Stop.REFUSAL), Ended())
    assert whole["status"] == "completed"


def test_usage_of_the_beginning_stands_if_none_follows() -> None:
    whole = stream(Started(usage=Usage(input=7)), *END)[-1]["response"]
    assert isinstance(whole, dict)
    assert isinstance(whole["usage"], dict)
    assert whole["usage"]["input_tokens"] == 7


def test_a_failure_ends_the_stream_without_success() -> None:
    documents = stream(Started(), Opened(0, Text("")), Delta(0, "a"), Failed(429, "slow"), *END)
    whole = documents[-1]["response"]
    assert isinstance(whole, dict)
    assert documents[-1]["type"] == "response.failed"
    assert (whole["status"], whole["error"]) == ("failed", {"code": "rate_limit_exceeded", "message": "slow"})


def test_too_long_a_prompt_has_its_code() -> None:
    whole = response(Failed(400, "prompt is too long", context_overflow=True))
    assert whole["error"] == {"code": "context_length_exceeded", "message": "prompt is too long"}


def test_a_failure_that_comes_first_begins_the_stream_itself() -> None:
    assert [document["type"] for document in stream(Failed(500, "m"))] == [
        "response.created",
        "response.in_progress",
        "response.failed",
    ]


def test_a_stream_without_a_beginning_begins_itself() -> None:
    assert stream(Opened(0, Text("")))[0]["type"] == "response.created"


def test_parts_that_nobody_closed_are_closed_at_the_end() -> None:
    kinds = [document["type"] for document in stream(Opened(0, Text("")), Delta(0, "a"), Ended())]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_after_the_end_nothing_is_written() -> None:
    encoder = ResponsesReplyEncoder(FRAMING)
    encoder.feed(Ended())
    assert encoder.feed(Delta(0, "a")) == b""


def test_parts_that_were_never_opened_are_passed_over() -> None:
    assert told(Delta(3, "a"), Closed(3), Signed(3, Blob("x")), Cited(3, Citation("u"))) == []


def test_another_choice_is_passed_over() -> None:
    assert told(Opened(0, Text(""), 1), Delta(0, "a"), Closed(0)) == []


# -- laws ------------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
CITATIONS = st.lists(st.builds(Citation, TEXT, TEXT, start=st.integers(0, 9), end=st.integers(0, 9)), max_size=2)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(lambda text, cited: Text(text, citations=tuple(cited)), TEXT, CITATIONS),
    st.builds(Refusal, TEXT),
    st.builds(Thinking, TEXT, st.one_of(st.none(), st.builds(Blob, TEXT))),
    st.builds(lambda blob: Thinking("", Blob(blob)), TEXT),
    st.builds(ToolCall, TEXT, TEXT, TEXT, custom=st.booleans(), namespace=st.sampled_from(["", "ns"])),
    st.just(Media("image", Inline("image/webp", "AAAA"))),
    st.just(VendorPart("openai-responses", {"type": "compaction", "encrypted_content": "x"})),
)


def _stop(parts: Sequence[Part]) -> Stop:
    if any(isinstance(part, ToolCall) for part in parts):
        return Stop.TOOLS
    return Stop.REFUSAL if any(isinstance(part, Refusal) for part in parts) else Stop.END


USAGES = st.builds(
    Usage,
    input=st.integers(0, 9),
    cache_read=st.integers(0, 9),
    cache_write_5m=st.integers(0, 9),
    output=st.integers(0, 9),
    reasoning=st.integers(0, 9),
    searches=st.integers(0, 2),
)
REPLIES = st.builds(
    lambda parts, usage: Reply("resp_seed1", "alias", (Choice(tuple(parts), _stop(parts)),), usage),
    st.lists(PARTS, max_size=5),
    st.one_of(st.none(), USAGES),
)


def read_back(events: Sequence[Event]) -> list[Event]:
    decoder = ResponsesReplyDecoder()
    found: list[Event] = []
    for document in stream(*events):
        found += decoder.feed(document)
    return [*found, *decoder.finish()]


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_a_stream_is_read_back_as_it_was_told(reply: Reply) -> None:
    assert fold(read_back(list(unfold(reply)))) == reply


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_a_whole_reply_is_read_back_as_it_was_told(reply: Reply) -> None:
    assert decode_reply(json.loads(encode_reply(reply, FRAMING))) == reply


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_a_whole_reply_is_what_its_stream_ends_with(reply: Reply) -> None:
    assert json.loads(encode_reply(reply, FRAMING)) == stream(*unfold(reply))[-1]["response"]


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(Started()),
    st.builds(Opened, st.integers(0, 3), st.one_of(PARTS, st.builds(ServerCall, TEXT, st.just("web_search")))),
    st.builds(Delta, st.integers(0, 3), TEXT),
    st.builds(Signed, st.integers(0, 3), st.builds(Blob, TEXT)),
    st.builds(Cited, st.integers(0, 3), st.builds(Citation, TEXT)),
    st.builds(Closed, st.integers(0, 3)),
    st.builds(Finished, st.sampled_from(Stop)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(EVENTS, max_size=12), st.sampled_from([Ended(), Failed(500, "m")]))
def test_whatever_comes_the_stream_keeps_its_grammar(events: list[Event], last: Event) -> None:
    documents = stream(*events, last)
    assert [document["type"] for document in documents[:2]] == ["response.created", "response.in_progress"]
    kinds = [document["type"] for document in documents]
    added = [document["output_index"] for document in documents if document["type"] == "response.output_item.added"]
    done = [document["output_index"] for document in documents if document["type"] == "response.output_item.done"]
    assert added == list(range(len(added)))
    assert len(set(done)) == len(done)
    if isinstance(last, Ended):
        assert sorted(map(str, done)) == sorted(map(str, added))
        assert kinds[-1] in ("response.completed", "response.incomplete")
    else:
        assert kinds[-1] == "response.failed"


# -- the official SDK: its strict model of every event, and its own way to gather them --------------------------------

EVERYTHING: Sequence[Event] = (
    Started("up", "model"),
    Opened(0, Thinking("")),
    Delta(0, "hm"),
    Signed(0, Blob("gAAAA")),
    Closed(0),
    Opened(1, ServerCall("s", "web_search")),
    Delta(1, '{"query":"q"}'),
    Closed(1),
    Opened(2, ServerResult("s", "web_search", (Hit("https://a.example"),))),
    Closed(2),
    Opened(3, Text("")),
    Delta(3, "Hel", [{"token": "Hel", "logprob": -0.5, "bytes": None, "top_logprobs": []}]),
    Cited(3, Citation("https://a.example", "A")),
    Delta(3, "lo"),
    Closed(3),
    Opened(4, Text("")),
    Delta(4, "again"),
    Closed(4),
    Opened(5, ToolCall("c", "f", namespace="ns")),
    Opened(6, ToolCall("d", "p", custom=True)),
    Delta(6, "*** Begin"),
    Delta(5, '{"a":1}'),
    Closed(6),
    Closed(5),
    Opened(7, Media("image", Inline("image/png", "AAAA"))),
    Closed(7),
    Opened(8, Refusal("")),
    Delta(8, "no"),
    Closed(8),
    Finished(Stop.TOOLS),
    Used(Usage(input=3, cache_read=2, output=4, reasoning=1, searches=1)),
    Ended(),
)
SDK_TOOLS: list[Json] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True},
    {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}},
    {"type": "web_search"},
]


def streamed(events: Sequence[Event]) -> list[dict[str, Json]]:
    body = {
        "model": "m",
        "input": "hi",
        "tools": SDK_TOOLS,
        "reasoning": {"effort": "high", "summary": "auto"},
        "metadata": {"a": "b"},
    }
    encoder = ResponsesReplyEncoder(Framing(decode_request(body, Losses()), "alias", "seed1", 1700000000))
    return [json.loads(payload) for payload in sse.payloads(b"".join([encoder.feed(event) for event in events]))]


def gathered(documents: list[dict[str, Json]]) -> object:
    state = import_module("openai.lib.streaming.responses._responses").ResponseStreamState
    adapter, omit = _stream_event(), import_module("openai").omit
    following = state(input_tools=[], text_format=omit)
    return [event for document in documents for event in following.handle_event(adapter.validate_python(document))][-1]


def _stream_event() -> TypeAdapter[object]:
    known = import_module("openai.types.responses").ResponseStreamEvent
    return TypeAdapter(known)


def test_every_event_is_one_of_the_sdks() -> None:
    adapter = _stream_event()
    for document in streamed(EVERYTHING):
        adapter.validate_python(document)


def test_the_sdk_gathers_the_whole_reply() -> None:
    response = getattr(gathered(streamed(EVERYTHING)), "response", None)
    assert response is not None
    assert [item.type for item in response.output] == [
        "reasoning",
        "web_search_call",
        "message",
        "function_call",
        "custom_tool_call",
        "image_generation_call",
        "message",
    ]


def test_the_sdk_reads_the_text() -> None:
    response = import_module("openai.types.responses").Response.model_validate(streamed(EVERYTHING)[-1]["response"])
    assert response.output_text == "Helloagain"


def test_the_sdk_reads_a_reply_that_failed() -> None:
    last = gathered(streamed((Started(), Opened(0, Text("")), Delta(0, "a"), Failed(429, "slow"))))
    assert getattr(last, "type", "") == "response.failed"


def test_the_sdk_reads_a_reply_that_was_cut_off() -> None:
    last = gathered(streamed((Started(), Opened(0, Text("")), Delta(0, "a"), Finished(Stop.LENGTH), Ended())))
    assert getattr(last, "type", "") == "response.incomplete"
