"""A conversation, written as a request of this wire. Model and streaming stand in the URL, not in the body."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Media, Text, ToolCall, ToolResult
from cliproxy.conversation.request import Function, Request
from cliproxy.formats.codec import Limits, Target
from cliproxy.formats.gemini.encode_contents import encode_contents, encode_system
from cliproxy.formats.gemini.encode_tools import encode_choice, encode_tools
from cliproxy.formats.gemini.fields import merged
from cliproxy.formats.gemini.schema import clean
from cliproxy.formats.gemini.words import FORMAT, LEVELS, TIERS, generation

LIMITS: Final = Limits(
    name_pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]*$",
    name_length=64,
    id_pattern=r"^[\x21-\x7e]+$",
    id_length=128,
    custom_tools=False,
    namespaces=False,
    stops=5,
    choices=True,
    system_anywhere=False,
    json_mode=True,
    answers_all_calls=True,
)

_SAMPLING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
    }
)
_CACHES_ITSELF: Final = "Google caches prompts by itself."
_LEVELS_SINCE: Final = 3
"""From this major version on Gemini thinks by levels rather than budgets."""


def encode_request(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """The body for `…/models/{model}:generateContent`."""
    body: dict[str, Json] = {}
    system = encode_system(request.system)
    if system is not None:
        body["systemInstruction"] = system
    tools = encode_tools(request, target, losses)
    if tools:
        body["tools"] = tools
    choice = encode_choice(request, losses)
    if choice is not None:
        body["toolConfig"] = choice
    body["contents"] = encode_contents(request, target, losses)
    config = _generation_config(request, target, losses)
    if config:
        body["generationConfig"] = config
    _add_envelope(body, request, losses)
    _note_lost(request, losses)
    if request.format == FORMAT:
        body = merged(body, request.extras)
    for name in sorted(target.dialect.refuses & body.keys()):
        del body[name]
        losses.drop(name, "This upstream refuses it.")
    return body


def _generation_config(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    config: dict[str, Json] = {}
    for name, wire in _SAMPLING.items():
        value: Json = getattr(request.sampling, name)
        if value is not None:
            config[wire] = value
    if "logprobs" in config and "responseLogprobs" not in config:  # one is refused without the other
        if config["logprobs"]:
            config["responseLogprobs"] = True
        else:
            del config["logprobs"]
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if request.stop:
        config["stopSequences"] = list[Json](request.stop)
    if request.choices > 1:
        config["candidateCount"] = request.choices
    config |= _output(request, target, losses)
    thinking = _thinking(request, target, losses)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _output(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    output = request.output
    if output.kind == "text":
        return {}
    config: dict[str, Json] = {"responseMimeType": "application/json"}
    if output.kind == "schema" and output.schema is not None:
        if target.dialect.json_schema:
            config["responseJsonSchema"] = dict(output.schema)
        else:
            config["responseSchema"] = clean(output.schema)
            losses.emulate("output.schema", "What the wire's own schemas cannot say is told in descriptions.")
    if output.description:
        losses.drop("output.description", "The shape of the answer bears no description.")
    return config


def _thinking(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """Never a level and a budget: where both are asked for, the one that the model was made for."""
    reasoning = request.reasoning
    config: dict[str, Json] = {}
    if reasoning.show is not None:
        config["includeThoughts"] = reasoning.show
    if reasoning.detail in ("concise", "detailed"):
        losses.drop("reasoning.summary", "Thoughts are shown at one length.")
    by_level = (generation(target.model) or 0) >= _LEVELS_SINCE
    if reasoning.mode == "off":
        config["thinkingBudget"] = 0
    elif reasoning.effort is not None and (by_level or reasoning.budget is None):
        if reasoning.effort not in LEVELS:
            losses.emulate("reasoning.effort", f"The highest level stands for {reasoning.effort}.")
        config["thinkingLevel"] = LEVELS.get(reasoning.effort, "XHIGH")
    elif reasoning.budget is not None:
        config["thinkingBudget"] = reasoning.budget
    elif reasoning.mode == "auto" or (reasoning.mode == "on" and not by_level):
        config["thinkingBudget"] = -1
    return config


def _add_envelope(body: dict[str, Json], request: Request, losses: Losses) -> None:
    """What stands beside the conversation."""
    labels: dict[str, Json] = {key: value for key, value in request.metadata.items() if isinstance(value, str)}
    for key in (key for key in request.metadata if key not in labels):
        losses.drop(f"metadata.{key}", "Labels are text.")
    if labels:
        body["labels"] = labels
    if request.service_tier is not None:
        tier = TIERS.get(request.service_tier)
        if tier is not None:
            body["serviceTier"] = tier
        elif request.format == FORMAT:
            body["serviceTier"] = request.service_tier
        else:
            losses.drop("service_tier", f"There is no tier {request.service_tier!r}.")
    if request.store is not None:
        body["store"] = request.store


def _note_lost(request: Request, losses: Losses) -> None:
    if request.sampling.logit_bias:
        losses.drop("logit_bias", "Tokens cannot be weighted.")
    if request.verbosity is not None:
        losses.drop("verbosity", "The length of the answer cannot be chosen.")
    if request.user:
        losses.drop("user", "End users are not told to another vendor.")
    if request.cache_key:
        losses.emulate("prompt_cache_key", _CACHES_ITSELF)
    if _is_marked(request):
        losses.emulate("cache_control", _CACHES_ITSELF)


def _is_marked(request: Request) -> bool:
    """Whether anything asks to be cached."""
    if request.cache is not None or any(text.cache is not None for text in request.system):
        return True
    if any(isinstance(tool, Function) and tool.cache is not None for tool in request.tools):
        return True
    parts = (part for message in request.messages for part in message.parts)
    return any(isinstance(part, _MARKABLE) and part.cache is not None for part in parts)


_MARKABLE: Final = (Text, Media, ToolCall, ToolResult)
