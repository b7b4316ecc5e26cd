"""Turns as the flat list of items that is this wire's `input`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    Inline,
    Json,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role
from cliproxy.formats.openai_responses.encode_parts import PartWriter
from cliproxy.formats.openai_responses.words import NAME, on_the_users_side

_ROLES: Final[Mapping[Role, str]] = MappingProxyType(
    {Role.USER: "user", Role.ASSISTANT: "assistant", Role.SYSTEM: "developer", Role.DEVELOPER: "developer"}
)
_REASONING: Final = "reasoning"


def write_input(system: Sequence[Text], messages: Sequence[Message], writer: PartWriter) -> list[Json]:
    """All items: first what the operator says that does not stand in `instructions`."""
    items = _Items(writer, _free_form_calls(messages))
    for text in system:
        items.message("developer", writer.given((text,)))
    for message in messages:
        items.add(message)
    return _without_loose_reasoning(items.written, writer.losses)


def _free_form_calls(messages: Sequence[Message]) -> frozenset[str]:
    """Ids of calls of tools that take free text: their results are items of another kind."""
    return frozenset(
        part.id for message in messages for part in message.parts if isinstance(part, ToolCall) and part.custom
    )


def _without_loose_reasoning(items: list[dict[str, Json]], losses: Losses) -> list[Json]:
    """The servers refuse a reasoning item behind which nothing stands that came of it."""
    kept: list[Json] = []
    followed = False
    for item in reversed(items):
        if item.get("type") == _REASONING:
            if not followed:
                losses.drop("thinking", "nothing follows that came of it")
                continue
        else:
            followed = _is_the_models(item)
        kept.append(item)
    kept.reverse()
    return kept


def _is_the_models(item: dict[str, Json]) -> bool:
    kind = item.get("type")
    if kind == "message":
        return item.get("role") == "assistant"
    return not isinstance(kind, str) or not on_the_users_side(kind)


@attrs.define
class _Items:
    """State: the items so far, and the message that is being gathered."""

    writer: PartWriter
    free_form: frozenset[str]
    written: list[dict[str, Json]] = attrs.field(factory=list)
    gathered: list[Part] = attrs.field(factory=list)

    def add(self, message: Message) -> None:
        if message.name:
            self.writer.losses.drop("name", "OpenAI Responses knows no names of participants")
        role = _ROLES[message.role]
        for part in message.parts:
            write = _WRITERS.get(type(part))
            if write is None or (message.role is not Role.ASSISTANT and isinstance(part, Media)):
                self.gathered.append(part)
            elif isinstance(part, VendorPart) and not _is_item(part):
                self._vendor_content(part, message.role)
            else:
                before = len(self.written)
                write(self, part)
                own = self.written[before:]
                if own:  # what cannot be written parts no message
                    del self.written[before:]
                    self._flush(role)
                    self.written += own
        self._flush(role)

    def _vendor_content(self, part: VendorPart, role: Role) -> None:
        if part.format == NAME and role is not Role.ASSISTANT:
            self.gathered.append(part)
        else:
            self.writer.losses.drop("content", "a part that only another vendor knows")

    def _flush(self, role: str) -> None:
        if role == "assistant":
            content: list[Json] = [
                self.writer.said(part)
                for part in self.gathered
                if (isinstance(part, Text) and part.text) or isinstance(part, Refusal)
            ]
        else:
            content = self.writer.given(self.gathered)
        self.gathered.clear()
        self.message(role, content)

    def message(self, role: str, content: Sequence[Json]) -> None:
        if content:
            self.written.append({"type": "message", "role": role, "content": list(content)})

    def thinking(self, part: Thinking) -> None:
        if part.blob is None or not part.blob.value:
            self.writer.losses.drop("thinking", "only reasoning that OpenAI itself encrypted can be given back")
            return
        summary: list[Json] = [{"type": "summary_text", "text": part.text}] if part.text else []
        self.written.append({"type": _REASONING, "summary": summary, "encrypted_content": part.blob.value})

    def call(self, part: ToolCall) -> None:
        item: dict[str, Json]
        if part.custom:
            item = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
        else:
            arguments = part.arguments or EMPTY_ARGUMENTS
            item = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}
        if part.namespace:
            item["namespace"] = part.namespace
        self.written.append(item)

    def result(self, part: ToolResult) -> None:
        custom = part.custom or part.call_id in self.free_form
        item: dict[str, Json] = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        if part.call_id:
            item["call_id"] = part.call_id
        else:
            item["name"] = part.name
        item["output"] = self.writer.result(part)
        self.written.append(item)

    def image(self, part: Media) -> None:
        if part.kind != "image" or not isinstance(part.source, Inline):
            self.writer.losses.drop(part.kind, "the assistant can have said text and drawn images only")
            return
        digest = hashlib.sha256(part.source.data.encode()).hexdigest()
        item: dict[str, Json] = {
            "type": "image_generation_call",
            "id": f"ig_{digest[:_ID_DIGITS]}",
            "status": "completed",
            "result": part.source.data,
        }
        form = part.source.media_type.partition("/")[2]
        if form not in ("", "png"):
            item["output_format"] = form
        self.written.append(item)

    def hosted(self, part: ServerCall) -> None:
        if part.raw is not None and part.raw.format == NAME:
            self.written.append(dict(part.raw.value))
        else:
            self.writer.losses.drop("server tools", "what another vendor's tool gave cannot be given back to OpenAI")

    def hosted_result(self, part: ServerResult) -> None:
        """It stands in the item of its call, or is lost with it."""

    def vendor(self, part: VendorPart) -> None:
        self.written.append(dict(part.value))


_ID_DIGITS: Final = 32

_WRITERS: Final[Mapping[type[Part], Callable[..., None]]] = MappingProxyType(
    {
        Thinking: _Items.thinking,
        ToolCall: _Items.call,
        ToolResult: _Items.result,
        Media: _Items.image,
        ServerCall: _Items.hosted,
        ServerResult: _Items.hosted_result,
        VendorPart: _Items.vendor,
    }
)
"""Parts that are items of their own; all others gather in messages."""


def _is_item(part: VendorPart) -> bool:
    """Whether a part of this wire stood in `input` itself, and not inside of a message."""
    kind = part.value.get("type")
    return part.format == NAME and not (isinstance(kind, str) and kind.startswith(("input_", "output_", "computer_s")))
