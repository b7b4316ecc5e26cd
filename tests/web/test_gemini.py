"""The door for Gemini clients: paths with actions, streams of two kinds, models and errors in Google's words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.genai import types

from cliproxy.ask import Ask
from cliproxy.errors import BadRequest, Broken, Overloaded, ProxyError, RateLimited, UnknownModel
from cliproxy.formats.gemini import GEMINI
from cliproxy.formats.requests import MAX_MODEL_CHARACTERS
from cliproxy.formats.wire import Operation
from cliproxy.web.gemini import ACTIONS, model_list, one_model
from tests.support.http import Answer, Client, unavailable, with_keys
from tests.web.conftest import Connect

BODY = b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}'


def asked(client: Client, target: str, body: bytes = BODY, *lines: str) -> Ask:
    """What stands behind the doors is asked."""
    answer = client.post(body, *lines, target=target)
    assert answer.status == 200, answer.body
    return client.house.asked[-1]


def google_error(answer: Answer) -> dict[str, Any]:
    """The `error` of an answer in Google's words."""
    document = orjson.loads(answer.body)
    assert document.keys() == {"error"}
    error: dict[str, Any] = document["error"]
    assert error["code"] == answer.status
    assert error["message"]
    assert error["details"][0]["requestId"] == answer["x-request-id"]
    return error


# -- what is asked


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_stands_behind_a_colon(client: Client, version: str, action: str) -> None:
    ask = asked(client, f"/{version}/models/gemini-3-pro:{action}")
    assert (ask.wire, ask.model, ask.operation) == (GEMINI, "gemini-3-pro", ACTIONS[action][0])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("team/gemini-3", "team/gemini-3"),
        ("team%2Fgemini-3", "team/gemini-3"),
        ("a/b/c", "a/b/c"),
        ("qwen3:8b", "qwen3:8b"),
        ("team/qwen3:8b", "team/qwen3:8b"),
        ("gemini-3(high)", "gemini-3(high)"),
        ("gemini%20three", "gemini three"),
        ("models/gemini-3", "gemini-3"),
        ("%C3%A9", "é"),
    ],
)
@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_a_name_may_hold_whatever_names_hold(client: Client, version: str, path: str, model: str) -> None:
    assert asked(client, f"/{version}/models/{path}:generateContent").model == model


def test_a_colon_may_be_escaped(client: Client) -> None:
    assert asked(client, "/v1beta/models/gemini-3%3AgenerateContent").model == "gemini-3"


@pytest.mark.parametrize(
    ("target", "stream", "array"),
    [
        ("generateContent", False, False),
        ("generateContent?alt=sse", False, False),
        ("streamGenerateContent?alt=sse", True, False),
        ("streamGenerateContent?x=1&alt=sse", True, False),
        ("streamGenerateContent", False, True),
        ("streamGenerateContent?alt=json", False, True),
        ("streamGenerateContent?alt=", False, True),
        ("countTokens?alt=sse", False, False),
        ("countTokens", False, False),
    ],
)
def test_a_stream_is_one_of_events_or_one_array(client: Client, target: str, stream: bool, array: bool) -> None:
    ask = asked(client, f"/v1beta/models/gemini-3:{target}")
    assert (ask.stream, ask.array) == (stream, array)


def test_the_body_does_not_say_whether_it_streams_or_of_which_model(client: Client) -> None:
    ask = asked(client, "/v1beta/models/gemini-3:generateContent", b'{"model":"other","stream":true,"contents":[]}')
    assert (ask.model, ask.stream) == ("gemini-3", False)


def test_a_body_in_snake_case_is_as_good(client: Client) -> None:
    body = b'{"contents":[],"generation_config":{"max_output_tokens":5}}'
    assert asked(client, "/v1beta/models/gemini-3:generateContent", body).body == body


def test_a_count_counts(client: Client) -> None:
    assert asked(client, "/v1beta/models/gemini-3:countTokens").operation is Operation.COUNT_TOKENS


def test_a_key_in_the_query_goes_no_further(connect: Connect) -> None:
    client = connect(access=with_keys("sk-of-a-client-0123456789"))
    ask = asked(client, "/v1beta/models/gemini-3:streamGenerateContent?alt=sse&key=sk-of-a-client-0123456789")
    assert ask.query == b"alt=sse"


# -- what is refused


