"""The two ends that a reply runs between: a client that has asked, and an upstream's body."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from cliproxy.config.schema import Streaming
from cliproxy.errors import UpstreamTrouble
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.pump import Pump
from cliproxy.streaming.sink import Sink
from cliproxy.translate.readers import PassedStream, ReplyReader
from tests.support.house import Asked, Caller

IDLE_SECONDS = 120.0


class _Held(Resource):
    """Keeps the request for the test."""

    isLeaf = True
    request: Request

    def render(self, request: Request) -> int:
        self.request = request
        return int(NOT_DONE_YET)


class ClientEnd:
    """A client that has asked, and the sink of its reply."""

    def __init__(self, settings: Streaming | None = None) -> None:
        self.clock = Clock()
        settings = settings or Streaming()
        resource = _Held()
        self.caller = Caller(Site(resource, timeout=None, reactor=self.clock), self.clock).ask(b"{}")
        self.request = resource.request
        self.flusher = Flusher(self.clock, settings.flush_seconds)
        self.sink = Sink(self.request, self.flusher, self.clock, settings.flush_bytes)

    def begin(self) -> ClientEnd:
        """Send the head."""
        self.sink.head(200, [(b"content-type", b"text/plain")])
        return self

    @property
    def timers(self) -> int:
        """How many are set."""
        return len(self.clock.getDelayedCalls())


class Reply:
    """An upstream's body on its way to a client."""

    def __init__(self, reader: ReplyReader | None = None) -> None:
        self.end = ClientEnd().begin()
        self.clock, self.sink, self.caller = self.end.clock, self.end.sink, self.end.caller
        self.pump = Pump(reader or PassedStream(ANTHROPIC), self.clock, IDLE_SECONDS, "req_1")
        self.upstream = Asked(self.clock, b"POST", b"http://up/", Headers(), b"")
        self.proofs: list[object] = []
        """What `proven` fired with."""
        self.outcomes: list[object] = []
        """What `done` fired with."""
        self.pump.proven.addBoth(self.proofs.append)
        self.pump.done.addBoth(self.outcomes.append)

    def deliver(self, *pieces: bytes, patience: float | None = None) -> Reply:
        """The body begins."""
        self.upstream.deliver_to(self.pump)
        self.pump.watch(patience)
        self.upstream.say(*pieces)
        return self

    def flow(self) -> Reply:
        """It proved good: let it flow."""
        assert self.proofs == [None]
        self.pump.flow(self.sink)
        return self

    @property
    def trouble(self) -> str:
        """What broke a reply that flowed."""
        (outcome,) = self.outcomes
        assert isinstance(outcome, UpstreamTrouble)
        return outcome.message
