from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

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
from cliproxy.conversation.parts import Blob, Citation, Inline, Json, Media, Part, Refusal, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Choice, Reply, fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported
from cliproxy.formats.openai_chat.decode_reply import ChatReplyDecoder, decode_reply

TOO_EARLY = Failed(502, "The upstream ended the stream before the message was complete.", early_end=True)
STOP: dict[str, object] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def chunk(index: int = 0, finish_reason: str | None = None, **delta: object) -> dict[str, object]:
    return of(delta, index, finish_reason)


def of(delta: Mapping[str, object], index: int = 0, finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice]}


def told(*documents: Mapping[str, object]) -> list[Event]:
    decoder = ChatReplyDecoder()
    events: list[Event] = []
    for document in documents:
        events += decoder.feed(document)
    events += decoder.finish()
    assert decoder.finish() == ()
    return events


def parts(*deltas: dict[str, object]) -> tuple[Part, ...]:
    events = told(*(of(delta) for delta in deltas), STOP)
    assert events[-1] == Ended()
    return fold(events).choices[0].parts


def whole(message: object, finish_reason: str | None = "stop", **more: object) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return decode_reply({"id": "chatcmpl-1", "model": "m", "choices": [choice], **more})


def call(call_id: str, name: str, arguments: str, **more: object) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def annotation(start: int, end: int) -> dict[str, object]:
    cited = {"url": "u", "title": "t", "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}


def test_a_reply_of_words() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    assert told(chunk(role="assistant", content=""), chunk(content="a"), chunk(content="b"), STOP, usage) == [
        Started("chatcmpl-1", "m"),
        Opened(0, Text("")),
        Delta(0, "a"),
        Delta(0, "b"),
        Closed(0),
        Used(Usage(3, output=2)),
        Finished(Stop.END),
        Ended(),
    ]


@pytest.mark.parametrize(
    "documents",
    [
        [{**chunk(content="a"), "usage": {"prompt_tokens": 3}}, STOP],
        [chunk(content="a"), {**STOP, "usage": {"prompt_tokens": 3}}],
        [chunk(content="a"), STOP, {"choices": [], "usage": {"prompt_tokens": 3}}],
        [chunk(content="a"), {"choices": [{"delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3}}]}],
    ],
)
def test_usage_may_come_anywhere(documents: list[dict[str, object]]) -> None:
    assert fold(told(*documents)).usage == Usage(3)


def test_usage_that_does_not_change_is_told_once() -> None:
    used = {**chunk(content="a"), "usage": {"prompt_tokens": 3}}
    assert sum(isinstance(event, Used) for event in told(used, used, STOP)) == 1


def test_usage_may_never_come() -> None:
    assert fold(told(chunk(content="a"), STOP)).usage is None


def test_azures_first_chunk_does_not_begin_the_reply() -> None:
    filters = {"choices": [], "id": "", "model": "", "prompt_filter_results": []}
    assert told(filters, chunk(content="a"), STOP)[0] == Started("chatcmpl-1", "m")


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "a"}],
        [{"reasoning": "h"}, {"reasoning": "m"}, {"content": "a"}],
        [{"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, {"content": "a"}],
        [{"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, {"content": "a"}],
        [{"content": "a", "reasoning_content": "hm"}],
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, {"content": "a"}],
    ],
)
def test_thinking_comes_under_many_names(deltas: list[dict[str, object]]) -> None:
    assert parts(*deltas) == (Thinking("hm"), Text("a"))


def test_thinking_between_words_makes_new_parts() -> None:
    assert parts({"content": "a"}, {"reasoning_content": "hm"}, {"content": "b"}) == (
        Text("a"),
        Thinking("hm"),
        Text("b"),
    )


def test_a_signature_ends_a_stretch_of_thinking() -> None:
    events = told(
        chunk(reasoning="hm"),
        chunk(reasoning_details=[{"type": "reasoning.text", "signature": "s"}]),
        chunk(reasoning="so"),
        STOP,
    )
    assert events[1:7] == [
        Opened(0, Thinking("")),
        Delta(0, "hm"),
        Signed(0, Blob("s")),
        Closed(0),
        Opened(1, Thinking("")),
        Delta(1, "so"),
    ]


def test_what_is_encrypted_without_a_text_stands_alone() -> None:
    assert parts({"content": "a"}, {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}) == (
        Text("a"),
        Thinking("", Blob("x")),
    )


def test_what_is_redacted_is_no_part_of_the_text() -> None:
    redacted = {"type": "reasoning.encrypted", "data": "x", "redacted": True}
    assert parts({"reasoning": "hm"}, {"reasoning_details": [redacted]}) == (
        Thinking("hm"),
        Thinking("", Blob("x"), redacted=True),
    )


def test_a_refusal_is_one() -> None:
    assert parts({"refusal": "n"}, {"refusal": "o"}) == (Refusal("no"),)


def test_citations_count_from_their_own_part() -> None:
    deltas: list[dict[str, object]] = [
        {"content": "abc"},
        {"reasoning": "hm"},
        {"content": "def", "annotations": [annotation(3, 6)]},
    ]
    assert parts(*deltas)[2] == Text("def", citations=(Citation("u", "t", "", 0, 3),))


def test_a_citation_without_words_gets_an_empty_text() -> None:
    assert told(chunk(annotations=[annotation(0, 0)]), STOP)[1:4] == [
        Opened(0, Text("")),
        Cited(0, Citation("u", "t", "", 0, 0)),
        Closed(0),
    ]


def test_images_are_whole() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert parts({"content": "a"}, {"images": [image]}) == (Text("a"), Media("image", Inline("image/png", "AA")))


def test_what_is_spoken_is_words() -> None:
    assert parts({"audio": {"id": "x", "data": "AA"}}, {"audio": {"transcript": "a"}}) == (Text("a"),)


def test_signed_words_keep_their_signature() -> None:
    extra = {"google": {"thought_signature": "s"}}
    assert parts({"content": "a"}, {"content": "", "extra_content": extra}) == (Text("a", blob=Blob("s")),)


def test_words_close_when_calls_begin() -> None:
    events = told(chunk(content="a"), chunk(tool_calls=[{"index": 0, **call("1", "f", "{}")}]), STOP)
    assert events[3:] == [
        Closed(0),
        Opened(1, ToolCall("1", "f")),
        Delta(1, "{}"),
        Closed(1),
        Finished(Stop.TOOLS),
        Ended(),
    ]


def test_the_older_call_gets_an_id() -> None:
    assert parts({"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}) == (
        ToolCall("call_none_chatcmpl1_0_0", "f", "{}"),
    )


def test_choices_are_finished_when_all_are_whole() -> None:
    events = told(chunk(0, "stop", content="a"), chunk(1, "length", content="b"))
    assert events[1:] == [
        Opened(0, Text(""), 0),
        Delta(0, "a"),
        Closed(0),
        Opened(1, Text(""), 1),
        Delta(1, "b"),
        Closed(1),
        Finished(Stop.END, choice=0),
        Finished(Stop.LENGTH, choice=1),
        Ended(),
    ]


def test_log_probabilities_go_with_their_words() -> None:
    entry: Json = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    document = chunk(content="a")
    document["choices"] = [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [entry]}}]
    assert Delta(0, "a", [entry]) in told(document, STOP)


def test_log_probabilities_without_words_wait_for_the_next() -> None:
    first = {"choices": [{"index": 0, "delta": {"content": ""}, "logprobs": {"content": [{"token": ""}]}}]}
    assert Delta(0, "a", [{"token": ""}]) in told(first, chunk(content="a"), STOP)


def test_the_first_reason_counts() -> None:
    assert Finished(Stop.LENGTH) in told(chunk(content="a", finish_reason="length"), STOP)


def test_a_last_chunk_may_hold_a_message_instead() -> None:
    last = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
    assert fold(told(last)).choices[0].parts == (Text("a"),)


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [chunk(content="a")],
        [chunk(reasoning_content="a")],
        [chunk(tool_calls=[{"index": 0, **call("1", "f", '{"a')}])],
        [chunk(0, "stop", content="a"), chunk(1, content="b")],
        [{"choices": [], "usage": {"prompt_tokens": 1}}],
    ],
)
def test_a_stream_that_stops_short_is_no_reply(documents: list[dict[str, object]]) -> None:
    assert told(*documents)[-1] == TOO_EARLY


def test_nothing_is_closed_politely_then() -> None:
    assert told(chunk(content="a"))[1:] == [Opened(0, Text("")), Delta(0, "a"), TOO_EARLY]


def test_an_error_in_the_stream_is_a_failure() -> None:
    error = {"error": {"message": "Too much.", "code": "rate_limit_exceeded"}}
    assert told(chunk(content="a"), error, chunk(content="b"))[3:] == [Failed(429, "Too much.")]


@pytest.mark.parametrize(("reason", "status"), [("error", 502), ("insufficient_system_resource", 503)])
def test_a_reason_that_is_no_end_is_a_failure(reason: str, status: int) -> None:
    assert told(chunk(content="a", finish_reason=reason))[-1] == Failed(
        status, f"The upstream broke the reply off ({reason})."
    )


def test_too_many_choices_are_a_failure() -> None:
    assert told(*(chunk(number, content="a") for number in range(129)))[-1] == Failed(
        502, "The upstream sent more than 128 choices."
    )


def test_too_many_calls_are_a_failure() -> None:
    entries = [{"index": number, **call(str(number), "f", "")} for number in range(1025)]
    assert told(chunk(tool_calls=entries))[-1] == Failed(502, "The upstream called more tools than anybody can.")


def test_a_whole_reply() -> None:
    reply = whole(
        {
            "role": "assistant",
            "content": "a",
            "refusal": None,
            "tool_calls": [call("1", "f", "{}"), call("2", "g", "")],
        },
        "tool_calls",
        usage={"prompt_tokens": 3, "completion_tokens": 2},
    )
    choice = Choice((Text("a"), ToolCall("1", "f", "{}"), ToolCall("2", "g", "")), Stop.TOOLS)
    assert reply == Reply("chatcmpl-1", "m", (choice,), Usage(3, output=2))


def test_whole_choices_are_told_in_the_order_of_their_indices() -> None:
    choices = [
        {"index": 1, "message": {"content": "b"}, "finish_reason": "stop"},
        {"index": 0, "message": {"content": "a"}, "finish_reason": "length"},
    ]
    assert decode_reply({"choices": choices}).choices == (Choice((Text("a"),), Stop.LENGTH), Choice((Text("b"),)))


def test_whole_log_probabilities_are_kept() -> None:
    choice = {"message": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}, "finish_reason": "stop"}
    assert decode_reply({"choices": [choice]}).choices[0].logprobs == ({"token": "a"},)


