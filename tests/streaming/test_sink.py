"""The client's end of a reply: when bytes leave, how it holds back, how it ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cliproxy.config.schema import KIB, Streaming
from tests.support.ends import ClientEnd


@implementer(IPushProducer)
class Source:
    """What a sink draws from."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


@pytest.fixture
def end() -> ClientEnd:
    """A client whose head is on its way."""
    return ClientEnd().begin()


def test_it_is_a_push_producer(end: ClientEnd) -> None:
    assert verifyObject(IPushProducer, end.sink)


# -- when bytes leave


def test_nothing_leaves_before_the_first_bytes(end: ClientEnd) -> None:
    assert end.caller.raw == b""


def test_the_first_bytes_leave_at_once_even_within_an_interval_of_the_request(end: ClientEnd) -> None:
    end.sink.write(b"first")
    assert end.caller.body == b"first"


def test_the_first_bytes_set_no_timer(end: ClientEnd) -> None:
    end.sink.write(b"first")
    assert end.timers == 0


def test_bytes_that_follow_gather_until_the_tick(end: ClientEnd) -> None:
    for piece in (b"1", b"2", b"3"):
        end.sink.write(piece)
    end.clock.advance(0.0099)
    assert end.caller.body == b"1"
    end.clock.advance(0.0002)
    assert end.caller.body == b"123"


def test_bytes_gather_into_one_write(end: ClientEnd) -> None:
    for piece in (b"1", b"2", b"3"):
        end.sink.write(piece)
    end.clock.advance(0.01)
    assert end.caller.raw.endswith(b"\r\n1\r\n1\r\n2\r\n23\r\n")


