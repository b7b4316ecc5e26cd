"""Amp's door as a module of routes: which of Amp's paths are served here, and which are passed on to its control plane.

/api/provider/…               models: served here, by a mapping, or at last by Amp
/api/internal, /api/user, …   whatever else Amp's clients ask: passed on
/threads, /auth, …            pages for a browser: passed on
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request

from cliproxy.amp.aliases import Aliases
from cliproxy.amp.control_plane import NOT_AVAILABLE, SHOWN_PATH_BYTES, ControlPlane, refuse
from cliproxy.config.schema import Amp
from cliproxy.errors import ProxyError
from cliproxy.modules import App, Context, Handler, Pages

MANAGEMENT: Final = tuple(
    f"/api/{name}"
    for name in (
        "internal",
        "user",
        "auth",
        "meta",
        "ads",
        "telemetry",
        "threads",
        "otel",
        "tab",
        "thread-actors",
    )
)
"""What Amp's clients ask, and all that stands below."""
SHOWN: Final = ("/threads", "/docs", "/settings")
"""Pages that a browser shows, and all that stands below; GET alone."""
FEEDS: Final = ("/threads.rss", "/news.rss")
SIGN_IN: Final = "/auth"
"""Where a browser is led, to and fro, when somebody signs in."""

NOT_LOCAL: Final = "Access denied: management routes restricted to localhost"
"""What the original says."""


class AmpModule:
    """State: the settings in force."""

    name = "amp-routing"

    def __init__(self, environ: Mapping[str, str] = os.environ, home: Callable[[], Path] = Path.home) -> None:
        self._settings = Amp()
        self._control_plane = ControlPlane(environ, home)
        self._aliases: Aliases | None = None

    def register(self, app: App, context: Context) -> None:
        """See `RouteModule`."""
        guard = _Guard(context, self._control_plane, lambda: self._settings)
        aliases = self._aliases = Aliases(context, self._control_plane, guard.manage)
        aliases.register(app)
        for path in MANAGEMENT:
            _add(app, path, guard.manage, None, Pages.NONE)
        for path in SHOWN:
            _add(app, path, guard.show, ("GET",), Pages.NAVIGATION)
        for path in FEEDS:
            app.route(path, ("GET",), public=True, pages=Pages.NAVIGATION, streams=True)(guard.manage)
        _add(app, SIGN_IN, guard.show, None, Pages.NAVIGATION)

    def reconfigure(self, settings: Amp) -> None:
        """See `RouteModule`."""
        self._settings = settings
        self._control_plane.reconfigure(settings)
        if self._aliases is not None:
            self._aliases.reconfigure(settings)


def _add(app: App, path: str, handler: Handler, methods: Sequence[str] | None, pages: Pages) -> None:
    """A path, and all that stands below. Whom to serve is the handler's business."""
    for pattern in (path, f"{path}/<anything:rest>"):
        app.route(pattern, methods, public=True, pages=pages, streams=True)(handler)


class _Guard:
    """Who may reach the control plane, and for whom that is shown the owner's key: whoever may use the models here."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, context: Context, control_plane: ControlPlane, settings: Callable[[], Amp]) -> None:
        self._context = context
        self._control_plane = control_plane
        self._settings = settings

    def manage(self, request: Request, **_: str) -> Deferred[None] | bytes:
        """For clients, who show a key if keys are configured."""
        return self._pass_on(request, keyed=True)

    def show(self, request: Request, **_: str) -> Deferred[None] | bytes:
        """For browsers, which have none to show."""
        return self._pass_on(request, keyed=False)

    def _pass_on(self, request: Request, *, keyed: bool) -> Deferred[None] | bytes:
        context, control_plane = self._context, self._control_plane
        if not control_plane.available:
            return refuse(request, 503, NOT_AVAILABLE)
        restricted = self._settings().restrict_management_to_localhost
        if restricted and not context.is_local(request):
            self._log.warn(
                "{path} is Amp's, and for this machine only",
                path=request.path[:SHOWN_PATH_BYTES].decode("utf-8", "replace"),
            )
            return refuse(request, 403, NOT_LOCAL)
        try:
            context.admit(request)
        except ProxyError as error:
            if keyed and (context.asks_for_keys or not restricted):
                return refuse(request, error.status, error.message)
            return control_plane.pass_on(request, context, shows_key=False)
        return control_plane.pass_on(request, context, shows_key=True)
