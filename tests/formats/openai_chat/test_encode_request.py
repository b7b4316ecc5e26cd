from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Effort, Function, Message, Output, Reasoning, Request, Role, Sampling
from cliproxy.formats.codec import Dialect, Target
from cliproxy.formats.openai_chat.decode_request import decode_request
from cliproxy.formats.openai_chat.encode_request import LIMITS, encode_request

REQUEST = Request("anthropic", "claude", (Message(Role.USER, (Text("u"),)),))
PLAIN = Dialect()


def written(request: Request, dialect: Dialect = PLAIN) -> tuple[dict[str, Json], list[str]]:
    losses = Losses()
    body = encode_request(request, Target("gpt", dialect), losses)
    assert body.pop("model") == "gpt"
    assert body.pop("messages") == [{"role": "user", "content": "u"}]
    return body, [loss.field for loss in losses]


def test_a_bare_request_is_a_model_and_messages() -> None:
    assert written(REQUEST) == ({}, [])


def test_the_limit_is_called_as_the_server_knows() -> None:
    request = attrs.evolve(REQUEST, max_tokens=9)
    assert written(request) == ({"max_tokens": 9}, [])
    assert written(request, Dialect("max_completion_tokens")) == ({"max_completion_tokens": 9}, [])


def test_one_stop_is_a_list_too() -> None:
    assert written(attrs.evolve(REQUEST, stop=("a",))) == ({"stop": ["a"]}, [])


def test_more_than_four_stops_are_lost() -> None:
    body, losses = written(attrs.evolve(REQUEST, stop=("a", "b", "c", "d", "e")))
    assert (body, losses) == ({"stop": ["a", "b", "c", "d"]}, ["stop"])


def test_sampling_is_written() -> None:
    sampling = Sampling(0.5, 0.9, None, 7, 0.1, 0.2, {"1": 2}, True, 3)
    assert written(attrs.evolve(REQUEST, sampling=sampling, choices=2)) == (
        {
            "n": 2,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 7,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "logit_bias": {"1": 2},
            "logprobs": True,
            "top_logprobs": 3,
        },
        [],
    )


def test_top_k_is_lost() -> None:
    assert written(attrs.evolve(REQUEST, sampling=Sampling(top_k=40))) == ({}, ["top_k"])


def test_top_k_of_this_very_format_is_not() -> None:
    request = attrs.evolve(REQUEST, format="openai-chat", sampling=Sampling(top_k=40))
    assert written(request) == ({"top_k": 40}, [])


@pytest.mark.parametrize(
    ("reasoning", "effort", "losses"),
    [
        (Reasoning(), None, []),
        (Reasoning("off"), "none", []),
        (Reasoning("on", "high", show=True), "high", []),
        (Reasoning("on"), "medium", []),
        (Reasoning("auto"), None, []),
        (Reasoning("auto", "max"), "max", []),
        (Reasoning("on", budget=8192), "medium", ["thinking budget"]),
        (Reasoning("on", "low", show=False), "low", ["thinking visibility"]),
        (Reasoning("on", "low", show=True, detail="auto"), "low", []),
    ],
)
def test_thinking_is_an_effort(reasoning: Reasoning, effort: Effort | None, losses: list[str]) -> None:
    body = {} if effort is None else {"reasoning_effort": effort}
    assert written(attrs.evolve(REQUEST, reasoning=reasoning)) == (body, losses)


def test_an_effort_beside_tools_is_lost_where_it_is_refused() -> None:
    request = attrs.evolve(REQUEST, reasoning=Reasoning("on", "high"), tools=(Function("f"),))
    body, losses = written(request, Dialect(reasoning_with_tools=False))
    assert ("reasoning_effort" in body, losses) == (False, ["reasoning_effort"])


def test_the_detail_of_summaries_is_not_lost_in_silence() -> None:
    request = attrs.evolve(REQUEST, reasoning=Reasoning("on", "low", show=True, detail="concise"))
    assert written(request)[1] == ["reasoning.summary"]


def test_no_thinking_beside_tools_is_not_refused() -> None:
    request = attrs.evolve(REQUEST, reasoning=Reasoning("off"), tools=(Function("f"),))
    body, losses = written(request, Dialect(reasoning_with_tools=False))
    assert (body["reasoning_effort"], losses) == ("none", [])


def test_json_may_be_asked_for() -> None:
    assert written(attrs.evolve(REQUEST, output=Output("json"))) == (
        {"response_format": {"type": "json_object"}},
        [],
    )


def test_a_schema_keeps_its_name_and_strictness() -> None:
    output = Output("schema", {"type": "object"}, "n", "d", True)
    schema = {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True}
    assert written(attrs.evolve(REQUEST, output=output)) == (
        {"response_format": {"type": "json_schema", "json_schema": schema}},
        [],
    )


def test_a_schema_without_a_name_gets_one() -> None:
    body, _ = written(attrs.evolve(REQUEST, output=Output("schema", {"type": "object"})))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }


def test_what_is_said_about_the_request_is_written() -> None:
    request = attrs.evolve(
        REQUEST,
        verbosity="low",
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        cache_key="k",
        store=False,
    )
    assert written(request) == (
        {
            "verbosity": "low",
            "user": "u",
            "metadata": {"a": "b"},
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "store": False,
        },
        [],
    )


