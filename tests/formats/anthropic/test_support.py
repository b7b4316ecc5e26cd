from __future__ import annotations

from typing import get_args

import attrs
import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    CacheMark,
    Inline,
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
from cliproxy.formats.anthropic.encode_request import LIMITS, encode_request
from cliproxy.formats.anthropic.support import SAYS, SUPPORT
from cliproxy.formats.codec import Field, Support, Target

FIELDS = get_args(Field)
HELLO = Request("openai-responses", "m", (Message(Role.USER, (Text("Hello"),)),))
TOOLS = (Function("a"), Function("b"))


def said(role: Role, *parts: Part) -> Request:
    return attrs.evolve(HELLO, messages=(*HELLO.messages, Message(role, parts)))


def with_tools(choice: ToolChoice) -> Request:
    return attrs.evolve(HELLO, tools=TOOLS, tool_choice=choice)


def result(*content: Text | Media, is_error: bool = False) -> Request:
    call = Message(Role.ASSISTANT, (ToolCall("toolu_1", "a", "{}"),))
    given = Message(Role.USER, (ToolResult("toolu_1", content, is_error),))
    return attrs.evolve(HELLO, messages=(*HELLO.messages, call, given))


IMAGE = Media("image", Inline("image/png", "AAAA"))
REQUESTS: dict[Field, tuple[Request, str]] = {
    "system": (attrs.evolve(HELLO, system=(Text("Be brief."),)), '"system":[{"type":"text","text":"Be brief."'),
    "system in mid-conversation": (said(Role.SYSTEM, Text("Be brief.")), '{"role":"system","content":'),
    "images by bytes": (said(Role.USER, IMAGE), '"source":{"type":"base64","media_type":"image/png","data":"AAAA"}'),
    "images by URL": (said(Role.USER, Media("image", Link("https://a"))), '"source":{"type":"url","url":"https://a"}'),
    "documents": (said(Role.USER, Media("document", Plain("words"))), '"type":"document"'),
    "audio": (said(Role.USER, Media("audio", Inline("audio/mpeg", "AAAA"))), "[audio omitted]"),
    "thinking of earlier turns": (
        said(Role.ASSISTANT, Thinking("hm", Blob("E3L9")), Text("Yes.")),
        '{"type":"thinking","thinking":"hm","signature":"E3L9"}',
    ),
    "tools": (attrs.evolve(HELLO, tools=TOOLS), '"tools":[{"name":"a"'),
    "web search": (
        attrs.evolve(HELLO, tools=(ServerTool("web_search", "openai-responses"),)),
        '"type":"web_search_20250305"',
    ),
    "tool choice: auto, required, none": (with_tools(ToolChoice("none")), '"tool_choice":{"type":"none"}'),
    "tool choice: one tool": (
        with_tools(ToolChoice("required", ("a",))),
        '"tool_choice":{"type":"tool","name":"a"}',
    ),
    "tool choice: some tools": (with_tools(ToolChoice("required", ("a", "b"))), '"tool_choice":{"type":"any"}'),
    "parallel tool calls off": (
        attrs.evolve(HELLO, tools=TOOLS, parallel_tool_calls=False),
        '"disable_parallel_tool_use":true',
    ),
    "images in tool results": (result(IMAGE), '"content":[{"type":"image"'),
    "errors of tools": (result(Text("Alas."), is_error=True), '"is_error":true'),
    "max tokens": (attrs.evolve(HELLO, max_tokens=64), '"max_tokens":64'),
    "stop sequences": (attrs.evolve(HELLO, stop=("END",)), '"stop_sequences":["END"]'),
    "temperature, top_p": (attrs.evolve(HELLO, sampling=Sampling(temperature=1.5)), '"temperature":1.0'),
    "top_k": (attrs.evolve(HELLO, sampling=Sampling(top_k=40)), '"top_k":40'),
    "seed": (attrs.evolve(HELLO, sampling=Sampling(seed=7)), ""),
    "penalties": (attrs.evolve(HELLO, sampling=Sampling(presence_penalty=1.0)), ""),
    "logit bias": (attrs.evolve(HELLO, sampling=Sampling(logit_bias={"1": 1})), ""),
    "logprobs": (attrs.evolve(HELLO, sampling=Sampling(logprobs=True)), ""),
    "thinking: effort": (attrs.evolve(HELLO, reasoning=Reasoning(effort="high")), '"effort":"high"'),
    "thinking: budget": (attrs.evolve(HELLO, reasoning=Reasoning(budget=2048)), '"budget_tokens":2048'),
    "thinking: visibility": (attrs.evolve(HELLO, reasoning=Reasoning("auto", show=True)), '"display":"summarized"'),
    "JSON Schema output": (
        attrs.evolve(HELLO, output=Output("schema", {"type": "string"})),
        '"format":{"type":"json_schema","schema":{"type":"string"}}',
    ),
    "verbosity": (attrs.evolve(HELLO, verbosity="low"), ""),
    "cache marks": (
        said(Role.USER, Text("words", CacheMark("1h"))),
        '"cache_control":{"type":"ephemeral","ttl":"1h"}',
    ),
    "cache key": (attrs.evolve(HELLO, cache_key="k"), '"cache_control":{"type":"ephemeral"}'),
    "end user": (attrs.evolve(HELLO, user="u"), '"metadata":{"user_id":"u"}'),
    "metadata": (attrs.evolve(HELLO, metadata={"team": "t"}), ""),
    "service tier": (attrs.evolve(HELLO, service_tier="priority"), ""),
    "store": (attrs.evolve(HELLO, store=True), ""),
    "citations": (said(Role.USER, Media("document", Plain("words"), cited=True)), '"citations":{"enabled":true}'),
}
"""Of each field a request that uses it, and what then stands in the body."""


@pytest.mark.parametrize("field", REQUESTS)
def test_a_field_fares_as_the_table_says(field: Field) -> None:
    request, expected = REQUESTS[field]
    losses = Losses()
    body = encode_request(request, Target("m"), losses)
    assert expected in jsontext.text_of(body)
    if losses.dropped:
        assert SUPPORT[field] is Support.LOST
    else:
        assert SUPPORT[field] is (Support.EMULATED if len(losses) else Support.EXACT)


FITTED: tuple[Field, ...] = ("free-form tools", "tool namespaces", "several choices", "JSON output")


@pytest.mark.parametrize("field", FITTED)
def test_what_the_fitting_does_is_emulated(field: Field) -> None:
    assert SUPPORT[field] is Support.EMULATED


def test_the_limits_leave_it_to_the_fitting() -> None:
    assert (LIMITS.custom_tools, LIMITS.namespaces, LIMITS.choices, LIMITS.json_mode) == (False, False, False, False)


def test_every_field_is_in_the_table() -> None:
    assert set(SUPPORT) == set(FIELDS)


def test_every_field_is_tried() -> None:
    assert {*REQUESTS, *FITTED} == set(FIELDS)


def test_a_client_can_say_nothing_that_is_no_field() -> None:
    assert set(SAYS) <= set(FIELDS)


@pytest.mark.parametrize("field", ["seed", "penalties", "several choices", "free-form tools", "metadata", "store"])
def test_what_anthropic_has_no_word_for_its_clients_cannot_say(field: Field) -> None:
    assert field not in SAYS
