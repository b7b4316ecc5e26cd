from __future__ import annotations

import gzip
import zlib

import orjson
import pytest

from cliproxy.demo.answer import WIRES as SERVED
from cliproxy.demo.answer import Demo
from cliproxy.demo.faults import NOISE, SPOILERS, plain
from cliproxy.demo.replies import Chunk, Cut, DemoRequest, End, Json, Pause, Reply
from cliproxy.demo.settings import FAULT_STATUSES, FAULTS, DemoSettings
from tests.demo.asking import BEARER, KEY, asking, body_in, body_of, reply_to, told_by
from tests.support.grammar import check_stream, frames

USER: Json = {"role": "user", "content": "x"}
GEMINI = {"x-goog-api-key": "k"}
GOOD = plain(reply_to("x").steps)


def faulty(fault: str, **fields: bool) -> Reply:
    return reply_to("x", DemoSettings(fault=fault, stall_seconds=7), **fields)


def kinds(reply: Reply) -> list[str]:
    return [str(event["type"]) for event in frames(plain(reply.steps))]


WIRES: dict[str, tuple[str, dict[str, str], Json]] = {
    "anthropic": ("/v1/messages", KEY, body_of("x", stream=True)),
    "openai_chat": ("/v1/chat/completions", BEARER, {"model": "m", "stream": True, "messages": [USER]}),
    "openai_responses": ("/v1/responses", BEARER, {"model": "m", "stream": True, "input": "x"}),
    "gemini": ("/v1beta/models/m:streamGenerateContent", GEMINI, {"contents": [{"parts": [{"text": "x"}]}]}),
}
"""A path, a key and a body that asks for a stream."""


def reply_on(wire: str, fault: str = "") -> Reply:
    path, headers, body = WIRES[wire]
    return Demo(DemoSettings(fault=fault, stall_seconds=7)).answer(
        DemoRequest("POST", path, "alt=sse", headers, orjson.dumps(body))
    )


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_wire_has_every_fault(fault: str, wire: str) -> None:
    reply = reply_on(wire, fault)
    *before, last = reply.steps
    assert isinstance(last, End | Cut)
    assert not any(isinstance(step, End | Cut) for step in before)
    assert reply != reply_on(wire)


@pytest.mark.parametrize("wire", WIRES)
def test_half_of_every_stream_goes_before_an_error(wire: str) -> None:
    good, bad = reply_on(wire), reply_on(wire, "error")
    half = sum(isinstance(step, Chunk) for step in good.steps) // 2
    assert list(bad.steps[:half]) == list(good.steps[:half])
    assert len(bad.steps) == half + 2


def test_every_wire_is_tried() -> None:
    assert WIRES.keys() == SERVED.keys()


def test_every_fault_is_a_status_or_spoils_a_reply() -> None:
    assert set(FAULTS) == {str(status) for status in FAULT_STATUSES} | SPOILERS.keys()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_reply_ends_once_whatever_the_fault(fault: str, streamed: bool) -> None:
    *before, last = faulty(fault, stream=streamed).steps
    assert isinstance(last, End | Cut)
    assert not any(isinstance(step, End | Cut) for step in before)


@pytest.mark.parametrize("status", FAULT_STATUSES)
def test_a_status_comes_with_an_error_body(status: int) -> None:
    reply = faulty(str(status))
    assert reply.status == status
    assert body_in(reply)["type"] == "error"


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert ("retry-after", "1") in faulty("429").headers


def test_cut_first_leaves_nothing_but_message_start() -> None:
    reply = faulty("cut-first")
    assert kinds(reply) == ["message_start"]
    assert reply.steps[-1] == Cut()


def test_cut_leaves_the_first_half() -> None:
    reply = faulty("cut")
    assert GOOD.startswith(plain(reply.steps))
    assert len(kinds(reply)) == len(frames(GOOD)) // 2
    assert reply.steps[-1] == Cut()


