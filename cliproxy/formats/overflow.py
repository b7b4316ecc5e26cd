"""Whether an upstream's error says that the prompt is too long: each vendor has its own phrase for it."""

from __future__ import annotations

import re
from typing import Final

_PHRASES: Final = re.compile(
    r"prompt is too long|input is too long|context_length_exceeded|context[ _](?:window|limit)|maximum context length"
    r"|exceeds? the (?:model'?s? )?(?:maximum|max|context)|input token count .{0,40}exceeds|too many (?:input )?tokens",
    re.IGNORECASE,
)
MAX_LOOKED_AT: Final = 4096
"""Characters of an error, of which the phrase stands near the beginning."""


def is_context_overflow(status: int, text: str) -> bool:
    """Whether an error with this status and message or body speaks of the context window."""
    return status in (400, 413, 422) and _PHRASES.search(text[:MAX_LOOKED_AT]) is not None
