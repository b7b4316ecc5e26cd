"""A stand-in for Amp's control plane, in a thread: answers what Amp's clients ask, misbehaves by path, and remembers.

/api/internal?METHOD=          what Amp's command line asks: `{"ok": true, "result": …}`
/api/telemetry/echo            the request's own body, in pieces as it comes
/api/threads/gzip[/STATUS]     gzip without a Content-Encoding
/api/threads/stream            an event stream, an event at a time
/api/threads/cut/…             an answer that breaks off: `length`, `chunked`, `stream` or `gzip`
/api/threads/slow              an answer that never ends
/api/tab/socket                an upgrade; then whatever comes goes back
/threads, /auth, …             a page, with a cookie and with CORS headers of its own
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import attrs

AMP_KEY: Final = "sgamp_user_01_of_the_owner"
"""The key that it takes."""
USER: Final[Mapping[str, object]] = {
    "id": "user_1",
    "email": "owner@example.com",
    "features": [],
    "team": None,
    "mysteriousMessage": None,
}
PLAIN: Final = json.dumps({"threads": [{"id": f"T-{number}"} for number in range(300)]}).encode()
"""What the gzip paths hold."""
EVENTS: Final = tuple(f"data: {number}\n\n".encode() for number in range(5))
PROMISED: Final = 1000
"""Bytes that a cut answer announced."""


@attrs.frozen
class Visit:
    """One request, as it came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    """Names as they were written."""
    body: bytes = attrs.field(repr=False)

    def all(self, name: str) -> list[str]:
        """The values of that name's lines."""
        return [value for given, value in self.headers if given.lower() == name.lower()]

    @property
    def bytes(self) -> bytes:
        """Everything that could hold a key."""
        lines = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return f"{self.method} {self.target}\n{lines}\n\n".encode() + self.body


class ControlPlane(ThreadingHTTPServer):
    """State: who came, in order, and who is still there."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.visits: list[Visit] = []
        self.left = threading.Event()
        """Somebody left in the middle of an answer that never ends, or of a body."""
        self.go_on = threading.Event()
        """What waits may end."""

    def handle_error(self, request: object, client_address: object) -> None:
        """The daemon may leave whenever it likes; everything else is told."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def visits_to(self, path: str) -> list[Visit]:
        """Those of one path."""
        return [visit for visit in self.visits if urlsplit(visit.target).path == path]


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """One that is there meanwhile."""
    with ControlPlane() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.go_on.set()
            running.shutdown()
            thread.join()


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """What waits for an acknowledgement is lost when the connection is cut."""
    server: ControlPlane

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Any method is taken."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        try:
            if path.endswith("/socket"):
                self._note(b"")
                self._socket()
                return
            body = b"".join(self._pieces())
        except OSError:
            self.server.left.set()
            self.close_connection = True
            return
        self._note(body)
        steps = path.strip("/").split("/")
        answer = self._answers().get("/".join(steps[:3]), self._page)
        answer(steps[3:], body)

    def _note(self, body: bytes) -> None:
        headers = tuple((name, value) for name, value in self.headers.items())
        self.server.visits.append(Visit(self.command, self.path, headers, body))

    def _answers(self) -> Mapping[str, Callable[[list[str], bytes], None]]:
        return {
            "api/internal": self._internal,
            "api/telemetry/echo": self._echo,
            "api/threads/gzip": self._gzip,
            "api/threads/stream": self._stream,
            "api/threads/cut": self._cut,
            "api/threads/slow": self._slow,
        }

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                yield self._exactly(size)
                self._line()
            self._line()
            return
        left = int(self.headers.get("content-length", 0))
        while left:
            piece = self._exactly(min(left, 65536))
            left -= len(piece)
            yield piece

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return line.strip()

    def _exactly(self, size: int) -> bytes:
        piece = self.rfile.read(size)
        if len(piece) < size:
            raise ConnectionResetError
        return piece

    # -- answers

    def _head(self, status: int, **lines: object) -> None:
        self.send_response(status)
        for name, value in lines.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _whole(self, status: int, body: bytes, kind: str = "application/json", **lines: object) -> None:
        self._head(status, Content_Type=kind, Content_Length=len(body), **lines)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _internal(self, steps: list[str], body: bytes) -> None:
        if f"Bearer {AMP_KEY}" not in self.headers.get_all("authorization", []):
            self._whole(401, b'{"ok":false,"error":{"code":"auth-required","message":"Authentication required"}}')
            return
        method = json.loads(body or b"{}").get("method")
        self._whole(200, json.dumps({"ok": True, "result": USER if method == "getUserInfo" else {}}).encode())

    def _echo(self, steps: list[str], body: bytes) -> None:
        self._whole(200, body, self.headers.get("content-type", "application/octet-stream"))

    def _page(self, steps: list[str], body: bytes) -> None:
        cors = {"Access_Control_Allow_Origin": "*", "Access_Control_Expose_Headers": "x-secret"}
        self.send_response(200)
        for number in range(2):
            self.send_header("Set-Cookie", f"session-{number}=1; Path=/; HttpOnly")
        for name, value in cors.items():
            self.send_header(name.replace("_", "-"), value)
        page = f"<title>{self.path}</title>".encode()
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def _gzip(self, steps: list[str], body: bytes) -> None:
        self._whole(int(steps[0]) if steps else 200, gzip.compress(PLAIN))

    def _stream(self, steps: list[str], body: bytes) -> None:
        self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        for event in EVENTS:
            self._chunk(event)
        self._chunk(b"")

    def _cut(self, steps: list[str], body: bytes) -> None:
        how = steps[0]
        if how in ("length", "gzip"):
            self._head(200, Content_Type="application/json", Content_Length=PROMISED)
            self.wfile.write(gzip.compress(PLAIN)[:100] if how == "gzip" else b"x" * 100)
        else:
            kind = "text/event-stream" if how == "stream" else "application/json"
            self._head(200, Content_Type=kind, Transfer_Encoding="chunked")
            self._chunk(EVENTS[0])
        self.wfile.flush()
        self._reset()

    def _slow(self, steps: list[str], body: bytes) -> None:
        self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        try:
            while not self.server.go_on.wait(0.02):
                self._chunk(EVENTS[0])
        except OSError:
            self.server.left.set()
            self.close_connection = True

    def _socket(self) -> None:
        self._head(101, Connection="Upgrade", Upgrade=self.headers.get("upgrade", ""))
        self.wfile.write(b"welcome ")
        self.wfile.flush()
        self.close_connection = True
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.server.left.set()

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.flush()

    def _reset(self) -> None:
        """Not closed in order, but cut."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
