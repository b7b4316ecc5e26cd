"""Errors of the wire: `{"error": {"code", "message", "status", "details"}}`, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.events import Failed
from cliproxy.conversation.parts import Json
from cliproxy.errors import Reported
from cliproxy.formats import jsontext
from cliproxy.formats.gemini.fields import whole_number
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint, Document

STATUS_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        402: "RESOURCE_EXHAUSTED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        408: "DEADLINE_EXCEEDED",
        409: "ABORTED",
        429: "RESOURCE_EXHAUSTED",
        499: "CANCELLED",
        501: "UNIMPLEMENTED",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
        529: "UNAVAILABLE",
    }
)
"""HTTP status to `error.status`. Other ones from 500 are `INTERNAL`, other ones below `INVALID_ARGUMENT`."""

_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": 400,
        "FAILED_PRECONDITION": 400,
        "OUT_OF_RANGE": 400,
        "UNAUTHENTICATED": 401,
        "PERMISSION_DENIED": 403,
        "NOT_FOUND": 404,
        "ABORTED": 409,
        "ALREADY_EXISTS": 409,
        "RESOURCE_EXHAUSTED": 429,
        "CANCELLED": 499,
        "UNIMPLEMENTED": 501,
        "UNAVAILABLE": 503,
        "DEADLINE_EXCEEDED": 504,
    }
)
NO_MESSAGE: Final = "The upstream reported an error without a message."


def status_word(status: int) -> str:
    """The `error.status` that goes with an HTTP status."""
    return STATUS_WORDS.get(status) or ("INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def error_document(complaint: Complaint) -> dict[str, Json]:
    """The error as a value. A prompt that is too long is an invalid argument, whatever status tells it."""
    word = "INVALID_ARGUMENT" if complaint.context_overflow else status_word(complaint.status)
    error: dict[str, Json] = {"code": complaint.status, "message": complaint.message, "status": word}
    if complaint.request_id:
        kind = "type.googleapis.com/google.rpc.RequestInfo"
        error["details"] = [{"@type": kind, "requestId": complaint.request_id}]
    return {"error": error}


def error_body(complaint: Complaint) -> bytes:
    """The body of an error answer."""
    return jsontext.dumps(error_document(complaint))


def error_event(complaint: Complaint) -> bytes:
    """The same inside a stream, which it ends."""
    return b"data: %b\n\n" % error_body(complaint)


def error_message(body: bytes) -> str:
    """The message of an error body, or a sentence that there is none. A stream's body is a list of one."""
    try:
        document = jsontext.loads(body)
    except ValueError:
        return NO_MESSAGE
    if isinstance(document, list) and document:
        document = document[0]
    return trouble(document if isinstance(document, dict) else {}).message


def trouble(event: Document) -> Reported:
    """What a document with an `error` reports."""
    error = event.get("error")
    if isinstance(error, str):
        return Reported(error or NO_MESSAGE, 500)
    if not isinstance(error, Mapping):
        return Reported(NO_MESSAGE, 500)
    message = error.get("message")
    return Reported(message if isinstance(message, str) and message else NO_MESSAGE, _status(error))


def _status(error: Document) -> int:
    code = whole_number(error.get("code"))
    if code is not None and 400 <= code < 600:
        return code
    word = error.get("status")
    return _STATUSES.get(word, 500) if isinstance(word, str) else 500


def failure(event: Document) -> Failed:
    """The same as an event of the conversation."""
    reported = trouble(event)
    overflow = is_context_overflow(reported.status, reported.message)
    return Failed(reported.status, reported.message, context_overflow=overflow)
