"""HTTP/1.1 in memory: a client's connection to the proxy's site, raw bytes in and parsed answers out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import orjson
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.config.schema import Access
from cliproxy.errors import ProxyError
from cliproxy.modules import Dress, Errand, HasRoutes, Reply
from cliproxy.secret import Secret
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.sink import Sink
from cliproxy.web.channel import IDLE_SECONDS, LimitedSite
from cliproxy.web.gate import Gate
from cliproxy.web.site import Doors

KEY = "sk-of-a-client-0123456789"
LOCAL = IPv4Address("TCP", "127.0.0.1", 50123)
REMOTE = IPv4Address("TCP", "203.0.113.9", 50123)
HERE = IPv4Address("TCP", "127.0.0.1", 8317)


class FakeHouse:
    """What is behind the doors: keeps what was asked, and answers `{}`, or fails, or waits for its client to leave."""

    def __init__(self, body_limit: int = 4096) -> None:
        self.model_names: Sequence[str] = ("claude-opus-4-5", "team/claude-opus-4-5")
        self.body_limit = body_limit
        self.asked: list[Ask] = []
        self.trouble: Exception | None = None
        self.reason: str | None = None
        self.waits = False
        self.serves_sockets = True
        self.cancelled = 0
        self.dresses: list[Dress | None] = []
        self.errands: list[Errand] = []
        self.attended: list[Deferred[None]] = []
        self.clock = Clock()

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        self.asked.append(ask)
        self.dresses.append(dress)
        if self.waits:
            return Deferred(self._cancelled)
        served: Deferred[None] = Deferred()
        if self.trouble is not None:
            served.errback(Failure(self.trouble))
            return served
        request.setHeader(b"content-length", b"2")
        request.write(b"{}")
        request.finish()
        served.callback(None)
        return served

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        self.asked.append(ask)
        return Deferred(self._cancelled)

    def _cancelled(self, _: Deferred[None]) -> None:
        self.cancelled += 1

    def serves(self, model: str) -> bool:
        return model in self.model_names

    def pass_on(self, errand: Errand) -> Deferred[Reply]:
        self.errands.append(errand)
        return Deferred()

    def outlet(self, request: Request) -> Outlet:
        return Sink(request, Flusher(self.clock, 0.010), self.clock, 16 * 1024)

    def attend(self, served: Deferred[None]) -> Deferred[None]:
        self.attended.append(served)
        return served

    def nearest_models(self, name: str) -> Sequence[str]:
        return self.model_names[:1]

    def why_not_ready(self) -> str | None:
        return self.reason


class Wire(StringTransport):
    """As forgiving as a TCP transport, and tells whether it was cut rather than closed."""

    aborted = False

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            super().unregisterProducer()

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


@attrs.frozen
class Answer:
    """One answer of the wire."""

    status: int
    headers: Sequence[tuple[str, str]]
    """Names in lower case."""
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The one header of that name."""
        (value,) = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given == name]

    @property
    def error(self) -> dict[str, str]:
        """The `error` of an error body, after a look at what every error body of either format has."""
        assert self["content-type"] == "application/json"
        assert self["x-request-id"].startswith("req_")
        document = orjson.loads(self.body)
        if "request_id" in document:
            assert document["type"] == "error"
            assert document["request_id"] == self["x-request-id"]
            assert document["error"].keys() == {"type", "message"}
        else:
            assert document.keys() == {"error"}
            assert document["error"].keys() == {"message", "type", "param", "code"}
        error: dict[str, str] = document["error"]
        return error


