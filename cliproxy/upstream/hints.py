"""What an answer's headers say of when to ask again. Pure: the wall clock is an argument."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(value: bytes | None, wall_seconds: float) -> float | None:
    """Seconds to wait by a `Retry-After` header (RFC 9110 10.2.3: seconds or a date); None if it says nothing."""
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall_seconds
    return max(0.0, seconds) if math.isfinite(seconds) else None
