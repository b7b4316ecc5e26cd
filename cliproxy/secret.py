"""A text that does not print: keys, tokens, proxy URLs with a password."""

from __future__ import annotations

import hashlib
from typing import Final

SHOWN_LETTERS: Final = 4
"""Enough to tell two keys apart in a log, too few to help a guesser."""
LEAST_LENGTH_TO_SHOW: Final = 16
"""Of a shorter text four letters would be a good part."""


class Secret:
    """Holds a text; only `reveal()` gives it back. `repr`, `str` and format show four letters at the most.

    Equal to another `Secret` of the same text; hashable. Immutable.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the one place that needs it, never for a message."""
        return self._text

    def digest(self) -> bytes:
        """SHA-256 of the text, 32 bytes: what may be kept and compared where the text itself need not be known."""
        return hashlib.sha256(self._text.encode()).digest()

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.digest() == self.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        shown = self._text[:SHOWN_LETTERS] if len(self._text) >= LEAST_LENGTH_TO_SHOW else ""
        return f"<secret {shown}…>"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a secret is not pickled")
