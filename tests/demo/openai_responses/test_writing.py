from __future__ import annotations

import orjson
import pytest

from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Chunk, DemoRequest, Json, Pause, Stamped
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import BEARER, decoded
from tests.demo.openai_responses.grammar import check_stream
from tests.demo.openai_responses.responding import ENCRYPTED, RESPONSES, TOOLS, ask, streamed

BOTH = '[[tool:Read {"path": "ä"}]][[tool:Patch {"input": "*** Begin"}]][[parallel]]'


@pytest.mark.parametrize("text", ["hello", '“ça va” ☕ \x00 \\ "quoted"\n', "[[deltas:50]]", "[[say:x]]", BOTH])
@pytest.mark.parametrize("reasoning", [None, {"effort": "low"}, {"effort": "low", "summary": "auto"}])
@pytest.mark.parametrize("include", [[], ENCRYPTED])
def test_every_stream_follows_the_grammar(text: str, reasoning: Json, include: list[Json]) -> None:
    stream = streamed(text, tools=TOOLS, reasoning=reasoning, include=include)
    assert stream.kinds[-1] == "response.completed"


def test_a_text_has_all_its_events() -> None:
    assert streamed("[[say:ab]]").kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_reasoning_has_all_its_events() -> None:
    kinds = streamed(reasoning={"effort": "low", "summary": "auto"}).kinds
    assert kinds[2:10] == [
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        *["response.reasoning_summary_text.delta"] * 3,
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
    ]


def test_reasoning_without_a_summary_is_added_and_done() -> None:
    stream = streamed(reasoning={"effort": "low"}, include=ENCRYPTED)
    assert stream.kinds[2:4] == ["response.output_item.added", "response.output_item.done"]


def test_reasoning_is_encrypted_anew_when_it_is_done() -> None:
    stream = streamed(reasoning={"effort": "low"}, include=ENCRYPTED)
    assert stream.begun[0]["encrypted_content"] != stream.items[0]["encrypted_content"]


def test_calls_come_one_after_another() -> None:
    stream = streamed(BOTH, tools=TOOLS)
    assert [(item["type"], item.get("arguments") or item.get("input")) for item in stream.items[1:]] == [
        ("function_call", '{"path":"ä"}'),
        ("custom_tool_call", "*** Begin"),
    ]
    assert stream.kinds.count("response.function_call_arguments.delta") == 4
    assert stream.kinds.count("response.custom_tool_call_input.delta") == 4


def test_every_item_has_an_id_of_its_own() -> None:
    items = streamed(BOTH, tools=TOOLS, reasoning={"effort": "low"}).items
    assert len({item["id"] for item in items}) == len(items) == 4
    assert len({item["call_id"] for item in items if "call_id" in item}) == 2


def test_usage_adds_up() -> None:
    usage = streamed(reasoning={"effort": "low"}).response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert 0 < usage["output_tokens_details"]["reasoning_tokens"] < usage["output_tokens"]


def test_a_reply_that_is_cut_is_incomplete() -> None:
    stream = streamed("[[say:" + "word " * 100 + "]]", max_output_tokens=16)
    assert stream.kinds[-1] == "response.incomplete"
    assert stream.response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert stream.items[0]["status"] == "incomplete"
    assert stream.response["usage"]["output_tokens"] == 16


@pytest.mark.parametrize("text", ["hello", BOTH])
def test_the_whole_reply_is_what_the_stream_ends_with(text: str) -> None:
    fields: dict[str, Json] = {"tools": TOOLS, "reasoning": {"effort": "low", "summary": "auto"}}
    one, two = decoded(ask(text, **fields)), streamed(text, **fields).response
    assert [item["type"] for item in one["output"]] == [item["type"] for item in two["output"]]
    assert (one["status"], one["usage"]) == (two["status"], two["usage"])
    assert one.keys() == two.keys()


def test_a_delay_stands_before_every_delta() -> None:
    steps = ask("[[deltas:4]][[delay:20]]", stream=True).steps
    assert [step for step in steps if isinstance(step, Pause)] == [Pause(0.02)] * 4


def test_stamped_deltas_leave_a_place_for_the_time() -> None:
    body: Json = {"model": "m", "stream": True, "input": "x"}
    request = DemoRequest("POST", RESPONSES, "", BEARER, orjson.dumps(body))
    stamped = [step for step in answer(request, DemoSettings(deltas=9, stamp=True)).steps if isinstance(step, Stamped)]
    assert len(stamped) == 9
    assert b'"delta":"@12@ ' in stamped[0].at(12)


def test_a_chunk_is_one_event() -> None:
    chunks = [step for step in ask(BOTH, stream=True, tools=TOOLS).steps if isinstance(step, Chunk)]
    assert all(step.body.count(b"\n\n") == 1 for step in chunks)


def test_the_same_request_gets_the_same_reply() -> None:
    assert ask("again", stream=True) == ask("again", stream=True)


@pytest.mark.parametrize("fault", ["error", "error-first"])
def test_an_error_ends_the_stream_with_the_next_number(fault: str) -> None:
    stream = check_stream(plain(ask(f"[[fault:{fault}]]", stream=True).steps))
    assert stream.error is not None
    assert (stream.error["code"], stream.error["sequence_number"]) == ("server_is_overloaded", len(stream.kinds) - 1)
