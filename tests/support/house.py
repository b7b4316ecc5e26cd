"""The whole daemon in memory: its house behind real HTTP, clients' connections, and an upstream that the test plays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import attrs
import orjson
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IResponse
from twisted.web.server import Site
from zope.interface import implementer, provider

from cliproxy.config.schema import ClaudeKey, Config, Retrying, Timeouts
from cliproxy.house import House
from cliproxy.logins.login import Login
from cliproxy.routing.catalogue import CredentialId
from cliproxy.routing.standing import Standing
from cliproxy.secret import Secret
from cliproxy.upstream.bodies import BytesProducer
from cliproxy.upstream.transport import Transport
from cliproxy.web.channel import LimitedSite

T = TypeVar("T")

LOCAL = IPv4Address("TCP", "127.0.0.1", 50123)
HERE = IPv4Address("TCP", "127.0.0.1", 8317)
MODEL = "claude-opus-4-5"
EVENT_STREAM = ("Content-Type", "text/event-stream; charset=utf-8")
JSON = ("Content-Type", "application/json")
SOCKET_BYTES = 64 * 1024
"""What Twisted's transport gathers before it says that it is full."""


def event(kind: str, **fields: object) -> bytes:
    """One event in Anthropic's shape."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def delta(text: str) -> bytes:
    """A piece of a text."""
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def error_event(kind: str, message: str) -> bytes:
    """An error inside a stream, as an upstream tells it."""
    return event("error", error={"type": kind, "message": message})


START = event("message_start", message={"id": "msg_1", "model": MODEL, "content": [], "stop_reason": None})
PING = event("ping")
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
BLOCK_STOP = event("content_block_stop", index=0)
MESSAGE_DELTA = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
STOP = event("message_stop")
WHOLE = START + BLOCK + delta("Hel") + delta("lo") + BLOCK_STOP + MESSAGE_DELTA + STOP
"""A stream from its first to its last event."""
OVERLOADED = error_event("overloaded_error", "Overloaded")
LIMITED = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}, "kept":1}'
"""An error's body."""
NO_SUCH_MODEL = b'{"type":"error","error":{"type":"not_found_error","message":"model: claude-opus-4-5"}}'
MONTH = str(30 * 86_400)
"""In seconds, as some vendors say it in Retry-After."""


@implementer(IPushProducer)
class Asked:
    """One request as the upstream got it, for the test to answer. The body's receiver has it for a transport."""

    disconnecting = False

    def __init__(self, clock: Clock, method: bytes, uri: bytes, headers: Headers, body: bytes) -> None:
        self.clock = clock
        self.method = method
        self.uri = uri.decode()
        self.headers = headers
        self.body = body
        self.answered: Deferred[IResponse] = Deferred(lambda _: self._cancel())
        self.cancelled = False
        """Over before its head had come."""
        self.stopped = False
        """Cut within its body."""
        self.paused = 0
        self.resumed = 0
        self._receiver: IProtocol | None = None
        self._unheard: list[bytes] = []
        self._ending: Failure | None = None

    @property
    def is_paused(self) -> bool:
        return self.paused > self.resumed

    @property
    def over(self) -> bool:
        """Whether nothing of it goes on."""
        return self.cancelled or self.stopped or self._ending is not None

    def answer(self, status: int = 200, *headers: tuple[str, str], body: bytes = b"", end: bool = False) -> Asked:
        """Send the head, and what there is of the body in the same read."""
        if body:
            self._unheard.append(body)
        if end:
            self._ending = Failure(ResponseDone())
        raw = Headers()
        for name, value in headers or (EVENT_STREAM,):
            raw.addRawHeader(name, value)
        length = raw.getRawHeaders("Content-Length")
        self.answered.callback(_Response(status, raw, int(length[0]) if length else UNKNOWN_LENGTH, self))
        return self

    def say(self, *pieces: bytes) -> Asked:
        """Send some bytes of the body, each in a read of its own."""
        for piece in pieces:
            if self._receiver is None:
                self._unheard.append(piece)
            elif not self.stopped:
                self._receiver.dataReceived(piece)
        return self

    def end(self, reason: Exception | None = None) -> None:
        """End the body: well, or by a cut connection."""
        self._ending = Failure(reason or ResponseDone())
        if self._receiver is not None and not self.stopped:
            self._receiver.connectionLost(self._ending)

    def cut(self) -> None:
        """The connection breaks within the body."""
        self.end(ResponseFailed([Failure(ConnectionLost())]))

    def fail(self, reason: Exception | None = None) -> None:
        """No answer: the connection ends, or never came to be."""
        self.cancelled = True
        self.answered.errback(Failure(reason or ResponseNeverReceived([Failure(ConnectionLost())])))

    def deliver_to(self, receiver: IProtocol) -> None:
        """As the real connection does: what there is comes at once, within this call."""
        self._receiver = receiver
        receiver.makeConnection(cast(ITransport, self))
        if self._unheard:
            receiver.dataReceived(b"".join(self._unheard))
        if self._ending is not None and not self.stopped:
            receiver.connectionLost(self._ending)

    def pauseProducing(self) -> None:
        self.paused = self.resumed + 1

    def resumeProducing(self) -> None:
        self.resumed = self.paused

    def stopProducing(self) -> None:
        """The proxy cuts; as with a socket, the receiver hears of the end in a later turn."""
        if not self.over:
            self.stopped = True
            assert self._receiver is not None
            reason = Failure(ResponseFailed([Failure(ConnectionAborted())]))
            self.clock.callLater(0, self._receiver.connectionLost, reason)

    def _cancel(self) -> None:
        self.cancelled = True


