from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, Protocol, cast

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.application.service import MultiService
from twisted.internet import endpoints
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLContextFactory,
    IProtocolFactory,
    IReactorCore,
    IStreamServerEndpoint,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cliproxy.config.schema import Listening, Tls
from cliproxy.listening import CannotListen, Listeners, TlsContext, configured_endpoint, described_endpoint

P = ParamSpec("P")


class Ensure(Protocol):
    def __call__(self, test: Callable[P, Coroutine[Deferred[object], object, None]]) -> Callable[P, None]: ...


on_the_reactor = cast(Ensure, pytest_twisted.ensureDeferred)


@attrs.frozen
class Pems:
    """Files: a certificate, its key, the same key under a passphrase, and a key of another certificate."""

    cert: str
    key: str
    locked_key: str
    other_key: str


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Pems:
    place = tmp_path_factory.mktemp("tls")
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )

    def pem(key: ec.EllipticCurvePrivateKey, lock: serialization.KeySerializationEncryption) -> bytes:
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)

    def written(file: str, content: bytes) -> str:
        (place / file).write_bytes(content)
        return str(place / file)

    return Pems(
        cert=written("cert.pem", cert),
        key=written("key.pem", pem(key, serialization.NoEncryption())),
        locked_key=written("locked.pem", pem(key, serialization.BestAvailableEncryption(b"passphrase"))),
        other_key=written("other.pem", pem(other, serialization.NoEncryption())),
    )


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def site(reactor: MemoryReactorClock) -> Site:
    return Site(Resource(), reactor=reactor)


@implementer(IStreamServerEndpoint)
class Failing:
    """An endpoint that cannot listen."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        failed: Deferred[IListeningPort] = Deferred()
        failed.errback(self._error)
        return failed


def outcome(listeners: Listeners) -> list[str] | str:
    """The URLs, or why there are none."""
    found: list[list[str] | str] = []

    def refused(failure: object) -> None:
        found.append(str(getattr(failure, "value", failure)))

    listeners.listening.addCallbacks(found.append, refused)
    (only,) = found
    return only


# -- the configured endpoint


@pytest.mark.parametrize(
    ("host", "interface"), [("127.0.0.1", "127.0.0.1"), ("", ""), ("[::1]", "::1"), ("::1", "::1"), ("::", "::")]
)
def test_host_and_port_of_the_configuration_are_listened_at(
    reactor: MemoryReactorClock, site: Site, host: str, interface: str
) -> None:
    configured_endpoint(reactor, Listening(host, 8317)).listen(site)
    ((port, factory, _, bound),) = reactor.tcpServers
    assert (port, factory, bound) == (8317, site, interface)


def test_with_tls_the_same_place_is_listened_at(reactor: MemoryReactorClock, site: Site, pems: Pems) -> None:
    configured_endpoint(reactor, Listening("[::1]", 8317, Tls(True, pems.cert, pems.key))).listen(site)
    ((port, factory, context, _, bound),) = reactor.sslServers
    assert (port, factory, bound) == (8317, site, "::1")
    assert verifyObject(IOpenSSLContextFactory, context)


def test_tls_that_is_not_enabled_is_not_looked_at(reactor: MemoryReactorClock, site: Site) -> None:
    configured_endpoint(reactor, Listening(tls=Tls(False, "nowhere", "nowhere"))).listen(site)
    assert len(reactor.tcpServers) == 1


# -- TLS


def test_a_context_is_made_once(pems: Pems) -> None:
    context = TlsContext(Tls(True, pems.cert, pems.key))
    assert context.getContext() is context.getContext()


@pytest.mark.parametrize("wrong", ["missing", "not PEM", "other key", "directory", "locked key"])
def test_files_that_do_not_fit_are_refused_in_one_sentence(pems: Pems, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no PEM")
    cert, key = {
        "missing": (pems.cert, str(tmp_path / "nowhere")),
        "not PEM": (str(tmp_path / "text"), pems.key),
        "other key": (pems.cert, pems.other_key),
        "directory": (str(tmp_path), pems.key),
        "locked key": (pems.cert, pems.locked_key),
    }[wrong]
    with pytest.raises(CannotListen) as raised:
        TlsContext(Tls(True, cert, key))
    assert cert in str(raised.value)
    assert key in str(raised.value)
    assert "\n" not in str(raised.value)


def shaken_hands(server: SSL.Context, client: SSL.Context) -> SSL.Connection:
    """The client's side after a handshake in memory. Raises `SSL.Error` if there is none."""
    ours, theirs = SSL.Connection(server), SSL.Connection(client)
    ours.set_accept_state()
    theirs.set_connect_state()
    for _ in range(10):
        for one, other in ((theirs, ours), (ours, theirs)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(2**16))
            except SSL.WantReadError:
                pass
    return theirs


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [([b"h2", b"http/1.1"], b"http/1.1"), ([b"http/1.1"], b"http/1.1"), ([b"h2"], b""), ([], b"")],
)
def test_of_the_protocols_on_offer_http_1_is_chosen(pems: Pems, offered: list[bytes], chosen: bytes) -> None:
    client = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if offered:
        client.set_alpn_protos(offered)
    hands = shaken_hands(TlsContext(Tls(True, pems.cert, pems.key)).getContext(), client)
    assert hands.get_alpn_proto_negotiated() == chosen
    assert hands.get_protocol_version_name() == "TLSv1.3"


