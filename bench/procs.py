"""The processes of a benchmark: upstream, daemon, baseline, load generator; started here, ended by their handle."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import attrs

from bench.bodies import Question
from bench.figures import Measured
from bench.wires import WIRES

LOOPBACK: Final = "127.0.0.1"
ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.005
"""Start times are no finer than this."""
LOG_TAIL_BYTES: Final = 2_000
CLIENT_KEY: Final = "bench-client-key"
UPSTREAM_KEY: Final = "bench-upstream-key"


class BenchFailed(Exception):
    """A benchmark that could not be carried out; the text says why, for the person who started it."""


@attrs.frozen
class Script:
    """How the demo upstream streams."""

    deltas: int
    pause_ms: int
    stamp: bool = True
    """In every delta, the time at which it was sent."""


@attrs.frozen
class Running:
    """A server that answers."""

    pid: int
    port: int
    start_seconds: float
    """From spawn to the first answer over HTTP."""


def upstream_command(port: int, script: Script) -> list[str]:
    """The demo upstream."""
    listen = f"tcp:{port}:interface={LOOPBACK}"
    pace = ["--deltas", str(script.deltas), "--delta-pause-ms", str(script.pause_ms)]
    stamp = ["--stamp"] if script.stamp else []
    return [sys.executable, "-m", "cliproxy", "demo", "--listen", listen, *pace, *stamp]


def daemon_command(config: Path) -> list[str]:
    """The daemon, as its users start it."""
    return [sys.executable, "-m", "cliproxy", "run", "--config", str(config)]


def baseline_command(port: int, upstream_port: int) -> list[str]:
    """The bare relay."""
    return [sys.executable, "-m", "bench.baseline", str(port), str(upstream_port)]


def write_config(room: Path, port: int, upstream_port: int) -> Path:
    """A configuration with one key for each format, whose upstream is the demo's; defaults everywhere else."""
    config = room / f"config-{port}.yaml"
    origin = f"http://{LOOPBACK}:{upstream_port}"
    models = {name: [{"name": wire.model}] for name, wire in WIRES.items()}
    google = {"api-key": UPSTREAM_KEY, "base-url": origin, "models": models["gemini"]}
    responses = {"api-key": UPSTREAM_KEY, "base-url": f"{origin}/v1", "models": models["openai-responses"]}
    chat = {"name": "chat", "base-url": f"{origin}/v1", "models": models["openai-chat"]}
    settings = {
        "host": LOOPBACK,
        "port": port,
        "auth-dir": str(room),
        "api-keys": [CLIENT_KEY],
        "claude-api-key": [{"api-key": UPSTREAM_KEY, "base-url": origin}],
        "openai-compatibility": [{**chat, "api-key-entries": [{"api-key": UPSTREAM_KEY}]}],
        "codex-api-key": [responses],
        "gemini-api-key": [google],
        "shutdown-grace-seconds": 1,
    }
    # JSON is YAML.
    config.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    config.chmod(0o600)
    return config


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(command: Sequence[str], port: int, room: Path) -> Iterator[Running]:
    """A server process for the time of a `with` block, ready when the block begins. Raises `BenchFailed`."""
    log = room / f"{port}.log"
    began = time.monotonic()
    with log.open("wb") as output, _ended_at_last(_spawn(command, output)) as process:
        while not _answers(port):
            if process.poll() is not None:
                raise BenchFailed(f"{_named(command)} ended with {process.returncode}:\n{_tail(log)}")
            if time.monotonic() - began > START_SECONDS:
                raise BenchFailed(f"{_named(command)} did not answer within {START_SECONDS:.0f} s:\n{_tail(log)}")
            time.sleep(POLL_SECONDS)
        yield Running(process.pid, port, time.monotonic() - began)


def loaded(target: Running, question: Question, connections: int, phases: Sequence[float]) -> Measured:
    """Let a load generator measure `target`; `phases` are ramp, warm-up and window in seconds. Raises `BenchFailed`."""
    ramp, warm, window = (str(seconds) for seconds in phases)
    command = [sys.executable, "-m", "bench.load", "--url", f"http://{LOOPBACK}:{target.port}", "--key", CLIENT_KEY]
    command += ["--pid", str(target.pid), "--client", question.client, "--model", question.model]
    command += ["--body", question.body, "--connections", str(connections)]
    command += ["--ramp", ramp, "--warm", warm, "--window", window, *(["--streamed"] if question.streamed else [])]
    return measured(command, sum(phases))


def measured(command: Sequence[str], seconds: float) -> Measured:
    """What a load generator prints that takes about so long. Raises `BenchFailed`."""
    with _ended_at_last(_spawn(command, subprocess.PIPE)) as process:
        try:
            output, _ = process.communicate(timeout=seconds + 60)
        except subprocess.TimeoutExpired:
            raise BenchFailed("the load generator did not come to an end") from None
    if process.returncode:
        raise BenchFailed(f"the load generator ended with {process.returncode}:\n{output.decode(errors='replace')}")
    return Measured(**json.loads(output))


def _spawn(command: Sequence[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C reaches us alone, and we end the others in good order.
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


@contextmanager
def _ended_at_last(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Does nothing to one that has ended; here also for a second Ctrl-C.
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as probe:
            probe.sendall(f"GET /healthz HTTP/1.1\r\nhost: {LOOPBACK}:{port}\r\nconnection: close\r\n\r\n".encode())
            return probe.recv(9) == b"HTTP/1.1 "
    except OSError:
        return False


def _named(command: Sequence[str]) -> str:
    return " ".join(("python", *command[1:4]))


def _tail(log: Path) -> str:
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
