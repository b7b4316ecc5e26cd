"""A client's request, read into the neutral conversation.

Source of shapes: the official SDK (openai 3.54, `types/chat/completion_create_params.py`), and for fields that it does
not know the documentation of OpenRouter, DeepSeek, Google's OpenAI endpoint and LiteLLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Output, Request, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat import decode_reasoning
from cliproxy.formats.openai_chat.decode_messages import decode_messages
from cliproxy.formats.openai_chat.decode_parts import NAME, mark_of
from cliproxy.formats.openai_chat.decode_tools import decode_tool_choice, decode_tools
from cliproxy.formats.openai_chat.fields import Place, as_json, wrong
from cliproxy.formats.wire import Document

_READ: Final = decode_reasoning.READ | {
    "model",
    "messages",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "web_search_options",
    "parallel_tool_calls",
    "max_completion_tokens",
    "max_tokens",
    "stop",
    "n",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "verbosity",
    "stream",
    "stream_options",
    "extra_body",
    "user",
    "safety_identifier",
    "metadata",
    "service_tier",
    "prompt_cache_key",
    "store",
    "cache_control",
}
"""Top-level fields with a place in the neutral request; all others are carried as they stand."""

MAX_CHOICES: Final = 128
"""OpenAI's own limit of `n`."""


def decode_request(document: Document, losses: Losses) -> Request:
    """Raises `BadRequest` with the path of what cannot be understood."""
    place = Place(document)
    model = place.required_text("model")
    if "messages" not in document:
        raise BadRequest("messages: Field required.")
    system, messages = decode_messages(place, losses)
    metadata = place.json_object("metadata") or {}
    limit = place.integer("max_completion_tokens", least=1)
    older_limit = place.integer("max_tokens", least=1)
    return Request(
        format=NAME,
        model=model,
        messages=messages,
        system=system,
        tools=decode_tools(place),
        tool_choice=decode_tool_choice(place),
        parallel_tool_calls=place.flag("parallel_tool_calls"),
        max_tokens=older_limit if limit is None else limit,
        stop=place.texts("stop"),
        choices=choices_of(place),
        sampling=sampling_of(place, place.flag("logprobs"), place.integer("top_logprobs", least=0)),
        reasoning=decode_reasoning.decode_reasoning(place),
        output=_output(place),
        verbosity=place.text("verbosity"),
        stream=document.get("stream") is True,
        usage_in_stream=wants_usage(place),
        user=_user(place, metadata, losses),
        metadata=metadata,
        service_tier=place.text("service_tier"),
        cache_key=place.text("prompt_cache_key") or "",
        cache=mark_of(place),
        store=place.flag("store"),
        extras=_extras(place),
    )


def sampling_of(place: Place, logprobs: bool | None, top_logprobs: int | None) -> Sampling:
    """How tokens are drawn. Chat and the older completions differ in how they ask for log probabilities."""
    return Sampling(
        temperature=place.number("temperature"),
        top_p=place.number("top_p"),
        top_k=place.integer("top_k"),
        seed=place.integer("seed"),
        presence_penalty=place.number("presence_penalty"),
        frequency_penalty=place.number("frequency_penalty"),
        logit_bias=place.json_object("logit_bias"),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
    )


def choices_of(place: Place) -> int:
    """How many answers are wanted."""
    choices = place.integer("n", least=1)
    if choices is not None and choices > MAX_CHOICES:
        raise wrong(place.at("n"), f"An integer of at most {MAX_CHOICES}")
    return choices or 1


def wants_usage(place: Place) -> bool:
    """Whether a stream is to tell usage."""
    options = place.inner("stream_options")
    return options is not None and options.flag("include_usage") is True


def _output(place: Place) -> Output:
    wanted = place.inner("response_format")
    if wanted is None:
        return Output()
    kind = wanted.required_text("type")
    if kind == "text":
        return Output()
    if kind == "json_object":
        return Output("json")
    if kind != "json_schema":
        raise wrong(wanted.at("type"), "One of text, json_object, json_schema")
    schema = wanted.required_inner("json_schema")
    return Output(
        "schema",
        schema.json_object("schema"),
        schema.text("name") or "",
        schema.text("description") or "",
        schema.flag("strict"),
    )


def _user(place: Place, metadata: JsonObject, losses: Losses) -> str:
    """`safety_identifier` is the newer name of `user`; LiteLLM's users write Anthropic's."""
    user, identifier = place.text("user"), place.text("safety_identifier")
    if user and identifier and user != identifier:
        losses.drop("user", "safety_identifier stands in its place")
    named = metadata.get("user_id")
    return identifier or user or (named if isinstance(named, str) else "")


def _extras(place: Place) -> dict[str, Json]:
    extras = {key: as_json(value) for key, value in place.fields.items() if key not in _READ and value is not None}
    options = _without(place.json_object("stream_options"), "include_usage")
    if options:
        extras["stream_options"] = options
    body = place.json_object("extra_body")
    google = body.get("google") if body else None
    if isinstance(google, Mapping):
        rest = _without(google, "thinking_config")
        body = {**_without(body, "google"), **({"google": rest} if rest else {})}
    if body:
        extras["extra_body"] = dict(body)
    return extras


def _without(fields: JsonObject | None, key: str) -> dict[str, Json]:
    return {name: value for name, value in (fields or {}).items() if name != key}
