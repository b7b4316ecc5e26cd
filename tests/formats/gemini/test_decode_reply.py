"""Google's answers, streamed and whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import Delta, Ended, Event, Failed, Finished, Opened, Started, Stop, Used
from cliproxy.conversation.parts import Blob, Json, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Choice, Reply, fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported
from cliproxy.formats.gemini.decode_reply import GeminiReplyDecoder, decode_reply
from tests.support.events import check_events


def read(*chunks: dict[str, Json]) -> list[Event]:
    decoder = GeminiReplyDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + list(decoder.finish())


def chunk(*parts: Json, index: int = 0, **beside: Json) -> dict[str, Json]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": index, **beside}]}


HEAD: dict[str, Json] = {"modelVersion": "gemini-3-pro", "responseId": "resp"}
END = chunk({"text": ""}, finishReason="STOP")


def test_a_stream_is_a_reply() -> None:
    usage: dict[str, Json] = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}}
    later: dict[str, Json] = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}}
    events = read(chunk({"text": "a"}) | HEAD | usage, chunk({"text": "b"}, finishReason="STOP") | HEAD | later)
    check_events(events)
    assert events[0] == Started("resp", "gemini-3-pro", Usage(input=3, output=1))
    assert fold(events) == Reply("resp", "gemini-3-pro", (Choice((Text("ab"),)),), Usage(input=3, output=5))


def test_a_real_stream_of_thought_words_and_call_is_read() -> None:
    call: Json = {
        "functionCall": {"id": "c1", "name": "read_file", "args": {"path": "a.txt"}},
        "thoughtSignature": "QUFB",
    }
    events = read(
        chunk({"text": "I should look. Naïve ☕", "thought": True}) | HEAD,
        chunk({"text": "I will look."}) | HEAD,
        chunk(call, finishReason="STOP") | HEAD,
    )
    check_events(events)
    assert fold(events).choices == (
        Choice(
            (
                Thinking("I should look. Naïve ☕"),
                Text("I will look."),
                ToolCall("c1", "read_file", '{"path":"a.txt"}', blob=Blob("QUFB")),
            ),
            Stop.TOOLS,
        ),
    )


def test_usage_may_come_alone_after_the_end() -> None:
    events = read(chunk({"text": "a"}, finishReason="STOP"), {"usageMetadata": {"promptTokenCount": 9}})
    assert events[-2:] == [Used(Usage(input=9)), Ended()]


def test_without_usage_none_is_told() -> None:
    assert not any(isinstance(event, Used) for event in read(END))


def test_a_body_that_ends_before_the_reply_does_is_an_early_end() -> None:
    events = read(chunk({"text": "a"}))
    check_events(events)
    assert isinstance(events[-1], Failed)
    assert (events[-1].status, events[-1].early_end) == (502, True)


def test_an_empty_body_is_an_early_end() -> None:
    (failed,) = read()
    assert isinstance(failed, Failed)
    assert failed.early_end


def test_an_early_end_of_one_candidate_is_one_of_the_reply() -> None:
    assert isinstance(read(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, index=1))[-1], Failed)


def test_nothing_is_said_after_the_end() -> None:
    decoder = GeminiReplyDecoder()
    decoder.feed(END)
    assert isinstance(decoder.finish()[-1], Ended)
    assert (decoder.feed(chunk({"text": "late"})), decoder.finish()) == ((), ())


def test_an_error_in_the_stream_ends_it() -> None:
    decoder = GeminiReplyDecoder()
    decoder.feed(chunk({"text": "a"}))
    error: dict[str, Json] = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
    assert decoder.feed(error) == (Failed(503, "Overloaded."),)
    assert (decoder.feed(END), decoder.finish()) == ((), ())


@pytest.mark.parametrize(
    ("feedback", "detail"),
    [
        ({"blockReason": "SAFETY"}, "SAFETY"),
        ({"block_reason": "OTHER"}, "PROHIBITED_CONTENT: OTHER"),
        ({"blockReason": "JAILBREAK", "blockReasonMessage": "No."}, "PROHIBITED_CONTENT: JAILBREAK No."),
    ],
)
def test_a_refused_prompt_is_a_refusal_without_words(feedback: Json, detail: str) -> None:
    events = read({"promptFeedback": feedback} | HEAD)
    check_events(events)
    assert events[1:] == [Finished(Stop.REFUSAL, detail=detail), Ended()]


def test_feedback_that_blocks_nothing_is_passed_over() -> None:
    assert isinstance(read({"promptFeedback": {"safetyRatings": []}}, END)[-1], Ended)


def test_candidates_are_choices() -> None:
    both: dict[str, Json] = {
        "candidates": [
            {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"},
            {"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1},
        ]
    }
    events = read(both)
    check_events(events)
    assert fold(events).choices == (
        Choice((Text("a"),)),
        Choice((Text("b"),), Stop.LENGTH, detail="MAX_TOKENS"),
    )


def test_interleaved_candidates_stay_apart() -> None:
    events = read(
        chunk({"text": "a"}),
        chunk({"text": "x"}, index=1),
        chunk({"text": "b"}, finishReason="STOP"),
        chunk({"text": "y"}, index=1, finishReason="STOP"),
    )
    check_events(events)
    assert [choice.parts for choice in fold(events).choices] == [(Text("ab"),), (Text("xy"),)]


@pytest.mark.parametrize("index", [-1, 64, 10**9])
def test_a_candidate_of_an_impossible_number_is_passed_over(index: int) -> None:
    assert len(read(chunk({"text": "a"}, index=index), END)) == len(read({}, END))


def test_a_call_that_came_to_nothing_is_a_failure() -> None:
    assert read(chunk(finishReason="MALFORMED_FUNCTION_CALL"))[-1] == Failed(
        502, "The model's answer came to nothing: MALFORMED_FUNCTION_CALL."
    )


def test_a_call_without_a_name_is_a_failure() -> None:
    events = read(chunk({"text": "a"}), chunk({"functionCall": {}}), END)
    check_events(events)
    assert events[-1] == Failed(502, "The upstream sent a call without a name.")


def test_searches_are_counted() -> None:
    grounded: Json = {"webSearchQueries": ["q", "r"]}
    events = read(chunk({"text": "a"}, finishReason="STOP", groundingMetadata=grounded) | {"usageMetadata": {}})
    assert events[-2] == Used(Usage(searches=2))


def test_replies_without_an_id_make_different_ids_for_their_calls() -> None:
    def made(prompt: int) -> list[str]:
        usage: dict[str, Json] = {"usageMetadata": {"promptTokenCount": prompt}}
        events = read(chunk({"functionCall": {"name": "f"}}, finishReason="STOP") | usage)
        return [event.part.id for event in events if isinstance(event, Opened) and isinstance(event.part, ToolCall)]

    assert made(1) == made(1) != made(2)


WHOLE: dict[str, Json] = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {"text": "a"},
                    {"text": "b", "thoughtSignature": "QUFB"},
                    {"functionCall": {"name": "f", "args": {"x": 1.5}}},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 1},
    **HEAD,
}


def test_a_whole_answer_is_what_the_stream_of_it_tells() -> None:
    assert decode_reply(WHOLE) == fold(read(WHOLE))


def test_a_whole_answer_needs_no_word_for_its_end() -> None:
    assert decode_reply(chunk({"text": "a"})).choices == (Choice((Text("a"),)),)


@pytest.mark.parametrize("document", [{}, {"candidates": []}, {"candidates": "x"}, {"promptFeedback": {}}])
def test_what_is_no_answer_is_broken(document: dict[str, Json]) -> None:
    with pytest.raises(Broken):
        decode_reply(document)


def test_an_error_in_the_place_of_an_answer_is_reported() -> None:
    with pytest.raises(Reported) as reported:
        decode_reply({"error": {"code": 429, "message": "Slow down."}})
    assert (reported.value.status, reported.value.message) == (429, "Slow down.")


def test_a_whole_answer_that_came_to_nothing_is_reported() -> None:
    with pytest.raises(Reported) as reported:
        decode_reply(chunk(finishReason="MALFORMED_RESPONSE"))
    assert reported.value.status == 502


KEYS = st.sampled_from(
    [
        "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "id",
        "inlineData", "data", "fileData", "toolCall", "index", "finishReason", "groundingMetadata", "groundingChunks",
        "groundingSupports", "segment", "startIndex", "groundingChunkIndices", "web", "uri", "promptFeedback",
        "blockReason", "usageMetadata", "promptTokenCount", "logprobsResult", "chosenCandidates", "responseId",
    ]
)  # fmt: skip
LEAVES = st.sampled_from([None, True, 0, 1, -3, 1.5, "", "x", "STOP", "SAFETY", "1", "a-_a", "MALFORMED_FUNCTION_CALL"])
GARBAGE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
PART = st.dictionaries(
    st.sampled_from(["text", "thought", "thoughtSignature", "functionCall", "inlineData", "newThing"]),
    st.one_of(st.just({"name": "f"}), st.just("x"), st.just(True), GARBAGE),
    max_size=3,
)
CHUNK = st.one_of(
    st.dictionaries(KEYS, GARBAGE, max_size=4),
    st.builds(
        lambda parts, index, reason, grounding: {
            "candidates": [
                {"content": {"parts": parts}, "index": index, "finishReason": reason, "groundingMetadata": grounding}
            ]
        },
        st.lists(PART, max_size=3),
        st.sampled_from([0, 0, 1, None]),
        st.sampled_from([None, None, "STOP", "MAX_TOKENS", 3]),
        GARBAGE,
    ),
)


@given(st.lists(CHUNK, max_size=5))
def test_whatever_comes_the_events_are_a_reply(chunks: list[dict[str, Json]]) -> None:
    check_events(read(*chunks))


@given(st.text(min_size=1), st.data())
def test_the_words_are_the_same_however_they_are_cut(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    events = read(chunk({"text": text[:cut]}), chunk({"text": text[cut:]}), END)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == text
