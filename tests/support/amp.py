"""What stands around Amp's reverse proxy, in memory: a client's connection, and an upstream's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.iweb import IBodyProducer
from twisted.web.server import Request, Site

from cliproxy.amp.control_plane import ControlPlane
from cliproxy.ask import Ask
from cliproxy.config.schema import Amp
from cliproxy.errors import ProxyError, UpgradeRequired
from cliproxy.modules import Connection, Dress, Errand, ListShape, Reply, TakesConnection
from cliproxy.secret import Secret
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.sink import Sink
from tests.support.passing import Pipe, Told

CLIENT_KEY: Final = "sk-of-a-client-0123456789"
AMP_KEY: Final = "sgamp_of_the_owner_0123"
UPSTREAM: Final = "https://ampcode.com"
PEER: Final = b"127.0.0.1"
WITH_KEY: Final = Amp(upstream_url=UPSTREAM, upstream_api_key=Secret(AMP_KEY))


NO_MODELS = "what is passed on asks for no model"


class MemoryContext:
    """A `Context` whose upstream is the test."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.client: Secret | None = Secret(CLIENT_KEY)
        self.errands: list[Errand] = []
        self.answered: list[Deferred[Reply]] = []
        self.cancelled = 0
        self.outlets: list[Outlet] = []
        self.takes_over = True
        self.taken: list[tuple[bytes, Pipe, TakesConnection]] = []
        self.body: bytes | IBodyProducer | None = None
        """In place of the request's."""

    def admit(self, request: Request) -> None:
        """Everybody."""

    @property
    def asks_for_keys(self) -> bool:
        return True

    def key_of(self, request: Request) -> Secret | None:
        return self.client

    def holds_key(self, text: bytes) -> bool:
        return CLIENT_KEY.encode() in unquote_to_bytes(text)

    def is_local(self, request: Request) -> bool:
        return True

    def forwarded_for(self, request: Request) -> bytes:
        return PEER

    def target_of(self, request: Request) -> bytes:
        return request.uri

    def serves(self, model: str) -> bool:
        return False

    def model_list(self, shape: ListShape) -> bytes:
        raise AssertionError(NO_MODELS)

    def one_model(self, shape: ListShape, name: str) -> bytes:
        raise AssertionError(NO_MODELS)

    def read(self, path: str, request: Request, **caught: str) -> Ask:
        raise AssertionError(NO_MODELS)

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        raise AssertionError(NO_MODELS)

    def raw_body(self, request: Request) -> bytes:
        raise AssertionError(NO_MODELS)

    def body_of(self, request: Request) -> bytes | IBodyProducer:
        if self.body is not None:
            return self.body
        assert isinstance(request.content, BytesIO)
        return request.content.read()

    def send(self, errand: Errand) -> Deferred[Reply]:
        self.errands.append(errand)
        answered: Deferred[Reply] = Deferred(self._cancel)
        self.answered.append(answered)
        return answered

    def outlet(self, request: Request) -> Outlet:
        self.outlets.append(Sink(request, Flusher(self.clock, 0.01), self.clock, 16384))
        return self.outlets[-1]

    def take_over(self, request: Request, head: bytes, protocol: TakesConnection) -> Connection:
        if not self.takes_over:
            raise UpgradeRequired("not here")
        self.taken.append((head, Pipe(), protocol))
        return self.taken[-1][1]

    def _cancel(self, _: Deferred[Reply]) -> None:
        self.cancelled += 1