@pytest.mark.parametrize("action", ["embedContent", "generatecontent", "batchGenerateContent", "", "x:y", "8b"])
def test_an_unknown_action_is_not_found_in_googles_words(client: Client, action: str) -> None:
    answer = client.post(BODY, target=f"/v1beta/models/gemini-3:{action}")
    error = google_error(answer)
    assert (answer.status, error["status"]) == (404, "NOT_FOUND")
    assert "generateContent" in error["message"]
    assert not client.house.asked


def test_a_model_without_an_action_cannot_be_posted_to(client: Client) -> None:
    answer = client.post(BODY, target="/v1beta/models/gemini-3")
    assert (answer.status, answer["allow"]) == (405, "GET")
    google_error(answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"\xff{}", b'{"contents":"\xff"}'])
def test_a_body_that_is_no_object_is_refused(client: Client, body: bytes) -> None:
    answer = client.post(body, target="/v1beta/models/gemini-3:generateContent")
    assert (answer.status, google_error(answer)["status"]) == (400, "INVALID_ARGUMENT")


def test_a_name_of_any_length_is_refused_before_it_is_remembered(client: Client) -> None:
    answer = client.post(BODY, target=f"/v1beta/models/{'x' * (MAX_MODEL_CHARACTERS + 1)}:generateContent")
    assert answer.status == 400
    assert "model" in google_error(answer)["message"]


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (BadRequest("x"), 400, "INVALID_ARGUMENT"),
        (UnknownModel("x", ()), 404, "NOT_FOUND"),
        (RateLimited("x", 3.0), 429, "RESOURCE_EXHAUSTED"),
        (Broken("x"), 502, "INTERNAL"),
        (Overloaded("x"), 503, "UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_errors_are_told_in_googles_words(
    connect: Connect, version: str, error: ProxyError, status: int, word: str
) -> None:
    """Below `/v1/`, without a header of Google's, they were told in OpenAI's."""
    client = connect(unavailable(error))
    answer = client.post(BODY, target=f"/{version}/models/gemini-3:generateContent")
    assert (answer.status, google_error(answer)["status"]) == (status, word)


def test_a_missing_key_is_told_in_googles_words(connect: Connect) -> None:
    client = connect(access=with_keys())
    answer = client.post(BODY, target="/v1beta/models/gemini-3:generateContent")
    assert (answer.status, google_error(answer)["status"]) == (401, "UNAUTHENTICATED")


# -- models


@pytest.mark.parametrize("header", ["X-Goog-Api-Key: k", "X-Goog-Api-Client: google-genai-sdk/3"])
def test_googles_sdk_gets_googles_list_below_v1_too(client: Client, header: str) -> None:
    assert "models" in orjson.loads(client.ask("GET", "/v1/models", header).body)


def test_a_list_below_v1beta_is_googles_whoever_asks(client: Client) -> None:
    listed = orjson.loads(client.ask("GET", "/v1beta/models").body)
    assert [row["name"] for row in listed["models"]] == [f"models/{name}" for name in client.house.model_names]


@pytest.mark.parametrize("name", ["claude-opus-4-5", "team/claude-opus-4-5", "team%2Fclaude-opus-4-5"])
def test_one_model_is_told(client: Client, name: str) -> None:
    told = orjson.loads(client.ask("GET", f"/v1beta/models/{name}").body)
    assert told["name"] == f"models/{name.replace('%2F', '/')}"


def test_a_model_whose_name_has_a_colon_is_told(client: Client) -> None:
    client.house.model_names = ("qwen3:8b",)
    assert orjson.loads(client.ask("GET", "/v1beta/models/qwen3:8b").body)["name"] == "models/qwen3:8b"


def test_an_unknown_model_is_told_with_the_nearest(client: Client) -> None:
    answer = client.ask("GET", "/v1beta/models/claude-opus-9")
    assert (answer.status, google_error(answer)["status"]) == (404, "NOT_FOUND")
    assert "claude-opus-4-5" in google_error(answer)["message"]


def test_googles_sdk_understands_its_models() -> None:
    for row in orjson.loads(model_list(["a", "team/b"]))["models"]:
        model = types.Model.model_validate({"name": row["name"], "display_name": row["displayName"]})
        assert model.name == row["name"]


def test_a_model_says_what_it_can_do() -> None:
    assert orjson.loads(one_model("a"))["supportedGenerationMethods"] == ["generateContent", "countTokens"]


def test_an_empty_list_is_a_list() -> None:
    assert orjson.loads(model_list([])) == {"models": []}
