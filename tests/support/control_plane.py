"""A stand-in for Amp's control plane, in a thread: answers what Amp's clients ask, misbehaves by path, and remembers.

/api/internal?METHOD=          what Amp's command line asks: `{"ok": true, "result": …}`
/api/telemetry/echo            the request's own body, in pieces as it comes
/api/telemetry/late            the length of the body, which is not read before `go_on`
/api/threads/gzip[/STATUS]     gzip without a Content-Encoding; `stream` in place of a status: as an event stream
/api/threads/coded             gzip with a Content-Encoding
/api/threads/stream            an event stream, an event at a time
/api/threads/turns             the same, each event when it has its turn (`turns`)
/api/threads/large             a large answer, as fast as it is taken
/api/threads/cut/…             an answer that breaks off: `length`, `chunked`, `stream` or `gzip`
/api/threads/slow              an answer that never ends
/api/threads/silent            no answer at all
/api/threads/status/STATUS     that status; with a Location, and without a body where there is none
/api/tab/socket                an upgrade; then whatever comes goes back, until somebody says `BYE`
/api/tab/websocket             the same in WebSocket's frames
/threads, /auth, …             a page, with a cookie and with CORS headers of its own
"""

from __future__ import annotations

import gzip
import json
import select
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
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Request, TextMessage

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
CODED: Final = gzip.compress(PLAIN, mtime=0)
"""The same in gzip, to the byte."""
LARGE_BYTES: Final = 20 * 1024 * 1024
PROMISED: Final = 1000
"""Bytes that a cut answer announced."""
LOCATION: Final = "https://elsewhere.example/x?y=%20&z#a"
BYE: Final = b"bye"
WAIT_SECONDS: Final = 20.0
"""For the test, and for whoever is to leave."""


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
    """State: who came, in order, and whether somebody left."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.visits: list[Visit] = []
        self.left = threading.Event()
        """Somebody left in the middle of an answer that never ends, or of a body."""
        self.go_on = threading.Event()
        """What waits may end."""
        self.turns = threading.Semaphore(0)
        """An event of a stream that waits for its turn."""
        self.pieces = 0
        """Of bodies, that have come."""

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

    def forget(self) -> None:
        """Begin anew: what waits ends."""
        self.go_on.set()
        self.visits, self.left = [], threading.Event()
        self.go_on, self.turns, self.pieces = threading.Event(), threading.Semaphore(0), 0


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
            if path in ("/api/tab/socket", "/api/tab/websocket"):
                self._note(b"")
                self.close_connection = True
                self._socket() if path.endswith("/socket") else self._websocket()
                return
            if path == "/api/telemetry/late":
                self._note(b"")
                self.server.go_on.wait(WAIT_SECONDS)
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
            "api/telemetry/late": lambda _, body: self._whole(200, b"%d" % len(body)),
            "api/threads/gzip": self._gzip,
            "api/threads/coded": lambda *_: self._whole(200, CODED, Content_Encoding="gzip"),
            "api/threads/stream": self._stream,
            "api/threads/turns": self._turns,
            "api/threads/large": self._large,
            "api/threads/cut": self._cut,
            "api/threads/slow": self._slow,
            "api/threads/silent": self._silent,
            "api/threads/status": self._status,
        }

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                yield self._exactly(size)
                self._line()
            while trailer := self._line():
                name, _, value = trailer.decode().partition(":")
                self.headers.add_header(name, value.strip())
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
        self.server.pieces += 1
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
        if steps == ["stream"]:
            self._whole(200, CODED, "text/event-stream")
        else:
            self._whole(int(steps[0]) if steps else 200, CODED)

    def _stream(self, steps: list[str], body: bytes) -> None:
        self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        for event in EVENTS:
            self._chunk(event)
        self._chunk(b"")

    def _turns(self, steps: list[str], body: bytes) -> None:
        turns = self.server.turns
        self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        for event in EVENTS:
            turns.acquire(timeout=WAIT_SECONDS)
            self._chunk(event)
        self._chunk(b"")

    def _large(self, steps: list[str], body: bytes) -> None:
        self._head(200, Content_Type="application/octet-stream", Content_Length=LARGE_BYTES)
        for _ in range(LARGE_BYTES // 65536):
            self.wfile.write(b"x" * 65536)

    def _status(self, steps: list[str], body: bytes) -> None:
        status = int(steps[0])
        if status in (204, 304):
            self._head(status, ETag='"1"')
        else:
            self._whole(status, b"{}", Location=LOCATION)

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
        left, go_on = self.server.left, self.server.go_on
        self._head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        try:
            while not go_on.wait(0.02):
                self._chunk(EVENTS[0])
        except OSError:
            left.set()
            self.close_connection = True

    def _silent(self, steps: list[str], body: bytes) -> None:
        left = self.server.left
        select.select([self.connection], [], [], WAIT_SECONDS)
        left.set()
        self.close_connection = True

    def _socket(self) -> None:
        left = self.server.left
        self._head(101, Connection="Upgrade", Upgrade=self.headers.get("upgrade", ""))
        self.wfile.write(b"welcome ")
        self.wfile.flush()
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
            if data.endswith(BYE):
                return
        left.set()

    def _websocket(self) -> None:
        left = self.server.left
        wire = WSConnection(ConnectionType.SERVER)
        lines = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        wire.initiate_upgrade_connection(lines, self.path)
        while self._frames(wire) and (data := self.connection.recv(65536)):
            wire.receive_data(data)
        left.set()

    def _frames(self, wire: WSConnection) -> bool:
        """Answer those that have come; whether there may be more."""
        for event in wire.events():
            if wire.state is ConnectionState.CLOSED:
                return False
            answer: Event | None = None
            if isinstance(event, Request):
                answer = AcceptConnection()
            elif isinstance(event, TextMessage) and event.data == BYE.decode():
                answer = CloseConnection(1000, "bye")
            elif isinstance(event, (TextMessage, BytesMessage)):
                answer = event
            elif isinstance(event, (Ping, CloseConnection)):
                answer = event.response()
            if answer is not None:
                self.connection.sendall(wire.send(answer))
        return wire.state is not ConnectionState.CLOSED

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.flush()

    def _reset(self) -> None:
        """Not closed in order, but cut."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
