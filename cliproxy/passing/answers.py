"""An answer on its way back to the client: its head and body, or, after a 101, the connection itself."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.web.server import Request

from cliproxy.errors import Broken, ProxyError
from cliproxy.modules import Context, Reply
from cliproxy.passing.gunzip import MaybeGzip, Room, may_be_gzip
from cliproxy.passing.headers import announced_length, response_lines, switching_head, upgrade_of
from cliproxy.passing.relay import Relay
from cliproxy.passing.tunnel import Tunnel
from cliproxy.streaming.outlet import Outlet

_SWITCHING: Final = 101
_NO_CONTENT: Final = 204
_NOT_MODIFIED: Final = 304


async def pass_back(
    request: Request, context: Context, outlet: Outlet, reply: Reply, offered: bytes | None, room: Room
) -> bool:
    """Tell the client an answer, to its end; gives whether that came whole. `offered`: see `upgrade_of`; `room`: for
    all bodies that must be gathered.

    Raises `Broken` if it switches to another protocol than the request offered, and `UpgradeRequired` if the client's
    connection must stay what it is. Cancelling cuts the upstream off.
    """
    if reply.status == _SWITCHING:
        await _joined(request, context, reply, offered).closed()
        return True
    return await _relayed(request, context, outlet, reply, room).done


async def cut(outlet: Outlet) -> None:
    """End an answer where it is, with the client still there, and wait until it has heard."""
    gone: Deferred[None] = Deferred()

    def heard() -> None:
        if not gone.called:
            gone.callback(None)

    outlet.cut(heard)
    await gone


def _relayed(request: Request, context: Context, outlet: Outlet, reply: Reply, room: Room) -> Relay:
    """An answer's body on its way to the client."""
    headers, status = reply.headers, reply.status
    bodyless = request.method == b"HEAD" or status == _NOT_MODIFIED
    length = None if status == _NO_CONTENT else announced_length(headers) if bodyless else reply.length

    def begin(told_length: int | None) -> None:
        lines = response_lines(headers)
        if told_length is not None:
            lines.append((b"content-length", b"%d" % told_length))
        outlet.head(status, lines)
        outlet.flush()  # else the head would leave with the first bytes, and an event stream's may be long in coming

    suspect = MaybeGzip(room) if may_be_gzip(request.method, status, headers) else None
    relay = Relay(outlet, context.clock, begin, length, suspect)
    reply.deliver(relay)
    return relay


def _joined(request: Request, context: Context, reply: Reply, offered: bytes | None) -> Tunnel:
    """Both connections, which are no HTTP any more."""
    protocol = upgrade_of(reply.headers)
    try:
        if offered is None or protocol is None or protocol.lower() not in _listed(offered):
            raise Broken("it switches to a protocol that nobody asked for.")
        head = switching_head(reply.headers, protocol)
        tunnel = Tunnel(context.clock)
        tunnel.open(reply, lambda taker: context.take_over(request, head, taker))
    except ProxyError:
        reply.deliver(_Dropped())
        raise
    return tunnel


def _listed(protocols: bytes) -> frozenset[bytes]:
    return frozenset(protocol.strip().lower() for protocol in protocols.split(b","))


class _Dropped(Protocol):
    """Receives what nobody wants."""

    def connectionMade(self) -> None:
        """Cut it."""
        IPushProducer(self.transport).stopProducing()
