"""Errors of the wire."""

from __future__ import annotations

import json

import pytest

from cliproxy.conversation.events import Failed
from cliproxy.formats.gemini.errors import NO_MESSAGE, error_body, error_event, error_message, failure, trouble
from cliproxy.formats.wire import Complaint


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "RESOURCE_EXHAUSTED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (529, "UNAVAILABLE"),
    ],
)
def test_each_status_has_its_word(status: int, word: str) -> None:
    body = json.loads(error_body(Complaint(status, "No.", "")))
    assert body == {"error": {"code": status, "message": "No.", "status": word}}


def test_the_request_id_is_told_as_googles_detail_for_it() -> None:
    body = json.loads(error_body(Complaint(500, "No.", "req_1")))
    assert body["error"]["details"] == [{"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"}]


def test_a_prompt_that_is_too_long_is_an_invalid_argument_in_the_same_words() -> None:
    body = json.loads(error_body(Complaint(413, "prompt is too long", "", context_overflow=True)))
    assert body["error"] == {"code": 413, "message": "prompt is too long", "status": "INVALID_ARGUMENT"}


def test_an_error_event_is_a_frame_without_a_name() -> None:
    event = error_event(Complaint(400, "No.", ""))
    assert event == b'data: {"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}\n\n'


def test_the_message_of_a_body_is_found() -> None:
    assert error_message(b'{"error": {"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT"}}') == "Bad."


def test_the_message_of_a_streams_body_is_found() -> None:
    assert error_message(b'[{"error": {"code": 400, "message": "Bad."}}]') == "Bad."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error": {}}', b'{"error": {"message": 3}}'])
def test_a_body_without_a_message_is_said_to_have_none(body: bytes) -> None:
    assert error_message(body) == NO_MESSAGE


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}, 429),
        ({"message": "x", "status": "UNAVAILABLE"}, 503),
        ({"code": 7, "message": "x", "status": "PERMISSION_DENIED"}, 403),
        ({"code": "503", "message": "x"}, 503),
        ({"message": "x"}, 500),
        ("x", 500),
    ],
)
def test_the_status_is_the_code_or_else_the_words(error: object, status: int) -> None:
    assert (trouble({"error": error}).status, trouble({"error": error}).message) == (status, "x")


def test_googles_words_for_an_overflowing_context_are_known() -> None:
    message = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
    assert failure({"error": {"code": 400, "message": message}}) == Failed(400, message, context_overflow=True)
