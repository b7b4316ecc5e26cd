"""Requests of this wire."""

from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Message, Output, Reasoning, Request, Role, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.decode_request import decode_request

CONTENTS: Json = [{"role": "user", "parts": [{"text": "hi"}]}]


def decoded(**fields: Json) -> Request:
    return decode_request({"model": "gemini-2.5-pro", "stream": True, "contents": CONTENTS, **fields}, Losses())


def configured(**fields: Json) -> Request:
    return decoded(generationConfig=fields)


def thinking(**fields: Json) -> Reasoning:
    return configured(thinkingConfig=fields).reasoning


def test_model_and_streaming_are_what_the_url_said() -> None:
    assert decoded() == Request("gemini", "gemini-2.5-pro", (Message(Role.USER, (Text("hi"),)),), stream=True)


def test_the_request_within_a_count_is_read() -> None:
    wrapped: Json = {"model": "models/x", "contents": CONTENTS, "system_instruction": {"parts": [{"text": "S"}]}}
    request = decode_request({"model": "m", "stream": False, "generateContentRequest": wrapped}, Losses())
    assert (request.model, request.system) == ("m", (Text("S"),))


def test_every_parameter_of_sampling_is_read() -> None:
    request = configured(
        temperature=1,
        topP=0.95,
        topK=64.0,
        seed="7",
        presence_penalty=0.1,
        frequencyPenalty=0.2,
        responseLogprobs=True,
        logprobs=3,
    )
    assert request.sampling == Sampling(
        temperature=1,
        top_p=0.95,
        top_k=64,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
    )


def test_the_length_the_stops_and_the_choices_are_read() -> None:
    request = decoded(generation_config={"max_output_tokens": 9, "stop_sequences": ["a", "b"], "candidate_count": 2})
    assert (request.max_tokens, request.stop, request.choices) == (9, ("a", "b"), 2)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinkingBudget": 0}, Reasoning("off")),
        ({"thinkingBudget": -1}, Reasoning("auto")),
        ({"thinking_budget": 8192, "include_thoughts": True}, Reasoning("on", budget=8192, show=True)),
        ({"thinkingLevel": "HIGH"}, Reasoning("on", effort="high")),
        ({"thinkingLevel": "xhigh"}, Reasoning("on", effort="xhigh")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Reasoning()),
        ({"includeThoughts": False}, Reasoning(show=False)),
        ({}, Reasoning()),
    ],
)
def test_how_much_to_think_is_read(fields: dict[str, Json], reasoning: Reasoning) -> None:
    assert thinking(**fields) == reasoning


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, Output()),
        ({"responseMimeType": "text/plain"}, Output()),
        ({"responseMimeType": "application/json"}, Output("json")),
        ({"response_mime_type": "application/json", "responseJsonSchema": {"type": "object"}}, Output("schema")),
        ({"responseMimeType": "application/json", "response_schema": {"type": "OBJECT"}}, Output("schema")),
    ],
)
def test_the_shape_of_the_answer_is_read(fields: dict[str, Json], output: Output) -> None:
    read = configured(**fields).output
    assert (read.kind, read.schema) == (output.kind, {"type": "object"} if output.kind == "schema" else None)


def test_labels_are_metadata() -> None:
    assert decoded(labels={"team": "a"}).metadata == {"team": "a"}


@pytest.mark.parametrize(("word", "tier"), [("standard", "default"), ("FLEX", "flex"), ("unspecified", "auto")])
def test_the_service_tier_is_told_in_openais_words(word: str, tier: str) -> None:
    assert decoded(serviceTier=word).service_tier == tier


def test_whether_to_store_is_read() -> None:
    assert decoded(store=False).store is False


def test_what_only_google_knows_is_kept_as_it_stands() -> None:
    request = decoded(
        safety_settings=[{"category": "C"}],
        cachedContent="cachedContents/1",
        generationConfig={"speechConfig": {"a": 1}, "topP": 1, "thinkingConfig": {"new": 2}},
        toolConfig={"retrievalConfig": {}},
    )
    assert request.extras == {
        "safety_settings": [{"category": "C"}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {"speechConfig": {"a": 1}, "thinkingConfig": {"new": 2}},
        "toolConfig": {"retrievalConfig": {}},
    }


def test_the_choice_of_a_word_is_kept_with_its_schema() -> None:
    request = configured(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]})
    assert request.output == Output()
    assert request.extras == {
        "generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}
    }


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"generationConfig": []}, r"generationConfig: An object was expected\."),
        ({"generationConfig": {"topK": "x"}}, r"generationConfig\.topK: An integer was expected\."),
        ({"generationConfig": {"candidateCount": 10**9}}, r"generationConfig\.candidateCount: A number from 1 to"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}}, r"thinkingBudget: A number from -1"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HUGE"}}}, r"thinkingLevel: One of MINIMAL"),
        ({"labels": "x"}, r"labels: An object was expected\."),
        ({"contents": "hi"}, r"contents: A list was expected\."),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_path(fields: dict[str, Json], sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        decoded(**fields)
