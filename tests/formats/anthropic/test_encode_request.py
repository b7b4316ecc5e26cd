from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Inline, Json, JsonObject, Media, Text
from cliproxy.conversation.request import Function, Message, Output, Reasoning, Request, Role, Sampling, ToolChoice
from cliproxy.formats.anthropic.decode_request import decode_request
from cliproxy.formats.anthropic.encode_request import encode_request
from cliproxy.formats.codec import Dialect, Target

HELLO = Request("openai-chat", "client-model", (Message(Role.USER, (Text("Hello"),)),))
MARK: Json = {"type": "ephemeral"}
TARGET = Target("claude-sonnet-4-5")


def written(request: Request, target: Target = TARGET) -> tuple[dict[str, Json], list[str], list[str]]:
    losses = Losses()
    body = encode_request(request, target, losses)
    return body, [loss.field for loss in losses.dropped], [loss.field for loss in losses if loss.emulated]


def field(name: str, request: Request) -> Json:
    body, lost, emulated = written(request)
    assert (lost, emulated) == ([], [])
    return body.get(name)


def test_a_small_request_is_written() -> None:
    assert written(HELLO) == (
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 32000,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": MARK}]},
            ],
        },
        [],
        [],
    )


@pytest.mark.parametrize(
    ("asked", "most", "expected"), [(None, None, 32000), (None, 64000, 64000), (4096, 64000, 4096), (0, None, 0)]
)
def test_the_limit_of_output_is_always_there(asked: int | None, most: int | None, expected: int) -> None:
    body, _, _ = written(attrs.evolve(HELLO, max_tokens=asked), Target("m", max_output_tokens=most))
    assert body["max_tokens"] == expected


def test_the_limit_of_output_is_the_models_at_most() -> None:
    body, lost, emulated = written(attrs.evolve(HELLO, max_tokens=100_000), Target("m", max_output_tokens=64000))
    assert (body["max_tokens"], lost, emulated) == (64000, [], ["max_tokens"])


def test_words_of_the_operators_before_everything_else_are_the_system_prompt() -> None:
    request = attrs.evolve(
        HELLO,
        system=(Text("a"), Text(" ")),
        messages=(Message(Role.SYSTEM, (Text("b"),)), Message(Role.DEVELOPER, (Text("c"),)), *HELLO.messages),
    )
    assert field("system", request) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
        {"type": "text", "text": "c", "cache_control": MARK},
    ]


def test_what_is_lost_behind_the_system_prompt_keeps_its_number() -> None:
    messages = (Message(Role.SYSTEM, (Text("a"),)), Message(Role.USER, (Text("Hi."),), "anna"))
    assert written(attrs.evolve(HELLO, messages=messages))[1] == ["messages.1.name"]


def test_only_words_go_into_the_system_prompt() -> None:
    image = Media("image", Inline("image/png", "AAAA"))
    request = attrs.evolve(HELLO, messages=(Message(Role.SYSTEM, (image,)), *HELLO.messages))
    body, lost, _ = written(request)
    assert "system" not in body
    assert lost == ["messages.0.content.0"]


def test_a_request_with_nothing_but_a_system_prompt_gets_a_turn_of_the_users() -> None:
    body, _, emulated = written(attrs.evolve(HELLO, system=(Text("a"),), messages=()))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Begin.", "cache_control": MARK}]}
    ]
    assert emulated == ["messages"]


@pytest.mark.parametrize(
    ("sampling", "fields", "lost", "emulated"),
    [
        (Sampling(temperature=0.0), {"temperature": 0.0}, [], []),
        (Sampling(temperature=1.7), {"temperature": 1.0}, [], ["temperature"]),
        (Sampling(top_p=0.5), {"top_p": 0.5}, [], []),
        (Sampling(temperature=0.2, top_p=0.5), {"temperature": 0.2}, ["top_p"], []),
        (Sampling(top_k=40), {"top_k": 40}, [], []),
        (Sampling(seed=0), {}, ["seed"], []),
        (Sampling(presence_penalty=0.5, frequency_penalty=-1), {}, ["presence_penalty", "frequency_penalty"], []),
        (Sampling(presence_penalty=0.0), {}, [], []),
        (Sampling(logit_bias={"50256": -100}), {}, ["logit_bias"], []),
        (Sampling(logprobs=True, top_logprobs=3), {}, ["logprobs"], []),
        (Sampling(logprobs=False), {}, [], []),
    ],
)
def test_sampling_is_written(sampling: Sampling, fields: dict[str, Json], lost: list[str], emulated: list[str]) -> None:
    body, dropped, done = written(attrs.evolve(HELLO, sampling=sampling))
    assert {key: body[key] for key in body.keys() & {"temperature", "top_p", "top_k", "seed"}} == fields
    assert (dropped, done) == (lost, emulated)


