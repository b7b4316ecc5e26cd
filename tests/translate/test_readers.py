from __future__ import annotations

from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported, TimedOut
from cliproxy.formats import FORMATS
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.gemini import GEMINI
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.formats.openai_responses import OPENAI_RESPONSES
from cliproxy.formats.replies import MAX_READ_BYTES
from cliproxy.formats.sse import MAX_EVENT_BYTES
from cliproxy.formats.wire import SILENT_HEARTBEAT, Document, Mark
from cliproxy.translate.readers import ENOUGH_PROOF_BYTES, PassedBody, PassedStream, ReplyHead, passing
from tests.support.crossing import HELLO
from tests.support.grammars.said import Tokens
from tests.support.streams import COMMENT, DELTA, ERROR, MESSAGE_START, MESSAGE_STOP, PING, cut
from tests.support.translating import TELLERS, WIRES

START_WITH_USAGE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":'
    b'{"input_tokens":9,"cache_read_input_tokens":70,"output_tokens":1}}}\n\n'
)


def stream(*fed: bytes) -> PassedStream:
    """A reader that has been fed."""
    found = PassedStream(ANTHROPIC)
    for piece in fed:
        found.feed(piece)
    return found


# -- a stream's fate


def test_an_opening_proves_nothing() -> None:
    assert not stream(MESSAGE_START, PING, COMMENT).proven


@pytest.mark.parametrize("event", [DELTA, MESSAGE_STOP])
def test_content_or_the_end_proves_a_stream(event: bytes) -> None:
    assert stream(MESSAGE_START, event).proven


def test_a_long_opening_is_proof_enough() -> None:
    found = stream(PING * (ENOUGH_PROOF_BYTES // len(PING)))
    assert not found.proven
    found.feed(PING)
    assert found.proven


@pytest.mark.parametrize("rest", [b"", COMMENT, b"\n\n", b"\n", DELTA, MESSAGE_STOP, b"<html>\n\n", b"data: {"])
def test_nothing_behind_the_terminator_is_told_even_in_one_piece(rest: bytes) -> None:
    found = PassedStream(ANTHROPIC)
    assert found.feed(MESSAGE_START + DELTA + MESSAGE_STOP + rest) == MESSAGE_START + DELTA + MESSAGE_STOP
    assert found.complete
    assert (found.feed(rest), found.finish(), found.trouble) == (b"", b"", None)


def test_an_error_before_content_is_trouble() -> None:
    found = PassedStream(ANTHROPIC)
    assert found.feed(MESSAGE_START + ERROR) == MESSAGE_START
    assert isinstance(found.trouble, Reported)
    assert (found.trouble.status, found.trouble.message) == (529, "Overloaded, alas")


def test_an_error_after_content_is_the_terminator() -> None:
    found = PassedStream(ANTHROPIC)
    assert found.feed(MESSAGE_START + DELTA + ERROR + DELTA) == MESSAGE_START + DELTA + ERROR
    assert (found.complete, found.trouble) == (True, None)


def test_an_error_that_the_client_was_told_is_reported() -> None:
    found = stream(MESSAGE_START, DELTA, ERROR)
    assert isinstance(found.reported, Reported)
    assert (found.reported.status, found.reported.message) == (529, "Overloaded, alas")


def test_a_stream_that_ends_well_reports_nothing() -> None:
    assert stream(MESSAGE_START, DELTA, MESSAGE_STOP, ERROR).reported is None


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (b"<html>\n\n", "The upstream sent something that is not an event stream."),
        (b'{"type":"error"}\n\n', "The upstream sent something that is not an event stream."),
        (b"data: {\n\n", "The upstream sent an event that is not a JSON object."),
        (b"data: [DONE]\n\n", "The upstream sent an event that is not a JSON object."),
        (b"data: []\n\n", "The upstream sent an event that is not a JSON object."),
        (b"data:\n\n", "The upstream sent an event that is not a JSON object."),
        (b'data: {}, {"type":"ping"}\n\n', "The upstream sent an event that is not a JSON object."),
    ],
)
def test_what_is_no_event_of_the_format_is_trouble_and_not_told(event: bytes, why: str) -> None:
    for pieces in ([DELTA, event, DELTA], [DELTA + event + DELTA], [event + DELTA]):
        found = PassedStream(ANTHROPIC)
        told = b"".join(found.feed(piece) for piece in pieces)
        assert told in (DELTA, b"")
        assert isinstance(found.trouble, Broken)
        assert found.trouble.message == why


