"""Tunnels through proxies: both handshakes byte by byte, the endpoint on memory transports, TLS on real sockets."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ParamSpec, Protocol, cast

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import protocol
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, wrapClientTLS, wrapServerTLS
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
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
from cliproxy.secret import Secret
from cliproxy.upstream.tunnels import (
    HEAD_LIMIT_BYTES,
    ConnectHandshake,
    Handshake,
    Socks5Handshake,
    TunnelEndpoint,
    through,
)

HOST = "api.example"
USER, PASSWORD = Secret("a-user-with-a-name"), Secret("hunter2-hunter2-hunter2")
OPENED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"
PROXY_ADDRESS = IPv4Address("TCP", "127.0.0.1", 3128)
GREETED, BOUND = b"\x05\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"


def connect_handshake() -> Handshake:
    return ConnectHandshake(HOST, 443, USER, PASSWORD)


def socks_handshake() -> Handshake:
    return Socks5Handshake(HOST, 443, USER, PASSWORD)


@attrs.frozen
class Outcome:
    """How a talk with a proxy ended: what was sent, what was left over, and why it was refused, if it was."""

    done: bool
    sent: bytes = b""
    rest: bytes = b""
    refusal: str | None = None


def talk(handshake: Handshake, pieces: list[bytes]) -> Outcome:
    """Feed the pieces as the endpoint would: until the end of the handshake, the remainder being the rest."""
    sent = handshake.begin()
    for number, piece in enumerate(pieces):
        try:
            sent += handshake.feed(piece)
        except Unreachable as refusal:
            return Outcome(done=handshake.done, refusal=refusal.message)
        if handshake.done:
            return Outcome(done=True, sent=sent, rest=handshake.rest + b"".join(pieces[number + 1 :]))
    return Outcome(done=handshake.done, sent=sent, rest=handshake.rest)


def refusal_of(handshake: Handshake, answer: bytes) -> str:
    refusal = talk(handshake, [answer]).refusal
    assert refusal is not None
    return refusal


# -- CONNECT ------------------------------------------------------------------------------------------------------


def test_connect_asks_for_the_authority_and_says_who_asks() -> None:
    assert ConnectHandshake(HOST, 443).begin() == (
        b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\nUser-Agent: cliproxy\r\n\r\n"
    )


def test_connect_sends_basic_credentials_in_utf_8() -> None:
    request = ConnectHandshake(HOST, 443, Secret("jörg"), Secret("pä:ss")).begin()
    assert b"\r\nProxy-Authorization: Basic " + base64.b64encode("jörg:pä:ss".encode()) + b"\r\n\r\n" in request


def test_connect_sends_a_user_name_without_a_password() -> None:
    assert base64.b64encode(b"token:") in ConnectHandshake(HOST, 443, Secret("token")).begin()


def test_connect_puts_an_ipv6_host_in_brackets() -> None:
    assert ConnectHandshake("::1", 8443).begin().startswith(b"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n")


def test_connect_cannot_carry_a_user_name_with_a_colon() -> None:
    with pytest.raises(Unreachable, match="colon"):
        ConnectHandshake(HOST, 443, Secret("a:b"), PASSWORD)


def test_connect_takes_no_user_agent_that_would_break_the_request() -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        ConnectHandshake(HOST, 443, user_agent="a\r\nX-Evil: b")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OPENED, id="usual"),
        pytest.param(b"HTTP/1.0 200\r\n\r\n", id="no reason"),
        pytest.param(b"HTTP/1.1 204 \r\n\r\n", id="another 2xx"),
        pytest.param(b"HTTP/1.1 200 OK\nVia: x\n\n", id="bare LF"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n\r\n" + OPENED, id="interim answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="a length that means nothing"),
    ],
)
def test_connect_opens_on_a_2xx_and_leaves_what_follows(answer: bytes) -> None:
    outcome = talk(ConnectHandshake(HOST, 443), [answer + b"\x16\x03hello\r\n\r\n"])
    assert (outcome.done, outcome.rest) == (True, b"\x16\x03hello\r\n\r\n")


def test_connect_tells_status_and_reason_of_a_refusal_and_ignores_its_body() -> None:
    refusal = refusal_of(ConnectHandshake(HOST, 443), b"HTTP/1.1 403 Forbidden\r\n\r\n<html>no</html>")
    assert refusal == "The proxy refused a tunnel to api.example:443: it answered 403 Forbidden."


def test_connect_names_a_407_as_a_wish_for_credentials() -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    assert refusal_of(ConnectHandshake(HOST, 443), answer) == (
        "The proxy wants credentials: it answered 407 Proxy Authentication Required."
    )


def test_connect_says_when_the_credentials_given_were_not_taken() -> None:
    assert "did not take those it was given" in refusal_of(connect_handshake(), b"HTTP/1.1 407 No\r\n")


def test_connect_shows_a_long_reason_only_in_part() -> None:
    assert len(refusal_of(connect_handshake(), b"HTTP/1.1 500 " + b"x" * 5000 + b"\r\n")) < 250


@pytest.mark.parametrize(
    "line",
    [b"", b"SSH-2.0-x", b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1  200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200 a\rb"],
)
def test_connect_refuses_a_status_line_that_is_not_http(line: bytes) -> None:
    assert "not HTTP/1" in refusal_of(connect_handshake(), line + b"\r\n")


def test_connect_takes_a_head_of_just_the_limit() -> None:
    start, end = b"HTTP/1.1 200 OK\r\nA: ", b"\r\n\r\n"
    answer = start + b"x" * (HEAD_LIMIT_BYTES - len(start) - len(end)) + end
    assert talk(connect_handshake(), [answer + b"rest"]).rest == b"rest"
    assert "16384 bytes" in refusal_of(connect_handshake(), answer.replace(b"A: ", b"A: x"))


def test_connect_counts_interim_answers_toward_the_limit() -> None:
    assert "16384 bytes" in refusal_of(connect_handshake(), b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


# -- SOCKS5 -------------------------------------------------------------------------------------------------------


def test_socks_without_credentials_offers_no_way_to_sign_in() -> None:
    assert Socks5Handshake(HOST, 443).begin() == b"\x05\x01\x00"


def test_socks_with_credentials_offers_both_ways() -> None:
    assert socks_handshake().begin() == b"\x05\x02\x00\x02"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (HOST, b"\x03\x0bapi.example"),
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
    ],
)
def test_socks_asks_by_name_or_by_address(host: str, address: bytes) -> None:
    handshake = Socks5Handshake(host, 443)
    assert handshake.feed(GREETED) == b"\x05\x01\x00" + address + b"\x01\xbb"


def test_socks_signs_in_when_the_proxy_chooses_so() -> None:
    handshake = Socks5Handshake(HOST, 443, Secret("jörg"), Secret("pw"))
    assert handshake.feed(b"\x05\x02") == b"\x01\x05j\xc3\xb6rg\x02pw"
    assert handshake.feed(b"\x01\x00").startswith(b"\x05\x01\x00\x03")


def test_socks_asks_at_once_when_the_proxy_needs_no_sign_in() -> None:
    assert socks_handshake().feed(GREETED).startswith(b"\x05\x01\x00\x03")


@pytest.mark.parametrize(
    "bound",
    [BOUND, b"\x05\x00\x00\x03\x05abcde\x00\x50", b"\x05\x00\x00\x03\x00\x00\x00", b"\x05\x00\x00\x04" + bytes(18)],
    ids=["IPv4", "name", "empty name", "IPv6"],
)
def test_socks_opens_after_any_bound_address_and_leaves_what_follows(bound: bytes) -> None:
    outcome = talk(Socks5Handshake(HOST, 443), [GREETED, bound + b"\x16\x03hello"])
    assert (outcome.done, outcome.rest) == (True, b"\x16\x03hello")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "general failure"),
        (2, "not allowed by its rules"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "time to live expired"),
        (7, "command not supported"),
        (8, "address type not supported"),
        (9, "a code that SOCKS5 does not define"),
        (255, "a code that SOCKS5 does not define"),
    ],
)
def test_socks_tells_every_failure_in_words(code: int, words: str) -> None:
    refusal = refusal_of(Socks5Handshake(HOST, 443), GREETED + bytes([5, code]))
    assert refusal == f"The SOCKS proxy did not connect to api.example port 443: {words} ({code})."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request", "does not speak SOCKS5: it answered with version 72"),
        (b"\x04\x00", "does not speak SOCKS5: it answered with version 4"),
        (b"\x05\xff", "does not take a user name and password"),
        (b"\x05\x01", "a way to sign in that was not offered: 1"),
        (b"\x05\x02\x01\x01", "refused the credentials"),
        (b"\x05\x02\x05\x00", "answered the sign-in with version 5"),
        (GREETED + b"\x04\x00", "replied with version 4"),
        (GREETED + b"\x05\x00\x01\x01", "reserved byte"),
        (GREETED + b"\x05\x00\x00\x02", "unknown type 2"),
    ],
)
def test_socks_refuses_what_the_protocol_does_not_allow(answer: bytes, words: str) -> None:
    assert words in refusal_of(socks_handshake(), answer)


@pytest.mark.parametrize(
    ("answer", "words"), [(b"\x05\xff", "wants credentials"), (b"\x05\x02", "that was not offered: 2")]
)
def test_socks_without_credentials_cannot_sign_in(answer: bytes, words: str) -> None:
    assert words in refusal_of(Socks5Handshake(HOST, 443), answer)


def test_socks_carries_credentials_of_255_bytes_and_no_more() -> None:
    assert len(Socks5Handshake(HOST, 443, Secret("u" * 255), Secret("p" * 255)).feed(b"\x05\x02")) == 3 + 2 * 255
    with pytest.raises(Unreachable, match="up to 255 bytes"):
        Socks5Handshake(HOST, 443, Secret("u"), Secret("ü" * 128))


# -- both ---------------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("handshake_type", [ConnectHandshake, Socks5Handshake])


@BOTH
@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("", 443, "empty"),
        ("x" * 256, 443, "longer than 255 bytes"),
        ("a\r\nX-Evil: b", 443, "not a host name"),
        ("bücher.example", 443, "not a host name"),
        ("[::1]", 443, "not a host name"),
        ("fe80::1%eth0", 443, "network interface"),
        (HOST, 0, "between 1 and 65535"),
        (HOST, 65536, "between 1 and 65535"),
    ],
)
def test_a_target_that_cannot_be_sent_is_refused_at_once(
    handshake_type: type[ConnectHandshake | Socks5Handshake], host: str, port: int, words: str
) -> None:
    with pytest.raises(Unreachable, match=words):
        handshake_type(host, port)


@BOTH
def test_credentials_that_are_not_unicode_raise_nothing(
    handshake_type: type[ConnectHandshake | Socks5Handshake],
) -> None:
    handshake = handshake_type(HOST, 443, Secret("\ud800"), Secret("\udcff"))
    assert handshake.begin() + handshake.feed(b"")


@BOTH
def test_a_handshake_does_not_print_its_credentials(handshake_type: type[ConnectHandshake | Socks5Handshake]) -> None:
    shown = repr(handshake_type(HOST, 443, USER, PASSWORD))
    assert USER.reveal() not in shown
    assert PASSWORD.reveal() not in shown


HANDSHAKES = st.sampled_from([connect_handshake, socks_handshake])
ANSWERS = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(
        [
            OPENED,
            OPENED.replace(b"\r", b""),
            b"HTTP/1.1 100 Continue\r\n\r\n" + OPENED,
            b"HTTP/1.1 407 No\r\n\r\nbody",
            b"HTTP/1.1 200 OK\r\nA: " + b"x" * HEAD_LIMIT_BYTES,
            GREETED + BOUND,
            b"\x05\x02\x01\x00" + BOUND,
            b"\x05\x02\x01\x01",
            GREETED + b"\x05\x05",
            GREETED + b"\x05\x00\x00\x03\x03abc\x00\x50",
        ]
    ).flatmap(lambda answer: st.binary(max_size=8).map(answer.__add__)),
)


@given(HANDSHAKES, ANSWERS, st.lists(st.integers(0, 100)))
def test_however_an_answer_is_split_it_means_the_same(
    handshakes: Callable[[], Handshake], answer: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[start:end] for start, end in pairwise(edges)]
    whole = talk(handshakes(), [answer])
    assert talk(handshakes(), pieces) == whole
    assert talk(handshakes(), [bytes([byte]) for byte in answer]) == whole


@given(HANDSHAKES, st.lists(ANSWERS))
def test_no_answer_raises_anything_but_a_refusal_and_none_follows_it(
    handshakes: Callable[[], Handshake], pieces: list[bytes]
) -> None:
    handshake = handshakes()
    outcome = talk(handshake, pieces)
    if outcome.refusal is not None:
        assert PASSWORD.reveal() not in outcome.refusal
        assert (handshake.feed(OPENED + GREETED + BOUND), handshake.done, handshake.rest) == (b"", False, b"")


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


def factory_of(build: Callable[[], protocol.Protocol]) -> IProtocolFactory:
    return cast(IProtocolFactory, Factory.forProtocol(build))


def connect(endpoint: IStreamClientEndpoint, inner: protocol.Protocol) -> Deferred[IProtocol]:
    return cast(TunnelEndpoint, endpoint).connect(factory_of(lambda: inner))


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
        outer = cast(IStreamClientEndpoint, TCP4ClientEndpoint(self.reactor, "127.0.0.1", 3128))
        self.factory = factory or Factory.forProtocol(lambda: self.inner)
        self.deferred = TunnelEndpoint(outer, handshakes).connect(cast(IProtocolFactory, self.factory))
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
    outer = cast(IStreamClientEndpoint, TCP4ClientEndpoint(reactor, "127.0.0.1", 3128))
    endpoint = through(proxy, outer, HOST, 443)
    assert verifyObject(IStreamClientEndpoint, endpoint)
    connect(endpoint, Recorder())
    cast(Wire, reactor.tcpClients[0][2].buildProtocol(PROXY_ADDRESS)).makeConnection(transport)
    assert transport.value().startswith(first)


# -- TLS through tunnels, on real sockets -------------------------------------------------------------------------


PATIENCE_SECONDS = 10.0
"""A handshake takes milliseconds; a test that hangs should say so."""
OLD_CERTIFICATE_OBJECTS = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
"""Twisted 26.10 hands a server's certificate to pyOpenSSL in a form that pyOpenSSL has since deprecated."""

