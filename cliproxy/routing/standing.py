"""How a credential stands: well, cooling, or to be tried by one request. Values; time is an argument."""

from __future__ import annotations

from enum import Enum
from typing import Final

import attrs

EARLY: Final = 0.9
"""When this part of the cap is over, a request that has nothing to lose may be the probe; at its end, any request."""
SOFT_LADDER: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds until a credential with passing trouble may be asked after all, if there is nobody else."""


class Fate(Enum):
    """What became of a candidate when one was chosen."""

    TAKEN = "taken"
    READY = "less preferred"
    TRIED = "tried"
    COOLING = "cooling"
    HALF_OPEN = "half-open"
    PROBING = "probing"
    FULL = "full"
    LOWER = "lower priority"
    PARKED = "needs login"


@attrs.frozen
class Standing:
    """What is held against a credential, for one model or for all of them."""

    verdict: str
    status: int
    failures: int
    """In a row; a success resets them."""
    since: float
    """When the last one came."""
    until: float
    """By the vendor's hint or the table: until then it is expected to fail."""
    probe_at: float
    """From then on one request may try whether that is so."""
    overdue_at: float
    """And from then on the next one does."""
    soft_at: float | None = None
    """Passing trouble: from then on it may be tried if there is nobody else. None: it is not of that kind."""
    reason: str = ""


def held_against(
    verdict: str,
    status: int,
    failures: int,
    seconds: float,
    now: float,
    cap: float,
    *,
    soft: bool = False,
    reason: str = "",
) -> Standing:
    """The standing after a failure: `seconds` by hint or table, of which no more than `cap` pass without a probe."""
    capped = seconds > cap
    return Standing(
        verdict=verdict,
        status=status,
        failures=failures,
        since=now,
        until=now + seconds,
        probe_at=now + (cap * EARLY if capped else seconds),
        overdue_at=now + min(seconds, cap),
        soft_at=now + SOFT_LADDER[min(failures, len(SOFT_LADDER)) - 1] if soft else None,
        reason=reason,
    )
