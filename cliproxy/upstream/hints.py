"""Moments and spans of time, as vendors write them in headers and errors. Pure: the wall clock is an argument.

What makes no sense is None: a text, a NaN, a negative span, and all that lies further ahead than any limit does.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

MAX_AHEAD_SECONDS: Final = 366 * 86400.0
"""No limit is longer than a year; what is said to begin anew after that is a mistake, and not to be waited for."""
FIRST_UNIX_SECOND: Final = 1e9
"""Smaller numbers are spans: as a moment this one was in 2001, as a span it is 31 years."""
FIRST_UNIX_MILLISECOND: Final = 1e11
"""Greater numbers are milliseconds: as seconds this one is in the year 5138."""
MAX_TEXT: Final = 64

_SPAN: Final = re.compile(r"(?:\d+(?:\.\d*)?(?:ms|[dhms]))+")
_SPAN_PART: Final = re.compile(r"([\d.]+)(ms|[dhms])")
_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def retry_after(value: bytes | None, wall_seconds: float) -> float | None:
    """Seconds to wait by a `Retry-After` header (RFC 9110 10.2.3: seconds or a date); None if it says nothing."""
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
            seconds = _unix(date) - wall_seconds
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def amount(value: object) -> float | None:
    """A number that is not negative, as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, bytes)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return abs(number) if 0 <= number < math.inf else None  # abs: some vendors write -0.0


def moment(value: object, wall_seconds: float) -> float | None:
    """Unix time of a moment to come.

    It is written in seconds or milliseconds of Unix time, by RFC 3339, or as the span until then: `34`, `6m0s`, `9ms`.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    number = amount(text)
    if number is None:
        at = _written(text.strip(), wall_seconds) if isinstance(text, str) and len(text) <= MAX_TEXT else None
    elif number < FIRST_UNIX_SECOND:
        at = wall_seconds + number
    else:
        at = number if number < FIRST_UNIX_MILLISECOND else number / 1000
    return at if at is not None and 0 < at - wall_seconds <= MAX_AHEAD_SECONDS else None


def _written(text: str, wall_seconds: float) -> float | None:
    if _SPAN.fullmatch(text):
        return wall_seconds + sum(float(number) * _UNITS[unit] for number, unit in _SPAN_PART.findall(text))
    return _rfc3339(text)


@lru_cache(maxsize=64)
def _rfc3339(text: str) -> float | None:
    """Remembered, since the buckets of one answer are often full at the same second."""
    try:
        return _unix(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _unix(date: datetime) -> float:
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
