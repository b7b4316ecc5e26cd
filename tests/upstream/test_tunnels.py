"""Tunnels through proxies: the endpoint on memory transports, then TLS on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import protocol
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cliproxy.config.schema import Proxy, ProxyScheme
from cliproxy.errors import Unreachable
from cliproxy.upstream.handshakes import ConnectHandshake, Handshake
from cliproxy.upstream.tunnels import TunnelEndpoint, through
from tests.support.upstream import (
    ANSWERS,
    BOUND,
    HANDSHAKES,
    HOST,
    OLD_CERTIFICATE_OBJECTS,
    OPENED,
    PASSWORD,
    PATIENCE_SECONDS,
    USER,
    connect_handshake,
    factory_of,
    listen,
    on_the_reactor,
    port_of,
    socks_handshake,
    talk,
    throwaway_certificate,
)

PROXY_ADDRESS = IPv4Address("TCP", "127.0.0.1", 3128)


# -- the endpoint, on memory transports ---------------------------------------------------------------------------


class Recorder(protocol.Protocol):
    """A tunnelled protocol that remembers what happened to it."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.lost = reason


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    """A tunnelled protocol that outlives the end of either direction."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[str] = []

    def readConnectionLost(self) -> None:
        self.closed.append("read")

    def writeConnectionLost(self) -> None:
        self.closed.append("write")


class Declining(Factory):
    """A factory that wants no connection."""

    def buildProtocol(self, addr: object) -> None:
        return None


class Wire(Protocol):
    """What a transport calls."""

    def makeConnection(self, transport: StringTransport) -> None: ...
    def dataReceived(self, data: bytes) -> None: ...
    def readConnectionLost(self) -> None: ...
    def writeConnectionLost(self) -> None: ...
    def connectionLost(self, reason: Failure) -> None: ...


def connect(endpoint: IStreamClientEndpoint, inner: protocol.Protocol) -> Deferred[IProtocol]:
    return endpoint.connect(factory_of(lambda: inner))


class Dialled:
    """One `connect` through a tunnel over a TCP endpoint of a memory reactor; the test plays the proxy."""

    def __init__(
        self,
        inner: Recorder | None = None,
        handshakes: Callable[[], Handshake] = connect_handshake,
        factory: Factory | None = None,
    ) -> None:
        self.reactor = MemoryReactorClock()
        self.inner = inner or Recorder()
        self.results: list[object] = []
        self.transport = StringTransport()
        outer = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 3128)
        self.factory = factory or Factory.forProtocol(lambda: self.inner)
        self.deferred = TunnelEndpoint(outer, handshakes).connect(self.factory)
        self.deferred.addBoth(self.results.append)

    def arrive(self) -> Dialled:
        """The TCP connection to the proxy is there."""
        built = self.reactor.tcpClients[0][2].buildProtocol(PROXY_ADDRESS)
        self.wire = cast(Wire, built)
        self.wire.makeConnection(self.transport)
        return self

    def open(self) -> Dialled:
        """The proxy has opened the tunnel."""
        self.arrive().wire.dataReceived(OPENED)
        assert self.results == [self.inner]
        return self

    @property
    def error(self) -> BaseException:
        [failure] = self.results
        assert isinstance(failure, Failure)
        assert failure.value is not None
        return failure.value


def test_the_endpoint_connects_to_the_proxy_and_asks_it_for_the_upstream() -> None:
    dialled = Dialled().arrive()
    assert dialled.reactor.tcpClients[0][:2] == ("127.0.0.1", 3128)
    assert dialled.transport.value().startswith(b"CONNECT api.example:443 ")
    assert dialled.results == []


def test_a_target_that_cannot_be_sent_is_not_dialled_for() -> None:
    dialled = Dialled(handshakes=lambda: ConnectHandshake("", 443))
    assert isinstance(dialled.error, Unreachable)
    assert dialled.reactor.tcpClients == []


def test_the_tunnelled_protocol_is_connected_only_when_the_tunnel_is_open() -> None:
    dialled = Dialled().arrive()
    assert dialled.inner.transport is None
    dialled.wire.dataReceived(OPENED)
    assert dialled.results == [dialled.inner]
    assert dialled.inner.connected


def test_a_socks_talk_goes_back_and_forth() -> None:
    dialled = Dialled(handshakes=socks_handshake).arrive()
    for answer in (b"\x05\x02", b"\x01\x00", BOUND):
        assert dialled.results == []
        dialled.wire.dataReceived(answer)
    assert dialled.results == [dialled.inner]
    assert dialled.transport.value() == talk(socks_handshake(), [b"\x05\x02\x01\x00" + BOUND]).sent


def test_what_follows_the_handshake_reaches_the_protocol_after_the_caller_knows_it() -> None:
    dialled = Dialled().arrive()
    seen: list[bytes] = []
    dialled.deferred.addCallback(lambda _: seen.append(dialled.inner.received))
    dialled.wire.dataReceived(OPENED + b"first ")
    dialled.wire.dataReceived(b"second")
    assert (seen, dialled.inner.received) == ([b""], b"first second")


def test_backpressure_is_between_the_protocol_and_the_real_transport() -> None:
    dialled = Dialled().open()
    seen = cast(StringTransport, dialled.inner.transport)
    seen.pauseProducing()
    assert dialled.transport.producerState == "paused"
    seen.registerProducer(producer := StringTransport(), True)
    assert dialled.transport.producer is producer


def test_the_loss_of_an_open_tunnel_is_the_protocols_to_hear() -> None:
    dialled = Dialled().open()
    dialled.wire.connectionLost(reason := Failure(ConnectionDone()))
    assert dialled.inner.lost is reason


def test_half_close_reaches_a_protocol_that_knows_it() -> None:
    dialled = Dialled(inner := HalfCloseable()).open()
    assert IHalfCloseableProtocol.providedBy(dialled.wire)
    dialled.wire.readConnectionLost()
    dialled.wire.writeConnectionLost()
    assert (inner.closed, inner.lost) == (["read", "write"], None)


def test_half_close_is_not_promised_for_a_protocol_that_does_not_know_it() -> None:
    assert not IHalfCloseableProtocol.providedBy(Dialled().open().wire)


def test_half_close_during_the_handshake_is_a_refusal() -> None:
    dialled = Dialled(inner := HalfCloseable()).arrive()
    dialled.wire.readConnectionLost()
    assert isinstance(dialled.error, Unreachable)
    assert (dialled.transport.disconnected, inner.closed) == (True, [])


def test_a_refusal_aborts_the_connection_and_its_body_goes_nowhere() -> None:
    dialled = Dialled().arrive()
    dialled.wire.dataReceived(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    dialled.wire.dataReceived(b"<html>no</html>")
    dialled.wire.connectionLost(Failure(ConnectionDone()))
    assert isinstance(dialled.error, Unreachable)
    assert (dialled.transport.disconnected, dialled.inner.received, dialled.inner.lost) == (True, b"", None)


def test_a_connection_lost_during_the_handshake_is_unreachable() -> None:
    dialled = Dialled().arrive()
    dialled.wire.connectionLost(Failure(ConnectionLost()))
    assert isinstance(dialled.error, Unreachable)
    assert "lost during the handshake" in dialled.error.message


def test_a_proxy_that_cannot_be_reached_is_named_as_the_cause() -> None:
    dialled = Dialled()
    connector = dialled.reactor.connectors[0]
    dialled.reactor.tcpClients[0][2].clientConnectionFailed(connector, Failure(ConnectError()))
    assert isinstance(dialled.error, Unreachable)
    assert dialled.error.message.startswith("The proxy cannot be reached: ")


def test_a_factory_that_declines_ends_the_attempt() -> None:
    dialled = Dialled(factory=Declining())
    assert dialled.reactor.tcpClients[0][2].buildProtocol(PROXY_ADDRESS) is None
    assert isinstance(dialled.error, NoProtocol)


def test_a_protocol_that_fails_when_connected_fails_the_attempt() -> None:
    class Failing(Recorder):
        def connectionMade(self) -> None:
            raise ValueError("not today")

    dialled = Dialled(Failing()).arrive()
    dialled.wire.dataReceived(OPENED + b"rest")
    assert isinstance(dialled.error, ValueError)
    assert (dialled.transport.disconnected, dialled.inner.received) == (True, b"")


def test_the_callers_factory_is_told_when_it_is_in_use() -> None:
    dialled = Dialled()
    wrapping = dialled.reactor.tcpClients[0][2]
    dialled.factory.noisy = False
    wrapping.doStart()
    assert dialled.factory.numPorts == 1
    wrapping.doStop()
    assert dialled.factory.numPorts == 0


def test_cancelling_while_dialling_stops_the_attempt() -> None:
    dialled = Dialled()
    dialled.deferred.cancel()
    assert isinstance(dialled.error, CancelledError)
    assert dialled.reactor.connectors[0].stoppedConnecting


@pytest.mark.parametrize("so_far", [b"", b"HTTP/1.1 200 OK\r\nVia"])
def test_cancelling_during_the_handshake_aborts_the_connection(so_far: bytes) -> None:
    dialled = Dialled().arrive()
    dialled.wire.dataReceived(so_far)
    dialled.deferred.cancel()
    dialled.wire.dataReceived(OPENED)
    dialled.wire.connectionLost(Failure(ConnectionDone()))
    assert isinstance(dialled.error, CancelledError)
    assert (dialled.transport.disconnected, dialled.inner.transport) == (True, None)


def test_cancelling_while_the_protocol_is_being_connected_aborts_the_connection() -> None:
    class Cancelling(Recorder):
        def connectionMade(self) -> None:
            dialled.deferred.cancel()

    dialled = Dialled(Cancelling()).arrive()
    dialled.wire.dataReceived(OPENED + b"rest")
    dialled.wire.connectionLost(reason := Failure(ConnectionDone()))
    assert isinstance(dialled.error, CancelledError)
    assert (dialled.transport.disconnected, dialled.inner.received) == (True, b"")
    assert dialled.inner.lost is reason


def test_cancelling_an_open_tunnel_changes_nothing() -> None:
    dialled = Dialled().open()
    dialled.deferred.cancel()
    assert not dialled.transport.disconnecting


@given(HANDSHAKES, st.lists(ANSWERS))
def test_whatever_the_proxy_says_every_attempt_ends(handshakes: Callable[[], Handshake], pieces: list[bytes]) -> None:
    dialled = Dialled(handshakes=handshakes).arrive()
    for piece in pieces:
        dialled.wire.dataReceived(piece)
    dialled.wire.connectionLost(Failure(ConnectionDone()))
    assert dialled.results == [dialled.inner] or isinstance(dialled.error, Unreachable)


@pytest.mark.parametrize(
    ("scheme", "first"),
    [("http", b"CONNECT api.example:443 "), ("https", b"CONNECT api.example:443 "), ("socks5", b"\x05\x02\x00\x02")],
)
def test_the_scheme_of_the_proxy_picks_the_handshake(scheme: ProxyScheme, first: bytes) -> None:
    reactor, transport = MemoryReactorClock(), StringTransport()
    proxy = Proxy(scheme, "proxy.example", 3128, USER, PASSWORD)
    outer = TCP4ClientEndpoint(reactor, "127.0.0.1", 3128)
    endpoint = through(proxy, outer, HOST, 443)
    assert verifyObject(IStreamClientEndpoint, endpoint)
    connect(endpoint, Recorder())
    cast(Wire, reactor.tcpClients[0][2].buildProtocol(PROXY_ADDRESS)).makeConnection(transport)
    assert transport.value().startswith(first)


# -- TLS through tunnels, on real sockets -------------------------------------------------------------------------


class Relay(protocol.Protocol):
    """One leg of the proxy: what arrives leaves by the other leg, and they end together."""

    other: Relay | None = None

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        assert self.other is not None
        assert self.other.transport is not None
        self.other.transport.write(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()
        self.gone.callback(None)


class ForwardProxy(Relay):
    """The leg to the client: answers any CONNECT with a way to the one upstream there is."""

    def __init__(self, upstream: TCP4ClientEndpoint) -> None:
        super().__init__()
        self.upstream = upstream
        self.asked = b""

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            super().dataReceived(data)
            return
        self.asked += data
        if self.asked.endswith(b"\r\n\r\n"):
            self.upstream.connect(factory_of(Relay)).addCallback(self.couple)

    def couple(self, upstream: object) -> None:
        assert isinstance(upstream, Relay)
        assert self.transport is not None
        self.other, upstream.other = upstream, self
        self.transport.write(OPENED)


@implementer(IHandshakeListener)
class Client(Recorder):
    """Says its message when connected, waits for all of it to come back, and closes."""

    def __init__(self, message: bytes) -> None:
        super().__init__()
        self.message = message
        self.handshakes = 0
        self.peer: Certificate | None = None
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.message)

    def handshakeCompleted(self) -> None:
        self.handshakes += 1
        self.peer = Certificate.peerFromTransport(self.transport)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if len(self.received) == len(self.message):
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        super().connectionLost(reason)
        self.gone.callback(None)


@attrs.frozen
class Network:
    """A TLS echo server as upstream, and the way to it by a proxy, both on loopback."""

    upstream: Certificate
    way: IStreamClientEndpoint
    legs: list[ForwardProxy]


@asynccontextmanager
async def network(scheme: ProxyScheme, trusted: PrivateCertificate | None = None) -> AsyncIterator[Network]:
    """Listens while it is entered. `trusted` stands in for the proxy's own certificate in the client's eyes."""
    from twisted.internet import reactor

    upstream_certificate, proxy_certificate = (throwaway_certificate(f"{name}.example") for name in ("up", "proxy"))
    upstream = await listen(factory_of(Echo), upstream_certificate)
    legs: list[ForwardProxy] = []

    def leg() -> ForwardProxy:
        legs.append(ForwardProxy(TCP4ClientEndpoint(reactor, "127.0.0.1", port_of(upstream))))
        return legs[-1]

    proxy = await listen(factory_of(leg), proxy_certificate if scheme == "https" else None)
    port = port_of(proxy)
    outer: IStreamClientEndpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    if scheme == "https":
        outer = wrapClientTLS(optionsForClientTLS("proxy.example", trusted or proxy_certificate), outer)
    way = through(Proxy(scheme, "127.0.0.1", port), outer, "up.example", 443)
    try:
        yield Network(upstream_certificate, way, legs)
    finally:
        await gatherResults([maybeDeferred(door.stopListening) for door in (proxy, upstream)])
        await gatherResults([leg.gone for leg in legs]).addTimeout(PATIENCE_SECONDS, reactor)


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@pytest.mark.parametrize("scheme", ["http", "https"])
@on_the_reactor
async def test_tls_to_the_upstream_passes_a_tunnel_through_either_kind_of_proxy(scheme: ProxyScheme) -> None:
    from twisted.internet import reactor

    client = Client(bytes(range(256)) * 4096)
    async with network(scheme) as net:
        endpoint = wrapClientTLS(optionsForClientTLS("up.example", net.upstream), net.way)
        assert await connect(endpoint, client) is client
        await client.gone.addTimeout(PATIENCE_SECONDS, reactor)
    assert client.received == client.message
    assert (client.peer, client.handshakes) == (net.upstream, 1)
    assert [leg.asked.splitlines()[0] for leg in net.legs] == [b"CONNECT up.example:443 HTTP/1.1"]


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@on_the_reactor
async def test_a_proxy_whose_certificate_is_not_trusted_is_unreachable() -> None:
    async with network("https", trusted=throwaway_certificate("proxy.example")) as net:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await connect(net.way, Recorder())
    assert [leg.asked for leg in net.legs] == [b""]
