"""Why a reply ended: `finish_reason` and the neutral word."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.events import Stop

REASONS: Final[Mapping[Stop, str]] = MappingProxyType(
    {
        Stop.END: "stop",
        Stop.TOOLS: "tool_calls",
        Stop.LENGTH: "length",
        Stop.SEQUENCE: "stop",
        Stop.REFUSAL: "content_filter",
        Stop.PAUSE: "stop",
        Stop.CONTEXT: "length",
    }
)

_STOPS: Final[Mapping[str, Stop]] = MappingProxyType(
    {
        "stop": Stop.END,
        "end_turn": Stop.END,
        "eos": Stop.END,
        "length": Stop.LENGTH,
        "max_tokens": Stop.LENGTH,
        "tool_calls": Stop.TOOLS,
        "function_call": Stop.TOOLS,
        "tool_use": Stop.TOOLS,
        "content_filter": Stop.REFUSAL,
        "safety": Stop.REFUSAL,
        "sensitive": Stop.REFUSAL,
        "refusal": Stop.REFUSAL,
        "stop_sequence": Stop.SEQUENCE,
        "model_context_window_exceeded": Stop.CONTEXT,
    }
)
"""The five of the format, and what compatible servers say instead."""

BREAKS: Final[Mapping[str, int]] = MappingProxyType({"error": 502, "insufficient_system_resource": 503})
"""Reasons that are no end: OpenRouter's for an error, DeepSeek's for a reply that it gave up."""


def stop_of(reason: str, has_calls: bool) -> tuple[Stop, str]:
    """The neutral word, and the vendor's own where it says more.

    What the reply holds is the truth about calls: OpenAI says `stop` when a call was forced, others say `tool_calls`
    without one.
    """
    stop = _STOPS.get(reason.lower())
    detail = "" if stop else reason
    if stop in (None, Stop.END, Stop.TOOLS):
        stop = Stop.TOOLS if has_calls else Stop.END
    return stop or Stop.END, detail
