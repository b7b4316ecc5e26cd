"""Effort and thinking budget, one expressed by the other: the tables that users of the original program know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.request import Effort

BUDGETS: Final[Mapping[Effort, int]] = MappingProxyType(
    {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 128000}
)
"""In tokens."""
EFFORTS: Final[Sequence[Effort]] = tuple(BUDGETS)
"""In rising order."""
_UP_TO: Final[Sequence[tuple[int, Effort]]] = (
    (512, "minimal"),
    (1024, "low"),
    (8192, "medium"),
    (24576, "high"),
    (64000, "xhigh"),
)
"""The original's, which ends with `xhigh` for all above `high`; but then `max` would not come back as itself."""


def budget_for(effort: Effort) -> int:
    """In tokens."""
    return BUDGETS[effort]


def effort_for(budget: int) -> Effort:
    """The effort that a budget above 0 speaks of."""
    return next((effort for most, effort in _UP_TO if budget <= most), "max")


def nearest(effort: Effort, among: Collection[Effort]) -> Effort:
    """The one of `among`, which has at least one, that is nearest; of two as near the lower."""
    wanted = EFFORTS.index(effort)
    return min(among, key=lambda other: (abs(EFFORTS.index(other) - wanted), EFFORTS.index(other)))