@pytest.mark.parametrize(
    ("sampling", "fields", "lost"),
    [
        (Sampling(temperature=1.0), {"temperature": 1.0}, []),
        (Sampling(temperature=0.5), {}, ["temperature"]),
        (Sampling(top_p=0.95), {"top_p": 0.95}, []),
        (Sampling(top_p=0.9), {}, ["top_p"]),
        (Sampling(top_k=40), {}, ["top_k"]),
        (Sampling(temperature=0.5, top_p=0.99), {"top_p": 0.99}, ["temperature"]),
    ],
)
@pytest.mark.parametrize("reasoning", [Reasoning("auto"), Reasoning(budget=2048)])
def test_while_the_model_thinks_sampling_is_fixed(
    reasoning: Reasoning, sampling: Sampling, fields: dict[str, Json], lost: list[str]
) -> None:
    body, dropped, _ = written(attrs.evolve(HELLO, sampling=sampling, reasoning=reasoning))
    assert {key: body[key] for key in body.keys() & {"temperature", "top_p", "top_k"}} == fields
    assert dropped == lost


def test_sampling_is_free_where_thinking_is_off() -> None:
    request = attrs.evolve(HELLO, sampling=Sampling(temperature=0.5), reasoning=Reasoning("off"))
    assert field("temperature", request) == 0.5


def test_a_stop_sequence_of_white_space_is_lost() -> None:
    body, lost, _ = written(attrs.evolve(HELLO, stop=("\n", "END")))
    assert (body["stop_sequences"], lost) == (["END"], ["stop_sequences"])


@pytest.mark.parametrize(
    ("tier", "expected", "lost"),
    [
        (None, None, []),
        ("auto", "auto", []),
        ("default", "standard_only", []),
        ("priority", None, ["service_tier"]),
        ("flex", None, ["service_tier"]),
    ],
)
def test_a_tier_is_written(tier: str | None, expected: str | None, lost: list[str]) -> None:
    body, dropped, _ = written(attrs.evolve(HELLO, service_tier=tier))
    assert (body.get("service_tier"), dropped) == (expected, lost)


@pytest.mark.parametrize(
    ("request_", "name", "expected"),
    [
        (attrs.evolve(HELLO, user="u_1"), "metadata", {"user_id": "u_1"}),
        (attrs.evolve(HELLO, stream=True), "stream", True),
        (attrs.evolve(HELLO, cache=CacheMark("1h")), "cache_control", {"type": "ephemeral", "ttl": "1h"}),
        (attrs.evolve(HELLO, stop=("END",)), "stop_sequences", ["END"]),
        (attrs.evolve(HELLO, store=False), "store", None),
    ],
)
def test_a_field_is_written(request_: Request, name: str, expected: Json) -> None:
    assert field(name, request_) == expected


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (attrs.evolve(HELLO, choices=2), "n"),
        (attrs.evolve(HELLO, verbosity="low"), "verbosity"),
        (attrs.evolve(HELLO, metadata={"team": "t"}), "metadata"),
        (attrs.evolve(HELLO, store=True), "store"),
        (attrs.evolve(HELLO, output=Output("json")), "response_format"),
    ],
)
def test_what_has_no_place_is_named(request_: Request, name: str) -> None:
    _, lost, _ = written(request_)
    assert lost == [name]


def test_the_key_of_a_cache_gives_way_to_marks() -> None:
    assert written(attrs.evolve(HELLO, cache_key="k"))[1:] == ([], ["prompt_cache_key"])


def test_marks_are_made_for_a_client_that_could_not_make_them() -> None:
    request = attrs.evolve(HELLO, system=(Text("a"),), tools=(Function("t"),))
    body, _, _ = written(request)
    assert body["system"] == [{"type": "text", "text": "a", "cache_control": MARK}]
    assert body["tools"] == [{"name": "t", "input_schema": {"type": "object", "properties": {}}, "cache_control": MARK}]


def test_no_marks_are_made_for_a_client_that_could() -> None:
    body, _, _ = written(attrs.evolve(HELLO, format="anthropic"))
    assert "cache_control" not in str(body)


def test_marks_of_the_clients_are_kept_as_they_are() -> None:
    request = attrs.evolve(
        HELLO, system=(Text("a"),), messages=(Message(Role.USER, (Text("Hello", CacheMark("1h")), Text("!"))),)
    )
    assert field("messages", request) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "text", "text": "!"},
            ],
        }
    ]


