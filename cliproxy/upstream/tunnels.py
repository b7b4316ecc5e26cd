"""Tunnels through forward proxies, for networks where only a proxy may go out.

An endpoint that runs a handshake over a connection to the proxy, and the table that says which scheme of proxy speaks
which.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from cliproxy.config.schema import Proxy, ProxyScheme
from cliproxy.errors import Unreachable
from cliproxy.secret import Secret
from cliproxy.upstream.handshakes import ConnectHandshake, Handshake, Socks5Handshake

_HANDSHAKES: Final[Mapping[ProxyScheme, Callable[[str, int, Secret | None, Secret | None], Handshake]]] = {
    "http": ConnectHandshake,
    "https": ConnectHandshake,
    "socks5": Socks5Handshake,
}


def through(proxy: Proxy, outer: IStreamClientEndpoint, host: str, port: int) -> IStreamClientEndpoint:
    """An endpoint for the upstream at `host` (a bare name or address) and `port`, by way of the proxy.

    `outer` is the way to the proxy itself, with TLS around it if the proxy's scheme is `https`.
    """
    handshakes = partial(_HANDSHAKES[proxy.scheme], host, port, proxy.username, proxy.password)
    return TunnelEndpoint(outer, handshakes)


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to a proxy, runs a handshake, and lets the caller's protocol have the connection."""

    def __init__(self, outer: IStreamClientEndpoint, handshakes: Callable[[], Handshake]) -> None:
        self._outer = outer
        self._handshakes = handshakes

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the protocol once the tunnel is open, or fails with `Unreachable`.

        There is no time limit here; to set one, cancel the Deferred, which aborts the connection in any phase.
        """
        return Deferred.fromCoroutine(self._open(protocolFactory))

    async def _open(self, tunnelled: IProtocolFactory) -> IProtocol:
        # Before anyone is called: a host that cannot be sent needs no connection.
        handshake = self._handshakes()
        try:
            tunnel = await self._outer.connect(_TunnelFactory(handshake, tunnelled))
        except ConnectingCancelledError:
            raise CancelledError from None
        except (ConnectError, OSError, ValueError) as error:  # ValueError: a host name that is none
            raise Unreachable(f"The proxy cannot be reached: {error}") from error
        assert isinstance(tunnel, _Tunnel)
        return await tunnel.opened


@implementer(IProtocolFactory)
class _TunnelFactory:
    """Puts a `_Tunnel` around the one protocol that the caller's factory builds."""

    def __init__(self, handshake: Handshake, tunnelled: IProtocolFactory) -> None:
        self._handshake = handshake
        self._tunnelled = tunnelled

    def doStart(self) -> None:
        self._tunnelled.doStart()

    def doStop(self) -> None:
        self._tunnelled.doStop()

    def buildProtocol(self, addr: IAddress) -> _Tunnel | None:
        # Built now, connected when the tunnel is open. None, as everywhere, if the caller's factory declines.
        inner = self._tunnelled.buildProtocol(addr)
        return None if inner is None else _Tunnel(self._handshake, inner)


class _Phase(enum.Enum):
    """Whose the connection is: the handshake's, the tunnelled protocol's, or nobody's."""

    SHAKING = enum.auto()
    OPEN = enum.auto()
    OVER = enum.auto()


class _Tunnel(Protocol):
    """Runs the handshake on a new connection, then passes what arrives to the tunnelled protocol and does nothing more.

    The tunnelled protocol writes to the real transport, and its producers and its pauses meet no one else there.
    Whether its reading end may close alone is settled when the tunnel is made, because transports ask that early.
    TLS to the proxy is not announced to it (`IHandshakeListener`): that certificate is not its peer's.
    Changes: the phase.
    """

    def __init__(self, handshake: Handshake, inner: IProtocol) -> None:
        self.opened: Deferred[IProtocol] = Deferred(self._abandon)
        self._handshake = handshake
        self._inner = inner
        self._phase = _Phase.SHAKING
        if IHalfCloseableProtocol.providedBy(inner):
            alsoProvides(self, IHalfCloseableProtocol)

    @property
    def _connection(self) -> ITCPTransport:
        """TLS has what is used of it, too."""
        return cast(ITCPTransport, self.transport)

    def connectionMade(self) -> None:
        self._connection.write(self._handshake.begin())

    def dataReceived(self, data: bytes) -> None:
        if self._phase is _Phase.OPEN:
            self._inner.dataReceived(data)
        elif self._phase is _Phase.SHAKING:
            self._shake(data)

    def readConnectionLost(self) -> None:
        if self._phase is _Phase.OPEN:
            cast(IHalfCloseableProtocol, self._inner).readConnectionLost()
        elif self._phase is _Phase.SHAKING:
            self._fail(Unreachable("The proxy ended its answer during the handshake."))

    def writeConnectionLost(self) -> None:
        if self._phase is _Phase.OPEN:
            cast(IHalfCloseableProtocol, self._inner).writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        phase, self._phase = self._phase, _Phase.OVER
        if phase is _Phase.OPEN:
            self._inner.connectionLost(reason)
        elif phase is _Phase.SHAKING:
            why = reason.getErrorMessage()
            self.opened.errback(Unreachable(f"The connection to the proxy was lost during the handshake: {why}"))

    def _shake(self, data: bytes) -> None:
        try:
            answer = self._handshake.feed(data)
        except Unreachable as refusal:
            self._fail(refusal)
            return
        if answer:
            self._connection.write(answer)
        if self._handshake.done:
            self._hand_over(self._handshake.rest)

    def _hand_over(self, rest: bytes) -> None:
        """As with any endpoint: the protocol is connected first, then known to the caller, then given bytes."""
        self._phase = _Phase.OPEN
        outcome: IProtocol | Failure = self._inner
        try:
            self._inner.makeConnection(self._connection)
        except Exception:
            outcome = Failure()
            self._connection.abortConnection()
        if self.opened.called:
            return  # What the protocol did when connected made the caller cancel.
        self.opened.callback(outcome)
        if rest and outcome is self._inner:
            self.dataReceived(rest)

    def _fail(self, refusal: Unreachable) -> None:
        self._phase = _Phase.OVER
        self._connection.abortConnection()
        self.opened.errback(refusal)

    def _abandon(self, opened: Deferred[IProtocol]) -> None:
        if self._phase is _Phase.SHAKING:
            self._phase = _Phase.OVER
        self._connection.abortConnection()