def test_versions_before_1_2_are_refused(pems: Pems) -> None:
    client = SSL.Context(SSL.TLS_CLIENT_METHOD)
    client.set_cipher_list(b"ALL:@SECLEVEL=0")
    client.set_max_proto_version(SSL.TLS1_1_VERSION)
    with pytest.raises(SSL.Error):
        shaken_hands(TlsContext(Tls(True, pems.cert, pems.key)).getContext(), client)


# -- described endpoints


def test_a_description_is_an_endpoint(reactor: MemoryReactorClock, site: Site) -> None:
    described_endpoint(reactor, "tcp:8317:interface=127.0.0.1").listen(site)
    assert reactor.tcpServers[0][0] == 8317


@pytest.mark.parametrize(
    "description",
    [
        "",
        ":",
        "8317",
        "tcp",
        "tcp:",
        "tcp:http-alt",
        "tcp:80:backlog=x",
        "tcp:80:no=such",
        "nonsense:1",
        "unix:/x:mode=rw",
        "haproxy:",
        "ssl:443:privateKey=/nowhere/key.pem",
        "ssl:443:privateKey=/dev/null",
        "systemd:domain=INET:index=0",
        "systemd:domain=INET:name=web",
        "systemd:domain=MOON:index=0",
    ],
)
def test_a_description_of_nothing_is_refused_and_repeated(reactor: MemoryReactorClock, description: str) -> None:
    with pytest.raises(CannotListen) as raised:
        described_endpoint(reactor, description)
    assert str(raised.value).startswith(f"{description!r} is no endpoint: ")


# -- the service


def tcp(reactor: MemoryReactorClock, *ports: int) -> list[IStreamServerEndpoint]:
    return [endpoints.TCP4ServerEndpoint(cast(IReactorCore, reactor), port) for port in ports]


def test_all_endpoints_are_opened_and_told(reactor: MemoryReactorClock, site: Site) -> None:
    listeners = Listeners(tcp(reactor, 8317, 8318), site)
    listeners.startService()
    assert outcome(listeners) == ["http://0.0.0.0:8317", "http://0.0.0.0:8318"]


def test_to_be_started_twice_opens_once(reactor: MemoryReactorClock, site: Site) -> None:
    listeners = Listeners(tcp(reactor, 8317), site)
    listeners.privilegedStartService()
    listeners.privilegedStartService()
    assert len(reactor.tcpServers) == 1


def test_without_endpoints_nothing_is_opened(site: Site) -> None:
    listeners = Listeners([], site)
    listeners.startService()
    assert outcome(listeners) == []


