"""What is needed to pass a stream of this wire on without translating it, and to count tokens."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.formats import jsontext
from cliproxy.formats.gemini.fields import field, whole_number
from cliproxy.formats.wire import Document, Mark


def mark(event: Document) -> Mark:
    """What a chunk means for the fate of the stream."""
    if event.get("error") is not None:
        return Mark.FAILED
    found = Mark.OPENING
    candidates = event.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        if not isinstance(candidate, dict):
            continue
        if field(candidate, "finishReason"):
            return Mark.ENDING
        content = candidate.get("content")
        if isinstance(content, dict) and content.get("parts"):
            found = Mark.CONTENT
    feedback = field(event, "promptFeedback")
    return Mark.ENDING if isinstance(feedback, Mapping) and field(feedback, "blockReason") else found


def decode_count(document: Document) -> int | None:
    """`totalTokens`."""
    count = whole_number(field(document, "totalTokens"))
    return count if count is not None and count >= 0 else None


def encode_count(tokens: int) -> bytes:
    """`{"totalTokens"}`."""
    return jsontext.dumps({"totalTokens": tokens})