def test_error_first_follows_message_start() -> None:
    assert kinds(faulty("error-first")) == ["message_start", "error"]


def test_error_ends_the_stream_half_way() -> None:
    told = told_by(faulty("error"))
    assert told.error is not None
    assert told.error["type"] == "overloaded_error"
    assert told.blocks[0].deltas


@pytest.mark.parametrize("fault", ["error", "error-first"])
def test_an_error_in_a_reply_that_is_not_streamed_is_a_status(fault: str) -> None:
    assert faulty(fault, stream=False).status == 529


def test_malformed_puts_a_broken_line_into_a_stream_that_goes_on() -> None:
    body = plain(faulty("malformed").steps)
    assert b'"ind\n\n' in body
    assert body.endswith(GOOD[-60:])
    with pytest.raises(ValueError, match="not enough values"):
        check_stream(body)


def test_malformed_breaks_a_json_body() -> None:
    with pytest.raises(orjson.JSONDecodeError):
        body_in(faulty("malformed", stream=False))


def test_garbage_is_noise_under_a_good_head() -> None:
    reply = faulty("garbage")
    assert (reply.status, plain(reply.steps)) == (200, NOISE)


def test_gzip_is_declared() -> None:
    reply = faulty("gzip")
    assert ("content-encoding", "gzip") in reply.headers
    assert gzip.decompress(plain(reply.steps)) == GOOD


def test_bare_gzip_is_not_declared() -> None:
    reply = faulty("gzip-bare")
    assert "content-encoding" not in dict(reply.headers)
    assert gzip.decompress(plain(reply.steps)) == GOOD


def test_bad_gzip_begins_well() -> None:
    reply = faulty("gzip-bad")
    assert ("content-encoding", "gzip") in reply.headers
    assert plain(reply.steps).startswith(b"\x1f\x8b")
    with pytest.raises((zlib.error, EOFError)):
        gzip.decompress(plain(reply.steps))


def test_empty_is_a_good_head_alone() -> None:
    reply = faulty("empty")
    assert (reply.status, list(reply.steps)) == (200, [End()])


def test_stall_is_silent_after_the_head_and_goes_on() -> None:
    reply = faulty("stall")
    assert reply.steps[0] == Pause(7)
    assert plain(reply.steps) == GOOD


def test_stall_first_is_silent_before_the_head() -> None:
    reply = faulty("stall-first")
    assert reply.wait_seconds == 7
    assert plain(reply.steps) == GOOD


@pytest.mark.parametrize("fault", sorted(SPOILERS.keys() - {"error", "error-first", "stall", "stall-first"}))
def test_a_spoiled_body_promises_no_length(fault: str) -> None:
    assert "content-length" not in dict(faulty(fault, stream=False).headers)


def test_a_directive_goes_before_the_settings() -> None:
    assert reply_to("[[fault:503]]", DemoSettings(fault="429")).status == 503


def test_a_directive_says_how_long_a_stall_is() -> None:
    assert reply_to("[[fault:stall]][[stall:3]]").steps[0] == Pause(3)


def test_counted_faults_run_out() -> None:
    demo = Demo(DemoSettings(fault="529", fault_count=2))
    assert [demo.answer(asking()).status for _ in range(4)] == [529, 529, 200, 200]


def test_uncounted_faults_never_run_out() -> None:
    demo = Demo(DemoSettings(fault="529"))
    assert [demo.answer(asking()).status for _ in range(4)] == [529] * 4


def test_only_generating_requests_get_the_fault() -> None:
    demo = Demo(DemoSettings(fault="529", fault_count=1))
    assert demo.answer(DemoRequest("GET", "/v1/models", "", KEY)).status == 200
    assert demo.answer(asking()).status == 529


def test_an_unknown_fault_is_no_setting() -> None:
    with pytest.raises(ValueError, match="no fault is called 'rain'"):
        DemoSettings(fault="rain")
