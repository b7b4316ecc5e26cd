from __future__ import annotations

import json

import pytest

from cliproxy.formats.error_bodies import MAX_LOOKED_AT_BYTES, MAX_VISITED, errors_in


def messages(body: object) -> list[object]:
    return [error.get("message") for error in errors_in(json.dumps(body).encode())]


def test_the_outermost_object_comes_first() -> None:
    assert messages({"message": "out", "error": {"message": "in"}}) == ["out", "in"]


@pytest.mark.parametrize("key", ["error", "errors", "detail", "details", "response"])
def test_an_error_is_found_in_each_wrapping(key: str) -> None:
    assert "in" in messages({key: {"message": "in"}})


def test_an_error_is_found_in_a_list() -> None:
    assert messages([{"error": {"errors": [{"message": "a"}, {"message": "b"}]}}]) == [None, None, "a", "b"]


def test_an_error_that_a_gateway_quotes_is_found_in_its_message() -> None:
    assert messages({"error": {"message": json.dumps({"error": {"message": "in"}})}})[-1] == "in"


def test_the_request_that_an_error_repeats_is_not_looked_into() -> None:
    assert messages({"detail": [{"msg": "bad", "input": {"error": {"message": "of the client"}}}]}) == [None, None]


@pytest.mark.parametrize("body", [b"", b"no json", b"{", b"\xff", b"null", b"3", b'"text"', b"[" * 60_000, b"[[[[]]]]"])
def test_what_holds_no_object_tells_no_error(body: bytes) -> None:
    assert errors_in(body) == []


def test_a_long_body_is_not_parsed() -> None:
    assert errors_in(json.dumps({"message": "x" * MAX_LOOKED_AT_BYTES}).encode()) == []


def test_what_is_visited_is_bounded() -> None:
    assert len(errors_in(json.dumps({"errors": [{}] * 5000}).encode())) < MAX_VISITED


def test_quotations_of_quotations_come_to_an_end() -> None:
    body = json.dumps({"x": 1})
    for _ in range(10):
        body = json.dumps({"message": body})
    assert len(errors_in(body.encode())) == 11
