"""How one of several ready credentials is picked. Pure: whose turn it is comes in as a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cliproxy.routing.catalogue import Candidate

Strategy = Callable[[Sequence[Candidate], int], Candidate]
"""Picks one of at least one candidate; the number grows by one with each request for the model."""


def round_robin(ready: Sequence[Candidate], turn: int) -> Candidate:
    """Each in turn."""
    return ready[turn % len(ready)]


STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType({"round-robin": round_robin})
