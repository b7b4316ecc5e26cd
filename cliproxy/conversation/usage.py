"""How many tokens a reply took, so divided that every vendor's sums can be made of it exactly.

Anthropic's input excludes what the cache gave or took, everybody else's includes it; Gemini's output excludes
thoughts, everybody else's includes them.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Usage:
    """In tokens; no two of them overlap, and none is negative."""

    input: int = 0
    """Read afresh: neither from the cache nor into it."""
    cache_read: int = 0
    cache_write_5m: int = 0
    """Written to the cache; also where the vendor does not say for how long."""
    cache_write_1h: int = 0
    output: int = 0
    """Visible ones; with the reasoning in it where the vendor does not tell them apart."""
    reasoning: int = 0
    searches: int = 0
    """Web searches the vendor ran: requests, not tokens."""

    @property
    def cache_write(self) -> int:
        """Written to the cache in all."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        """Everything that was read."""
        return self.input + self.cache_read + self.cache_write

    @property
    def completion(self) -> int:
        """Everything that was written."""
        return self.output + self.reasoning

    @property
    def total(self) -> int:
        """Both."""
        return self.prompt + self.completion
