from __future__ import annotations

import orjson
import pytest

from cliproxy.formats.openai_chat import error_body
from cliproxy.formats.wire import Complaint


def told(status: int) -> dict[str, object]:
    document = orjson.loads(error_body(Complaint(status, 'No "x".', "req_1")))
    assert set(document) == {"error"}
    error = document["error"]
    assert isinstance(error, dict)
    return error


def test_an_error_has_the_four_fields_of_the_format() -> None:
    assert told(404) == {"message": 'No "x".', "type": "invalid_request_error", "param": None, "code": None}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "authentication_error", "invalid_api_key"),
        (403, "permission_error", None),
        (413, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", None),
        (529, "server_error", None),
    ],
)
def test_each_status_has_its_type_and_code(status: int, kind: str, code: str | None) -> None:
    error = told(status)
    assert (error["type"], error["code"]) == (kind, code)
