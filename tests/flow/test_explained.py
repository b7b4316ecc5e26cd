"""What an operator is told of a choice is what was chosen by."""

from __future__ import annotations

from typing import cast

from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId, ModelName, Offer, Terms
from cliproxy.routing.decisions import Decision
from cliproxy.routing.pool import Grant, Pool, Wanted
from cliproxy.routing.verdicts import RATE_LIMITED, TOO_LARGE
from cliproxy.status import status

A, B = CredentialId("a"), CredentialId("b")
CANDIDATES = (Candidate(A, ModelName("m")), Candidate(B, ModelName("m")))
WANTED = Wanted("m", CANDIDATES)


def a_probe(pool: Pool, decision: Decision | None = None) -> Grant:
    """A is rate limited, B serves meanwhile, and when A's time is over the next request tries it."""
    grant = chosen(pool, WANTED, 0.0)
    pool.failed(grant, RATE_LIMITED, 0.0, status=429, hint=10.0)
    pool.release(grant, 0.0)
    pool.release(chosen(pool, WANTED, 1.0), 1.0)
    probe = chosen(pool, WANTED, 11.0, decision)
    assert (grant.candidate.credential, probe.candidate.credential, probe.probe) == (A, A, True)
    return probe


def chosen(pool: Pool, wanted: Wanted, now: float, decision: Decision | None = None, *tried: Candidate) -> Grant:
    grant = pool.choose(wanted, now, tried, decision)
    assert isinstance(grant, Grant)
    return grant


def fates(decision: Decision) -> dict[str, str]:
    """What is told of each candidate of the last choice."""
    told = cast("list[dict[str, str]]", decision.steps[-1].told()["candidates"])
    return {candidate["credential"]: candidate["fate"] for candidate in told}


def probes_told(pool: Pool) -> object:
    return status(pool, Catalogue([Offer(A), Offer(B)]), {}, {}, 0, 11.0)["probes"]


def test_a_probe_is_told_of_while_it_is_under_way() -> None:
    pool = Pool()
    a_probe(pool)
    assert probes_told(pool) == 1


def test_a_probe_that_is_over_is_not_under_way() -> None:
    pool = Pool()
    probe = a_probe(pool)
    pool.served(probe, 12.0)
    pool.release(probe, 12.0)
    assert probes_told(pool) == 0


def test_who_is_well_beside_a_probe_is_not_of_lower_priority() -> None:
    decision = Decision("req", 11.0, "m")
    a_probe(Pool(), decision)
    assert fates(decision) == {"a": "taken", "b": "less preferred"}


def test_a_probe_needs_no_request_before_it_that_notices_the_time() -> None:
    pool = Pool()
    grant = chosen(pool, WANTED, 0.0)
    pool.failed(grant, RATE_LIMITED, 0.0, status=429, hint=10.0)
    pool.release(grant, 0.0)
    assert chosen(pool, WANTED, 11.0).candidate == grant.candidate


def test_who_was_tried_and_is_well_is_told_to_be_tried() -> None:
    pool = Pool()
    grant = chosen(pool, WANTED, 0.0)
    pool.failed(grant, TOO_LARGE, 0.0, status=429)
    decision = Decision("req", 0.0, "m")
    chosen(pool, WANTED, 0.0, decision, grant.candidate)
    assert fates(decision) == {"a": "tried", "b": "taken"}


def test_who_is_well_and_of_lower_priority_is_told_to_be() -> None:
    pool = Pool(terms=lambda credential: Terms(priority=1 if credential == A else 0))
    decision = Decision("req", 0.0, "m")
    chosen(pool, WANTED, 0.0, decision)
    assert fates(decision) == {"a": "taken", "b": "lower priority"}


def test_a_conversation_was_not_where_it_was_never_served() -> None:
    pool = Pool()
    wanted = Wanted("m", CANDIDATES, session=b"s")
    grant = chosen(pool, wanted, 0.0)
    pool.failed(grant, RATE_LIMITED, 0.0, status=429, hint=10.0)
    decision = Decision("req", 0.0, "m")
    chosen(pool, wanted, 0.0, decision, grant.candidate)
    assert decision.steps[-1].why == "chosen by quota-aware"
