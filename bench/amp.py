"""Amp's door under strain: whatever clients and control plane do to each other, nothing is left behind in the daemon.

Thousands of management requests go through a daemon to a control plane, fifty at a time; a third of them are broken off
from either side, in every phase. Then all that ended well must have had the right bytes, all that was cut must have
looked cut, and the daemon must hold as many sockets as before, and not more memory, and have had no mistakes to log.

    python -m bench.amp [--requests N] [--seed N]

Exit status 1 if something was left, or was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import attrs

from bench import procs
from bench.accounting import PROC, resident_bytes
from bench.amp_client import Party
from bench.amp_visits import visits
from bench.procs import Running

REQUESTS: Final = 10_000
PART: Final = 1_000
"""Requests after which memory is read. In the first ones the daemon still grows: its pools and caches fill."""
SETTLE_SECONDS: Final = 45.0
"""Longer than anything may keep a connection: idle ones are closed after 30 s, and looked for every five."""
POLL_SECONDS: Final = 0.1
NOISE_BYTES: Final = 4 * 1024 * 1024
"""Of resident memory: what the allocator makes of fifty uploads that meet by chance."""
MAX_SHOWN: Final = 10
AMP_KEY: Final = "bench-amp-key"
_MIB: Final = 1024 * 1024
_MISTAKES: Final = ("Traceback", "Unhandled", "unexpected")


@attrs.frozen
class Left:
    """What there was to see from outside."""

    requests: int
    seconds: float
    sockets: tuple[int, int]
    """Before, and after."""
    memory: tuple[int, ...]
    """Resident bytes after each `PART` of the run."""
    wrong: tuple[str, ...]
    """What ended otherwise than it should."""
    mistakes: tuple[str, ...]
    """Lines of the daemon's log that should not be there."""

    @property
    def growth(self) -> int:
        """Of memory, from the first part's end to the last one's, in bytes."""
        return self.memory[-1] - self.memory[0]

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is not as it should be."""
        found = [*self.wrong[:MAX_SHOWN]]
        if len(self.wrong) > MAX_SHOWN:
            found.append(f"and {len(self.wrong) - MAX_SHOWN} more")
        before, after = self.sockets
        if after != before:
            found.append(f"{after - before} sockets are left")
        if self.growth > NOISE_BYTES:
            found.append(f"memory has grown by {self.growth / _MIB:.1f} MiB")
        return (*found, *self.mistakes[:MAX_SHOWN])


@attrs.frozen
class Door:
    """A daemon before a control plane."""

    daemon: Running
    plane_port: int
    config: Path


def plane_command(port: int) -> list[str]:
    """The control plane."""
    return [sys.executable, "-m", "bench.amp_plane", str(port)]


def write_config(room: Path, port: int, plane_port: int) -> Path:
    """As the other benchmarks', with a control plane. Nothing listens where its models would be."""
    config = procs.write_config(room, port, plane_port)
    amp = {"upstream-url": f"http://{procs.LOOPBACK}:{plane_port}", "upstream-api-key": AMP_KEY}
    change_config(config, "ampcode", amp)
    return config


def change_config(config: Path, key: str, value: object) -> None:
    """Have another value in it, at once."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings[key] = value
    written = config.with_suffix(".new")
    written.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    written.chmod(0o600)
    written.replace(config)


@contextmanager
def through_daemon(room: Path) -> Iterator[Door]:
    """One for the time of a `with` block."""
    plane_port, port = procs.free_port(), procs.free_port()
    config = write_config(room, port, plane_port)
    with (
        procs.started(plane_command(plane_port), plane_port, room),
        procs.started(procs.daemon_command(config), port, room) as daemon,
    ):
        yield Door(daemon, plane_port, config)


def sockets(pid: int) -> int:
    """How many a process has open, those that it listens on among them."""
    count = 0
    for link in (PROC / str(pid) / "fd").iterdir():
        try:
            count += str(link.readlink()).startswith("socket:")
        except FileNotFoundError:  # closed meanwhile
            pass
    return count


def settled(pid: int, wanted: int) -> int:
    """Wait until so many sockets are open, but not for ever; how many there are then."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := sockets(pid)) != wanted and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found


def strain(room: Path, requests: int, seed: int, *, reload: bool) -> Left:
    """Do it all. `reload`: rather than wait until idle connections are too old, have the daemon make them anew.

    Raises `BenchFailed` if the processes do not start.
    """
    with through_daemon(room) as door:
        daemon = door.daemon
        time.sleep(POLL_SECONDS)  # for those to be gone that asked whether it answers
        before = sockets(daemon.pid)
        party, memory = Party(daemon.port), []
        rest = visits(seed, requests, procs.CLIENT_KEY)
        began = time.monotonic()
        for _ in range(0, requests, PART):
            asyncio.run(party.carry_out(islice(rest, PART)))
            memory.append(resident_bytes(daemon.pid))
        seconds = time.monotonic() - began
        if reload:  # with other timeouts
            change_config(door.config, "connect-timeout-seconds", 11)
        after = settled(daemon.pid, before)
        log = (room / f"{daemon.port}.log").read_text(encoding="utf-8", errors="replace")
        mistakes = tuple(line for line in log.splitlines() if any(word in line for word in _MISTAKES))
    return Left(sum(party.done.values()), seconds, (before, after), tuple(memory), tuple(party.wrong), mistakes)


def report(left: Left) -> str:
    """What a person reads."""
    before, after = left.sockets
    memory = " ".join(f"{each / _MIB:.1f}" for each in left.memory)
    lines = [
        f"{left.requests} requests in {left.seconds:.0f} s",
        f"sockets: {before} before, {after} after",
        f"resident memory after each {PART} requests, MiB: {memory}",
    ]
    return "\n".join((*lines, *(left.complaints or ("Nothing was left, and nothing was wrong.",))))


def main(arguments: Sequence[str]) -> int:
    """Do it, print, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m bench.amp", description="Broken exchanges, and what they leave.")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cliproxy-amp-") as room:
        left = strain(Path(room), chosen.requests, chosen.seed, reload=False)
    print(report(left))
    return 1 if left.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
