"""Errors as events of a WebSocket, in the shape that OpenAI's SDKs and Codex read: `{"type": "error", "status", …}`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson

from cliproxy.errors import ProxyError, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.openai_responses.errors import error_body, error_event, error_in, error_message, status_of
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint, Document

_OF_THE_BODY: Final = frozenset({b"content-type", b"content-length", b"content-encoding"})


def told(error: ProxyError, request_id: str, code: str | None = None, param: str | None = None) -> bytes:
    """An error of ours. `code` and `param`: where clients know the mistake by them."""
    complaint = Complaint(error.status, error.message, request_id)
    overflow = is_context_overflow(error.status, error.message)
    if overflow:
        return _too_long(complaint)
    own = {name: value for name, value in (("code", code), ("param", param)) if value is not None}
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, UpstreamTrouble) and error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    return _frame(error.status, {**_words(complaint), **own}, headers)


def told_body(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, request_id: str) -> bytes:
    """An answer over HTTP that is an error: its own words, and its headers, of which Codex reads the limits."""
    message = error_message(body)
    complaint = Complaint(status, message, request_id)
    if is_context_overflow(status, message):
        return _too_long(complaint)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    own = error_in(document) if isinstance(document, dict) and isinstance(document.get("error"), dict) else {}
    return _frame(status, {**_words(complaint), **_given(own)}, headers)


def told_event(event: Document, request_id: str) -> bytes:
    """An `error` event of a stream over HTTP, which has no status there."""
    own = error_in(event)
    complaint = Complaint(status_of(own), error_message(orjson.dumps(event)), request_id)
    return _frame(complaint.status, {**_words(complaint), **_given(own)}, ())


def _frame(status: int, error: Mapping[str, object], headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    shown = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name not in _OF_THE_BODY}
    frame: dict[str, object] = {"type": "error", "status": status, "error": error}
    return orjson.dumps({**frame, "headers": shown} if shown else frame)


def _too_long(complaint: Complaint) -> bytes:
    """A prompt that is too long is a reply that failed: only then Codex compacts its history and tries again."""
    event = error_event(Complaint(complaint.status, complaint.message, complaint.request_id, context_overflow=True))
    (payload,) = sse.payloads(event)
    return payload


def _words(complaint: Complaint) -> Mapping[str, object]:
    return cast(Mapping[str, object], orjson.loads(error_body(complaint))["error"])


def _given(error: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in error.items() if value is not None and name != "sequence_number"}
