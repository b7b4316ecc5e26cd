"""Models that Amp asks for by its own names, served by an upstream of each format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from cliproxy.config.schema import Amp, ModelMapping
from tests.support.amps_daemon import CLIENT_KEY, Told
from tests.support.amps_daemon import ask as ask_at
from tests.support.sdks import MODELS, PAIRS, UPSTREAMS, Proxy, running
from tests.support.wire_replies import blocks_of

Json = dict[str, Any]

AMPS: Final = "claude-of-amp-to-"
"""How Amp's names begin; the upstream's format follows."""
CLAUDE: Final = "/api/provider/anthropic/v1/messages"
ASKED: Final = pytest.mark.parametrize("asked", ["mapped", "same"])
TOOLS: Final[Sequence[Json]] = tuple(
    {"name": name, "input_schema": {"type": "object", "properties": {"cmd": {"type": "string"}}}}
    for name in ("Bash", "glob", "edit_file")
)
CALLS: Final = '[[tool:bash {"cmd": "ls"}]][[tool:glob {"cmd": "*"}]][[parallel]]'
THINKING: Final[Json] = {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}}


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """A daemon with upstreams of all four formats, and models that read `Bash` as `bash`."""
    mappings = tuple(ModelMapping(f"{AMPS}{name}", name) for name in UPSTREAMS)
    with running(Amp(model_mappings=mappings), {b'"Bash"': b'"bash"'}) as proxy:
        yield proxy


def named(asked: str, upstream: str) -> str:
    """What Amp asks for: a name that is mapped, or one that is served under that very name."""
    return AMPS + upstream if asked == "mapped" else upstream


def post(proxy: Proxy, path: str, body: Json) -> Told:
    answer = ask_at(proxy.url, path, "POST", json.dumps(body).encode(), {"x-api-key": CLIENT_KEY})
    assert answer.status == 200, answer.body
    return answer


def said(role: str, content: object) -> Json:
    return {"role": role, "content": content}


def names_in(answer: Told) -> set[str]:
    """The models that it says it is of."""
    return set(re.findall(r'"model(?:Version)?": ?"([^"]*)"', answer.body.decode()))


def ask_claude(
    proxy: Proxy, model: str, messages: Sequence[Json], streamed: bool = False, **more: object
) -> list[Json]:
    """The blocks of the reply."""
    body = {"model": model, "max_tokens": 4096, "stream": streamed, "messages": messages, "tools": TOOLS}
    answer = post(proxy, CLAUDE, {**body, **more})
    assert names_in(answer) == {model}
    if not streamed:
        content: list[Json] = json.loads(answer.body)["content"]
        return content
    return [put_together(block) for block in blocks_of(events_of(answer))]


def put_together(block: Json) -> Json:
    """With a call's arguments as a whole reply has them."""
    arguments = block.pop("arguments", None)
    return {**block, "input": json.loads(arguments)} if arguments else block


def events_of(answer: Told) -> list[Json]:
    lines = answer.body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def call_tools(proxy: Proxy, model: str, *, streamed: bool = False) -> tuple[list[Json], list[Json]]:
    """A conversation with two calls of tools, and the blocks of what the model said."""
    messages = [said("user", CALLS)]
    blocks = ask_claude(proxy, model, messages, streamed, **THINKING)
    return messages, blocks


def of_type(kind: str, blocks: Sequence[Json]) -> list[Json]:
    return [block for block in blocks if block["type"] == kind]


# -- what the reply is made to say


@ASKED
def test_each_tool_is_called_by_the_letters_of_the_request(
    proxy: Proxy, model: str, streamed: bool, asked: str
) -> None:
    _, blocks = call_tools(proxy, named(asked, model), streamed=streamed)
    calls = of_type("tool_use", blocks)
    assert [(call["name"], call["input"]) for call in calls] == [("Bash", {"cmd": "ls"}), ("glob", {"cmd": "*"})]


@ASKED
def test_each_call_and_thought_has_a_signature(proxy: Proxy, model: str, streamed: bool, asked: str) -> None:
    _, blocks = call_tools(proxy, named(asked, model), streamed=streamed)
    signed = of_type("thinking", blocks) + of_type("tool_use", blocks)
    assert len(signed) == 3
    assert all(isinstance(block["signature"], str) for block in signed)


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_thinking_beside_a_call_is_told(proxy: Proxy, upstream: str) -> None:
    """The original kept it back, of every upstream but Anthropic's."""
    for streamed in (False, True):
        _, blocks = call_tools(proxy, AMPS + upstream, streamed=streamed)
        assert [block["type"] for block in blocks if block["type"] != "text"] == ["thinking", "tool_use", "tool_use"]


def test_the_length_of_a_whole_reply_is_that_of_what_is_told(proxy: Proxy, model: str) -> None:
    body = {"model": model, "max_tokens": 4096, "messages": [said("user", CALLS)], "tools": TOOLS}
    answer = post(proxy, CLAUDE, body)
    assert answer.all("content-length") in ([], [str(len(answer.body))])
    assert b'"signature":""' in answer.body


# -- what the request is made to say


