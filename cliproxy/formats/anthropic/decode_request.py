"""A request of Anthropic's, read into the neutral conversation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject, Text
from cliproxy.conversation.request import Message, Request, Role, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.caching import read_mark
from cliproxy.formats.anthropic.decode_parts import read_content, read_text
from cliproxy.formats.anthropic.fields import (
    NAME,
    as_list,
    as_object,
    as_text,
    maybe_count,
    maybe_number,
    maybe_object,
    maybe_text,
    texts,
)
from cliproxy.formats.anthropic.reasoning import read_wanted
from cliproxy.formats.anthropic.tools import read_choice, read_tools
from cliproxy.formats.wire import Document

_ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
)
_TIERS: Final = MappingProxyType({"standard_only": "default"})
"""In OpenAI's words; other ones are the same."""
_BILLING: Final = "x-anthropic-billing-header:"
"""How a line begins that Claude Code puts first, for Anthropic's own accounts. It is another one in each request, so
that no other vendor would ever find the prompt in its cache; to the model it says nothing.
"""
_PLACED: Final = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "stop_sequences",
        "metadata",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "service_tier",
        "speed",
        "cache_control",
    }
)


def decode_request(document: Document, losses: Losses) -> Request:
    """Raises `BadRequest`. `max_tokens` may be missing: it is so where tokens are counted."""
    try:
        return _read(cast(JsonObject, document), losses)
    except ValueError:
        raise BadRequest("The request body is nested too deeply.") from None


def _read(body: JsonObject, losses: Losses) -> Request:
    wanted = read_wanted(body)
    choice, parallel = read_choice(body.get("tool_choice"), losses)
    metadata = maybe_object(body.get("metadata"), "metadata")
    tier, of_tier = _read_tier(body)
    extras: dict[str, Json] = {key: value for key, value in body.items() if key not in _PLACED and value is not None}
    extras.update(wanted.extras)
    extras.update(of_tier)
    labels: dict[str, Json] = {key: value for key, value in metadata.items() if key != "user_id" and value is not None}
    if labels:
        extras["metadata"] = labels
    return Request(
        format=NAME,
        model=as_text(body.get("model"), "model"),
        messages=_read_messages(body.get("messages"), losses),
        system=_read_system(body.get("system"), losses),
        tools=read_tools(body.get("tools"), losses),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=maybe_count(body.get("max_tokens"), "max_tokens"),
        stop=texts(body.get("stop_sequences"), "stop_sequences"),
        sampling=Sampling(
            temperature=maybe_number(body.get("temperature"), "temperature"),
            top_p=maybe_number(body.get("top_p"), "top_p"),
            top_k=maybe_count(body.get("top_k"), "top_k"),
        ),
        reasoning=wanted.reasoning,
        output=wanted.output,
        stream=body.get("stream") is True,
        user=maybe_text(metadata.get("user_id"), "metadata.user_id"),
        service_tier=tier,
        cache=read_mark(body.get("cache_control"), "cache_control", losses),
        extras=extras,
    )


def _read_tier(body: JsonObject) -> tuple[str | None, dict[str, Json]]:
    """The tier, for which the fast speed counts too, and what then stays over."""
    said = maybe_text(body.get("service_tier"), "service_tier")
    speed = maybe_text(body.get("speed"), "speed")
    if speed == "fast":
        return "priority", {"service_tier": said} if said not in ("", "auto") else {}
    over: dict[str, Json] = {"speed": speed} if speed not in ("", "standard") else {}
    return _TIERS.get(said, said) or None, over


def _read_system(value: Json, losses: Losses) -> tuple[Text, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),) if value and not _is_for_billing(value, "system", losses) else ()
    texts = [_read_system_text(block, f"system.{i}", losses) for i, block in enumerate(as_list(value, "system"))]
    return tuple(text for i, text in enumerate(texts) if not _is_for_billing(text.text, f"system.{i}", losses))


def _is_for_billing(text: str, path: str, losses: Losses) -> bool:
    """Whether a text is that line and nothing else. It is named, but no loss: nobody else is to have it."""
    if not text.startswith(_BILLING) or "\n" in text.strip():
        return False
    losses.emulate(path, "a line for Anthropic's accounts is told to Anthropic alone")
    return True


def _read_system_text(value: Json, path: str, losses: Losses) -> Text:
    block = as_object(value, path)
    if block.get("type") != "text":
        raise BadRequest(f"{path}.type: text was expected.")
    return read_text(block, path, losses)


def _read_messages(value: Json, losses: Losses) -> tuple[Message, ...]:
    messages = as_list(value, "messages")
    return tuple(_read_message(message, f"messages.{i}", losses) for i, message in enumerate(messages))


def _read_message(value: Json, path: str, losses: Losses) -> Message:
    message = as_object(value, path)
    role = _ROLES.get(as_text(message.get("role"), f"{path}.role"))
    if role is None:
        raise BadRequest(f"{path}.role: One of user, assistant, system was expected.")
    return Message(role, read_content(message.get("content"), f"{path}.content", losses))