def test_two_halves_of_an_object_are_not_one_event() -> None:
    found = PassedStream(ANTHROPIC)
    assert found.feed(b'data: {"type":"ping"\n\ndata: "x":1}\n\n') == b""
    assert isinstance(found.trouble, Broken)


@pytest.mark.parametrize("event", [COMMENT, b"event: ping\n\n", b"id: 1\n\n", b"retry: 10\n\n", b"\n\n", b":\n\n"])
def test_an_event_without_data_passes(event: bytes) -> None:
    found = PassedStream(ANTHROPIC)
    assert found.feed(event + DELTA + event) == event + DELTA + event
    assert found.trouble is None


def test_data_in_several_lines_is_one_object() -> None:
    event = b'data: {"type":\ndata: "message_stop"}\n\n'
    found = PassedStream(ANTHROPIC)
    assert found.feed(DELTA + event) == DELTA + event
    assert found.complete


def test_an_endless_event_is_trouble() -> None:
    found = stream(DELTA, b"data: " + b"x" * MAX_EVENT_BYTES)
    assert isinstance(found.trouble, Broken)
    assert found.feed(b"\n\n" + DELTA) == b""


# -- its end


def test_an_empty_stream_is_trouble() -> None:
    found = stream(b"", b"\n")
    assert found.finish() == b""
    assert found.trouble is not None
    assert found.trouble.message == "The upstream answered with an empty stream."


@pytest.mark.parametrize("pieces", [(DELTA,), (b"data: {",), (MESSAGE_STOP[:-1],)])
def test_a_stream_that_ends_before_its_terminator_is_trouble(pieces: tuple[bytes, ...]) -> None:
    found = stream(*pieces)
    assert found.finish() == b""
    assert found.trouble is not None
    assert found.trouble.message == "The upstream ended the stream before the message was complete."


def test_the_first_trouble_stays() -> None:
    found = stream(b"data: {\n\n")
    found.finish()
    assert found.trouble is not None
    assert found.trouble.message == "The upstream sent an event that is not a JSON object."


def test_later_trouble_is_told_once_in_the_format_s_words() -> None:
    found = stream(DELTA)
    told = found.failed(TimedOut("It fell silent."), "req_1")
    assert told.startswith(b"event: error\n")
    assert b"It fell silent." in told
    assert b"req_1" in told
    assert found.failed(TimedOut("It fell silent."), "req_1") == b""
    assert found.feed(DELTA) == b""


def test_after_the_terminator_there_are_no_more_words() -> None:
    assert stream(MESSAGE_STOP).failed(TimedOut("It fell silent."), "req_1") == b""


# -- heartbeats


@pytest.mark.parametrize("first", [b"", COMMENT, b"data: {"])
def test_before_the_first_event_a_heartbeat_is_silent(first: bytes) -> None:
    assert stream(first).heartbeat == SILENT_HEARTBEAT


@pytest.mark.parametrize("pieces", [(MESSAGE_START,), (COMMENT + MESSAGE_START,), (DELTA,)])
def test_after_the_first_event_a_heartbeat_is_the_format_s(pieces: tuple[bytes, ...]) -> None:
    assert stream(*pieces).heartbeat == ANTHROPIC.heartbeat


# -- other bodies


def test_a_body_passes_as_it_is() -> None:
    body = PassedBody(may_be_empty=False)
    assert [body.feed(b'{"a"'), body.feed(b":1}"), body.finish()] == [b'{"a"', b":1}", b""]
    assert (body.proven, body.complete, body.trouble) == (True, True, None)


def test_a_body_proves_good_at_its_end_or_when_enough_has_come() -> None:
    body = PassedBody(may_be_empty=False)
    body.feed(b"x" * (ENOUGH_PROOF_BYTES - 1))
    assert not body.proven
    body.feed(b"x")
    assert body.proven
    assert not body.complete


def test_a_success_without_a_body_is_trouble() -> None:
    body = PassedBody(may_be_empty=False)
    body.finish()
    assert isinstance(body.trouble, Broken)
    assert not body.complete


def test_a_status_that_needs_no_body_may_have_none() -> None:
    body = PassedBody(may_be_empty=True)
    body.finish()
    assert (body.complete, body.trouble) == (True, None)


