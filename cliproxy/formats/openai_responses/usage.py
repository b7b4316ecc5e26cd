"""Token counts, as this wire and the neutral conversation divide them."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.wire import Document


def read_usage(response: Mapping[str, object]) -> Usage | None:
    """What a response says of its tokens: its input has the cached ones in it, its output the reasoning."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    given = _object(usage.get("input_tokens_details"))
    made = _object(usage.get("output_tokens_details"))
    prompt, completion = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    read = min(count(given.get("cached_tokens")), prompt)
    written = min(count(given.get("cache_write_tokens")), prompt - read)
    reasoning = min(count(made.get("reasoning_tokens")), completion)
    searches = _object(_object(response.get("tool_usage")).get("web_search")).get("num_requests")
    return Usage(
        input=prompt - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=completion - reasoning,
        reasoning=reasoning,
        searches=count(searches),
    )


def usage_in(document: Document, known: Usage) -> Usage:
    """Of an event that holds the response, or of a whole response."""
    response = document.get("response")
    usage = read_usage(response if isinstance(response, Mapping) else document)
    return known if usage is None else usage


def write_usage(usage: Usage | None) -> Json:
    """`usage`; null if nobody said."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def write_tool_usage(usage: Usage | None) -> dict[str, Json]:
    """`tool_usage` as a field of the response, if there was a search."""
    if usage is None or not usage.searches:
        return {}
    images: dict[str, Json] = {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
    }
    return {"tool_usage": {"image_gen": images, "web_search": {"num_requests": usage.searches}}}


def read_count(document: Document) -> int | None:
    """Tokens, from the answer of `POST /v1/responses/input_tokens`; None if it is none."""
    tokens = document.get("input_tokens")
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None


def write_count(tokens: int) -> bytes:
    """The same answer."""
    return jsontext.dumps({"object": "response.input_tokens", "input_tokens": tokens})


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
