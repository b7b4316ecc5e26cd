"""From a request to a WebSocket, if it asks for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.web.server import Request

from cliproxy.errors import UpgradeRequired
from cliproxy.web.asks import end_to_end
from cliproxy.web.callers import request_id
from cliproxy.web.channel import LimitedChannel
from cliproxy.web.sockets.handshake import answer, check
from cliproxy.web.sockets.session import Server, Session
from cliproxy.web.sockets.socket import WebSocket

_OF_THE_HANDSHAKE: Final = frozenset({b"connection", b"upgrade", b"content-type", b"accept"})
_BETA: Final = b"openai-beta"
_BETA_OF_SOCKETS: Final = b"responses_websockets"
_OF_A_REQUEST: Final = ((b"content-type", b"application/json"), (b"accept", b"text/event-stream"))

Line = tuple[bytes, bytes]


class SocketServer(Server, Protocol):
    """What is behind the door."""

    @property
    def serves_sockets(self) -> bool:
        """Whether WebSockets are opened."""


def connect(request: Request, server: SocketServer, wall: Callable[[], float] = time.time) -> Deferred[None]:
    """Open a WebSocket; fires when its connection is gone. Raises `UpgradeRequired`."""
    if not server.serves_sockets:
        raise UpgradeRequired("WebSockets are switched off here (responses-websocket); POST gives the same over HTTP.")
    nonce = check(request)
    channel = request.channel
    if not isinstance(channel, LimitedChannel):
        raise UpgradeRequired("The server that this proxy is mounted in has no WebSockets; POST gives the same.")
    site, name = channel.site, request_id(request)
    headers, query = headers_for_requests(end_to_end(request)), request.uri.partition(b"?")[2]

    def session(socket: WebSocket) -> Session:
        return Session(socket, server, lambda: site.doors.gate.admit(request), headers, query, wall)

    WebSocket(channel, site.clock, server.body_limit, name, session).open(answer(nonce, name))
    return Deferred(lambda gone: gone.callback(None))  # cancelled when the client is gone, as every handler's is


def headers_for_requests(handshake: list[Line]) -> list[Line]:
    """The handshake's header lines as those of a request over HTTP, of which it says the same things once."""
    kept = [
        (name, _without_sockets(value) if name == _BETA else value)
        for name, value in handshake
        if name not in _OF_THE_HANDSHAKE and not name.startswith(b"sec-websocket-")
    ]
    return [*((name, value) for name, value in kept if value or name != _BETA), *_OF_A_REQUEST]


def _without_sockets(betas: bytes) -> bytes:
    tokens = (token.strip() for token in betas.split(b","))
    return b", ".join(token for token in tokens if not token.startswith(_BETA_OF_SOCKETS))
