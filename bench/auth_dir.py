"""What thousands of account files cost: `python -m bench.auth_dir`. Time and memory of the start, and of one poll.

Measured in a fresh process with the daemon's modules imported, as memory is what a process has at its highest. A
benchmark is no test: a missed target is shown, and is no failure.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import attrs

from bench.accounting import resident_bytes

FILES: Final = 4000
FEW: Final = 10
POLLS: Final = 200
TARGET_SECONDS: Final = 2.0
TARGET_MEGABYTES: Final = 100.0
MEGABYTE: Final = 1024 * 1024
CLAIMS_BYTES: Final = 1200
"""Of a token of OpenAI's; with its signature and in base64 it has about 2,000 letters."""


@attrs.frozen
class Cost:
    """What a process found; times in seconds, memory in MB."""

    accounts: int
    load_seconds: float
    modules_megabytes: float
    """Before anything was loaded."""
    megabytes: float
    poll_seconds: float


def make_files(directory: Path, count: int, seed: int = 1) -> None:
    """Account files as the original writes them, half of them of Codex with three long tokens."""
    chance = random.Random(seed)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(count):
        codex = number % 2 == 0
        members: dict[str, object] = {
            "type": "codex" if codex else "claude",
            "access_token": _jwt(chance) if codex else f"sk-ant-oat01-{_letters(chance, 72)}",
            "refresh_token": _letters(chance, 90),
            "id_token": _jwt(chance) if codex else "",
            "account_id": _letters(chance, 27) if codex else "",
            "email": f"account-{number}@example.org",
            "expired": "2026-12-31T12:00:00Z",
            "last_refresh": "2026-12-31T04:00:00Z",
        }
        name = f"{members['type']}-account-{number}@example.org.json"
        (directory / name).write_text(json.dumps(members), encoding="utf-8")


def _letters(chance: random.Random, count: int) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(count)).decode()


def _jwt(chance: random.Random) -> str:
    claims = json.dumps({"exp": 1798718400, "iss": _letters(chance, CLAIMS_BYTES * 3 // 4)}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{_letters(chance, 256).rstrip('=')}"


def measure(directory: Path) -> Cost:
    """Load a directory and follow it, in this process."""
    from twisted.internet.defer import execute
    from twisted.internet.task import Clock
    from twisted.internet.testing import MemoryReactorClock

    from cliproxy.logins.directory import POLL_SECONDS, AuthDirectory

    for module in ("cliproxy.daemon", "cliproxy.tap"):
        import_module(module)
    before = resident_bytes(os.getpid()) / MEGABYTE
    clock = Clock()
    accounts = AuthDirectory(directory, lambda changes: None, clock, MemoryReactorClock(), execute)
    began = time.perf_counter()
    loaded = len(accounts.load_now())
    seconds = time.perf_counter() - began
    after = resident_bytes(os.getpid()) / MEGABYTE
    accounts.startService()
    clock.advance(POLL_SECONDS)
    began = time.perf_counter()
    for _ in range(POLLS):
        clock.advance(POLL_SECONDS)
    poll = (time.perf_counter() - began) / POLLS
    accounts.stopService()
    return Cost(loaded, seconds, before, after, poll)


def measured_apart(directory: Path) -> Cost:
    """The same in a fresh process. Raises `subprocess.CalledProcessError`."""
    command = [sys.executable, "-m", "bench.auth_dir", "--measure", str(directory)]
    answer = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    return Cost(**json.loads(answer.stdout))


def report(many: Cost, few: Cost) -> str:
    """What a person reads."""
    met = many.load_seconds <= TARGET_SECONDS and many.megabytes <= TARGET_MEGABYTES
    modules = f"{many.modules_megabytes:.0f} MB of them the daemon's modules"
    polls = (f"{cost.poll_seconds * 1e6:.0f} µs with {cost.accounts} files" for cost in (few, many))
    return "\n".join(
        (
            f"{many.accounts} accounts are loaded in {many.load_seconds:.2f} s (target {TARGET_SECONDS:g} s)",
            f"resident: {many.megabytes:.0f} MB, {modules} (target {TARGET_MEGABYTES:g} MB)",
            f"one poll: {', '.join(polls)}",
            "Every target was met." if met else "A target was missed.",
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.auth_dir", description=__doc__)
    parser.add_argument("--files", type=int, default=FILES, help=f"how many; default {FILES}")
    parser.add_argument("--measure", type=Path, metavar="DIRECTORY", help="in this process, the answer as JSON")
    chosen = parser.parse_args(arguments)
    if chosen.measure is not None:
        print(json.dumps(attrs.asdict(measure(chosen.measure))))
        return 0
    with tempfile.TemporaryDirectory(prefix="cliproxy-bench-") as room:
        make_files(Path(room) / "few", FEW)
        make_files(Path(room) / "many", chosen.files)
        print(report(measured_apart(Path(room) / "many"), measured_apart(Path(room) / "few")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
