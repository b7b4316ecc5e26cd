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


class Mark(Enum):
    """What one event of a stream means for its fate."""

    OPENING = auto()
    """The message began, or is kept alive: no content yet, so another credential may still try."""
    CONTENT = auto()
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


SILENT_HEARTBEAT = b"\n"
"""An empty line: every client tried bears it on every wire, before the first event too; SSE comments break some."""
