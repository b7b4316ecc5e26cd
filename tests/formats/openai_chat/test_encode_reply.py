from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import attrs
import orjson
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
    FileId,
    Inline,
    Link,
    Media,
    Part,
    Refusal,
    ServerCall,
    Text,
    Thinking,
    ToolCall,
)
from cliproxy.conversation.reply import Choice, Reply, fold, unfold
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_chat.decode_reply import ChatReplyDecoder, decode_reply
from cliproxy.formats.openai_chat.encode_reply import ChatReplyEncoder, encode_reply

REQUEST = Request("openai-chat", "alias", (), usage_in_stream=False)
FRAMING = Framing(REQUEST, "alias", "abc", 17)
WITH_USAGE = attrs.evolve(FRAMING, request=attrs.evolve(REQUEST, usage_in_stream=True))
ROLE: dict[str, object] = {"role": "assistant", "content": ""}
PNG = Media("image", Inline("image/png", "AA"))
PNG_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}

Chunk = dict[str, object]


def stream(*events: Event, framing: Framing = FRAMING) -> list[bytes]:
    encoder = ChatReplyEncoder(framing)
    told = b"".join(encoder.feed(event) for event in events)
    assert told.endswith(b"\n\n") or not told
    assert all(event.startswith(b"data: ") for event in told.split(b"\n\n")[:-1])
    return [event.removeprefix(b"data: ") for event in told.split(b"\n\n")[:-1]]


def chunks(*events: Event, framing: Framing = FRAMING) -> list[Chunk]:
    return [orjson.loads(payload) for payload in stream(*events, framing=framing) if payload != b"[DONE]"]


def deltas(*events: Event) -> list[object]:
    return [choice["delta"] for chunk in chunks(*events) for choice in cast("list[Chunk]", chunk["choices"])]


def message(*parts: Part) -> Chunk:
    body = orjson.loads(encode_reply(Reply(choices=(Choice(parts),)), FRAMING))
    return cast(Chunk, body["choices"][0]["message"])


def read_back(payloads: Iterable[bytes]) -> Reply:
    decoder = ChatReplyDecoder()
    events: list[Event] = []
    for payload in payloads:
        events += decoder.finish() if payload == b"[DONE]" else decoder.feed(orjson.loads(payload))
    assert events[-1] == Ended()
    return fold(events)


def test_a_chunk_has_the_fields_of_the_format() -> None:
    (chunk,) = chunks(Started("x", "gpt"))
    assert chunk == {
        "id": "chatcmpl-abc",
        "object": "chat.completion.chunk",
        "created": 17,
        "model": "alias",
        "choices": [{"index": 0, "delta": ROLE, "logprobs": None, "finish_reason": None}],
    }


def test_words_flow_as_they_come() -> None:
    assert deltas(Started(), Opened(0, Text("")), Delta(0, "é"), Delta(0, '"b"'), Closed(0)) == [
        ROLE,
        {"content": "é"},
        {"content": '"b"'},
    ]


def test_thinking_and_refusals_have_their_fields() -> None:
    events = (Opened(0, Thinking("")), Delta(0, "hm"), Closed(0), Opened(1, Refusal("")), Delta(1, "no"))
    assert deltas(*events) == [ROLE, {"reasoning_content": "hm"}, {"refusal": "no"}]


def test_a_call_begins_with_its_id_and_name() -> None:
    assert deltas(Opened(0, ToolCall("1", "f")), Delta(0, '{"a'), Delta(0, '":1}'), Closed(0))[1:] == [
        {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '":1}'}}]},
    ]


def test_a_custom_call_keeps_its_text() -> None:
    assert deltas(Opened(0, ToolCall("1", "c", custom=True)), Delta(0, "*"), Closed(0))[1:] == [
        {"tool_calls": [{"index": 0, "id": "1", "type": "custom", "custom": {"name": "c", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "*"}}]},
    ]


def test_calls_are_counted_from_0_whatever_stood_before() -> None:
    events = (
        Opened(0, Text("")),
        Delta(0, "a"),
        Closed(0),
        Opened(1, ToolCall("1", "f")),
        Opened(2, ToolCall("2", "g")),
    )
    indices = [
        entry["index"]
        for delta in deltas(*events)
        for entry in cast("list[Chunk]", cast(Chunk, delta).get("tool_calls", []))
    ]
    assert indices == [0, 1]