def test_enough_bytes_leave_before_the_tick(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.sink.write(b"x" * (16 * KIB - 1))
    assert end.caller.body == b"1"
    end.sink.write(b"x")
    assert len(end.caller.body) == 16 * KIB + 1


def test_slow_pieces_leave_at_once_and_set_no_timer(end: ClientEnd) -> None:
    for number in range(5):
        end.sink.write(b"x")
        assert len(end.caller.body) == number + 1
        assert end.timers == 0
        end.clock.advance(0.011)


def test_the_loop_stops_after_a_rest(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.clock.pump([0.01, 0.01])
    assert end.timers == 0


def test_without_an_interval_everything_leaves_at_once() -> None:
    end = ClientEnd(Streaming(flush_seconds=0)).begin()
    for piece in (b"1", b"2", b"3"):
        end.sink.write(piece)
    assert end.caller.body == b"123"
    assert end.timers == 0


def test_an_empty_piece_is_nothing(end: ClientEnd) -> None:
    end.sink.write(b"")
    assert end.caller.raw == b""


def test_a_flush_tells_a_head_that_has_nothing_behind_it_yet(end: ClientEnd) -> None:
    end.sink.flush()
    assert end.caller.raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert end.caller.body == b""


def test_a_flush_without_a_head_tells_nothing() -> None:
    end = ClientEnd()
    end.sink.flush()
    assert end.caller.raw == b""


def test_a_flush_does_not_wait(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.sink.flush()
    assert end.caller.body == b"12"


def test_the_end_takes_along_what_has_gathered(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.sink.finish()
    assert end.caller.body == b"12"
    assert end.caller.ended


# -- the head


def test_headers_go_over_those_set_before() -> None:
    end = ClientEnd()
    end.request.setHeader(b"server", b"before")
    end.sink.head(201, [(b"server", b"behind")])
    end.sink.finish()
    assert end.caller.status == 201
    assert end.caller.headers["server"] == "behind"


def test_a_header_may_come_twice() -> None:
    end = ClientEnd()
    end.sink.head(200, [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")])
    end.sink.finish()
    assert end.caller.raw.count(b"X-A: ") == 2


def test_a_head_may_be_all() -> None:
    end = ClientEnd()
    end.sink.head(204, [])
    end.sink.finish()
    assert end.caller.status == 204


def test_there_is_one_head_only(end: ClientEnd) -> None:
    with pytest.raises(AssertionError):
        end.sink.head(500, [])


# -- a client that does not read


def test_a_full_socket_pauses_the_source(end: ClientEnd) -> None:
    source = Source()
    end.sink.draw_from(source)
    end.sink.write(b"1")
    end.caller.stop_reading()
    assert source.calls == ["pause"]


def test_a_source_that_comes_to_a_full_socket_is_paused(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.caller.stop_reading()
    source = Source()
    end.sink.draw_from(source)
    assert source.calls == ["pause"]


def test_a_source_that_speaks_though_paused_is_paused_again(end: ClientEnd) -> None:
    source = Source()
    end.sink.draw_from(source)
    end.caller.stop_reading()
    end.sink.write(b"it was resumed by somebody else")
    assert source.calls == ["pause", "pause"]


def test_nothing_is_written_to_a_full_socket(end: ClientEnd) -> None:
    end.caller.stop_reading()
    end.sink.write(b"x" * 20 * KIB)
    end.sink.flush()
    end.clock.pump([0.01] * 5)
    assert end.caller.raw == b""
    assert end.timers == 0


def test_a_socket_with_room_again_gets_all_at_once_then_the_source_goes_on(end: ClientEnd) -> None:
    source = Source()
    end.sink.draw_from(source)
    end.caller.stop_reading()
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.caller.read()
    assert end.caller.body == b"12"
    assert source.calls[-1] == "resume"


def test_the_source_stays_paused_if_the_flush_fills_the_socket_again(end: ClientEnd) -> None:
    source = Source()
    end.sink.draw_from(source)
    end.caller.stop_reading()
    end.sink.write(b"x" * 100_000)
    end.caller.transport.unread = 0
    assert end.caller.transport.producer is not None
    end.caller.transport.producer.resumeProducing()
    assert source.calls[-1] == "pause"
    assert end.sink.full_since == 0.0


def test_since_when_the_socket_is_full_is_not_forgotten_when_it_is_said_again(end: ClientEnd) -> None:
    end.caller.stop_reading()
    end.clock.advance(5)
    end.sink.pauseProducing()
    assert end.sink.full_since == 0.0


def test_the_end_does_not_wait_for_a_full_socket(end: ClientEnd) -> None:
    end.caller.stop_reading()
    end.sink.write(b"1")
    end.sink.finish()
    assert end.caller.body == b"1"
    assert end.caller.ended


# -- the end


def test_it_ends_once(end: ClientEnd) -> None:
    end.sink.write(b"1")
    end.sink.finish()
    end.sink.finish()
    end.sink.cut()
    end.sink.write(b"2")
    assert end.caller.body == b"1"
    assert not end.caller.was_cut


def test_a_cut_is_no_clean_end(end: ClientEnd) -> None:
    closed: list[bool] = []
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.sink.cut(lambda: closed.append(end.sink.closed))
    assert end.caller.was_cut
    assert not end.caller.ended
    assert closed == []
    end.clock.advance(0)
    assert closed == [True]


def test_to_cut_what_is_gone_calls_back_at_once(end: ClientEnd) -> None:
    closed: list[bool] = []
    end.caller.leave()
    end.sink.cut(lambda: closed.append(True))
    assert closed == [True]


def test_a_client_that_left_is_told_nothing(end: ClientEnd) -> None:
    source = Source()
    end.sink.draw_from(source)
    end.sink.write(b"1")
    end.sink.write(b"2")
    end.caller.leave()
    assert end.sink.closed
    end.sink.write(b"3")
    end.sink.flush()
    end.sink.pauseProducing()
    end.sink.resumeProducing()
    end.sink.stopProducing()
    end.sink.finish()
    end.clock.pump([0.01, 0.01])
    assert end.caller.body == b"1"
    assert end.timers == 0
    assert source.calls == []


def test_a_head_for_a_client_that_left_is_nothing() -> None:
    end = ClientEnd()
    end.caller.leave()
    end.sink.head(200, [])
    assert not end.sink.head_sent


STEPS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(["stop reading", "read", "flush", "tick"]),
        st.floats(0.0001, 0.02),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=60)
def test_what_is_written_arrives_whole_and_in_order(steps: list[bytes | str | float]) -> None:
    end = ClientEnd(Streaming(flush_bytes=50)).begin()
    written = b""
    for step in steps:
        if isinstance(step, bytes):
            written += step
            end.sink.write(step)
        elif isinstance(step, float):
            end.clock.advance(step)
        elif step == "stop reading":
            end.caller.stop_reading()
        elif step == "read":
            end.caller.read()
        elif step == "flush":
            end.sink.flush()
        assert end.timers <= 1
    end.sink.finish()
    assert end.caller.body == written
    assert end.caller.ended
