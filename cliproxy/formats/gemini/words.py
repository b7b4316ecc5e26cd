"""Words of this wire that both directions need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.request import Effort

FORMAT: Final = "gemini"
"""The name of this wire format."""

SKIP_SIGNATURE: Final = "skip_thought_signature_validator"
"""Stands for the signature of a call that Gemini did not make itself; documented by Google."""

LEVELS: Final[Mapping[Effort, str]] = MappingProxyType(
    {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH"}
)
"""Effort to `thinkingLevel`. There is no `max`."""

TIERS: Final[Mapping[str, str]] = MappingProxyType(
    {"auto": "unspecified", "default": "standard", "flex": "flex", "priority": "priority"}
)
"""OpenAI's words for a service tier to Google's."""

_GENERATION: Final = re.compile(r"gemini-(\d{1,3})(?!\d)")
_LATEST: Final = re.compile(r"gemini-[a-z-]*latest")
_OLDEST_THAT_LATEST_MEANS: Final = 3


def generation(model: str) -> int | None:
    """The major version of a Gemini model; None for others and where the name does not say."""
    name = model.lower()
    named = _GENERATION.search(name)
    if named:
        return int(named[1])
    return _OLDEST_THAT_LATEST_MEANS if _LATEST.search(name) else None
