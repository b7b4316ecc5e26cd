"""What the operator's door tells, as the verbs read it. Times are Unix time in seconds.

A daemon of another version may say more, which is passed over, or less, for which there are defaults.
"""

from __future__ import annotations

import attrs
import msgspec


class Unreadable(ValueError):
    """What came is not of the expected shape."""


@attrs.frozen
class WindowTold:
    """A span of time in which a credential may be used so much."""

    name: str
    model: str = ""
    """Empty: all of the credential."""
    used: float = 0.0
    """0 to 1."""
    resets_at: float = 0.0
    seconds: float = 0.0


@attrs.frozen
class CooldownTold:
    """What is held against a credential."""

    verdict: str
    model: str = ""
    """Empty: all of its models."""
    status: int = 0
    """0: there was no answer."""
    reason: str = ""
    """In the words of the upstream."""
    failures: int = 0
    since: float = 0.0
    until: float = 0.0
    probe_at: float | None = None
    """From then on one request may try."""


@attrs.frozen
class CredentialTold:
    """One of the pool's, and how it is."""

    id: str
    provider: str = ""
    label: str = ""
    """How a person knows it."""
    state: str = "ready"
    in_flight: int = 0
    limit: int = 0
    """Of requests at once; 0: none."""
    priority: int = 0
    weight: int = 1
    windows: tuple[WindowTold, ...] = ()
    cooldowns: tuple[CooldownTold, ...] = ()
    load: float = 0.0
    """Recent tokens."""
    conversations: int = 0
    served: int = 0
    failed: int = 0
    expires_at: float | None = None
    """Of a login's token."""


@attrs.frozen
class AffinityTold:
    """What keeping conversations where they are has come to."""

    conversations: int = 0
    moves: int = 0
    cached_tokens_lost: int = 0


@attrs.frozen
class QueueTold:
    """Who waits because all credentials are full."""

    waiting: int = 0


@attrs.frozen
class Status:
    """How the pool is."""

    version: str
    now: float
    strategy: str = ""
    credentials: tuple[CredentialTold, ...] = ()
    next: dict[str, str] = attrs.field(factory=dict, hash=False)
    """By model: the credential that would be asked now."""
    affinity: AffinityTold = attrs.field(factory=AffinityTold)
    queue: QueueTold = attrs.field(factory=QueueTold)
    probes: int = 0
    """Requests under way that try whether a credential is well again."""


@attrs.frozen
class CandidateTold:
    """A credential that could have served, and what became of that."""

    credential: str
    fate: str
    model: str = ""
    detail: str = ""


@attrs.frozen
class StepTold:
    """One choice."""

    at: float
    name: str = ""
    """The model asked for, or one to fall back on."""
    taken: str | None = None
    model: str = ""
    """As the upstream calls it."""
    why: str = ""
    candidates: tuple[CandidateTold, ...] = ()
    others: int = 0
    """Candidates beyond those."""


@attrs.frozen
class SessionTold:
    """By what a conversation was known."""

    source: str = ""


@attrs.frozen
class Explanation:
    """Why a request went where it did."""

    request_id: str
    at: float
    model: str = ""
    outcome: str = ""
    session: SessionTold | None = None
    steps: tuple[StepTold, ...] = ()


def read_status(content: bytes) -> Status:
    """Raises `Unreadable`."""
    try:
        return msgspec.json.decode(content, type=Status)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def read_explanation(content: bytes) -> Explanation:
    """Raises `Unreadable`."""
    try:
        return msgspec.json.decode(content, type=Explanation)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(str(error)) from None
