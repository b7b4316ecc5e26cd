"""What the pool knows, as rows that outlive the process. Times are Unix time in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import attrs

MAX_CHANGES: Final = 50_000
"""Of one kind, that wait to be taken. A pool that nobody keeps takes no more room for it; of one that is kept, so many
do not change between two savings."""

Key = TypeVar("Key")
Row = TypeVar("Row")


@attrs.frozen
class StandingRow:
    """What is held against a credential."""

    credential: str
    model: str
    """Empty: for all of its models."""
    verdict: str
    status: int
    failures: int
    since: float
    until: float
    reason: str


@attrs.frozen
class WindowRow:
    """What a vendor said of an account's limits."""

    credential: str
    name: str
    model: str
    used: float
    resets_at: float
    seconds: float
    at: float
    """When it was said."""


@attrs.frozen
class BindingRow:
    """Where a conversation is."""

    session: bytes
    name: str
    """The model, as the client calls it."""
    credential: str
    model: str
    """The same, as the upstream calls it."""
    used_at: float
    cached_tokens: int


@attrs.frozen
class Saved:
    """All of it."""

    standings: tuple[StandingRow, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()


@attrs.frozen
class Changes:
    """What has changed since it was asked last, by what tells a row from others; None: it is gone."""

    standings: Mapping[tuple[str, str], StandingRow | None] = attrs.field(factory=dict)
    windows: Mapping[tuple[str, str, str], WindowRow | None] = attrs.field(factory=dict)
    bindings: Mapping[tuple[bytes, str], BindingRow | None] = attrs.field(factory=dict)


def note(changes: dict[Key, Row | None], key: Key, row: Row | None) -> None:
    """A row is another one now, or gone."""
    changes.pop(key, None)
    changes[key] = row
    if len(changes) > MAX_CHANGES:
        del changes[next(iter(changes))]
