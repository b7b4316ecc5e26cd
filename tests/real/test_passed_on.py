"""Requests that are passed on, over real sockets: what each side sees of the other's end, and that nothing is left."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import httptools
import pytest
from hyperlink import EncodedURL
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from cliproxy.errors import Broken
from cliproxy.upstream.agent import MAX_IDLE, PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.handover import RawTransport
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.transport import Answer, Outgoing, Transport
from cliproxy.upstream.urls import url_at
from tests.support.arriving import Arriving
from tests.support.reactor import until
from tests.support.upstream import (
    LAST_CHUNK,
    OK,
    OLD_CERTIFICATE_OBJECTS,
    STREAM,
    chunk,
    factory_of,
    listen,
    on_the_reactor,
    port_of,
    throwaway_certificate,
)

REQUESTS: Final = 10_000
AT_ONCE: Final = 50
PIECE: Final = b"x" * 3000
SWITCH: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
UPGRADE: Final = ((b"connection", b"Upgrade"), (b"upgrade", b"echo"))


def reactor() -> IReactorTime:
    from twisted.internet import reactor

    return reactor


class Upstream(Protocol):
    """A control plane. The path says what it answers; where it cuts the connection, chance may say.

    `/whole`, `/stream`, `/to-the-end` are answered when the request is whole; `/early` before its body, `/switch` with
    a 101 and an echo, `/never` not at all, and `/deaf` is not even read.
    """

    def __init__(self, cuts: Callable[[str], bool] = lambda _: False) -> None:
        self.body = b""
        self.echoed = b""
        self.whole = False
        self.lost: Failure | None = None
        self._cuts = cuts
        self._url = b""
        self._switched = False
        self._parser = httptools.HttpRequestParser(self)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.lost is not None:
            return
        if self._switched:
            self._echo(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._switched = True
            if not self._cut("head"):
                self.transport.write(SWITCH)
                self._echo(data[switch.args[0] :])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def on_message_begin(self) -> None:
        self.whole = False
        self._url = self.body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_headers_complete(self) -> None:
        assert self.transport is not None
        if self._cut("head"):
            return
        if self._url == b"/early":
            self.transport.write(OK)
        elif self._url == b"/deaf":
            IPushProducer(self.transport).pauseProducing()

    def on_body(self, piece: bytes) -> None:
        self.body += piece
        self._cut("upload")

    def on_message_complete(self) -> None:
        assert self.transport is not None
        self.whole = True
        if self._url == b"/whole":
            self.transport.write(OK[:-1])
            if not self._cut("answer"):
                self.transport.write(OK[-1:])
        elif self._url == b"/stream":
            self.transport.write(STREAM + chunk(PIECE))
            reactor().callLater(0, self._go_on)
        elif self._url == b"/to-the-end":
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n" + PIECE)
            self.transport.loseConnection()

    def _go_on(self) -> None:
        if self.transport is not None and self.lost is None and not self._cut("answer"):
            self.transport.write(chunk(PIECE) + LAST_CHUNK)

    def _echo(self, data: bytes) -> None:
        assert self.transport is not None
        self.echoed += data
        if data and not self._cut("tunnel"):
            self.transport.write(data)

    def _cut(self, phase: str) -> bool:
        assert self.transport is not None
        cut = self.lost is None and self._cuts(phase)
        if cut:
            ITCPTransport(self.transport).abortConnection()
        return cut


@implementer(IBodyProducer)
class Feeding:
    """A body that comes in pieces, one in each turn of the reactor. `fails` after so many of them."""

    def __init__(self, pieces: int, known: bool, fails: int | None = None) -> None:
        self.length = pieces * len(PIECE) if known else UNKNOWN_LENGTH
        self.over = False
        self.peak = 0
        self._left = pieces
        self._fails = fails
        self._call: IDelayedCall | None = None
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] = Deferred()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self._consumer = consumer
        self.resumeProducing()
        return self._done

    def pauseProducing(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def resumeProducing(self) -> None:
        if self._call is None and not self.over:
            self._call = reactor().callLater(0, self._give)

    def stopProducing(self) -> None:
        self.pauseProducing()
        self.over = True

    def _give(self) -> None:
        self._call = None
        assert self._consumer is not None
        if self._fails == 0:
            self.over = True
            self._done.errback(Left())
        elif self._left == 0:
            self.over = True
            self._done.callback(None)
        else:
            self._left -= 1
            self.peak += len(PIECE)
            self._fails = None if self._fails is None else self._fails - 1
            self.resumeProducing()
            self._consumer.write(PIECE)


class Left(Exception):
    """The client has left in the middle of its body."""


class Taking(Protocol):
    """Takes a body, or a connection. `enough` is asked after each piece, and may do something with the transport."""

    def __init__(self, enough: Callable[[Taking], None] = lambda _: None) -> None:
        self.taken = b""
        self.over: Deferred[type[BaseException]] = Deferred()
        """Fires with the kind of the end."""
        self._enough = enough

    def dataReceived(self, data: bytes) -> None:
        self.taken += data
        self._enough(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.over.callback(type(reason.value))


class Passing:
    """A transport of ours, and an upstream on loopback with all its connections."""

    def __init__(self, url: str, connections: list[Upstream], agent: PooledAgent) -> None:
        self.url = EncodedURL.from_text(url)
        self.upstreams = connections
        self.agent = agent
        self.transport = Transport(reactor(), lambda _: agent, 30.0)

    def send(self, path: str, body: bytes | IBodyProducer = b"", *lines: tuple[bytes, bytes]) -> Deferred[Answer]:
        method = "POST" if body else "GET"
        headers = HeaderLines(lines)
        return self.transport.send(Outgoing(method, url_at(self.url, path.encode()), headers, body, as_it_is=True))

    @property
    def open(self) -> int:
        """Connections that the upstream has."""
        return sum(upstream.lost is None for upstream in self.upstreams)


@asynccontextmanager
async def passing(
    cuts: Callable[[str], bool] = lambda _: False, certificate: PrivateCertificate | None = None
) -> AsyncIterator[Passing]:
    connections: list[Upstream] = []

    def build() -> Upstream:
        connections.append(Upstream(cuts))
        return connections[-1]

    def trusting(host: str) -> IOpenSSLClientConnectionCreator:
        return optionsForClientTLS(host, trustRoot=certificate)

    door = await listen(factory_of(build), certificate)
    agent = PooledAgent(reactor(), connector(reactor(), None, trusting), 5.0)
    scheme, host = ("http", "127.0.0.1") if certificate is None else ("https", "localhost")
    try:
        yield Passing(f"{scheme}://{host}:{port_of(door)}", connections, agent)
    finally:
        agent.retire()
        await maybeDeferred(door.stopListening)
        assert await until(lambda: all(upstream.lost for upstream in connections), reactor())


# -- one at a time ------------------------------------------------------------------------------------------------


@on_the_reactor
async def test_a_body_arrives_as_it_is_sent() -> None:
    async with passing() as through:
        for known in (True, False):
            answer = await through.send("/whole", Feeding(100, known))
            answer.deliver(taking := Taking())
            await taking.over
            assert taking.taken == b"{}"
            assert through.upstreams[-1].body == PIECE * 100
        assert through.agent.idle == 2


@on_the_reactor
async def test_an_upstream_that_does_not_read_pauses_the_body() -> None:
    async with passing() as through:
        sent = through.send("/deaf", body := Feeding(10_000, known=False))
        sent.addErrback(lambda failure: failure.trap(CancelledError))
        still = [-1]

        def stands() -> bool:
            still.append(body.peak)
            return body.peak > 0 and still[-30:].count(body.peak) == 30

        assert await until(stands, reactor(), 20)
        assert body.peak < 10_000 * len(PIECE)
        sent.cancel()
        await sent
        assert body.over
        IPushProducer(through.upstreams[0].transport).resumeProducing()


@on_the_reactor
async def test_the_upstream_sees_the_cut_of_a_body_that_failed() -> None:
    async with passing() as through:
        with pytest.raises(Left):
            await through.send("/whole", Feeding(100, known=False, fails=3))
        assert await until(lambda: through.open == 0, reactor())
        (upstream,) = through.upstreams
        assert not upstream.whole


@on_the_reactor
async def test_an_answer_that_comes_early_is_whole_and_ends_the_upload() -> None:
    async with passing() as through:
        answer = await through.send("/early", body := Arriving())
        answer.deliver(taking := Taking())
        await taking.over
        assert (taking.taken, body.stopped, through.agent.idle) == (b"{}", True, 0)


@OLD_CERTIFICATE_OBJECTS
@pytest.mark.parametrize("secure", [False, True])
@on_the_reactor
async def test_a_tunnel_carries_both_ways_and_what_was_written_last_arrives(secure: bool) -> None:
    certificate = throwaway_certificate("localhost") if secure else None
    async with passing(certificate=certificate) as through:
        answer = await through.send("/switch", b"", *UPGRADE)
        assert (answer.status, answer.phrase) == (101, b"Switching Protocols")
        answer.deliver(taking := Taking())
        tunnel = taking.transport
        assert isinstance(tunnel, RawTransport)
        tunnel.write(b"hello")
        assert await until(lambda: taking.taken == b"hello", reactor())
        tunnel.write(b"y" * 2_000_000)
        tunnel.loseConnection()
        await taking.over
        assert await until(lambda: through.open == 0, reactor())
        assert through.upstreams[0].echoed == b"hello" + b"y" * 2_000_000


@on_the_reactor
async def test_the_end_of_the_upstreams_side_is_the_tunnels_end() -> None:
    async with passing(lambda phase: phase == "tunnel") as through:
        answer = await through.send("/switch", b"", *UPGRADE)
        answer.deliver(taking := Taking())
        assert isinstance(taking.transport, RawTransport)
        taking.transport.write(b"hello")
        await taking.over
        assert taking.taken == b""


@on_the_reactor
async def test_a_request_over_a_connection_cut_in_its_head_is_broken() -> None:
    async with passing(lambda phase: phase == "head") as through:
        with pytest.raises(Broken):
            await through.send("/whole", Feeding(3, known=True))


# -- ten thousand -------------------------------------------------------------------------------------------------

PATHS: Final = ("/whole", "/stream", "/to-the-end", "/early", "/switch", "/never")
ENDINGS: Final = ("peace", "peace", "peace", "cancel", "stop", "drop", "fail")
CUT_CHANCE: Final = 0.05
"""Of the upstream's cutting a connection, in each phase."""


