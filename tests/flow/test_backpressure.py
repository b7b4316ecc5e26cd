"""A client that reads slowly, or not at all: what the proxy holds for it is bounded, and nothing is lost."""

from __future__ import annotations

import pytest

from cliproxy.config.schema import KIB
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from tests.support.house import (
    BLOCK,
    BLOCK_STOP,
    EVENT_STREAM,
    HEAD,
    JSON,
    MESSAGE_DELTA,
    START,
    STOP,
    Caller,
    Daemon,
    Outside,
    Socket,
    chunk,
    delta,
)

MOST_HELD = 256 * KIB
READ = 64 * KIB
"""What one read of a socket gives at the most."""
LONG = delta("x" * 1000) * 60


def begun() -> tuple[Outside, Caller, Socket]:
    """A stream under way."""
    outside = Outside()
    client = outside.stream()
    socket = outside.connect()
    socket.protocol.dataReceived(HEAD + chunk(START + BLOCK))
    return outside, client, socket


def pour(outside: Outside, socket: Socket, most: int = 4 * MOST_HELD) -> bytes:
    """Have the upstream send for as long as its socket is read; what it sent."""
    sent = b""
    while socket.producerState == "producing" and len(sent) < most:
        socket.protocol.dataReceived(chunk(LONG))
        sent += LONG
        outside.reactor.advance(0.001)
    return sent


def test_a_client_that_reads_gets_everything() -> None:
    outside, client, socket = begun()
    sent = pour(outside, socket)
    outside.reactor.advance(0.01)
    assert len(sent) >= 4 * MOST_HELD
    assert client.body == START + BLOCK + sent


def test_a_client_that_does_not_read_stops_the_upstream_soon() -> None:
    outside, client, socket = begun()
    client.stop_reading()
    assert len(pour(outside, socket)) <= MOST_HELD
    assert socket.producerState == "paused"


def test_a_client_whose_socket_fills_by_and_by_stops_the_upstream_soon() -> None:
    outside, client, socket = begun()
    client.transport.reads = False
    assert len(pour(outside, socket)) <= MOST_HELD
    assert socket.producerState == "paused"


def test_a_socket_that_is_filled_by_the_first_piece_stops_the_upstream_soon() -> None:
    """The body's delivery resumed the upstream after the sink had paused it."""
    outside = Outside()
    client = outside.stream()
    client.transport.reads = False
    socket = outside.connect()
    socket.protocol.dataReceived(HEAD + chunk(START + BLOCK + LONG + LONG))
    assert client.transport.unread > READ
    assert len(pour(outside, socket)) <= MOST_HELD
    assert socket.producerState == "paused"


def test_nothing_is_lost_when_the_client_reads_again() -> None:
    outside, client, socket = begun()
    sent = b""
    for _ in range(5):
        client.stop_reading()
        sent += pour(outside, socket)
        client.read()
        assert socket.producerState == "producing"
    end = BLOCK_STOP + MESSAGE_DELTA + STOP
    socket.protocol.dataReceived(chunk(end) + chunk(b""))
    assert client.body == START + BLOCK + sent + end
    assert client.ended


def test_a_connection_that_was_paused_at_its_replys_end_serves_the_next_request() -> None:
    outside, client, socket = begun()
    client.stop_reading()
    socket.protocol.dataReceived(chunk(STOP) + chunk(b""))
    assert client.ended
    outside.stream()
    assert socket.producerState == "producing"
    assert socket.value().count(b"POST ") == 2


def test_a_client_that_does_not_read_outlives_the_idle_timeout() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)
    client.stop_reading()
    daemon.pass_time(MAX_STALL_SECONDS - 1)
    client.read()
    daemon.upstream.last.say(STOP)
    daemon.upstream.last.end()
    assert client.body == START + BLOCK + STOP
    assert client.ended


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_client_that_never_reads_again_is_cut(stream: bool) -> None:
    daemon = Daemon()
    client = daemon.stream() if stream else daemon.whole()
    if stream:
        daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)
    else:
        daemon.upstream.last.answer(200, JSON).say(bytes(20_000))
    client.stop_reading()
    daemon.pass_time(MAX_STALL_SECONDS)
    assert client.was_cut
    assert daemon.upstream.last.stopped
    daemon.assert_quiet()
    assert daemon.cooling() == [0]


def test_beats_do_not_pile_up_for_a_client_that_does_not_read() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)
    client.stop_reading()
    daemon.pass_time(300)
    client.read()
    assert client.body == START + BLOCK
