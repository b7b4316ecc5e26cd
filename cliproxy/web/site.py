"""All doors as one resource: the gate before them, Klein between them, and errors told in the caller's words.

Klein cancels a handler's Deferred when its client leaves, and finishes the request itself unless that has been done; a
handler that streams therefore returns a Deferred which fires after its own `finish()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import ClassVar, Final
from urllib.parse import unquote_to_bytes

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from cliproxy.errors import BadRequest, MethodNotAllowed, NotFound, ProxyError
from cliproxy.observe.requests import HEADER, new_request_id
from cliproxy.web.anthropic import AnthropicDoor
from cliproxy.web.callers import request_id
from cliproxy.web.common import CommonDoor
from cliproxy.web.gate import KEY_PARAMETERS, Gate, without_keys
from cliproxy.web.gemini import GeminiDoor
from cliproxy.web.openai import OpenAIDoor
from cliproxy.web.problems import tell
from cliproxy.web.routes import Handler, House, Route

CORS_SECONDS: Final = b"600"
"""How long a browser may remember the answer to its preflight."""
SHOWN_PATH_BYTES: Final = 200
"""Of a path that is not found, in the answer that says so."""


class Internal(ProxyError):
    """A mistake of ours; the log has it, the client gets the request id."""


class Doors(Resource):
    """The whole of the HTTP API. `gate` is replaced by a reload; the routes stay."""

    isLeaf = True
    _log: ClassVar[Logger] = Logger()

    def __init__(self, house: House, gate: Gate) -> None:
        Resource.__init__(self)
        self.gate = gate
        self.routes: Sequence[Route] = tuple(
            route for door in (CommonDoor, AnthropicDoor, OpenAIDoor, GeminiDoor) for route in door(house).routes()
        )
        self._handlers: Mapping[str, Handler] = {
            route.path: route.handler if route.public else self._keyed(route.handler) for route in self.routes
        }
        table = tuple((route.path, tuple(route.methods)) for route in self.routes)
        self._klein = _router(table).__get__(self, Doors).resource()

    def render(self, request: Request) -> bytes | int:
        """Let the request in, or refuse it before anything of it is looked at."""
        request.setHeader(HEADER, new_request_id())
        try:
            unquote_to_bytes(request.path).decode("utf-8")
            origin = self.gate.refuse_pages(request)
        except UnicodeDecodeError:
            return tell(request, BadRequest("The path is not valid UTF-8."))
        except ProxyError as error:
            return tell(request, error)
        finally:
            _hide_keys(request)
        if origin is not None:
            _allow_origin(request, origin)
            if request.method == b"OPTIONS":
                request.setResponseCode(204)
                return b""
        if not request.requestHeaders.hasHeader(b"Host"):
            request.requestHeaders.setRawHeaders(b"Host", [b"localhost"])  # HTTP/1.0 needs none, but Klein asks for it
        self._klein.render(request)
        return int(NOT_DONE_YET)

    def _keyed(self, handler: Handler) -> Handler:
        def admitted(request: Request, **caught: str) -> Deferred[None] | bytes:
            self.gate.admit(request)
            return handler(request, **caught)

        admitted.__name__ = getattr(handler, "__name__", "handler")
        return admitted

    def handle(self, path: str, request: Request, **caught: str) -> Deferred[None] | bytes:
        """What is asked at a path pattern, and what that caught."""
        return self._handlers[path](request, **caught)

    def told(self, request: Request, failure: Failure) -> bytes:
        """An error of ours."""
        error = failure.value
        assert isinstance(error, ProxyError)
        return tell(request, error)

    def not_routed(self, request: Request, failure: Failure) -> bytes:
        """Nothing stands at that path, or not for that method. A redirect to another spelling is no answer to a CLI."""
        if isinstance(failure.value, WrongMethod):
            return tell(request, MethodNotAllowed(sorted(failure.value.valid_methods or ())))
        path = request.path[:SHOWN_PATH_BYTES].decode("utf-8", "replace")
        return tell(request, NotFound(f"There is nothing at {path!r}; GET / lists what is served."))

    def unexpected(self, request: Request, failure: Failure) -> bytes:
        """Any other error is a mistake of ours."""
        name = request_id(request)
        self._log.failure("{request_id}: unexpected", failure, request_id=name)
        return tell(request, Internal(f"The proxy failed; its log has the reason under {name}."))


@cache
def _router(table: tuple[tuple[str, tuple[str, ...]], ...]) -> Klein:
    """Routes to handlers of the `Doors` that it is bound to, compiled once however many proxies a process has."""
    router = Klein()
    for path, methods in table:
        router.route(path, methods=list(methods), endpoint=path)(_handler_of(path))
    tellers: tuple[tuple[type[Exception], Callable[..., bytes]], ...] = (
        (ProxyError, Doors.told),
        (HTTPException, Doors.not_routed),
        (Exception, Doors.unexpected),
    )
    for kind, teller in tellers:
        router.handle_errors(kind)(teller)
    return router


def _handler_of(path: str) -> Callable[..., Deferred[None] | bytes]:
    def handle(doors: Doors, request: Request, **caught: str) -> Deferred[None] | bytes:
        return doors.handle(path, request, **caught)

    return handle


def _hide_keys(request: Request) -> None:
    """Cut keys out of the query: they go neither upstream nor into the access log of a server that mounts this."""
    if any(parameter in (request.args or {}) for parameter in KEY_PARAMETERS):
        request.uri = without_keys(request.uri)


def _allow_origin(request: Request, origin: bytes) -> None:
    """CORS for an origin that the configuration names. Nobody else gets any."""
    request.setHeader(b"access-control-allow-origin", origin)
    request.setHeader(b"vary", b"origin")
    request.setHeader(b"access-control-expose-headers", b"x-request-id, request-id, retry-after")
    if request.method == b"OPTIONS":
        asked = request.getHeader(b"Access-Control-Request-Headers") or b"authorization, content-type, x-api-key"
        request.setHeader(b"access-control-allow-headers", asked)
        request.setHeader(b"access-control-allow-methods", b"GET, POST")
        request.setHeader(b"access-control-max-age", CORS_SECONDS)
