from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from cliproxy.demo.replies import Json
from cliproxy.demo.settings import FAULT_STATUSES
from tests.demo.asking import BEARER, body_in, get, post, told_wrong
from tests.demo.openai_chat.chatting import ask

COMPLETIONS = "/v1/chat/completions"


def test_a_request_without_a_key_is_refused() -> None:
    reply = post(COMPLETIONS, {}, {})
    assert (reply.status, told_wrong(reply)["code"]) == (401, "invalid_api_key")


def test_what_is_not_there_is_a_404() -> None:
    reply = get(COMPLETIONS)
    assert (reply.status, told_wrong(reply)["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("status", FAULT_STATUSES)
def test_a_status_comes_with_an_error_body(status: int) -> None:
    reply = ask(f"[[fault:{status}]]")
    assert reply.status == status
    assert told_wrong(reply).keys() == {"message", "type", "param", "code"}


def test_a_rate_limit_says_when_to_come_back() -> None:
    reply = ask("[[fault:429]]")
    assert ("retry-after", "1") in reply.headers
    assert told_wrong(reply)["code"] == "rate_limit_exceeded"


def test_models_are_listed_in_openais_shape() -> None:
    listed = body_in(get("/v1/models"))
    assert listed["object"] == "list"
    models = listed["data"]
    assert isinstance(models, list)
    assert models[0] == {
        "id": "demo-chat",
        "object": "model",
        "created": 1767225600,
        "owned_by": "cliproxy-demo",
    }


@pytest.mark.parametrize("header", ["anthropic-version", "x-api-key", "x-goog-api-key"])
def test_models_are_listed_for_others_in_their_shapes(header: str) -> None:
    assert "object" not in body_in(get("/v1/models", {**BEARER, header: "x"}))


def test_one_model_is_told() -> None:
    assert body_in(get("/v1/models/gpt-5.5"))["id"] == "gpt-5.5"


def test_an_unknown_model_is_a_404() -> None:
    reply = get("/v1/models/nobody")
    assert (reply.status, told_wrong(reply)["code"]) == (404, "model_not_found")


# -- the official SDK ----------------------------------------------------------------------------------------------

READ: ChatCompletionToolParam = {"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}}


@pytest.fixture
def client(demo_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{demo_url}/v1", api_key="k", max_retries=0, timeout=20) as client:
        yield client


@pytest.mark.real
def test_the_sdk_reads_a_whole_reply(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="demo-chat", messages=[{"role": "user", "content": "[[say:ça va ☕]]"}], reasoning_effort="low"
    )
    assert completion.choices[0].message.content == "ça va ☕"
    assert completion.usage is not None
    assert completion.usage.completion_tokens_details is not None
    assert completion.usage.completion_tokens_details.reasoning_tokens


@pytest.mark.real
def test_the_sdk_reads_the_stream(client: openai.OpenAI) -> None:
    asked = client.chat.completions.stream(
        model="demo-chat",
        messages=[{"role": "user", "content": '[[tool:Read {"path": "a"}]]'}],
        tools=[READ],
        stream_options={"include_usage": True},
    )
    with asked as stream:
        completion = stream.get_final_completion()
    calls = completion.choices[0].message.tool_calls or []
    assert [(call.function.name, call.function.arguments) for call in calls] == [("Read", '{"path":"a"}')]
    assert completion.usage is not None


@pytest.mark.real
def test_the_sdk_goes_round_a_tool_loop(client: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": '[[tool:Read {"path": "a"}]][[tool:Read {"path": "b"}]]'}
    ]
    seen = []
    while True:
        message = client.chat.completions.create(model="demo-chat", messages=messages, tools=[READ]).choices[0].message
        if not message.tool_calls:
            break
        messages.append(cast(ChatCompletionMessageParam, message.to_dict()))  # what came may go back
        for call in message.tool_calls:
            assert call.type == "function"
            seen.append(call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "found"})
    assert seen == ['{"path":"a"}', '{"path":"b"}']
    assert "found\nfound" in str(message.content)


class Answer(BaseModel):
    """What the SDK makes a schema of."""

    city: str
    degrees: int
    tags: list[str]


@pytest.mark.real
def test_the_sdk_parses_a_structured_answer(client: openai.OpenAI) -> None:
    completion = client.chat.completions.parse(
        model="demo-chat", messages=[{"role": "user", "content": "weather?"}], response_format=Answer
    )
    assert completion.choices[0].message.parsed == Answer(city="demo", degrees=0, tags=["demo"])


@pytest.mark.real
def test_the_sdk_reads_models(client: openai.OpenAI) -> None:
    assert "demo-chat" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-5.5").id == "gpt-5.5"


@pytest.mark.real
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("404", openai.NotFoundError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
    ],
)
def test_the_sdk_knows_the_errors(fault: str, kind: type[openai.APIStatusError], client: openai.OpenAI) -> None:
    with pytest.raises(kind, match=f"the fault {fault}"):
        client.chat.completions.create(model="demo-chat", messages=[{"role": "user", "content": f"[[fault:{fault}]]"}])


@pytest.mark.real
def test_the_sdk_raises_an_error_in_a_stream(client: openai.OpenAI) -> None:
    asked = client.chat.completions.create(
        model="demo-chat", messages=[{"role": "user", "content": "[[fault:error]]"}], stream=True
    )
    with pytest.raises(openai.APIError, match="the fault error"):
        list(asked)


def test_the_reply_names_its_request() -> None:
    body: Json = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert dict(post(COMPLETIONS, body).headers)["x-request-id"].startswith("req_")
