"""What the events of a stream mean for its fate."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cliproxy.formats.wire import Document, Mark

_MARKS: Final = MappingProxyType(
    {
        "response.created": Mark.OPENING,
        "response.in_progress": Mark.OPENING,
        "response.queued": Mark.OPENING,
        "keepalive": Mark.OPENING,
        "response.completed": Mark.LAST,
        "response.incomplete": Mark.LAST,
        "response.failed": Mark.FAILED,
        "error": Mark.FAILED,
    }
)


def mark(event: Document) -> Mark:
    """What a stream's event means. Unknown kinds are content: the vendor adds some now and then."""
    kind = event.get("type")
    return _MARKS.get(kind, Mark.CONTENT) if isinstance(kind, str) else Mark.CONTENT
