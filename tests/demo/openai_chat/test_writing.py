from __future__ import annotations

import orjson
import pytest

from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Chunk, DemoRequest, Json, Pause, Stamped
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import BEARER, body_in, decoded
from tests.demo.openai_chat.chatting import TOOLS, ask, user
from tests.demo.openai_chat.grammar import Stream, Told, check_stream

BOTH = '[[tool:Read {"path": "a"}]][[tool:Bash {"command": "ls"}]][[parallel]]'


def streamed(text: str = "hello", /, **fields: Json) -> Stream:
    reply = ask(text, stream=True, **fields)
    assert reply.status == 200, body_in(reply)
    return check_stream(plain(reply.steps))


def told(text: str = "hello", /, **fields: Json) -> Told:
    return streamed(text, **fields).choices[0]


@pytest.mark.parametrize("text", ["hello", '“ça va” ☕ \x00 \\ "quoted"\n', "[[deltas:50]]", "[[say:x]]", BOTH])
@pytest.mark.parametrize("effort", [None, "none", "high"])
@pytest.mark.parametrize("n", [1, 3])
def test_every_stream_follows_the_grammar(text: str, effort: Json, n: int) -> None:
    stream = streamed(text, tools=TOOLS, reasoning_effort=effort, n=n, stream_options={"include_usage": True})
    assert (len(stream.choices), stream.error) == (n, None)


def test_a_text_arrives_in_as_many_deltas_as_asked() -> None:
    raw = plain(ask("[[deltas:30]]", stream=True).steps)
    assert raw.count(b'"content":"') == 30 + 1  # with the empty one beside the role


def test_reasoning_comes_when_an_effort_is_given() -> None:
    assert told(reasoning_effort="low").reasoning.startswith("The user wrote 5 characters")


@pytest.mark.parametrize("effort", [None, "none"])
def test_no_reasoning_comes_without_an_effort(effort: Json) -> None:
    assert told(reasoning_effort=effort).reasoning == ""


def test_calls_are_put_together_from_interleaved_pieces() -> None:
    choice = told(BOTH, tools=TOOLS)
    assert choice.finish_reason == "tool_calls"
    assert [orjson.loads(call.written) for call in choice.calls] == [{"path": "a"}, {"command": "ls"}]
    assert [index for index, _ in choice.pieces] == [0, 1] * 4


def test_calls_have_ids_of_their_own() -> None:
    stream = streamed(BOTH, tools=TOOLS, n=2)
    assert len({call.start["id"] for choice in stream.choices.values() for call in choice.calls}) == 4


def test_a_custom_tool_gets_free_text() -> None:
    (call,) = told('[[tool:Patch {"input": "*** Begin"}]]', tools=TOOLS).calls
    assert (call.start["type"], call.written) == ("custom", "*** Begin")


def test_usage_comes_when_asked_for() -> None:
    usage = streamed(reasoning_effort="low", stream_options={"include_usage": True}).usage
    assert usage is not None
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]


def test_no_usage_comes_unasked() -> None:
    raw = plain(ask(stream=True).steps)
    assert b'"usage"' not in raw


def test_a_delay_stands_before_every_delta() -> None:
    steps = ask("[[deltas:4]][[delay:20]]", stream=True).steps
    assert [step for step in steps if isinstance(step, Pause)] == [Pause(0.02)] * 4


def test_stamped_deltas_leave_a_place_for_the_time() -> None:
    body: Json = {"model": "m", "stream": True, "messages": [user("x")]}
    request = DemoRequest("POST", "/v1/chat/completions", "", BEARER, orjson.dumps(body))
    stamped = [step for step in answer(request, DemoSettings(deltas=9, stamp=True)).steps if isinstance(step, Stamped)]
    assert len(stamped) == 9
    assert b'"content":"@12@ ' in stamped[0].at(12)


def test_a_chunk_is_one_event() -> None:
    chunks = [step for step in ask(BOTH, stream=True, tools=TOOLS).steps if isinstance(step, Chunk)]
    assert all(step.body.count(b"\n\n") == 1 for step in chunks)


@pytest.mark.parametrize("text", ["hello", BOTH, "[[say:" + "word " * 50 + "]]"])
def test_the_whole_reply_tells_what_the_stream_tells(text: str) -> None:
    fields: dict[str, Json] = {"tools": TOOLS, "reasoning_effort": "low", "max_tokens": 60}
    stream = streamed(text, stream_options={"include_usage": True}, **fields)
    whole = decoded(ask(text, **fields))
    (choice,) = whole["choices"]
    message = choice["message"]
    one = stream.choices[0]
    assert (message["content"] or "", message["reasoning_content"]) == (one.content, one.reasoning)
    assert [call["function"]["arguments"] for call in message.get("tool_calls", ())] == [c.written for c in one.calls]
    assert choice["finish_reason"] == one.finish_reason
    assert whole["usage"] == stream.usage


def test_the_same_request_gets_the_same_reply() -> None:
    assert ask("again", stream=True) == ask("again", stream=True)


def test_an_error_ends_the_stream() -> None:
    error = check_stream(plain(ask("[[fault:error]]", stream=True).steps)).error
    assert error is not None
    assert (error["type"], error["code"]) == ("server_error", "server_is_overloaded")


def test_an_error_first_follows_the_role() -> None:
    stream = check_stream(plain(ask("[[fault:error-first]]", stream=True).steps))
    assert stream.choices[0] == Told()