def test_calls_may_be_interleaved() -> None:
    events = (Opened(0, ToolCall("1", "f")), Opened(1, ToolCall("2", "g")), Delta(1, "b"), Delta(0, "a"))
    assert deltas(*events)[3:] == [
        {"tool_calls": [{"index": 1, "function": {"arguments": "b"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]},
    ]


def test_a_call_without_arguments_says_an_empty_object() -> None:
    assert deltas(Opened(0, ToolCall("1", "f")), Closed(0))[-1] == {
        "tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]
    }


def test_a_custom_call_without_text_says_nothing() -> None:
    assert len(deltas(Opened(0, ToolCall("1", "c", custom=True)), Closed(0))) == 2


def test_a_signed_call_tells_its_signature() -> None:
    assert deltas(Opened(0, ToolCall("1", "f")), Delta(0, "{}"), Signed(0, Blob("s")), Closed(0))[-1] == {
        "tool_calls": [
            {"index": 0, "function": {"arguments": ""}, "extra_content": {"google": {"thought_signature": "s"}}}
        ]
    }


def test_signed_words_tell_their_signature() -> None:
    assert deltas(Opened(0, Text("")), Delta(0, "a"), Signed(0, Blob("s")))[-1] == {
        "extra_content": {"google": {"thought_signature": "s"}}
    }


def test_signed_thinking_tells_which_stretch_it_was() -> None:
    events = (
        Opened(0, Thinking("")),
        Delta(0, "hm"),
        Signed(0, Blob("1")),
        Closed(0),
        Opened(1, Thinking("", Blob("2"))),
        Delta(1, "s"),
        Delta(1, "o"),
        Closed(1),
        Opened(2, Thinking("", redacted=True)),
        Signed(2, Blob("3")),
        Closed(2),
    )
    assert deltas(*events)[1:] == [
        {"reasoning_content": "hm"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "1", "index": 0, "start": 0, "end": 2}]},
        {"reasoning_content": "\n\ns"},
        {"reasoning_content": "o"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "2", "index": 1, "start": 4, "end": 6}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "3", "index": 2, "redacted": True}]},
    ]


def test_a_citation_is_an_annotation_of_the_whole_content() -> None:
    events = (
        Opened(0, Text("")),
        Delta(0, "abc"),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "de"),
        Cited(1, Citation("u", "t", "", 0, 1)),
    )
    assert deltas(*events)[-1] == {
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 3, "end_index": 4}}
        ]
    }


def test_an_image_is_told_whole() -> None:
    assert deltas(Opened(0, PNG), Closed(0)) == [ROLE, {"images": [PNG_URL]}]


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (Media("audio", Inline("audio/wav", "AA")), "[audio omitted]"),
        (Media("document", Link("https://a")), "[document: https://a]"),
        (Media("image", FileId("f", "gemini")), "[image omitted]"),
    ],
)
def test_anything_else_is_mentioned(media: Media, text: str) -> None:
    assert deltas(Opened(0, media), Closed(0)) == [ROLE, {"content": text}]
    assert message(media)["content"] == text


def test_what_the_wire_has_no_words_for_is_left_out() -> None:
    assert deltas(Opened(0, ServerCall("1", "web_search")), Delta(0, "{}"), Closed(0)) == [ROLE]


def test_log_probabilities_go_with_their_words() -> None:
    entry = {"token": "a", "logprob": -0.1}
    (_, chunk) = chunks(Opened(0, Text("")), Delta(0, "a", [{"token": "a", "logprob": -0.1}]))
    assert chunk["choices"] == [
        {
            "index": 0,
            "delta": {"content": "a"},
            "logprobs": {"content": [entry], "refusal": None},
            "finish_reason": None,
        }
    ]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [(Stop.END, "stop"), (Stop.TOOLS, "tool_calls"), (Stop.LENGTH, "length"), (Stop.REFUSAL, "content_filter")],
)
def test_the_last_chunk_tells_why(stop: Stop, reason: str) -> None:
    assert chunks(Started(), Finished(stop))[-1]["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
    ]


