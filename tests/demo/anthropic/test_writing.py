from __future__ import annotations

import pytest

from cliproxy.demo.anthropic.conversation import signature_of
from cliproxy.demo.replies import Chunk, Json, Pause, Stamped
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import TOOLS, body_in, reply_to, told_by

THINKING: Json = {"type": "adaptive"}


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        '“ça va” ☕ 你好 \x00 \\ "quoted"\n',
        "[[deltas:1]]",
        "[[deltas:50]]",
        "[[delay:5]] slowly",
        "[[say:Bonjour ☕]]",
        '[[tool:Read {"path": "ä"}]]',
        "[[tool:Read]][[tool:Bash]][[parallel]]",
        "[[stall:1]]",
    ],
)
@pytest.mark.parametrize(
    "thinking",
    [{"type": "disabled"}, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}],
)
def test_every_stream_follows_the_grammar(text: str, thinking: Json) -> None:
    assert told_by(reply_to(text, tools=TOOLS, thinking=thinking)).error is None


def test_a_text_arrives_in_as_many_deltas_as_asked() -> None:
    (block,) = told_by(reply_to("[[deltas:30]]")).blocks
    assert len(block.deltas) == 30


def test_thinking_comes_first_and_is_signed() -> None:
    first, second = told_by(reply_to(thinking=THINKING)).blocks
    assert (first.kind, second.kind) == ("thinking", "text")
    assert first.text
    assert first.signature == signature_of(first.text)


def test_omitted_thinking_is_empty_but_signed() -> None:
    first = told_by(reply_to(thinking={"type": "adaptive", "display": "omitted"})).blocks[0]
    assert first.text == ""
    assert first.signature == signature_of("")


def test_a_tool_call_has_its_arguments_in_several_deltas() -> None:
    told = told_by(reply_to('[[tool:Read {"path": "a/b"}]]', tools=TOOLS))
    call = told.blocks[-1]
    assert told.stop_reason == "tool_use"
    assert (call.fields["name"], call.arguments) == ("Read", {"path": "a/b"})
    assert len(call.deltas) > 3


def test_parallel_calls_have_ids_of_their_own() -> None:
    told = told_by(reply_to("[[tool:Read]][[tool:Bash]][[parallel]]", tools=TOOLS))
    first, second = (block.fields["id"] for block in told.blocks if block.kind == "tool_use")
    assert first != second


def test_a_delay_stands_before_every_delta() -> None:
    steps = reply_to("[[deltas:4]][[delay:20]]").steps
    assert [step for step in steps if isinstance(step, Pause)] == [Pause(0.02)] * 4


def test_stamped_deltas_leave_a_place_for_the_time() -> None:
    stamped = [step for step in reply_to("x", DemoSettings(deltas=9, stamp=True)).steps if isinstance(step, Stamped)]
    assert len(stamped) == 9
    assert b'"text":"@12@ ' in stamped[0].at(12)


def test_a_reply_over_max_tokens_is_cut_and_says_so() -> None:
    told = told_by(reply_to("[[say:" + "word " * 100 + "]]", max_tokens=10))
    assert told.stop_reason == "max_tokens"
    assert told.usage["output_tokens"] == 10


def test_the_whole_reply_tells_what_the_stream_tells() -> None:
    text = '[[tool:Read {"a": 1}]]'
    told = told_by(reply_to(text, thinking=THINKING, tools=TOOLS))
    whole = body_in(reply_to(text, thinking=THINKING, tools=TOOLS, stream=False))
    content = whole["content"]
    assert isinstance(content, list)
    assert [block["type"] for block in content if isinstance(block, dict)] == [block.kind for block in told.blocks]
    assert whole["stop_reason"] == told.stop_reason


def test_a_whole_reply_takes_as_long_as_its_stream() -> None:
    reply = reply_to("[[deltas:7]][[delay:100]]", thinking=THINKING, stream=False)
    assert reply.wait_seconds == pytest.approx(1.1)  # 7 of text, 3 of thinking, 1 of its signature


def test_the_same_request_gets_the_same_reply() -> None:
    assert reply_to("again", thinking=THINKING) == reply_to("again", thinking=THINKING)


def test_a_chunk_is_one_event() -> None:
    assert all(step.body.count(b"\n\n") == 1 for step in reply_to().steps if isinstance(step, Chunk))


def test_a_stop_sequence_is_named() -> None:
    told = reply_to("[[say:one two]]", stream=False, stop_sequences=["tw"])
    whole = body_in(told)
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("stop_sequence", "tw")
    assert whole["content"] == [{"type": "text", "text": "one "}]


def test_a_stop_sequence_is_named_in_a_stream() -> None:
    assert told_by(reply_to("[[say:one two]]", stop_sequences=["tw"])).stop_reason == "stop_sequence"


def test_thinking_is_a_part_of_the_output() -> None:
    usage = told_by(reply_to(thinking=THINKING)).usage
    assert 0 < usage["output_tokens_details"]["thinking_tokens"] < usage["output_tokens"]


def test_omitted_thinking_costs_as_much() -> None:
    shown, omitted = (
        told_by(reply_to(thinking={"type": "adaptive", "display": display})).usage
        for display in ("summarized", "omitted")
    )
    assert shown["output_tokens"] == omitted["output_tokens"]


def test_without_thinking_nothing_is_said_of_it() -> None:
    assert "output_tokens_details" not in told_by(reply_to()).usage
