"""How numbers, times and foreign texts are shown to a person at a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from textwrap import TextWrapper
from typing import Final

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_CUT: Final = "…"
_NO_BREAK: Final = "\u00a0"


def plain(text: str, most: int = 1000) -> str:
    """A text that others wrote, with what a terminal could obey, or a reader overlook, spelled out.

    Control characters, escape sequences, line breaks, marks that turn the direction of writing.
    """
    cut = text if len(text) <= most else text[: most - 1] + _CUT
    if cut.isprintable():
        return cut
    return "".join(letter if letter.isprintable() else _spelled(letter) for letter in cut)


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def fitted(text: str, width: int) -> str:
    """A name in a column: the middle is left out, since names differ at both ends."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + _CUT + text[len(text) - tail :]


def duration(seconds: float) -> str:
    """Its two largest units, such as `2 h 10 min`; `0 s` for none, and for a negative one."""
    if not math.isfinite(seconds):
        return "for ever" if seconds > 0 else "0 s"
    left = max(0, math.ceil(seconds))
    parts: list[str] = []
    for index, (unit, name) in enumerate(_UNITS):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count:,} {name}")
        if parts and (len(parts) == 2 or index + 1 == len(_UNITS) or left < _UNITS[index + 1][0]):
            break
    return " ".join(parts) or "0 s"


def amount(number: float) -> str:
    """A count of tokens, with three digits at the most: `950`, `12.3 k`, `1.2 M`."""
    if not math.isfinite(number):
        return "?"
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= unit:
            scaled = number / unit
            return f"{scaled:,.0f} {name}" if abs(scaled) >= 100 else f"{scaled:.1f} {name}"
    return f"{number:.0f}"


def percent(part: float) -> str:
    """Of 0 to 1."""
    return f"{part * 100:.0f} %" if math.isfinite(part) else "?"


def moment(at: float, zone: tzinfo | None = None) -> str:
    """Date and time to the second, in the reader's own zone unless another is given."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "?"


def clock(at: float, zone: tzinfo | None = None) -> str:
    """The time to the millisecond, the same way."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M:%S.%f")[:-3]
    except (OverflowError, OSError, ValueError):
        return "?"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 credential`, `4,000 credentials`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def unbroken(text: str) -> str:
    """A text that `wrapped` keeps on one line."""
    return text.replace(" ", _NO_BREAK)


def wrapped(text: str, width: int, indent: int, most_lines: int = 4) -> list[str]:
    """A paragraph; what goes beyond the lines is left out."""
    wrapper = TextWrapper(
        width=width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        max_lines=most_lines,
        placeholder=f" {_CUT}",
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in wrapper.wrap(text)]


def columns(rows: Sequence[Sequence[str]], width: int, numbers: frozenset[int] = frozenset()) -> list[str]:
    """Aligned cells, two blanks between them. The first column gives way where the line is too narrow.

    `numbers`: the columns that are aligned to the right.
    """
    if not rows:
        return []
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    widths[0] = max(min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)), 12)
    return ["  ".join(_cells(row, widths, numbers)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int], numbers: frozenset[int]) -> list[str]:
    return [
        cell.rjust(width) if index in numbers else fitted(cell, width).ljust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