def going_on(messages: Sequence[Json], blocks: Sequence[Json]) -> list[Json]:
    """The conversation with the tools' results, as Amp tells it again: with a thought that nobody signed."""
    unsigned = [
        {"type": "thinking", "thinking": "UNSIGNED", "signature": ""},
        {"type": "thinking", "thinking": "UNSIGNED"},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": "a.txt"} for call in of_type("tool_use", blocks)
    ]
    return [*messages, said("assistant", [*unsigned, *blocks]), said("user", results)]


def calls_with_a_signature(proxy: Proxy) -> list[Json]:
    contents = [message["content"] for message in proxy.last.json.get("messages", [])]
    told = [block for content in contents if isinstance(content, list) for block in content]
    return [block for block in told if block["type"] == "tool_use" and "signature" in block]


@ASKED
def test_a_conversation_with_calls_goes_on(proxy: Proxy, model: str, streamed: bool, asked: str) -> None:
    messages, blocks = call_tools(proxy, named(asked, model), streamed=streamed)
    told = ask_claude(proxy, named(asked, model), going_on(messages, blocks), streamed, **THINKING)
    assert "a.txt" in of_type("text", told)[-1]["text"]
    assert b"UNSIGNED" not in proxy.last.body
    assert calls_with_a_signature(proxy) == []


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_conversation_with_calls_goes_on_with_another_model(proxy: Proxy, first: str, second: str) -> None:
    messages, blocks = call_tools(proxy, AMPS + first)
    told = ask_claude(proxy, AMPS + second, going_on(messages, blocks))
    assert "a.txt" in of_type("text", told)[-1]["text"]
    assert b"UNSIGNED" not in proxy.last.body
    assert calls_with_a_signature(proxy) == []


def test_the_long_context_is_not_asked_for_upstream(proxy: Proxy) -> None:
    body = json.dumps({"model": "anthropic", "max_tokens": 9, "messages": [said("user", "Hi")]}).encode()
    headers = {
        "x-api-key": CLIENT_KEY,
        "anthropic-beta": "context-1m-2025-08-07,fine-grained-tool-streaming-2025-05-14",
    }
    assert ask_at(proxy.url, CLAUDE, "POST", body, headers).status == 200
    (betas,) = proxy.last.headers.getRawHeaders("anthropic-beta", [""])
    assert "context-1m-2025-08-07" not in betas
    assert "fine-grained-tool-streaming-2025-05-14" in betas


def test_the_suffix_that_asks_for_thinking_is_carried_over(proxy: Proxy, model: str) -> None:
    asked = f"{AMPS}{model}(high)"
    body = {"model": asked, "max_tokens": 32_000, "messages": [said("user", "Hi")]}
    answer = post(proxy, CLAUDE, body)
    assert names_in(answer) == {asked}
    assert json.loads(answer.body)["usage"]["output_tokens_details"]["thinking_tokens"] > 0


# -- the model's name, in each format


def bodies(model: str, streamed: bool) -> Mapping[str, Json]:
    """By path, what asks for a model there."""
    method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    chat = {"model": model, "stream": streamed, "messages": [said("user", "Hi")]}
    responses = {"model": model, "stream": streamed, "store": False, "input": "Hi"}
    return {
        CLAUDE: {**chat, "max_tokens": 4096},
        "/api/provider/openai/v1/chat/completions": chat,
        "/api/provider/groq/chat/completions": chat,
        "/api/provider/openai/v1/completions": {"model": model, "stream": streamed, "prompt": "Hi"},
        "/api/provider/openai/v1/responses": responses,
        f"/api/provider/google/v1beta/models/{model}:{method}": contents,
        f"/api/provider/google/v1beta1/publishers/google/models/{model}:{method}": contents,
    }


PATHS: Final = tuple(path.replace("/x:", "/{model}:").partition(":")[0] for path in bodies("x", streamed=False))


@ASKED
@pytest.mark.parametrize("path", PATHS)
def test_the_reply_says_the_model_that_was_asked_for(
    proxy: Proxy, model: str, path: str, streamed: bool, asked: str
) -> None:
    name = named(asked, model)
    (found,) = (
        (each, body)
        for each, body in bodies(name, streamed).items()
        if each.partition(":")[0] == path.format(model=name)
    )
    assert names_in(post(proxy, *found)) == {name}
    assert MODELS[model].encode() in proxy.last.body + proxy.last.uri.encode()


def test_tokens_are_counted(proxy: Proxy, model: str) -> None:
    body = {"model": AMPS + model, "messages": [said("user", "Hi")]}
    assert json.loads(post(proxy, f"{CLAUDE}/count_tokens", body).body)["input_tokens"] > 0


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("anthropic/models", lambda listed: [model["id"] for model in listed["data"]]),
        ("google/v1/models", lambda listed: [model["name"].removeprefix("models/") for model in listed["models"]]),
        ("any/v1beta/models", lambda listed: [model["name"].removeprefix("models/") for model in listed["models"]]),
        ("groq/models", lambda listed: [model["id"] for model in listed["data"] if listed["object"] == "list"]),
    ],
)
def test_models_are_listed_in_the_providers_shape(proxy: Proxy, path: str, found: Any) -> None:
    answer = ask_at(proxy.url, f"/api/provider/{path}", headers={"x-api-key": CLIENT_KEY})
    assert sorted(found(json.loads(answer.body))) == sorted(UPSTREAMS)