def test_a_body_has_no_words_for_trouble_and_no_heartbeat() -> None:
    body = PassedBody(may_be_empty=False)
    assert (body.failed(Broken("It broke."), "req_1"), body.heartbeat) == (b"", b"")


# -- what a reply took

TOLD = Tokens(prompt=100, cached=60, completion=9, reasoning=4)
TOOK = Usage(input=40, cache_read=60, output=5, reasoning=4)


@settings(deadline=None)
@given(
    st.sampled_from(WIRES),
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 5000), max_size=5),
    st.booleans(),
)
def test_a_stream_says_what_it_took_however_it_is_split(
    wire: str, chance: Random, places: list[int], commented: bool
) -> None:
    events = TELLERS[wire].events(attrs.evolve(HELLO, tokens=TOLD), chance)
    found = PassedStream(FORMATS[wire])
    for piece in cut((COMMENT if commented else b"").join(events), places):
        found.feed(piece)
    found.finish()
    assert (found.usage, found.trouble) == (TOOK, None)


def test_before_anything_is_told_a_stream_took_nothing() -> None:
    assert stream(PING).usage == Usage()


def test_a_stream_that_breaks_has_told_what_it_read() -> None:
    found = stream(START_WITH_USAGE, DELTA, ERROR)
    assert found.usage == Usage(9, cache_read=70, output=1)


@pytest.mark.parametrize("split", [False, True])
def test_a_failure_may_tell_what_it_took(split: bool) -> None:
    found = PassedStream(OPENAI_RESPONSES)
    failure = b'data: {"type":"response.failed","response":{"usage":{"input_tokens":7}}}\n\n'
    for piece in [CREATED, failure] if split else [CREATED + failure]:
        found.feed(piece)
    assert found.usage == Usage(7)


@pytest.mark.parametrize("split", [False, True])
def test_of_figures_in_every_chunk_the_first_and_the_last_count(split: bool) -> None:
    """What lies between is not looked at: there are hundreds, and each is of all so far."""
    chunks = [
        b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}%b}],"usageMetadata":{"promptTokenCount":%d}}\n\n'
        % told
        for told in ((b"", 7), (b"", 8), (b',"finishReason":"STOP"', 9))
    ]
    found = PassedStream(GEMINI)
    for piece in chunks[:2] if split else [b"".join(chunks[:2])]:
        found.feed(piece)
    assert found.usage == Usage(7)
    found.feed(chunks[2])
    assert found.usage == Usage(9)


@pytest.mark.parametrize("figures", [b"7", b"[]", b'{"prompt_tokens":"many"}', b'{"prompt_tokens":-1}', b"null"])
def test_figures_that_are_none_break_nothing(figures: bytes) -> None:
    found = PassedStream(OPENAI_CHAT)
    told = (
        b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":%b}\n\ndata: [DONE]\n\n' % figures
    )
    assert found.feed(told) == told
    assert (found.usage, found.complete) == (Usage(), True)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("places", [(), (1,), (40, 90)])
def test_a_body_says_at_its_end_what_it_took(wire: str, places: tuple[int, ...]) -> None:
    body = TELLERS[wire].whole(attrs.evolve(HELLO, tokens=TOLD))
    found = passing(FORMATS[wire], ReplyHead(200, b"application/json", b""))
    assert b"".join(found.feed(piece) for piece in cut(body, places)) == body
    assert found.usage == Usage()
    found.finish()
    assert found.usage == TOOK


def test_a_list_of_chunks_says_what_all_took() -> None:
    found = passing(GEMINI, ReplyHead(200, b"application/json", b""))
    found.feed(b'\n[{"usageMetadata":{"promptTokenCount":1}},{"usageMetadata":{"promptTokenCount":9}}]')
    found.finish()
    assert found.usage == Usage(9)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"usage":{"prompt_tokens":7}}'),
        (200, b'x{"usage":{"prompt_tokens":7}}'),
        (200, b'{"usage":{"prompt_tokens":7},"x":"%b"}' % (b"x" * MAX_READ_BYTES)),
    ],
    ids=["an error", "no JSON", "too large"],
)
def test_other_bodies_pass_without(status: int, body: bytes) -> None:
    found = passing(OPENAI_CHAT, ReplyHead(status, b"application/json", b""))
    assert found.feed(body[:1]) + found.feed(body[1:]) + found.finish() == body
    assert (found.usage, found.complete) == (Usage(), True)