def sockets() -> int:
    """Open ones, in this process."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(link).startswith("socket:")
        except FileNotFoundError:  # the directory itself
            pass
    return count


def delayed_calls() -> list[IDelayedCall]:
    from twisted.internet import reactor

    return list(reactor.getDelayedCalls())


class Crowd:
    """Sends requests of all kinds, and leaves in all phases."""

    def __init__(self, through: Passing, chance: Random) -> None:
        self.through = through
        self.chance = chance
        self.bodies: list[Feeding] = []
        self.ended: dict[str, int] = {}

    async def one(self) -> None:
        path, ending = self.chance.choice(PATHS), self.chance.choice(ENDINGS)
        if path == "/never":
            ending = "cancel"
        sent = self.through.send(path, self.body(ending), *(UPGRADE if path == "/switch" else ()))
        if ending == "cancel":
            reactor().callLater(self.chance.random() * 0.02, sent.cancel)
        try:
            answer = await sent
        except (CancelledError, Broken, Left) as error:
            self.note(type(error).__name__)
            return
        if ending == "drop":
            self.note("dropped")
            return
        if answer.status == 101:
            await self.tunnel(answer, ending)
        else:
            answer.deliver(taking := Taking(stop if ending == "stop" else lambda _: None))
            self.note((await taking.over).__name__)

    def body(self, ending: str) -> bytes | IBodyProducer:
        kind = self.chance.choice(["none", "bytes", "known", "chunked"])
        if kind in ("none", "bytes") and ending != "fail":
            return b"" if kind == "none" else PIECE
        pieces = self.chance.randrange(1, 8)
        fails = self.chance.randrange(pieces) if ending == "fail" else None
        self.bodies.append(Feeding(pieces, kind == "known", fails))
        return self.bodies[-1]

    async def tunnel(self, answer: Answer, ending: str) -> None:
        pieces = self.chance.randrange(1, 20)

        def enough(taking: Taking) -> None:
            assert isinstance(taking.transport, RawTransport)
            if len(taking.taken) >= pieces * len(PIECE) or ending == "stop":
                if ending == "peace":
                    taking.transport.write(b"goodbye")
                    taking.transport.loseConnection()
                else:
                    taking.transport.abortConnection()

        answer.deliver(taking := Taking(enough))
        assert isinstance(taking.transport, RawTransport)
        taking.transport.writeSequence([PIECE] * pieces)
        await taking.over
        self.note("tunnel")

    def note(self, how: str) -> None:
        self.ended[how] = self.ended.get(how, 0) + 1


def stop(taking: Taking) -> None:
    IPushProducer(taking.transport).stopProducing()


@pytest.mark.slow
@on_the_reactor
async def test_ten_thousand_requests_that_end_in_every_way_leave_no_socket_and_no_call() -> None:
    chance = Random(6)
    calls = set(delayed_calls())
    async with passing(lambda _: chance.random() < CUT_CHANCE) as through:
        before = sockets()
        crowd = Crowd(through, chance)
        for _ in range(REQUESTS // AT_ONCE):
            await gatherResults([Deferred.fromCoroutine(crowd.one()) for _ in range(AT_ONCE)], consumeErrors=True)
            through.upstreams[:] = [upstream for upstream in through.upstreams if upstream.lost is None]
        gc.collect()
        assert sum(crowd.ended.values()) == REQUESTS
        assert min(crowd.ended[how] for how in ("CancelledError", "Broken", "Left", "dropped", "tunnel")) > 100
        # Of each connection both ends are in this process.
        assert await until(lambda: sockets() - before == 2 * through.agent.idle, reactor())
        assert through.agent.idle <= MAX_IDLE
        assert all(body.over for body in crowd.bodies)
        through.agent.retire()
        assert await until(lambda: sockets() == before, reactor())
    assert set(delayed_calls()) <= calls