class Wire(StringTransport):
    """A client's socket. What is cut is lost in a later turn, as with a real one."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.channel: HTTPChannel | None = None
        self.aborted = False
        self._clock = clock

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        if not self.aborted:
            self.aborted = True
            self._clock.callLater(0, self.lose, ConnectionAborted())

    def lose(self, reason: Exception | None = None) -> None:
        if self.channel is not None:
            channel, self.channel = self.channel, None
            channel.connectionLost(Failure(reason or ConnectionDone()))


class Passage:
    """A client's request on its way through the reverse proxy; the test is the control plane."""

    def __init__(
        self,
        settings: Amp = WITH_KEY,
        environ: Mapping[str, str] | None = None,
        shows_key: bool = True,
    ) -> None:
        """`shows_key`: for `pass_on`."""
        self.clock = Clock()
        self.context = MemoryContext(self.clock)
        self.control_plane = ControlPlane(environ or {}, lambda: Path("/nobody's"))
        self.control_plane.reconfigure(settings)
        self.unexpected: list[Failure] = []
        self.served: list[Deferred[None]] = []
        self._shows_key = shows_key
        app = Klein()
        app.route("/", branch=True)(self._pass_on)
        tellers: tuple[tuple[type[Exception], Callable[..., bytes]], ...] = (
            (ProxyError, _tell),
            (Exception, self._fail),
        )
        for kind, teller in tellers:
            app.handle_errors(kind)(teller)
        self.wire = Wire(self.clock)
        site = Site(app.resource(), timeout=None, reactor=self.clock)
        site.displayTracebacks = False
        channel: HTTPChannel = site.buildProtocol(None)
        self.wire.channel = channel
        channel.makeConnection(self.wire)

    def ask(
        self, method: str = "GET", target: str = "/api/threads", *lines: str, body: bytes = b"", version: str = "1.1"
    ) -> Passage:
        """Send a request."""
        head = [f"{method} {target} HTTP/{version}", "Host: 127.0.0.1:8317", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        assert self.wire.channel is not None
        self.wire.channel.dataReceived("\r\n".join((*head, "", "")).encode("latin-1") + body)
        return self

    def answer(self, told: Told | Exception) -> Passage:
        """What the control plane answers to the request that came last."""
        answered = self.context.answered[-1]
        if isinstance(told, Exception):
            answered.errback(Failure(told))
        else:
            answered.callback(told)
        return self

    def leave(self) -> None:
        """The client closes its connection."""
        self.wire.lose()

    def turn(self, seconds: float = 0.0) -> Passage:
        """Time passes."""
        self.clock.advance(seconds)
        return self

    @property
    def errand(self) -> Errand:
        """The one request that went upstream."""
        (errand,) = self.context.errands
        return errand

    def sent(self, name: str) -> list[bytes]:
        """The values of that header's lines in it."""
        return [value for given, value in self.errand.headers if given == name.encode()]

    @property
    def raw(self) -> bytes:
        """What has come back."""
        return bytes(self.wire.value())

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    def all(self, name: str) -> list[str]:
        """The values of that header's lines in the answer."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return [value for given, _, value in pairs if given.lower() == name]

    @property
    def body(self) -> bytes:
        """As much as has come, without the framing of chunks."""
        return self._parsed[0]

    @property
    def ended(self) -> bool:
        """Whether the body has come to a proper end."""
        return self._parsed[1]

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())

    @property
    def _parsed(self) -> tuple[bytes, bool]:
        _, end, rest = self.raw.partition(b"\r\n\r\n")
        if not end:
            return b"", False
        lengths = self.all("content-length")
        if lengths:
            assert len(rest) <= int(lengths[0])
            return rest, len(rest) == int(lengths[0])
        if self.all("transfer-encoding") != ["chunked"]:
            return rest, self.wire.disconnecting
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, not rest
        return body, False

    def _pass_on(self, request: Request) -> Deferred[None]:
        served = self.control_plane.pass_on(request, self.context, shows_key=self._shows_key)
        self.served.append(served)
        return served

    def _fail(self, request: Request, failure: Failure) -> bytes:
        self.unexpected.append(failure)
        request.setResponseCode(500)
        return b"unexpected"


def _tell(request: Request, failure: Failure) -> bytes:
    error = failure.value
    assert isinstance(error, ProxyError)
    request.setResponseCode(error.status)
    return error.message.encode()
