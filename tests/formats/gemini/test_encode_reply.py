"""Replies, written as Google's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

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
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Framing
from cliproxy.formats.gemini.decode_reply import GeminiReplyDecoder, decode_reply
from cliproxy.formats.gemini.encode_reply import GeminiReplyEncoder, encode_reply

FRAMING = Framing(Request("gemini", "m", ()), "m", "seed", 0)
ARRAY = Framing(Request("gemini", "m", ()), "m", "seed", 0, array=True)
HEAD = {"modelVersion": "m", "responseId": "seed"}


def written(*events: Event, framing: Framing = FRAMING) -> bytes:
    encoder = GeminiReplyEncoder(framing)
    return b"".join(encoder.feed(event) for event in events)


@given(
    part=st.sampled_from([Text(""), Refusal(""), Thinking("")]),
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    choice=st.integers(0, 7),
)
def test_a_delta_is_the_chunk_that_would_be_written_of_its_part(part: Part, text: str, choice: int) -> None:
    beginning = Started(), Opened(0, part, choice)
    told = written(*beginning, Delta(0, text)).removeprefix(written(*beginning))
    said: dict[str, Json] = {"thought": True, "text": text} if isinstance(part, Thinking) else {"text": text}
    candidate: Json = {"content": {"role": "model", "parts": [said]}, "index": choice}
    assert told == b"data: " + jsontext.dumps({"candidates": [candidate], **HEAD}) + b"\n\n"


def chunks(*events: Event) -> list[Json]:
    frames = written(*events).split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") and b"\n" not in frame for frame in frames)
    return [jsontext.loads(frame[6:]) for frame in frames]


def parts(*events: Event) -> list[Json]:
    """The parts of every chunk, in order."""
    found: list[Json] = []
    for chunk in chunks(*events):
        assert isinstance(chunk, dict)
        candidates = chunk["candidates"]
        assert isinstance(candidates, list)
        for candidate in candidates:
            assert isinstance(candidate, dict)
            content = candidate["content"]
            assert isinstance(content, dict)
            assert isinstance(content["parts"], list)
            found += content["parts"]
    return found


def again(*events: Event) -> list[Event]:
    """What a reader of this wire makes of what is written."""
    decoder = GeminiReplyDecoder()
    read: list[Event] = []
    for chunk in chunks(*events):
        assert isinstance(chunk, dict)
        read += decoder.feed(chunk)
    return [*read, *decoder.finish()]


def last(*events: Event) -> Json:
    return chunks(*events)[-1]


def test_words_leave_as_they_come() -> None:
    encoder = GeminiReplyEncoder(FRAMING)
    encoder.feed(Opened(0, Text("")))
    assert json.loads(encoder.feed(Delta(0, "né☕"))[6:]) == {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "né☕"}]}, "index": 0}],
        **HEAD,
    }


def test_thoughts_leave_as_they_come() -> None:
    encoder = GeminiReplyEncoder(FRAMING)
    encoder.feed(Opened(0, Thinking("")))
    assert json.loads(encoder.feed(Delta(0, "hm"))[6:]) == {
        "candidates": [{"content": {"role": "model", "parts": [{"thought": True, "text": "hm"}]}, "index": 0}],
        **HEAD,
    }


def test_the_beginning_of_a_reply_is_silent() -> None:
    assert written(Started("msg_1", "claude", Usage(input=3)), Opened(0, Text(""))) == b""


def test_the_last_chunk_tells_the_end_and_the_usage() -> None:
    assert last(Started(), Used(Usage(input=3, output=2)), Finished(Stop.END), Ended()) == {
        "candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        **HEAD,
    }


def test_every_chunk_bears_a_part() -> None:
    reply = Reply("r", "m", (Choice((Text("a"), ToolCall("c", "f", "{}")), Stop.TOOLS), Choice((), Stop.REFUSAL)))
    for frame in written(*unfold(reply)).split(b"\n\n")[:-1]:
        assert all(candidate["content"]["parts"] for candidate in json.loads(frame[6:])["candidates"])


def test_a_call_leaves_when_it_is_whole() -> None:
    events = (Opened(0, ToolCall("c1", "f")), Delta(0, '{"a":'), Delta(0, " 1}"), Signed(0, Blob("QUFB")))
    assert written(*events) == b""
    assert parts(*events, Closed(0)) == [
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "QUFB"}
    ]


def test_a_call_without_arguments_has_empty_ones() -> None:
    assert parts(Opened(0, ToolCall("c1", "f")), Closed(0)) == [{"functionCall": {"id": "c1", "name": "f", "args": {}}}]


def test_a_call_that_was_cut_off_keeps_what_came() -> None:
    assert parts(Opened(0, ToolCall("c1", "f")), Delta(0, '{"a'), Closed(0)) == [
        {"functionCall": {"id": "c1", "name": "f", "args": {"_raw": '{"a'}}}
    ]


def test_line_ends_in_arguments_do_not_break_the_frame() -> None:
    assert parts(Opened(0, ToolCall("c1", "f")), Delta(0, '{\n"a": 1\n}'), Closed(0)) == [
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}
    ]


@pytest.mark.parametrize(
    ("part", "beside"),
    [(Text(""), {}), (Thinking(""), {"thought": True}), (Thinking("", redacted=True), {"thought": True})],
)
def test_the_signature_of_words_follows_them(part: Part, beside: dict[str, Json]) -> None:
    events = (Opened(0, part), Signed(0, Blob("QUFB")), Delta(0, "a"), Closed(0))
    assert parts(*events) == [{**beside, "text": "a"}, {**beside, "text": "", "thoughtSignature": "QUFB"}]


def test_a_signature_that_is_no_base64_is_made_so() -> None:
    assert parts(Opened(0, Text("")), Signed(0, Blob("no base64!")), Closed(0)) == [
        {"text": "", "thoughtSignature": "bm8gYmFzZTY0IQ=="}
    ]


def test_parts_that_come_interleaved_leave_one_after_another() -> None:
    events = (
        Opened(0, Text("")),
        Opened(1, ToolCall("c1", "f")),
        Opened(2, Text("")),
        Delta(0, "a"),
        Delta(2, "x"),
        Delta(1, "{}"),
        Delta(0, "b"),
        Closed(2),
        Closed(1),
        Closed(0),
    )
    assert parts(*events) == [
        {"text": "a"},
        {"text": "b"},
        {"functionCall": {"id": "c1", "name": "f", "args": {}}},
        {"text": "x"},
    ]


def test_choices_do_not_wait_for_each_other() -> None:
    events = (Opened(0, Text("")), Opened(1, Text(""), 1), Delta(1, "x"), Delta(0, "a"))
    assert parts(*events) == [{"text": "x"}, {"text": "a"}]


def test_a_picture_leaves_at_once() -> None:
    assert parts(Opened(0, Media("image", Inline("image/png", "AAAA")))) == [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    ]


def test_a_refusal_is_words() -> None:
    assert parts(Opened(0, Refusal("")), Delta(0, "No."), Closed(0)) == [{"text": "No."}]


def test_googles_own_parts_leave_as_they_stood() -> None:
    value: dict[str, Json] = {"executableCode": {"code": "1"}}
    assert parts(Opened(0, VendorPart("gemini", value)), Closed(0)) == [value]


def test_other_vendors_parts_do_not_leave() -> None:
    assert written(Opened(0, VendorPart("anthropic", {"type": "x"})), Closed(0)) == b""


def test_a_search_and_what_rests_on_it_are_told_at_the_end() -> None:
    end = last(
        Opened(0, ServerCall("s", "web_search")),
        Delta(0, '{"query":"q"}'),
        Closed(0),
        Opened(1, ServerResult("s", "web_search", (Hit("https://a.org", "A"),))),
        Closed(1),
        Opened(2, Text("")),
        Delta(2, "☕!"),
        Cited(2, Citation("https://a.org", "A", start=0, end=1)),
        Closed(2),
        Finished(Stop.END),
        Ended(),
    )
    assert isinstance(end, dict)
    candidates = end["candidates"]
    assert isinstance(candidates, list)
    assert isinstance(candidates[0], dict)
    assert candidates[0]["groundingMetadata"] == {
        "webSearchQueries": ["q"],
        "groundingChunks": [{"web": {"uri": "https://a.org", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 3, "text": "☕"}, "groundingChunkIndices": [0]}
        ],
    }


def test_probabilities_leave_with_their_words() -> None:
    entry: Json = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    (chunk,) = chunks(Opened(0, Text("")), Delta(0, "a", [entry]))
    assert isinstance(chunk, dict)
    assert chunk["candidates"] == [
        {
            "content": {"role": "model", "parts": [{"text": "a"}]},
            "index": 0,
            "logprobsResult": {
                "chosenCandidates": [{"token": "a", "logProbability": -1.0}],
                "topCandidates": [{"candidates": []}],
            },
        }
    ]


def test_a_failure_is_googles_error() -> None:
    assert written(Failed(529, "Overloaded.")) == (
        b'data: {"error":{"code":529,"message":"Overloaded.","status":"UNAVAILABLE"}}\n\n'
    )


def test_nothing_follows_a_failure() -> None:
    assert written(Failed(500, "x"), Finished(Stop.END), Ended()) == written(Failed(500, "x"))


def test_nothing_follows_the_end() -> None:
    end = (Finished(Stop.END), Ended())
    assert written(*end, Ended(), Failed(500, "x")) == written(*end)


def test_a_list_is_whole_json() -> None:
    events = (Opened(0, Text("")), Delta(0, "a"), Delta(0, "b"), Closed(0), Finished(Stop.END), Ended())
    assert json.loads(written(*events, framing=ARRAY)) == chunks(*events)


def test_a_list_that_begins_with_a_failure_is_whole_json() -> None:
    assert json.loads(written(Failed(400, "x"), framing=ARRAY)) == [
        {"error": {"code": 400, "message": "x", "status": "INVALID_ARGUMENT"}}
    ]


def test_a_list_that_fails_on_the_way_is_whole_json() -> None:
    written_list = json.loads(written(Opened(0, Text("")), Delta(0, "a"), Failed(500, "x"), framing=ARRAY))
    assert [list(item) for item in written_list] == [["candidates", "modelVersion", "responseId"], ["error"]]


def test_a_whole_reply_is_written_whole() -> None:
    reply = Reply(
        "msg_1",
        "claude",
        (Choice((Thinking("hm", Blob("QUFB")), Text("a"), ToolCall("c", "f", '{"x":1}')), Stop.TOOLS),),
        Usage(input=1, output=2),
    )
    assert json.loads(encode_reply(reply, FRAMING)) == {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"thought": True, "text": "hm", "thoughtSignature": "QUFB"},
                        {"text": "a"},
                        {"functionCall": {"id": "c", "name": "f", "args": {"x": 1}}},
                    ],
                },
                "index": 0,
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        **HEAD,
    }


def test_a_whole_reply_without_words_bears_an_empty_part() -> None:
    body = json.loads(encode_reply(Reply(choices=(Choice((), Stop.REFUSAL, detail="SAFETY: No."),)), FRAMING))
    assert body["candidates"] == [
        {
            "content": {"role": "model", "parts": [{"text": ""}]},
            "index": 0,
            "finishReason": "SAFETY",
            "finishMessage": "No.",
        }
    ]


BLOBS = st.sampled_from([None, Blob("QUFB"), Blob("a+/+")])
WORDS = st.text(min_size=1, max_size=5)
PARTS = st.one_of(
    st.builds(Text, WORDS, blob=BLOBS),
    st.builds(Thinking, WORDS, BLOBS),
    st.builds(ToolCall, st.sampled_from(["c1", "c2"]), st.just("f"), st.sampled_from(["{}", '{"a":1}']), blob=BLOBS),
    st.just(Media("image", Inline("image/png", "AAAA"))),
)


def separable(parts: Sequence[Part]) -> bool:
    """On this wire unsigned neighbours of one kind are one part."""
    return not any(
        type(first) is type(second) and isinstance(first, Text | Thinking) and first.blob is None
        for first, second in pairwise(parts)
    )


def a_choice(parts: Sequence[Part]) -> Choice:
    called = any(isinstance(part, ToolCall) for part in parts)
    return Choice(tuple(parts), Stop.TOOLS if called else Stop.END)


CHOICES = st.lists(PARTS, max_size=4).filter(separable).map(a_choice)
REPLIES = st.builds(
    lambda choices: Reply("seed", "m", tuple(choices), Usage(input=1, output=2)),
    st.lists(CHOICES, min_size=1, max_size=2),
)


@given(REPLIES)
def test_a_streamed_reply_is_read_as_what_it_was(reply: Reply) -> None:
    assert fold(again(*unfold(reply))) == reply


@given(REPLIES)
def test_a_whole_reply_is_read_as_what_it_was(reply: Reply) -> None:
    document = jsontext.loads(encode_reply(reply, FRAMING))
    assert isinstance(document, dict)
    assert decode_reply(document) == reply
