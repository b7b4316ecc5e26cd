from __future__ import annotations

import orjson
import pytest

from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Chunk, DemoRequest, Json, Pause, Stamped
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import decoded
from tests.demo.gemini.generating import KEY, NEW, OLD, TOOLS, ask, parts, streamed, text, user
from tests.demo.gemini.grammar import check_events

BOTH = '[[tool:Read {"path": "ä"}]][[tool:Bash]][[parallel]]'
SHOWN: Json = {"thinkingConfig": {"includeThoughts": True}}


@pytest.mark.parametrize("said", ["hello", '“ça va” ☕ \x00 \\ "quoted"\n', "[[deltas:50]]", "[[say:x]]", BOTH])
@pytest.mark.parametrize("model", [OLD, NEW])
@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_every_stream_follows_the_grammar(said: str, model: str, array: bool, count: int) -> None:
    config: Json = {"candidateCount": count, "thinkingConfig": {"includeThoughts": True}}
    stream = streamed(said, model, array, tools=TOOLS, generationConfig=config)
    assert (len(stream.candidates), stream.error) == (count, None)


def test_a_text_arrives_in_as_many_deltas_as_asked() -> None:
    steps = ask("[[deltas:30]]", OLD, "streamGenerateContent").steps
    assert len([step for step in steps if isinstance(step, Chunk)]) == 31  # the last one ends it


def test_thoughts_come_first() -> None:
    assert streamed(generationConfig=SHOWN).candidates[0].thoughts.startswith("The user wrote 5 characters")


def test_a_text_is_signed_at_its_end() -> None:
    assert streamed("hello", NEW).candidates[0].signatures == ["text"]
    assert "thoughtSignature" in parts("hello", NEW)[-1]


def test_of_calls_the_first_alone_is_signed() -> None:
    assert streamed(BOTH, NEW, tools=TOOLS).candidates[0].signatures == ["call"]
    assert ["thoughtSignature" in part for part in parts(BOTH, NEW, tools=TOOLS)] == [False, True, False]


def test_nothing_is_signed_without_thinking() -> None:
    assert streamed(BOTH, tools=TOOLS).candidates[0].signatures == []


def test_calls_come_whole_with_ids_of_their_own() -> None:
    one, two = streamed(BOTH, tools=TOOLS).candidates[0].calls
    assert (one["args"], two["args"]) == ({"path": "ä"}, {})
    assert one["id"] != two["id"]


def test_a_call_ends_the_answer_like_any_other() -> None:
    assert streamed(BOTH, tools=TOOLS).candidates[0].finish_reason == "STOP"


@pytest.mark.parametrize("said", ["hello", BOTH, "[[say:" + "word " * 100 + "]]"])
@pytest.mark.parametrize("array", [True, False])
def test_the_whole_reply_tells_what_the_stream_tells(said: str, array: bool) -> None:
    fields: dict[str, Json] = {
        "tools": TOOLS,
        "generationConfig": {"maxOutputTokens": 60, "thinkingConfig": {"includeThoughts": True}},
    }
    stream = streamed(said, OLD, array, **fields)
    whole = decoded(ask(said, **fields))
    one, told = whole["candidates"][0], stream.candidates[0]
    assert [part["text"] for part in one["content"]["parts"] if "text" in part] == [told.thoughts, told.text]
    assert [part["functionCall"]["args"] for part in one["content"]["parts"] if "functionCall" in part] == [
        call["args"] for call in told.calls
    ]
    assert (one["finishReason"], whole["usageMetadata"]) == (told.finish_reason, stream.usage)


def test_usage_is_told_in_every_chunk() -> None:
    steps = ask("hello", OLD, "streamGenerateContent").steps
    assert all(b'"usageMetadata":' in step.body for step in steps if isinstance(step, Chunk))


def test_a_delay_stands_before_every_delta() -> None:
    steps = ask("[[deltas:4]][[delay:20]]", OLD, "streamGenerateContent").steps
    assert [step for step in steps if isinstance(step, Pause)] == [Pause(0.02)] * 4


def test_stamped_deltas_leave_a_place_for_the_time() -> None:
    path = f"/v1beta/models/{OLD}:streamGenerateContent"
    request = DemoRequest("POST", path, "alt=sse", KEY, orjson.dumps({"contents": [user(text("x"))]}))
    stamped = [step for step in answer(request, DemoSettings(deltas=9, stamp=True)).steps if isinstance(step, Stamped)]
    assert len(stamped) == 9
    assert b'"text":"@12@ ' in stamped[0].at(12)


@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize("fault", ["error", "error-first"])
def test_an_error_ends_the_stream(fault: str, array: bool) -> None:
    error = streamed(f"[[fault:{fault}]]", OLD, array).error
    assert error is not None
    assert (error["code"], error["status"]) == (503, "UNAVAILABLE")


def test_events_end_in_crlf() -> None:
    path = f"/v1beta/models/{OLD}:streamGenerateContent"
    body = orjson.dumps({"contents": [user(text("x"))]})
    raw = plain(answer(DemoRequest("POST", path, "alt=sse", KEY, body), DemoSettings()).steps)
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert check_events(raw).candidates[0].finish_reason == "STOP"


def test_the_same_request_gets_the_same_reply() -> None:
    assert ask("again", NEW) == ask("again", NEW)
