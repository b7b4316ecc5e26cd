from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import Closed, Delta, Ended, Event, Failed, Finished, Opened, Started, Stop, Used
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Json, Refusal, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Choice, Reply, unfold
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_completions.decode_request import decode_request
from cliproxy.formats.openai_completions.encode_reply import CompletionEncoder, encode_reply, reason_of

LOGPROB: Json = {"token": "ab", "logprob": -0.5, "top_logprobs": [{"token": "ab", "logprob": -0.5}]}


def framing(**fields: object) -> Framing:
    return Framing(decode_request({"model": "m", "prompt": "Once", **fields}, Losses()), "alias", "abc", 17)


PLAIN = framing()


def stream(*events: Event, framing: Framing = PLAIN) -> list[bytes]:
    encoder = CompletionEncoder(framing)
    told = b"".join(encoder.feed(event) for event in events)
    return [event.removeprefix(b"data: ") for event in told.split(b"\n\n")[:-1]]


def choices(*events: Event, framing: Framing = PLAIN) -> list[dict[str, object]]:
    payloads = [orjson.loads(payload) for payload in stream(*events, framing=framing) if payload != b"[DONE]"]
    return [choice for payload in payloads for choice in payload["choices"]]


def texts(*events: Event, framing: Framing = PLAIN) -> list[object]:
    return [choice["text"] for choice in choices(*events, framing=framing)]


def test_a_chunk_has_the_fields_of_the_format() -> None:
    (payload,) = stream(Started("x"), Opened(0, Text("")), Delta(0, "a"))
    assert orjson.loads(payload) == {
        "id": "cmpl-abc",
        "object": "text_completion",
        "created": 17,
        "model": "alias",
        "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": None}],
    }


def test_words_flow_as_they_come() -> None:
    assert texts(Opened(0, Text("")), Delta(0, "a"), Delta(0, "b"), Closed(0), Delta(0, "c")) == ["a", "b"]


def test_a_refusal_is_words_too() -> None:
    assert texts(Opened(0, Refusal("")), Delta(0, "no")) == ["no"]


@pytest.mark.parametrize("part", [Thinking("", Blob("x")), ToolCall("1", "f")])
def test_anything_else_has_no_place(part: Thinking | ToolCall) -> None:
    assert texts(Opened(0, part), Delta(0, "a"), Closed(0)) == []


def test_the_stream_ends_with_its_reason_and_a_mark() -> None:
    told = stream(Started(), Used(Usage(1)), Finished(Stop.LENGTH), Ended(), Ended())
    assert [orjson.loads(payload)["choices"] for payload in told[:-1]] == [
        [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    ]
    assert told[-1] == b"[DONE]"


def test_usage_is_told_where_it_is_asked_for() -> None:
    asked = framing(stream=True, stream_options={"include_usage": True})
    told = [
        orjson.loads(payload) for payload in stream(Used(Usage(1)), Finished(Stop.END), Ended(), framing=asked)[:-1]
    ]
    assert told[0]["usage"] is None
    assert (told[-1]["choices"], told[-1]["usage"]["total_tokens"]) == ([], 1)


def test_the_prompt_comes_first_if_the_client_wants_it_again() -> None:
    assert texts(Started(), Opened(0, Text("")), Delta(0, "a"), framing=framing(echo=True)) == ["Once", "a"]


def test_log_probabilities_are_parallel_lists() -> None:
    told = choices(Opened(0, Text("")), Delta(0, "ab", [LOGPROB]), Delta(0, "ab", [LOGPROB]))
    assert told[1]["logprobs"] == {
        "tokens": ["ab"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"ab": -0.5}],
        "text_offset": [2],
    }


def test_log_probabilities_that_are_none_are_left_out() -> None:
    told = choices(Opened(0, Text("")), Delta(0, "ab", [3, {"token": 3}]))
    assert told[0]["logprobs"] == {"tokens": [3], "token_logprobs": [None], "top_logprobs": [{}], "text_offset": [0]}


def test_a_failure_is_an_error_without_an_end() -> None:
    told = stream(Started(), Failed(500, "Alas."), Ended())
    assert [orjson.loads(payload)["error"]["message"] for payload in told] == ["Alas."]


def test_an_end_alone_is_a_whole_reply() -> None:
    assert [choice["finish_reason"] for choice in choices(Ended())] == ["stop"]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [(Stop.END, "stop"), (Stop.TOOLS, "stop"), (Stop.LENGTH, "length"), (Stop.REFUSAL, "content_filter")],
)
def test_there_are_three_reasons(stop: Stop, reason: str) -> None:
    assert reason_of(stop) == reason


def test_a_whole_reply_has_the_fields_of_the_format() -> None:
    reply = Reply("x", "gpt", (Choice((Thinking("hm"), Text("ab")), logprobs=(LOGPROB,)),), Usage(3))
    assert orjson.loads(encode_reply(reply, framing(echo=True))) == {
        "id": "cmpl-abc",
        "object": "text_completion",
        "created": 17,
        "model": "alias",
        "choices": [
            {
                "index": 0,
                "text": "Onceab",
                "logprobs": {
                    "tokens": ["ab"],
                    "token_logprobs": [-0.5],
                    "top_logprobs": [{"ab": -0.5}],
                    "text_offset": [4],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 0,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


words = st.text("ab\né", max_size=4)


@given(st.lists(st.lists(st.builds(Text, words) | st.builds(Thinking, words), max_size=3), min_size=1, max_size=2))
def test_a_stream_and_a_whole_reply_say_the_same(found: list[list[Text | Thinking]]) -> None:
    reply = Reply(choices=tuple(Choice(tuple(parts)) for parts in found))
    joined: dict[object, str] = {}
    for choice in choices(*unfold(reply)):
        joined[choice["index"]] = joined.get(choice["index"], "") + str(choice["text"])
    whole = orjson.loads(encode_reply(reply, PLAIN))["choices"]
    assert joined == {choice["index"]: choice["text"] for choice in whole}
