"""Wire formats, sans-IO, a room each. The tables say which there are; no format knows another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.formats import anthropic, gemini, openai_chat, openai_completions, openai_responses
from cliproxy.formats.codec import Codec
from cliproxy.formats.wire import WireFormat

FORMATS: Final[Mapping[str, WireFormat]] = MappingProxyType(
    {
        wire.name: wire
        for wire in (
            anthropic.ANTHROPIC,
            openai_chat.OPENAI_CHAT,
            openai_completions.OPENAI_COMPLETIONS,
            openai_responses.OPENAI_RESPONSES,
            gemini.GEMINI,
        )
    }
)
"""How replies are followed and errors told."""

CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        "anthropic": anthropic.CODEC,
        "openai-chat": openai_chat.CODEC,
        "openai-completions": openai_completions.CODEC,
        "openai-responses": openai_responses.CODEC,
        "gemini": gemini.CODEC,
    }
)
"""The way into the neutral conversation, and out of it."""

__all__ = ["CODECS", "FORMATS"]
