"""All doors as one resource: the gate before them, Klein between them, and errors told in the caller's words.

Klein cancels a handler's Deferred when its client leaves, and finishes the request itself unless that has been done; a
handler that streams therefore returns a Deferred which fires after its own `finish()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import ClassVar, Final
from urllib.parse import unquote_to_bytes

import attrs
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import PathConverter

from cliproxy.errors import BadRequest, MethodNotAllowed, NotFound, ProxyError
from cliproxy.modules import FAILURES, Handler, HasRoutes, Pages
from cliproxy.observe.requests import HEADER, new_request_id
from cliproxy.web.anthropic import AnthropicDoor
from cliproxy.web.callers import request_id
from cliproxy.web.common import CommonDoor
from cliproxy.web.gate import KEY_PARAMETERS, Gate, without_key_parameters
from cliproxy.web.gemini import GeminiDoor
from cliproxy.web.modules import HouseContext, RouteTable
from cliproxy.web.openai import OpenAIDoor
from cliproxy.web.problems import tell
from cliproxy.web.routes import House, Route

CORS_SECONDS: Final = b"600"
"""How long a browser may remember the answer to its preflight."""
SHOWN_PATH_BYTES: Final = 200
"""Of a path that is not found, in the answer that says so."""


class Internal(ProxyError):
    """A mistake of ours; the log has it, the client gets the request id."""


@attrs.frozen
class _Row:
    """A route as the router knows it."""

    endpoint: str
    path: str
    methods: tuple[str, ...] | None


class _Anything(PathConverter):
    """`<anything:rest>`: what is left of a path, slashes at its beginning included, or nothing."""

    regex = ".*?"
    part_isolating = False


class Doors(Resource):
    """The whole of the HTTP API. `gate` is replaced by a reload; the routes stay."""

    isLeaf = True
    _log: ClassVar[Logger] = Logger()

    def __init__(self, house: House, gate: Gate, modules: Iterable[HasRoutes] = ()) -> None:
        Resource.__init__(self)
        self.gate = gate
        self._house = house
        own = [route for door in (CommonDoor, AnthropicDoor, OpenAIDoor, GeminiDoor) for route in door(house).routes()]
        readers = {route.path: route.reads for route in own if route.reads is not None}
        context = HouseContext(house, lambda: self.gate, readers)
        self.registered: list[HasRoutes] = []
        """The modules that have routes here."""
        self.routes: Sequence[Route] = (*own, *self._routes_of(modules, context, own))
        self._by_endpoint: Mapping[str, Route] = {_endpoint(route): route for route in self.routes}
        self._handlers: Mapping[str, Handler] = {
            name: self._handler(route) for name, route in self._by_endpoint.items()
        }
        self._router = _router(tuple(map(_row, self.routes)))
        self._klein = self._router.__get__(self, Doors).resource()

    def render(self, request: Request) -> bytes | int:
        """Let the request in, or refuse it before anything of it is looked at."""
        request.setHeader(HEADER, new_request_id())
        try:
            unquote_to_bytes(request.path).decode("utf-8")
        except UnicodeDecodeError:
            self._hide_keys(request)
            return tell(request, BadRequest("The path is not valid UTF-8."))
        route = self._route_at(_path_of(request), request.method) if _depends_on_route(request) else None
        self._hide_keys(request, passed_on=route is not None and route.streams)
        pages = Pages.AS_CONFIGURED if route is None else route.pages
        if pages is not Pages.AS_CONFIGURED and request.method == b"OPTIONS":
            return _refuse_preflight(request)
        try:
            origin = self.gate.refuse_pages(request, pages)
        except ProxyError as error:
            return tell(request, error)
        if origin is not None:
            _allow_origin(request, origin)
            if request.method == b"OPTIONS":
                request.setResponseCode(204)
                return b""
        if not request.requestHeaders.hasHeader(b"Host"):
            request.requestHeaders.setRawHeaders(b"Host", [b"localhost"])  # HTTP/1.0 needs none, but Klein asks for it
        self._klein.render(request)
        return int(NOT_DONE_YET)

    def takes_early(self, method: bytes, path: bytes) -> bool:
        """Whether what is asked there is served before its body has come."""
        try:
            route = self._route_at(unquote_to_bytes(path).decode("utf-8"), method)
        except UnicodeDecodeError:
            return False
        return route is not None and route.streams

    def _routes_of(self, modules: Iterable[HasRoutes], context: HouseContext, own: Sequence[Route]) -> Iterator[Route]:
        """The modules' routes: all of one that registers, none of one that fails."""
        taken = {_endpoint(route) for route in own}
        for module in modules:
            table = RouteTable(self._house.attend)
            try:
                module.register(table, context)
                added = [_endpoint(route) for route in table.routes]
                if len({*added} - taken) < len(added):
                    raise ValueError("a route stands there already")
                _router(tuple(map(_row, table.routes)))
            except FAILURES:
                self._log.failure("the routes of {module} are left out", module=module.name)
            else:
                taken.update(added)
                self.registered.append(module)
                yield from table.routes

    def _handler(self, route: Route) -> Handler:
        handler = route.handler
        if handler is None:
            reads, serve = route.reads, self._house.serve
            assert reads is not None

            def handler(request: Request, **caught: str) -> Deferred[None]:
                return serve(reads(request, **caught), request)

        return handler if route.public else self._keyed(handler)

    def _keyed(self, handler: Handler) -> Handler:
        def admitted(request: Request, **caught: str) -> Deferred[None] | bytes:
            self.gate.admit(request)
            return handler(request, **caught)

        return admitted

    def _route_at(self, path: str, method: bytes) -> Route | None:
        """What stands at a path for a method, or else for any; None if nothing does."""
        adapter = self._router.url_map.bind("localhost")
        try:
            return self._by_endpoint[adapter.match(path, method.decode("latin-1"))[0]]
        except WrongMethod as wrong:
            for other in wrong.valid_methods or ():
                return self._by_endpoint[adapter.match(path, other)[0]]
        except HTTPException:
            pass
        return None

    def _hide_keys(self, request: Request, *, passed_on: bool = False) -> None:
        """Cut keys out of the query: they go neither upstream nor into the access log of a server that mounts this.

        Ours wherever they stand, and whatever is in the parameters for keys; but where a request is passed on as it is,
        those may be another's, and what they hold too.
        """
        if b"?" not in request.uri:
            return
        request.uri = self.gate.without_own_keys(request.uri)
        if not passed_on and _has_key_parameter(request):
            request.uri = without_key_parameters(request.uri)

    def handle(self, endpoint: str, request: Request, **caught: str) -> Deferred[None] | bytes:
        """What is asked of a route, and what its path pattern caught."""
        return self._handlers[endpoint](request, **caught)

    def told(self, request: Request, failure: Failure) -> Deferred[None] | bytes:
        """An error of ours."""
        error = failure.value
        assert isinstance(error, ProxyError)
        return _cut_off(request) if request.startedWriting else tell(request, error)

    def not_routed(self, request: Request, failure: Failure) -> bytes:
        """Nothing stands at that path, or not for that method. A redirect to another spelling is no answer to a CLI."""
        if isinstance(failure.value, WrongMethod):
            return tell(request, MethodNotAllowed(sorted(failure.value.valid_methods or ())))
        path = request.path[:SHOWN_PATH_BYTES].decode("utf-8", "replace")
        return tell(request, NotFound(f"There is nothing at {path!r}; GET / lists what is served."))

    def unexpected(self, request: Request, failure: Failure) -> Deferred[None] | bytes:
        """Any other error is a mistake of ours."""
        name = request_id(request)
        self._log.failure("{request_id}: unexpected", failure, request_id=name)
        if request.startedWriting:
            return _cut_off(request)
        return tell(request, Internal(f"The proxy failed; its log has the reason under {name}."))


