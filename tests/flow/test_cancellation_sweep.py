"""The client leaves, at each point where an exchange may wait. Afterwards nothing goes on, and nobody is blamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest
from twisted.logger import LogLevel

from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    HEAD,
    JSON,
    START,
    STOP,
    Daemon,
    Outside,
    chunk,
    delta,
    logged,
)


def waiting(daemon: Daemon) -> None:
    """For the answer's head."""


def beating(daemon: Daemon) -> None:
    """For the answer's head, with a first beat told."""
    daemon.pass_time(16)


def probing_unheard(daemon: Daemon) -> None:
    """For the first byte of the body."""
    daemon.upstream.last.answer(200, EVENT_STREAM)


def probing(daemon: Daemon) -> None:
    """For the first content."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START)


def probing_a_message(daemon: Daemon) -> None:
    """For the end of a short body."""
    daemon.upstream.last.answer(200, JSON).say(b'{"a":')


def streaming(daemon: Daemon) -> None:
    """For more events."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)


def gathering(daemon: Daemon) -> None:
    """For the flusher's tick."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK, delta("a"), delta("b"))


def lingering(daemon: Daemon) -> None:
    """For the end of a body whose message is whole."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK, STOP)


def relaying(daemon: Daemon) -> None:
    """For more of a long body."""
    daemon.upstream.last.answer(200, JSON, ("Content-Length", "50000")).say(bytes(20_000))


WAITS: Final[Mapping[str, Callable[[Daemon], None]]] = {
    wait.__name__: wait
    for wait in (
        waiting,
        beating,
        probing_unheard,
        probing,
        probing_a_message,
        streaming,
        gathering,
        lingering,
        relaying,
    )
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wait", WAITS)
def test_a_client_that_leaves_cancels_the_upstream_at_once(wait: str, stream: bool) -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream() if stream else daemon.whole()
    WAITS[wait](daemon)
    with logged(LogLevel.info) as events:
        client.leave()
        (asked,) = daemon.upstream.asked
        assert asked.over
        daemon.assert_quiet()
    assert [event["log_level"] for event in events] == []
    assert daemon.cooling() == [0, 0]
    assert daemon.failures() == [0, 0]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wait", WAITS)
def test_the_second_attempt_is_cancelled_like_the_first(wait: str, stream: bool) -> None:
    daemon = Daemon(keys=3)
    client = daemon.stream() if stream else daemon.whole()
    daemon.upstream.last.answer(500, JSON, body=b"{}", end=True)
    WAITS[wait](daemon)
    client.leave()
    assert all(asked.over for asked in daemon.upstream.asked)
    daemon.assert_quiet()
    assert len(daemon.upstream.asked) == 2
    assert sorted(daemon.failures()) == [0, 0, 1]


@pytest.mark.parametrize("status", [500, 429])
def test_a_client_that_leaves_while_an_errors_body_comes_has_nobody_else_asked(status: int) -> None:
    """The cancelled collecting gave what it had, and the exchange went on with the next credential, for a ghost."""
    daemon = Daemon(keys=3)
    client = daemon.stream()
    daemon.upstream.last.answer(status, JSON, body=b'{"type":')
    client.leave()
    assert daemon.upstream.last.stopped
    assert len(daemon.upstream.asked) == 1
    daemon.assert_quiet()
    assert daemon.cooling() == [0, 0, 0]


def test_a_client_that_leaves_while_its_mistake_comes_cancels_the_upstream() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.pass_time(16)
    daemon.upstream.last.answer(400, JSON, body=b'{"type":')
    client.leave()
    assert daemon.upstream.last.stopped
    daemon.assert_quiet()


def test_a_client_that_leaves_while_it_does_not_read_cancels_the_upstream() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)
    client.stop_reading()
    daemon.upstream.last.say(delta("unread"))
    client.leave()
    assert daemon.upstream.last.stopped
    daemon.assert_quiet()


def test_a_client_that_leaves_while_it_is_cut_is_gone_once() -> None:
    daemon = Daemon()
    client = daemon.whole()
    daemon.upstream.last.answer(200, JSON, ("Content-Length", "50000")).say(bytes(20_000)).cut()
    client.leave()
    daemon.assert_quiet()


def test_a_client_that_leaves_in_the_grace_lets_the_shutdown_end() -> None:
    daemon = Daemon()
    client = daemon.stream()
    done: list[object] = []
    daemon.house.drain().addBoth(done.append)
    client.leave()
    assert done == [None]
    daemon.assert_quiet()


# -- with the agent that goes out to sockets


def test_a_client_that_leaves_while_it_is_connected_stops_the_connecting() -> None:
    outside = Outside()
    client = outside.stream()
    with logged(LogLevel.info) as events:
        client.leave()
    assert outside.reactor.connectors[0].stoppedConnecting
    assert outside.reactor.getDelayedCalls() == []
    assert events == []


def test_a_client_that_leaves_after_the_request_was_sent_cuts_the_connection() -> None:
    outside = Outside()
    client = outside.stream()
    socket = outside.connect()
    client.leave()
    assert socket.disconnected
    outside.reactor.advance(0)
    assert outside.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("so_far", [b"HTTP/1.1 200 O", HEAD, HEAD + chunk(START), HEAD + chunk(START + BLOCK)])
def test_a_client_that_leaves_while_the_answer_comes_cuts_the_connection(so_far: bytes) -> None:
    outside = Outside()
    client = outside.stream()
    socket = outside.connect()
    socket.protocol.dataReceived(so_far)
    client.leave()
    assert socket.disconnected
    outside.reactor.advance(0)
    outside.reactor.advance(0.02)
    assert outside.reactor.getDelayedCalls() == []


def test_a_client_that_leaves_after_its_reply_leaves_the_connection_for_others() -> None:
    outside = Outside()
    client = outside.stream()
    socket = outside.connect()
    socket.protocol.dataReceived(HEAD + chunk(START + BLOCK + STOP) + chunk(b""))
    assert client.ended
    client.leave()
    outside.stream()
    assert not socket.disconnected
    assert socket.value().count(b"POST /v1/messages") == 2
