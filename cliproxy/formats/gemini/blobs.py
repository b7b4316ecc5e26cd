"""Base64 as Google's JSON has it: a `bytes` field may come in either alphabet, and its padding may be missing."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cliproxy.conversation.parts import Blob
from cliproxy.formats.gemini.words import SKIP_SIGNATURE

NO_SIGNATURES: Final = frozenset({SKIP_SIGNATURE, "context_engineering_is_the_way_to_go"})
"""Words that Google documents for the place of a signature; they are no base64, though they could be."""

_STANDARD: Final = str.maketrans("-_", "+/")


def signature(value: object) -> Blob | None:
    """A `thoughtSignature` in the standard alphabet, else as it stands; None if there is none."""
    if not isinstance(value, str) or not value:
        return None
    return Blob(value if value in NO_SIGNATURES else value.translate(_STANDARD))


def standard(data: str) -> str:
    """The same bytes in the standard alphabet, padded, without white space."""
    if any(space in data for space in " \n\r\t"):
        data = "".join(data.split())
    if "-" in data or "_" in data:
        data = data.translate(_STANDARD)
    return data + "=" * (-len(data) % 4)


def told(blob: Blob) -> str:
    """A blob as a client's `bytes` field bears it: Google's SDKs refuse the whole answer for what is no base64, or has
    bits left over at its end.
    """
    raw = decoded(blob.value)
    return base64.b64encode(blob.value.encode() if raw is None else raw).decode()


def decoded(data: str) -> bytes | None:
    """The bytes that standard base64 says; None if it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