@implementer(IResponse)
@attrs.define(eq=False)
class _Response:
    code: int
    headers: Headers
    length: object
    asked: Asked
    version: tuple[bytes, int, int] = (b"HTTP", 1, 1)
    phrase: bytes = b""
    request: object = None
    previousResponse: IResponse | None = None

    def deliverBody(self, protocol: IProtocol) -> None:
        self.asked.deliver_to(protocol)

    def setPreviousResponse(self, response: IResponse) -> None:
        raise AssertionError("a redirect was followed")


@implementer(IAgent)
class Upstream:
    """Keeps what it is asked, in order."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[Asked] = []
        self._clock = clock

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        body = bodyProducer.content if isinstance(bodyProducer, BytesProducer) else b""
        self.asked.append(Asked(self._clock, method, uri, headers or Headers(), body))
        return self.asked[-1].answered

    @property
    def last(self) -> Asked:
        return self.asked[-1]


class ClientTransport(StringTransport):
    """The proxy's end of a client's socket. Full when so much was written that the client has not read."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(hostAddress=HERE, peerAddress=LOCAL)
        self.reads = True
        self.unread = 0
        self._clock = clock
        self.channel: HTTPChannel | None = None

    def write(self, data: bytes) -> None:
        assert not self.disconnected, "written to a connection that was cut"
        super().write(data)
        if not self.reads:
            self.unread += len(data)
            if self.unread > SOCKET_BYTES and self.producer is not None:
                self.producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def abortConnection(self) -> None:
        super().abortConnection()
        self._clock.callLater(0, self.lose)

    def lose(self) -> None:
        """The connection is gone."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.connectionLost(Failure(ConnectionDone()))


class Caller:
    """One client's connection, and what came back on it so far."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.transport = ClientTransport(clock)
        channel: HTTPChannel = site.buildProtocol(LOCAL)
        self.transport.channel = channel
        channel.makeConnection(self.transport)

    def ask(self, body: bytes, *lines: str, path: str = "/v1/messages") -> Caller:
        """Send a request."""
        head = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1:8317", f"Content-Length: {len(body)}", *lines, "", "")
        assert self.transport.channel is not None
        self.transport.channel.dataReceived("\r\n".join(head).encode() + body)
        return self

    def leave(self) -> None:
        """Close the connection."""
        self.transport.lose()

    def stop_reading(self) -> None:
        """Read nothing more: the socket fills, and is full now."""
        self.transport.reads = False
        self.transport.unread = SOCKET_BYTES
        assert self.transport.producer is not None
        self.transport.producer.pauseProducing()

    def read(self) -> None:
        """Read all there is, and go on reading."""
        self.transport.reads = True
        self.transport.unread = 0
        assert self.transport.producer is not None
        self.transport.producer.resumeProducing()

    @property
    def raw(self) -> bytes:
        return bytes(self.transport.value())

    @property
    def told(self) -> bool:
        """Whether a head has come."""
        return b"\r\n\r\n" in self.raw

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; each at most once."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        pairs = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    @property
    def body(self) -> bytes:
        """As much as has come."""
        return self._parsed()[0]

    @property
    def ended(self) -> bool:
        """Whether the body has come to its proper end, with nothing behind it."""
        return self._parsed()[1]

    @property
    def was_cut(self) -> bool:
        return bool(self.transport.disconnected)

    @property
    def error(self) -> dict[str, Any]:
        """Of a whole error answer in Anthropic's shape."""
        assert self.ended
        document = orjson.loads(self.body)
        assert document["type"] == "error"
        return cast(dict[str, Any], document["error"])

    def _parsed(self) -> tuple[bytes, bool]:
        _, _, rest = self.raw.partition(b"\r\n\r\n")
        if "content-length" in self.headers:
            length = int(self.headers["content-length"])
            assert len(rest) <= length, "more came than was announced"
            return rest, len(rest) == length
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body += rest[:length]
            assert rest[length : length + 2] == b"\r\n"
            rest = rest[length + 2 :]
            if not length:
                assert not rest, "something came behind the end"
                return body, True
        return body, False


