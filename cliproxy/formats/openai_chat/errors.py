"""Errors in OpenAI's words, in both directions: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from cliproxy.conversation.events import Failed
from cliproxy.errors import Reported
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint, Document

CONTEXT_OVERFLOW: Final = "context_length_exceeded"
"""The code by which clients know that they have to shorten the conversation."""

WORDS: Final[Mapping[int, tuple[str, str | None]]] = MappingProxyType(
    {
        401: ("authentication_error", "invalid_api_key"),
        402: ("insufficient_quota", "insufficient_quota"),
        403: ("permission_error", None),
        404: ("invalid_request_error", "model_not_found"),
        429: ("rate_limit_error", "rate_limit_exceeded"),
        503: ("server_error", "overloaded"),
        504: ("server_error", "timeout"),
        529: ("server_error", "overloaded"),
    }
)
"""Status to `error.type` and `error.code`. Other statuses from 500 are `server_error`, other ones below
`invalid_request_error`, both without a code."""

_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "invalid_request_error": 400,
        CONTEXT_OVERFLOW: 400,
        "authentication_error": 401,
        "invalid_api_key": 401,
        "insufficient_quota": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "model_not_found": 404,
        "rate_limit_error": 429,
        "rate_limit_exceeded": 429,
        "overloaded": 503,
        "overloaded_error": 503,
        "engine_overloaded": 503,
        "timeout": 504,
        "timeout_error": 504,
    }
)
"""The way back, for errors that come inside a stream. The code is more exact than the type."""

_WITHOUT_WORDS: Final = "The upstream reported an error without a message."
_UNKNOWN_STATUS: Final = 500


def error_body(complaint: Complaint) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`."""
    fallback = ("server_error", None) if complaint.status >= 500 else ("invalid_request_error", None)
    kind, code = WORDS.get(complaint.status, fallback)
    if complaint.context_overflow:
        kind, code = "invalid_request_error", CONTEXT_OVERFLOW
    return orjson.dumps({"error": {"message": complaint.message, "type": kind, "param": None, "code": code}})


def error_event(complaint: Complaint) -> bytes:
    """The same inside a stream: it ends the reply, no `[DONE]` follows."""
    return b"data: %b\n\n" % error_body(complaint)


def error_message(body: bytes) -> str:
    """The message of an error body, or a sentence that there is none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _WITHOUT_WORDS
    return _message(_error_of(document)) if isinstance(document, dict) else _WITHOUT_WORDS


def is_error(document: Document) -> bool:
    """Whether an event, or a whole answer, is an error: of OpenAI's shape, or of vLLM's older one."""
    return bool(document.get("error")) or document.get("object") == "error"


def trouble(document: Document) -> Reported:
    """What an error event reports."""
    found = failure(document)
    return Reported(found.message, found.status, found.context_overflow)


def failure(document: Document) -> Failed:
    """The same for a reply that is being decoded."""
    error = _error_of(document)
    status, message = _status(error), _message(error)
    return Failed(status, message, context_overflow=is_context_overflow(status, f"{error.get('code')} {message}"))


def _error_of(document: Document) -> Mapping[str, object]:
    error = document.get("error")
    if isinstance(error, Mapping):
        return error
    return {"message": error} if isinstance(error, str) else document


def _message(error: Mapping[str, object]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) and message else _WITHOUT_WORDS


def _status(error: Mapping[str, object]) -> int:
    for key in ("code", "status", "status_code", "type"):
        value = error.get(key)
        if isinstance(value, str):
            value = _STATUSES.get(value) or (int(value) if value.isdecimal() and len(value) == 3 else None)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
    return _UNKNOWN_STATUS
