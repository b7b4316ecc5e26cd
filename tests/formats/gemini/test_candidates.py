"""One candidate, part by part."""

from __future__ import annotations

import pytest

from cliproxy.conversation.events import Cited, Closed, Delta, Event, Failed, Finished, Opened, Signed, Stop
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Hit,
    Inline,
    Json,
    Media,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.formats.gemini.candidates import Candidate, GarbledError, Numbers


def told(*chunks: dict[str, Json]) -> list[Event]:
    """What some chunks say, without the end."""
    candidate = Candidate(0, Numbers("resp"))
    events: list[Event] = []
    for chunk in chunks:
        candidate.feed(chunk, events)
    return events


def ended(*chunks: dict[str, Json]) -> list[Event]:
    """What is said after some chunks."""
    candidate = Candidate(0, Numbers("resp"))
    events: list[Event] = []
    for chunk in chunks:
        candidate.feed(chunk, events)
    said = len(events)
    candidate.finish(events)
    return events[said:]


def chunk(*parts: Json, **beside: Json) -> dict[str, Json]:
    return {"content": {"role": "model", "parts": list(parts)}, "index": 0, **beside}


def test_words_flow_into_one_part() -> None:
    assert told(chunk({"text": "a"}), chunk({"text": "b"})) == [Opened(0, Text("")), Delta(0, "a"), Delta(0, "b")]


def test_two_texts_of_one_chunk_are_one_part() -> None:
    assert told(chunk({"text": "a"}, {"text": "b"})) == [Opened(0, Text("")), Delta(0, "a"), Delta(0, "b")]


def test_thoughts_and_words_take_turns() -> None:
    assert told(chunk({"text": "h", "thought": True}), chunk({"text": "a"}), chunk({"text": "m", "thought": True})) == [
        Opened(0, Thinking("")),
        Delta(0, "h"),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "a"),
        Closed(1),
        Opened(2, Thinking("")),
        Delta(2, "m"),
    ]


def test_an_empty_text_opens_nothing() -> None:
    assert told(chunk({"text": ""}), chunk({}), chunk({"text": None})) == []


def test_a_signature_is_the_parts_it_came_with() -> None:
    assert told(chunk({"text": "a", "thought_signature": "a-_a"})) == [
        Opened(0, Text("")),
        Delta(0, "a"),
        Signed(0, Blob("a+/a")),
    ]


def test_a_signature_on_an_empty_text_is_the_open_texts() -> None:
    assert told(chunk({"text": "a"}), chunk({"text": "", "thoughtSignature": "QUFB"}))[-1] == Signed(0, Blob("QUFB"))


def test_a_signature_on_an_empty_text_behind_thinking_is_not_a_text_of_its_own() -> None:
    assert told(chunk({"text": "h", "thought": True}), chunk({"thoughtSignature": "QUFB"}))[2:] == [
        Signed(0, Blob("QUFB")),
    ]


def test_differently_signed_texts_are_two_parts() -> None:
    events = told(
        chunk({"text": "a", "thoughtSignature": "QUFB"}),
        chunk({"text": "b", "thoughtSignature": "QkJC"}),
    )
    assert events[2:] == [
        Signed(0, Blob("QUFB")),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "b"),
        Signed(1, Blob("QkJC")),
    ]


def test_a_call_comes_whole() -> None:
    call: Json = {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}, "thoughtSignature": "QUFB"}
    assert told(chunk({"text": "a"}, call))[2:] == [
        Closed(0),
        Opened(1, ToolCall("c1", "f")),
        Delta(1, '{"n":1}'),
        Signed(1, Blob("QUFB")),
        Closed(1),
    ]


@pytest.mark.parametrize(
    ("args", "arguments"), [(None, "{}"), ({}, "{}"), ('{"a": 1}', '{"a": 1}'), ([1], "[1]"), (3, "3")]
)
def test_arguments_are_text_whatever_they_come_as(args: Json, arguments: str) -> None:
    assert told(chunk({"functionCall": {"id": "c", "name": "f", "args": args}}))[1] == Delta(0, arguments)


def ids_of(events: list[Event]) -> list[str]:
    return [event.part.id for event in events if isinstance(event, Opened) and isinstance(event.part, ToolCall)]


def test_calls_without_an_id_get_the_same_ones_whenever_they_are_read() -> None:
    calls = chunk({"function_call": {"name": "f"}}, {"function_call": {"name": "f"}})
    first, second = ids_of(told(calls))
    assert first != second
    assert [first, second] == ids_of(told(calls))
    assert first.startswith("call_none_")


@pytest.mark.parametrize(
    "call",
    [{"args": {}}, {"name": ""}, {"name": "f", "willContinue": True}, {"name": "f", "partialArgs": []}],
)
def test_a_call_that_cannot_be_made_breaks_the_reply(call: Json) -> None:
    with pytest.raises(GarbledError):
        told(chunk({"functionCall": call}))