TODAY = 1_790_000_000.0
"""Unix time when the tests' clocks begin."""
ONE_ROUND = Retrying(max_retry_interval_seconds=0)
"""Each credential is asked once, and nobody waits for one to be ready again: most stories are told in one round."""


class MemoryHouse(House):
    """Asks an upstream in memory. Unless a test says how it is retried, in one round; `patient`: as by default."""

    def __init__(self, config: Config, clock: Clock, upstream: Upstream, *, patient: bool = False) -> None:
        self._clock, self._upstream, self._patient = clock, upstream, patient
        super().__init__(self._in_rounds(config), clock, wall=lambda: TODAY + clock.seconds())

    def configure(self, config: Config) -> None:
        """Use another configuration."""
        super().configure(self._in_rounds(config))

    def _in_rounds(self, config: Config) -> Config:
        if self._patient or config.retrying != Retrying():
            return config
        return attrs.evolve(config, retrying=ONE_ROUND)

    def _make_transport(self, timeouts: Timeouts) -> Transport:
        return Transport(self._clock, lambda way: self._upstream, timeouts.first_byte_seconds)


def refuse(asked: Asked, status: int, *headers: tuple[str, str], body: bytes = LIMITED) -> None:
    """An error answer, whole."""
    asked.answer(status, JSON, *headers, body=body, end=True)


def serve(asked: Asked) -> None:
    """A good stream, whole."""
    asked.answer(200, EVENT_STREAM, body=WHOLE, end=True)


class Daemon:
    """A daemon with some keys, all for Anthropic's upstream, in the order in which they are asked."""

    def __init__(self, keys: int = 1, config: Config | None = None, *, patient: bool = False) -> None:
        self.clock = Clock()
        self.upstream = Upstream(self.clock)
        plain = config or Config()
        if not plain.claude_keys:
            plain = attrs.evolve(plain, claude_keys=tuple(key(number) for number in range(keys)))
        self.config = plain
        self.house = MemoryHouse(plain, self.clock, self.upstream, patient=patient)
        self.site = LimitedSite(self.house.doors, self.clock, self.house.body_limit)

    def caller(self) -> Caller:
        """Another connection."""
        return Caller(self.site, self.clock)

    def stream(self, model: str = MODEL) -> Caller:
        """A client that asks for a stream."""
        return self.caller().ask(request(stream=True, model=model))

    def whole(self, model: str = MODEL) -> Caller:
        """A client that asks for a whole message."""
        return self.caller().ask(request(stream=False, model=model))

    def talk(self, session: str, *, stream: bool = True, model: str = MODEL) -> Caller:
        """A client that names its conversation; all others go on with the same one."""
        return self.caller().ask(request(stream=stream, model=model), f"X-Session-Id: {session}")

    @property
    def keys_asked(self) -> list[int]:
        """The number of the key that each request went out with."""
        return [number_of(asked) for asked in self.upstream.asked]

    def explained(self, client: Caller) -> dict[str, Any]:
        """Why a client's request was served by whom."""
        told = self.house.explanation(client.headers["x-request-id"])
        assert told is not None
        return told

    def pass_time(self, seconds: float, step: float = 0.005) -> None:
        """Second by second, or in smaller steps for a short time."""
        end = self.clock.seconds() + seconds
        while (left := end - self.clock.seconds()) > 1e-9:
            self.clock.advance(min(left, step if seconds < 1 else 1.0))

    def standings(self, model: str = MODEL) -> list[Standing | None]:
        """What is held against each key."""
        held = {credential: standing for credential, of, standing in self.house.pool.ledger.held() if of in ("", model)}
        return [held.get(CredentialId(name)) for name in self.house.credential_names]

    def failures(self, model: str = MODEL) -> list[int]:
        """How often each key has failed in a row."""
        return [standing.failures if standing else 0 for standing in self.standings(model)]

    def cooling(self, model: str = MODEL) -> list[int]:
        """For how many seconds each key cools."""
        now = TODAY + self.clock.seconds()
        return [max(0, round(standing.overdue_at - now)) if standing else 0 for standing in self.standings(model)]

    def assert_quiet(self) -> None:
        """Nothing goes on: no exchange, no timer, nothing upstream."""
        self.clock.advance(0)
        self.pass_time(0.03)
        assert self.house._exchanges.running == 0
        assert all(asked.over for asked in self.upstream.asked)
        assert self.clock.getDelayedCalls() == []


