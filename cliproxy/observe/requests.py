"""Request ids: one for each request, in every log line about it and in the `X-Request-Id` of its answer."""

from __future__ import annotations

import secrets
from typing import Final

HEADER: Final = b"x-request-id"
_RANDOM_BYTES: Final = 10
"""80 bits: two of a billion requests share an id with a chance below one in a million."""


def new_request_id() -> str:
    """Such as `req_3f9c2a7be01d5c4488aa`. Random, so that it tells nothing of how many there were."""
    return f"req_{secrets.token_hex(_RANDOM_BYTES)}"
