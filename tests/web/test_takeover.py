"""Connections that become another protocol's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from cliproxy.errors import BadRequest, UpgradeRequired
from cliproxy.modules import Connection
from cliproxy.web.channel import IDLE_SECONDS, LAST_BYTES_SECONDS
from cliproxy.web.takeover import take_over
from tests.support.uploads import CHUNKED, NEXT, Uploader, chunks, foreign

SWITCH = b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
LAST_SECONDS = 15


@implementer(IPushProducer)
class Talk:
    """What takes a connection over: keeps what it hears, and is the producer of what it says."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.events: list[str] = []
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure) -> None:
        self.reason = reason

    def drain(self) -> None:
        self.events.append("drain")

    def stop(self) -> None:
        self.events.append("stop")

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        self.events.append("stopped")


class Taken(Uploader):
    """A client whose connection is taken over as soon as it asks for that."""

    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk()
        self.door.serve = self.take_over

    def take_over(self, request: Request) -> None:
        self.connection = take_over(request, SWITCHED, self.talk)


@pytest.fixture
def client() -> Iterator[Taken]:
    client = Taken()
    yield client
    client.leave()
    assert client.clock.getDelayedCalls() == []


def test_the_head_is_written(client: Taken) -> None:
    client.feed(SWITCH)
    assert client.transport.value() == SWITCHED


def test_what_comes_later_is_the_protocols(client: Taken) -> None:
    client.feed(SWITCH, b"one", b"GET / HTTP/1.1\r\n\r\n")
    assert client.talk.heard == [b"one", b"GET / HTTP/1.1\r\n\r\n"]


def test_what_came_in_the_same_read_is_the_protocols_too(client: Taken) -> None:
    client.feed(SWITCH + b"one", b"two")
    client.clock.advance(0)
    assert client.talk.heard == [b"one", b"two"]


@pytest.mark.parametrize("head", [SWITCH, SWITCH.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n{}")])
def test_what_came_before_it_was_taken_over_is_the_protocols_too(client: Taken, head: bytes) -> None:
    client.door.serve = lambda _: None
    client.feed(head + b"one", b"two")
    client.take_over(client.request)
    client.feed(b"three")
    assert client.talk.heard == []
    client.clock.advance(0)
    client.feed(b"four")
    assert client.talk.heard == [b"onetwothree", b"four"]


def test_a_client_that_sent_much_before_is_read_again(client: Taken) -> None:
    client.door.serve = lambda _: None
    client.feed(SWITCH, bytes(20_000))
    assert not client.reads
    client.take_over(client.request)
    client.clock.advance(0)
    assert client.reads


def test_what_came_before_is_heard_of_a_client_that_left(client: Taken) -> None:
    client.door.serve = lambda _: None
    client.feed(SWITCH, b"bye")
    client.take_over(client.request)
    client.leave()
    assert client.talk.heard == [b"bye"]
    assert client.talk.reason is not None


def test_it_may_be_silent_for_ever(client: Taken) -> None:
    client.feed(SWITCH)
    client.clock.advance(100 * IDLE_SECONDS)
    assert not client.closed
    assert client.clock.getDelayedCalls() == []


def test_the_protocol_hears_of_the_end_before_the_handler(client: Taken) -> None:
    client.feed(SWITCH)
    client.request.notifyFinish().addErrback(lambda _: client.talk.events.append(repr(client.talk.reason is None)))
    client.leave()
    assert client.talk.events == ["False"]


def test_the_daemon_stops_it_in_order(client: Taken) -> None:
    client.feed(SWITCH)
    client.site.drain()
    client.site.close()
    assert client.talk.events == ["drain", "stop"]
    client.clock.advance(LAST_BYTES_SECONDS)
    assert client.transport.aborted


def test_what_it_writes_is_sent(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.write(b"hello")
    assert client.transport.value() == SWITCHED + b"hello"


def test_its_producer_goes_as_the_client_reads(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.registerProducer(client.talk, True)
    client.channel.pauseProducing()
    client.channel.resumeProducing()
    client.connection.unregisterProducer()
    client.channel.pauseProducing()
    assert client.talk.events == ["pause", "resume"]


def test_a_client_that_does_not_read_is_still_read(client: Taken) -> None:
    client.feed(SWITCH)
    client.channel.pauseProducing()
    assert client.reads


def test_the_client_is_paused_and_resumed(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.pauseProducing()
    assert not client.reads
    client.connection.resumeProducing()
    assert client.reads


def test_it_is_closed_once_all_is_sent(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.loseConnection()
    assert (client.transport.disconnecting, client.transport.aborted) == (True, False)
    client.leave()
    assert client.clock.getDelayedCalls() == []


def test_a_client_that_does_not_take_the_last_of_it_is_cut(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.loseConnection()
    client.clock.advance(LAST_SECONDS)
    assert client.transport.aborted


def test_nothing_is_done_to_a_connection_that_is_closing(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.loseConnection()
    client.connection.write(b"late")
    client.connection.pauseProducing()
    client.connection.resumeProducing()
    client.connection.loseConnection()
    assert client.transport.value() == SWITCHED


def test_it_is_cut(client: Taken) -> None:
    client.feed(SWITCH)
    client.connection.abortConnection()
    assert client.transport.aborted


def test_nothing_is_set_for_a_connection_that_is_gone(client: Taken) -> None:
    client.feed(SWITCH).leave()
    client.connection.loseConnection()
    assert client.clock.getDelayedCalls() == []
    assert client.talk.reason is not None
    assert client.talk.reason.check(ConnectionDone)


def test_not_while_a_body_arrives(client: Taken) -> None:
    """What comes would be the body's."""
    client.door.serve = lambda _: None
    client.feed(CHUNKED)
    with pytest.raises(BadRequest):
        client.take_over(client.request)
    client.feed(chunks(b"x"))
    client.take_over(client.request)
    client.feed(b"one")
    assert client.talk.heard == [b"one"]


def test_not_where_the_connection_is_anothers() -> None:
    with foreign(b"") as request, pytest.raises(UpgradeRequired, match="mounted"):
        take_over(request, SWITCHED, Talk())


def test_the_connection_serves_no_request_any_more(client: Taken) -> None:
    client.feed(SWITCH, NEXT)
    assert len(client.door.requests) == 1
