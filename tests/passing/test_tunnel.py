"""A connection that was upgraded: bytes both ways, and how it ends."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.errors import UpgradeRequired
from cliproxy.modules import Connection, TakesConnection
from cliproxy.passing.tunnel import CLOSE_SECONDS, IDLE_SECONDS, Tunnel
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from tests.support.passing import Pipe, Told


class Way:
    """A tunnel between the two ends of the test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.client = Pipe()
        self.upstream = Told(101)
        self.tunnel = Tunnel(self.clock)
        self.tunnel.open(self.upstream, self._take_over)
        self.fired: list[object] = []
        self.closed = Deferred.fromCoroutine(self.tunnel.closed())
        self.closed.addBoth(self.fired.append)

    def _take_over(self, protocol: TakesConnection) -> Connection:
        return self.client

    def client_leaves(self) -> None:
        self.tunnel.connectionLost(Failure(ConnectionDone()))

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


@pytest.fixture
def way() -> Way:
    return Way()


# -- bytes


def test_what_the_client_says_goes_upstream(way: Way) -> None:
    way.tunnel.dataReceived(b"hello")
    assert way.upstream.sent == b"hello"


def test_what_the_upstream_says_goes_to_the_client(way: Way) -> None:
    way.upstream.say(b"wel", b"come")
    assert way.client.sent == b"welcome"


def test_what_came_along_with_the_head_goes_to_the_client() -> None:
    client = Pipe()
    Tunnel(Clock()).open(Told(101, body=b"first"), lambda _: client)
    assert client.sent == b"first"


# -- backpressure


def test_a_full_client_stops_the_reading_upstream(way: Way) -> None:
    assert way.client.producer is not None
    way.client.producer.pauseProducing()
    assert way.upstream.is_paused
    assert not way.client.is_paused
    way.client.producer.resumeProducing()
    assert not way.upstream.is_paused


def test_a_full_upstream_stops_the_reading_of_the_client(way: Way) -> None:
    assert way.upstream.producer is not None
    way.upstream.producer.pauseProducing()
    assert way.client.is_paused
    assert not way.upstream.is_paused
    way.upstream.producer.resumeProducing()
    assert not way.client.is_paused


def test_a_lost_socket_that_stops_its_producer_ends_nothing_twice(way: Way) -> None:
    assert way.client.producer is not None
    way.client.producer.stopProducing()
    assert not way.upstream.over


# -- the end


def test_when_the_client_leaves_the_upstream_is_closed_in_order(way: Way) -> None:
    way.client_leaves()
    assert way.upstream.did[-1] == "lose"
    assert way.upstream.producer is None


def test_when_the_upstream_is_over_the_client_is_closed_in_order(way: Way) -> None:
    way.upstream.end()
    assert way.client.did[-1] == "lose"
    assert way.client.producer is None


def test_when_both_are_over_nothing_stays_behind(way: Way) -> None:
    way.upstream.end()
    way.client_leaves()
    assert way.timers == 0
    assert "abort" not in way.client.did + way.upstream.did


def test_when_both_are_over_in_the_other_order_nothing_stays_behind(way: Way) -> None:
    way.client_leaves()
    way.upstream.end()
    assert way.timers == 0


def test_nothing_is_written_to_an_end_that_is_over(way: Way) -> None:
    way.upstream.end()
    way.tunnel.dataReceived(b"late")
    assert way.upstream.sent == b""


def test_a_client_that_does_not_take_the_rest_is_cut(way: Way) -> None:
    way.upstream.end()
    way.clock.advance(CLOSE_SECONDS)
    assert way.client.did[-1] == "abort"
    assert way.upstream.did == []


def test_an_upstream_that_does_not_take_the_rest_is_cut(way: Way) -> None:
    way.client_leaves()
    way.clock.advance(CLOSE_SECONDS)
    assert way.upstream.did[-1] == "abort"
    assert way.client.did == []


def test_a_long_silence_ends_both(way: Way) -> None:
    way.clock.advance(IDLE_SECONDS)
    assert way.client.did == way.upstream.did == ["abort"]


@pytest.mark.parametrize("who", ["client", "upstream"])
def test_a_word_of_either_breaks_it(way: Way, who: str) -> None:
    way.clock.advance(IDLE_SECONDS - 1)
    if who == "client":
        way.tunnel.dataReceived(b"ping")
    else:
        way.upstream.say(b"pong")
    way.clock.advance(IDLE_SECONDS - 1)
    assert not way.client.over


@pytest.mark.parametrize("full", ["client", "upstream"])
def test_an_end_that_takes_nothing_is_not_waited_for_as_long_as_a_silent_one(way: Way, full: str) -> None:
    """The other end is not read meanwhile, and if it had left, nobody would know."""
    producer = getattr(way, full).producer
    producer.pauseProducing()
    way.clock.advance(MAX_STALL_SECONDS)
    assert (way.client.did[-1], way.upstream.did[-1]) == ("abort", "abort")


def test_an_end_that_takes_something_again_may_be_silent_as_long_as_any(way: Way) -> None:
    assert way.client.producer is not None
    way.client.producer.pauseProducing()
    way.client.producer.resumeProducing()
    way.clock.advance(MAX_STALL_SECONDS)
    assert "abort" not in way.client.did


def test_a_daemon_that_stops_lets_it_go_on(way: Way) -> None:
    way.tunnel.drain()
    way.upstream.say(b"still here")
    assert way.client.sent == b"still here"
    assert not way.client.over


def test_one_that_has_stopped_closes_both_in_order(way: Way) -> None:
    way.tunnel.stop()
    assert way.client.did[-1] == way.upstream.did[-1] == "lose"


def test_a_stop_after_the_end_is_nothing(way: Way) -> None:
    way.upstream.end()
    way.client_leaves()
    way.tunnel.stop()
    assert way.timers == 0


# -- waiting for it


def test_the_wait_ends_when_the_request_hears_that_the_client_is_gone(way: Way) -> None:
    way.client_leaves()
    assert way.fired == []
    way.closed.cancel()
    assert way.fired == [None]


def test_the_upstreams_end_is_not_its_end(way: Way) -> None:
    way.upstream.end()
    assert way.fired == []


def test_a_grace_that_is_over_cuts_both_and_waits_on(way: Way) -> None:
    way.closed.cancel()
    assert way.client.did == way.upstream.did == ["abort"]
    assert way.fired == []
    way.client_leaves()
    way.closed.cancel()
    assert way.fired == [None]


# -- what cannot be joined


def test_a_connection_that_cannot_be_taken_over_leaves_the_reply_alone() -> None:
    def refuse(_: TakesConnection) -> Connection:
        raise UpgradeRequired("not here")

    reply = Told(101)
    with pytest.raises(UpgradeRequired):
        Tunnel(Clock()).open(reply, refuse)
    assert not reply.delivered


def test_a_client_that_is_gone_already_cuts_the_upstream() -> None:
    clock, reply = Clock(), Told(101)
    tunnel = Tunnel(clock)

    def take_over(protocol: TakesConnection) -> Connection:
        protocol.connectionLost(Failure(ConnectionDone()))
        return Pipe()

    tunnel.open(reply, take_over)
    assert reply.did == ["abort"]
    assert clock.getDelayedCalls() == []


def test_a_reply_that_cannot_be_delivered_cuts_the_client() -> None:
    class Broken(Told):
        def deliver(self, receiver: object) -> None:
            raise RuntimeError("gone")

    client = Pipe()
    with pytest.raises(RuntimeError):
        Tunnel(Clock()).open(Broken(101), lambda _: client)
    assert client.did == ["abort"]
