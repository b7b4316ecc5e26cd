from __future__ import annotations

from functools import partial

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, Text
from cliproxy.conversation.request import (
    Function,
    Message,
    Output,
    Reasoning,
    Request,
    Role,
    Sampling,
    ToolChoice,
)
from cliproxy.errors import BadRequest
from cliproxy.formats.codec import Dialect, Target
from cliproxy.formats.openai_responses.decode_request import decode_request
from cliproxy.formats.openai_responses.encode_request import encode_request

ASK = Request("anthropic", "alias", (Message(Role.USER, (Text("hi"),)),))
OWN = attrs.evolve(ASK, format="openai-responses")


ask = partial(attrs.evolve, ASK)
own = partial(attrs.evolve, OWN)


def encoded(request: Request, *refuses: str) -> tuple[dict[str, Json], list[tuple[str, bool]]]:
    losses = Losses()
    body = encode_request(request, Target("gpt-5", Dialect(refuses=frozenset(refuses))), losses)
    return body, [(loss.field, loss.emulated) for loss in losses]


def test_the_shortest_request_keeps_nothing_and_gets_its_reasoning_back() -> None:
    assert encoded(ASK) == (
        {
            "model": "gpt-5",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            "store": False,
            "include": ["reasoning.encrypted_content"],
        },
        [],
    )


def test_the_system_prompt_is_one_text() -> None:
    assert encoded(ask(system=(Text("a"), Text(""), Text("b"))))[0]["instructions"] == "a\n\nb"


def test_a_client_of_this_wire_keeps_its_instructions_apart() -> None:
    body, _ = encoded(own(system=(Text("a"), Text("b"))))
    assert body["instructions"] == "a"
    assert body["input"] == [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "b"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    ]


def test_sampling_is_written() -> None:
    body, losses = encoded(ask(sampling=Sampling(temperature=0.5, top_p=0.9)))
    assert (body["temperature"], body["top_p"], losses) == (0.5, 0.9, [])


def test_probabilities_are_included() -> None:
    body, _ = encoded(ask(sampling=Sampling(logprobs=True, top_logprobs=2)))
    assert (body["top_logprobs"], body["include"]) == (
        2,
        ["reasoning.encrypted_content", "message.output_text.logprobs"],
    )


@pytest.mark.parametrize(
    ("sampling", "field"),
    [
        (Sampling(top_k=3), "top_k"),
        (Sampling(seed=1), "seed"),
        (Sampling(presence_penalty=0.5), "presence_penalty"),
        (Sampling(frequency_penalty=0.5), "frequency_penalty"),
        (Sampling(logit_bias={"1": 2}), "logit_bias"),
    ],
)
def test_what_the_wire_does_not_know_is_lost(sampling: Sampling, field: str) -> None:
    assert encoded(ask(sampling=sampling))[1] == [(field, False)]


def test_stop_sequences_that_come_here_are_lost() -> None:
    assert encoded(ask(stop=("x",)))[1] == [("stop", False)]


def test_several_answers_are_lost() -> None:
    assert encoded(ask(choices=2))[1] == [("n", False)]


def test_the_limit_of_output_is_written() -> None:
    assert encoded(ask(max_tokens=100))[0]["max_output_tokens"] == 100


def test_too_low_a_limit_is_raised() -> None:
    body, losses = encoded(ask(max_tokens=1))
    assert (body["max_output_tokens"], losses) == (16, [("max_tokens", True)])


@pytest.mark.parametrize(
    ("reasoning", "written"),
    [
        (Reasoning(mode="off", show=True), {"effort": "none"}),
        (Reasoning(effort="xhigh"), {"effort": "xhigh"}),
        (Reasoning(mode="on", budget=8192), {"effort": "medium"}),
        (Reasoning(show=True), {"summary": "auto"}),
        (Reasoning(effort="low", show=True, detail="concise"), {"effort": "low", "summary": "concise"}),
        (Reasoning(effort="low", show=False), {"effort": "low"}),
    ],
)
def test_thinking_is_written(reasoning: Reasoning, written: Json) -> None:
    assert encoded(ask(reasoning=reasoning))[0]["reasoning"] == written


