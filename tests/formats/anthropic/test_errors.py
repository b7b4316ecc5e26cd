from __future__ import annotations

import orjson
import pytest
from anthropic import types
from anthropic.types import (
    APIErrorObject,
    AuthenticationError,
    BillingError,
    ErrorResponse,
    GatewayTimeoutError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
)

from cliproxy.conversation.events import Failed
from cliproxy.formats import sse
from cliproxy.formats.anthropic.errors import (
    ERROR_TYPES,
    error_body,
    error_event,
    error_message,
    error_type,
    failed,
    trouble,
)
from cliproxy.formats.anthropic.marks import mark
from cliproxy.formats.wire import Complaint, Mark

WITHOUT_WORDS = "The upstream reported an error without a message."


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("overloaded_error", 529),
        ("rate_limit_error", 429),
        ("timeout_error", 504),
        ("authentication_error", 401),
        ("invalid_request_error", 400),
        ("api_error", 500),
        ("news_error", 500),
    ],
)
def test_an_error_event_has_the_status_of_its_kind(kind: str, status: int) -> None:
    found = trouble({"type": "error", "error": {"type": kind, "message": "Alas."}})
    assert (found.status, found.message) == (status, "Alas.")


@pytest.mark.parametrize("error", [None, "Alas.", [], {}, {"type": 7, "message": 7}, {"message": ""}])
def test_an_error_event_without_words_gets_some(error: object) -> None:
    found = trouble({"type": "error", "error": error})
    assert (found.status, found.message) == (500, WITHOUT_WORDS)


def test_an_error_event_ends_a_reply() -> None:
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert failed(event) == Failed(529, "Overloaded")


def test_an_overflow_is_known_by_its_words() -> None:
    message = "prompt is too long: 201000 tokens > 200000 maximum"
    event = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    assert failed(event) == Failed(400, message, context_overflow=True)


def test_the_message_of_an_error_body_is_found() -> None:
    assert error_message(b'{"type":"error","error":{"type":"api_error","message":"Alas."}}') == "Alas."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error":"Alas."}', b"\xff", b"[" * 5000])
def test_an_error_body_of_any_other_shape_has_no_message(body: bytes) -> None:
    assert error_message(body) == WITHOUT_WORDS


def test_an_error_body_is_what_the_sdk_expects() -> None:
    body = error_body(Complaint(404, 'No model "x".', "req_1"))
    response = ErrorResponse.model_validate_json(body)
    assert isinstance(response.error, NotFoundError)
    assert (response.type, response.error.message, response.request_id) == ("error", 'No model "x".', "req_1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (402, BillingError),
        (403, types.PermissionError),
        (404, NotFoundError),
        (405, InvalidRequestError),
        (422, InvalidRequestError),
        (429, RateLimitError),
        (500, APIErrorObject),
        (502, APIErrorObject),
        (503, OverloadedError),
        (504, GatewayTimeoutError),
        (529, OverloadedError),
    ],
)
def test_each_status_has_a_type_that_the_sdk_knows(status: int, kind: type) -> None:
    response = ErrorResponse.model_validate_json(error_body(Complaint(status, "Alas.", "req_1")))
    assert type(response.error) is kind


def test_a_body_over_the_limit_has_its_own_type() -> None:
    assert error_type(413) == "request_too_large"


def test_an_overflow_is_told_in_the_words_that_clients_look_for() -> None:
    complaint = Complaint(400, "maximum context length is 8192 tokens", "req_1", context_overflow=True)
    assert orjson.loads(error_body(complaint))["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: maximum context length is 8192 tokens",
    }


def test_an_overflow_that_has_the_words_keeps_its_message() -> None:
    complaint = Complaint(400, "Prompt is too long", "req_1", context_overflow=True)
    assert orjson.loads(error_body(complaint))["error"]["message"] == "Prompt is too long"


def test_an_overflow_is_the_requests_fault_whatever_its_status() -> None:
    complaint = Complaint(413, "prompt is too long", "req_1", context_overflow=True)
    assert orjson.loads(error_body(complaint))["error"]["type"] == "invalid_request_error"


def test_an_error_event_is_one_event_whatever_the_message_holds() -> None:
    event = error_event(Complaint(502, "first\r\n\r\ndata: second\n\nthird ☕\u2028", "req_1"))
    (whole,) = sse.each(event)
    payload = sse.data_of(whole)
    assert payload is not None
    assert orjson.loads(payload)["error"]["message"] == "first\r\n\r\ndata: second\n\nthird ☕\u2028"
    assert event.startswith(b"event: error\ndata: ")


def test_our_own_error_event_is_read_as_one() -> None:
    payload = sse.data_of(error_event(Complaint(529, "Alas.", "req_1")))
    assert payload is not None
    event = orjson.loads(payload)
    assert mark(event) is Mark.FAILED
    assert trouble(event).status == 529


def test_the_table_holds_statuses_of_errors_only() -> None:
    assert all(400 <= status < 600 for status in ERROR_TYPES)