class Socket(StringTransport):
    """The proxy's end of a connection to an upstream."""

    protocol: Protocol

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed."""

    def abortConnection(self) -> None:
        super().abortConnection()
        self._clock.callLater(0, self.protocol.connectionLost, Failure(ConnectionAborted()))


class Outside:
    """A daemon with the agent that goes out to sockets, which are in memory."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.house = House(Config(claude_keys=(key(0, base_url="http://127.0.0.1:1"),)), self.reactor)
        self.site = LimitedSite(self.house.doors, self.reactor, self.house.body_limit)

    def stream(self) -> Caller:
        """A client that asks for a stream."""
        client = Caller(self.site, self.reactor).ask(request(stream=True))
        self.reactor.advance(0)
        return client

    def connect(self) -> Socket:
        """The connection that was asked for comes to be."""
        factory = self.reactor.tcpClients[-1][2]
        socket = Socket(self.reactor)
        protocol = factory.buildProtocol(LOCAL)
        assert isinstance(protocol, Protocol)
        socket.protocol = protocol
        protocol.makeConnection(socket)
        return socket


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
"""Of an upstream's answer, on the wire."""


def chunk(piece: bytes) -> bytes:
    """A piece of a chunked body, on the wire; the last one is empty."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def key(number: int, **more: Any) -> ClaudeKey:
    """One of some keys."""
    return ClaudeKey(Secret(f"sk-ant-upstream-key-{number}"), **more)


class FakeRenewer:
    """Gets tokens when the test says so. Keeps who asked, and with which token."""

    def __init__(self, house: House) -> None:
        self.asked: list[tuple[str, str]] = []
        self.cancelled = 0
        self._house = house
        self._waiting: list[Deferred[bool]] = []
        house.renew_with(self)

    def renew(self, name: str, spent: Secret) -> Deferred[bool]:
        """See `Renewer`."""
        self.asked.append((name, spent.reveal()))
        self._waiting.append(Deferred(lambda _: self._give_up()))
        return self._waiting[-1]

    def give(self, login: Login) -> None:
        """There is another token: this one."""
        self._house.take_logins({login.name: login})
        self._end(True)

    def refuse(self) -> None:
        """There is none."""
        self._end(False)

    def _end(self, renewed: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.called:
                one.callback(renewed)

    def _give_up(self) -> None:
        self.cancelled += 1


def at_once(work: Callable[[], T]) -> Deferred[T]:
    """Work off the reactor, by a disk that is quick."""
    return execute(work)


def login(number: int, token: str | None = None, **more: Any) -> Login:
    """An account that was logged in to, at Anthropic; with a token of its own, or this one."""
    access = Secret(f"access-token-{number}" if token is None else token)
    refresh = Secret(f"refresh-token-{number}")
    return Login(f"claude-{number}.json", "claude", access_token=access, refresh_token=refresh, **more)


def bearer_of(asked: Asked) -> str:
    """The token that a request went out with."""
    (line,) = asked.headers.getRawHeaders(b"authorization", [])
    return line.decode().removeprefix("Bearer ")


def number_of(asked: Asked) -> int:
    """Of the key that a request went out with."""
    (name,) = asked.headers.getRawHeaders(b"x-api-key", [])
    return int(name.rpartition(b"-")[2])


def request(stream: bool, model: str = MODEL) -> bytes:
    """A request's body, spelled as no serialiser would."""
    said = b'"messages":[{"role":"user","content":"\\u0048i \xe2\x98\x95"}]'
    fields = (orjson.dumps(model), b"true" if stream else b"false", said)
    return b'{ "max_tokens":1.0e2,\t"model" : %b, "stream":%b,\n %b}' % fields


@contextmanager
def logged(least: LogLevel = LogLevel.warn) -> Iterator[list[LogEvent]]:
    """What is logged meanwhile, from that level on."""
    events: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(told: LogEvent) -> None:
        if told["log_level"] >= least:
            events.append(told)

    globalLogPublisher.addObserver(observe)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(observe)
