"""What every wire format must be able to say, as values: the vocabulary of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

import attrs
import msgspec

from cliproxy.conversation.usage import Usage
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
    SUMMARY = auto()
    """The content is over; this says how and what it took, but the message is not whole yet."""
    ENDING = auto()
    """The message is whole, but more may be said of it, usage say; the body may end here."""
    LAST = auto()
    """The terminator. Nothing may follow it."""
    FAILED = auto()
    """The upstream reports an error inside the stream."""


ABSENT: Final = msgspec.Raw(b"null")


class Clues(msgspec.Struct, frozen=True, kw_only=True):
    """What in a request may tell which conversation it goes on, in all wires' words: JSON that nobody has read yet.

    They are views of the body, so that picking them out costs nothing, and hold it as long as they live.
    """

    metadata: msgspec.Raw = ABSENT
    client_metadata: msgspec.Raw = ABSENT
    session_id: msgspec.Raw = ABSENT
    session_id_camel: msgspec.Raw = msgspec.field(name="sessionId", default=ABSENT)
    prompt_cache_key: msgspec.Raw = ABSENT
    conversation: msgspec.Raw = ABSENT
    previous_response_id: msgspec.Raw = ABSENT
    request: msgspec.Raw = ABSENT
    """Code Assist's envelope: the request of a conversation stands inside."""
    system: msgspec.Raw = ABSENT
    instructions: msgspec.Raw = ABSENT
    system_instruction: msgspec.Raw = ABSENT
    system_instruction_camel: msgspec.Raw = msgspec.field(name="systemInstruction", default=ABSENT)
    messages: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    contents: msgspec.Raw = ABSENT


@attrs.frozen
class Peek:
    """What must be known of a request before it is served, whatever else it holds."""

    model: str
    stream: bool
    clues: Clues = attrs.field(default=Clues(), eq=False, repr=False)


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


UsageIn = Callable[[Document, Usage], Usage]
"""What a reply took, by what was known of that and by an event of its stream, or by the whole of it. Never raises."""


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
    usage_in: UsageIn
    """Asked of the first event with content, and of every event that is marked otherwise: only they may tell."""
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