def test_the_stream_ends_once() -> None:
    assert stream(Started(), Finished(Stop.END), Ended(), Ended(), Delta(0, "a"))[-1:] == [b"[DONE]"]
    assert stream(Started(), Finished(Stop.END), Ended(), Ended()).count(b"[DONE]") == 1


def test_usage_is_not_told_unasked() -> None:
    told = stream(Started(), Used(Usage(1)), Finished(Stop.END), Ended())
    assert not any(b"usage" in payload for payload in told)


def test_usage_is_told_last_where_it_is_asked_for() -> None:
    told = chunks(Started(), Used(Usage(1)), Used(Usage(2)), Finished(Stop.END), Ended(), framing=WITH_USAGE)
    assert [chunk["usage"] for chunk in told[:-1]] == [None, None]
    assert told[-1]["choices"] == []
    assert cast(Chunk, told[-1]["usage"])["prompt_tokens"] == 2


def test_usage_of_the_beginning_is_told_if_there_is_no_other() -> None:
    told = chunks(Started(usage=Usage(5)), Finished(Stop.END), Ended(), framing=WITH_USAGE)
    assert cast(Chunk, told[-1]["usage"])["prompt_tokens"] == 5


def test_each_choice_has_its_own_role() -> None:
    told = chunks(Started(), Opened(0, Text(""), 1), Delta(0, "b"), Finished(Stop.END, choice=1))
    assert [choice["index"] for chunk in told for choice in cast("list[Chunk]", chunk["choices"])] == [0, 1, 1, 1]
    assert cast("list[Chunk]", told[1]["choices"])[0]["delta"] == ROLE


def test_a_failure_is_an_error_without_an_end() -> None:
    told = stream(Started(), Failed(429, "Too much."), Ended())
    assert orjson.loads(told[-1]) == {
        "error": {
            "message": "Too much.",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def test_a_failure_may_come_first() -> None:
    assert b"context_length_exceeded" in stream(Failed(400, "Too long.", context_overflow=True))[0]


def test_an_end_alone_is_a_whole_reply() -> None:
    told = stream(Ended())
    assert [orjson.loads(payload)["choices"][0]["finish_reason"] for payload in told[:-1]] == [None, "stop"]
    assert told[-1] == b"[DONE]"


def test_a_choice_that_nobody_finished_is_finished() -> None:
    told = chunks(Opened(0, ToolCall("1", "f")), Ended())
    assert cast("list[Chunk]", told[-1]["choices"])[0]["finish_reason"] == "tool_calls"


def test_events_of_parts_that_nobody_opened_are_let_go() -> None:
    assert stream(Delta(3, "a"), Signed(3, Blob("s")), Cited(3, Citation("u")), Closed(3)) == []


def test_a_whole_reply_has_the_fields_of_the_format() -> None:
    reply = Reply("x", "gpt", (Choice((Text("a"),), Stop.LENGTH),), Usage(3, output=2))
    assert orjson.loads(encode_reply(reply, FRAMING)) == {
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 17,
        "model": "alias",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "a", "refusal": None},
                "logprobs": None,
                "finish_reason": "length",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_a_whole_message_holds_everything() -> None:
    assert message(Thinking("hm", Blob("b")), Text("a", citations=(Citation("u"),)), ToolCall("1", "f"), PNG) == {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "reasoning_content": "hm",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "b", "index": 0, "start": 0, "end": 2}],
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": "", "start_index": 0, "end_index": 1}}
        ],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "images": [PNG_URL],
    }


def test_content_is_null_where_calls_are_all() -> None:
    assert message(ToolCall("1", "f"))["content"] is None


def test_a_refusal_has_its_own_field() -> None:
    assert (message(Refusal("no"))["content"], message(Refusal("no"))["refusal"]) == (None, "no")


def test_whole_log_probabilities_are_told() -> None:
    reply = Reply(choices=(Choice((Text("a"),), logprobs=({"token": "a"},)),))
    assert orjson.loads(encode_reply(reply, FRAMING))["choices"][0]["logprobs"] == {
        "content": [{"token": "a"}],
        "refusal": None,
    }


