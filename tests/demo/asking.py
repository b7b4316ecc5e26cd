"""Requests for the demo, with defaults; and a target that remembers what was played on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import DemoRequest, Json, Reply
from cliproxy.demo.settings import DemoSettings
from tests.support.grammar import Told, check_stream

KEY = {"x-api-key": "sk-demo"}
TOOLS: list[Json] = [{"name": name, "input_schema": {"type": "object"}} for name in ("Read", "Bash")]


def body_of(text: str = "hello", /, **fields: Json) -> dict[str, Json]:
    """A body that asks for a stream."""
    messages: list[Json] = [{"role": "user", "content": text}]
    return {"model": "demo", "max_tokens": 4096, "stream": True, "messages": messages, **fields}


def asking(text: str = "hello", /, **fields: Json) -> DemoRequest:
    """A request for a stream."""
    return DemoRequest("POST", "/v1/messages", "", KEY, orjson.dumps(body_of(text, **fields)))


def reply_to(text: str = "hello", settings: DemoSettings | None = None, /, **fields: Json) -> Reply:
    return answer(asking(text, **fields), settings or DemoSettings())


def told_by(reply: Reply) -> Told:
    """What a good stream told."""
    assert reply.status == 200, plain(reply.steps)
    return check_stream(plain(reply.steps))


def body_in(reply: Reply) -> dict[str, Json]:
    """The JSON of a reply that is not streamed."""
    decoded = orjson.loads(plain(reply.steps))
    assert isinstance(decoded, dict)
    return decoded


@attrs.define
class Remembered:
    """A target that writes down what it is told, and may act on each write."""

    log: list[str] = attrs.field(factory=list)
    body: bytes = b""
    writes: list[int] = attrs.field(factory=list)
    on_write: Callable[[], object] = lambda: None

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.log.append(f"head {status}")

    def write(self, body: bytes) -> None:
        self.body += body
        self.writes.append(len(body))
        self.on_write()

    def end(self) -> None:
        self.log.append("end")

    def cut(self) -> None:
        self.log.append("cut")


# -- any wire ------------------------------------------------------------------------------------------------------

BEARER = {"authorization": "Bearer sk-demo"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of 70 bytes in base64."""


def post(path: str, body: Json, headers: Mapping[str, str] = BEARER, query: str = "") -> Reply:
    """What the demo answers to that body."""
    return answer(DemoRequest("POST", path, query, headers, orjson.dumps(body)), DemoSettings())


def get(path: str, headers: Mapping[str, str] = BEARER, query: str = "") -> Reply:
    return answer(DemoRequest("GET", path, query, headers), DemoSettings())


def decoded(reply: Reply) -> dict[str, Any]:
    """The JSON of a good reply that is not streamed, for a test that looks deep into it."""
    assert reply.status == 200, plain(reply.steps)
    found = orjson.loads(plain(reply.steps))
    assert isinstance(found, dict)
    return found


def told_wrong(reply: Reply) -> dict[str, Json]:
    """What stands under `error`, of a reply with that status."""
    error = body_in(reply)["error"]
    assert isinstance(error, dict)
    return error


def data_frames(raw: bytes, line_end: bytes = b"\n") -> list[bytes]:
    """The payloads of a stream of nothing but `data:` lines."""
    assert raw.endswith(line_end * 2)
    frames = raw.removesuffix(line_end * 2).split(line_end * 2)
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [frame.removeprefix(b"data: ") for frame in frames]
