"""A neutral request as the body of this wire, for an upstream that keeps nothing: each request tells everything."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from cliproxy.conversation.efforts import effort_for
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Message, Output, Reasoning, Request, Role, Sampling
from cliproxy.formats.codec import Dialect, Limits, Target
from cliproxy.formats.openai_responses.encode_items import write_input
from cliproxy.formats.openai_responses.encode_parts import PartWriter
from cliproxy.formats.openai_responses.encode_tools import write_tool_choice, write_tools
from cliproxy.formats.openai_responses.words import ENCRYPTED_REASONING, LOGPROBS, NAME

LIMITS: Final = Limits(
    name_pattern=r"^[a-zA-Z0-9_-]+$",
    name_length=64,
    id_pattern=r"^[\x21-\x7e]+$",
    id_length=64,
    custom_tools=True,
    namespaces=True,
    stops=0,
    choices=False,
    system_anywhere=True,
    json_mode=True,
    answers_all_calls=True,
)
MIN_OUTPUT_TOKENS: Final = 16
"""The servers refuse less."""
MAX_USER_CHARACTERS: Final = 128
MAX_CACHE_KEY_CHARACTERS: Final = 64


def encode_request(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """The request has been fitted to `LIMITS`. What the wire cannot say is noted."""
    own = request.format == NAME
    dialect = target.dialect
    body: dict[str, Json] = {"model": target.model}
    _write_conversation(body, request, dialect, losses)
    _write_tools(body, request, own, losses)
    _write_sampling(body, request.sampling, losses)
    _write_answer(body, request, losses)
    _write_account(body, request, losses)
    _write_storage(body, request, dialect, losses)
    if own:
        _merge(body, request.extras)
    _note_unknown(request, losses)
    _leave_out_refused(body, dialect, losses)
    return body


def _write_conversation(body: dict[str, Json], request: Request, dialect: Dialect, losses: Losses) -> None:
    own = request.format == NAME
    writer = PartWriter(losses, breakpoints=own and "prompt_cache_breakpoint" not in dialect.refuses)
    system, messages = _led(request, writer) if own else (request.system, request.messages)
    texts = [text for text in system if text.text]
    first = 1 if own else len(texts)  # clients of this wire have words of the operator's in the conversation too
    if texts:
        body["instructions"] = instructions_of(texts[:first])
    if any(text.cache is not None for text in texts[:first]):
        losses.emulate("cache_control", "OpenAI caches prompts by itself")
    body["input"] = write_input(texts[first:], messages, writer)


def _led(request: Request, writer: PartWriter) -> tuple[Sequence[Text], Sequence[Message]]:
    """Words of the operator's stand before everything else where nothing that stood before them can be written."""
    system = list(request.system)
    for number, message in enumerate(request.messages):
        texts = [part for part in message.parts if isinstance(part, Text)]
        if message.role in (Role.SYSTEM, Role.DEVELOPER) and len(texts) == len(message.parts):
            system += texts
        elif write_input((), (message,), writer):
            return system, request.messages[number:]
    return system, ()


def instructions_of(texts: Sequence[Text]) -> str:
    """Several as one: the wire has no list of them."""
    return "\n\n".join(text.text for text in texts)


def _write_tools(body: dict[str, Json], request: Request, own: bool, losses: Losses) -> None:
    if any(getattr(tool, "cache", None) is not None for tool in request.tools):
        losses.emulate("cache_control", "OpenAI caches prompts by itself")
    tools = write_tools(request.tools, own, losses)
    if tools:
        body["tools"] = tools
    if request.tool_choice is not None:
        if tools:
            body["tool_choice"] = write_tool_choice(request.tool_choice, request.tools, losses)
        elif request.tool_choice.mode == "required":
            losses.drop("tool_choice", "there are no tools")
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _write_sampling(body: dict[str, Json], sampling: Sampling, losses: Losses) -> None:
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.top_logprobs is not None and sampling.logprobs is not False:
        body["top_logprobs"] = sampling.top_logprobs
    for name in ("top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias"):
        if getattr(sampling, name) is not None:
            losses.drop(name, "OpenAI Responses has no such field")


