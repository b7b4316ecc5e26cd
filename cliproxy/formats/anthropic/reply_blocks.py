"""The parts of a reply as content blocks, and its end: the same for streams and for whole messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.events import Finished, Stop
from cliproxy.conversation.parts import (
    Json,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.anthropic.media import omitted
from cliproxy.formats.anthropic.server_tools import own_block, write_call, write_citation, write_result
from cliproxy.formats.anthropic.usage import write_usage
from cliproxy.formats.codec import Framing

REASONS: Final[Mapping[Stop, str]] = MappingProxyType(
    {
        Stop.END: "end_turn",
        Stop.TOOLS: "tool_use",
        Stop.LENGTH: "max_tokens",
        Stop.SEQUENCE: "stop_sequence",
        Stop.REFUSAL: "refusal",
        Stop.PAUSE: "pause_turn",
        Stop.CONTEXT: "model_context_window_exceeded",
    }
)


def head(part: Part) -> dict[str, Json] | None:
    """How a part's block begins, before its words. None: it has no block, or none before its words or its end."""
    if isinstance(part, Text | Refusal | Media):
        return {"type": "text", "text": ""}
    if isinstance(part, Thinking):
        return None if part.redacted else {"type": "thinking", "thinking": "", "signature": ""}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
    if isinstance(part, ServerCall):
        call = write_call(part)
        return None if call is None else {**call, "input": {}}
    if isinstance(part, ServerResult):
        return write_result(part)
    return own_block(part) if isinstance(part, VendorPart) else None


def words(part: Part) -> str:
    """What a part says in deltas."""
    if isinstance(part, Text | Refusal | Thinking):
        return part.text
    if isinstance(part, ToolCall | ServerCall):
        return part.arguments
    return omitted(part) if isinstance(part, Media) else ""


def whole(part: Part) -> dict[str, object] | None:
    """A part's block with all that it holds; None if it is empty, or if there is no block for it."""
    if isinstance(part, Thinking) and part.redacted:
        return None if part.blob is None else {"type": "redacted_thinking", "data": part.blob.value}
    begun = head(part)
    if begun is None:
        return None
    said = words(part)
    made: dict[str, object] = dict(begun)
    if isinstance(part, ToolCall | ServerCall):
        made["input"] = jsontext.raw_object(said)
    elif isinstance(part, Thinking):
        if not said and part.blob is None:
            return None
        made |= {"thinking": said, "signature": "" if part.blob is None else part.blob.value}
    elif isinstance(part, Text | Refusal | Media):
        made["text"] = said
        cited = part.citations if isinstance(part, Text) else ()
        if not said and not cited:
            return None
        if cited:
            made["citations"] = [write_citation(citation) for citation in cited]
    return made


def identified(part: ToolCall, number: int, framing: Framing) -> ToolCall:
    """A call with an id: its own, or one made for it."""
    return part if part.id else attrs.evolve(part, id=f"toolu_{framing.seed}{number}")


def message(framing: Framing, usage: Usage | None) -> dict[str, object]:
    """A message that has just begun."""
    return {
        "id": f"msg_{framing.seed}",
        "type": "message",
        "role": "assistant",
        "model": framing.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_of(usage, framing),
    }


def usage_of(usage: Usage | None, framing: Framing) -> dict[str, Json]:
    """What was used. Of the prompt, what is estimated if nobody told it: clients show by it how full the context is."""
    told = usage or Usage()
    return write_usage(told if told.prompt else attrs.evolve(told, input=framing.input_estimate))


def ending(finished: Finished, calls: bool) -> dict[str, Json]:
    """`stop_reason` and what belongs to it. Whether tools were called is seen by the blocks that were written."""
    stop = finished.stop
    if stop is Stop.END and calls:
        stop = Stop.TOOLS
    elif stop is Stop.TOOLS and not calls:
        stop = Stop.END
    made: dict[str, Json] = {"stop_reason": REASONS[stop], "stop_sequence": None}
    if stop is Stop.SEQUENCE:
        made["stop_sequence"] = finished.sequence
    if stop is Stop.REFUSAL:
        made["stop_details"] = {"type": "refusal", "category": None, "explanation": finished.detail or None}
    return made
