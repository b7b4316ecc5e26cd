"""What an upstream's answer says of the credential that asked. Pure.

The client's mistakes say nothing of it. Trouble cools it for the model asked, longer each time in a row, or for as long
as the upstream said, but never beyond the cap: hints have kept accounts out for weeks after their quota came back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs


@attrs.frozen
class Ladder:
    """A cooldown that doubles with each failure in a row, in seconds."""

    first: float
    most: float

    def step(self, failures: int) -> float:
        """The cooldown after that many failures in a row, 1 at least."""
        return float(min(self.most, self.first * 2.0 ** min(failures - 1, 30)))


REFUSED: Final = Ladder(first=60.0, most=1800.0)
"""A key that is wrong, unpaid or not allowed: nothing mends that within seconds."""
RATE_LIMITED: Final = Ladder(first=1.0, most=1800.0)
TRANSIENT: Final = Ladder(first=1.0, most=60.0)
"""Short at first: with one credential alone, the client's own retry must find it ready again."""

NO_ANSWER: Final = 0
"""Stands for a status where there was none: no connection, silence, a reply that broke."""

_LADDERS: Final[Mapping[int, Ladder]] = MappingProxyType(
    {401: REFUSED, 402: REFUSED, 403: REFUSED, 408: TRANSIENT, 429: RATE_LIMITED, NO_ANSWER: TRANSIENT}
)


def is_trouble(status: int) -> bool:
    """Whether another credential may do better; if not, the answer is the client's, be it good or bad."""
    return ladder(status) is not None


def ladder(status: int) -> Ladder | None:
    """How a credential cools after that status; None if it does not. Redirects are none of an API's answers."""
    if status >= 500 or 300 <= status < 400:
        return TRANSIENT
    return _LADDERS.get(status)
