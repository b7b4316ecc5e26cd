from __future__ import annotations

import anthropic
import httpx2
import orjson
import pytest

from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import DemoRequest
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from tests.demo.asking import KEY, TOOLS, asking, body_in, body_of, told_by


def error_in(request: DemoRequest) -> tuple[int, str]:
    reply = answer(request, DemoSettings())
    error = body_in(reply)["error"]
    assert isinstance(error, dict)
    return reply.status, str(error["type"])


def get(path: str, query: str = "") -> DemoRequest:
    return DemoRequest("GET", path, query, KEY)


def test_the_count_is_the_usage_of_the_same_request() -> None:
    body = body_of("how long am I?", system="be brief", tools=TOOLS)
    usage = told_by(answer(DemoRequest("POST", "/v1/messages", "", KEY, orjson.dumps(body)), DemoSettings())).usage
    del body["max_tokens"], body["stream"]
    count = answer(
        DemoRequest("POST", "/v1/messages/count_tokens", "beta=true", KEY, orjson.dumps(body)), DemoSettings()
    )
    assert body_in(count) == {"input_tokens": usage["input_tokens"]}


def test_models_are_listed_in_anthropics_shape() -> None:
    page = body_in(answer(get("/v1/models", "limit=1000"), DemoSettings(models=("a", "b"))))
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("a", "b", False)
    models = page["data"]
    assert isinstance(models, list)
    assert models[0] == {"type": "model", "id": "a", "display_name": "a", "created_at": "2026-01-01T00:00:00Z"}


def test_models_come_in_pages() -> None:
    settings = DemoSettings(models=("a", "b", "c"))
    page = body_in(answer(get("/v1/models", "limit=1&after_id=a"), settings))
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("b", "b", True)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=99999999", "limit=x", "after_id=nobody"])
def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    assert error_in(get("/v1/models", query)) == (400, "invalid_request_error")


def test_one_model_is_told() -> None:
    assert body_in(answer(get("/v1/models/demo"), DemoSettings()))["id"] == "demo"


@pytest.mark.parametrize(
    "request_", [get("/v1/models/nobody"), get("/"), get("/v1/messages"), DemoRequest("HEAD", "/")]
)
def test_what_is_not_there_is_a_404(request_: DemoRequest) -> None:
    assert error_in(request_) == (404, "not_found_error")


def test_a_request_without_a_key_is_refused() -> None:
    assert error_in(DemoRequest("POST", "/v1/messages", "", {}, b"{}")) == (401, "authentication_error")


def test_a_bearer_token_is_a_key() -> None:
    request = asking()
    bearing = DemoRequest(request.method, request.path, "", {"authorization": "Bearer x"}, request.body)
    assert answer(bearing, DemoSettings()).status == 200


def test_a_key_is_in_no_repr() -> None:
    assert "sk-demo" not in repr(asking())


def test_a_request_over_the_limit_is_a_413() -> None:
    request = DemoRequest("POST", "/v1/messages", "", KEY, bytes(MAX_BODY_BYTES + 1))
    assert error_in(request) == (413, "request_too_large")


# -- the official SDK ----------------------------------------------------------------------------------------------


def sdk() -> anthropic.Anthropic:
    def handle(request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, query = request.url.path, request.url.query.decode()
        reply = answer(DemoRequest(request.method, path, query, headers, request.content), DemoSettings())
        return httpx2.Response(reply.status, headers=list(reply.headers), content=plain(reply.steps))

    transport = httpx2.MockTransport(handle)
    return anthropic.Anthropic(api_key="k", base_url="http://demo", http_client=httpx2.Client(transport=transport))


def test_the_sdk_reads_the_stream() -> None:
    with (
        sdk() as client,
        client.messages.stream(
            model="demo",
            max_tokens=2048,
            thinking={"type": "enabled", "budget_tokens": 1024},
            tools=[{"name": "Read", "input_schema": {"type": "object"}}],
            messages=[{"role": "user", "content": '[[tool:Read {"path": "a"}]]'}],
        ) as stream,
    ):
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    call = message.content[-1]
    assert call.type == "tool_use"
    assert call.input == {"path": "a"}


def test_the_sdk_reads_a_whole_reply() -> None:
    with sdk() as client:
        message = client.messages.create(
            model="demo", max_tokens=99, messages=[{"role": "user", "content": "[[say:hi]]"}]
        )
    assert message.content[0].type == "text"
    assert message.content[0].text == "hi"


def test_the_sdk_reads_counts_and_models() -> None:
    with sdk() as client:
        count = client.messages.count_tokens(model="demo", messages=[{"role": "user", "content": "hi"}])
        models = [model.id for model in client.models.list(limit=2)]
    assert count.input_tokens > 0
    assert models == list(DemoSettings().models)