def test_a_long_name_of_a_user_is_told_by_its_hash() -> None:
    body, losses = written(attrs.evolve(REQUEST, user="x" * 65))
    assert body == {"user": "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9"}
    assert losses == ["user"]


def test_a_stream_always_tells_usage() -> None:
    request = attrs.evolve(REQUEST, stream=True, usage_in_stream=False)
    assert written(request) == ({"stream": True, "stream_options": {"include_usage": True}}, [])


def test_extras_return_to_their_format() -> None:
    extras: dict[str, Json] = {"modalities": ["text"], "stream_options": {"include_obfuscation": False}}
    request = attrs.evolve(REQUEST, format="openai-chat", extras=extras, stream=True)
    assert written(request) == (
        {
            "stream": True,
            "stream_options": {"include_obfuscation": False, "include_usage": True},
            "modalities": ["text"],
        },
        [],
    )


def test_options_of_a_stream_are_let_go_without_one() -> None:
    extras: dict[str, Json] = {"stream_options": {"include_obfuscation": False}}
    assert written(attrs.evolve(REQUEST, format="openai-chat", extras=extras)) == ({}, [])


def test_extras_of_another_format_are_not_written() -> None:
    assert written(attrs.evolve(REQUEST, extras={"container": "x"})) == ({}, [])


def test_what_the_server_refuses_is_left_out() -> None:
    request = attrs.evolve(REQUEST, store=True, cache_key="k", stream=True)
    body, losses = written(request, Dialect(refuses=frozenset({"store", "prompt_cache_key", "stream_options", "seed"})))
    assert (body, losses) == ({"stream": True}, ["prompt_cache_key", "store"])


def test_limits_are_those_of_every_server() -> None:
    assert (LIMITS.name_length, LIMITS.id_length, LIMITS.stops) == (64, 40, 4)


def test_free_form_tools_are_a_matter_of_the_dialect() -> None:
    assert LIMITS.custom_tools


CAPTURED: dict[str, Json] = {
    "model": "gpt-5",
    "stream": True,
    "messages": [
        {"role": "user", "content": "Use your tools."},
        {
            "content": "I will look.",
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call_1",
                    "function": {"arguments": '{"path": "/tmp/a.txt"}', "name": "read_file"},
                    "type": "function",
                    "index": 0,
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "first line\n"},
    ],
    "stream_options": {"include_usage": True},
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "read_file",
                "description": "Read a file.",
                "parameters": {
                    "type": "object",
                    "properties": {"path": {"type": "string"}},
                    "required": ["path"],
                    "additionalProperties": False,
                },
            },
        }
    ],
}
"""As the official SDK sends the second turn of a loop: the index of a call comes back from the stream."""


def test_the_sdks_own_request_comes_back_as_it_was() -> None:
    losses = Losses()
    body = encode_request(decode_request(CAPTURED, losses), Target("gpt-5"), losses)
    call: dict[str, Json] = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "read_file", "arguments": '{"path": "/tmp/a.txt"}'},
    }
    answer: dict[str, Json] = {"role": "assistant", "content": "I will look.", "tool_calls": [call]}
    messages = CAPTURED["messages"]
    assert isinstance(messages, list)
    assert body == CAPTURED | {"messages": [messages[0], answer, messages[2]]}
    assert not losses


texts = st.text("ab \n", min_size=1, max_size=5)
contents = texts | st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, texts),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}),
        st.just({"type": "image_url", "image_url": {"url": "https://a"}}),
        st.just({"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}),
        st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}),
        st.just({"type": "news", "x": [1]}),
    ),
    max_size=3,
)
turns = st.one_of(
    st.builds(lambda content: [{"role": "user", "content": content}], contents),
    st.builds(lambda content: [{"role": "system", "content": content}], texts),
    st.builds(lambda content, refusal: [{"role": "assistant", "content": content, "refusal": refusal}], texts, texts),
    st.builds(
        lambda content, arguments: [
            {
                "role": "assistant",
                "content": content,
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}},
                    {"id": "2", "type": "custom", "custom": {"name": "c", "input": arguments}},
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": content or "x"},
            {"role": "tool", "tool_call_id": "2", "content": "y"},
        ],
        st.none() | texts,
        st.sampled_from(["{}", '{"n":123456789012345678901234567890}']),
    ),
)
fields: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.5, 1]),
        "max_tokens": st.integers(1, 9),
        "stop": texts | st.lists(texts, max_size=4),
        "n": st.integers(1, 3),
        "reasoning_effort": st.sampled_from(["none", "low", "max"]),
        "response_format": st.sampled_from([{"type": "json_object"}, {"type": "text"}]),
        "tools": st.just([{"type": "function", "function": {"name": "f"}}, {"type": "news"}]),
        "tool_choice": st.sampled_from(["auto", "none", {"type": "function", "function": {"name": "f"}}]),
        "stream": st.booleans(),
        "web_search_options": st.just({"search_context_size": "low"}),
        "metadata": st.just({"a": "b"}),
        "x-news": st.just([1]),
    },
)


@given(st.lists(turns, min_size=1, max_size=4), fields)
def test_what_was_written_once_is_written_so_again(told: list[list[object]], more: dict[str, object]) -> None:
    document = {"model": "m", "messages": [message for turn in told for message in turn], **more}
    target = Target("m", Dialect(custom_tools=True))
    body = encode_request(decode_request(document, Losses()), target, Losses())
    losses = Losses()
    assert encode_request(decode_request(body, losses), target, losses) == body
    assert not losses.dropped