def test_whole_stretches_of_thinking_are_taken_apart() -> None:
    details = [
        {"type": "reasoning.encrypted", "data": "1", "start": 0, "end": 2},
        {"type": "reasoning.encrypted", "data": "2", "redacted": True},
        {"type": "reasoning.encrypted", "data": "3", "start": 4, "end": 6},
    ]
    reply = whole({"content": "a", "reasoning_content": "hm\n\nso", "reasoning_details": details})
    assert reply.choices[0].parts == (
        Thinking("hm", Blob("1")),
        Thinking("", Blob("2"), redacted=True),
        Thinking("so", Blob("3")),
        Text("a"),
    )


def test_whole_calls_of_one_index_are_several() -> None:
    calls = [call("1", "f", "{", index=0), call("2", "g", "{}", index=0)]
    assert [type(part) for part in whole({"tool_calls": calls}).choices[0].parts] == [ToolCall, ToolCall]


def test_a_whole_reply_needs_no_reason() -> None:
    assert whole({"content": "a"}, None).choices == (Choice((Text("a"),)),)


@pytest.mark.parametrize("document", [{}, {"choices": None}, {"choices": []}, {"choices": [3]}])
def test_what_is_no_reply_is_broken(document: dict[str, object]) -> None:
    with pytest.raises(Broken):
        decode_reply(document)