words = st.text("ab \né", min_size=1, max_size=5)
blobs = st.none() | st.builds(Blob, st.text("xyz", min_size=1, max_size=3))
thinking = st.lists(
    st.builds(lambda text, value: Thinking(text, Blob(value)), words, st.text("xyz", min_size=1, max_size=3))
    | st.builds(lambda value: Thinking("", Blob(value), redacted=True), st.text("xyz", min_size=1, max_size=3)),
    max_size=3,
)
said = st.lists(st.builds(Text, words), max_size=1)
calls = st.lists(
    st.builds(
        ToolCall,
        st.sampled_from(["1", "2", "3"]),
        st.just("f"),
        st.sampled_from(["{}", '{"a":1}']),
        custom=st.booleans(),
        blob=blobs,
    ),
    max_size=3,
    unique_by=lambda call: call.id,
)


def choice_of(thoughts: list[Thinking], texts: list[Text], calls: list[ToolCall]) -> Choice:
    parts: list[Part] = [*thoughts, *texts, *calls]
    return Choice(tuple(parts))


choices = st.builds(choice_of, thinking, said, calls)


@given(st.lists(choices, min_size=1, max_size=2))
def test_whole_replies_can_be_read_back(found: list[Choice]) -> None:
    expected = tuple(
        attrs.evolve(choice, stop=Stop.TOOLS if any(isinstance(part, ToolCall) for part in choice.parts) else Stop.END)
        for choice in found
    )
    reply = Reply("chatcmpl-abc", "alias", expected, Usage(3, 1, 2, 0, 5, 4))
    assert decode_reply(orjson.loads(encode_reply(reply, FRAMING))) == reply


def joined(payloads: Iterable[bytes]) -> Chunk:
    """A stream's deltas put together as clients do: texts joined, lists by index."""
    whole: Chunk = {}
    for payload in payloads:
        document = orjson.loads(payload) if payload != b"[DONE]" else {"choices": []}
        for choice in document["choices"]:
            _join(whole, choice["delta"])
    for entry in cast("list[Chunk]", whole.get("tool_calls", [])):
        del entry["index"]
    return whole


def _join(whole: Chunk, more: Chunk) -> None:
    for key, value in more.items():
        known = whole.get(key)
        if isinstance(value, dict):
            _join(cast(Chunk, whole.setdefault(key, {})), value)
        elif isinstance(value, list):
            entries = cast("list[Chunk]", whole.setdefault(key, []))
            for entry in value:
                same = [old for old in entries if old.get("index") == entry["index"]]
                _join(same[0], entry) if same else entries.append(entry)
        else:
            whole[key] = known + value if isinstance(known, str) and isinstance(value, str) else value


@given(choices)
def test_a_stream_and_a_whole_reply_say_the_same(choice: Choice) -> None:
    told = joined(stream(*unfold(Reply(choices=(choice,)))))
    whole = message(*choice.parts)
    del whole["refusal"]
    assert {**told, "content": told["content"] or None} == {**whole, "content": whole["content"] or None}


@given(said, calls)
def test_a_stream_can_be_read_back(texts: list[Text], found: list[ToolCall]) -> None:
    parts = choice_of([Thinking("hm", Blob("b"))], texts, found).parts
    reply = Reply("chatcmpl-abc", "alias", (Choice(parts, Stop.TOOLS if found else Stop.END),), Usage(1))
    assert read_back(stream(*unfold(reply), framing=WITH_USAGE)) == reply


events = st.lists(
    st.one_of(
        st.just(Started()),
        st.builds(Opened, st.integers(0, 2), st.one_of(st.just(Text("")), st.just(ToolCall("1", "f")), st.just(PNG))),
        st.builds(Delta, st.integers(0, 2), words),
        st.builds(Signed, st.integers(0, 2), st.just(Blob("s"))),
        st.builds(Closed, st.integers(0, 2)),
        st.just(Used(Usage(1))),
        st.just(Finished(Stop.END)),
        st.just(Ended()),
        st.just(Failed(500, "Alas.")),
    ),
    max_size=8,
)


@given(events)
def test_whatever_is_told_the_grammar_of_the_wire_holds(told: list[Event]) -> None:
    payloads = stream(*told)
    assert b"[DONE]" not in payloads[:-1]
    for number, payload in enumerate(payloads):
        if payload == b"[DONE]":
            continue
        document = orjson.loads(payload)
        if "error" in document:
            assert payload is payloads[-1]
        elif not number:
            assert document["choices"][0]["delta"] == ROLE
