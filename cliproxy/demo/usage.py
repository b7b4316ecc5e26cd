"""What the demo says of tokens: a rough estimate, good enough to see that numbers add up. Pure."""

from __future__ import annotations

from typing import Final

import attrs

BYTES_A_TOKEN: Final = 4


@attrs.frozen
class Prompt:
    """What was read, in tokens."""

    tokens: int
    """All of them."""
    cached: int = 0
    """Of these, what an earlier request of the conversation held already."""


def prompt_of(size: int, cached_size: int = 0) -> Prompt:
    """From sizes in bytes."""
    return Prompt(tokens_of(size), min(cached_size, size) // BYTES_A_TOKEN)


def tokens_of(size: int) -> int:
    """A quarter of the bytes, rounded up."""
    return -(-size // BYTES_A_TOKEN)
