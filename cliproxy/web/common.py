"""What every caller may ask, whatever its format: the models, and how the daemon is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import attrs
import orjson
from twisted.web.server import Request

from cliproxy.errors import Unavailable, UnknownModel
from cliproxy.web import anthropic, gemini, openai
from cliproxy.web.callers import is_anthropic, is_google
from cliproxy.web.routes import House, Route, whole_json

ENDPOINTS: Final = (
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/responses",
    "GET /v1/responses",
    "POST /v1/responses/compact",
    "POST /v1/responses/input_tokens",
    "POST /v1beta/models/{model}:generateContent",
    "POST /v1beta/models/{model}:streamGenerateContent",
    "POST /v1beta/models/{model}:countTokens",
    "GET /v1/models",
    "GET /v1beta/models",
)


@attrs.frozen
class _Shape:
    """How one vendor writes models."""

    model_list: Callable[[Iterable[str]], bytes]
    one_model: Callable[[str], bytes]


_ANTHROPIC: Final = _Shape(anthropic.model_list, anthropic.one_model)
_GEMINI: Final = _Shape(gemini.model_list, gemini.one_model)
_OPENAI: Final = _Shape(openai.model_list, openai.one_model)


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
        return whole_json(request, orjson.dumps({"message": "cliproxy", "endpoints": ENDPOINTS}))

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
        return whole_json(request, _shape(request).model_list(self._house.model_names))

    def model(self, request: Request, name: str) -> bytes:
        """One model, in the caller's shape."""
        if name not in self._house.model_names:
            raise UnknownModel(name, self._house.nearest_models(name))
        return whole_json(request, _shape(request).one_model(name))


def _shape(request: Request) -> _Shape:
    """Whose shape the caller expects; a cache is told what that depends on."""
    request.responseHeaders.addRawHeader(b"vary", b"anthropic-version, user-agent, x-goog-api-key, x-goog-api-client")
    if is_anthropic(request.requestHeaders):
        return _ANTHROPIC
    return _GEMINI if is_google(request.requestHeaders) else _OPENAI
