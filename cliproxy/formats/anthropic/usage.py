"""Anthropic's figures of tokens, read and written.

Its input leaves out both what the cache gave and what it took; its output has the thinking in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.wire import Document


def merged(earlier: Document, later: object) -> Document:
    """The figures of a stream: later ones replace earlier ones, but nothing is unsaid by null or by a zero."""
    if not isinstance(later, Mapping):
        return earlier
    return {**earlier, **{key: value for key, value in later.items() if value or key not in earlier}}


def read_usage(figures: Document) -> Usage:
    """Usage from an object of Anthropic's; what is missing or no number counts as 0."""
    split = _object(figures, "cache_creation")
    hour = _tokens(split, "ephemeral_1h_input_tokens")
    written = max(_tokens(figures, "cache_creation_input_tokens"), hour + _tokens(split, "ephemeral_5m_input_tokens"))
    output = _tokens(figures, "output_tokens")
    reasoning = min(_tokens(_object(figures, "output_tokens_details"), "thinking_tokens"), output)
    return Usage(
        input=_tokens(figures, "input_tokens"),
        cache_read=_tokens(figures, "cache_read_input_tokens"),
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        output=output - reasoning,
        reasoning=reasoning,
        searches=_tokens(_object(figures, "server_tool_use"), "web_search_requests"),
    )


def usage_in(document: Document, known: Usage) -> Usage:
    """Of `message_start`, of `message_delta`, or of a whole message."""
    message = document.get("message")
    figures = (message if isinstance(message, Mapping) else document).get("usage")
    return read_usage(merged(write_usage(known), figures)) if isinstance(figures, Mapping) else known


def write_usage(usage: Usage) -> dict[str, Json]:
    """The object of a whole message, and of the last `message_delta`."""
    figures: dict[str, Json] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.completion,
    }
    if usage.reasoning:
        figures["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.searches:
        figures["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    return figures


def decode_count(document: Document) -> int | None:
    """The figure of `/v1/messages/count_tokens`, if the answer has one."""
    tokens = document.get("input_tokens")
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None


def encode_count(tokens: int) -> bytes:
    """The answer of `/v1/messages/count_tokens`."""
    return jsontext.dumps({"input_tokens": tokens})


def _object(figures: Document, key: str) -> Document:
    value = figures.get(key)
    return value if isinstance(value, Mapping) else {}


def _tokens(figures: Document, key: str) -> int:
    value = figures.get(key)
    return max(value, 0) if isinstance(value, int) else 0
