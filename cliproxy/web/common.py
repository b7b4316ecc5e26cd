"""What every caller may ask, whatever its format: the models, and how the daemon is."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from twisted.web.server import Request

from cliproxy.errors import Unavailable, UnknownModel
from cliproxy.web import anthropic, openai
from cliproxy.web.callers import is_anthropic
from cliproxy.web.routes import House, Route, whole_json


class CommonDoor:
    """`/`, the health of the daemon, and `/v1/models`, whose shape the caller's headers decide."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> Sequence[Route]:
        """What is served here."""
        return (
            Route("/", ("GET",), self.root, public=True),
            Route("/healthz", ("GET",), self.alive, public=True),
            Route("/readyz", ("GET",), self.ready, public=True),
            Route("/v1/models", ("GET",), self.models),
            Route("/v1/models/<path:name>", ("GET",), self.model),
        )

    def root(self, request: Request) -> bytes:
        """What this is. Claude Code asks `HEAD /` when it starts."""
        endpoints = ["POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models"]
        return whole_json(request, orjson.dumps({"message": "cliproxy", "endpoints": endpoints}))

    def alive(self, request: Request) -> bytes:
        """The process answers."""
        return whole_json(request, orjson.dumps({"status": "ok"}))

    def ready(self, request: Request) -> bytes:
        """A request would be served."""
        reason = self._house.why_not_ready()
        if reason is not None:
            raise Unavailable(reason)
        return whole_json(request, orjson.dumps({"status": "ready"}))

    def models(self, request: Request) -> bytes:
        """Every model, in the caller's shape."""
        write = anthropic.model_list if _wants_anthropic(request) else openai.model_list
        return whole_json(request, write(self._house.model_names))

    def model(self, request: Request, name: str) -> bytes:
        """One model, in the caller's shape."""
        if name not in self._house.model_names:
            raise UnknownModel(name, self._house.nearest_models(name))
        write = anthropic.one_model if _wants_anthropic(request) else openai.one_model
        return whole_json(request, write(name))


def _wants_anthropic(request: Request) -> bool:
    """Whose shape the caller expects; a cache is told what that depends on."""
    request.responseHeaders.addRawHeader(b"vary", b"anthropic-version, user-agent")
    return is_anthropic(request.requestHeaders)
