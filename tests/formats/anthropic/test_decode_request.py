from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, Text
from cliproxy.conversation.request import Function, Message, Output, Reasoning, Request, Role, Sampling, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.decode_request import decode_request

HELLO: Json = [{"role": "user", "content": "Hello"}]


def read(**fields: Json) -> Request:
    losses = Losses()
    request = decode_request({"model": "m", "messages": HELLO, **fields}, losses)
    assert not len(losses)
    return request


def test_a_small_request_is_read() -> None:
    assert read(max_tokens=64) == Request("anthropic", "m", (Message(Role.USER, (Text("Hello"),)),), max_tokens=64)


def test_a_request_as_claude_code_sends_it_is_read() -> None:
    request = decode_request(
        {
            "model": "claude-opus-4-8",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Read it.", "cache_control": {"type": "ephemeral"}}],
                },
                {"role": "system", "content": "Available agent types"},
            ],
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"},
                {"type": "text", "text": "You are a Claude agent.", "cache_control": {"type": "ephemeral"}},
            ],
            "tools": [{"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}],
            "metadata": {"user_id": '{"device_id":"28c0"}'},
            "max_tokens": 64000,
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "stream": True,
        },
        Losses(),
    )
    assert request == Request(
        format="anthropic",
        model="claude-opus-4-8",
        messages=(
            Message(Role.USER, (Text("Read it.", CacheMark()),)),
            Message(Role.SYSTEM, (Text("Available agent types"),)),
        ),
        system=(Text("You are a Claude agent.", CacheMark()),),
        tools=(Function("Read", "Reads.", {"type": "object"}),),
        max_tokens=64000,
        reasoning=Reasoning("auto", "high"),
        stream=True,
        user='{"device_id":"28c0"}',
        extras={"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
    )


def test_a_title_as_claude_code_asks_for_it_is_read() -> None:
    schema: Json = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    request = read(
        tools=[],
        thinking={"type": "disabled"},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": schema}},
    )
    assert request.output == Output(
        "schema", {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    )
    assert request.reasoning == Reasoning("off")
    assert request.extras == {"output_config": {"effort": "high"}}


@pytest.mark.parametrize(
    ("said", "system"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("Be brief.", (Text("Be brief."),)),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], (Text("a"), Text("b"))),
    ],
)
def test_the_system_prompt_is_read(said: Json, system: tuple[Text, ...]) -> None:
    assert read(system=said).system == system


def test_parameters_are_read() -> None:
    request = read(
        temperature=0,
        top_p=0.5,
        top_k=40,
        stop_sequences=["a", "b"],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        cache_control={"type": "ephemeral", "ttl": "1h"},
    )
    assert request.sampling == Sampling(0.0, 0.5, 40)
    assert request.stop == ("a", "b")
    assert (request.tool_choice, request.parallel_tool_calls) == (ToolChoice("required"), False)
    assert request.cache == CacheMark("1h")


@pytest.mark.parametrize(
    ("fields", "tier", "extras"),
    [
        ({}, None, {}),
        ({"service_tier": "auto"}, "auto", {}),
        ({"service_tier": "standard_only"}, "default", {}),
        ({"speed": "fast"}, "priority", {}),
        ({"speed": "standard"}, None, {}),
        ({"speed": "fast", "service_tier": "standard_only"}, "priority", {"service_tier": "standard_only"}),
        ({"speed": "warp"}, None, {"speed": "warp"}),
    ],
)
def test_tier_and_speed_are_one(fields: dict[str, Json], tier: str | None, extras: dict[str, Json]) -> None:
    request = read(**fields)
    assert (request.service_tier, request.extras) == (tier, extras)


def test_fields_that_nobody_else_knows_are_kept() -> None:
    fields: dict[str, Json] = {
        "mcp_servers": [{"type": "url", "url": "https://a"}],
        "container": "c_1",
        "inference_geo": "eu",
        "betas": ["a"],
    }
    assert read(**fields, diagnostics=None).extras == fields


def test_metadata_beside_the_user_are_kept() -> None:
    request = read(metadata={"user_id": "u", "team": "t"})
    assert (request.user, request.extras) == ("u", {"metadata": {"team": "t"}})


@pytest.mark.parametrize("said", [None, False, 0, 1, "true", []])
def test_only_true_streams(said: Json) -> None:
    assert not read(stream=said).stream


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["Hello"]}, "messages.0"),
        ({"messages": [{"content": "Hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "developer", "content": "Hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"system": 7}, "system"),
        ({"system": ["Be brief."]}, "system.0"),
        ({"system": [{"type": "image"}]}, "system.0.type"),
        ({"max_tokens": "64"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 0.5}, "top_k"),
        ({"stop_sequences": "a"}, "stop_sequences"),
        ({"metadata": "a"}, "metadata"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
        ({"service_tier": 7}, "service_tier"),
        ({"speed": 7}, "speed"),
        ({"cache_control": True}, "cache_control"),
        ({"tools": {}}, "tools"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_path(fields: dict[str, Json], path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        decode_request({"model": "m", "messages": HELLO, **fields}, Losses())


def test_arguments_nested_without_end_are_refused() -> None:
    deep: Json = {}
    for _ in range(5000):
        deep = {"a": deep}
    call: Json = {"type": "tool_use", "id": "a", "name": "b", "input": deep}
    with pytest.raises(BadRequest, match="nested too deeply"):
        decode_request({"model": "m", "messages": [{"role": "assistant", "content": [call]}]}, Losses())


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["text", "tool_use", "user"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "source", "input", "id", "name", "cache_control"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata"]),
        JUNK | st.lists(JUNK, max_size=3),
    )
)
def test_junk_is_refused_and_nothing_else(fields: dict[str, Json]) -> None:
    with contextlib.suppress(BadRequest):
        decode_request({"model": "m", "messages": [], **fields}, Losses())


# -- the line for Anthropic's accounts


LINE = "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"


def _system(value: Json) -> tuple[tuple[str, ...], list[str]]:
    """What is left of a system, and what is named."""
    losses = Losses()
    told = decode_request({"model": "m", "messages": [], "system": value}, losses)
    return tuple(text.text for text in told.system), [loss.field for loss in losses]


def test_the_line_for_anthropics_accounts_is_left_out_and_named() -> None:
    assert _system([{"type": "text", "text": LINE}, {"type": "text", "text": "Be brief."}]) == (
        ("Be brief.",),
        ["system.0"],
    )


def test_words_behind_the_line_are_not_lost_with_it() -> None:
    assert _system(f"{LINE}\nBe brief.") == ((f"{LINE}\nBe brief.",), [])


def test_the_line_in_mid_sentence_is_not_the_line() -> None:
    assert _system(f"Say {LINE}") == ((f"Say {LINE}",), [])
