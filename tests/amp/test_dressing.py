"""What is put into a reply for Amp, and that nothing else of it is touched."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from cliproxy.amp.dressing import MAX_BLOCKS, MAX_BODY_BYTES, Dressed, dressed_body, dressed_events
from cliproxy.amp.tools import Casing, casing_of
from tests.support.ends import ClientEnd
from tests.support.streams import SOUND

STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
JSON = (b"content-type", b"application/json")

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'


def opening(block: bytes) -> bytes:
    """The event that opens a block."""
    return (
        b"event: content_block_start\n"
        b'data: {"type":"content_block_start","index":1, "content_block":%b,"x":1.0e2}\n\n' % block
    )


CALL = b'{"type":"tool_use","id":"t1","name":"bash","input":{}}'
DRESSED_CALL = b'{"type":"tool_use","id":"t1","name":"Bash","input":{},"signature":""}'
THINKING = b'{"type":"thinking","thinking":""}'
DRESSED_THINKING = b'{"type":"thinking","thinking":"","signature":""}'
TEXT = b'{"type":"text","text":"bash"}'

UNTOUCHED = (
    b"\n",
    b": keep-alive\n\n",
    PING,
    DELTA,
    opening(TEXT),
    opening(DRESSED_CALL),
    opening(DRESSED_THINKING),
    opening(b'{"type":"thinking","thinking":"","signature":"c2ln"}'),
    opening(b'{"type":"redacted_thinking","data":"x"}'),
    opening(b'{"type":"server_tool_use","id":"s","name":"read","input":{}}'),
    opening(b"7"),
    opening(b"null"),
    b'event: content_block_start\ndata: {"type":"content_block_start"}\n\n',
    b'event: content_block_start\ndata: {"content_block":%b}\n\n' % CALL,
    b'event: content_block_start\ndata: {"type":"content_block_start","content_block":\n\n',
    b"event: content_block_start\n\n",
    b"data: content_block_start\n\n",
    b"data: [content_block_start]\n\n",
    b'data: {"type":"content_block_delta","delta":{"text":"content_block_start"},"content_block":%b}\n\n' % CALL,
    b": content_block_start " + CALL + b"\n\n",
    b'data: {"type":"content_block_start",\ndata: "content_block":%b}\n\n' % CALL,
    b'data: {"type":"content_block_start","content_block":%b' % CALL,
    b'data: {"type":"content_block_start","content_block":{"type":"tool_use","id":"\xff"}}\n\n',
)


class End:
    """An outlet that writes down what it is told."""

    def __init__(self) -> None:
        self.head_sent = False
        self.closed = False
        self.last_write = -math.inf
        self.full_since: float | None = None
        self.told: list[tuple[object, ...]] = []

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        assert not self.head_sent
        self.head_sent = True
        self.told.append(("head", status, list(headers)))

    def draw_from(self, source: IPushProducer) -> None:
        self.told.append(("draw_from", source))

    def write(self, chunk: bytes) -> None:
        self.told.append(("write", chunk))

    def flush(self) -> None:
        self.told.append(("flush",))

    def finish(self) -> None:
        self.closed = True
        self.told.append(("finish",))

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        self.closed = True
        self.told.append(("cut",))
        if when_closed is not None:
            when_closed()


def dressed(status: int, *headers: tuple[bytes, bytes], casing: Casing | None = None) -> tuple[Dressed, End]:
    """With this head."""
    end = End()
    outlet = Dressed(end, casing or Casing())
    outlet.head(status, headers)
    return outlet, end


def whole(body: bytes, *headers: tuple[bytes, bytes]) -> list[tuple[object, ...]]:
    """What is told of a reply that is no stream."""
    outlet, end = dressed(200, *(headers or (JSON,)))
    outlet.write(body)
    outlet.finish()
    return end.told


def streamed(events: bytes, casing: Casing | None = None) -> bytes:
    return dressed_events(events, casing or Casing())


# -- events


@pytest.mark.parametrize(("block", "told"), [(CALL, DRESSED_CALL), (THINKING, DRESSED_THINKING)])
def test_a_block_without_a_signature_gets_one(block: bytes, told: bytes) -> None:
    assert streamed(opening(block)) == opening(told)


def test_null_is_no_signature() -> None:
    assert streamed(opening(THINKING[:-1] + b',"signature":null}')) == opening(DRESSED_THINKING)


@pytest.mark.parametrize("signature", [b'"c2ln"', b'""', b'" "'])
def test_a_signature_stays(signature: bytes) -> None:
    event = opening(b'{"type":"tool_use","signature":%b,"name":"Bash"}' % signature)
    assert streamed(event) == event


def test_a_tool_is_told_in_the_letters_of_the_request() -> None:
    casing = casing_of(b'{"tools":[{"name":"bASH"}]}')
    assert streamed(opening(CALL), casing) == opening(DRESSED_CALL.replace(b"Bash", b"bASH"))


def test_a_name_that_is_right_already_stays_as_it_is_spelled() -> None:
    event = opening(DRESSED_CALL.replace(b'"Bash"', b'"B\\u0061sh"'))
    assert streamed(event) == event


def test_a_name_alone_is_changed_where_there_is_a_signature() -> None:
    assert streamed(opening(b'{"type":"tool_use","name" : "glob", "signature" :"x"}')) == opening(
        b'{"type":"tool_use","name" : "glob", "signature" :"x"}'
    )
    assert streamed(opening(b'{"type":"tool_use","name" : "GLOB", "signature" :"x"}')) == opening(
        b'{"type":"tool_use","name" : "glob", "signature" :"x"}'
    )


def test_a_name_that_is_none_stays() -> None:
    assert streamed(opening(b'{"type":"tool_use","name":7,"signature":""}')) == opening(
        b'{"type":"tool_use","name":7,"signature":""}'
    )


def test_the_arguments_of_a_call_are_not_touched() -> None:
    block = b'{"type":"tool_use","name":"Bash","input":{"type":"tool_use","name":"bash"},"signature":""}'
    assert streamed(opening(block)) == opening(block)


def test_of_several_events_each_is_dressed() -> None:
    events = PING + opening(THINKING) + DELTA + opening(CALL) + b": x\n\n" + opening(TEXT)
    told = PING + opening(DRESSED_THINKING) + DELTA + opening(DRESSED_CALL) + b": x\n\n" + opening(TEXT)
    assert streamed(events) == told


def test_two_thinking_blocks_get_a_signature_each() -> None:
    assert streamed(opening(THINKING) * 2).count(b'"signature":""') == 2


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_lines_may_end_as_they_like(line_end: bytes) -> None:
    assert streamed(opening(CALL).replace(b"\n", line_end)) == opening(DRESSED_CALL).replace(b"\n", line_end)


def test_an_event_needs_no_name_and_no_space() -> None:
    event = b'data:{"type":"content_block_start","content_block":%b}\n\n'
    assert streamed(event % CALL) == event % DRESSED_CALL


def test_a_beat_before_an_event_stays() -> None:
    assert streamed(b"\n" + opening(CALL)) == b"\n" + opening(DRESSED_CALL)


@pytest.mark.parametrize("event", UNTOUCHED)
def test_an_event_that_needs_nothing_stays_byte_for_byte(event: bytes) -> None:
    assert streamed(event) == event


def test_events_that_open_no_block_are_the_same_object() -> None:
    events = PING + DELTA
    assert streamed(events) is events


CHANGED = {opening(CALL): opening(DRESSED_CALL), opening(THINKING): opening(DRESSED_THINKING)}
WHOLE_EVENTS = [event for event in UNTOUCHED if event.endswith(b"\n\n")]


@given(events=st.lists(st.sampled_from([*WHOLE_EVENTS, *CHANGED]), max_size=8))
def test_what_becomes_of_an_event_does_not_hang_on_its_neighbours(events: list[bytes]) -> None:
    assert streamed(b"".join(events)) == b"".join(CHANGED.get(event, event) for event in events)


@given(events=st.lists(st.sampled_from([*WHOLE_EVENTS, *CHANGED]), max_size=8))
def test_what_was_dressed_needs_it_no_more(events: list[bytes]) -> None:
    once = streamed(b"".join(events))
    assert streamed(once) == once


@pytest.mark.parametrize("stream", SOUND)
def test_of_a_true_stream_only_what_opens_calls_is_changed(stream: bytes) -> None:
    told = streamed(stream)
    without = [event for event in stream.split(b"\n\n") if b"content_block_start" not in event]
    assert [event for event in told.split(b"\n\n") if b"content_block_start" not in event] == without
    assert told.count(b'"signature"') - stream.count(b'"signature"') == stream.count(b'"type":"tool_use"')


# -- a whole message


def message(*blocks: bytes) -> bytes:
    return b'{ "id":"m", "content" : [%b],\r\n"usage":{"input_tokens":12345678901234567890} }' % b" ,".join(blocks)


def test_each_block_of_a_message_is_dressed() -> None:
    assert dressed_body(message(THINKING, TEXT, CALL), Casing()) == message(DRESSED_THINKING, TEXT, DRESSED_CALL)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"tool_use",
        b'"tool_use"',
        b'{"content":"tool_use","x":"tool_use"}',
        b'{"content":["tool_use",7,null,{"type":["tool_use"]}]}',
        b'{"error":%b}' % CALL,
        b'{"content":[%b]' % CALL,
        b'{"content":[%b],"x":"\xff"}]' % CALL,
        message(TEXT),
        message(DRESSED_THINKING, DRESSED_CALL),
        message(b'{"type":"server_tool_use","name":"bash","input":{"x":"tool_use"}}'),
        message(*[CALL] * (MAX_BLOCKS + 1)),
    ],
)
def test_a_body_that_needs_nothing_is_the_same_object(body: bytes) -> None:
    assert dressed_body(body, Casing()) is body


@given(blocks=st.lists(st.sampled_from([CALL, THINKING, TEXT, DRESSED_CALL]), max_size=6))
def test_a_message_is_dressed_as_a_stream_of_its_blocks(blocks: list[bytes]) -> None:
    told = json.loads(dressed_body(message(*blocks), Casing()))
    assert told["content"] == [
        json.loads(streamed(opening(block)).partition(b"data: ")[2])["content_block"] for block in blocks
    ]


# -- a stream's way


def test_a_streams_head_passes_at_once() -> None:
    outlet, end = dressed(200, STREAM, (b"x", b"y"))
    assert end.told == [("head", 200, [STREAM, (b"x", b"y")])]
    assert outlet.head_sent


def test_events_pass_write_by_write() -> None:
    outlet, end = dressed(200, STREAM)
    for chunk in (PING, opening(CALL), b"\n", DELTA):
        outlet.write(chunk)
    assert end.told[1:] == [("write", PING), ("write", opening(DRESSED_CALL)), ("write", b"\n"), ("write", DELTA)]


def test_a_write_that_opens_no_block_is_the_same_object() -> None:
    outlet, end = dressed(200, STREAM)
    events = PING + DELTA
    outlet.write(events)
    assert end.told[1][1] is events


def test_a_stream_ends_as_it_is_told_to() -> None:
    outlet, end = dressed(200, STREAM)
    outlet.finish()
    assert end.told[1:] == [("finish",)]


def test_a_stream_is_cut_as_it_is_told_to() -> None:
    outlet, end = dressed(200, STREAM)
    gone: list[str] = []
    outlet.cut(lambda: gone.append("gone"))
    assert end.told[1:] == [("cut",)]
    assert gone == ["gone"]


def test_the_kind_of_a_stream_is_told_in_any_case() -> None:
    outlet, end = dressed(200, (b"Content-Type", b"Text/Event-Stream"))
    outlet.write(opening(CALL))
    assert end.told[1:] == [("write", opening(DRESSED_CALL))]


# -- a body's way


def test_the_head_of_a_body_waits_until_it_is_whole() -> None:
    outlet, end = dressed(200, JSON)
    outlet.write(message(CALL))
    outlet.flush()
    assert end.told == [("flush",)]
    assert not outlet.head_sent


def test_a_body_is_told_dressed_with_its_new_length() -> None:
    body, told = message(CALL), message(DRESSED_CALL)
    assert whole(body, (b"Content-Length", b"%d" % len(body)), JSON, (b"x", b"y")) == [
        ("head", 200, [JSON, (b"x", b"y"), (b"content-length", b"%d" % len(told))]),
        ("write", told),
        ("finish",),
    ]


def test_a_body_may_come_in_pieces() -> None:
    body = message(CALL)
    outlet, end = dressed(200, JSON)
    for place in range(len(body)):
        outlet.write(body[place : place + 1])
    outlet.finish()
    assert end.told[1:] == [("write", message(DRESSED_CALL)), ("finish",)]


def test_a_body_that_needs_nothing_is_told_as_it_came() -> None:
    assert whole(b' \n{"a":1}')[1:] == [("write", b' \n{"a":1}'), ("finish",)]


def test_an_object_that_is_cut_short_upstream_is_told_as_it_came() -> None:
    body = message(CALL)[:-9]
    assert whole(body)[1:] == [("write", body), ("finish",)]


def test_an_answer_without_a_body_keeps_its_head() -> None:
    assert whole(b"", (b"x", b"y")) == [("head", 200, [(b"x", b"y")]), ("write", b""), ("finish",)]


@pytest.mark.parametrize("beginning", [b"data: {}\n\n", b"<html>", b"[", b"\xef\xbb\xbf{", b" \n x"])
def test_what_begins_like_no_message_is_not_held_back(beginning: bytes) -> None:
    outlet, end = dressed(200, (b"content-type", b"text/plain"))
    outlet.write(beginning)
    outlet.write(opening(CALL))
    assert end.told == [
        ("head", 200, [(b"content-type", b"text/plain")]),
        ("write", beginning),
        ("write", opening(CALL)),
    ]


def test_a_body_that_is_too_long_passes_as_it_is() -> None:
    length = (b"content-length", b"%d" % (MAX_BODY_BYTES + 9))
    outlet, end = dressed(200, JSON, length)
    first = b"{" + b" " * (MAX_BODY_BYTES - 1)
    outlet.write(first)
    assert end.told == []
    outlet.write(CALL[:4])
    outlet.write(CALL[4:])
    outlet.finish()
    assert end.told == [
        ("head", 200, [JSON, length]),
        ("write", first + CALL[:4]),
        ("write", CALL[4:]),
        ("finish",),
    ]


def test_a_body_that_is_cut_is_told_as_far_as_it_came() -> None:
    outlet, end = dressed(200, JSON, (b"content-length", b"999"))
    outlet.write(message(CALL)[:40])
    gone: list[str] = []
    outlet.cut(lambda: gone.append("gone"))
    assert end.told == [
        ("head", 200, [JSON, (b"content-length", b"999")]),
        ("write", message(CALL)[:40]),
        ("cut",),
    ]
    assert gone == ["gone"]


def test_a_cut_before_any_head_is_a_cut() -> None:
    end = End()
    Dressed(end, Casing()).cut()
    assert end.told == [("cut",)]


@pytest.mark.parametrize("status", [300, 400, 429, 500, 529])
@pytest.mark.parametrize("kind", [JSON, STREAM])
def test_an_error_passes_at_once(status: int, kind: tuple[bytes, bytes]) -> None:
    outlet, end = dressed(status, kind, (b"content-length", b"9"))
    outlet.write(opening(CALL))
    assert end.told == [("head", status, [kind, (b"content-length", b"9")]), ("write", opening(CALL))]


@pytest.mark.parametrize("kind", [JSON, STREAM])
def test_a_coding_that_nobody_undid_passes_at_once(kind: tuple[bytes, bytes]) -> None:
    outlet, end = dressed(200, kind, (b"Content-Encoding", b"br"))
    outlet.write(opening(CALL))
    assert end.told[1:] == [("write", opening(CALL))]


def test_no_coding_may_be_said_in_a_header() -> None:
    assert whole(message(CALL), (b"content-encoding", b" Identity"))[1] == ("write", message(DRESSED_CALL))


def test_while_a_body_is_held_another_head_may_take_its_place() -> None:
    outlet, end = dressed(200, JSON)
    outlet.write(message(CALL))
    outlet.head(502, [JSON])
    outlet.write(b"{}")
    outlet.finish()
    assert end.told == [("head", 502, [JSON]), ("write", b"{}"), ("finish",)]


def test_for_a_client_that_is_gone_nothing_is_kept() -> None:
    outlet, end = dressed(200, JSON)
    outlet.write(message(CALL)[:9])
    end.closed = True
    outlet.write(message(CALL)[9:])
    outlet.finish()
    assert end.told == [("head", 200, [JSON]), ("write", b""), ("finish",)]


BODIES = st.sampled_from([message(CALL), message(TEXT), b"text", b"", b" ", b"{", b"[1]", opening(CALL)])


@given(body=BODIES, places=st.lists(st.integers(0, 200), max_size=4).map(sorted), cut=st.booleans())
def test_a_body_is_told_once_however_it_comes(body: bytes, places: list[int], cut: bool) -> None:
    outlet, end = dressed(200, JSON)
    for start, stop in zip([0, *places], [*places, len(body)], strict=True):
        outlet.write(body[start:stop])
    (outlet.cut if cut else outlet.finish)()
    told = b"".join(part[1] for part in end.told if part[0] == "write" and isinstance(part[1], bytes))
    assert told == (body if cut else dressed_body(body, Casing()))
    assert [part[0] for part in end.told].count("head") == 1
    assert end.told[-1] == (("cut",) if cut else ("finish",))


# -- what the other end says


def test_what_the_other_end_knows_is_asked_of_it() -> None:
    outlet, end = dressed(200, STREAM)
    end.closed, end.last_write, end.full_since = True, 7.0, 8.0
    assert (outlet.head_sent, outlet.closed, outlet.last_write, outlet.full_since) == (True, True, 7.0, 8.0)


@implementer(IPushProducer)
class Source:
    """Counts how often it was paused and resumed."""

    def __init__(self) -> None:
        self.paused = self.resumed = 0

    def pauseProducing(self) -> None:
        self.paused += 1

    def resumeProducing(self) -> None:
        self.resumed += 1

    def stopProducing(self) -> None:
        """Not asked here."""


@pytest.mark.parametrize("kind", [JSON, STREAM])
def test_the_source_is_paused_and_resumed_by_the_clients_socket(kind: tuple[bytes, bytes]) -> None:
    end = ClientEnd()
    outlet, source = Dressed(end.sink, Casing()), Source()
    outlet.head(200, [kind])
    outlet.draw_from(source)
    end.sink.pauseProducing()
    assert source.paused == 1
    assert outlet.full_since is not None
    end.sink.resumeProducing()
    assert source.resumed == 1


def test_a_client_is_told_the_length_of_what_it_gets() -> None:
    end = ClientEnd()
    outlet = Dressed(end.sink, Casing())
    outlet.head(200, [JSON, (b"content-length", b"7")])
    outlet.write(message(CALL))
    assert end.caller.raw == b""
    outlet.finish()
    assert end.caller.headers["content-length"] == str(len(message(DRESSED_CALL)))
    assert end.caller.body == message(DRESSED_CALL)


def test_a_body_that_breaks_off_is_a_cut_to_the_client() -> None:
    end = ClientEnd()
    outlet = Dressed(end.sink, Casing())
    outlet.head(200, [JSON, (b"content-length", b"999")])
    outlet.write(message(CALL))
    outlet.cut()
    assert end.caller.body == message(CALL)
    assert end.caller.was_cut


def test_a_client_that_leaves_while_a_body_is_held_is_told_nothing() -> None:
    end = ClientEnd()
    outlet = Dressed(end.sink, Casing())
    outlet.head(200, [JSON])
    outlet.write(message(CALL))
    end.caller.leave()
    assert outlet.closed
    outlet.finish()
    assert end.caller.raw == b""
