"""Tokens, as this wire counts them: the prompt includes what the cache gave, the answer excludes thoughts."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats.gemini.fields import field, whole_number
from cliproxy.formats.wire import Document


def read_usage(metadata: Document, searches: int = 0) -> Usage:
    """Of `usageMetadata`. What a server tool put into the prompt is counted beside the prompt, and was read too."""
    prompt = _count(metadata, "promptTokenCount")
    cached = min(_count(metadata, "cachedContentTokenCount"), prompt)
    return Usage(
        input=prompt - cached + _count(metadata, "toolUsePromptTokenCount"),
        cache_read=cached,
        output=_count(metadata, "candidatesTokenCount"),
        reasoning=_count(metadata, "thoughtsTokenCount"),
        searches=searches,
    )


def usage_in(document: Document, known: Usage) -> Usage:
    """Of a chunk, or of a whole answer: each chunk's figures are of all so far."""
    metadata = field(document, "usageMetadata")
    return read_usage(metadata) if isinstance(metadata, Mapping) else known


def written_usage(usage: Usage) -> dict[str, Json]:
    """`usageMetadata`."""
    metadata: dict[str, Json] = {"promptTokenCount": usage.prompt, "candidatesTokenCount": usage.output}
    if usage.cache_read:
        metadata["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        metadata["thoughtsTokenCount"] = usage.reasoning
    metadata["totalTokenCount"] = usage.total
    return metadata


def _count(metadata: Document, name: str) -> int:
    return max(whole_number(field(metadata, name)) or 0, 0)
