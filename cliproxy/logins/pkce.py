"""What a login makes up for itself: the state, and the proof of who asked for the code (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Final

import attrs

from cliproxy.secret import Secret

VERIFIER_BYTES: Final = 96
"""128 letters in base64, which is as long as a verifier may be."""
STATE_BYTES: Final = 32

RandomBytes = Callable[[int], bytes]
"""So many bytes that nobody can guess."""


@attrs.frozen
class Proof:
    """A PKCE verifier, which stays here until the code is exchanged, and its challenge, which goes ahead."""

    verifier: Secret
    challenge: str


def new_proof(random: RandomBytes = secrets.token_bytes) -> Proof:
    """A fresh one, for S256."""
    verifier = _text(random(VERIFIER_BYTES))
    return Proof(Secret(verifier), challenge_of(verifier))


def challenge_of(verifier: str) -> str:
    """The S256 challenge."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def new_state(random: RandomBytes = secrets.token_bytes) -> Secret:
    """A fresh one, of letters that need no quoting in a URL."""
    return Secret(_text(random(STATE_BYTES)))


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
