"""The way to an origin: who is looked up and dialled, with whom TLS is spoken, and which certificates are taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hyperlink import EncodedURL
from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock
from zope.interface.verify import verifyObject

from cliproxy.config.schema import Proxy, ProxyScheme
from cliproxy.errors import Unreachable
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import TlsOptions, connector, platform_tls
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.transport import Outgoing, Transport
from tests.support.upstream import (
    OK,
    OLD_CERTIFICATE_OBJECTS,
    PATIENCE_SECONDS,
    Names,
    Receiver,
    factory_of,
    listen,
    on_the_reactor,
    port_of,
    throwaway_certificate,
)


class Options:
    """Remembers for which hosts TLS was prepared."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def __call__(self, host: str) -> IOpenSSLClientConnectionCreator:
        self.hosts.append(host)
        return platform_tls(host)


def proxy(scheme: ProxyScheme) -> Proxy:
    return Proxy(scheme, "proxy.example", 3128)


def dialled(way: Proxy | None, *, secure: bool) -> tuple[list[str], list[int], list[str]]:
    """What is done to reach `api.example:443`: names looked up, ports dialled, hosts that TLS is prepared for."""
    reactor, names, options = MemoryReactorClock(), Names(), Options()
    reactor.nameResolver = names
    connecting = connector(reactor, way, options)(secure, "api.example", 443).connect(Factory.forProtocol(Protocol))
    connecting.addErrback(lambda _: None)
    ports = [port for _, port, *_ in reactor.tcpClients]
    connecting.cancel()
    return names.asked, ports, options.hosts


# -- in memory ----------------------------------------------------------------------------------------------------


def test_without_a_proxy_the_upstream_is_looked_up_and_dialled() -> None:
    assert dialled(None, secure=False) == (["api.example"], [443], [])


def test_tls_is_spoken_with_the_upstream() -> None:
    assert dialled(None, secure=True) == (["api.example"], [443], ["api.example"])


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_is_dialled_instead_and_the_upstreams_name_is_its_to_look_up(scheme: ProxyScheme) -> None:
    assert dialled(proxy(scheme), secure=False) == (["proxy.example"], [3128], [])


def test_tls_through_a_proxy_is_spoken_with_the_upstream() -> None:
    assert dialled(proxy("socks5"), secure=True) == (["proxy.example"], [3128], ["api.example"])


def test_with_a_proxy_of_https_tls_is_spoken_with_both() -> None:
    assert dialled(proxy("https"), secure=True) == (["proxy.example"], [3128], ["proxy.example", "api.example"])


def test_tls_is_prepared_once_for_each_host() -> None:
    options = Options()
    connect = connector(MemoryReactorClock(), None, options)
    for host in ("a.example", "a.example", "b.example"):
        connect(True, host, 443)
    assert options.hosts == ["a.example", "b.example"]


@pytest.mark.parametrize("host", ["api.example", "127.0.0.1", "::1"])
def test_tls_can_be_prepared_for_names_and_addresses(host: str) -> None:
    assert verifyObject(IOpenSSLClientConnectionCreator, platform_tls(host))


# -- on real sockets ----------------------------------------------------------------------------------------------


class Answering(Protocol):
    """Answers the first bytes with an answer."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(OK)


class Rubbish(Protocol):
    """Speaks no TLS."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def trusting(certificate: PrivateCertificate) -> TlsOptions:
    """As the platform's options, with that certificate as the only root."""

    def options(host: str) -> IOpenSSLClientConnectionCreator:
        return optionsForClientTLS(host, trustRoot=certificate, acceptableProtocols=[b"http/1.1"])

    return options


@asynccontextmanager
async def upstream(certificate: PrivateCertificate | None, build: type[Protocol] = Answering) -> AsyncIterator[str]:
    """An upstream at `localhost`; gives its URL."""
    door = await listen(factory_of(build), certificate)
    try:
        yield f"https://localhost:{port_of(door)}/"
    finally:
        await gatherResults([maybeDeferred(door.stopListening)])


async def ask(url: str, tls: TlsOptions) -> bytes:
    """The body of the upstream's answer."""
    from twisted.internet import reactor

    transport = Transport(
        reactor, lambda _: PooledAgent(reactor, connector(reactor, None, tls), PATIENCE_SECONDS), PATIENCE_SECONDS
    )
    try:
        answer = await transport.send(Outgoing("POST", EncodedURL.from_text(url), HeaderLines(), b"{}"))
        answer.deliver(receiver := Receiver())
        return b"".join(receiver.pieces)
    finally:
        transport.retire()


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@on_the_reactor
async def test_a_certificate_of_a_trusted_authority_is_taken() -> None:
    certificate = throwaway_certificate("localhost")
    async with upstream(certificate) as url:
        assert await ask(url, trusting(certificate)) == b"{}"


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@on_the_reactor
async def test_a_trusted_certificate_for_another_name_is_refused() -> None:
    certificate = throwaway_certificate("other.example")
    async with upstream(certificate) as url:
        with pytest.raises(Unreachable, match=r"^The certificate of the upstream localhost is for another name\.$"):
            await ask(url, trusting(certificate))


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@on_the_reactor
async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    async with upstream(throwaway_certificate("localhost")) as url:
        with pytest.raises(Unreachable, match=r"^TLS with the upstream localhost failed: its certificate"):
            await ask(url, platform_tls)


@pytest.mark.real
@OLD_CERTIFICATE_OBJECTS
@on_the_reactor
async def test_a_certificate_that_has_expired_is_refused() -> None:
    certificate = throwaway_certificate("localhost", hours=0)
    async with upstream(certificate) as url:
        with pytest.raises(Unreachable, match=r"^TLS with the upstream localhost failed: its certificate"):
            await ask(url, trusting(certificate))


@pytest.mark.real
@on_the_reactor
async def test_an_upstream_that_speaks_no_tls_is_refused() -> None:
    async with upstream(None, Rubbish) as url:
        with pytest.raises(Unreachable, match=r"^TLS with the upstream localhost failed"):
            await ask(url, platform_tls)
