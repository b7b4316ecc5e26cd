"""Amp's paths to models: the daemon's own formats below `/api/provider/{provider}`.

The provider in the path only shapes lists. Who serves is decided by the model that the body or the path names:

    somebody here -> a mapping -> Amp            with force-model-mappings: a mapping -> somebody here -> Amp

and where there is no control plane either, the caller is told that nobody serves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request

from cliproxy.amp.asked import sanitised, without_long_context
from cliproxy.amp.bridge import gemini_action
from cliproxy.amp.control_plane import ControlPlane, refuse
from cliproxy.amp.dressing import Dressed
from cliproxy.amp.mappings import Mappings
from cliproxy.amp.tools import Casing, casing_of
from cliproxy.ask import Ask
from cliproxy.config.schema import Amp
from cliproxy.errors import NotFound
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation
from cliproxy.modules import App, Context, Handler, ListShape
from cliproxy.streaming.outlet import Outlet

PREFIX: Final = "/api/provider/<provider>"
POSTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/chat/completions": "/v1/chat/completions",
        "/completions": "/v1/completions",
        "/responses": "/v1/responses",
        "/v1/chat/completions": "/v1/chat/completions",
        "/v1/completions": "/v1/completions",
        "/v1/responses": "/v1/responses",
        "/v1/messages": "/v1/messages",
        "/v1/messages/count_tokens": "/v1/messages/count_tokens",
    }
)
"""What is posted below that, and the daemon's own path for it. Clients of Groq and Cerebras leave `/v1` out."""
OF_GEMINI: Final = "/v1beta/models/<path:name>"
"""The daemon's own path for a model that the path names."""
SHAPES: Final[Mapping[str, ListShape]] = MappingProxyType({"anthropic": "anthropic", "google": "gemini"})
"""By provider; every other's is OpenAI's."""


class Way(Enum):
    """Which way a request went, in the original's words."""

    LOCAL_PROVIDER = auto()
    MODEL_MAPPING = auto()
    AMP_CREDITS = auto()
    NO_PROVIDER = auto()


@attrs.frozen
class Choice:
    """Who serves a request."""

    way: Way
    served_as: str = ""
    """The mapping's model."""


class Aliases:
    """State: the mappings in force."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, context: Context, control_plane: ControlPlane, pass_on: Handler) -> None:
        """`pass_on`: what is no model's, and Amp's own."""
        self._context = context
        self._control_plane = control_plane
        self._pass_on = pass_on
        self.reconfigure(Amp())

    def reconfigure(self, settings: Amp) -> None:
        """These mappings hold from now on."""
        self._mappings = Mappings(settings.model_mappings)
        for left_out in self._mappings.left_out:
            self._log.warn(
                "the mapping from {asked} {why}, and is left out", asked=left_out.mapping.asked, why=left_out.why
            )
        self._forced = settings.force_model_mappings

    def register(self, app: App) -> None:
        """Add the routes."""
        for path, own in POSTED.items():
            app.route(PREFIX + path, ("POST",))(partial(self.post, own))
        for path in ("/models", "/v1/models"):
            app.route(PREFIX + path)(self.models)
            app.route(f"{PREFIX}{path}/<path:name>")(self.model)
        app.route(f"{PREFIX}/v1beta/models")(partial(self._list, "gemini"))
        app.route(f"{PREFIX}/v1beta/models/<path:name>")(partial(self._one, "gemini"))
        app.route(f"{PREFIX}/v1beta/models/<path:rest>", ("POST",))(self.act)
        app.route(f"{PREFIX}/v1beta1/<path:rest>", ("POST",), public=True)(self.bridge)
        app.route(f"{PREFIX}/v1beta1/<path:rest>", None, public=True)(self._pass_on)

    # -- lists

    def models(self, request: Request, provider: str) -> bytes:
        """Every model, as the provider in the path writes them."""
        return self._list(SHAPES.get(provider.lower(), "openai"), request)

    def model(self, request: Request, provider: str, name: str) -> bytes:
        """One of them."""
        return self._one(SHAPES.get(provider.lower(), "openai"), request, name=name)

    def _list(self, shape: ListShape, request: Request, **_: str) -> bytes:
        return _json(request, self._context.model_list(shape))

    def _one(self, shape: ListShape, request: Request, name: str, **_: str) -> bytes:
        return _json(request, self._context.one_model(shape, name))

    # -- models

    def post(self, own: str, request: Request, provider: str) -> Deferred[None]:
        """What the daemon's path `own` takes."""
        return self._serve(self._context.read(own, request), request)

    def act(self, request: Request, provider: str, rest: str) -> Deferred[None] | bytes:
        """A Gemini model, named by the path."""
        return self._serve(self._context.read(OF_GEMINI, request, name=rest), request)

    def bridge(self, request: Request, provider: str, rest: str) -> Deferred[None] | bytes:
        """The same by Vertex AI's paths. What is no model there is Amp's."""
        if "/models/" not in f"/{rest}":
            return self._pass_on(request)
        self._context.admit(request)
        found = gemini_action(rest)
        if found is None:
            return refuse(request, 400, "Invalid Gemini API path format")
        try:
            ask = self._context.read(OF_GEMINI, request, name=":".join(found))
        except NotFound:
            return self._pass_on(request)  # something that only Google's own service does
        return self._serve(ask, request)

    def _serve(self, ask: Ask, request: Request) -> Deferred[None]:
        choice = self._choose(ask.model)
        self._note(choice, ask, request)
        if choice.way is Way.AMP_CREDITS:
            return self._control_plane.pass_on(request, self._context)
        dress: Callable[[Outlet], Outlet] | None = None
        body = ask.body
        if ask.wire is ANTHROPIC:
            body = sanitised(body)
            if ask.operation is Operation.GENERATE:
                dress = partial(_dressed, casing_of(body))
        ask = attrs.evolve(
            ask,
            body=body,
            headers=without_long_context(ask.headers),
            served_as=choice.served_as,
            renames=True,
        )
        return self._context.serve(ask, request, dress)

    def _choose(self, model: str) -> Choice:
        serves = self._context.serves
        if not self._forced and serves(model):
            return Choice(Way.LOCAL_PROVIDER)
        mapped = self._mappings.find(model, serves)
        if mapped is not None:
            return Choice(Way.MODEL_MAPPING, mapped)
        if self._forced and serves(model):
            return Choice(Way.LOCAL_PROVIDER)
        return Choice(Way.AMP_CREDITS if self._control_plane.available else Way.NO_PROVIDER)

    def _note(self, choice: Choice, ask: Ask, request: Request) -> None:
        """One line on which way a request goes, and what it costs."""
        fields = {
            "request_id": ask.request_id,
            "route_type": choice.way.name,
            "requested_model": ask.model,
            "resolved_model": choice.served_as or ask.model,
            "path": request.path.decode("utf-8", "replace"),
            "cost": "amp_credits" if choice.way is Way.AMP_CREDITS else "none",
        }
        if choice.way is Way.AMP_CREDITS:
            self._log.warn(
                "{request_id}: nobody here serves {requested_model}: passed on to Amp, which costs Amp credits; to "
                "have it served here, add to ampcode.model-mappings: {{from: {requested_model}, to: …}}",
                **fields,
            )
        else:
            self._log.info("{request_id}: {route_type}: {requested_model} by {resolved_model}", **fields)


def _dressed(casing: Casing, outlet: Outlet) -> Outlet:
    return Dressed(outlet, casing)


def _json(request: Request, body: bytes) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
