from __future__ import annotations

import orjson
import pytest

from cliproxy.demo.faults import plain
from cliproxy.demo.fields import Mistake
from cliproxy.demo.openai.answers import answer_models, asks_models, check_key, error_of, refusal
from cliproxy.demo.replies import DemoRequest
from cliproxy.demo.settings import DemoSettings
from cliproxy.errors import TooLarge, Unauthenticated
from tests.demo.asking import BEARER


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic x"}, {"x-api-key": "k"}]
)
def test_a_key_is_a_bearer_token(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        check_key(DemoRequest("GET", "/", "", headers))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (402, "insufficient_quota", "insufficient_quota"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", "server_error"),
        (529, "server_error", "server_is_overloaded"),
    ],
)
def test_a_status_has_its_type_and_code(status: int, kind: str, code: str | None) -> None:
    assert error_of(status, "why") == {"message": "why", "type": kind, "param": None, "code": code}


def test_a_mistake_names_field_and_code() -> None:
    reply = refusal(Mistake("why", "input", "odd"), "0" * 64)
    assert orjson.loads(plain(reply.steps)) == {
        "error": {"message": "why", "type": "invalid_request_error", "param": "input", "code": "odd"}
    }


def test_other_mistakes_have_no_field() -> None:
    assert orjson.loads(plain(refusal(TooLarge("big"), "0" * 64).steps))["error"]["param"] is None


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [("GET", "/v1/models", True), ("GET", "/v1/models/a", True), ("POST", "/v1/models", False), ("GET", "/v1", False)],
)
def test_models_are_asked_for_at_their_path(method: str, path: str, asked: bool) -> None:
    assert asks_models(DemoRequest(method, path, "", BEARER)) is asked


def test_a_models_name_may_be_quoted() -> None:
    request = DemoRequest("GET", "/v1/models/a%2Fb", "", BEARER)
    told = answer_models(request, DemoSettings(openai_models=("a/b",)), "0" * 64)
    assert orjson.loads(plain(told.steps))["id"] == "a/b"
