"""What it costs to pass a management request on, beside the bare relay of `bench.baseline`, in the same minutes.

python -m bench.amp_speed [--request NAME] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from bench import procs
from bench.amp import through_daemon
from bench.figures import Contestant, Figure, Measured, Round, row, table
from bench.load import Load, Plan, fast_run, loopback_url, run
from bench.procs import BenchFailed, Running
from bench.scenarios import cpu_per_reply

ROUNDS: Final = 3
LARGE_BYTES: Final = 20 * 1024 * 1024
CPU: Final = Figure("CPU per reply, µs")
WARM_SECONDS: Final = 0.5


@attrs.frozen
class Passed:
    """One kind of request, and how it is measured."""

    method: str
    path: str
    body_bytes: int = 0
    connections: int = 16
    window: float = 3.0
    """Seconds."""

    def content(self, port: int) -> bytes:
        """The whole request."""
        head = (
            f"{self.method} /api/threads/{self.path} HTTP/1.1\r\nhost: {procs.LOOPBACK}:{port}\r\n"
            f"authorization: Bearer {procs.CLIENT_KEY}\r\nuser-agent: cliproxy-bench\r\naccept: */*\r\n"
        )
        if self.method == "POST":
            head += f"content-type: application/octet-stream\r\ncontent-length: {self.body_bytes}\r\n"
        return f"{head}\r\n".encode("ascii") + b"x" * self.body_bytes


REQUESTS: Final[Mapping[str, Passed]] = {
    "get": Passed("GET", "plain/300"),
    "post": Passed("POST", "echo", 1_000),
    "download": Passed("GET", f"plain/{LARGE_BYTES}", connections=4, window=5.0),
    "upload": Passed("POST", "digest", LARGE_BYTES, connections=4, window=5.0),
    "events": Passed("GET", "events/1000", connections=8),
}


def measure(name: str, target: Running, window: float) -> Measured:
    """Have a process of its own load `target`. Raises `BenchFailed`."""
    command = [sys.executable, "-m", "bench.amp_speed", "--load", f"http://{procs.LOOPBACK}:{target.port}"]
    command += ["--request", name, "--pid", str(target.pid), "--window", str(window)]
    seen = procs.measured(command, WARM_SECONDS + window)
    if seen.bad or not seen.replies:
        complaint = seen.complaint or "no reply ended in the window"
        raise BenchFailed(f"{name}: {seen.bad} bad of {seen.replies + seen.bad}: {complaint}")
    return seen


def play(name: str, room: Path, rounds: int, window: float) -> list[Round]:
    """Measure one kind of request through both, in changing order. Raises `BenchFailed`."""
    with through_daemon(room) as running:
        port = procs.free_port()
        with procs.started(procs.baseline_command(port, running.plane_port), port, room) as baseline:
            both: list[tuple[Contestant, Running]] = [("daemon", running.daemon), ("baseline", baseline)]
            found: list[Round] = []
            for _ in range(rounds):
                found.append(
                    {who: {CPU.title: cpu_per_reply(measure(name, target, window), None)} for who, target in both}
                )
                both.reverse()
            return found


def generate(options: argparse.Namespace) -> None:
    """Be the load, and print what was measured."""
    asked = REQUESTS[options.request[0]]
    plan = Plan(asked.connections, 0.0, WARM_SECONDS, options.window)

    async def whole() -> Measured:
        return await run(Load(options.load, asked.content(options.load.port), plan.connections), plan, options.pid)

    print(json.dumps(attrs.asdict(fast_run()(whole()))))


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.amp_speed", description="CPU of requests that are passed on")
    parser.add_argument("--request", action="append", choices=tuple(REQUESTS), help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--window", type=float, help="seconds of each measurement")
    parser.add_argument("--load", type=loopback_url, help=argparse.SUPPRESS)
    parser.add_argument("--pid", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table."""
    options = options_of(arguments)
    if options.load is not None:
        generate(options)
        return 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="cliproxy-amp-") as room:
        for name in options.request or REQUESTS:
            window = options.window or REQUESTS[name].window
            try:
                rows.append(row(name, CPU, play(name, Path(room), options.rounds, window)))
            except BenchFailed as failure:
                print(failure, file=sys.stderr)
                return 1
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
