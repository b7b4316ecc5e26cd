"""A door's row in the route table, and what all handlers are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.modules import Dress, Errand, Handler, Pages, Reply
from cliproxy.streaming.outlet import Outlet

JSON: Final = b"application/json"

Reader = Callable[..., Ask]
"""Takes the request, and by name what its path pattern caught. Raises `ClientMistake`."""


@attrs.frozen
class Route:
    """What is served at a path pattern (werkzeug's syntax): by a handler, or as what is read of the request."""

    path: str
    methods: Sequence[str] | None
    """None: any."""
    handler: Handler | None = None
    reads: Reader | None = None
    public: bool = False
    """Served without a client key, or to whom the handler likes."""
    pages: Pages = Pages.AS_CONFIGURED
    streams: bool = False
    """Served before the body is there; what the query holds beside our own keys is not touched."""


class House(Protocol):
    """What is behind the doors."""

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        """Serve one request, to the end of its reply."""

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        """The same for a client that needs no heartbeats, and at whose end stands something else than a request."""

    @property
    def serves_sockets(self) -> bool:
        """Whether WebSockets are opened."""

    @property
    def model_names(self) -> Sequence[str]:
        """Every model that is served."""

    def nearest_models(self, name: str) -> Sequence[str]:
        """The served names most like an unknown one."""

    def serves(self, model: str) -> bool:
        """Whether anybody serves a model, with or without the suffix of its name."""

    def pass_on(self, errand: Errand) -> Deferred[Reply]:
        """Pass a request on; see `Context.send`."""

    def outlet(self, request: Request) -> Outlet:
        """The client's end of an answer that is not an exchange's."""

    def attend(self, served: Deferred[None]) -> Deferred[None]:
        """Something is under way beside the exchanges: when the daemon stops, it has as long as they have."""

    @property
    def clock(self) -> IReactorTime:
        """For every timer."""

    @property
    def body_limit(self) -> int:
        """In bytes."""

    def why_not_ready(self) -> str | None:
        """None, or why no request can be served just now."""


def whole_json(request: Request, body: bytes) -> bytes:
    """Answer with a JSON body."""
    request.setHeader(b"content-type", JSON)
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
