"""A request to an upstream that speaks this format."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cliproxy.conversation.efforts import effort_for
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Output, Request, Sampling
from cliproxy.formats.codec import Dialect, Limits, Target
from cliproxy.formats.openai_chat.decode_parts import NAME
from cliproxy.formats.openai_chat.encode_messages import encode_messages
from cliproxy.formats.openai_chat.encode_tools import encode_tools

LIMITS: Final = Limits(
    name_pattern=r"^[a-zA-Z0-9_-]+$",
    name_length=64,
    id_pattern=r"^[\x21-\x7e]+$",
    id_length=40,
    custom_tools=True,
    namespaces=False,
    stops=4,
    choices=True,
    system_anywhere=True,
    json_mode=True,
    answers_all_calls=True,
)
"""Those of every compatible server; free-form tools are a matter of the dialect."""

MAX_USER_CHARACTERS: Final = 64
"""OpenAI's limit for the name of an end user; longer ones are told by their hash, which is as stable."""


def encode_request(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """The body. Its fields stand in a fixed order, and equal requests give equal bodies."""
    dialect = target.dialect
    body: dict[str, Json] = {"model": target.model}
    messages: list[Json] = [*encode_messages(request, dialect, losses)]
    body["messages"] = messages
    body |= encode_tools(request, dialect, losses)
    body |= _limits(request, dialect, losses)
    body |= _sampling(request.sampling, request.format == NAME, losses)
    body |= _reasoning(request, dialect, losses)
    body |= _output(request.output)
    body |= _about(request, losses)
    _note_marks(request, losses)
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.format == NAME:
        _merge_extras(request, body)
    _leave_out(body, dialect, losses)
    return body


def _limits(request: Request, dialect: Dialect, losses: Losses) -> dict[str, Json]:
    body: dict[str, Json] = {}
    if request.max_tokens is not None:
        body[dialect.max_tokens_key] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop[: LIMITS.stops])
    if len(request.stop) > LIMITS.stops:
        losses.drop("stop", f"more than {LIMITS.stops} stop sequences")
    if request.choices != 1:
        body["n"] = request.choices
    return body


def _sampling(sampling: Sampling, own: bool, losses: Losses) -> dict[str, Json]:
    body: dict[str, Json] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": None if sampling.logit_bias is None else dict(sampling.logit_bias),
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
    }
    if sampling.top_k is not None:
        if own:
            body["top_k"] = sampling.top_k
        else:
            losses.drop("top_k", "no field of the format")
    if sampling.logprobs is None and sampling.top_logprobs is not None:  # one is refused without the other
        body |= {"logprobs": True} if sampling.top_logprobs else {"top_logprobs": None}
    return {key: value for key, value in body.items() if value is not None}


def _reasoning(request: Request, dialect: Dialect, losses: Losses) -> dict[str, Json]:
    reasoning = request.reasoning
    if reasoning.mode == "off":
        return {"reasoning_effort": "none"}
    if reasoning.show is False:
        losses.drop("thinking visibility", "thinking cannot be hidden here")
    if reasoning.detail in ("concise", "detailed"):
        losses.drop("reasoning.summary", "how closely thinking is summed up cannot be chosen here")
    effort = reasoning.effort
    if effort is None and reasoning.budget:
        effort = effort_for(reasoning.budget)
        losses.emulate("thinking budget", f"told as the effort {effort}")
    elif effort is None and reasoning.mode == "on":
        effort = "medium"  # what servers take where they are told no effort
    if effort is None:
        return {}
    if request.tools and not dialect.reasoning_with_tools:
        losses.drop("reasoning_effort", "this upstream refuses it beside tools")
        return {}
    return {"reasoning_effort": effort}


def _output(output: Output) -> dict[str, Json]:
    if output.kind == "text":
        return {}
    if output.kind == "json" or output.schema is None:
        return {"response_format": {"type": "json_object"}}
    schema: dict[str, Json] = {"name": output.name or "answer"}
    if output.description:
        schema["description"] = output.description
    schema["schema"] = dict(output.schema)
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _about(request: Request, losses: Losses) -> dict[str, Json]:
    """What is said about the request, not to the model."""
    user = request.user
    if len(user) > MAX_USER_CHARACTERS:
        user = sha256(user.encode(errors="surrogatepass")).hexdigest()
        losses.emulate("user", "told by its hash, for its length")
    body: dict[str, Json] = {
        "verbosity": request.verbosity,
        "user": user or None,
        "metadata": dict(request.metadata) or None,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.cache_key or None,
        "store": request.store,
    }
    return {key: value for key, value in body.items() if value is not None}


def _note_marks(request: Request, losses: Losses) -> None:
    """Cache marks are Anthropic's: here prompts are cached without them."""
    marked = (*request.system, *request.tools, *(part for message in request.messages for part in message.parts))
    if request.cache is not None or any(getattr(carrier, "cache", None) is not None for carrier in marked):
        losses.emulate("cache_control", "servers of this format cache prompts by themselves")


def _merge_extras(request: Request, body: dict[str, Json]) -> None:
    for key, value in request.extras.items():
        if key != "stream_options":
            body.setdefault(key, value)
        elif request.stream and isinstance(value, dict):
            body[key] = {**value, "include_usage": True}


def _leave_out(body: dict[str, Json], dialect: Dialect, losses: Losses) -> None:
    for key in sorted(dialect.refuses & body.keys()):
        del body[key]
        if key != "stream_options":  # ours, not the client's
            losses.drop(key, "this upstream refuses the field")
