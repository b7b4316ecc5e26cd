"""A request of this wire, read into the conversation.

The model and whether the answer is streamed stand in the URL: whoever reads that adds them as `model` and `stream`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Effort, Output, Reasoning, Request, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.decode_contents import decode_contents, decode_system
from cliproxy.formats.gemini.decode_tools import decode_choice, decode_tools
from cliproxy.formats.gemini.fields import (
    a_flag,
    a_number,
    a_text,
    an_integer,
    an_object,
    field,
    rest,
    texts,
)
from cliproxy.formats.gemini.openapi import read_schema
from cliproxy.formats.gemini.words import FORMAT, LEVELS, TIERS
from cliproxy.formats.wire import Document

_KNOWN: Final = (
    "model",
    "stream",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "labels",
    "serviceTier",
    "store",
)
_GENERATION: Final = (
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "thinkingConfig",
)
_THINKING: Final = ("includeThoughts", "thinkingBudget", "thinkingLevel")
_JSON: Final = "application/json"

_EFFORTS: Final[Mapping[str, Effort]] = MappingProxyType({level: effort for effort, level in LEVELS.items()})
_TIERS: Final[Mapping[str, str]] = MappingProxyType({theirs: ours for ours, theirs in TIERS.items()})
_MAX_CANDIDATES: Final = 64
"""Google's own limit is 8."""


def decode_request(document: Document, losses: Losses) -> Request:
    """Raises `BadRequest` with the path of what cannot be understood. Token counters may wrap the request."""
    wrapped = field(document, "generateContentRequest")
    if isinstance(wrapped, Mapping):
        outer = {key: document[key] for key in ("model", "stream") if key in document}
        return decode_request({**wrapped, **outer}, losses)
    path = "generationConfig"
    config = an_object(field(document, path), path)
    output, left = _output(config)
    thinking = an_object(field(config, "thinkingConfig"), f"{path}.thinkingConfig")
    odd_thinking = rest(thinking, _THINKING)
    left |= {"thinkingConfig": odd_thinking} if odd_thinking else {}
    choice, left_of_choice = decode_choice(field(document, "toolConfig"))
    extras = rest(document, _KNOWN)
    extras |= {path: left} if left else {}
    extras |= {"toolConfig": left_of_choice} if left_of_choice else {}
    return Request(
        format=FORMAT,
        model=a_text(document.get("model"), "model"),
        messages=decode_contents(document.get("contents"), losses),
        system=decode_system(field(document, "systemInstruction")),
        tools=decode_tools(document.get("tools")),
        tool_choice=choice,
        max_tokens=an_integer(field(config, "maxOutputTokens"), f"{path}.maxOutputTokens"),
        stop=texts(field(config, "stopSequences"), f"{path}.stopSequences"),
        choices=_choices(field(config, "candidateCount")),
        sampling=_sampling(config),
        reasoning=_reasoning(thinking),
        output=output,
        stream=document.get("stream") is True,
        metadata=cast(JsonObject, an_object(document.get("labels"), "labels")),
        service_tier=_tier(a_text(field(document, "serviceTier"), "serviceTier")),
        store=a_flag(document.get("store"), "store"),
        extras=extras,
    )


def _choices(value: object) -> int:
    count = an_integer(value, "generationConfig.candidateCount") or 1
    if not 1 <= count <= _MAX_CANDIDATES:
        raise BadRequest(f"generationConfig.candidateCount: A number from 1 to {_MAX_CANDIDATES} was expected.")
    return count


def _tier(word: str) -> str | None:
    return _TIERS.get(word.lower(), word.lower()) if word else None


def _sampling(config: Document) -> Sampling:
    def number(name: str) -> float | None:
        return a_number(field(config, name), f"generationConfig.{name}")

    def integer(name: str) -> int | None:
        return an_integer(field(config, name), f"generationConfig.{name}")

    return Sampling(
        temperature=number("temperature"),
        top_p=number("topP"),
        top_k=integer("topK"),
        seed=integer("seed"),
        presence_penalty=number("presencePenalty"),
        frequency_penalty=number("frequencyPenalty"),
        logprobs=a_flag(field(config, "responseLogprobs"), "generationConfig.responseLogprobs"),
        top_logprobs=integer("logprobs"),
    )


def _reasoning(thinking: Document) -> Reasoning:
    path = "generationConfig.thinkingConfig"
    reasoning = Reasoning(show=a_flag(field(thinking, "includeThoughts"), f"{path}.includeThoughts"))
    level = a_text(field(thinking, "thinkingLevel"), f"{path}.thinkingLevel").upper()
    if level and level != "THINKING_LEVEL_UNSPECIFIED":
        if level not in _EFFORTS:
            raise BadRequest(f"{path}.thinkingLevel: One of {', '.join(_EFFORTS)} was expected.")
        reasoning = attrs.evolve(reasoning, mode="on", effort=_EFFORTS[level])
    budget = an_integer(field(thinking, "thinkingBudget"), f"{path}.thinkingBudget")
    if budget is None:
        return reasoning
    if budget < -1:
        raise BadRequest(f"{path}.thinkingBudget: A number from -1 was expected.")
    if budget == 0:
        return attrs.evolve(reasoning, mode="off", effort=None)
    if budget == -1:
        return attrs.evolve(reasoning, mode="auto")
    return attrs.evolve(reasoning, mode="on", budget=budget)


def _output(config: Document) -> tuple[Output, dict[str, Json]]:
    """The shape of the answer, and everything else that has no place in the conversation."""
    path = "generationConfig"
    left = rest(config, _GENERATION)
    mime = a_text(field(config, "responseMimeType"), f"{path}.responseMimeType")
    schema = an_object(field(config, "responseSchema"), f"{path}.responseSchema")
    exact = an_object(field(config, "responseJsonSchema"), f"{path}.responseJsonSchema")
    if mime.lower() not in ("", "text/plain", _JSON):
        left["responseMimeType"] = mime
        left |= {"responseSchema": cast(Json, schema)} if schema else {}
        left |= {"responseJsonSchema": cast(Json, exact)} if exact else {}
        return Output(), left
    if exact:
        return Output("schema", cast(JsonObject, exact)), left
    if schema:
        return Output("schema", read_schema(cast(JsonObject, schema), f"{path}.responseSchema")), left
    return Output("json" if mime.lower() == _JSON else "text"), left
