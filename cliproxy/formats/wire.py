"""What every wire format must be able to say, as values: the vocabulary of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

import attrs

from cliproxy.errors import Reported

Document = Mapping[str, object]
"""A JSON object, parsed."""


class Operation(Enum):
    """What a client may ask of a model."""

    GENERATE = "generate"
    COUNT_TOKENS = "count-tokens"
    COMPACT = "compact"
    """OpenAI Responses: a conversation in, a shorter one out."""


class Mark(Enum):
    """What one event of a stream means for its fate."""

    OPENING = auto()
    """The message began, or is kept alive: no content yet, so another credential may still try."""
    CONTENT = auto()
    ENDING = auto()
    """The message is whole, but more may be said of it, usage say; the body may end here."""
    LAST = auto()
    """The terminator. Nothing may follow it."""
    FAILED = auto()
    """The upstream reports an error inside the stream."""


@attrs.frozen
class Peek:
    """What must be known of a request before it is served, whatever else it holds."""

    model: str
    stream: bool


@attrs.frozen
class Complaint:
    """An error to be told in a wire's own words."""

    status: int
    message: str
    request_id: str
    context_overflow: bool = False
    """The prompt is too long for the model: clients know this by a phrase or a code of their own wire."""
    reply_id: str = ""
    """Of the reply that broke, where it had told its id."""


def no_reply_id(event: Document) -> str:
    """Of a wire whose errors do not name the reply that broke."""
    return ""


@attrs.frozen
class WireFormat:
    """One vendor's wire format."""

    name: str
    peek: Callable[[bytes], Peek]
    """Raises `BadRequest`."""
    mark: Callable[[Document], Mark]
    trouble: Callable[[Document], Reported]
    """Of an event that is marked FAILED."""
    error_message: Callable[[bytes], str]
    """What the body of an error answer says, for a place that has no room for the body itself."""
    error_body: Callable[[Complaint], bytes]
    error_event: Callable[[Complaint], bytes]
    heartbeat: bytes
    """Keeps a stream alive once its first event has gone out."""
    model_in_reply: tuple[str, ...]
    """Where a whole reply names its model."""
    model_in_event: tuple[str, ...]
    """Where events of a stream do, those that do."""
    reply_id: Callable[[Document], str] = no_reply_id
    """Of an event: the reply's id, if it is told there and an error in mid-stream must repeat it."""
    statuses: Mapping[int, int] = attrs.field(factory=dict, hash=False)
    """Statuses of other vendors that this wire's clients do not know, and what they know instead."""
    end_mark: bytes | None = None
    """What stands in a stream's last event instead of JSON (OpenAI Chat's `[DONE]`)."""


SILENT_HEARTBEAT = b"\n"
"""An empty line: every client tried bears it on every wire, before the first event too; SSE comments break some."""
