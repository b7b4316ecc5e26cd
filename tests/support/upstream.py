"""For the tests of the way out: connections in memory with both their ends, talks with proxies, certificates."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, cast

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IResolutionReceiver,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from cliproxy.errors import Unreachable
from cliproxy.secret import Secret
from cliproxy.upstream.handshakes import HEAD_LIMIT_BYTES, ConnectHandshake, Handshake, Socks5Handshake
from cliproxy.upstream.http1 import Http1Connection

P = ParamSpec("P")
on_the_reactor: Callable[[Callable[P, Coroutine[object, object, None]]], Callable[P, Deferred[None]]] = (
    pytest_twisted.ensureDeferred
)
PATIENCE_SECONDS = 10.0
"""A handshake takes milliseconds; a test that hangs should say so."""

# -- connections in memory ----------------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
"""A short answer, after which the connection may carry another request."""
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of a long one."""
LAST_CHUNK = b"0\r\n\r\n"


def chunk(content: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def error_in(outcomes: list[object]) -> BaseException:
    """The error that is all a Deferred came to."""
    (failure,) = outcomes
    assert isinstance(failure, Failure)
    assert failure.value is not None
    return failure.value


class Receiver(Protocol):
    """Takes a body, and remembers how it came. `when_read` is called with each piece."""

    def __init__(self, when_read: Callable[[Receiver], None] = lambda _: None) -> None:
        self.pieces: list[bytes] = []
        self.endings: list[Failure] = []
        self._when_read = when_read

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)
        self._when_read(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.endings.append(reason)

    @property
    def ending(self) -> BaseException:
        """Why the body is over."""
        (failure,) = self.endings
        assert failure.value is not None
        return failure.value


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, connection: Http1Connection) -> None:
        self.connection = connection
        self.transport = StringTransport()
        connection.makeConnection(self.transport)

    @property
    def heard(self) -> bytes:
        """What was sent to it since the last time."""
        heard: bytes = self.transport.value()
        self.transport.clear()
        return heard

    def say(self, *pieces: bytes) -> Peer:
        """Send bytes, each piece as one read. There are no empty ones."""
        for piece in filter(None, pieces):
            self.connection.dataReceived(piece)
        return self

    def close(self, reason: BaseException | None = None) -> None:
        """End the connection."""
        self.connection.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def cut(self) -> bool:
        """Whether the proxy has cut the connection."""
        return bool(self.transport.disconnected)

    @property
    def read_from(self) -> bool:
        """Whether the proxy reads what is sent."""
        return bool(self.transport.producerState == "producing")


@implementer(IStreamClientEndpoint)
class Dial:
    """One attempt to connect, which the test brings to its end."""

    def __init__(self, secure: bool, host: str, port: int) -> None:
        self.where = (secure, host, port)
        self.cancelled = False
        self._connected: Deferred[IProtocol] = Deferred(self._cancel)
        self._factory: IProtocolFactory | None = None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self._factory = protocolFactory
        return self._connected

    def accept(self) -> Peer:
        """The connection is there."""
        assert self._factory is not None
        connection = self._factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 443))
        assert isinstance(connection, Http1Connection)
        peer = Peer(connection)
        self._connected.callback(connection)
        return peer

    def fail(self, error: Exception) -> None:
        """There is none to be had."""
        self._connected.errback(Failure(error))

    def _cancel(self, _: Deferred[IProtocol]) -> None:
        self.cancelled = True


class Dialler:
    """A way out, of which every attempt to connect is in the test's hands."""

    def __init__(self) -> None:
        self.dials: list[Dial] = []

    def __call__(self, secure: bool, host: str, port: int) -> Dial:
        self.dials.append(Dial(secure, host, port))
        return self.dials[-1]

    @property
    def last(self) -> Dial:
        return self.dials[-1]


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """It is a thread's, and goes on."""


@implementer(IHostnameResolver)
class Names:
    """Knows the address of every name; with `silent` it never says."""

    def __init__(self, silent: bool = False) -> None:
        self.asked: list[str] = []
        self._silent = silent

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        if not self._silent:
            resolutionReceiver.addressResolved(IPv4Address("TCP", "192.0.2.1", portNumber))
            resolutionReceiver.resolutionComplete()
        return resolution


# -- handshakes with proxies --------------------------------------------------------------------------------------

HOST = "api.example"
USER, PASSWORD = Secret("a-user-with-a-name"), Secret("hunter2-hunter2-hunter2")
OPENED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"
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


# -- real sockets -------------------------------------------------------------------------------------------------


def factory_of(build: Callable[[], Protocol]) -> IProtocolFactory:
    """Builds each protocol by `build`."""
    return Factory.forProtocol(build)


async def listen(factory: IProtocolFactory, certificate: PrivateCertificate | None = None) -> IListeningPort:
    """Listen on a free port of loopback; with a certificate, behind TLS."""
    from twisted.internet import reactor

    endpoint: IStreamServerEndpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    if certificate is not None:
        options = CertificateOptions(
            privateKey=certificate.privateKey.original,
            certificate=certificate.original,
            acceptableProtocols=[b"http/1.1"],
        )
        endpoint = wrapServerTLS(options, endpoint)
    return await endpoint.listen(factory)


def port_of(door: IListeningPort) -> int:
    """Its number."""
    address = door.getHost()
    assert isinstance(address, IPv4Address)
    return address.port


# -- certificates -------------------------------------------------------------------------------------------------

OLD_CERTIFICATE_OBJECTS = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
"""Twisted 26.10 hands a server's certificate to pyOpenSSL in a form that pyOpenSSL has since deprecated."""


def throwaway_certificate(name: str, hours: float = 1) -> PrivateCertificate:
    """Self-signed, from an hour ago for some hours; with none of them it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=hours, seconds=-1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return cast(PrivateCertificate, PrivateCertificate.loadPEM(pem))
