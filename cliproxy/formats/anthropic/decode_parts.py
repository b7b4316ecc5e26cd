"""Content blocks of a request's messages, read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Json,
    JsonObject,
    Media,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.formats import jsontext
from cliproxy.formats.anthropic.caching import read_mark
from cliproxy.formats.anthropic.fields import (
    NAME,
    as_list,
    as_object,
    as_text,
    maybe_flag,
    maybe_list,
    maybe_text,
    note_unread,
    wrong,
)
from cliproxy.formats.anthropic.media import read_document, read_image
from cliproxy.formats.anthropic.server_tools import (
    CALLS,
    arguments_of,
    is_result,
    read_call,
    read_citation,
    read_result,
)

_TEXT_FIELDS: Final = frozenset({"type", "text", "citations", "cache_control"})
_THINKING_FIELDS: Final = frozenset({"type", "thinking", "signature"})
_REDACTED_FIELDS: Final = frozenset({"type", "data"})
_CALL_FIELDS: Final = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_RESULT_FIELDS: Final = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_DIRECT: Final[Json] = {"type": "direct"}
"""The caller of a tool that the model calls itself: nothing worth saying."""


def read_content(value: Json, path: str, losses: Losses) -> tuple[Part, ...]:
    """`content` of a message: a string or a list of blocks."""
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise wrong(path, "A string or a list of blocks")
    return tuple(read_block(block, f"{path}.{i}", losses) for i, block in enumerate(value))


def read_block(value: Json, path: str, losses: Losses) -> Part:
    """One block; of a kind that is not known, as it stood."""
    block = as_object(value, path)
    kind = as_text(block.get("type"), f"{path}.type")
    read = _READERS.get(kind)
    if read is not None:
        return read(block, path, losses)
    if kind in CALLS:
        call = attrs.evolve(read_call(block), arguments=arguments_of(block.get("input")))
        return attrs.evolve(call, raw=VendorPart(NAME, block))
    return read_result(block) if is_result(kind) else VendorPart(NAME, block)


def read_text(block: JsonObject, path: str, losses: Losses) -> Text:
    """A `text` block."""
    note_unread(block, _TEXT_FIELDS, path, losses)
    citations = (read_citation(item) for item in maybe_list(block.get("citations"), f"{path}.citations"))
    return Text(
        as_text(block.get("text"), f"{path}.text"),
        read_mark(block.get("cache_control"), f"{path}.cache_control", losses),
        tuple(citation for citation in citations if citation is not None),
    )


def _read_thinking(block: JsonObject, path: str, losses: Losses) -> Thinking:
    note_unread(block, _THINKING_FIELDS, path, losses)
    signature = maybe_text(block.get("signature"), f"{path}.signature")
    return Thinking(maybe_text(block.get("thinking"), f"{path}.thinking"), Blob(signature) if signature else None)


def _read_redacted(block: JsonObject, path: str, losses: Losses) -> Thinking:
    note_unread(block, _REDACTED_FIELDS, path, losses)
    data = maybe_text(block.get("data"), f"{path}.data")
    return Thinking("", Blob(data) if data else None, redacted=True)


def _read_call(block: JsonObject, path: str, losses: Losses) -> ToolCall:
    note_unread(block, _CALL_FIELDS, path, losses)
    caller = block.get("caller")
    if caller is not None and caller != _DIRECT:
        losses.drop(f"{path}.caller", "Only Anthropic lets code call tools.")
    return ToolCall(
        id=as_text(block.get("id"), f"{path}.id"),
        name=as_text(block.get("name"), f"{path}.name"),
        arguments=arguments_of(block.get("input")),
        cache=read_mark(block.get("cache_control"), f"{path}.cache_control", losses),
    )


def _read_result(block: JsonObject, path: str, losses: Losses) -> ToolResult:
    note_unread(block, _RESULT_FIELDS, path, losses)
    return ToolResult(
        call_id=as_text(block.get("tool_use_id"), f"{path}.tool_use_id"),
        content=_read_given(block.get("content"), f"{path}.content", losses),
        is_error=bool(maybe_flag(block.get("is_error"), f"{path}.is_error")),
        cache=read_mark(block.get("cache_control"), f"{path}.cache_control", losses),
    )


def _read_given(value: Json, path: str, losses: Losses) -> tuple[Text | Media | VendorPart, ...]:
    """What a tool gave. Some clients send an object, which the model is to see as its JSON text."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),)
    if isinstance(value, dict):
        return (Text(jsontext.text_of(value)),)
    return tuple(_read_given_block(item, f"{path}.{i}", losses) for i, item in enumerate(as_list(value, path)))


def _read_given_block(value: Json, path: str, losses: Losses) -> Text | Media | VendorPart:
    block = as_object(value, path)
    kind = as_text(block.get("type"), f"{path}.type")
    if kind == "text":
        return read_text(block, path, losses)
    if kind == "image":
        return read_image(block, path, losses)
    return read_document(block, path, losses) if kind == "document" else VendorPart(NAME, block)


_READERS: Final[Mapping[str, Callable[[JsonObject, str, Losses], Part]]] = MappingProxyType(
    {
        "text": read_text,
        "image": read_image,
        "document": read_document,
        "thinking": _read_thinking,
        "redacted_thinking": _read_redacted,
        "tool_use": _read_call,
        "tool_result": _read_result,
    }
)
