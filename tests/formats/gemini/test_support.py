"""The declared support, held against what the encoder does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import attrs
import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
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
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Field, Support, Target
from cliproxy.formats.gemini import CODEC
from cliproxy.formats.gemini.support import SAYS, SUPPORT

FIELDS: tuple[Field, ...] = get_args(Field)
ASKED = Request("openai-chat", "m", (Message(Role.USER, (Text("hi"),)),))
TOOLS = (Function("f"), Function("g"))


def says(*parts: Part, role: Role = Role.USER) -> Request:
    return attrs.evolve(ASKED, messages=(*ASKED.messages, Message(role, parts)))


def answers(result: ToolResult) -> Request:
    call = Message(Role.ASSISTANT, (ToolCall("c", "f", "{}", blob=Blob("QUFB")),))
    return attrs.evolve(ASKED, messages=(*ASKED.messages, call, Message(Role.USER, (result,))))


def samples(**fields: Any) -> Request:
    return attrs.evolve(ASKED, sampling=Sampling(**fields))


ASKING: Mapping[Field, tuple[Request, Json]] = {
    "system": (attrs.evolve(ASKED, system=(Text("S"),)), "S"),
    "system in mid-conversation": (says(Text("S"), role=Role.SYSTEM), "<system-reminder>\nS\n</system-reminder>"),
    "images by bytes": (says(Media("image", Inline("image/png", "AAAA"))), {"mimeType": "image/png", "data": "AAAA"}),
    "images by URL": (says(Media("image", Link("https://a.org/a.png"))), "https://a.org/a.png"),
    "documents": (says(Media("document", Plain("a"))), {"mimeType": "text/plain", "data": "YQ=="}),
    "audio": (says(Media("audio", Inline("audio/mpeg", "AAAA"))), {"mimeType": "audio/mpeg", "data": "AAAA"}),
    "thinking of earlier turns": (
        says(Thinking("hm", Blob("QUFB")), role=Role.ASSISTANT),
        {"thought": True, "text": "hm", "thoughtSignature": "QUFB"},
    ),
    "tools": (attrs.evolve(ASKED, tools=TOOLS), {"functionDeclarations": [{"name": "f"}, {"name": "g"}]}),
    "web search": (attrs.evolve(ASKED, tools=(ServerTool("web_search", "anthropic"),)), {"googleSearch": {}}),
    "tool choice: auto, required, none": (
        attrs.evolve(ASKED, tools=TOOLS, tool_choice=ToolChoice("none")),
        {"mode": "NONE"},
    ),
    "tool choice: one tool": (
        attrs.evolve(ASKED, tools=TOOLS, tool_choice=ToolChoice("required", ("f",))),
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
    ),
    "tool choice: some tools": (
        attrs.evolve(ASKED, tools=TOOLS, tool_choice=ToolChoice("auto", ("f", "g"))),
        {"mode": "VALIDATED", "allowedFunctionNames": ["f", "g"]},
    ),
    "parallel tool calls off": (attrs.evolve(ASKED, tools=TOOLS, parallel_tool_calls=False), None),
    "images in tool results": (
        answers(ToolResult("c", (Media("image", Inline("image/png", "AAAA")),))),
        [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
    ),
    "errors of tools": (answers(ToolResult("c", (Text("no"),), is_error=True)), {"error": "no"}),
    "max tokens": (attrs.evolve(ASKED, max_tokens=77), {"maxOutputTokens": 77}),
    "stop sequences": (attrs.evolve(ASKED, stop=("a", "b", "c", "d", "e")), ["a", "b", "c", "d", "e"]),
    "several choices": (attrs.evolve(ASKED, choices=2), {"candidateCount": 2}),
    "temperature, top_p": (samples(temperature=0.5, top_p=0.25), {"temperature": 0.5, "topP": 0.25}),
    "top_k": (samples(top_k=40), {"topK": 40}),
    "seed": (samples(seed=7), {"seed": 7}),
    "penalties": (
        samples(presence_penalty=0.5, frequency_penalty=0.25),
        {"presencePenalty": 0.5, "frequencyPenalty": 0.25},
    ),
    "logit bias": (samples(logit_bias={"1": 2}), None),
    "logprobs": (samples(logprobs=True, top_logprobs=2), {"responseLogprobs": True, "logprobs": 2}),
    "thinking: effort": (attrs.evolve(ASKED, reasoning=Reasoning("on", effort="low")), {"thinkingLevel": "LOW"}),
    "thinking: budget": (attrs.evolve(ASKED, reasoning=Reasoning("on", budget=99)), {"thinkingBudget": 99}),
    "thinking: visibility": (attrs.evolve(ASKED, reasoning=Reasoning(show=True)), {"includeThoughts": True}),
    "JSON output": (attrs.evolve(ASKED, output=Output("json")), {"responseMimeType": "application/json"}),
    "JSON Schema output": (
        attrs.evolve(ASKED, output=Output("schema", {"type": "object"})),
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
    ),
    "verbosity": (attrs.evolve(ASKED, verbosity="low"), None),
    "cache marks": (says(Text("a", cache=CacheMark())), None),
    "cache key": (attrs.evolve(ASKED, cache_key="k"), None),
    "end user": (attrs.evolve(ASKED, user="ann"), None),
    "metadata": (attrs.evolve(ASKED, metadata={"a": "b"}), {"a": "b"}),
    "service tier": (attrs.evolve(ASKED, service_tier="flex"), "flex"),
    "store": (attrs.evolve(ASKED, store=True), {"store": True}),
    "citations": (says(Media("document", Plain("a"), cited=True)), None),
}
"""A request that uses the field, and what stands for it in the body."""

FITTED: frozenset[Field] = frozenset({"free-form tools", "tool namespaces"})
"""Emulated before the encoder sees them, because the limits say so."""


def encoded(request: Request) -> tuple[Json, Losses]:
    losses = Losses()
    body = CODEC.encode_request(request, Target("gemini-3-pro"), losses)
    return jsontext.loads(jsontext.dumps(body)), losses


def stands_in(wanted: Json, body: Json) -> bool:
    """Whether a value, or an object with all of these fields, is somewhere in the body."""
    if body == wanted:
        return True
    if isinstance(body, dict):
        if isinstance(wanted, dict) and wanted.items() <= body.items():
            return True
        return any(stands_in(wanted, value) for value in body.values())
    return isinstance(body, list) and any(stands_in(wanted, value) for value in body)


def test_every_field_is_declared() -> None:
    assert set(SUPPORT) == set(FIELDS)


def test_every_field_is_tried() -> None:
    assert ASKING.keys() | FITTED == set(FIELDS)


@pytest.mark.parametrize("name", [name for name in ASKING if SUPPORT[name] is Support.EXACT])
def test_what_is_exact_stands_there_without_a_loss(name: Field) -> None:
    request, wanted = ASKING[name]
    body, losses = encoded(request)
    assert stands_in(wanted, body)
    assert not list(losses)


@pytest.mark.parametrize("name", [name for name in ASKING if SUPPORT[name] is Support.LOST])
def test_what_is_lost_is_noted(name: Field) -> None:
    assert encoded(ASKING[name][0])[1].dropped


@pytest.mark.parametrize("name", [name for name in ASKING if SUPPORT[name] is Support.EMULATED])
def test_what_is_emulated_is_noted_as_that(name: Field) -> None:
    _, losses = encoded(ASKING[name][0])
    assert [loss.emulated for loss in losses] == [True]


def test_what_is_fitted_is_beyond_the_limits() -> None:
    assert (CODEC.limits.custom_tools, CODEC.limits.namespaces) == (False, False)
    assert all(SUPPORT[name] is Support.EMULATED for name in FITTED)


SAYING: Mapping[Field, tuple[dict[str, Json], Callable[[Request], object]]] = {
    "system": ({"systemInstruction": "S"}, lambda request: request.system),
    "tools": ({"tools": [{"functionDeclarations": [{"name": "f"}]}]}, lambda request: request.tools),
    "max tokens": ({"generationConfig": {"maxOutputTokens": 1}}, lambda request: request.max_tokens),
    "stop sequences": ({"generationConfig": {"stopSequences": ["a"]}}, lambda request: request.stop),
    "several choices": ({"generationConfig": {"candidateCount": 2}}, lambda request: request.choices > 1),
    "metadata": ({"labels": {"a": "b"}}, lambda request: request.metadata),
    "service tier": ({"serviceTier": "flex"}, lambda request: request.service_tier),
    "store": ({"store": True}, lambda request: request.store),
}
"""A body that says the field, and where it is read to."""


@pytest.mark.parametrize("name", list(SAYING))
def test_what_a_client_can_say_is_read(name: Field) -> None:
    body, where = SAYING[name]
    assert SAYS[name]
    assert where(CODEC.decode_request({"model": "m", "contents": [], **body}, Losses()))


def test_what_is_exact_can_be_said_by_a_client_of_this_wire() -> None:
    assert {name for name, support in SUPPORT.items() if support is Support.EXACT} <= set(SAYS)
