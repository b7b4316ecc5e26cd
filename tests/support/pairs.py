"""One exchange between a client of one format and an upstream of another, as values: what each of them is told.

All of it goes through the real pipeline, bytes in and bytes out. Blobs that one exchange sealed open in the next, as
all exchanges here belong to one installation; what the memory keeps is shared by giving both the same `rules`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from cliproxy.conversation.losses import Loss
from cliproxy.formats import FORMATS, sse
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.shaping.table import CapabilityTable, load_builtin
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.translation import Asked, Prepared, Rules, Translation, Upstream

Body: TypeAlias = dict[str, Any]
"""JSON, of which tests pick what they speak of."""

MODEL: Final = "a-model"
PLAIN: Final = Dialect()
"""One that nobody knows: it bears everything."""
_END_MARK: Final = "[DONE]"
_LEAST: Final[Mapping[str, Body]] = {
    "anthropic": {"max_tokens": 1000, "messages": [{"role": "user", "content": "Go on."}]},
    "openai-chat": {"messages": [{"role": "user", "content": "Go on."}], "stream_options": {"include_usage": True}},
    "openai-responses": {"input": "Go on."},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Go on."}]}]},
}


def asking(client: str, **fields: Any) -> Body:
    """The least that a client of this format asks, with fields of its wire added or in the place of its own."""
    return {"model": MODEL, **_LEAST[client], **fields}


def rules(*, known: bool = False) -> Rules:
    """Those of an installation without any configuration. `known`: the built-in table of models is looked at."""
    return Rules(Envelopes(b"secret"), ReasoningMemory(), CapabilityTable(load_builtin() if known else ()))


def _upstream(name: str, model: str, dialect: Dialect) -> Upstream:
    return Upstream(FORMATS[name], f"{name}:upstream.example", model, dialect)


def _exchange(client: str, asked: Mapping[str, Any], stream: bool, by: Rules | None) -> Translation:
    body = {key: value for key, value in asked.items() if key != "model"} if client == "gemini" else dict(asked)
    if client != "gemini" and stream:
        body["stream"] = True
    return Translation(
        Asked(
            request_id="req_1",
            wire=FORMATS[client],
            operation=Operation.GENERATE,
            model=asked.get("model", MODEL),
            stream=stream,
            body=json.dumps(body).encode(),
            reasoning=None,
            created=1,
        ),
        by or rules(),
    )


def prepared(
    client: str,
    upstream: str,
    asked: Mapping[str, Any],
    *,
    model: str = MODEL,
    dialect: Dialect = PLAIN,
    by: Rules | None = None,
) -> Prepared:
    """A client's request, ready for an upstream."""
    return _exchange(client, asked, False, by).prepare(_upstream(upstream, model, dialect))


def translated(
    client: str,
    upstream: str,
    asked: Mapping[str, Any],
    *,
    model: str = MODEL,
    dialect: Dialect = PLAIN,
    by: Rules | None = None,
) -> Body:
    """The body that the upstream gets."""
    ready = prepared(client, upstream, asked, model=model, dialect=dialect, by=by)
    told: Body = json.loads(ready.body)
    return told


def losses(
    client: str,
    upstream: str,
    asked: Mapping[str, Any],
    *,
    model: str = MODEL,
    dialect: Dialect = PLAIN,
) -> tuple[Loss, ...]:
    """What is noted of a request as left out, or as done in another way."""
    return prepared(client, upstream, asked, model=model, dialect=dialect).losses


def dropped(client: str, upstream: str, asked: Mapping[str, Any], **fields: Any) -> set[str]:
    """The fields that were left out, by the names under which the client is told so."""
    return {loss.field for loss in losses(client, upstream, asked, **fields) if not loss.emulated}


def emulated(client: str, upstream: str, asked: Mapping[str, Any], **fields: Any) -> set[str]:
    """The fields whose effect is had in another way, by the names under which the client is told so."""
    return {loss.field for loss in losses(client, upstream, asked, **fields) if loss.emulated}


def streamed(
    client: str,
    upstream: str,
    reply: Sequence[Mapping[str, Any]],
    asked: Mapping[str, Any] | None = None,
    *,
    model: str = MODEL,
    by: Rules | None = None,
) -> list[Body]:
    """The events that a client who wants a stream is told of an upstream's events. OpenAI Chat's `[DONE]` is none."""
    raw = _told(client, upstream, _as_stream(upstream, reply), asked, True, True, model, by)
    payloads = [sse.data_of(event) for event in sse.each(raw)]
    return [json.loads(payload) for payload in payloads if payload is not None and payload != _END_MARK.encode()]


def answered(
    client: str,
    upstream: str,
    reply: Mapping[str, Any],
    asked: Mapping[str, Any] | None = None,
    *,
    model: str = MODEL,
    by: Rules | None = None,
) -> Body:
    """The body that a client who wants no stream is told of an upstream's body."""
    raw = _told(client, upstream, json.dumps(reply).encode(), asked, False, False, model, by)
    told: Body = json.loads(raw)
    return told


def collected(
    client: str,
    upstream: str,
    reply: Sequence[Mapping[str, Any]],
    asked: Mapping[str, Any] | None = None,
    *,
    model: str = MODEL,
    by: Rules | None = None,
) -> Body:
    """The body that a client who wants no stream is told of an upstream's events."""
    raw = _told(client, upstream, _as_stream(upstream, reply), asked, False, True, model, by)
    told: Body = json.loads(raw)
    return told


def raw_stream(
    client: str, upstream: str, reply: Sequence[Mapping[str, Any]], asked: Mapping[str, Any] | None = None
) -> bytes:
    """A client's stream as bytes, with everything that is no event."""
    return _told(client, upstream, _as_stream(upstream, reply), asked, True, True, MODEL, None)


def _as_stream(upstream: str, reply: Sequence[Mapping[str, Any]]) -> bytes:
    lines = [f"data: {json.dumps(document)}\n\n" for document in reply]
    if upstream == "openai-chat":
        lines.append(f"data: {_END_MARK}\n\n")
    return "".join(lines).encode()


def _told(
    client: str,
    upstream: str,
    body: bytes,
    asked: Mapping[str, Any] | None,
    stream: bool,
    streams: bool,
    model: str,
    by: Rules | None,
) -> bytes:
    exchange = _exchange(client, asked if asked is not None else asking(client), stream, by)
    there = _upstream(upstream, model, Dialect())
    kind = b"text/event-stream" if streams else b"application/json"
    reader = exchange.reader(there, exchange.prepare(there), ReplyHead(200, kind, b""))
    told = reader.feed(body)
    told += reader.finish()
    return told if reader.trouble is None else told + reader.failed(reader.trouble, "req_1")
