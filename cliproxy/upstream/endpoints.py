"""The way to an origin: names, forward proxies, TLS. A connector for each proxy setting."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from cliproxy.config.schema import Proxy
from cliproxy.upstream.agent import Connect
from cliproxy.upstream.tunnels import through


class TlsOptions(Protocol):
    """Makes the TLS side for a host name: which roots are trusted, and that the certificate's name is proved."""

    def __call__(self, host: str) -> IOpenSSLClientConnectionCreator:
        """The creator for connections to `host`."""


def platform_tls(host: str) -> IOpenSSLClientConnectionCreator:
    """Trust the platform's roots, prove the name (service-identity), speak HTTP/1.1."""
    return optionsForClientTLS(host, acceptableProtocols=[b"http/1.1"])


def connector(reactor: IReactorTime, proxy: Proxy | None, tls: TlsOptions = platform_tls) -> Connect:
    """Makes endpoints that go through `proxy`. Loading the roots takes milliseconds, so it is done once for a host."""
    creators: dict[str, IOpenSSLClientConnectionCreator] = {}

    def secured(endpoint: IStreamClientEndpoint, host: str) -> IStreamClientEndpoint:
        if host not in creators:
            creators[host] = tls(host)
        return wrapClientTLS(creators[host], endpoint)

    def connect(secure: bool, host: str, port: int) -> IStreamClientEndpoint:
        if proxy is None:
            way: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port)
        else:
            way = HostnameEndpoint(reactor, proxy.host, proxy.port)
            if proxy.scheme == "https":
                way = secured(way, proxy.host)
            way = through(proxy, way, host, port)
        return secured(way, host) if secure else way

    return connect