def test_a_picture_is_a_part() -> None:
    assert told(chunk({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})) == [
        Opened(0, Media("image", Inline("image/png", "AAAA"))),
        Closed(0),
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"code": "1"}},
        {"thought": True, "inlineData": {"mimeType": "image/png", "data": ""}},
        {"somethingNew": {}},
    ],
)
def test_what_google_alone_has_words_for_is_kept(part: dict[str, Json]) -> None:
    opened = told(chunk(part))[0]
    assert isinstance(opened, Opened)
    assert isinstance(opened.part, VendorPart)
    assert opened.part.value == part


def test_googles_own_calls_are_kept_with_their_meaning() -> None:
    part: dict[str, Json] = {"toolCall": {"id": "s", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["q"]}}}
    assert told(chunk(part))[:2] == [
        Opened(0, ServerCall("s", "web_search", raw=VendorPart("gemini", part))),
        Delta(0, '{"queries":["q"]}'),
    ]


def test_nonsense_among_the_parts_is_passed_over() -> None:
    assert told(chunk(3, None, "x", {"text": 4}, {"functionCall": 5}, {"inlineData": 6}), {"content": "x"}, {}) == []


def test_probabilities_come_with_the_words_of_their_chunk() -> None:
    logprobs: Json = {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
    assert told(chunk({"text": "a"}, logprobsResult=logprobs))[1] == Delta(
        0, "a", [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}]
    )


@pytest.mark.parametrize("chunk_", [chunk(finishReason="STOP"), {"finishReason": "STOP"}, {"finish_reason": "STOP"}])
def test_an_end_needs_no_words(chunk_: dict[str, Json]) -> None:
    assert ended(chunk({"text": "a"}), chunk_) == [Closed(0), Finished(Stop.END)]


def test_an_end_in_each_chunk_ends_nothing_before_the_last() -> None:
    assert told(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, finishReason="STOP")) == [
        Opened(0, Text("")),
        Delta(0, "a"),
        Delta(0, "b"),
    ]


def test_an_ordinary_end_after_a_call_waits_for_its_result() -> None:
    call: Json = {"functionCall": {"id": "c", "name": "f"}}
    assert ended(chunk(call, finishReason="STOP")) == [Finished(Stop.TOOLS)]


def test_a_call_that_the_limit_cut_off_is_no_call_to_make() -> None:
    call: Json = {"functionCall": {"id": "c", "name": "f"}}
    assert ended(chunk(call, finishReason="MAX_TOKENS")) == [Finished(Stop.LENGTH, detail="MAX_TOKENS")]


def test_a_filter_is_a_refusal_with_its_explanation() -> None:
    assert ended(chunk(finishReason="SAFETY", finishMessage="Too hot.")) == [
        Finished(Stop.REFUSAL, detail="SAFETY: Too hot.")
    ]


def mishap_of(*chunks: dict[str, Json]) -> Failed | None:
    candidate = Candidate(0, Numbers("resp"))
    for each in chunks:
        candidate.feed(each, [])
    return candidate.mishap


def test_a_call_that_went_wrong_is_a_failure_if_nothing_else_was_said() -> None:
    thought = chunk({"text": "h", "thought": True})
    assert mishap_of(thought, chunk(finishReason="MALFORMED_FUNCTION_CALL", finishMessage="Bad call.")) == Failed(
        502, "Bad call."
    )


def test_a_call_that_went_wrong_after_words_is_an_end() -> None:
    chunks = (chunk({"text": "a"}), chunk(finishReason="MALFORMED_FUNCTION_CALL"))
    assert mishap_of(*chunks) is None
    assert ended(*chunks)[-1] == Finished(Stop.END, detail="MALFORMED_FUNCTION_CALL")


GROUNDED: dict[str, Json] = {
    "webSearchQueries": ["q", "r"],
    "groundingChunks": [{"web": {"uri": "https://a.org", "title": "A"}}],
    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3, "text": "☕"}, "groundingChunkIndices": [0]}],
}


def test_words_that_rest_on_a_source_cite_it() -> None:
    events = told(chunk({"text": "☕!"}), chunk(groundingMetadata=GROUNDED))
    assert events[2:] == [Cited(0, Citation("https://a.org", "A", start=0, end=1))]


def test_what_is_told_in_each_chunk_is_cited_once() -> None:
    events = told(chunk({"text": "☕"}, groundingMetadata=GROUNDED), chunk(groundingMetadata=GROUNDED))
    assert sum(isinstance(event, Cited) for event in events) == 1


def test_a_signed_text_can_still_be_cited() -> None:
    events = told(chunk({"text": "☕", "thoughtSignature": "QUFB"}, groundingMetadata=GROUNDED))
    assert isinstance(events[-1], Cited)


def test_a_search_is_told_at_the_end() -> None:
    events = ended(chunk({"text": "☕"}, finishReason="STOP", groundingMetadata=GROUNDED))
    opened = events[1]
    assert isinstance(opened, Opened)
    assert isinstance(opened.part, ServerCall)
    search = opened.part.id
    assert events == [
        Closed(0),
        Opened(1, ServerCall(search, "web_search")),
        Delta(1, '{"query":"q","queries":["q","r"]}'),
        Closed(1),
        Opened(2, ServerResult(search, "web_search", (Hit("https://a.org", "A"),))),
        Closed(2),
        Finished(Stop.END),
    ]
