"""A request of this wire, read into the neutral conversation."""

from __future__ import annotations

from typing import Final, cast

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Request
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.decode_items import read_input
from cliproxy.formats.openai_responses.decode_settings import (
    read_extras,
    read_output_shape,
    read_reasoning,
    read_sampling,
)
from cliproxy.formats.openai_responses.decode_tools import read_tool_choice, read_tools, without_duplicates
from cliproxy.formats.openai_responses.words import NAME
from cliproxy.formats.wire import Document


def decode_request(document: Document, losses: Losses) -> Request:
    """Raises `BadRequest` with the path of what cannot be understood.

    `previous_response_id`, `conversation`, `prompt` and `background` go to the extras: they speak of what only the
    vendor keeps, and nothing here can resolve them.
    """
    body = cast(dict[str, Json], document)
    history = read_input(body.get("input"), losses)
    instructions = fields.optional_text(body.get("instructions"), "instructions")
    tools = without_duplicates((*read_tools(body.get("tools"), "tools", losses), *history.tools), losses)
    return Request(
        format=NAME,
        model=fields.text(body.get("model"), "model"),
        messages=history.messages,
        system=((Text(instructions),) if instructions else ()) + history.system,
        tools=tools,
        tool_choice=read_tool_choice(body.get("tool_choice"), tools, losses),
        parallel_tool_calls=fields.flag(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        max_tokens=fields.integer(body.get("max_output_tokens"), "max_output_tokens"),
        sampling=read_sampling(body),
        reasoning=read_reasoning(body),
        output=read_output_shape(body),
        verbosity=_verbosity(body),
        stream=fields.flag(body.get("stream"), "stream") is True,
        user=_user(body),
        metadata=fields.optional_mapping(body.get("metadata"), "metadata"),
        service_tier=fields.optional_text(body.get("service_tier"), "service_tier") or None,
        cache_key=fields.optional_text(body.get("prompt_cache_key"), "prompt_cache_key"),
        store=fields.flag(body.get("store"), "store"),
        extras=read_extras(body),
    )


_WORDS_FOR_USER: Final = ("safety_identifier", "user")


def _user(body: dict[str, Json]) -> str:
    told = (fields.optional_text(body.get(word), word) for word in _WORDS_FOR_USER)
    return next((user for user in told if user), "")


def _verbosity(body: dict[str, Json]) -> str | None:
    text = fields.optional_mapping(body.get("text"), "text")
    return fields.optional_text(text.get("verbosity"), "text.verbosity") or None
