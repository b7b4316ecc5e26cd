"""Why a candidate ended, in Google's words and in ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.events import Stop

STOPS: Final[Mapping[str, Stop]] = MappingProxyType(
    {
        "STOP": Stop.END,
        "MAX_TOKENS": Stop.LENGTH,
        "CONTINUATION": Stop.LENGTH,
    }
    | dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
        ),
        Stop.REFUSAL,
    )
)
"""`finishReason` to what it means. The others, known or not, end the reply with their word as the detail."""

MISHAPS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "MALFORMED_FUNCTION_CALL": 502,
        "MALFORMED_RESPONSE": 502,
        "UNEXPECTED_TOOL_CALL": 502,
        "TOO_MANY_TOOL_CALLS": 502,
        "MISSING_THOUGHT_SIGNATURE": 400,
    }
)
"""What went wrong on the way; a reply without words is then a failure, with this status."""

_WORDS: Final[Mapping[Stop, str]] = MappingProxyType(
    {
        Stop.LENGTH: "MAX_TOKENS",
        Stop.CONTEXT: "MAX_TOKENS",
        Stop.REFUSAL: "SAFETY",
    }
)
"""The way back. Everything else is `STOP`, calls too."""


def read_reason(word: str, message: str, called: bool) -> tuple[Stop, str]:
    """How a candidate ended, and the detail. Calls turn an ordinary end into one that waits for their results."""
    stop = STOPS.get(word, Stop.END)
    if stop is Stop.END and called:
        stop = Stop.TOOLS
    said = "" if word == "STOP" else word
    return stop, f"{said}: {message}" if said and message else said or message


def written_reason(stop: Stop, detail: str) -> tuple[str, str]:
    """`finishReason` and `finishMessage`. A detail in Google's own words gives them back."""
    word, _, message = detail.partition(": ")
    if word in MISHAPS or STOPS.get(word) is (Stop.LENGTH if stop is Stop.CONTEXT else stop):
        return word, message
    return _WORDS.get(stop, "STOP"), detail
