"""Errors as events of a socket."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.responses.responses_server_event import ResponseWsError

from cliproxy.errors import BadRequest, RateLimited, TooLarge
from cliproxy.web.sockets.complaints import told, told_body, told_event

TOO_LONG = (
    b'{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}'
)


def read(frame: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(frame)
    return document


@pytest.mark.parametrize(
    "frame",
    [
        told(BadRequest("No."), "req_1"),
        told_body(500, [], b"oops", "req_1"),
        told_body(429, [(b"retry-after", b"3")], b'{"error":{"message":"Slow down."}}', "req_1"),
        told_event({"type": "error", "message": "No.", "sequence_number": 3}, "req_1"),
    ],
)
def test_the_sdk_reads_it(frame: bytes) -> None:
    ResponseWsError.model_validate_json(frame, strict=True)


def test_an_error_of_ours_has_its_status() -> None:
    assert read(told(TooLarge("Too large."), "req_1"))["status"] == 413


def test_an_error_of_ours_has_the_shape_of_a_body() -> None:
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}
    assert read(told(BadRequest("No."), "req_1")) == {"type": "error", "status": 400, "error": error}


def test_a_code_by_which_clients_know_it_is_named() -> None:
    error = read(told(BadRequest("No."), "req_1", "a_code", "a_param"))["error"]
    assert (error["code"], error["param"]) == ("a_code", "a_param")


def test_an_error_of_ours_says_when_to_come_back() -> None:
    assert read(told(RateLimited("Wait.", 2.2), "req_1"))["headers"] == {"retry-after": "3"}


def test_an_upstreams_own_words_are_kept() -> None:
    body = b'{"error":{"message":"m","type":"usage_limit_reached","code":"c","param":"p","resets_at":7}}'
    assert read(told_body(429, [], body, "req_1"))["error"] == orjson.loads(body)["error"]


def test_an_upstreams_headers_are_kept() -> None:
    """Codex reads its limits there."""
    headers = [(b"x-codex-primary-used-percent", b"100"), (b"content-length", b"7"), (b"content-type", b"text/plain")]
    assert read(told_body(429, headers, b"{}", "req_1"))["headers"] == {"x-codex-primary-used-percent": "100"}


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b"{}", b'{"error":7}', b'{"error":{}}', b'{"detail":"no"}'])
def test_a_body_without_an_error_object_has_a_message_all_the_same(body: bytes) -> None:
    error = read(told_body(400, [], body, "req_1"))["error"]
    assert isinstance(error["message"], str)
    assert error["message"]


def test_an_event_without_a_status_gets_one() -> None:
    event = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}
    frame = read(told_event(event, "req_1"))
    assert (frame["status"], frame["error"]["code"], frame["error"]["message"]) == (
        429,
        "rate_limit_exceeded",
        "Slow down.",
    )


def test_a_prompt_that_is_too_long_is_a_response_that_failed() -> None:
    """Told as an error of status 400, it ends the turn of Codex; so told, Codex compacts its history."""
    frame = read(told_body(400, [], TOO_LONG, "req_1"))
    assert (frame["type"], frame["response"]["error"]["code"]) == ("response.failed", "context_length_exceeded")


def test_a_prompt_that_is_too_long_by_our_own_words_is_one_too() -> None:
    frame = read(told(BadRequest(orjson.loads(TOO_LONG)["error"]["message"]), "req_1"))
    assert frame["type"] == "response.failed"
