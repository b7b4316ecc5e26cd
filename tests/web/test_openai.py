"""The door for OpenAI clients: its paths, of which one takes two kinds of body; models and errors in OpenAI's words."""

from __future__ import annotations

import orjson
import pytest
from openai.types import Model

from cliproxy.ask import Ask
from cliproxy.errors import BadRequest, Broken, Overloaded, ProxyError, RateLimited, UnknownModel
from cliproxy.formats.wire import Operation
from cliproxy.web.openai import is_responses, model_list, one_model
from tests.support.http import Client, unavailable
from tests.web.conftest import Connect

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/compact")
COUNTER = "/v1/responses/input_tokens"


def asked(client: Client, target: str, body: bytes) -> Ask:
    """What stands behind the doors is asked."""
    answer = client.post(body, target=target)
    assert answer.status == 200, answer.body
    return client.house.asked[-1]


# -- what is asked


@pytest.mark.parametrize(
    ("target", "wire", "operation"),
    [
        ("/v1/chat/completions", "openai-chat", Operation.GENERATE),
        ("/v1/completions", "openai-completions", Operation.GENERATE),
        ("/v1/responses", "openai-responses", Operation.GENERATE),
        ("/v1/responses/compact", "openai-responses", Operation.COMPACT),
        (COUNTER, "openai-responses", Operation.COUNT_TOKENS),
    ],
)
def test_the_path_says_what_is_asked(client: Client, target: str, wire: str, operation: Operation) -> None:
    ask = asked(client, target, b'{"model":"m"}')
    assert (ask.wire.name, ask.operation) == (wire, operation)


@pytest.mark.parametrize("name", ["gpt-5.5", "team/gpt-5.5", "qwen3:8b", "m(high)", "é"])
@pytest.mark.parametrize("target", PATHS)
def test_the_body_names_the_model(client: Client, target: str, name: str) -> None:
    assert asked(client, target, orjson.dumps({"model": name})).model == name


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (b'{"model":"m","input":"Hi"}', "openai-responses"),
        (b'{"model":"m","input":[]}', "openai-responses"),
        (b'{"input":null,"model":"m"}', "openai-responses"),
        (b'{"model":"m","messages":[]}', "openai-chat"),
        (b'{"model":"m","messages":[{"role":"user","content":"\\"input\\""}]}', "openai-chat"),
        (b'{"model":"m","messages":[],"input":"Hi"}', "openai-chat"),
        (b'{"model":"m","input":"say \\"messages\\""}', "openai-responses"),
        (b'{"model":"m","input":[{"role":"user","messages":[]}]}', "openai-responses"),
        (b'{"model":"m","tools":[{"input":1}]}', "openai-chat"),
        (b'{"model":"m"}', "openai-chat"),
    ],
)
def test_a_responses_body_on_the_path_of_chat_is_answered_as_one(client: Client, body: bytes, wire: str) -> None:
    assert asked(client, "/v1/chat/completions", body).wire.name == wire


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"input"', b'["input"]', b'{"input":' + b"[" * 5000, b"\xff"])
def test_what_is_no_object_is_no_responses_request(body: bytes) -> None:
    assert not is_responses(body)


# -- what is refused


@pytest.mark.parametrize("target", [*PATHS, COUNTER])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"model":""}', b'{"model":7}', b'{"model":"\xff"}'])
def test_a_body_without_a_model_is_refused_in_openais_words(client: Client, target: str, body: bytes) -> None:
    answer = client.post(body, target=target)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert not client.house.asked


@pytest.mark.parametrize("target", [*PATHS[:2], PATHS[3], COUNTER])
def test_nothing_is_got_where_something_is_posted(client: Client, target: str) -> None:
    answer = client.ask("GET", target)
    assert (answer.status, answer["allow"]) == (405, "POST")


def test_responses_are_got_by_a_websocket_alone(client: Client) -> None:
    assert client.ask("GET", "/v1/responses").status == 426


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (BadRequest("x"), 400, "invalid_request_error", None),
        (UnknownModel("x", ()), 404, "invalid_request_error", "model_not_found"),
        (RateLimited("x", 3.0), 429, "rate_limit_error", "rate_limit_exceeded"),
        (Broken("x"), 502, "server_error", None),
        (Overloaded("x"), 503, "server_error", "overloaded"),
    ],
)
@pytest.mark.parametrize("target", [*PATHS, COUNTER])
def test_errors_are_told_in_openais_words(
    connect: Connect, target: str, error: ProxyError, status: int, kind: str, code: str | None
) -> None:
    answer = connect(unavailable(error)).post(b'{"model":"m"}', target=target)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (status, kind, code)


# -- models


def test_a_list_has_its_models_in_order() -> None:
    listed = orjson.loads(model_list(["b", "a"]))
    assert (listed["object"], [row["id"] for row in listed["data"]]) == ("list", ["b", "a"])


def test_an_empty_list_is_a_list() -> None:
    assert orjson.loads(model_list([])) == {"object": "list", "data": []}


def test_one_model_has_the_required_fields() -> None:
    assert orjson.loads(one_model("a")) == {"id": "a", "object": "model", "created": 0, "owned_by": "cliproxy"}


def test_openais_sdk_understands_a_model() -> None:
    assert Model.model_validate(orjson.loads(one_model("team/a"))).id == "team/a"
