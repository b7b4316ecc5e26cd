"""Reading a whole reply as far as what it took, for a place that passes the rest of it unread."""

from __future__ import annotations

from typing import Final

import msgspec
import orjson

from cliproxy.conversation.usage import Usage
from cliproxy.formats.wire import Document, UsageIn

MAX_READ_BYTES: Final = 1024 * 1024
"""Of a body that is read for what it took. Larger ones are images; to keep one, or to look through it, is not worth it.
"""
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def usage_of(body: bytes, usage_in: UsageIn) -> Usage:
    """What the reply took that `body` is: a JSON object, or a list of them, as Gemini streams, of which the last tells.

    Nothing for anything else, or for more than `MAX_READ_BYTES`. Never raises.
    """
    if len(body) > MAX_READ_BYTES:
        return Usage()
    try:
        if body.lstrip()[:1] == b"[":
            elements = _LIST.decode(body)
            body = bytes(elements[-1]) if elements else b""
        return usage_in(_figures(body), Usage())
    except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return Usage()


def _figures(body: bytes) -> Document:
    """The fields that tell: every vendor calls them some usage."""
    return {name: orjson.loads(bytes(raw)) for name, raw in _OBJECT.decode(body).items() if "usage" in name}