class Client:
    """A client's connection. Whatever is not said otherwise: no keys are configured, and the client is a local one."""

    def __init__(
        self,
        house: FakeHouse | None = None,
        access: Access | None = None,
        peer: IAddress = LOCAL,
        here: IAddress = HERE,
        modules: Iterable[HasRoutes] = (),
    ) -> None:
        self.house = house or FakeHouse()
        self.clock = self.house.clock
        self.doors = Doors(self.house, Gate(access or Access()), modules)
        self.transport = Wire(hostAddress=here, peerAddress=peer)
        self.site = LimitedSite(self.doors, self.clock, self.house.body_limit)
        self.channel: HTTPChannel = self.site.buildProtocol(peer)
        self.channel.makeConnection(self.transport)
        self._methods: list[str] = []

    def feed(self, *pieces: bytes) -> Client:
        """Send bytes as they are."""
        for piece in pieces:
            self.channel.dataReceived(piece)
        return self

    def send(
        self,
        method: str,
        target: str = "/",
        *lines: str,
        body: bytes | None = None,
        host: str | None = "127.0.0.1:8317",
        version: str = "1.1",
    ) -> Client:
        """Send a request. `lines` are further header lines."""
        self._methods.append(method)
        head = [f"{method} {target} HTTP/{version}", *lines]
        if host is not None:
            head.append(f"Host: {host}")
        if body is not None:
            head.append(f"Content-Length: {len(body)}")
        return self.feed("\r\n".join((*head, "", "")).encode("latin-1") + (body or b""))

    def ask(self, method: str, target: str = "/", *lines: str, **more: object) -> Answer:
        """Send a request, and take its answer."""
        self.transport.clear()
        self._methods.clear()
        self.send(method, target, *lines, **more)  # type: ignore[arg-type]  # checked as it runs
        (answer,) = self.answers()
        return answer

    def post(self, body: bytes, *lines: str, target: str = "/v1/messages") -> Answer:
        return self.ask("POST", target, *lines, body=body)

    def answers(self) -> list[Answer]:
        """Everything that has come back, which must be whole answers and nothing else."""
        return list(_answers(self.transport.value(), self._methods))

    def leave(self) -> None:
        """Close the connection."""
        self.channel.connectionLost(Failure(ConnectionDone()))

    @property
    def closed(self) -> bool:
        """Whether the proxy closes the connection."""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    @property
    def deadlines(self) -> list[float]:
        """In how many seconds something happens, beside the idle timeout of a connection just used."""
        ahead = (call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls())
        return sorted(seconds for seconds in ahead if seconds != IDLE_SECONDS)


def _answers(raw: bytes, methods: Iterable[str]) -> Iterable[Answer]:
    asked = list(methods)
    while raw:
        head, end, raw = raw.partition(b"\r\n\r\n")
        assert end, f"an unfinished head: {head!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        protocol, status, _ = first.split(" ", 2)
        assert protocol in ("HTTP/1.1", "HTTP/1.0")
        pairs = (line.partition(": ") for line in lines)
        answer = Answer(int(status), [(name.lower(), value) for name, _, value in pairs], b"")
        if answer.status < 200:
            continue
        method = asked.pop(0) if asked else "GET"
        body, raw = _body(answer, method, raw)
        yield attrs.evolve(answer, body=body)


def _body(answer: Answer, method: str, raw: bytes) -> tuple[bytes, bytes]:
    lengths, codings = answer.all("content-length"), answer.all("transfer-encoding")
    assert len(lengths) + len(codings) <= 1
    if method == "HEAD" or answer.status == 204:
        return b"", raw
    if lengths:
        length = int(lengths[0])
        assert len(raw) >= length
        return raw[:length], raw[length:]
    if not codings:
        return raw, b""
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        assert raw[length : length + 2] == b"\r\n"
        body, raw = body + raw[:length], raw[length + 2 :]
        if not length:
            return body, raw


def with_keys(*keys: str, **more: tuple[str, ...]) -> Access:
    """Access for some client keys."""
    return Access(api_keys=tuple(Secret(key) for key in keys or (KEY,)), **more)


def unavailable(error: ProxyError) -> FakeHouse:
    """A house that fails so."""
    house = FakeHouse()
    house.trouble = error
    return house