# -- which reader


@pytest.mark.parametrize("kind", [b"text/event-stream", b"Text/Event-Stream; charset=utf-8", b" text/event-stream ;x"])
@pytest.mark.parametrize("coding", [b"", b"identity", b"gzip", b" GZIP ", b"x-gzip"])
def test_a_stream_that_can_be_seen_is_read_as_one(kind: bytes, coding: bytes) -> None:
    head = ReplyHead(200, kind, coding)
    assert head.is_stream
    assert isinstance(passing(ANTHROPIC, head), PassedStream)


@pytest.mark.parametrize(
    "head",
    [
        ReplyHead(200, b"application/json", b""),
        ReplyHead(200, b"", b""),
        ReplyHead(200, b"text/event-stream", b"br"),
        ReplyHead(200, b"text/event-stream", b"gzip, gzip"),
        ReplyHead(200, b"text/event-streams", b""),
    ],
)
def test_anything_else_is_read_as_a_body(head: ReplyHead) -> None:
    assert isinstance(passing(ANTHROPIC, head), PassedBody)


@pytest.mark.parametrize(("status", "trouble"), [(200, True), (204, False), (404, False)])
def test_only_a_success_needs_a_body(status: int, trouble: bool) -> None:
    body = passing(ANTHROPIC, ReplyHead(status, b"application/json", b""))
    body.finish()
    assert (body.trouble is not None) is trouble


# -- wires that need no terminator, and wires whose terminator is no JSON


def meaning(event: Document) -> Mark:
    return {"text": Mark.CONTENT, "finish": Mark.ENDING}.get(str(event.get("type")), Mark.OPENING)


EOF_WIRE = attrs.evolve(ANTHROPIC, mark=meaning)
DONE_WIRE = attrs.evolve(ANTHROPIC, mark=meaning, end_mark=b"[DONE]")
TEXT = b'data: {"type":"text"}\n\n'
FINISH = b'data: {"type":"finish"}\n\n'
USAGE = b'data: {"type":"usage"}\n\n'
DONE = b"data: [DONE]\n\n"


def test_the_end_of_the_body_ends_a_message_that_is_whole() -> None:
    found = PassedStream(EOF_WIRE)
    assert found.feed(TEXT + FINISH) + found.finish() == TEXT + FINISH
    assert (found.complete, found.trouble) == (True, None)


def test_more_may_be_said_of_a_message_that_is_whole() -> None:
    found = PassedStream(EOF_WIRE)
    assert found.feed(TEXT + FINISH) + found.feed(USAGE) == TEXT + FINISH + USAGE


def test_the_end_of_the_body_breaks_a_message_that_is_not_whole() -> None:
    found = PassedStream(EOF_WIRE)
    found.feed(TEXT)
    found.finish()
    assert isinstance(found.trouble, Broken)


def test_a_terminator_that_is_no_json_ends_the_stream() -> None:
    found = PassedStream(DONE_WIRE)
    assert found.feed(TEXT + FINISH + USAGE + DONE + TEXT) == TEXT + FINISH + USAGE + DONE
    assert found.complete


def test_a_terminator_that_the_upstream_forgot_is_told_once() -> None:
    found = PassedStream(DONE_WIRE)
    assert found.feed(TEXT + FINISH) + found.finish() + found.finish() == TEXT + FINISH + DONE


def test_a_terminator_without_a_finish_ends_the_stream_too() -> None:
    found = PassedStream(DONE_WIRE)
    assert found.feed(TEXT + DONE) + found.finish() == TEXT + DONE


def test_a_message_that_is_whole_is_worth_telling() -> None:
    found = PassedStream(EOF_WIRE)
    found.feed(FINISH)
    assert found.proven


CREATED = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_7"}}\n\n'


@pytest.mark.parametrize("before", [b"", b": hello\n\n"])
def test_a_response_that_breaks_does_not_change_its_id(before: bytes) -> None:
    """The official SDK gives up on one that does, and hides what happened."""
    found = PassedStream(OPENAI_RESPONSES)
    found.feed(before + CREATED)
    assert b'"id":"resp_7"' in found.failed(Broken("cut"), "req_1")


def test_a_response_that_had_not_begun_breaks_under_an_id_of_its_own() -> None:
    assert b'"id":"resp_req_1"' in PassedStream(OPENAI_RESPONSES).failed(Broken("cut"), "req_1")
