"""Modules' routes among our own: what `cliproxy.modules` promises them is made here of the house and the doors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from klein.interfaces import IKleinRequest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IBodyProducer
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.errors import UnknownModel
from cliproxy.modules import Connection, Dress, Errand, Handler, ListShape, Pages, Reply, TakesConnection
from cliproxy.secret import Secret
from cliproxy.streaming.outlet import Outlet
from cliproxy.web import anthropic, gemini, openai
from cliproxy.web.gate import Gate
from cliproxy.web.intake import body_as_it_came
from cliproxy.web.routes import House, Reader, Route
from cliproxy.web.takeover import take_over
from cliproxy.web.uploads import body_of

_LISTS: Final[Mapping[ListShape, Callable[[Iterable[str]], bytes]]] = {
    "anthropic": anthropic.model_list,
    "gemini": gemini.model_list,
    "openai": openai.model_list,
}
_ONES: Final[Mapping[ListShape, Callable[[str], bytes]]] = {
    "anthropic": anthropic.one_model,
    "gemini": gemini.one_model,
    "openai": openai.one_model,
}


class HouseContext:
    """The `Context` of all modules. `gate` gives the one in force; `readers` are our own paths' readers, by path."""

    def __init__(self, house: House, gate: Callable[[], Gate], readers: Mapping[str, Reader]) -> None:
        self._house = house
        self._gate = gate
        self._readers = readers

    @property
    def clock(self) -> IReactorTime:
        """See `Context`."""
        return self._house.clock

    def admit(self, request: Request) -> None:
        """See `Context`."""
        self._gate().admit(request)

    @property
    def asks_for_keys(self) -> bool:
        """See `Context`."""
        return self._gate().asks_for_keys

    def key_of(self, request: Request) -> Secret | None:
        """See `Context`."""
        return self._gate().key_of(request)

    def holds_key(self, text: bytes) -> bool:
        """See `Context`."""
        return self._gate().holds_key(text)

    def is_local(self, request: Request) -> bool:
        """See `Context`."""
        return self._gate().is_local(request)

    def forwarded_for(self, request: Request) -> bytes:
        """See `Context`."""
        return self._gate().forwarded_for(request)

    def target_of(self, request: Request) -> bytes:
        """See `Context`. Klein knows below how many segments it is mounted."""
        path, mark, query = request.uri.partition(b"?")
        for _ in filter(None, IKleinRequest(request).mapper.script_name.split("/")):
            path = b"/" + path.lstrip(b"/").partition(b"/")[2]
        return path + mark + query

    def serves(self, model: str) -> bool:
        """See `Context`."""
        return self._house.serves(model)

    def model_list(self, shape: ListShape) -> bytes:
        """See `Context`."""
        return _LISTS[shape](self._house.model_names)

    def one_model(self, shape: ListShape, name: str) -> bytes:
        """See `Context`."""
        if name not in self._house.model_names:
            raise UnknownModel(name, self._house.nearest_models(name))
        return _ONES[shape](name)

    def read(self, path: str, request: Request, **caught: str) -> Ask:
        """See `Context`."""
        return self._readers[path](request, **caught)

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        """See `Context`."""
        return self._house.serve(ask, request, dress)

    def raw_body(self, request: Request) -> bytes:
        """See `Context`."""
        return body_as_it_came(request, self._house.body_limit)

    def body_of(self, request: Request) -> bytes | IBodyProducer:
        """See `Context`."""
        return body_of(request)

    def send(self, errand: Errand) -> Deferred[Reply]:
        """See `Context`."""
        return self._house.pass_on(errand)

    def outlet(self, request: Request) -> Outlet:
        """See `Context`."""
        return self._house.outlet(request)

    def take_over(self, request: Request, head: bytes, protocol: TakesConnection) -> Connection:
        """See `Context`."""
        return take_over(request, head, protocol)


class RouteTable:
    """The `App` of one module: gathers its routes. What they have under way is `attend`ed."""

    def __init__(self, attend: Callable[[Deferred[None]], Deferred[None]]) -> None:
        self.routes: list[Route] = []
        self._attend = attend

    def route(
        self,
        path: str,
        methods: Sequence[str] | None = ("GET",),
        *,
        public: bool = False,
        pages: Pages = Pages.AS_CONFIGURED,
        streams: bool = False,
    ) -> Callable[[Handler], Handler]:
        """See `App`."""

        def add(handler: Handler) -> Handler:
            def attended(request: Request, **caught: str) -> Deferred[None] | bytes:
                served = handler(request, **caught)
                return self._attend(served) if isinstance(served, Deferred) else served

            self.routes.append(Route(path, methods, attended, public=public, pages=pages, streams=streams))
            return handler

        return add
