"""Whole requests, written for Google's servers."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, Text
from cliproxy.conversation.request import Function, Message, Output, Reasoning, Request, Role, Sampling
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Dialect, Target
from cliproxy.formats.gemini.decode_request import decode_request
from cliproxy.formats.gemini.encode_request import encode_request

ASKED = Request("anthropic", "m", (Message(Role.USER, (Text("hi"),)),))
CONTENTS: Json = [{"role": "user", "parts": [{"text": "hi"}]}]


def written(request: Request, target: Target | None = None) -> tuple[Json, list[str]]:
    losses = Losses()
    body = encode_request(request, target or Target("gemini-2.5-pro"), losses)
    return jsontext.loads(jsontext.dumps(body)), [loss.field for loss in losses.dropped]


def config_of(request: Request, target: Target | None = None) -> Json:
    body, _ = written(request, target)
    assert isinstance(body, dict)
    return body.get("generationConfig")


def test_model_and_streaming_do_not_stand_in_the_body() -> None:
    assert written(attrs.evolve(ASKED, stream=True)) == ({"contents": CONTENTS}, [])


def test_the_system_and_the_tools_stand_beside_the_contents() -> None:
    request = attrs.evolve(ASKED, system=(Text("S"),), tools=(Function("f"),))
    assert written(request)[0] == {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "contents": CONTENTS,
    }


def test_every_parameter_of_sampling_is_written() -> None:
    sampling = Sampling(1.0, 0.9, 40, 7, 0.1, 0.2, logprobs=True, top_logprobs=2)
    assert config_of(attrs.evolve(ASKED, sampling=sampling)) == {
        "temperature": 1.0,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 2,
    }


def test_the_length_the_stops_and_the_choices_are_written() -> None:
    assert config_of(attrs.evolve(ASKED, max_tokens=9, stop=("a",), choices=2)) == {
        "maxOutputTokens": 9,
        "stopSequences": ["a"],
        "candidateCount": 2,
    }


@pytest.mark.parametrize(
    ("reasoning", "model", "config"),
    [
        (Reasoning("off"), "gemini-2.5-flash", {"thinkingBudget": 0}),
        (Reasoning("auto"), "gemini-2.5-pro", {"thinkingBudget": -1}),
        (Reasoning("on"), "gemini-2.5-pro", {"thinkingBudget": -1}),
        (Reasoning("on", budget=4096, show=True), "gemini-2.5-pro", {"includeThoughts": True, "thinkingBudget": 4096}),
        (Reasoning("on", effort="minimal"), "gemini-3-pro", {"thinkingLevel": "MINIMAL"}),
        (Reasoning("on", effort="xhigh"), "gemini-3-pro", {"thinkingLevel": "XHIGH"}),
        (Reasoning("on", effort="max"), "gemini-3-pro", {"thinkingLevel": "XHIGH"}),
        (Reasoning("on", effort="low", budget=99), "gemini-3-pro", {"thinkingLevel": "LOW"}),
        (Reasoning("on", effort="low", budget=99), "gemini-2.5-pro", {"thinkingBudget": 99}),
        (Reasoning(show=False), "gemini-3-pro", {"includeThoughts": False}),
        (Reasoning("auto", effort="high"), "gemini-3-pro", {"thinkingLevel": "HIGH"}),
    ],
)
def test_how_much_to_think_is_a_level_or_a_budget(reasoning: Reasoning, model: str, config: Json) -> None:
    assert config_of(attrs.evolve(ASKED, reasoning=reasoning), Target(model)) == {"thinkingConfig": config}


@pytest.mark.parametrize("reasoning", [Reasoning(), Reasoning("on")])
def test_a_model_that_always_thinks_is_not_told_to(reasoning: Reasoning) -> None:
    assert config_of(attrs.evolve(ASKED, reasoning=reasoning), Target("gemini-3-pro")) is None


SCHEMA: dict[str, Json] = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("output", "config"),
    [
        (Output("json"), {"responseMimeType": "application/json"}),
        (Output("schema", SCHEMA), {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}),
    ],
)
def test_the_shape_of_the_answer_is_written(output: Output, config: Json) -> None:
    assert config_of(attrs.evolve(ASKED, output=output)) == config


def test_a_server_without_json_schema_gets_a_cleaned_shape() -> None:
    request = attrs.evolve(ASKED, output=Output("schema", SCHEMA))
    assert config_of(request, Target("m", Dialect(json_schema=False))) == {
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
    }


def test_metadata_are_labels_if_they_are_text() -> None:
    body, lost = written(attrs.evolve(ASKED, metadata={"a": "b", "n": 3}))
    assert (body, lost) == ({"contents": CONTENTS, "labels": {"a": "b"}}, ["metadata.n"])


@pytest.mark.parametrize(("tier", "word"), [("default", "standard"), ("flex", "flex"), ("priority", "priority")])
def test_the_service_tier_has_googles_words(tier: str, word: str) -> None:
    assert written(attrs.evolve(ASKED, service_tier=tier))[0] == {"contents": CONTENTS, "serviceTier": word}


def test_whether_to_store_is_written() -> None:
    assert written(attrs.evolve(ASKED, store=False))[0] == {"contents": CONTENTS, "store": False}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (attrs.evolve(ASKED, sampling=Sampling(logit_bias={"1": 2})), "logit_bias"),
        (attrs.evolve(ASKED, verbosity="low"), "verbosity"),
        (attrs.evolve(ASKED, user="ann"), "user"),
        (attrs.evolve(ASKED, service_tier="scale"), "service_tier"),
        (attrs.evolve(ASKED, parallel_tool_calls=False), "parallel_tool_calls"),
        (attrs.evolve(ASKED, reasoning=Reasoning(detail="concise")), "reasoning.summary"),
        (attrs.evolve(ASKED, output=Output("json", description="D")), "output.description"),
    ],
)
def test_what_the_wire_cannot_say_is_lost(request_: Request, field: str) -> None:
    assert written(request_)[1] == [field]


@pytest.mark.parametrize(
    "request_",
    [
        attrs.evolve(ASKED, cache=CacheMark()),
        attrs.evolve(ASKED, system=(Text("S", cache=CacheMark()),)),
        attrs.evolve(ASKED, tools=(Function("f", cache=CacheMark()),)),
        attrs.evolve(ASKED, messages=(Message(Role.USER, (Text("hi", cache=CacheMark()),)),)),
        attrs.evolve(ASKED, cache_key="k"),
    ],
)
def test_google_caches_by_itself(request_: Request) -> None:
    losses = Losses()
    encode_request(request_, Target("m"), losses)
    assert [loss.emulated for loss in losses] == [True]


def test_what_the_upstream_refuses_is_left_out_and_named() -> None:
    request = attrs.evolve(ASKED, store=True, metadata={"a": "b"})
    target = Target("m", Dialect(refuses=frozenset({"store", "labels", "toolConfig"})))
    assert written(request, target) == ({"contents": CONTENTS}, ["labels", "store"])


def test_what_only_google_knows_comes_back() -> None:
    request = attrs.evolve(
        ASKED,
        format="gemini",
        max_tokens=5,
        extras={"cachedContent": "c", "generationConfig": {"speechConfig": {}}},
    )
    assert written(request)[0] == {
        "contents": CONTENTS,
        "generationConfig": {"maxOutputTokens": 5, "speechConfig": {}},
        "cachedContent": "c",
    }


def test_what_others_know_stays_with_them() -> None:
    assert written(attrs.evolve(ASKED, extras={"mcp_servers": []}))[0] == {"contents": CONTENTS}


def test_a_request_of_a_coding_clients_comes_back_as_it_was() -> None:
    body: dict[str, Json] = {
        "systemInstruction": {"parts": [{"text": "You are a CLI agent."}]},
        "tools": [{"functionDeclarations": [{"name": "read_file", "parametersJsonSchema": {"type": "object"}}]}],
        "contents": [
            {"role": "user", "parts": [{"text": "<session_context>"}, {"text": "Read a.txt."}]},
            {
                "role": "model",
                "parts": [
                    {"text": "I will look."},
                    {
                        "functionCall": {"id": "c1", "name": "read_file", "args": {"file_path": "a.txt"}},
                        "thoughtSignature": "ESM8/GRNCTL+q8w=",
                    },
                ],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "c1", "name": "read_file", "response": {"output": "x\n"}}}],
            },
        ],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
        },
    }
    request = decode_request({"model": "gemini-2.5-pro", "stream": True, **body}, Losses())
    assert written(request) == (body, [])


SIGNATURES = st.sampled_from([{}, {"thoughtSignature": "QUFB"}, {"thoughtSignature": "a-_a"}])
TEXTS = st.builds(lambda text, sign: {"text": text, **sign}, st.text(max_size=3), SIGNATURES)
THOUGHTS = st.builds(lambda part: {"thoughtSignature": "QkJC", "thought": True, **part}, TEXTS)
"""Signed ones: the others are lost."""
FILES = st.sampled_from(
    [
        {"inline_data": {"mime_type": "image/png", "data": "a-_"}},
        {"fileData": {"fileUri": "gs://b/a.png"}},
        {"executableCode": {"code": "1"}},
    ]
)
RESPONSES = st.sampled_from(list[Json]([{"output": "x"}, {"error": "x"}, {"result": ["x"]}, {"a": 1}]))
TURNS = st.lists(
    st.tuples(st.lists(TEXTS | FILES, max_size=3), st.lists(TEXTS | THOUGHTS | FILES, max_size=3)), max_size=3
)


@st.composite
def histories(draw: st.DrawFn) -> list[Json]:
    """Turns that alternate, with calls of which each has its result; ids on both sides, on one, or on none."""
    calls_told, results_told = draw(st.booleans()), draw(st.booleans())
    contents: list[Json] = []
    for number, (said, answered) in enumerate(draw(TURNS)):
        calls: list[Json] = []
        results: list[Json] = []
        for index, name in enumerate(draw(st.lists(st.sampled_from(["f", "g"]), max_size=3))):
            call: dict[str, Json] = {"name": name, "args": {"n": 1}}
            result: dict[str, Json] = {"name": name, "response": draw(RESPONSES)}
            call |= {"id": f"c{number}_{index}"} if calls_told else {}
            result |= {"id": f"c{number}_{index}"} if results_told else {}
            calls.append({"functionCall": call, **draw(SIGNATURES)})
            results.append({"functionResponse": result})
        contents.append({"role": "user", "parts": said})
        contents.append({"role": "model", "parts": [*answered, *calls]})
        contents.append({"role": "user", "parts": draw(st.permutations(results))})
    return contents


@given(histories(), st.sampled_from(["gemini-3-pro", "gemini-2.5-pro"]))
def test_what_was_written_once_is_written_again_the_same(contents: list[Json], model: str) -> None:
    target = Target(model)
    first = encode_request(decode_request({"model": "m", "contents": contents}, Losses()), target, Losses())
    body = jsontext.loads(jsontext.dumps(first))
    assert isinstance(body, dict)
    again = encode_request(decode_request({"model": "m", **body}, Losses()), target, Losses())
    assert jsontext.loads(jsontext.dumps(again)) == body
