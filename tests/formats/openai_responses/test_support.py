"""Each entry of the table is held against the real encoder."""

from __future__ import annotations

from functools import partial
from typing import get_args

import attrs
import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    CacheMark,
    Citation,
    Inline,
    Link,
    Media,
    Part,
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
from cliproxy.formats.openai_responses.encode_request import encode_request
from cliproxy.formats.openai_responses.support import SAYS, SUPPORT

ASK = Request("other", "m", (Message(Role.USER, (Text("hi"),)),), tools=(Function("f"), Function("g")))
FITTED = ("stop sequences", "several choices")


ask = partial(attrs.evolve, ASK)


def user(*parts: Part) -> Request:
    return ask(messages=(Message(Role.USER, parts),))


def assistant(*parts: Part) -> Request:
    return ask(messages=(Message(Role.ASSISTANT, parts),))


IMAGE = Media("image", Inline("image/png", "AAAA"))
CASES: dict[Field, tuple[Request, str]] = {
    "system": (ask(system=(Text("be kind"),)), '"instructions":"be kind"'),
    "system in mid-conversation": (
        ask(messages=(*ASK.messages, Message(Role.SYSTEM, (Text("be kind"),)))),
        '"role":"developer","content":[{"type":"input_text","text":"be kind"}]',
    ),
    "images by bytes": (user(IMAGE), '"image_url":"data:image/png;base64,AAAA"'),
    "images by URL": (user(Media("image", Link("https://a.example"))), '"image_url":"https://a.example"'),
    "documents": (user(Media("document", Inline("application/pdf", "AA"))), "data:application/pdf;base64,AA"),
    "audio": (user(Media("audio", Inline("audio/wav", "AAAA"))), '"input_audio":{"data":"AAAA","format":"wav"}'),
    "thinking of earlier turns": (
        assistant(Thinking("hm", Blob("gAAAA")), Text("a")),
        '"encrypted_content":"gAAAA"',
    ),
    "tools": (ASK, '"type":"function","name":"f"'),
    "free-form tools": (ask(tools=(Custom("p"),)), '"type":"custom","name":"p"'),
    "tool namespaces": (ask(tools=(Function("f", namespace="ns"),)), '"type":"namespace","name":"ns"'),
    "web search": (ask(tools=(ServerTool("web_search", "anthropic"),)), '"type":"web_search"'),
    "tool choice: auto, required, none": (ask(tool_choice=ToolChoice("required")), '"tool_choice":"required"'),
    "tool choice: one tool": (
        ask(tool_choice=ToolChoice("required", ("f",))),
        '"tool_choice":{"type":"function","name":"f"}',
    ),
    "tool choice: some tools": (ask(tool_choice=ToolChoice("auto", ("f", "g"))), '"type":"allowed_tools"'),
    "parallel tool calls off": (ask(parallel_tool_calls=False), '"parallel_tool_calls":false'),
    "images in tool results": (
        ask(
            messages=(
                Message(Role.ASSISTANT, (ToolCall("c", "f"),)),
                Message(Role.USER, (ToolResult("c", (IMAGE,)),)),
            )
        ),
        '"output":[{"type":"input_image"',
    ),
    "errors of tools": (user(ToolResult("c", (Text("no"),), is_error=True)), '"output":"Error: no"'),
    "max tokens": (ask(max_tokens=100), '"max_output_tokens":100'),
    "stop sequences": (ask(stop=("x",)), ""),
    "several choices": (ask(choices=2), ""),
    "temperature, top_p": (ask(sampling=Sampling(temperature=0.5, top_p=0.9)), '"temperature":0.5,"top_p":0.9'),
    "top_k": (ask(sampling=Sampling(top_k=4)), ""),
    "seed": (ask(sampling=Sampling(seed=4)), ""),
    "penalties": (ask(sampling=Sampling(presence_penalty=0.5)), ""),
    "logit bias": (ask(sampling=Sampling(logit_bias={"1": 1})), ""),
    "logprobs": (ask(sampling=Sampling(logprobs=True)), "message.output_text.logprobs"),
    "thinking: effort": (ask(reasoning=Reasoning(effort="high")), '"reasoning":{"effort":"high"}'),
    "thinking: budget": (ask(reasoning=Reasoning(budget=1024)), '"reasoning":{"effort":"low"}'),
    "thinking: visibility": (ask(reasoning=Reasoning(show=True)), '"reasoning":{"summary":"auto"}'),
    "JSON output": (ask(output=Output("json")), '"type":"json_object"'),
    "JSON Schema output": (ask(output=Output("schema", {})), '"type":"json_schema"'),
    "verbosity": (ask(verbosity="low"), '"verbosity":"low"'),
    "cache marks": (user(Text("hi", CacheMark())), '"text":"hi"}'),
    "cache key": (ask(cache_key="k"), '"prompt_cache_key":"k"'),
    "end user": (ask(user="u"), '"safety_identifier":"u"'),
    "metadata": (ask(metadata={"a": "b"}), '"metadata":{"a":"b"}'),
    "service tier": (ask(service_tier="flex"), '"service_tier":"flex"'),
    "store": (ask(store=True), '"store":true'),
    "citations": (assistant(Text("a", citations=(Citation("https://u"),))), '"url":"https://u"'),
}


def test_every_field_is_in_the_table() -> None:
    assert set(SUPPORT) == set(get_args(Field))


def test_every_field_has_a_case() -> None:
    assert set(CASES) == set(get_args(Field))


@pytest.mark.parametrize("field", [field for field, support in SUPPORT.items() if support is Support.EXACT])
def test_what_is_exact_stands_there_without_loss(field: Field) -> None:
    request, told = CASES[field]
    losses = Losses()
    assert told in text_of(encode_request(request, Target("m"), losses))
    assert list(losses) == []


@pytest.mark.parametrize("field", [field for field, support in SUPPORT.items() if support is Support.LOST])
def test_what_is_lost_is_noted(field: Field) -> None:
    losses = Losses()
    encode_request(CASES[field][0], Target("m"), losses)
    assert len(losses.dropped) == 1


@pytest.mark.parametrize(
    "field", [field for field, support in SUPPORT.items() if support is Support.EMULATED and field not in FITTED]
)
def test_what_is_emulated_is_noted_as_such(field: Field) -> None:
    request, told = CASES[field]
    losses = Losses()
    assert told in text_of(encode_request(request, Target("m"), losses))
    assert [loss.emulated for loss in losses] == [True]


@pytest.mark.parametrize("field", FITTED)
def test_what_the_fitting_does_is_noted_if_it_was_not_done(field: Field) -> None:
    losses = Losses()
    encode_request(CASES[field][0], Target("m"), losses)
    assert len(losses.dropped) == 1


@pytest.mark.parametrize(
    "field",
    [
        "stop sequences",
        "several choices",
        "top_k",
        "seed",
        "penalties",
        "logit bias",
        "thinking: budget",
        "errors of tools",
    ],
)
def test_what_the_wire_has_no_word_for_no_client_says(field: Field) -> None:
    assert field not in SAYS
