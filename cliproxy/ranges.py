"""Which models the vendors' own hosts serve, for keys and accounts of which nothing more is known."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Range:
    """What a key without `models` serves. A list of names would be out of date with the vendor's next release."""

    patterns: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    """Shown in the list of models; any other name that fits a pattern is served as well."""


NOTHING: Final = Range()
CLAUDE: Final = Range(
    patterns=("claude-*",),
    listed=(
        "claude-fable-5-2",
        "claude-mythos-5-2",
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
        "claude-opus-5",
        "claude-sonnet-5",
        "claude-opus-4-8",
        "claude-opus-4-7",
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-opus-4-5",
        "claude-haiku-4-5",
    ),
)
GEMINI: Final = Range(
    patterns=("gemini-*",),
    listed=(
        "gemini-3.8-flash",
        "gemini-3.7-flash",
        "gemini-3.6-flash",
        "gemini-3.5-flash",
        "gemini-3.5-flash-lite",
        "gemini-3-pro-preview",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
    ),
)
OPENAI: Final = Range(
    patterns=("gpt-*", "codex-*", "o1*", "o3*", "o4*"),
    listed=(
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-5.6-luna",
        "gpt-5.5",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-5.4-nano",
    ),
)
