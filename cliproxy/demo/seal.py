"""What the demo signs: texts that it alone can have made, as the vendors' opaque signatures are. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

SEAL_BYTES: Final = 64


def digest(text: str, rounds: int = 1) -> bytes:
    """What vouches for a text without carrying it, `SEAL_BYTES` a round."""
    return b"".join(hashlib.sha512(b"cliproxy demo %d " % i + text.encode()).digest() for i in range(rounds))


def sealed(text: str) -> bytes:
    """The text behind its digest."""
    return digest(text) + text.encode()


def opened(blob: bytes) -> str | None:
    """The text in a blob; None if a single bit of it is not as it was made."""
    try:
        text = blob[SEAL_BYTES:].decode()
    except UnicodeDecodeError:
        return None
    return text if sealed(text) == blob else None
