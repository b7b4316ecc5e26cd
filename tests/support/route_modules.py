"""Modules with routes, as somebody else would write them; found by their dotted paths."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.web.server import Request

from cliproxy.modules import App, Context

HELLO = "tests.support.route_modules.Hello"
BROKEN = "tests.support.route_modules.Broken"
UNMADE = "tests.support.route_modules.Unmade"
DEAF = "tests.support.route_modules.Deaf"
LEAVING = "tests.support.route_modules.Leaving"
SCRIPT = "tests.support.route_modules.Script"


class Hello:
    """Greets by name, in the words of its settings."""

    name = "hello"

    def __init__(self) -> None:
        self.greeting = "Nothing"
        self.context: Context | None = None

    def register(self, app: App, context: Context) -> None:
        """See `RouteModule`."""
        self.context = context

        @app.route("/hello/<who>")
        def hello(request: Request, who: str) -> bytes:
            return f"{self.greeting}, {who}!".encode()

        @app.route("/hello", ("POST",), public=True)
        def body(request: Request) -> bytes:
            return context.raw_body(request)

    def reconfigure(self, settings: Mapping[str, object]) -> None:
        """See `RouteModule`."""
        self.greeting = str(settings.get("greeting", "Hello"))


class Broken(Hello):
    """Adds a route, and fails."""

    name = "broken"

    def register(self, app: App, context: Context) -> None:
        """See `RouteModule`."""
        super().register(app, context)
        raise RuntimeError("out of routes")


class Deaf(Hello):
    """Cannot be told anything."""

    name = "deaf"

    def reconfigure(self, settings: Mapping[str, object]) -> None:
        """See `RouteModule`."""
        raise RuntimeError("what?")


class Script:
    """No module: it exits, as a script does when it is imported."""

    def __init__(self) -> None:
        raise SystemExit(3)


class Leaving(Hello):
    """Exits whenever it is told anything."""

    name = "leaving"

    def register(self, app: App, context: Context) -> None:
        """See `RouteModule`."""
        raise SystemExit(3)

    def reconfigure(self, settings: Mapping[str, object]) -> None:
        """See `RouteModule`."""
        raise SystemExit(3)


class Unmade:
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("not today")
