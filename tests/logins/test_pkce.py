"""The proof of who asked for the code: known answers, lengths, and where chance comes from."""

from __future__ import annotations

import string

from cliproxy.logins.pkce import challenge_of, new_proof, new_state

LETTERS = set(string.ascii_letters + string.digits + "-_")


def zeros(count: int) -> bytes:
    return bytes(count)


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_as_long_as_it_may_be() -> None:
    verifier = new_proof().verifier.reveal()
    assert len(verifier) == 128
    assert set(verifier) <= LETTERS


def test_a_challenge_belongs_to_its_verifier() -> None:
    proof = new_proof()
    assert proof.challenge == challenge_of(proof.verifier.reveal())


def test_a_verifier_does_not_print() -> None:
    proof = new_proof()
    assert proof.verifier.reveal() not in repr(proof)


def test_no_two_states_are_the_same() -> None:
    assert len({new_state().reveal() for _ in range(100)}) == 100


def test_a_state_needs_no_quoting() -> None:
    assert set(new_state().reveal()) <= LETTERS


def test_chance_is_an_argument() -> None:
    assert new_state(zeros).reveal() == "A" * 43
