"""A request in the neutral conversation, written for an upstream that speaks Anthropic's format."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Request, Sampling
from cliproxy.formats.anthropic.caching import limit_marks, originate_marks, write_mark
from cliproxy.formats.anthropic.fields import NAME
from cliproxy.formats.anthropic.media import Block
from cliproxy.formats.anthropic.reasoning import write_wanted
from cliproxy.formats.anthropic.tools import write_choice, write_tools
from cliproxy.formats.anthropic.turns import awaits_thoughtless, hoisted, write_turns
from cliproxy.formats.codec import Limits, Target

LIMITS: Final = Limits(
    name_pattern=r"^[a-zA-Z0-9_-]+$",
    name_length=64,
    id_pattern=r"^[a-zA-Z0-9_-]+$",
    id_length=64,
    custom_tools=False,
    namespaces=False,
    stops=100,
    choices=False,
    system_anywhere=True,
    json_mode=False,
    answers_all_calls=True,
    blank_stops=False,
)

DEFAULT_MAX_TOKENS: Final = 32_000
"""The wire demands a number; every model of the last years writes as much."""
LEAST_TOP_P_WHILE_THINKING: Final = 0.95
_TIERS: Final[Mapping[str, str]] = MappingProxyType({"auto": "auto", "default": "standard_only"})
_INDISPENSABLE: Final = frozenset({"model", "max_tokens", "messages"})


def encode_request(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """The body of `POST /v1/messages`."""
    count = hoisted(request.messages)
    turns = write_turns(request.messages, losses, first=count)
    max_tokens = _max_tokens(request, target, losses)
    body: dict[str, Json] = {"model": target.model, "max_tokens": max_tokens}
    system = _system(request, count, losses)
    if system:
        body["system"] = [*system]
    body["messages"] = [*turns]
    tools = write_tools(request, losses)
    if tools:
        body["tools"] = [*tools]
    choice = write_choice(request, tools, losses)
    if choice is not None:
        body["tool_choice"] = choice
    body.update(write_wanted(request, max_tokens, awaits_thoughtless(turns), losses))
    body.update(_sampling(request.sampling, _thinks(body), losses))
    _add_scalars(body, request, losses)
    _note_what_has_no_place(request, losses)
    if request.format == NAME:
        _add_extras(body, request)
    else:
        originate_marks(body)
    limit_marks(body, losses)
    _leave_out_refused(body, target, losses)
    return body


def _max_tokens(request: Request, target: Target, losses: Losses) -> int:
    most = target.max_output_tokens
    if request.max_tokens is None:
        return most or DEFAULT_MAX_TOKENS
    if most is not None and request.max_tokens > most:
        losses.emulate("max_tokens", f"The model writes at most {most}.")
        return most
    return request.max_tokens


def _system(request: Request, hoisted_messages: int, losses: Losses) -> list[Block]:
    """The operator's words before everything else, those of the first messages behind the others."""
    blocks = [_system_block(text) for text in request.system if text.text.strip()]
    for number, message in enumerate(request.messages[:hoisted_messages]):
        for place, part in enumerate(message.parts):
            if not isinstance(part, Text):
                losses.drop(f"messages.{number}.content.{place}", "The system prompt takes nothing but text.")
            elif part.text.strip():
                blocks.append(_system_block(part))
    return blocks


def _system_block(part: Text) -> Block:
    block: Block = {"type": "text", "text": part.text}
    if part.cache is not None:
        block["cache_control"] = write_mark(part.cache)
    return block


def _thinks(body: Mapping[str, Json]) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _sampling(wish: Sampling, thinks: bool, losses: Losses) -> dict[str, Json]:
    _note_sampling(wish, losses)
    if thinks:
        wish = _while_thinking(wish, losses)
    made: dict[str, Json] = {}
    if wish.temperature is not None:
        made["temperature"] = min(max(wish.temperature, 0.0), 1.0)
        if made["temperature"] != wish.temperature:
            losses.emulate("temperature", "It lies between 0 and 1 here; the nearest one is taken.")
    if wish.top_p is not None:
        if made:
            losses.drop("top_p", "It cannot stand beside temperature.")
        else:
            made["top_p"] = wish.top_p
    if wish.top_k is not None:
        made["top_k"] = wish.top_k
    return made


def _while_thinking(wish: Sampling, losses: Losses) -> Sampling:
    if wish.temperature is not None and wish.temperature != 1:
        losses.drop("temperature", "While the model thinks it can be nothing but 1.")
        wish = attrs.evolve(wish, temperature=None)
    if wish.top_p is not None and wish.top_p < LEAST_TOP_P_WHILE_THINKING:
        losses.drop("top_p", f"While the model thinks it must be at least {LEAST_TOP_P_WHILE_THINKING}.")
        wish = attrs.evolve(wish, top_p=None)
    if wish.top_k is not None:
        losses.drop("top_k", "It cannot be chosen while the model thinks.")
        wish = attrs.evolve(wish, top_k=None)
    return wish


def _note_sampling(wish: Sampling, losses: Losses) -> None:
    for field, said in (
        ("seed", wish.seed is not None),
        ("presence_penalty", bool(wish.presence_penalty)),
        ("frequency_penalty", bool(wish.frequency_penalty)),
        ("logit_bias", bool(wish.logit_bias)),
        ("logprobs", bool(wish.logprobs or wish.top_logprobs)),
    ):
        if said:
            losses.drop(field, "Anthropic has no such parameter.")


def _add_scalars(body: dict[str, Json], request: Request, losses: Losses) -> None:
    stops = [stop for stop in request.stop if stop.strip()]
    if len(stops) < len(request.stop):
        losses.drop("stop_sequences", "One of nothing but white space is refused.")
    if stops:
        body["stop_sequences"] = [*stops]
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.cache is not None:
        body["cache_control"] = write_mark(request.cache)
    if request.stream:
        body["stream"] = True
    tier = request.service_tier
    if tier is None:
        return
    if tier in _TIERS:
        body["service_tier"] = _TIERS[tier]
    elif request.format == NAME and tier == "priority":
        body["speed"] = "fast"
    else:
        losses.drop("service_tier", f"Anthropic has no tier {tier!r} that every account may ask for.")


def _note_what_has_no_place(request: Request, losses: Losses) -> None:
    if request.choices > 1:
        losses.drop("n", "Anthropic gives one answer.")
    if request.verbosity is not None:
        losses.drop("verbosity", "Anthropic has no such parameter.")
    if any(key != "user_id" or name != request.user for key, name in request.metadata.items()):
        losses.drop("metadata", "Anthropic takes no labels.")
    if request.store:
        losses.drop("store", "Anthropic keeps no answers.")
    if request.cache_key:
        losses.emulate("prompt_cache_key", "Anthropic finds what is cached by the prompt itself, up to its marks.")


def _add_extras(body: dict[str, Json], request: Request) -> None:
    """What only this format knows. `thinking` and `output_config` have been put together already."""
    for key, value in request.extras.items():
        if key in ("thinking", "output_config"):
            continue
        written = body.get(key)
        if isinstance(value, dict) and isinstance(written, dict):
            body[key] = {**value, **written}
        else:
            body.setdefault(key, value)


def _leave_out_refused(body: dict[str, Json], target: Target, losses: Losses) -> None:
    for field in sorted(target.dialect.refuses - _INDISPENSABLE):
        if body.pop(field, None) is not None:
            losses.drop(field, "This upstream refuses it.")