def _endpoint(route: Route) -> str:
    return f"{' '.join(route.methods) if route.methods is not None else '*'} {route.path}"


def _row(route: Route) -> _Row:
    return _Row(_endpoint(route), route.path, None if route.methods is None else tuple(route.methods))


@cache
def _router(rows: tuple[_Row, ...]) -> Klein:
    """Routes to handlers of the `Doors` that it is bound to, compiled once however many proxies a process has.

    Raises `ValueError` for a path pattern that is none.
    """
    router = Klein()
    router.url_map.converters = {**router.url_map.converters, "anything": _Anything}
    for row in rows:
        methods = None if row.methods is None else list(row.methods)
        router.route(row.path, methods=methods, endpoint=row.endpoint)(_handler_of(row.endpoint))
    tellers: tuple[tuple[type[Exception], Callable[..., Deferred[None] | bytes]], ...] = (
        (ProxyError, Doors.told),
        (HTTPException, Doors.not_routed),
        (Exception, Doors.unexpected),
    )
    for kind, teller in tellers:
        router.handle_errors(kind)(teller)
    return router


def _handler_of(endpoint: str) -> Callable[..., Deferred[None] | bytes]:
    def handle(doors: Doors, request: Request, **caught: str) -> Deferred[None] | bytes:
        return doors.handle(endpoint, request, **caught)

    return handle


def _depends_on_route(request: Request) -> bool:
    """Whether it matters at once which route it is: for what a page may, and for what is to be hidden."""
    headers = request.requestHeaders
    return (
        request.method == b"OPTIONS"
        or headers.hasHeader(b"Origin")
        or headers.hasHeader(b"Sec-Fetch-Site")
        or _has_key_parameter(request)
    )


def _path_of(request: Request) -> str:
    """From below where the doors are mounted."""
    return b"/".join((b"", *(request.postpath or ()))).decode("utf-8")


def _has_key_parameter(request: Request) -> bool:
    return any(parameter in (request.args or {}) for parameter in KEY_PARAMETERS)


def _cut_off(request: Request) -> Deferred[None]:
    """Cut a reply that has begun. An error comes too late for it, and behind it would make it look whole.

    Fires when the connection is gone, since then Klein does not finish the request.
    """
    gone: Deferred[None] = Deferred(lambda deferred: deferred.callback(None))
    request.notifyFinish().addBoth(lambda _: None if gone.called else gone.callback(None))
    transport = request.transport
    if transport is not None:
        getattr(transport, "abortConnection", transport.loseConnection)()
    return gone


def _refuse_preflight(request: Request) -> bytes:
    """For paths at which no page of another origin has any business."""
    request.setResponseCode(403)
    request.setHeader(b"content-length", b"0")
    return b""


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
