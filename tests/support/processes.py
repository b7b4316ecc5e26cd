"""The daemon as a process: started, waited for by what it prints, asked over HTTP, and always ended."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import urlsplit

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
CLIPROXY: Final = (sys.executable, "-m", "cliproxy")
TWIST: Final = (sys.executable, "-m", "twisted")
TWISTD: Final = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
ANYWHERE: Final = "tcp:0:interface=127.0.0.1"
"""A free port of loopback."""
DEADLINE_SECONDS: Final = 20.0
"""After so long a test has failed; a busy machine starts a daemon in three."""
POLL_SECONDS: Final = 0.02


def environment(**more: str) -> dict[str, str]:
    """What a process needs to find this tree, and nothing of the surrounding that could make a difference."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


class Process:
    """A child process, and what it has printed so far, line by line. Leaving the `with` block ends it."""

    def __init__(
        self,
        argv: Sequence[str],
        directory: Path,
        environ: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._argv = argv
        self._more = Condition()
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._child = subprocess.Popen(
            argv,
            cwd=directory,
            env=environment() if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        self._readers = [
            Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("stdout", self._child.stdout), ("stderr", self._child.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()
        self._join()
        if error is not None:
            error.add_note(f"{' '.join(self._argv)}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}")

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def stdout(self) -> str:
        return "\n".join(self._lines["stdout"])

    @property
    def stderr(self) -> str:
        return "\n".join(self._lines["stderr"])

    @property
    def output(self) -> str:
        """Everything: twist logs to stdout, the console script to stderr."""
        return f"{self.stdout}\n{self.stderr}"

    def line(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until a line holds this, so many times."""
        with self._more:
            self._more.wait_for(lambda: len(self._found(pattern)) >= times or self._over(), DEADLINE_SECONDS)
            found = self._found(pattern)
        assert len(found) >= times, f"no {pattern!r} in:\n{self.output}"
        return found[times - 1]

    @property
    def url(self) -> str:
        """Where the daemon listens, once it does; from a log in text or, as twist writes it into a pipe, in JSON."""
        return self.line(r'(?:listening at |"url": ")([a-z]+:[^\s"]+)')[1]

    def send(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended; the status."""
        status = self._child.wait(DEADLINE_SECONDS)
        self._join()
        return status

    def stop(self) -> int:
        """SIGTERM; the status."""
        self.send(signal.SIGTERM)
        return self.end()

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._more:
                    self._lines[name].append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def _found(self, pattern: str) -> list[re.Match[str]]:
        lines = (line for name in ("stdout", "stderr") for line in self._lines[name])
        return [match for line in lines if (match := re.search(pattern, line))]

    def _over(self) -> bool:
        # Asked by `line` while the last reader says that it is at its end.
        return self._child.poll() is not None and not any(reader.is_alive() for reader in self._readers)

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)


@attrs.frozen
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


def message(text: str = "Hello!", *, model: str = "demo", stream: bool = False, max_tokens: int = 4096) -> bytes:
    """A request body for `/v1/messages`."""
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": model, "max_tokens": max_tokens, "stream": stream, "messages": messages}).encode()


@contextmanager
def asking(
    url: str, body: bytes | None = None, key: str = "", path: str = "/v1/messages"
) -> Iterator[http.client.HTTPResponse]:
    """A request whose answer is read as it comes. With a body it is a POST."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_SECONDS)
    headers = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
    if key:
        headers["x-api-key"] = key
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def ask(url: str, body: bytes | None = None, key: str = "", path: str = "/v1/messages") -> Reply:
    """A request, and its whole answer."""
    with asking(url, body, key, path) as response:
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port where whatever is said is answered so, and the connection closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no line tells."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = Condition()
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        with pause:
            pause.wait(POLL_SECONDS)


def accepts(url: str) -> bool:
    """Whether somebody listens there."""
    try:
        return ask(url, path="/healthz").status == 200
    except OSError:
        return False
