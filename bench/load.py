"""The load generator: a closed loop of keep-alive connections, in a process of its own; prints one JSON line.

It shares two cores with what it measures, so it is written by hand over `asyncio.Protocol`, on uvloop where that is
installed. The CPU time of the process under measurement is read from the kernel at both ends of the window.

    python -m bench.load --url http://127.0.0.1:8317 --key KEY [--pid PID] [--client FORMAT] [--streamed] ...
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import time
from array import array
from collections.abc import Callable, Coroutine
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

import attrs

from bench.accounting import cpu_seconds
from bench.bodies import SIZES, Question
from bench.figures import Measured, median_and_p99
from bench.reply import Malformed, Reply, Stamps
from bench.wires import FORMATS, WIRES

DRAIN_SECONDS: Final = 10.0
"""How long replies may take to end after the window; those that do not count as bad."""
RECONNECT_SECONDS: Final = 0.1
"""Pause before a connection that failed is made again: a dead target must not make the loop spin."""
COMPLAINT_BYTES: Final = 300


class Tally:
    """What one phase (warm-up, window, drain) saw. Grows with its replies and deltas."""

    def __init__(self) -> None:
        self.replies = 0
        self.deltas = 0
        self.reads = 0
        self.first_byte_ns = array("q")
        self.delta_ns = array("q")


class Load:
    """All connections together: what they send, how they are doing, and when they shall stop."""

    def __init__(self, url: SplitResult, request: bytes, connections: int, last: bytes = b"") -> None:
        """`last`: what stands in the last event of a reply, if that is a stream whose deltas are stamped."""
        assert url.hostname is not None
        self.request = request
        self.streamed = bool(last)
        self.last = last
        self.stopping = False
        self.tally = Tally()
        self.bad = 0
        self.complaint = ""
        self.idle = asyncio.Event()
        self._address = (url.hostname, url.port or 80)
        self._open = connections
        self._loop = asyncio.get_running_loop()
        self._attempts: set[asyncio.Task[None]] = set()

    def connect(self) -> None:
        """Open one connection, which asks until the load stops."""
        attempt = self._loop.create_task(self._connect())
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: Client(self), *self._address)
        except OSError as error:
            self.failed(f"no connection: {error.strerror}")
            self.reconnect()

    def reconnect(self) -> None:
        """A connection is over: another takes its place, unless the load stops."""
        if self.stopping:
            self._open -= 1
            if not self._open:
                self.idle.set()
        else:
            self._loop.call_later(RECONNECT_SECONDS, self.connect)

    def failed(self, complaint: str) -> None:
        """Count a reply that was not what it should be."""
        self.bad += 1
        self.complaint = self.complaint or complaint

    async def stop(self) -> None:
        """Ask no more; wait for the replies under way."""
        self.stopping = True
        try:
            await asyncio.wait_for(self.idle.wait(), DRAIN_SECONDS)
        except TimeoutError:
            self.bad += self._open
            self.complaint = self.complaint or f"{self._open} replies had no end {DRAIN_SECONDS:.0f} s after the window"


class Client(asyncio.Protocol):
    """One connection: asks, reads the reply to its end, checks it, asks again."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._reply = Reply()
        self._stamps = Stamps(load.last)
        self._asked_at = 0
        self._began = False
        self._wrong = bytearray()
        """What an answer other than 200 says, up to `COMPLAINT_BYTES`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self._transport is None:
            return
        load, reply = self._load, self._reply
        load.tally.reads += 1
        try:
            received = reply.feed(data)
        except Malformed as error:
            self._fail(f"malformed: {error}")
            return
        if received:
            if not self._began:
                self._began = True
                load.tally.first_byte_ns.append(now - self._asked_at)
            if reply.status != 200:
                self._wrong += received[: COMPLAINT_BYTES - len(self._wrong)]
            elif load.streamed:
                times = self._stamps.feed(received)
                load.tally.deltas += len(times)
                load.tally.delta_ns.extend([now - sent for sent in times])
        if reply.done:
            self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        try:
            self._reply.close()
        except Malformed as error:
            self._fail(f"malformed: {error}")
            return
        self._ended()

    def _next(self) -> None:
        if self._load.stopping or not self._reply.keep_alive:
            self._leave()
            return
        self._reply = Reply()
        self._stamps = Stamps(self._load.last)
        self._began = False
        self._asked_at = time.monotonic_ns()
        assert self._transport is not None
        self._transport.write(self._load.request)

    def _ended(self) -> None:
        if self._reply.status != 200:
            self._fail(f"status {self._reply.status}: {self._wrong.decode(errors='replace')}")
        elif self._load.streamed and not self._stamps.ended_well():
            self._fail("a stream without its last event")
        else:
            self._load.tally.replies += 1
            self._next()

    def _fail(self, complaint: str) -> None:
        self._load.failed(complaint)
        self._leave()

    def _leave(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._load.reconnect()


def request_bytes(url: SplitResult, key: str, question: Question) -> bytes:
    """The whole request, head and body, ready to be written."""
    content = question.content()
    head = (
        f"POST {question.path} HTTP/1.1\r\nhost: {url.netloc}\r\nuser-agent: cliproxy-bench\r\n"
        f"accept: application/json\r\ncontent-type: application/json\r\n"
        f"{WIRES[question.client].headers.format(key=key)}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode("ascii") + content


def loopback_url(text: str) -> SplitResult:
    """An `http` URL of this very machine, by address; any other is refused: this is no tool to flood others."""
    url = urlsplit(text)
    try:
        loopback = ipaddress.ip_address(url.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if url.scheme != "http" or not loopback:
        raise argparse.ArgumentTypeError("only http URLs of a loopback address are taken")
    return url


@attrs.frozen
class Plan:
    """How long each phase takes, in seconds, and over how many connections."""

    connections: int
    ramp: float
    """Connections start spread over it, lest paced streams move in lockstep."""
    warm: float
    window: float


async def run(load: Load, plan: Plan, pid: int) -> Measured:
    """Warm up, measure for a window during which the load is steady, and let the last replies end."""
    loop = asyncio.get_running_loop()
    for number in range(plan.connections):
        loop.call_later(plan.ramp * number / plan.connections, load.connect)
    await asyncio.sleep(plan.ramp + plan.warm)
    began, cpu_before, own_before = time.monotonic(), cpu_seconds(pid), time.process_time()
    load.tally = window = Tally()
    await asyncio.sleep(plan.window)
    load.tally = Tally()
    seconds, cpu, own = time.monotonic() - began, cpu_seconds(pid) - cpu_before, time.process_time() - own_before
    await load.stop()
    return Measured(
        replies=window.replies,
        bad=load.bad,
        complaint=load.complaint,
        deltas=window.deltas,
        reads=window.reads,
        seconds=seconds,
        cpu_seconds=cpu,
        load_cpu_seconds=own,
        first_byte_ms=median_and_p99([each / 1e6 for each in window.first_byte_ns]),
        delta_ms=median_and_p99([each / 1e6 for each in window.delta_ns]),
    )


def fast_run() -> Callable[[Coroutine[None, None, Measured]], Measured]:
    """`uvloop.run`, or asyncio's own where uvloop is not installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    chosen: Callable[[Coroutine[None, None, Measured]], Measured] = uvloop.run
    return chosen


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--url", type=loopback_url, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--pid", type=int, default=os.getpid(), help="whose CPU time is read")
    parser.add_argument("--body", choices=tuple(SIZES), default="small")
    parser.add_argument("--client", choices=FORMATS, default="anthropic", help="the format that is spoken")
    parser.add_argument("--model", default=Question().model)
    parser.add_argument("--streamed", action="store_true")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--ramp", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--warm", type=float, default=0.5, metavar="SECONDS")
    parser.add_argument("--window", type=float, default=3.0, metavar="SECONDS")
    options = parser.parse_args()
    question = Question(options.body, options.streamed, options.client, options.model)
    plan = Plan(options.connections, options.ramp, options.warm, options.window)

    async def whole() -> Measured:
        last = WIRES[question.client].last if question.streamed else b""
        load = Load(options.url, request_bytes(options.url, options.key, question), plan.connections, last)
        return await run(load, plan, options.pid)

    print(json.dumps(attrs.asdict(fast_run()(whole()))))


if __name__ == "__main__":
    main()