def test_what_the_upstream_refuses_is_left_out() -> None:
    request = attrs.evolve(HELLO, service_tier="auto", user="u")
    dialect = Dialect(refuses=frozenset({"service_tier", "model", "top_k"}))
    body, lost, _ = written(request, Target("m", dialect))
    assert "service_tier" not in body
    assert body["model"] == "m"
    assert lost == ["service_tier"]


def test_fields_of_another_format_are_not_sent() -> None:
    body, _, _ = written(attrs.evolve(HELLO, extras={"prediction": {}}))
    assert "prediction" not in body


def test_the_choice_of_a_tool_is_written_with_the_word_against_parallel_calls() -> None:
    request = attrs.evolve(
        HELLO, tools=(Function("t"),), tool_choice=ToolChoice("required", ("t",)), parallel_tool_calls=False
    )
    assert field("tool_choice", request) == {"type": "tool", "name": "t", "disable_parallel_tool_use": True}


def test_the_request_is_not_changed() -> None:
    raw: JsonObject = {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}
    body: JsonObject = {
        "model": "m",
        "max_tokens": 1,
        "cache_control": {"type": "ephemeral"},
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": str(n), "cache_control": {"type": "ephemeral"}} for n in range(4)],
            }
        ],
        "tools": [dict(raw)],
    }
    request = decode_request(body, Losses())
    encode_request(request, Target("m"), Losses())
    assert request == decode_request(body, Losses())


# -- there and back

CLAUDE_CODE: JsonObject = {
    "model": "claude-opus-4-8",
    "max_tokens": 64000,
    "system": [{"type": "text", "text": "You are a Claude agent.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Read it."}]},
        {"role": "system", "content": [{"type": "text", "text": "Available agent types"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "E3L9"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [
                        {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "Eq"}
                    ],
                },
                {"type": "text", "text": "I will look."},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"n": 12345678901234567890123}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "Alas."}],
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                },
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "T"},
                {"type": "container_upload", "file_id": "file_2"},
            ],
        },
    ],
    "tools": [
        {"eager_input_streaming": True, "name": "Read", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 5},
        {"type": "memory_20250818", "name": "memory"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "high"},
    "metadata": {"user_id": "u"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "speed": "fast",
    "stop_sequences": ["END"],
    "stream": True,
}


def test_a_request_of_this_format_comes_back_as_it_was() -> None:
    losses = Losses()
    assert encode_request(decode_request(CLAUDE_CODE, losses), Target("claude-opus-4-8"), losses) == CLAUDE_CODE
    assert not len(losses)


TEXTS = st.text(alphabet="ab \n", max_size=4)
MARKS = st.sampled_from([None, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])
BLOCKS = st.one_of(
    st.builds(lambda text, mark: {"type": "text", "text": text, "cache_control": mark}, TEXTS, MARKS),
    st.builds(lambda text, sign: {"type": "thinking", "thinking": text, "signature": sign}, TEXTS, TEXTS),
    st.builds(lambda n: {"type": "tool_use", "id": f"toolu_{n}", "name": "a", "input": {"n": n}}, st.integers(0, 3)),
    st.builds(
        lambda n, content, bad: {
            "type": "tool_result",
            "tool_use_id": f"toolu_{n}",
            "content": content,
            "is_error": bad,
        },
        st.integers(0, 3),
        TEXTS | st.none(),
        st.booleans(),
    ),
    st.just({"type": "image", "source": {"type": "url", "url": "https://a"}}),
    st.just({"type": "container_upload", "file_id": "f"}),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": TEXTS | st.lists(BLOCKS, max_size=3),
        }
    ),
    max_size=5,
)


@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "messages": MESSAGES},
        optional={
            "max_tokens": st.integers(0, 4096),
            "system": TEXTS,
            "thinking": st.sampled_from([{"type": "enabled", "budget_tokens": 2048}, {"type": "between_tools"}]),
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1),
            "speed": st.sampled_from(["fast", "standard"]),
        },
    )
)
def test_what_was_written_once_is_written_so_again(body: dict[str, Json]) -> None:
    once = encode_request(decode_request(body, Losses()), Target("m"), Losses())
    again = encode_request(decode_request(once, Losses()), Target("m"), Losses())
    assert again == once


@given(MESSAGES, st.sampled_from(["anthropic", "openai-chat"]))
def test_turns_are_never_empty_and_begin_with_the_user(messages: Json, client: str) -> None:
    request = decode_request({"model": "m", "messages": messages}, Losses())
    body = encode_request(attrs.evolve(request, format=client), Target("m"), Losses())
    turns = body["messages"]
    assert isinstance(turns, list)
    roles = [turn["role"] for turn in turns if isinstance(turn, dict) and turn["content"]]
    assert len(roles) == len(turns)
    assert roles[0] == "user"
    assert all(one != other for one, other in itertools.pairwise(roles))
