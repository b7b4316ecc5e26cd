"""How each wire format is asked: the path, the headers, and what stands at the end of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

import attrs

Format = Literal["anthropic", "openai-chat", "openai-responses", "gemini"]


@attrs.frozen
class Wire:
    """One format, as its clients ask, and as the demo upstream serves it."""

    path: str
    """`{model}` and `{action}` stand for what only Gemini puts there."""
    headers: str
    """Those of its own; `{key}` stands for the client's key."""
    last: bytes
    """In the last event of every whole stream, and in no other."""
    model: str
    """Which the daemon of the benchmark asks of the upstream of this format, and of no other."""


WIRES: Final[Mapping[Format, Wire]] = {
    "anthropic": Wire(
        "/v1/messages",
        "x-api-key: {key}\r\nanthropic-version: 2023-06-01",
        b"event: message_stop",
        "claude-sonnet-4-5",
    ),
    "openai-chat": Wire("/v1/chat/completions", "authorization: Bearer {key}", b"data: [DONE]", "demo-chat"),
    "openai-responses": Wire(
        "/v1/responses", "authorization: Bearer {key}", b"event: response.completed", "demo-responses"
    ),
    "gemini": Wire("/v1beta/models/{model}:{action}", "x-goog-api-key: {key}", b'"finishReason":"STOP"', "demo-gemini"),
}
FORMATS: Final = cast("tuple[Format, ...]", tuple(WIRES))


def path(client: Format, model: str, *, streamed: bool) -> str:
    """Where a client of this format asks for a model."""
    action = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    return WIRES[client].path.format(model=model, action=action)