P = ParamSpec("P")
on_the_reactor: Callable[[Callable[P, Coroutine[object, object, None]]], Callable[P, Deferred[None]]] = (
    pytest_twisted.ensureDeferred
)


def throwaway_certificate(name: str) -> PrivateCertificate:
    """Self-signed for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return cast(PrivateCertificate, PrivateCertificate.loadPEM(pem))


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


class Door(Protocol):
    """A listening port."""

    def getHost(self) -> IPv4Address: ...
    def stopListening(self) -> Deferred[None] | None: ...


async def listen(factory: IProtocolFactory, certificate: PrivateCertificate | None) -> Door:
    from twisted.internet import reactor

    endpoint = cast(IStreamServerEndpoint, TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
    if certificate is not None:
        endpoint = wrapServerTLS(certificate.options(), endpoint)
    return cast(Door, await cast(TCP4ServerEndpoint, endpoint).listen(factory))


@asynccontextmanager
async def network(scheme: ProxyScheme, trusted: PrivateCertificate | None = None) -> AsyncIterator[Network]:
    """Listens while it is entered. `trusted` stands in for the proxy's own certificate in the client's eyes."""
    from twisted.internet import reactor

    upstream_certificate, proxy_certificate = (throwaway_certificate(f"{name}.example") for name in ("up", "proxy"))
    upstream = await listen(factory_of(Echo), upstream_certificate)
    legs: list[ForwardProxy] = []

    def leg() -> ForwardProxy:
        legs.append(ForwardProxy(TCP4ClientEndpoint(reactor, "127.0.0.1", upstream.getHost().port)))
        return legs[-1]

    proxy = await listen(factory_of(leg), proxy_certificate if scheme == "https" else None)
    port = proxy.getHost().port
    outer = cast(IStreamClientEndpoint, TCP4ClientEndpoint(reactor, "127.0.0.1", port))
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
