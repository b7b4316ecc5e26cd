"""The official Anthropic SDK for Python against a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import Message, TextBlock, ThinkingBlock, ToolUseBlock

from tests.real.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.support.processes import CLIPROXY, Process

MODEL = "claude-sonnet-5"
TURNS = 3


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("daemon")
    (directory / "config.yaml").write_text(
        f"api-keys: [{CLIENT_KEY}]\nport: 0\nclaude-api-key:\n  - {{api-key: {UPSTREAM_KEY}, base-url: '{upstream}'}}\n"
    )
    with Process((*CLIPROXY, "run", "--config", "config.yaml"), directory) as daemon:
        yield daemon.url


@pytest.fixture
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as client:
        yield client


def create(client: anthropic.Anthropic, text: str = "Hello!", model: str = MODEL) -> Message:
    return client.messages.create(model=model, max_tokens=4096, messages=[{"role": "user", "content": text}])


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if isinstance(block, TextBlock))


def test_a_message(client: anthropic.Anthropic) -> None:
    message = create(client, "[[say:ça va ☕ 你好]]")
    assert text_of(message) == "ça va ☕ 你好"
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


def test_a_streamed_message(client: anthropic.Anthropic) -> None:
    asked = client.messages.stream(
        model=MODEL, max_tokens=4096, messages=[{"role": "user", "content": "[[say:ça va ☕ 你好]]"}]
    )
    with asked as stream:
        told = "".join(stream.text_stream)
        assert told == text_of(stream.get_final_message()) == "ça va ☕ 你好"


def test_thinking_keeps_its_signature(client: anthropic.Anthropic) -> None:
    """The demo refuses a signature that has changed: the second turn proves the first."""
    thinking: anthropic.types.ThinkingConfigParam = {"type": "enabled", "budget_tokens": 2048}
    asked = client.messages.stream(
        model=MODEL, max_tokens=4096, thinking=thinking, messages=[{"role": "user", "content": "Hello!"}]
    )
    with asked as stream:
        first = stream.get_final_message()
    assert isinstance(first.content[0], ThinkingBlock)
    second = client.messages.create(
        model=MODEL,
        max_tokens=4096,
        thinking=thinking,
        messages=[
            {"role": "user", "content": "Hello!"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": "And?"},
        ],
    )
    assert second.stop_reason == "end_turn"


def test_a_tool_loop(client: anthropic.Anthropic) -> None:
    messages: list[anthropic.types.MessageParam] = [
        {"role": "user", "content": '[[tool:Read {"path": "a.txt"}]][[tool:Read {"path": "b.txt"}]]'}
    ]
    paths = []
    for _ in range(TURNS):
        message = client.messages.create(
            model=MODEL,
            max_tokens=4096,
            tools=[{"name": "Read", "input_schema": {"type": "object"}}],
            messages=messages,
        )
        calls = [block for block in message.content if isinstance(block, ToolUseBlock)]
        paths += [call.input["path"] for call in calls]
        if not calls:
            break
        messages.append({"role": "assistant", "content": message.content})
        messages.append(
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "found"} for call in calls],
            }
        )
    assert paths == ["a.txt", "b.txt"]
    assert "found" in text_of(message)


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "x" * 400}])
    assert counted.input_tokens >= 100


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    names = [model.id for model in client.models.list(limit=1000)]
    assert MODEL in names
    assert client.models.retrieve(MODEL).id == MODEL


def test_a_wrong_key_is_an_authentication_error(url: str) -> None:
    client = anthropic.Anthropic(base_url=url, api_key="another", max_retries=0)
    with client, pytest.raises(anthropic.AuthenticationError) as refused:
        create(client)
    assert refused.value.response.headers["x-request-id"] in str(refused.value)


def test_a_bad_request_is_one(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.messages.create(model=MODEL, max_tokens=-1, messages=[{"role": "user", "content": "Hi"}])


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="gpt-5"):
        create(client, model="gpt-5")
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_body_over_the_limit_is_too_large(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as refused:
        create(client, "x" * 33 * 1024 * 1024)
    assert refused.value.status_code == 413


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", anthropic.BadRequestError),
        ("403", anthropic.PermissionDeniedError),
        ("429", anthropic.RateLimitError),
        ("500", anthropic.InternalServerError),
        ("529", anthropic.APIStatusError),
    ],
)
def test_an_upstreams_error_has_its_class(
    fault: str, kind: type[anthropic.APIStatusError], client: anthropic.Anthropic
) -> None:
    """A model of its own for each: the credential cools for that model alone."""
    with pytest.raises(kind) as refused:
        create(client, f"[[fault:{fault}]]", model=f"claude-of-fault-{fault}")
    assert refused.value.status_code == int(fault)
    assert refused.value.body


@pytest.mark.parametrize("fault", ["cut", "error"])
def test_a_stream_that_breaks_raises(fault: str, client: anthropic.Anthropic) -> None:
    asked = client.messages.stream(
        model=f"claude-of-fault-{fault}",
        max_tokens=4096,
        messages=[{"role": "user", "content": f"[[fault:{fault}]]"}],
    )
    with pytest.raises(anthropic.APIStatusError), asked as stream:
        stream.get_final_message()


def test_concurrent_streams_keep_apart(url: str) -> None:
    async def say(client: anthropic.AsyncAnthropic, text: str) -> str:
        asked = client.messages.stream(
            model=MODEL,
            max_tokens=4096,
            messages=[{"role": "user", "content": f"[[say:{text}]][[delay:5]]"}],
        )
        async with asked as stream:
            return "".join([piece async for piece in stream.text_stream])

    async def say_all(texts: list[str]) -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0) as client:
            return list(await asyncio.gather(*[say(client, text) for text in texts]))

    texts = [f"this is the text number {number}" for number in range(20)]
    assert asyncio.run(say_all(texts)) == texts
