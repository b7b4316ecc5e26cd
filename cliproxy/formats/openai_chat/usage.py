"""Token counts on OpenAI's wire: the prompt holds what the cache gave or took, the completion holds the reasoning."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats.wire import Document


def decode_usage(value: object) -> Usage | None:
    """None for what holds no counts. Numbers that contradict each other never make one negative."""
    if not isinstance(value, Mapping) or not ("prompt_tokens" in value or "completion_tokens" in value):
        return None
    read_details = _details(value, "prompt_tokens_details")
    prompt = _count(value.get("prompt_tokens"))
    # DeepSeek and Kimi tell the cached ones beside the others.
    cached = (
        _count(read_details.get("cached_tokens"))
        or _count(value.get("prompt_cache_hit_tokens"))
        or _count(value.get("cached_tokens"))
    )
    written = _count(read_details.get("cache_write_tokens"))
    completion = _count(value.get("completion_tokens"))
    reasoning = _count(_details(value, "completion_tokens_details").get("reasoning_tokens"))
    # xAI counts reasoning beside the completion; its total tells.
    apart = reasoning > 0 and _count(value.get("total_tokens")) == prompt + completion + reasoning
    return Usage(
        input=max(0, prompt - cached - written),
        cache_read=cached,
        cache_write_5m=written,
        output=completion if apart else max(0, completion - reasoning),
        reasoning=reasoning,
    )


def usage_in(document: Document, known: Usage) -> Usage:
    """Of a chunk, or of a whole completion. Kimi tells it in the choice that ends."""
    usage = decode_usage(document.get("usage"))
    choices = document.get("choices")
    for choice in choices if usage is None and isinstance(choices, list) else ():
        if isinstance(choice, Mapping):
            usage = decode_usage(choice.get("usage")) or usage
    return known if usage is None else usage


def encode_usage(usage: Usage) -> dict[str, Json]:
    """Every figure, zeros too: clients read them without asking whether they are there."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _details(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    details = value.get(key)
    return details if isinstance(details, Mapping) else {}


def _count(value: object) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 18:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return max(0, int(value))
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
