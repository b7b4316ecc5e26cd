"""Amp's control plane behind the daemon: what is asked there is passed on, and its answer passed back.

Nothing is changed on the way but what `passing` says, and a body that is gzip by mistake (`gunzip`). Bodies stream in
both directions and are held nowhere: the slowest of the three sets the pace. Whoever ends an exchange, be it client,
control plane or daemon, ends that one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import orjson
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.web.server import Request

from cliproxy.amp.gunzip import MaybeGzip, may_be_gzip
from cliproxy.amp.passing import (
    announced_length,
    goes_round,
    request_lines,
    response_lines,
    switching_head,
    target_without_keys,
    upgrade_of,
)
from cliproxy.amp.relay import Relay
from cliproxy.amp.secrets import UpstreamKeys
from cliproxy.amp.tunnel import Tunnel
from cliproxy.config.schema import Amp
from cliproxy.errors import Broken, MethodNotAllowed, ProxyError, UpstreamTrouble
from cliproxy.modules import Context, Errand, Reply
from cliproxy.streaming.outlet import Outlet

NOT_REACHED: Final = {"error": "amp_upstream_proxy_error", "message": "Failed to reach Amp upstream"}
NOT_AVAILABLE: Final = {"error": "amp upstream proxy not available"}
GOES_ROUND: Final = {
    "error": "amp_upstream_proxy_error",
    "message": "This proxy is its own Amp upstream; see upstream-url",
}
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""For who asks with TRACE, the answer to which would show the upstream's key. Any other is passed on, too."""

SHOWN_PATH_BYTES: Final = 200
"""Of a path, in the log."""

_JSON: Final = b"application/json"
_SWITCHING: Final = 101
_NO_CONTENT: Final = 204
_NOT_MODIFIED: Final = 304


class ControlPlane:
    """State: where it is, and which key it is shown."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, environ: Mapping[str, str], home: Callable[[], Path]) -> None:
        self._keys = UpstreamKeys(environ, home)
        self._base_url = ""

    def reconfigure(self, settings: Amp) -> None:
        """These settings hold from now on; what is under way keeps its own."""
        self._base_url = settings.upstream_url
        self._keys.reconfigure(settings)

    @property
    def available(self) -> bool:
        """Whether there is one."""
        return bool(self._base_url)

    def pass_on(
        self, request: Request, context: Context, *, body: bytes | None = None, shows_key: bool = True
    ) -> Deferred[None]:
        """Pass a request on, and its answer back; fires when the client has that. To be called within the handler.

        `body`: in place of the request's own, where that has been read. `shows_key`: with the owner's key for Amp.
        Fails with `ClientMistake` for what cannot be passed on.
        """
        return Deferred.fromCoroutine(self._pass_on(request, context, body, shows_key))

    async def _pass_on(self, request: Request, context: Context, body: bytes | None, shows_key: bool) -> None:
        outlet = context.outlet(request)  # at once: it hears that the client has left, and before this does
        if not self.available:
            _tell(outlet, 503, NOT_AVAILABLE)
            return
        if request.method == b"TRACE":
            raise MethodNotAllowed(METHODS)
        if goes_round(request.requestHeaders):
            self._note(request, GOES_ROUND["message"])
            _tell(outlet, 508, GOES_ROUND)
            return
        key = None
        if shows_key:
            key = self._keys.key_for(context.key_of(request), context.clock.seconds(), context.holds_key)
        upgrade = upgrade_of(request.requestHeaders) if request.clientproto == b"HTTP/1.1" else None
        errand = Errand(
            method=request.method,
            base_url=self._base_url,
            target=target_without_keys(context.target_of(request), context.holds_key),
            headers=request_lines(
                request.requestHeaders, context.holds_key, context.forwarded_for(request), key, upgrade
            ),
            body=context.body_of(request) if body is None else body,
        )
        try:
            await self._carry(request, context, outlet, errand, upgrade)
        except UpstreamTrouble as trouble:
            self._note(request, trouble.message)
            _tell(outlet, 502, NOT_REACHED)
        except CancelledError:
            if getattr(request, "channel", None) is None:
                raise  # the client has left
            await _stop(outlet)
        except Exception:
            if not outlet.head_sent:
                raise  # for the door to make an answer of it
            self._log.failure("unexpected, in the midst of an answer of Amp's control plane")
            await _stop(outlet)

    async def _carry(
        self, request: Request, context: Context, outlet: Outlet, errand: Errand, upgrade: bytes | None
    ) -> None:
        reply = await context.send(errand)
        if reply.status == _SWITCHING:
            await _joined(request, context, reply, upgrade).closed()
        elif not await _relayed(request, context, outlet, reply).done:
            self._note(request, "the answer did not come to its end")

    def _note(self, request: Request, why: str) -> None:
        method, path = request.method.decode("latin-1"), request.path.decode("latin-1")[:SHOWN_PATH_BYTES]
        self._log.warn("Amp's control plane, {method} {path}: {why}", method=method, path=path, why=why)


def refuse(request: Request, status: int, message: str) -> bytes:
    """An error in the words of Amp's own service, as a whole answer."""
    body = orjson.dumps({"error": message})
    request.setResponseCode(status)
    request.setHeader(b"content-type", _JSON)
    request.setHeader(b"content-length", b"%d" % len(body))
    return body


def _relayed(request: Request, context: Context, outlet: Outlet, reply: Reply) -> Relay:
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

    suspect = MaybeGzip() if may_be_gzip(request.method, status, headers) else None
    relay = Relay(outlet, context.clock, begin, length, suspect)
    reply.deliver(relay)
    return relay


def _joined(request: Request, context: Context, reply: Reply, asked: bytes | None) -> Tunnel:
    """Both connections, which are no HTTP any more. Raises `UpgradeRequired` if the client's must stay what it is."""
    protocol = upgrade_of(reply.headers)
    try:
        if asked is None or protocol is None or protocol.lower() not in _listed(asked):
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


async def _stop(outlet: Outlet) -> None:
    """End it, with the client still there, and wait until it has heard."""
    if not outlet.head_sent:
        _tell(outlet, 503, NOT_AVAILABLE)
        return
    gone: Deferred[None] = Deferred()

    def heard() -> None:
        if not gone.called:
            gone.callback(None)

    outlet.cut(heard)
    await gone


def _tell(outlet: Outlet, status: int, said: Mapping[str, str]) -> None:
    """An answer of our own."""
    body = orjson.dumps(said)
    outlet.head(status, ((b"content-type", _JSON), (b"content-length", b"%d" % len(body))))
    outlet.write(body)
    outlet.finish()


class _Dropped(Protocol):
    """Receives what nobody wants."""

    def connectionMade(self) -> None:
        """Cut it."""
        IPushProducer(self.transport).stopProducing()
