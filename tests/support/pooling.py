"""A pool, asked: candidates, requests, and how they go."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName, Terms
from cliproxy.routing.pool import Grant, Policy, Pool, Wanted
from cliproxy.routing.verdicts import RATE_LIMITED, Verdict


def candidate(credential: str, model: str = "m") -> Candidate:
    """A credential by its name, for a model."""
    return Candidate(CredentialId(credential), ModelName(model))


@cache
def candidates(*names: str) -> tuple[Candidate, ...]:
    """The same object for the same names, as a catalogue has it. `a/x` is credential `a` with the model `x`."""
    return tuple(candidate(*name.split("/")) for name in names)


def wanting(*names: str, session: bytes = b"", tokens: int = 0, proves: bool = True, name: str = "model") -> Wanted:
    """Any of these is wanted."""
    return Wanted(name, candidates(*names), session=session, tokens=tokens, proves=proves)


def in_turn(**terms: Terms) -> Pool:
    """Everybody in turn, whatever they have served; on these terms."""
    return Pool(Policy("round-robin"), lambda credential: terms.get(credential, Terms()))


def granted(pool: Pool, wanted: Wanted, now: float, tried: Collection[Candidate] = ()) -> Grant:
    """Somebody is ready."""
    grant = pool.choose(wanted, now, tried)
    assert isinstance(grant, Grant), grant
    return grant


def taken(pool: Pool, wanted: Wanted, now: float, tried: Collection[Candidate] = ()) -> str:
    """Who serves a request that goes well."""
    grant = granted(pool, wanted, now, tried)
    pool.served(grant, now)
    pool.release(grant, now)
    return grant.candidate.credential


def fails(
    pool: Pool,
    wanted: Wanted,
    now: float,
    verdict: Verdict = RATE_LIMITED,
    *,
    hint: float | None = None,
    status: int = 429,
    whole: bool = False,
) -> float:
    """A request is asked and answered with trouble at one moment; the seconds that it costs."""
    grant = granted(pool, wanted, now)
    seconds = pool.failed(grant, verdict, now, status=status, hint=hint, whole=whole)
    pool.release(grant, now)
    return seconds
