"""A door before an upstream, in a thread: to each key it lets requests through or misbehaves, and remembers what came.

All keys are one vendor's: what its answers hold that only it can read may go back to it by any of them.
"""

from __future__ import annotations

import json
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Final
from urllib.parse import urlsplit

import attrs

MONTH_SECONDS: Final = 30 * 24 * 3600
STATUSES: Final[Mapping[str, tuple[int, str]]] = {
    "429": (429, "rate_limit_error"),
    "401": (401, "authentication_error"),
    "402": (402, "billing_error"),
    "529": (529, "overloaded_error"),
}
"""Of a 429 the hint is a month."""
FAULTS: Final = (*STATUSES, "cut", "cut-start", "stall", "stall-start")
"""The connection cut, or silence, instead of an answer; or after its first event, as long as that says nothing yet:
Gemini's does, so that nothing follows the head.
"""
SILENCE_SECONDS: Final = 60.0
"""Nobody should wait so long."""
GENERATES: Final = ("/messages", "/chat/completions", "/responses", ":generateContent", ":streamGenerateContent")
CONVERSATION: Final = (b"[[read:", b"[[edit:")
"""By these words of the harness the conversation is known from what a client asks beside it."""
_FRAMING: Final = frozenset({"connection", "content-length", "host", "transfer-encoding", "date", "server"})


@attrs.frozen
class Came:
    """One request for an answer."""

    at: float
    key: str
    fate: str
    """`served`, or the fault that it got."""
    is_conversation: bool


class Door(ThreadingHTTPServer):
    """State: what came, in order; and the fault of each key, which strikes after it was served `after` times."""

    daemon_threads = True

    def __init__(self, upstream: str, faults: Mapping[str, str], after: int) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.upstream = upstream
        self.faults = dict(faults)
        """Of `FAULTS`, by key."""
        self.came: list[Came] = []
        self._after = after
        self._lock = Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """The daemon may leave whenever it likes; everything else is told."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def came_with(self, key: str) -> list[Came]:
        """The requests that one key made."""
        return [came for came in self.came if came.key == key]

    def fate(self, key: str, path: str, body: bytes) -> str:
        """What becomes of a request: empty if it is let through."""
        if not urlsplit(path).path.endswith(GENERATES):
            return ""
        with self._lock:
            fault = self.faults.get(key, "") if len(self.came_with(key)) >= self._after else ""
            is_conversation = any(word in body for word in CONVERSATION)
            self.came.append(Came(time.monotonic(), key, fault or "served", is_conversation))
        return fault


@contextmanager
def door(upstream: str, faults: Mapping[str, str] | None = None, after: int = 0) -> Iterator[Door]:
    """A door that is open meanwhile."""
    with Door(upstream, faults or {}, after) as opened:
        thread = Thread(target=opened.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield opened
        finally:
            opened.shutdown()
            thread.join()


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _serve(self, body: bytes) -> None:
        fault = self.server.fate(self._key, self.path, body)
        try:
            if fault in STATUSES:
                self._refuse(fault)
            elif fault == "cut":
                self._cut()
            elif fault == "stall":
                self._fall_silent()
            else:
                self._relay(body, fault)
        except OSError:
            self.close_connection = True  # whoever asked has left

    @property
    def _key(self) -> str:
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or bearer

    def _refuse(self, fault: str) -> None:
        status, kind = STATUSES[fault]
        error = {"type": kind, "code": kind, "message": f"This account had a {kind}.", "status": kind.upper()}
        content = json.dumps({"type": "error", "error": error}).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", str(MONTH_SECONDS))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _relay(self, body: bytes, fault: str) -> None:
        """Hand on the upstream's answer: all of it, or its first event and then the fault."""
        to = urlsplit(self.server.upstream)
        upstream = HTTPConnection(to.hostname or "", to.port, timeout=SILENCE_SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _FRAMING}
            upstream.request(self.command, self.path, body or None, headers)
            with upstream.getresponse() as answer:
                self._head(answer)
                pieces = _pieces(answer)
                if fault and ":" not in self.path:
                    self._chunk(next(pieces))
                elif not fault:
                    for piece in pieces:
                        self._chunk(piece)
            if fault:
                (self._cut if fault == "cut-start" else self._fall_silent)()
                return
            self.wfile.write(b"0\r\n\r\n")
        finally:
            upstream.close()

    def _head(self, answer: HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _FRAMING:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _cut(self) -> None:
        """End the connection behind what was written, in the middle of the answer."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _fall_silent(self) -> None:
        """Say no more, until whoever asked has left."""
        self.connection.settimeout(SILENCE_SECONDS)
        self.connection.recv(1)
        self.close_connection = True


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    """A stream event by event; another body in two halves."""
    if "event-stream" not in answer.headers.get("content-type", ""):
        body = answer.read()
        yield from filter(None, (body[: len(body) // 2], body[len(body) // 2 :]))
        return
    event = b""
    for line in answer:
        event += line
        if line in (b"\n", b"\r\n"):
            yield event
            event = b""
    if event:
        yield event
