"""Who was asked in one round, and where nobody need be asked any more."""

from __future__ import annotations

import pytest

from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.tried import MOST_UNREACHED, Tried


def one(name: str) -> Candidate:
    return Candidate(CredentialId(name), ModelName("m"))


@pytest.fixture
def tried() -> Tried:
    """Candidates are at the place that their first letter names."""
    return Tried(lambda candidate: candidate.credential[0])


def test_who_was_asked_is_in_it(tried: Tried) -> None:
    tried.add(one("a1"))
    assert one("a1") in tried


def test_others_of_the_same_place_are_not(tried: Tried) -> None:
    tried.add(one("a1"))
    assert one("a2") not in tried


def test_a_place_that_could_not_be_reached_several_times_is_given_up(tried: Tried) -> None:
    for number in range(MOST_UNREACHED):
        assert one("a9") not in tried
        tried.not_reached(one(f"a{number}"))
    assert one("a9") in tried


def test_other_places_are_not(tried: Tried) -> None:
    for number in range(MOST_UNREACHED):
        tried.not_reached(one(f"a{number}"))
    assert one("b1") not in tried


def test_it_counts_those_who_were_asked_alone(tried: Tried) -> None:
    tried.add(one("a1"))
    for _ in range(MOST_UNREACHED):
        tried.not_reached(one("a1"))
    assert (len(tried), list(tried)) == (1, [one("a1")])


def test_another_round_begins_with_nobody(tried: Tried) -> None:
    tried.add(one("a1"))
    for _ in range(MOST_UNREACHED):
        tried.not_reached(one("a1"))
    tried.clear()
    assert one("a1") not in tried
    assert one("a2") not in tried