def _write_answer(body: dict[str, Json], request: Request, losses: Losses) -> None:
    if request.max_tokens is not None:
        if request.max_tokens < MIN_OUTPUT_TOKENS:
            losses.emulate("max_tokens", f"raised to {MIN_OUTPUT_TOKENS}, the least that OpenAI takes")
        body["max_output_tokens"] = max(MIN_OUTPUT_TOKENS, request.max_tokens)
    reasoning = write_reasoning(request.reasoning, losses)
    if reasoning:
        body["reasoning"] = reasoning
    text = write_text(request.output, request.verbosity)
    if text:
        body["text"] = text
    if request.stream:
        body["stream"] = True


def write_reasoning(reasoning: Reasoning, losses: Losses) -> dict[str, Json]:
    """`reasoning`; empty if nothing is to be said."""
    if reasoning.mode == "off":
        return {"effort": "none"}
    written: dict[str, Json] = {}
    if reasoning.effort is not None:
        written["effort"] = reasoning.effort
    elif reasoning.budget is not None:
        written["effort"] = effort_for(reasoning.budget)
        losses.emulate("thinking budget", f"{reasoning.budget} tokens are the effort {written['effort']}")
    elif reasoning.mode == "on":
        written["effort"] = "medium"  # some models do not think unless they are told how much
    if reasoning.show:
        written["summary"] = reasoning.detail or "auto"
    return written


def write_text(output: Output, verbosity: str | None) -> dict[str, Json]:
    """`text`; empty if nothing is to be said."""
    written: dict[str, Json] = {}
    if output.kind == "json":
        written["format"] = {"type": "json_object"}
    elif output.kind == "schema":
        form: dict[str, Json] = {
            "type": "json_schema",
            "name": output.name or "response",
            "schema": dict(output.schema or {}),
        }
        if output.description:
            form["description"] = output.description
        if output.strict is not None:
            form["strict"] = output.strict
        written["format"] = form
    if verbosity is not None:
        written["verbosity"] = verbosity
    return written


def _write_account(body: dict[str, Json], request: Request, losses: Losses) -> None:
    if request.user:
        body["safety_identifier"] = _shortened(request.user, MAX_USER_CHARACTERS, "user", losses)
    if request.cache_key:
        body["prompt_cache_key"] = _shortened(request.cache_key, MAX_CACHE_KEY_CHARACTERS, "prompt_cache_key", losses)
    if request.metadata:
        body["metadata"] = dict(request.metadata)
    if request.service_tier is not None:
        body["service_tier"] = request.service_tier


def _shortened(name: str, most: int, field: str, losses: Losses) -> str:
    """A name that only has to be the same each time."""
    if len(name) <= most:
        return name
    losses.emulate(field, "it is too long, so its hash stands for it")
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()


def _write_storage(body: dict[str, Json], request: Request, dialect: Dialect, losses: Losses) -> None:
    """Nothing is kept unless the client says so; the reasoning comes back encrypted instead.

    `store` is true where it is absent, so that it is written even where true is refused.
    """
    store = request.store is True and "store" not in dialect.refuses
    if request.store is True and not store:
        losses.drop("store", "the upstream keeps nothing")
    body["store"] = store
    include: list[Json] = [ENCRYPTED_REASONING]
    if request.sampling.logprobs:
        include.append(LOGPROBS)
    body["include"] = include


def _merge(body: dict[str, Json], extras: object) -> None:
    """Give back what only this wire knows; a name such as `reasoning.context` lies inside of another field."""
    if not isinstance(extras, dict):
        return
    for name, value in extras.items():
        outer, dot, inner = name.partition(".")
        if name == "include" and isinstance(value, list):
            body["include"] = [*_list(body.get("include")), *value]
        elif dot and outer in ("reasoning", "text"):
            held = body.get(outer)
            body[outer] = {**(held if isinstance(held, dict) else {}), inner: value}
        else:
            body.setdefault(name, value)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _note_unknown(request: Request, losses: Losses) -> None:
    if request.stop:
        losses.drop("stop", "OpenAI Responses has no stop sequences")
    if request.choices > 1:
        losses.drop("n", "OpenAI Responses gives one answer")
    if request.cache is not None:
        losses.emulate("cache_control", "OpenAI caches prompts by itself")


def _leave_out_refused(body: dict[str, Json], dialect: Dialect, losses: Losses) -> None:
    for name in [name for name in body if name in dialect.refuses and name != "store"]:
        del body[name]
        losses.drop(name, "this upstream refuses it")
