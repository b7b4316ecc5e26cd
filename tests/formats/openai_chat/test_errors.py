from __future__ import annotations

import orjson
import pytest

from cliproxy.conversation.events import Failed
from cliproxy.formats.openai_chat.errors import error_body, error_event, error_message, failure, is_error, trouble
from cliproxy.formats.wire import Complaint

WITHOUT_WORDS = "The upstream reported an error without a message."


def told(status: int, context_overflow: bool = False) -> dict[str, object]:
    document = orjson.loads(error_body(Complaint(status, 'No "x".', "req_1", context_overflow)))
    assert set(document) == {"error"}
    error = document["error"]
    assert isinstance(error, dict)
    return error


def test_an_error_has_the_four_fields_of_the_format() -> None:
    assert told(400) == {"message": 'No "x".', "type": "invalid_request_error", "param": None, "code": None}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "authentication_error", "invalid_api_key"),
        (402, "insufficient_quota", "insufficient_quota"),
        (403, "permission_error", None),
        (404, "invalid_request_error", "model_not_found"),
        (413, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (502, "server_error", None),
        (503, "server_error", "overloaded"),
        (504, "server_error", "timeout"),
        (529, "server_error", "overloaded"),
    ],
)
def test_each_status_has_its_type_and_code(status: int, kind: str, code: str | None) -> None:
    error = told(status)
    assert (error["type"], error["code"]) == (kind, code)


def test_a_prompt_that_is_too_long_has_the_code_that_clients_know() -> None:
    error = told(400, context_overflow=True)
    assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")


def test_an_error_in_a_stream_is_an_event_without_a_name() -> None:
    assert error_event(Complaint(500, "Alas.", "")) == (
        b'data: {"error":{"message":"Alas.","type":"server_error","param":null,"code":null}}\n\n'
    )


def test_the_message_of_an_error_body_is_found() -> None:
    assert error_message(b'{"error":{"message":"Alas.","type":"server_error"}}') == "Alas."


def test_an_error_that_is_a_string_is_its_message() -> None:
    assert error_message(b'{"error":"Alas."}') == "Alas."


def test_an_error_body_of_vllm_is_read() -> None:
    assert error_message(b'{"object":"error","message":"Alas.","code":400}') == "Alas."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error":{"message":7}}', b"\xff", b"[" * 5000])
def test_an_error_body_of_any_other_shape_has_no_message(body: bytes) -> None:
    assert error_message(body) == WITHOUT_WORDS


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": "rate_limit_exceeded"}, 429),
        ({"type": "rate_limit_error"}, 429),
        ({"code": "insufficient_quota", "type": "insufficient_quota"}, 402),
        ({"code": "context_length_exceeded", "type": "server_error"}, 400),
        ({"type": "server_error"}, 500),
        ({"code": 529}, 529),
        ({"code": "502"}, 502),
        ({"code": 7, "type": "invalid_request_error"}, 400),
        ({"code": True}, 500),
        ({"code": "news", "type": ["news"]}, 500),
    ],
)
def test_an_error_in_a_stream_has_the_status_of_its_code_or_type(error: dict[str, object], status: int) -> None:
    assert trouble({"error": error}).status == status


def test_a_failure_that_speaks_of_the_context_is_an_overflow() -> None:
    document = {"error": {"message": "This model's maximum context length is 8192 tokens.", "code": 400}}
    assert failure(document) == Failed(400, "This model's maximum context length is 8192 tokens.", True)


def test_the_code_alone_tells_an_overflow() -> None:
    assert failure({"error": {"message": "Too much.", "code": "context_length_exceeded"}}).context_overflow


def test_a_null_error_is_none() -> None:
    assert not is_error({"error": None, "choices": []})
