"""OpenAI Chat Completions: so far the words for errors, which callers at paths of no known format get."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import orjson

from cliproxy.formats.wire import Complaint

_TYPES: Final = MappingProxyType(
    {
        401: ("authentication_error", "invalid_api_key"),
        403: ("permission_error", None),
        429: ("rate_limit_error", "rate_limit_exceeded"),
    }
)
"""Status to `error.type` and `error.code`."""


def error_body(complaint: Complaint) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`."""
    fallback = ("server_error", None) if complaint.status >= 500 else ("invalid_request_error", None)
    kind, code = _TYPES.get(complaint.status, fallback)
    return orjson.dumps({"error": {"message": complaint.message, "type": kind, "param": None, "code": code}})
