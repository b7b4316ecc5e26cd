"""What receivers see as their transport. test_http1.py tells what becomes of the connection below."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.internet.testing import StringTransport
from zope.interface.verify import verifyObject

from cliproxy.upstream.handover import BodyTransport, RawTransport
from tests.support.arriving import Arriving


class Below:
    """The connection below, which only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.socket = StringTransport()
        self.raw = RawTransport(self, self.socket)

    @property
    def sent(self) -> bytes:
        sent: bytes = self.socket.value()
        return sent

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")


@pytest.fixture
def below() -> Below:
    return Below()


# -- of a body ----------------------------------------------------------------------------------------------------


def test_a_body_can_be_paused_resumed_and_stopped(below: Below) -> None:
    transport = BodyTransport(below)
    assert verifyObject(IPushProducer, transport)
    transport.pauseProducing()
    transport.resumeProducing()
    transport.stopProducing()
    assert below.told == ["pause", "resume", "abort"]


@pytest.mark.parametrize("leave", [BodyTransport.loseConnection, BodyTransport.abortConnection])
def test_to_lose_a_bodys_connection_is_to_cut_it(below: Below, leave: Callable[[BodyTransport], None]) -> None:
    leave(BodyTransport(below))
    assert below.told == ["abort"]


def test_once_a_body_is_over_nothing_has_an_effect(below: Below) -> None:
    transport = BodyTransport(below)
    transport.let_go()
    transport.pauseProducing()
    transport.resumeProducing()
    transport.stopProducing()
    assert below.told == []


# -- after a switch of protocols ----------------------------------------------------------------------------------


@pytest.mark.parametrize("interface", [ITransport, IConsumer, IPushProducer])
def test_it_is_a_transport_that_can_be_paused_and_pauses(below: Below, interface: type[ITransport]) -> None:
    assert verifyObject(interface, below.raw)


def test_what_is_written_is_sent(below: Below) -> None:
    below.raw.write(b"a")
    below.raw.writeSequence([b"b", b"c"])
    assert below.sent == b"abc"


def test_a_producer_is_the_sockets(below: Below) -> None:
    producer = Arriving()
    below.raw.registerProducer(producer, True)
    assert (below.socket.producer, below.socket.streaming) == (producer, True)
    below.raw.unregisterProducer()
    assert below.socket.producer is None


def test_unregistering_nobody_is_forgiven(below: Below) -> None:
    below.raw.unregisterProducer()
    assert below.socket.producer is None


def test_reading_is_the_connections_affair(below: Below) -> None:
    below.raw.pauseProducing()
    below.raw.resumeProducing()
    assert below.told == ["pause", "resume"]


@pytest.mark.parametrize("leave", [RawTransport.loseConnection, RawTransport.stopProducing])
def test_leaving_closes_once_all_is_sent(below: Below, leave: Callable[[RawTransport], None]) -> None:
    below.raw.write(b"the last")
    leave(below.raw)
    leave(below.raw)
    assert (below.sent, below.told, below.raw.disconnecting) == (b"the last", ["close"], True)


def test_nothing_is_written_after_leaving(below: Below) -> None:
    below.raw.loseConnection()
    below.raw.write(b"a")
    below.raw.writeSequence([b"b"])
    assert below.sent == b""


def test_leaving_forgets_the_producer_for_which_the_socket_would_wait(below: Below) -> None:
    below.raw.registerProducer(producer := Arriving(), True)
    below.raw.loseConnection()
    assert (below.socket.producer, producer.told) == (None, [])


def test_it_can_be_cut_after_leaving(below: Below) -> None:
    below.raw.loseConnection()
    below.raw.abortConnection()
    assert below.told == ["close", "abort"]


def test_a_producer_that_comes_too_late_is_stopped(below: Below) -> None:
    below.raw.abortConnection()
    below.raw.registerProducer(producer := Arriving(), True)
    assert (producer.told, below.socket.producer) == (["stop"], None)


def test_once_the_connection_is_lost_nothing_has_an_effect(below: Below) -> None:
    below.raw.let_go()
    below.raw.write(b"a")
    below.raw.registerProducer(producer := Arriving(), True)
    below.raw.unregisterProducer()
    below.raw.pauseProducing()
    below.raw.resumeProducing()
    below.raw.loseConnection()
    below.raw.abortConnection()
    assert (below.sent, below.told, producer.told) == (b"", [], ["stop"])


def test_it_has_the_sockets_addresses(below: Below) -> None:
    assert (below.raw.getPeer(), below.raw.getHost()) == (below.socket.getPeer(), below.socket.getHost())