def test_a_model_that_is_told_to_think_is_told_how_much() -> None:
    assert encoded(ask(reasoning=Reasoning(mode="on")))[0]["reasoning"] == {"effort": "medium"}


@pytest.mark.parametrize("reasoning", [Reasoning(), Reasoning(mode="auto"), Reasoning(show=False)])
def test_thinking_of_which_nothing_is_said_is_not_written(reasoning: Reasoning) -> None:
    assert "reasoning" not in encoded(ask(reasoning=reasoning))[0]


def test_a_schema_is_the_format_of_the_text() -> None:
    body, _ = encoded(ask(output=Output("schema", {"type": "object"}, "n", "d", True), verbosity="low"))
    assert body["text"] == {
        "format": {
            "type": "json_schema",
            "name": "n",
            "schema": {"type": "object"},
            "description": "d",
            "strict": True,
        },
        "verbosity": "low",
    }


def test_a_schema_without_name_gets_one() -> None:
    body, _ = encoded(ask(output=Output("schema", {"type": "object"})))
    assert body["text"] == {"format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}}}


def test_json_is_the_format_of_the_text() -> None:
    assert encoded(ask(output=Output("json")))[0]["text"] == {"format": {"type": "json_object"}}


def test_a_choice_without_tools_is_noted() -> None:
    body, losses = encoded(ask(tool_choice=ToolChoice("required")))
    assert ("tool_choice" in body, losses) == (False, [("tool_choice", False)])


def test_tools_and_their_choice_are_written() -> None:
    body, _ = encoded(ask(tools=(Function("f"),), tool_choice=ToolChoice("none"), parallel_tool_calls=False))
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("none", False)


def test_a_name_for_the_user_that_is_too_long_is_hashed() -> None:
    body, losses = encoded(ask(user="u" * 200))
    assert body["safety_identifier"] == "2c9df2b3a1434b135d6ae66d05fa469fc17f1b26e904d889c96dfd14b49717be"
    assert losses == [("user", True)]


def test_the_account_is_written() -> None:
    body, losses = encoded(ask(user="u", cache_key="k", metadata={"a": "b"}, service_tier="flex", stream=True))
    assert {key: body[key] for key in body.keys() - {"model", "input", "store", "include"}} == {
        "safety_identifier": "u",
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "stream": True,
    }
    assert losses == []


def test_a_client_may_have_its_reply_kept() -> None:
    assert encoded(ask(store=True))[0]["store"] is True


def test_an_upstream_that_keeps_nothing_is_told_so() -> None:
    body, losses = encoded(ask(store=True), "store")
    assert (body["store"], losses) == (False, [("store", False)])


def test_what_an_upstream_refuses_is_left_out_and_noted() -> None:
    body, losses = encoded(ask(max_tokens=100), "max_output_tokens")
    assert ("max_output_tokens" in body, losses) == (False, [("max_output_tokens", False)])


def test_cache_marks_are_done_by_the_vendor() -> None:
    assert encoded(ask(system=(Text("a", CacheMark()),), tools=(Function("f", cache=CacheMark()),), cache=CacheMark()))[
        1
    ] == [("cache_control", True)]


def test_what_only_this_wire_knows_is_given_back() -> None:
    extras: dict[str, Json] = {
        "truncation": "auto",
        "reasoning.context": "all_turns",
        "include": ["file_search_call.results"],
    }
    body, _ = encoded(own(extras=extras, reasoning=Reasoning(effort="low")))
    assert (body["truncation"], body["reasoning"], body["include"]) == (
        "auto",
        {"effort": "low", "context": "all_turns"},
        ["reasoning.encrypted_content", "file_search_call.results"],
    )


def test_what_another_wire_knows_is_not_written() -> None:
    assert "x" not in encoded(ask(extras={"x": 1}))[0]


# -- what a client of this wire says comes out as it went in ---------------------------------------------------------

CODEX: dict[str, Json] = {
    "model": "gpt-5",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "skills"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "patch it"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAAA"},
        {
            "type": "custom_tool_call",
            "call_id": "call_1",
            "name": "apply_patch",
            "input": "*** Begin Patch",
        },
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
        {"type": "function_call", "call_id": "call_2", "name": "close", "arguments": "{}", "namespace": "agents"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"}],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]},
    ],
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs it.",
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
            "strict": False,
        },
        {
            "type": "namespace",
            "name": "agents",
            "description": "Agents.",
            "tools": [{"type": "function", "name": "close", "parameters": {"type": "object", "properties": {}}}],
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Patches.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"},
        },
        {"type": "tool_search", "execution": "client"},
        {"type": "web_search", "external_web_access": True},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "low"},
    "stream": True,
    "prompt_cache_key": "k",
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "client_metadata": {"x-codex-installation-id": "i"},
}