def test_an_error_in_the_place_of_a_reply_is_reported() -> None:
    with pytest.raises(Reported) as caught:
        decode_reply({"error": {"message": "Alas.", "code": 429}})
    assert (caught.value.status, caught.value.message) == (429, "Alas.")


def test_a_reply_that_was_broken_off_is_reported() -> None:
    with pytest.raises(Reported, match="broke the reply off"):
        whole({"content": "a"}, "error")


deltas = st.one_of(
    st.fixed_dictionaries({"content": st.text("ab", max_size=3)}),
    st.fixed_dictionaries({"reasoning_content": st.text("ab", min_size=1, max_size=3)}),
    st.fixed_dictionaries({"refusal": st.text("ab", max_size=3)}),
)


@given(st.lists(deltas, max_size=4), st.lists(st.sampled_from(["{}", "", '{"a":1}']), max_size=3))
def test_a_stream_and_a_whole_reply_say_the_same(words: list[dict[str, object]], arguments: list[str]) -> None:
    """Where the wire can say it whole: thinking, then words, then a refusal, then calls."""
    words = sorted(words, key=lambda delta: ("reasoning_content", "content", "refusal").index(next(iter(delta))))
    message: dict[str, object] = {"role": "assistant"}
    for delta in words:
        for key, text in delta.items():
            message[key] = f"{message.get(key, '')}{text}"
    calls = [call(str(number), "f", text) for number, text in enumerate(arguments)]
    streamed = [chunk(tool_calls=[{**each, "index": number}]) for number, each in enumerate(calls)]
    events = told(*(of(delta) for delta in words), *streamed, chunk(finish_reason="stop"))
    assert fold(events) == whole({**message, "tool_calls": calls})


KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "reasoning_content",
    "reasoning_details",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "index",
    "role",
    "type",
    "text",
    "signature",
    "data",
    "usage",
    "prompt_tokens",
    "finish_reason",
    "logprobs",
    "images",
    "image_url",
    "url",
    "annotations",
    "url_citation",
    "extra_content",
    "google",
    "thought_signature",
    "error",
    "function_call",
    "custom",
    "input",
    "audio",
    "transcript",
    "refusal",
]
garbage = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["", "a", "{}", "stop", "text", "custom"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1, None, "0"]),
        "id": st.sampled_from([None, "1", "2", 3]),
        "function": st.fixed_dictionaries(
            {},
            optional={"name": st.sampled_from(["f", None, 1]), "arguments": st.sampled_from(["", "{", "}", "{}", {}])},
        ),
        "custom": garbage,
        "extra_content": garbage,
    },
)
chunks = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "delta": st.dictionaries(st.sampled_from(KEYS), garbage, max_size=3)
                    | st.fixed_dictionaries({"tool_calls": st.lists(entries, max_size=3)})
                    | deltas
                },
                optional={
                    "index": st.sampled_from([0, 1, None]),
                    "finish_reason": st.sampled_from([None, "stop", "tool_calls", "x"]),
                    "logprobs": garbage,
                },
            ),
            max_size=2,
        )
    },
    optional={"id": garbage, "usage": garbage, "error": st.none()},
)


@settings(max_examples=200)
@given(st.lists(chunks | st.dictionaries(st.sampled_from(KEYS), garbage, max_size=3), max_size=6))
def test_whatever_comes_the_grammar_of_events_holds(documents: list[dict[str, object]]) -> None:
    open_parts: set[int] = set()
    opened = 0
    seen: list[type[Event]] = []
    for event in told(*documents):
        assert not {Ended, Failed} & set(seen)
        assert isinstance(event, Started | Failed) or Started in seen
        if isinstance(event, Opened):
            assert (event.index, Finished in seen) == (opened, False)
            opened += 1
            open_parts.add(event.index)
        elif isinstance(event, Delta | Signed | Cited):
            assert event.index in open_parts
            assert not isinstance(event, Delta) or event.text
        elif isinstance(event, Closed):
            open_parts.remove(event.index)
        elif isinstance(event, Finished):
            assert not open_parts
        seen.append(type(event))
    assert seen[-1] in (Ended, Failed)
    assert seen.count(Started) <= 1


@given(st.dictionaries(st.sampled_from(KEYS), garbage, max_size=5) | chunks)
def test_whatever_comes_whole_is_a_reply_or_trouble(document: dict[str, object]) -> None:
    with suppress(Broken, Reported):
        assert decode_reply(document).choices
