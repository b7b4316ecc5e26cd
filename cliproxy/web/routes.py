"""A door's row in the route table, and what all handlers are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.streaming.outlet import Outlet

JSON: Final = b"application/json"

Handler = Callable[..., "Deferred[None] | bytes"]
"""Takes the request, and by name what its path pattern caught. Gives a whole answer, or a Deferred after its own."""


@attrs.frozen
class Route:
    """What is served at a path pattern (werkzeug's syntax)."""

    path: str
    methods: Sequence[str]
    handler: Handler
    public: bool = False
    """Served without a client key."""


class House(Protocol):
    """What is behind the doors."""

    def serve(self, ask: Ask, request: Request) -> Deferred[None]:
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
