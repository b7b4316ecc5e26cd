"""The words of one candidate so far, for turning positions in code points into positions in UTF-8 bytes and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_KEPT_CHARACTERS: Final = 1024 * 1024
"""Of longer answers positions are not told."""

_CONTINUATIONS: Final = bytes(range(0x80, 0xC0))
"""Bytes that do not begin a code point."""


class Visible:
    """State: the pieces of text, as they came, and how many code points they are."""

    __slots__ = ("_pieces", "length")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.length = 0
        """In code points."""

    def add(self, text: str) -> None:
        """One more piece."""
        self.length += len(text)
        if self.length <= MAX_KEPT_CHARACTERS:
            self._pieces.append(text)
        else:
            self._pieces.clear()

    def text(self) -> str | None:
        """All of it; None if it is too long."""
        return "".join(self._pieces) if self.length <= MAX_KEPT_CHARACTERS else None


def points_at(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Byte offsets in UTF-8 to code points; those behind the end are left out. One pass, however many."""
    found: dict[int, int] = {}
    points = before = 0
    for offset in sorted(set(offsets)):
        if 0 <= offset <= len(data):
            points += len(data[before:offset].translate(None, _CONTINUATIONS))
            before = offset
            found[offset] = points
    return found


def bytes_at(text: str, points: Iterable[int]) -> dict[int, int]:
    """Code points to byte offsets; those behind the end are left out. One pass, however many."""
    found: dict[int, int] = {}
    offset = before = 0
    for point in sorted(set(points)):
        if 0 <= point <= len(text):
            offset += len(text[before:point].encode())
            before = point
            found[point] = offset
    return found
