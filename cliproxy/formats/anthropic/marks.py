"""What each event of a stream means for its fate."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cliproxy.formats.wire import Document, Mark

_MARKS: Final = MappingProxyType(
    {
        "message_start": Mark.OPENING,
        "ping": Mark.OPENING,
        "message_delta": Mark.SUMMARY,
        "message_stop": Mark.LAST,
        "error": Mark.FAILED,
    }
)


def mark(event: Document) -> Mark:
    """What a stream's event means. Unknown kinds are content: the vendor adds some now and then."""
    kind = event.get("type")
    return _MARKS.get(kind, Mark.CONTENT) if isinstance(kind, str) else Mark.CONTENT
