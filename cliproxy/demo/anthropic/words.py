"""How Anthropic says what is wrong with a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cliproxy.demo.fields import Path
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest


class _Words:
    def spellings(self, name: str) -> Sequence[str]:
        return (name,)

    def unreadable(self, why: str) -> BadRequest:
        return BadRequest(f"The request body is not valid JSON: {why}")

    def missing(self, path: Path) -> BadRequest:
        return BadRequest(f"{dotted(path)}: Field required")

    def mistyped(self, path: Path, expected: str, value: Json) -> BadRequest:
        return BadRequest(f"{dotted(path) or 'body'}: Input should be {expected}")


WORDS: Final = _Words()


def dotted(path: Path) -> str:
    """`messages.0.content`."""
    return ".".join(str(step) for step in path)
