"""Errors in both directions: as the body of an answer, and as an event of a stream."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from cliproxy.conversation.events import Failed
from cliproxy.errors import Reported
from cliproxy.formats import sse
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint, Document

OVERFLOW: Final = "context_length_exceeded"
NO_MESSAGE: Final = "The upstream reported an error without a message."
AFTER_ALL_OTHERS: Final = 2**31 - 1
"""Sequence number of an event that is told without knowledge of those before it: numbers must rise."""

_BODIES: Final[Mapping[int, tuple[str, str | None]]] = MappingProxyType(
    {
        401: ("authentication_error", "invalid_api_key"),
        402: ("insufficient_quota", "insufficient_quota"),
        403: ("permission_error", None),
        429: ("rate_limit_error", "rate_limit_exceeded"),
    }
)
"""Status to `error.type` and `error.code`."""

_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "invalid_prompt",
        402: "insufficient_quota",
        413: "invalid_prompt",
        422: "invalid_prompt",
        429: "rate_limit_exceeded",
    }
)
"""Status to the code of a reply that failed. Clients try again after codes they do not know, and `server_error`."""

_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "rate_limit_exceeded": 429,
        "rate_limit_error": 429,
        "rate_limit_reached": 429,
        "usage_limit_reached": 429,
        "tokens": 429,
        "requests": 429,
        "insufficient_quota": 402,
        "billing_hard_limit_reached": 402,
        "usage_not_included": 403,
        "permission_error": 403,
        "unsupported_country_region_territory": 403,
        "invalid_api_key": 401,
        "authentication_error": 401,
        "token_expired": 401,
        "model_not_found": 404,
        "not_found_error": 404,
        "server_overloaded": 503,
        "server_is_overloaded": 503,
        "slow_down": 503,
        "overloaded_error": 503,
        "service_unavailable": 503,
        "timeout": 504,
        "vector_store_timeout": 504,
        "server_error": 500,
        "internal_error": 500,
        "api_error": 500,
        "image_file_not_found": 400,
    }
)
"""`code` or `type` of an error to the HTTP status that says the same."""
_CALLERS_FAULT: Final = (
    "invalid_",
    "image_",
    "unsupported_",
    "context_",
    "bad_request",
    "empty_image",
    "data_residency",
)
"""How the codes of mistakes in the request begin."""


RESETS_IN: Final = "resets_in_seconds"


def status_of(error: Mapping[str, object]) -> int:
    """The HTTP status of an `error` object: as it says, or by its code, or by its type."""
    for name in ("status", "status_code"):
        told = error.get(name)
        if isinstance(told, int) and 400 <= told <= 599:
            return told
    for name in ("code", "type"):
        word = error.get(name)
        if not isinstance(word, str):
            continue
        if word in _STATUSES:
            return _STATUSES[word]
        if word.startswith(_CALLERS_FAULT) or "policy" in word:
            return 400
    return 500


def error_in(event: Document) -> Mapping[str, object]:
    """The `error` object: of `response.failed` inside its response, of `error` the event itself or inside of it."""
    response = event.get("response")
    holder = response if isinstance(response, dict) else event
    error = holder.get("error")
    if isinstance(error, dict):
        return {"status": event.get("status"), "status_code": event.get("status_code"), **error}
    if isinstance(error, str):
        return {"message": error}
    return {key: value for key, value in event.items() if key != "type"} if holder is event else {}


def failure(event: Document) -> Failed:
    """What a failed reply or an `error` event reports; ChatGPT's servers say when a limit begins anew."""
    error = error_in(event)
    status, message = status_of(error), _message(error)
    overflow = error.get("code") == OVERFLOW or is_context_overflow(status, message)
    return Failed(
        400 if overflow else status, message, context_overflow=overflow, retry_after=_seconds(error.get(RESETS_IN))
    )


def _seconds(told: object) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < math.inf:
        return None
    return float(told)


def trouble(event: Document) -> Reported:
    """The same, where the reply is only passed on."""
    failed = failure(event)
    return Reported(failed.message, failed.status, failed.context_overflow, failed.retry_after)


def _message(error: Mapping[str, object]) -> str:
    """What is said, or at least the code or the type."""
    for name in ("message", "code", "type"):
        told = error.get(name)
        if isinstance(told, str) and told:
            return told
    return NO_MESSAGE


def error_message(body: bytes) -> str:
    """The message of an error body, or a sentence that there is none. ChatGPT's servers write `detail`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return NO_MESSAGE
    if not isinstance(document, dict):
        return NO_MESSAGE
    detail = document.get("detail")
    return detail if isinstance(detail, str) and detail else _message(error_in(document))


def error_body(complaint: Complaint) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`."""
    fallback = ("server_error", None) if complaint.status >= 500 else ("invalid_request_error", None)
    kind, code = _BODIES.get(complaint.status, fallback)
    if complaint.context_overflow:
        kind, code = "invalid_request_error", OVERFLOW
    return orjson.dumps({"error": {"message": complaint.message, "type": kind, "param": None, "code": code}})


def error_code(status: int, context_overflow: bool) -> str:
    """The code of a reply that failed."""
    if context_overflow:
        return OVERFLOW
    return _CODES.get(status, "server_error")


def reply_id(event: Document) -> str:
    """The response's id, of an event that holds the response."""
    response = event.get("response")
    told = response.get("id") if isinstance(response, dict) else None
    return told if isinstance(told, str) else ""


def error_event(complaint: Complaint) -> bytes:
    """`response.failed`: Codex takes no notice of the `error` event, and the SDK does not raise it.

    The SDK also insists on the id that the response began with.
    """
    response = {
        "id": complaint.reply_id or f"resp_{complaint.request_id}",
        "object": "response",
        "created_at": 0,
        "status": "failed",
        "error": {"code": error_code(complaint.status, complaint.context_overflow), "message": complaint.message},
        "incomplete_details": None,
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    event = {"type": "response.failed", "sequence_number": AFTER_ALL_OTHERS, "response": response}
    return sse.event(b"response.failed", orjson.dumps(event))
