"""How the demo upstream behaves, and the faults it knows."""

from __future__ import annotations

from typing import Final

import attrs

FAULT_STATUSES: Final = (400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529)
FAULTS: Final[tuple[str, ...]] = (
    *(str(status) for status in FAULT_STATUSES),
    "cut-first",
    "cut",
    "error-first",
    "error",
    "malformed",
    "garbage",
    "gzip",
    "gzip-bare",
    "gzip-bad",
    "empty",
    "stall",
    "stall-first",
)
"""Every way to misbehave; docs/demo.md tells what each does."""

MODELS: Final = ("demo", "claude-sonnet-4-5", "claude-opus-4-8", "claude-haiku-4-5", "claude-sonnet-5")
OPENAI_MODELS: Final = ("demo-chat", "demo-responses", "gpt-6-sol", "gpt-5.5", "codex-mini-latest")
GEMINI_MODELS: Final = ("demo-gemini", "gemini-3.1-pro", "gemini-3-flash", "gemini-2.5-flash")

MAX_DELTAS: Final = 100_000
"""A reply of so many is some 15 MB: more would test nothing but memory."""
MAX_SECONDS: Final = 24 * 3600.0
"""Nobody waits a day for a pause to end."""
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""As the real service: a larger request is a 413."""


def _known_fault(_: DemoSettings, __: attrs.Attribute[str], fault: str) -> None:
    if fault and fault not in FAULTS:
        raise ValueError(f"no fault is called {fault!r}; there are {', '.join(FAULTS)}")


@attrs.frozen
class DemoSettings:
    """What holds for every request that carries no directive to the contrary. Wrong values are a `ValueError`."""

    deltas: int = attrs.field(default=8, validator=[attrs.validators.ge(1), attrs.validators.le(MAX_DELTAS)])
    """How many text deltas the standard reply comes in."""
    delta_pause_seconds: float = attrs.field(
        default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(MAX_SECONDS)]
    )
    """Silence before each delta."""
    stamp: bool = False
    """Each text delta of a stream begins with `@<monotonic ns>@`, taken as it is sent."""
    fault: str = attrs.field(default="", validator=_known_fault)
    """One of `FAULTS`; empty: none."""
    fault_count: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    """How many generating requests get the fault; None: all of them."""
    stall_seconds: float = attrs.field(
        default=3600.0, validator=[attrs.validators.ge(0), attrs.validators.le(MAX_SECONDS)]
    )
    """How long the faults `stall` and `stall-first` are silent."""
    models: tuple[str, ...] = MODELS
    """The names that Anthropic's clients are listed; any other is served as well."""
    openai_models: tuple[str, ...] = OPENAI_MODELS
    gemini_models: tuple[str, ...] = GEMINI_MODELS