def again(body: dict[str, Json]) -> dict[str, Json]:
    return encode_request(decode_request(body, Losses()), Target("gpt-5"), Losses())


def test_a_request_of_codex_comes_out_as_it_went_in() -> None:
    assert again(CODEX) == CODEX


TEXTS = st.text(max_size=4)
CONTENT = st.one_of(
    TEXTS,
    st.lists(
        st.one_of(
            st.builds(lambda text: {"type": "input_text", "text": text}, TEXTS),
            st.just({"type": "input_image", "image_url": "https://a.example/a.png", "detail": "low"}),
            st.just({"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0x"}),
            st.just({"type": "input_other", "x": 1}),
        ),
        max_size=3,
    ),
)
ITEMS = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "system", "developer"]),
        CONTENT,
    ),
    st.builds(
        lambda text, blob: {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
            "encrypted_content": blob,
        },
        TEXTS,
        st.one_of(st.none(), TEXTS),
    ),
    st.just({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}),
    st.just({"type": "custom_tool_call", "call_id": "d", "name": "p", "input": "x"}),
    st.builds(lambda output: {"type": "function_call_output", "call_id": "c", "output": output}, CONTENT),
    st.builds(lambda output: {"type": "custom_tool_call_output", "call_id": "d", "output": output}, CONTENT),
    st.just({"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "q"}}),
    st.just({"type": "compaction", "encrypted_content": "x"}),
    st.just({"type": "apply_patch_call_output", "call_id": "e"}),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ITEMS, max_size=6))
def test_what_was_written_once_is_written_the_same_again(items: list[Json]) -> None:
    once = again({"model": "gpt-5", "input": items})
    assert again(once) == once


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "name", "call_id", "output", "tools"]), inner
        ),
    ),
    max_leaves=8,
)
FIELDS = ["input", "tools", "tool_choice", "reasoning", "text", "include", "metadata", "store", "instructions"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_garbage_is_refused_or_understood_and_never_breaks(body: dict[str, Json]) -> None:
    try:
        request = decode_request({"model": "m", **body}, Losses())
    except BadRequest:
        return
    encode_request(request, Target("m"), Losses())


def test_what_cannot_be_written_does_not_keep_the_operator_from_speaking_first() -> None:
    unsigned: Json = {"type": "reasoning", "summary": [], "encrypted_content": None}
    spoken: list[Json] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    told = again({"model": "gpt-5", "input": [unsigned, *spoken]})
    assert told["instructions"] == "Be brief."


def test_what_cannot_be_written_does_not_part_a_message_in_two() -> None:
    image: Json = {"type": "input_image", "image_url": "https://a.example/a.png"}
    said: list[Json] = [{"type": "output_text", "text": "a"}, image, {"type": "output_text", "text": "b"}]
    told = again({"model": "gpt-5", "input": [{"role": "assistant", "content": said}]})
    content: list[Json] = [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    assert told["input"] == [{"type": "message", "role": "assistant", "content": content}]
