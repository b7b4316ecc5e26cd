"""Every error of ours as an answer: its status, its headers, its words."""

from __future__ import annotations

import orjson
import pytest

from cliproxy.errors import (
    BadRequest,
    Broken,
    NotFound,
    Overloaded,
    ProxyError,
    RateLimited,
    Refused,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unreachable,
    UnsupportedCoding,
    UploadTooSlow,
)
from tests.support.http import unavailable
from tests.web.conftest import Connect

MESSAGE = b'{"model": "m"}'


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (Unauthenticated("x"), 401, "authentication_error"),
        (Refused("x"), 403, "permission_error"),
        (NotFound("x"), 404, "not_found_error"),
        (UnknownModel("x", ()), 404, "not_found_error"),
        (UploadTooSlow("x"), 408, "invalid_request_error"),
        (TooLarge("x"), 413, "request_too_large"),
        (UnsupportedCoding("x"), 415, "invalid_request_error"),
        (RateLimited("x"), 429, "rate_limit_error"),
        (ProxyError("x"), 500, "api_error"),
        (Unreachable("x"), 502, "api_error"),
        (Broken("x"), 502, "api_error"),
        (Unavailable("x"), 503, "overloaded_error"),
        (TimedOut("x"), 504, "timeout_error"),
        (Overloaded("x"), 529, "overloaded_error"),
    ],
)
def test_an_error_has_its_status_and_type(connect: Connect, error: ProxyError, status: int, kind: str) -> None:
    answer = connect(unavailable(error)).post(MESSAGE)
    assert (answer.status, answer.error["type"], answer.error["message"]) == (status, kind, error.message)
    assert orjson.loads(answer.body)["request_id"] == answer["x-request-id"]
    assert not answer.all("retry-after")


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (3600.0, "3600")])
def test_a_wait_is_told_in_whole_seconds(connect: Connect, seconds: float, told: str) -> None:
    """Never too few, and never none: a client would ask at once."""
    assert connect(unavailable(Unavailable("x", retry_after=seconds))).post(MESSAGE)["retry-after"] == told


@pytest.mark.parametrize("message", ["ünï💩", 'quote " and \\', "line\r\nX-Evil: 1", "\x00", "</script>"])
def test_a_message_is_told_as_it_is(connect: Connect, message: str) -> None:
    answer = connect(unavailable(BadRequest(message))).post(MESSAGE)
    assert answer.error["message"] == message
    assert not answer.all("x-evil")


def test_an_error_says_its_length(connect: Connect) -> None:
    answer = connect(unavailable(BadRequest("x"))).post(MESSAGE)
    assert answer["content-length"] == str(len(answer.body))
