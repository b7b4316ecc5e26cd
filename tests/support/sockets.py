"""A client's WebSocket in memory, and Responses upstreams that the test plays."""

from __future__ import annotations

from typing import Any

import orjson
from twisted.web.server import Site
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from cliproxy.config.schema import CodexKey, Config
from cliproxy.secret import Secret
from tests.support.house import Asked, Caller, Daemon

MODEL = "gpt-5"
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="
"""RFC 6455's own example; so is its answer."""
ACCEPTED = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {NONCE}")


def event(kind: str, **fields: object) -> bytes:
    """One event of a stream over HTTP."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def item(text: str) -> dict[str, Any]:
    """A message of the model's."""
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def said(text: str) -> dict[str, Any]:
    """A message of the user's."""
    return {"type": "message", "role": "user", "content": text}


def delta(text: str) -> bytes:
    """A piece of a text."""
    return event("response.output_text.delta", delta=text)


def created(name: str) -> bytes:
    """The beginning of a response."""
    return event("response.created", response={"id": name, "status": "in_progress"})


def completed(name: str, *items: dict[str, Any]) -> bytes:
    """The end of a response."""
    return event("response.completed", response={"id": name, "status": "completed", "output": list(items)})


def whole(name: str, text: str = "Hello") -> bytes:
    """A response from its first to its last event."""
    done = event("response.output_item.done", output_index=0, item=item(text))
    return created(name) + delta(text) + done + completed(name)


def create(text: str | None = "Hi", **fields: object) -> bytes:
    """A frame that asks for a response."""
    given = {} if text is None else {"input": [said(text)]}
    return orjson.dumps({"type": "response.create", "model": MODEL, "store": False, **given, **fields})


def daemon(keys: int = 1, **more: Any) -> Daemon:
    """A daemon with some keys for an upstream that speaks Responses."""
    codex = tuple(CodexKey(Secret(f"sk-openai-{number}")) for number in range(keys))
    return Daemon(0, Config(codex_keys=codex, **more))


class SocketClient:
    """One client's WebSocket, and what came back on it so far."""

    def __init__(self, site: Site, clock: Any, *lines: str, first: bytes = b"", path: str = "/v1/responses") -> None:
        """Connects. `lines`: of the handshake, beside those that it must have. `first`: sent along with it."""
        self.caller = Caller(site, clock)
        self.events: list[dict[str, Any]] = []
        self.close: CloseConnection | None = None
        self.pings = 0
        self.pongs: list[bytes] = []
        self._wire = Connection(ConnectionType.CLIENT)
        self._read = 0
        head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: 127.0.0.1:8317", *HANDSHAKE, *lines, "", ""))
        self.feed(head.encode() + first)

    def feed(self, data: bytes) -> None:
        """Send bytes as they are."""
        channel = self.caller.transport.channel
        assert channel is not None
        channel.dataReceived(data)

    def send(self, frame: Event | bytes) -> SocketClient:
        """Send a frame; bytes are a text."""
        self.feed(self.framed(frame))
        return self

    def framed(self, frame: Event | bytes) -> bytes:
        """A frame's bytes."""
        return bytes(self._wire.send(TextMessage(frame.decode()) if isinstance(frame, bytes) else frame))

    def ask(self, text: str | None = "Hi", **fields: object) -> SocketClient:
        """Ask for a response."""
        return self.send(create(text, **fields))

    def leave(self) -> None:
        """The connection is gone without a word."""
        self.caller.leave()

    def look(self) -> SocketClient:
        """Read the frames that have come since."""
        _, _, rest = self.caller.raw.partition(b"\r\n\r\n")
        fresh, self._read = rest[self._read :], len(rest)
        if fresh:
            self._wire.receive_data(fresh)
        for frame in self._wire.events():
            if isinstance(frame, TextMessage):
                assert frame.message_finished
                self.events.append(orjson.loads(frame.data))
            elif isinstance(frame, Ping):
                self.pings += 1
            elif isinstance(frame, Pong):
                self.pongs.append(bytes(frame.payload))
            elif isinstance(frame, CloseConnection):
                self.close = frame
            else:
                assert isinstance(frame, BytesMessage)
                raise AssertionError("a binary message came")
        return self

    def answer_close(self) -> None:
        """As every client does, when it is told that the socket closes."""
        close = self.look().close
        assert close is not None
        self.send(close.response())

    @property
    def kinds(self) -> list[str]:
        """The types of the events that have come."""
        return [event["type"] for event in self.look().events]

    @property
    def error(self) -> dict[str, Any]:
        """The one event that has come, an error."""
        (event,) = self.look().events
        assert event["type"] == "error"
        return event

    @property
    def code(self) -> int | None:
        """By which the socket was closed."""
        close = self.look().close
        return None if close is None else int(close.code)


def connect(to: Daemon, *lines: str, **more: Any) -> SocketClient:
    """Another client's socket."""
    client = SocketClient(to.site, to.clock, *lines, **more)
    assert client.caller.status == 101
    return client


def asked(of: Asked) -> dict[str, Any]:
    """The body that an upstream was sent."""
    document: dict[str, Any] = orjson.loads(of.body)
    return document
