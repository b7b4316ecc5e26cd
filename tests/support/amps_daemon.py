"""A daemon with Amp's door as a process, and clients that see each byte of what it answers."""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from tests.support.processes import CLIPROXY, DEADLINE_SECONDS, ROOT, Process, environment

CLIENT_KEY: Final = "sk-cliproxy-of-a-client-0123456789"
KEYED: Final[Mapping[str, str]] = {"Authorization": f"Bearer {CLIENT_KEY}"}


def configuration(ampcode: Mapping[str, object], **more: object) -> str:
    """A file with one client key, and this of Amp. JSON is YAML."""
    rest = {name.replace("_", "-"): value for name, value in more.items()}
    return json.dumps({"port": 0, "api-keys": [CLIENT_KEY], "ampcode": ampcode, **rest})


@contextmanager
def amps_daemon(directory: Path, text: str) -> Iterator[Process]:
    """One with this configuration, in `config.yaml`; its modules may stand in the directory."""
    (directory / "config.yaml").write_text(text)
    environ = environment(HOME=str(directory), PYTHONPATH=f"{ROOT}{os.pathsep}{directory}")
    with Process((*CLIPROXY, "run", "--config", "config.yaml"), directory, environ) as daemon:
        yield daemon


@attrs.frozen
class Told:
    """A whole answer."""

    status: int
    lines: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes = attrs.field(repr=False)

    def all(self, name: str) -> list[str]:
        """The values of that header's lines."""
        return [value for given, value in self.lines if given == name]


@contextmanager
def asking(
    url: str,
    path: str,
    method: str = "GET",
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] = KEYED,
) -> Iterator[http.client.HTTPResponse]:
    """A request whose answer is read as it comes. A body of pieces goes in chunks."""
    connection = connected(url)
    try:
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def ask(
    url: str,
    path: str,
    method: str = "GET",
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] = KEYED,
) -> Told:
    """A request, and its whole answer."""
    with asking(url, path, method, body, headers) as response:
        return told(response)


def told(response: http.client.HTTPResponse) -> Told:
    """All of it."""
    lines = tuple((name.lower(), value) for name, value in response.getheaders())
    return Told(response.status, lines, response.read())


def connected(url: str) -> http.client.HTTPConnection:
    """A connection for several requests."""
    address = urlsplit(url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_SECONDS)


@contextmanager
def speaking(url: str, said: bytes) -> Iterator[socket.socket]:
    """A connection on which this is said."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), DEADLINE_SECONDS) as connection:
        connection.sendall(said)
        yield connection


def head(path: str, *lines: str, method: str = "GET") -> bytes:
    """A request's head, with the client's key."""
    authorization = f"Authorization: {KEYED['Authorization']}"
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", authorization, *lines, "", "")).encode()


def close(connection: socket.socket) -> None:
    """Leave in order."""
    connection.close()


def reset(connection: socket.socket) -> None:
    """Leave by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


LEAVING: Final[tuple[Callable[[socket.socket], None], ...]] = (close, reset)


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes of it; fewer if it ends."""
    pieces: list[bytes] = []
    while size and (piece := connection.recv(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def resident_bytes(pid: int) -> int:
    """How much memory a process has in use."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
