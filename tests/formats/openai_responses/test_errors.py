from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.conversation.events import Failed
from cliproxy.formats import sse
from cliproxy.formats.openai_responses.errors import (
    NO_MESSAGE,
    error_body,
    error_code,
    error_event,
    error_message,
    failure,
    trouble,
)
from cliproxy.formats.wire import Complaint


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("rate_limit_exceeded", 429),
        ("usage_limit_reached", 429),
        ("insufficient_quota", 402),
        ("server_overloaded", 503),
        ("server_is_overloaded", 503),
        ("slow_down", 503),
        ("server_error", 500),
        ("cyber_policy", 400),
        ("bio_policy", 400),
        ("invalid_prompt", 400),
        ("image_too_large", 400),
        ("invalid_api_key", 401),
        ("model_not_found", 404),
        ("vector_store_timeout", 504),
        ("brand_new", 500),
    ],
)
def test_a_code_has_its_status(code: str, status: int) -> None:
    event = {"type": "response.failed", "response": {"error": {"code": code, "message": "m"}}}
    assert failure(event) == Failed(status, "m")


def test_an_error_event_tells_itself() -> None:
    event = {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None, "sequence_number": 3}
    assert failure(event) == Failed(429, "slow")


def test_an_error_event_may_hold_the_error_inside() -> None:
    event = {"type": "error", "error": {"type": "usage_limit_reached", "message": "over"}, "status": 429}
    assert failure(event) == Failed(429, "over")


def test_a_status_that_is_told_wins() -> None:
    assert failure({"type": "error", "status_code": 401, "error": {"message": "m"}}).status == 401


def test_a_type_alone_is_enough() -> None:
    assert failure({"type": "error", "error": {"type": "invalid_request_error"}}) == Failed(
        400, "invalid_request_error"
    )


def test_too_long_a_prompt_is_known_by_its_code() -> None:
    event = {"type": "response.failed", "response": {"error": {"code": "context_length_exceeded", "message": "m"}}}
    assert failure(event) == Failed(400, "m", context_overflow=True)


def test_too_long_a_prompt_is_known_by_its_phrase() -> None:
    event = {"type": "error", "code": "invalid_prompt", "message": "Your input exceeds the context window."}
    assert failure(event).context_overflow


@pytest.mark.parametrize("event", [{"type": "error"}, {"type": "response.failed", "response": {"error": None}}, {}])
def test_an_error_that_says_nothing_is_the_upstreams(event: dict[str, object]) -> None:
    assert failure(event) == Failed(500, NO_MESSAGE)


@pytest.mark.parametrize("error", [[], 3, {"code": 3, "message": []}])
def test_garbage_in_an_error_is_passed_over(error: object) -> None:
    assert failure({"type": "response.failed", "response": {"error": error}}) == Failed(500, NO_MESSAGE)


def test_trouble_is_the_same_for_what_is_passed_on() -> None:
    reported = trouble({"type": "error", "code": "slow_down", "message": "m"})
    assert (reported.status, reported.message) == (503, "m")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "m", "type": "t"}}', "m"),
        (b'{"error": "m"}', "m"),
        (b'{"detail": "Store must be set to false"}', "Store must be set to false"),
        (b"<html>", NO_MESSAGE),
        (b"[]", NO_MESSAGE),
        (b"{}", NO_MESSAGE),
    ],
)
def test_the_message_of_a_body_is_found(body: bytes, message: str) -> None:
    assert error_message(body) == message


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "authentication_error", "invalid_api_key"),
        (402, "insufficient_quota", "insufficient_quota"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (503, "server_error", None),
    ],
)
def test_a_body_tells_type_and_code(status: int, kind: str, code: str | None) -> None:
    assert json.loads(error_body(Complaint(status, "m", "r"))) == {
        "error": {"message": "m", "type": kind, "param": None, "code": code}
    }


def test_too_long_a_prompt_has_its_code_in_a_body() -> None:
    assert json.loads(error_body(Complaint(400, "prompt is too long", "r", context_overflow=True))) == {
        "error": {
            "message": "prompt is too long",
            "type": "invalid_request_error",
            "param": None,
            "code": "context_length_exceeded",
        }
    }


def test_an_event_is_a_reply_that_failed() -> None:
    event = error_event(Complaint(429, "m", "req"))
    assert event.startswith(b"event: response.failed\ndata: ")
    told = json.loads(sse.payloads(event)[0])
    assert (told["type"], told["response"]["status"], told["response"]["error"]) == (
        "response.failed",
        "failed",
        {"code": "rate_limit_exceeded", "message": "m"},
    )


def test_an_event_is_read_back_as_it_was_told() -> None:
    event = json.loads(sse.payloads(error_event(Complaint(400, "m", "req", context_overflow=True)))[0])
    assert failure(event) == Failed(400, "m", context_overflow=True)


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_prompt"), (500, "server_error"), (529, "server_error")])
def test_a_status_has_its_code(status: int, code: str) -> None:
    assert error_code(status, False) == code


# -- when a limit begins anew


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 90}},
        {"type": "error", "code": "usage_limit_reached", "message": "m", "resets_in_seconds": 90},
        {
            "type": "response.failed",
            "response": {"error": {"code": "usage_limit_reached", "message": "m", "resets_in_seconds": 90}},
        },
    ],
)
def test_a_limit_inside_of_a_stream_says_when_it_begins_anew(event: dict[str, Any]) -> None:
    told = trouble(event)
    assert (told.status, told.retry_after) == (429, 90.0)


@pytest.mark.parametrize("seconds", [None, "90", -1, True, float("inf"), float("nan"), [90]])
def test_what_is_no_span_of_time_says_nothing(seconds: object) -> None:
    assert trouble({"type": "error", "code": "tokens", "resets_in_seconds": seconds}).retry_after is None
