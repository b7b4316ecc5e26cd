"""Anthropic's errors: bodies and events, read and written."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import orjson

from cliproxy.conversation.events import Failed
from cliproxy.errors import Reported
from cliproxy.formats import sse
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint, Document

ERROR_TYPES: Final = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""Status to `error.type`. Other statuses from 500 are `api_error`, other ones below `invalid_request_error`."""

_STATUSES: Final = MappingProxyType(
    {kind: status for status, kind in ERROR_TYPES.items()} | {"invalid_request_error": 400, "overloaded_error": 529}
)
"""The way back, for errors that come inside a stream."""

OVERFLOW: Final = "prompt is too long"
"""How the message of a context overflow begins: Claude Code compacts its history when it reads this."""


def error_type(status: int) -> str:
    """The `error.type` that goes with an HTTP status."""
    return ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def trouble(event: Document) -> Reported:
    """What an `error` event reports."""
    kind, message = _error_of(event)
    return Reported(message, _STATUSES.get(kind, 500))


def failed(event: Document) -> Failed:
    """The same as the end of a reply."""
    found = trouble(event)
    return Failed(found.status, found.message, is_context_overflow(found.status, found.message))


def error_message(body: bytes) -> str:
    """The message of an error body, or a sentence that there is none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return _error_of(document if isinstance(document, dict) else {})[1]


def _error_of(document: Document) -> tuple[str, str]:
    """`error.type` and `error.message`."""
    error = document.get("error")
    kind, message = (error.get("type"), error.get("message")) if isinstance(error, dict) else (None, None)
    return (
        kind if isinstance(kind, str) else "",
        message if isinstance(message, str) and message else "The upstream reported an error without a message.",
    )


def error_body(complaint: Complaint) -> bytes:
    """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
    kind, message = error_type(complaint.status), complaint.message
    if complaint.context_overflow:
        kind = "invalid_request_error"
        if not message.lower().startswith(OVERFLOW):
            message = f"{OVERFLOW}: {message}"
    return orjson.dumps(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": complaint.request_id}
    )


def error_event(complaint: Complaint) -> bytes:
    """The same inside a stream: it ends the message, no `message_stop` follows."""
    return sse.event(b"error", error_body(complaint))