def test_privileged_start_and_start_open_once(reactor: MemoryReactorClock, site: Site) -> None:
    listeners = Listeners(tcp(reactor, 8317), site)
    listeners.privilegedStartService()
    listeners.startService()
    assert len(reactor.tcpServers) == 1


def test_in_a_service_that_runs_already_it_opens_at_once(reactor: MemoryReactorClock, site: Site) -> None:
    parent = MultiService()
    parent.startService()
    Listeners(tcp(reactor, 8317), site).setServiceParent(parent)
    assert len(reactor.tcpServers) == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OverflowError("bind(): port must be 0-65535."), "Cannot listen: bind(): port must be 0-65535."),
        (CannotListen("That is no place."), "That is no place."),
        (CannotListenError("", 80, OSError(13, "Permission denied")), "Cannot listen at * port 80: Permission denied."),
        (CannotListenError(None, b"/s", OSError(98, "In use")), "Cannot listen at unix:/s: In use."),
        (CannotListenError(None, "/s", "Cannot acquire lock"), "Cannot listen at unix:/s: Cannot acquire lock."),
    ],
)
def test_why_nothing_listens_is_one_sentence(site: Site, error: Exception, why: str) -> None:
    listeners = Listeners([Failing(error)], site)
    listeners.startService()
    assert outcome(listeners) == why


def test_two_that_fail_are_told_once(site: Site) -> None:
    listeners = Listeners([Failing(CannotListen("One.")), Failing(CannotListen("Two."))], site)
    listeners.startService()
    assert outcome(listeners) == "One."


@pytest.mark.real
@on_the_reactor
async def test_listening_ends_with_the_service_and_begins_again_with_it() -> None:
    from twisted.internet import reactor

    listeners = Listeners(
        [described_endpoint(cast(IReactorCore, reactor), "tcp:0:interface=127.0.0.1")], Site(Resource())
    )
    for _ in range(2):
        listeners.startService()
        (url,) = await listeners.listening
        host, _, port = url.removeprefix("http://").partition(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        await listeners.stopService()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.real
@on_the_reactor
async def test_a_port_that_is_taken_is_named() -> None:
    from twisted.internet import reactor

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        endpoint = described_endpoint(cast(IReactorCore, reactor), f"tcp:{port}:interface=127.0.0.1")
        listeners = Listeners([endpoint], Site(Resource()))
        listeners.startService()
        with pytest.raises(CannotListen) as raised:
            await listeners.listening
        await listeners.stopService()
    assert str(raised.value) == f"Cannot listen at 127.0.0.1 port {port}: Address already in use."


@pytest.mark.real
@on_the_reactor
async def test_of_two_the_one_that_opened_is_closed_at_the_end() -> None:
    from twisted.internet import reactor

    good = described_endpoint(cast(IReactorCore, reactor), "tcp:0:interface=127.0.0.1")
    listeners = Listeners([good, Failing(CannotListen("That is no place."))], Site(Resource()))
    listeners.startService()
    with pytest.raises(CannotListen):
        await listeners.listening
    await listeners.stopService()


@pytest.mark.real
@on_the_reactor
async def test_a_socket_file_is_listened_at_and_named(tmp_path: Path) -> None:
    from twisted.internet import reactor

    path = tmp_path / "s"
    listeners = Listeners([described_endpoint(cast(IReactorCore, reactor), f"unix:{path}")], Site(Resource()))
    listeners.startService()
    assert await listeners.listening == [f"unix:{path}"]
    await listeners.stopService()
    assert not path.exists()


@pytest.mark.real
@on_the_reactor
async def test_tls_on_ipv6_is_https_in_brackets(pems: Pems) -> None:
    from twisted.internet import reactor

    listening = Listening("::1", 0, Tls(True, pems.cert, pems.key))
    listeners = Listeners([configured_endpoint(cast(IReactorCore, reactor), listening)], Site(Resource()))
    listeners.startService()
    (url,) = await listeners.listening
    assert url.startswith("https://[::1]:")
    await listeners.stopService()
