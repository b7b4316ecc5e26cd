"""Where the daemon listens: endpoints, from the configuration or from strings, and the service that opens them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLContextFactory,
    IReactorCore,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.server import Site
from zope.interface import implementer

from cliproxy.config.schema import Listening, Tls


class CannotListen(Exception):
    """An address that cannot be listened at; the message is one sentence."""


@implementer(IOpenSSLContextFactory)
class TlsContext:
    """The daemon's own certificate chain and key, read once. Raises `CannotListen` if they do not fit."""

    def __init__(self, tls: Tls) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_alpn_select_callback(_speak_http_1)
        try:
            self._context.use_certificate_chain_file(tls.cert)
            _need_no_passphrase(tls.key)
            self._context.use_privatekey_file(tls.key)
            self._context.check_privatekey()
        except (SSL.Error, OSError, ValueError, TypeError, UnsupportedAlgorithm):
            raise CannotListen(
                f"tls.cert ({tls.cert}) or tls.key ({tls.key}) cannot be read as PEM without a passphrase,"
                " or they do not belong together."
            ) from None

    def getContext(self) -> SSL.Context:
        """For every connection the same."""
        return self._context


def _speak_http_1(_: SSL.Connection, offered: list[bytes]) -> bytes:
    if b"http/1.1" in offered:
        return b"http/1.1"
    return cast(bytes, SSL.NO_OVERLAPPING_PROTOCOLS)  # an object of its own, which pyOpenSSL knows by identity


def _need_no_passphrase(path: str) -> None:
    """Raise `TypeError` for a key under a passphrase: OpenSSL would ask for it at the terminal, and wait."""
    with open(path, "rb") as file:
        load_pem_private_key(file.read(), password=None)


def configured_endpoint(reactor: IReactorCore, listening: Listening) -> IStreamServerEndpoint:
    """The one endpoint that `host`, `port` and `tls` name. An empty host means every IPv4 interface."""
    host = listening.host.strip("[]")
    if listening.tls.enable:
        return SSL4ServerEndpoint(reactor, listening.port, TlsContext(listening.tls), interface=host)
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    return kind(reactor, listening.port, interface=host)


def described_endpoint(reactor: IReactorCore, description: str) -> IStreamServerEndpoint:
    """The endpoint that a Twisted endpoint string names. Raises `CannotListen`."""
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except (ValueError, TypeError, LookupError, AttributeError, OSError, crypto.Error, SSL.Error) as error:
        raise CannotListen(f"{description!r} is no endpoint: {error}") from None
    return endpoint


class Listeners(Service):
    """Listens at some endpoints while it runs. State: the ports that are open."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, endpoints: Sequence[IStreamServerEndpoint], site: Site) -> None:
        self.listening: Deferred[list[str]] = Deferred()
        """Fires with the URLs once all are open; fails with `CannotListen`. Another one after each stop."""
        self._endpoints = endpoints
        self._site = site
        self._ports: list[IListeningPort] = []
        self._begun = False

    def privilegedStartService(self) -> None:
        """Open them, unless that has been done: while the process may still bind low ports."""
        if self._begun:
            return
        self._begun = True
        opened = [endpoint.listen(self._site).addCallback(self._opened) for endpoint in self._endpoints]
        gatherResults(opened, consumeErrors=True).addCallbacks(self.listening.callback, self._failed)

    def startService(self) -> None:
        """Open them, unless that has been done."""
        super().startService()
        self.privilegedStartService()

    def stopService(self) -> Deferred[None]:
        """Accept no more connections; those that are open stay."""
        super().stopService()
        self._begun = False
        if self.listening.called:
            self.listening = Deferred()
        ports, self._ports = self._ports, []
        stopped = [stopping for port in ports if isinstance(stopping := port.stopListening(), Deferred)]
        return gatherResults(stopped).addCallback(lambda _: None)

    def _opened(self, port: IListeningPort) -> str:
        self._ports.append(port)
        url = _url(port)
        self._log.info("listening at {url}", url=url)
        return url

    def _failed(self, failure: Failure) -> None:
        reason = failure.value
        if isinstance(reason, FirstError):
            reason = reason.subFailure.value
        if isinstance(reason, CannotListenError):
            why = reason.socketError.strerror if isinstance(reason.socketError, OSError) else reason.socketError
            reason = CannotListen(f"Cannot listen at {_place(reason)}: {why}.")
        elif not isinstance(reason, CannotListen):
            reason = CannotListen(f"Cannot listen: {str(reason).removesuffix('.')}.")
        self.listening.errback(reason)


def _place(error: CannotListenError) -> str:
    if error.interface is None:
        return f"unix:{os.fsdecode(error.port)}"
    return f"{error.interface or '*'} port {error.port}"


def _url(port: IListeningPort) -> str:
    # An endpoint with TLS wraps the factory, whichever way it was described.
    scheme = "https" if isinstance(getattr(port, "factory", None), TLSMemoryBIOFactory) else "http"
    address = port.getHost()
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    assert isinstance(address, (IPv4Address, IPv6Address))
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{address.port}"
