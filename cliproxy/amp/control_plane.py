"""Amp's control plane behind the daemon: what is asked there is passed on, and its answer passed back.

How that is done, and what little is changed on the way, is `passing`'s. Here is said where to, with which key, and what
the client is told if it cannot be done. Whoever ends an exchange, be it client, control plane or daemon, ends that one
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import orjson
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.server import Request

from cliproxy.amp.secrets import UpstreamKeys
from cliproxy.config.schema import Amp
from cliproxy.errors import MethodNotAllowed, UpstreamTrouble
from cliproxy.modules import Context, Errand
from cliproxy.passing.answers import cut, pass_back
from cliproxy.passing.gunzip import Room
from cliproxy.passing.headers import goes_round, request_lines, upgrade_of
from cliproxy.secret import Secret
from cliproxy.streaming.outlet import Outlet

NOT_REACHED: Final = {"error": "amp_upstream_proxy_error", "message": "Failed to reach Amp upstream"}
NOT_AVAILABLE: Final = "amp upstream proxy not available"
GOES_ROUND: Final = {
    "error": "amp_upstream_proxy_error",
    "message": "This proxy is its own Amp upstream; see upstream-url",
}
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""For who asks with one of `REFUSED`. Any other is passed on, too."""
REFUSED: Final = (b"CONNECT", b"TRACE")
"""The answer to TRACE would show the upstream's key. A CONNECT that the upstream takes makes a tunnel of a connection
that would be kept for somebody else's request. In any letters: a lenient server may take them for the same.
"""

SHOWN_PATH_BYTES: Final = 200
"""Of a path, in the log."""
SHOWN_METHOD_BYTES: Final = 20
"""Of a method, which may be as long as a head."""

_JSON: Final = b"application/json"
_UNAUTHORIZED: Final = 401


class ControlPlane:
    """State: where it is, which key it is shown, and whether that was said to be refused."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, environ: Mapping[str, str], home: Callable[[], Path]) -> None:
        self._keys = UpstreamKeys(environ, home)
        self._base_url = ""
        self._room = Room()
        self._refused: Secret | None = None
        """The key of which that was said last."""

    def reconfigure(self, settings: Amp) -> None:
        """These settings hold from now on; what is under way keeps its own."""
        self._base_url = settings.upstream_url
        self._keys.reconfigure(settings)
        self._refused = None

    @property
    def available(self) -> bool:
        """Whether there is one."""
        return bool(self._base_url)

    def pass_on(self, request: Request, context: Context, *, shows_key: bool = True) -> Deferred[None]:
        """Pass a request on, and its answer back; fires when the client has that. To be called within the handler, and
        only if there is a control plane.

        `shows_key`: with the owner's key for Amp. Fails with `ClientMistake` for what cannot be passed on.
        """
        return Deferred.fromCoroutine(self._pass_on(request, context, shows_key))

    async def _pass_on(self, request: Request, context: Context, shows_key: bool) -> None:
        outlet = context.outlet(request)  # at once: it hears that the client has left, and before this does
        if request.method.upper() in REFUSED:
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
            target=context.target_of(request),
            headers=request_lines(
                request.requestHeaders, context.holds_key, context.forwarded_for(request), key, upgrade
            ),
            body=context.body_of(request),
        )
        try:
            reply = await context.send(errand)
            if reply.status == _UNAUTHORIZED and key is not None:
                self._note_refusal(key)
            if not await pass_back(request, context, outlet, reply, upgrade, self._room):
                self._note(request, "the answer did not come to its end")
        except UpstreamTrouble as trouble:
            self._note(request, trouble.message)
            _tell(outlet, 502, NOT_REACHED)
        except CancelledError:
            if getattr(request, "channel", None) is None:
                raise  # the client has left
            if outlet.head_sent:
                await cut(outlet)
            else:
                _tell(outlet, 503, {"error": NOT_AVAILABLE})
        except Exception:
            if not outlet.head_sent:
                raise  # for the door to make an answer of it
            self._log.failure("unexpected, in the midst of an answer of Amp's control plane")
            await cut(outlet)

    def _note_refusal(self, key: Secret) -> None:
        """Once for a key: what a client says of it, that one should log in, is of no help to the owner."""
        if key != self._refused:
            self._refused = key
            self._log.warn("Amp's control plane refuses the key that it is shown, {key}", key=key)

    def _note(self, request: Request, why: str) -> None:
        method = request.method[:SHOWN_METHOD_BYTES].decode("latin-1")
        path = request.path[:SHOWN_PATH_BYTES].decode("latin-1")
        self._log.warn("Amp's control plane, {method} {path}: {why}", method=method, path=path, why=why)


def refuse(request: Request, status: int, message: str) -> bytes:
    """An error in the words of Amp's own service, as a whole answer."""
    body = orjson.dumps({"error": message})
    request.setResponseCode(status)
    request.setHeader(b"content-type", _JSON)
    request.setHeader(b"content-length", b"%d" % len(body))
    return body


def _tell(outlet: Outlet, status: int, said: Mapping[str, str]) -> None:
    """An answer of our own."""
    body = orjson.dumps(said)
    outlet.head(status, ((b"content-type", _JSON), (b"content-length", b"%d" % len(body))))
    outlet.write(body)
    outlet.finish()
