"""Anthropic's door: what of a request reaches the exchange, and which bodies are refused."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.formats.wire import Operation
from cliproxy.web.anthropic import UNDATED, model_list, one_model
from tests.support.http import Answer, Client

BODY = b'{"model": "claude-opus-4-5", "max_tokens": 1, "messages": []}'


# -- what reaches the exchange


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/messages?beta=true"])
def test_a_message_is_asked_for(client: Client, target: str) -> None:
    assert client.post(BODY, target=target).status == 200
    (ask,) = client.house.asked
    assert (ask.operation, ask.model, ask.stream) == (Operation.GENERATE, "claude-opus-4-5", False)


def test_tokens_are_counted(client: Client) -> None:
    assert client.post(BODY, target="/v1/messages/count_tokens?beta=true").status == 200
    assert client.house.asked[0].operation is Operation.COUNT_TOKENS


@pytest.mark.parametrize(("written", "stream"), [(b"true", True), (b"false", False), (b"null", False)])
def test_a_stream_is_asked_for(client: Client, written: bytes, stream: bool) -> None:
    client.post(b'{"model": "m", "stream": ' + written + b"}")
    assert client.house.asked[0].stream is stream


def test_a_count_is_never_a_stream(client: Client) -> None:
    client.post(b'{"model": "m", "stream": true}', target="/v1/messages/count_tokens")
    assert client.house.asked[0].stream is False


def test_the_body_is_passed_byte_for_byte(client: Client) -> None:
    body = b'\n{"b": 1.0, "model" :"m","a":1e2,  "a": 18446744073709551616, "x": "\\u00e9\xc3\xa9"}\t'
    client.post(body)
    assert client.house.asked[0].body == body


def test_the_query_is_passed(client: Client) -> None:
    client.post(BODY, target="/v1/messages?beta=true&x=%20%C3%A9&&y")
    assert client.house.asked[0].query == b"beta=true&x=%20%C3%A9&&y"


def test_headers_are_passed_with_names_in_lower_case(client: Client) -> None:
    client.post(BODY, "Anthropic-Beta: a", "ANTHROPIC-BETA: b", "X-Odd: \xe9")
    headers = client.house.asked[0].headers
    assert [value for name, value in headers if name == b"anthropic-beta"] == [b"a", b"b"]
    assert (b"x-odd", b"\xe9") in headers


# -- which bodies are refused


def refusal(client: Client, body: bytes) -> str:
    answer: Answer = client.post(body)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert orjson.loads(answer.body)["request_id"] == answer["x-request-id"]
    assert client.house.asked == []
    return answer.error["message"]


def test_an_empty_body_is_told(client: Client) -> None:
    assert "empty" in refusal(client, b"")


def test_no_body_at_all_is_told(client: Client) -> None:
    answer = client.ask("POST", "/v1/messages")
    assert answer.status == 400
    assert "empty" in answer.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b" ",
        b"{",
        BODY[:-1],
        BODY + b"}",
        BODY + b"\x00",
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("utf-16"),
        b"{'model': 'm'}",
        b'{"model": "m",}',
        b'{"model": "m", "temperature": NaN}',
        b'{"model": "m", "temperature": -Infinity}',
        b'{"model": "m", "x": 01}',
        b'{"model": "m\x00"}',
        b'{"model": "m", "x": "\\ud800"}',
        b'{"model": "m", "x": "\\udc00\\ud800"}',
        b'{"model": "m", "x": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"[" * 4000,
        b'{"model":' * 100,
        b"model=m&stream=true",
    ],
)
def test_what_is_not_json_is_told(client: Client, body: bytes) -> None:
    assert "JSON" in refusal(client, body) or "UTF-8" in refusal(client, body)


@pytest.mark.parametrize(
    "body", [b'{"model": "\xff"}', b'{"model": "\xed\xa0\x80"}', b'{"model": "\xc3', b'{"\xc0\xaf": 1}']
)
def test_what_is_not_utf_8_is_told(client: Client, body: bytes) -> None:
    assert "UTF-8" in refusal(client, body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"true", b"1", b"1.5", b'[{"model": "m"}]'])
def test_what_is_not_an_object_is_told(client: Client, body: bytes) -> None:
    assert "object" in refusal(client, body)


@pytest.mark.parametrize("value", [b"null", b'""', b'"  "', b"1", b"[]", b"{}", b"true"])
def test_a_model_must_be_a_text(client: Client, value: bytes) -> None:
    assert refusal(client, b'{"model": ' + value + b"}").startswith("model:")


def test_a_model_is_required(client: Client) -> None:
    assert refusal(client, b'{"messages": []}').startswith("model:")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "x": ' + b"9" * 3000 + b"}",
        b'{"model": "m", "x": 1e400}',
        b'{"model": "m", "x": -0.0}',
        b'{"model": "a", "model": "m"}',
        b'{"model": "\\u0000"}',
        b'{"model": "\xf0\x9f\x92\xa9\\ud83d\\udca9"}',
        b'{"model": "m\\r\\nX-Evil: 1"}',
        b'{"model": "m", "x": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_odd_bodies_are_borne(client: Client, body: bytes) -> None:
    answer = client.post(body)
    assert answer.status in (200, 400)
    assert not answer.all("x-evil")


@pytest.mark.parametrize(
    "line",
    [
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: \xff",
    ],
)
def test_the_content_type_does_not_matter(client: Client, line: str) -> None:
    """A form is not parsed either: Twisted would, and read the body away."""
    assert client.post(BODY, line).status == 200
    assert client.house.asked[0].body == BODY


@settings(max_examples=50)
@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["model", "stream", "messages"]) | st.text(), inner)
        ),
        max_leaves=8,
    ).map(orjson.dumps)
)
def test_any_body_is_served_or_refused(body: bytes) -> None:
    client = Client()
    if client.post(body).status != 200:
        refusal(client, body)
    client.leave()


# -- Anthropic's list of models


def test_a_list_names_its_first_and_last() -> None:
    listed = orjson.loads(model_list(["a", "b", "c"]))
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("a", "c", False)
    assert [row["id"] for row in listed["data"]] == ["a", "b", "c"]


def test_an_empty_list_has_neither() -> None:
    assert orjson.loads(model_list([])) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_one_model_has_the_required_fields() -> None:
    """`lifecycle` has become one, and was missing."""
    assert orjson.loads(one_model("a")) == {
        "type": "model",
        "id": "a",
        "display_name": "a",
        "created_at": UNDATED,
        "lifecycle": "active",
    }
