from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import attrs
import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    CacheMark,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Plain,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from cliproxy.conversation.request import (
    Custom,
    Function,
    Message,
    Output,
    Reasoning,
    Request,
    Role,
    Sampling,
    ServerTool,
    ToolChoice,
)
from cliproxy.formats.codec import Field, Support, Target
from cliproxy.formats.jsontext import text_of
from cliproxy.formats.openai_chat.decode_request import decode_request
from cliproxy.formats.openai_chat.encode_request import LIMITS, encode_request
from cliproxy.formats.openai_chat.support import SAYS, SUPPORT

U = Message(Role.USER, (Text("u"),))
F = Function("f")
BASE = Request("anthropic", "claude", (U,))
SCHEMA: dict[str, Json] = {"type": "object"}


def saying(*parts: Part, role: Role = Role.USER) -> Request:
    return attrs.evolve(BASE, messages=(U, Message(role, parts)))


def given(**fields: Any) -> Request:
    return attrs.evolve(BASE, **fields)


def after_a_call(result: ToolResult) -> Request:
    call = Message(Role.ASSISTANT, (ToolCall("1", "f"),))
    return attrs.evolve(BASE, messages=(U, call, Message(Role.USER, (result,))))


ASKED: Mapping[Field, tuple[Request, str]] = {
    "system": (given(system=(Text("s"),)), '"role":"system"'),
    "system in mid-conversation": (saying(Text("x"), role=Role.SYSTEM), '"role":"system"'),
    "images by bytes": (saying(Media("image", Inline("image/png", "AA"))), "data:image/png;base64,AA"),
    "images by URL": (saying(Media("image", Link("https://a"))), "https://a"),
    "documents": (saying(Media("document", Inline("application/pdf", "AA"))), "data:application/pdf;base64,AA"),
    "audio": (saying(Media("audio", Inline("audio/wav", "AA"))), "input_audio"),
    "thinking of earlier turns": (saying(Thinking("hm"), Text("a"), role=Role.ASSISTANT), ""),
    "tools": (given(tools=(F,)), '"name":"f"'),
    "free-form tools": (given(tools=(Custom("c"),)), '"type":"custom"'),
    "web search": (given(tools=(ServerTool("web_search", "anthropic"),)), ""),
    "tool choice: auto, required, none": (given(tools=(F,), tool_choice=ToolChoice("none")), '"tool_choice":"none"'),
    "tool choice: one tool": (given(tools=(F,), tool_choice=ToolChoice("required", ("f",))), '"tool_choice":{'),
    "tool choice: some tools": (given(tools=(F,), tool_choice=ToolChoice("auto", ("f",))), "allowed_tools"),
    "parallel tool calls off": (given(tools=(F,), parallel_tool_calls=False), '"parallel_tool_calls":false'),
    "images in tool results": (
        after_a_call(ToolResult("1", (Media("image", Inline("image/png", "AA")),))),
        "base64,AA",
    ),
    "errors of tools": (after_a_call(ToolResult("1", (Text("x"),), is_error=True)), "Error: x"),
    "max tokens": (given(max_tokens=9), '"max_tokens":9'),
    "stop sequences": (given(stop=("x",)), '"stop":["x"]'),
    "several choices": (given(choices=2), '"n":2'),
    "temperature, top_p": (given(sampling=Sampling(0.5, 0.9)), '"temperature":0.5,"top_p":0.9'),
    "top_k": (given(sampling=Sampling(top_k=4)), ""),
    "seed": (given(sampling=Sampling(seed=4)), '"seed":4'),
    "penalties": (given(sampling=Sampling(presence_penalty=1)), '"presence_penalty":1'),
    "logit bias": (given(sampling=Sampling(logit_bias={"1": 2})), '"logit_bias":{"1":2}'),
    "logprobs": (given(sampling=Sampling(logprobs=True)), '"logprobs":true'),
    "thinking: effort": (given(reasoning=Reasoning("on", "low")), '"reasoning_effort":"low"'),
    "thinking: budget": (given(reasoning=Reasoning("on", budget=900)), '"reasoning_effort":"low"'),
    "thinking: visibility": (given(reasoning=Reasoning(show=False)), ""),
    "JSON output": (given(output=Output("json")), "json_object"),
    "JSON Schema output": (given(output=Output("schema", SCHEMA)), "json_schema"),
    "verbosity": (given(verbosity="low"), '"verbosity":"low"'),
    "cache key": (given(cache_key="k"), '"prompt_cache_key":"k"'),
    "end user": (given(user="me"), '"user":"me"'),
    "metadata": (given(metadata={"a": "b"}), '"metadata":{"a":"b"}'),
    "service tier": (given(service_tier="flex"), '"service_tier":"flex"'),
    "store": (given(store=False), '"store":false'),
    "citations": (saying(Media("document", Plain("x"), cited=True)), ""),
}
"""Requests that use each thing, and where it stands in the body."""

NOTED: Mapping[Support, tuple[bool, bool]] = {
    Support.EXACT: (False, False),
    Support.EMULATED: (False, True),
    Support.LOST: (True, True),
}
"""Whether something is lost, and whether anything is noted at all."""

DONE_ELSEWHERE: frozenset[Field] = frozenset({"tool namespaces", "cache marks"})


def test_every_field_is_there() -> None:
    assert set(SUPPORT) == set(get_args(Field)) == ASKED.keys() | DONE_ELSEWHERE


@pytest.mark.parametrize("field", ASKED)
def test_each_word_is_true(field: Field) -> None:
    request, place = ASKED[field]
    losses = Losses()
    body = text_of(encode_request(request, Target("m"), losses))
    lost, noted = bool(losses.dropped), len(losses) > 0
    assert (lost, noted) == NOTED[SUPPORT[field]]
    assert place in body


def test_namespaces_are_fitted_before() -> None:
    assert (LIMITS.namespaces, SUPPORT["tool namespaces"]) == (False, Support.EMULATED)


def test_caches_need_no_marks() -> None:
    losses = Losses()
    encode_request(saying(Text("x", CacheMark())), Target("m"), losses)
    assert [loss.emulated for loss in losses] == [True]
    assert SUPPORT["cache marks"] is Support.EMULATED


def test_clients_cannot_say_three_things() -> None:
    assert set(get_args(Field)) - SAYS.keys() == {"tool namespaces", "errors of tools", "citations"}


def test_what_clients_say_beside_openais_words_is_read() -> None:
    document = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "u", "cache_control": {}}]}],
        "top_k": 4,
        "reasoning": {"max_tokens": 900, "exclude": True},
    }
    request = decode_request(document, Losses())
    assert request.messages[0].parts == (Text("u", CacheMark()),)
    assert request.sampling.top_k == 4
    assert request.reasoning == Reasoning("on", budget=900, show=False)
