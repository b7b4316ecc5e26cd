"""The seam for further routes: a module brings paths of its own, and is given what the daemon can do for them.

Amp's door is one; others are named in the configuration (`route-modules`) by the dotted path of what makes them.

    class Hello:
        name = "hello"

        def register(self, app: App, context: Context) -> None:
            @app.route("/hello/<who>")
            def hello(request: Request, who: str) -> bytes:
                return f"Hello, {who}!".encode()

        def reconfigure(self, settings: Mapping[str, object]) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, Literal, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.secret import Secret
from cliproxy.streaming.outlet import Outlet

Settings = TypeVar("Settings", contravariant=True)

Handler = Callable[..., "Deferred[None] | bytes"]
"""Takes the request, and by name what its path pattern caught. Gives a whole answer, or a Deferred after its own."""
Dress = Callable[[Outlet], Outlet]
"""Puts something between a reply and the client."""
ListShape = Literal["anthropic", "gemini", "openai"]
"""How one vendor writes its list of models."""
FAILURES: Final = (Exception, SystemExit)
"""What of a module may not end the daemon: a script that is imported as one may well exit."""


class Pages(Enum):
    """What a page in a browser may do at a path. Those of the daemon's own origin may do everything."""

    AS_CONFIGURED = auto()
    """Pages of `allowed-origins` may read the answers."""
    NONE = auto()
    """No other page, whatever is configured: a preflight is refused, and no answer says that a page may read it."""
    NAVIGATION = auto()
    """The same, but a link or redirect of another site may lead there: what comes back is shown, not told to it."""


class App(Protocol):
    """Takes a module's routes."""

    def route(
        self,
        path: str,
        methods: Sequence[str] | None = ("GET",),
        *,
        public: bool = False,
        pages: Pages = Pages.AS_CONFIGURED,
        streams: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Serve a path pattern (werkzeug's syntax) by the handler that this decorates. `methods` None: any.

        Callers need a client key, unless it is `public`; then whom to serve is the handler's business. `streams`: it is
        called as soon as a request's head is there, and takes the body by `Context.body_of` while that arrives.
        """


@attrs.frozen
class Errand:
    """A request that is passed on, as it leaves."""

    method: bytes
    base_url: str
    """Scheme, host and perhaps a path, without a slash at the end."""
    target: bytes
    """Path and query, which follow that byte for byte. Begins with a slash."""
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(repr=False)
    """Sent as they are; those of the connection itself (Host, Connection, Content-Length …) are not among them, but
    `Upgrade` may be: then the answer may be a 101.
    """
    body: bytes | IBodyProducer = attrs.field(default=b"", repr=False)


class Reply(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """HTTP's."""

    @property
    def headers(self) -> Headers:
        """As they came."""

    @property
    def length(self) -> int | None:
        """Of the body in bytes, where the head names it."""

    def deliver(self, receiver: IProtocol) -> None:
        """Hand the body to `receiver`, as `IResponse.deliverBody` does.

        After a 101 it is handed what comes of the connection, and its transport is a `Connection`.
        """


class TakesConnection(Protocol):
    """What a connection speaks once it is no HTTP any more."""

    def dataReceived(self, data: bytes) -> None:
        """Some bytes have come of the client."""

    def connectionLost(self, reason: Failure) -> None:
        """The client's connection is gone."""

    def drain(self) -> None:
        """The daemon stops: end when what is under way has ended."""

    def stop(self) -> None:
        """The daemon has stopped: end now, in order."""


class Connection(Protocol):
    """A connection that is no HTTP any more: a client's that was taken over, or, after a 101, the upstream's."""

    def write(self, data: bytes) -> None:
        """Send."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Have `producer` paused and resumed as the socket fills and empties."""

    def unregisterProducer(self) -> None:
        """No more."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read again."""

    def loseConnection(self) -> None:
        """Close once all is sent."""

    def abortConnection(self) -> None:
        """Cut."""


class Context(Protocol):
    """What the daemon does for a module. Whatever a reload changes is asked of it anew each time."""

    @property
    def clock(self) -> IReactorTime:
        """For every timer of the module."""

    # -- who calls

    def admit(self, request: Request) -> None:
        """Raise `Unauthenticated` or `Refused` unless the caller may use the models."""

    @property
    def asks_for_keys(self) -> bool:
        """Whether client keys are configured."""

    def key_of(self, request: Request) -> Secret | None:
        """The client key that the caller shows, if it is one of ours."""

    def holds_key(self, text: bytes) -> bool:
        """Whether one of our client keys stands in a header's value or a query's, percent-encoded or not."""

    def is_local(self, request: Request) -> bool:
        """Whether the peer is this machine; whom it forwards for counts only if it is one of `trusted-proxies`."""

    def forwarded_for(self, request: Request) -> bytes:
        """For X-Forwarded-For: the peer's address, behind what a trusted proxy says."""

    def target_of(self, request: Request) -> bytes:
        """Path and query as they came, from below where the daemon is mounted; without our own keys."""

    # -- the models

    def serves(self, model: str) -> bool:
        """Whether anybody here serves a model, with or without the suffix of its name."""

    def model_list(self, shape: ListShape) -> bytes:
        """Every model, as JSON."""

    def one_model(self, shape: ListShape, name: str) -> bytes:
        """One of them. Raises `UnknownModel`."""

    def read(self, path: str, request: Request, **caught: str) -> Ask:
        """Read a request as the daemon's own `path` does, one of those where a model is asked: `/v1/messages`.

        Raises `ClientMistake`.
        """

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        """Serve it, to the end of its reply. Fails with `ProxyError` if there is none to be told."""

    # -- what is passed on

    def raw_body(self, request: Request) -> bytes:
        """The whole body as it came, whatever its coding. Raises `TooLarge`. Not for a path that `streams`."""

    def body_of(self, request: Request) -> bytes | IBodyProducer:
        """The body: all of it if it is there, else what gives it as it arrives, and is paused as the reader is."""

    def send(self, errand: Errand) -> Deferred[Reply]:
        """Fires with the answer once its head has come; fails with `UpstreamTrouble`. Cancelling cuts it off."""

    def outlet(self, request: Request) -> Outlet:
        """The client's end of an answer that the module writes itself."""

    def take_over(self, request: Request, head: bytes, protocol: TakesConnection) -> Connection:
        """End HTTP on the client's connection with this answer's head; what comes from then on is the protocol's.

        Raises `UpgradeRequired` where the server that the daemon is mounted in keeps its connections to itself.
        """


class HasRoutes(Protocol):
    """A module, as far as the doors need it: whoever tells it its settings, they do not."""

    @property
    def name(self) -> str:
        """For the log."""

    def register(self, app: App, context: Context) -> None:
        """Add the routes. Called once, before anything is served."""


class RouteModule(HasRoutes, Protocol[Settings]):
    """Further routes. What it raises is logged, and leaves the daemon without the module, not without itself."""

    def reconfigure(self, settings: Settings) -> None:
        """These settings hold from now on. Called behind `register`, and after each reading of the configuration."""
