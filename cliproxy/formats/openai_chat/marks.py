"""What one chunk of a stream means for its fate."""

from __future__ import annotations

from cliproxy.formats.openai_chat.errors import is_error
from cliproxy.formats.wire import Document, Mark


def mark(event: Document) -> Mark:
    """A chunk without choices, or whose deltas say no more than the role, is no content yet."""
    if is_error(event):
        return Mark.FAILED
    choices = event.get("choices")
    if not isinstance(choices, list):
        return Mark.OPENING
    meaning = Mark.OPENING
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        if choice.get("finish_reason"):
            return Mark.ENDING
        delta = choice.get("delta")
        for key, value in delta.items() if isinstance(delta, dict) else ():
            if value and key != "role":
                meaning = Mark.CONTENT
    return meaning
