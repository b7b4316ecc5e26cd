"""The conversation, as this wire writes it.

A call's results must stand directly behind the message that holds the calls, one message each, and nothing between
them. So whatever else the user or the operator says behind them waits until the assistant speaks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    Json,
    Media,
    Part,
    Plain,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.formats.codec import Dialect
from cliproxy.formats.openai_chat.decode_parts import NAME
from cliproxy.formats.openai_chat.encode_parts import media_parts, plain_or_parts, text_part, user_parts, what
from cliproxy.formats.openai_chat.thinking import BETWEEN

Written = dict[str, Json]


def encode_messages(request: Request, dialect: Dialect, losses: Losses) -> list[Written]:
    """All of them, the operator's words first."""
    return _Writing(dialect, losses).all(request)


def extra_content(signature: str) -> Json:
    """Where Google's OpenAI endpoint puts a thought signature."""
    return {"google": {"thought_signature": signature}}


def call_entry(call: ToolCall, arguments: str) -> Written:
    """One entry of `tool_calls`."""
    name = f"{call.namespace}__{call.name}" if call.namespace else call.name
    if call.custom:
        entry: Written = {"id": call.id, "type": "custom", "custom": {"name": name, "input": arguments}}
    else:
        entry = {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if call.blob is not None:
        entry["extra_content"] = extra_content(call.blob.value)
    return entry


def whole_call(call: ToolCall) -> Written:
    """One that is complete: a function's arguments are an object, even if there are none."""
    return call_entry(call, call.arguments if call.custom or call.arguments.strip() else EMPTY_ARGUMENTS)


class _Writing:
    """State: what is written, and what waits for the end of a row of results."""

    def __init__(self, dialect: Dialect, losses: Losses) -> None:
        self._dialect = dialect
        self._losses = losses
        self._operator = "developer" if dialect.developer_role else "system"
        self._written: list[Written] = []
        self._waiting: list[Written] = []
        self._after_calls = False

    def all(self, request: Request) -> list[Written]:
        """The messages of a request."""
        system = [text_part(text.text) for text in request.system if text.text]
        if system:
            self._written.append({"role": self._operator, "content": plain_or_parts(system)})
        for message in request.messages:
            _WRITERS[message.role](self, message)
        self._flush()
        return self._written or [{"role": "user", "content": ""}]

    def _flush(self) -> None:
        self._written += self._waiting
        self._waiting.clear()

    def operator(self, message: Message) -> None:
        """Of rank above the user's."""
        self._say(self._operator, message, user_parts(message.parts, self._losses))

    def user(self, message: Message) -> None:
        """Results, and what the user says behind them."""
        said: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
            else:
                said.append(part)
        if said or not message.parts:
            self._say("user", message, user_parts(said, self._losses))

    def assistant(self, message: Message) -> None:
        """One message; the order of words and calls among each other has no place in it."""
        self._flush()
        self._after_calls = any(isinstance(part, ToolCall) for part in message.parts)
        texts: list[str] = []
        refusals: list[str] = []
        thinking: list[Thinking] = []
        calls: list[Json] = []
        own: Written = {}
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part.text)
                self._note_text(part, own, behind_calls=bool(calls))
            elif isinstance(part, Refusal):
                refusals.append(part.text)
            elif isinstance(part, Thinking):
                thinking.append(part)
            elif isinstance(part, ToolCall):
                calls.append(whole_call(part))
            elif isinstance(part, VendorPart) and part.format == NAME and "type" not in part.value:
                own |= part.value
            else:
                self._losses.drop(what(part), "has no place in a message of the assistant's here")
        text = "".join(texts)
        written: Written = {"role": "assistant", "content": text or (None if calls or refusals or own else "")}
        if message.name:
            written["name"] = message.name
        if refusals:
            written["refusal"] = "".join(refusals)
        self._think(thinking, written, has_calls=bool(calls))
        if calls:
            written["tool_calls"] = calls
        written |= own
        if len(written) > 2 or written["content"]:
            self._written.append(written)

    def _say(self, role: str, message: Message, parts: list[Written]) -> None:
        if message.parts and not parts:
            return
        written: Written = {"role": role, "content": plain_or_parts(parts)}
        if message.name:
            written["name"] = message.name
        self._waiting.append(written)

    def _note_text(self, part: Text, own: Written, *, behind_calls: bool) -> None:
        if behind_calls and part.text:
            self._losses.emulate("messages", "what the assistant said behind its calls is told before them")
        if part.citations:
            self._losses.drop("citations", "earlier ones cannot be told")
        if part.blob is not None:
            own["extra_content"] = extra_content(part.blob.value)

    def _think(self, thinking: list[Thinking], written: Written, *, has_calls: bool) -> None:
        """Text where the upstream wants it back, and blobs, which only their maker's own address gets this far."""
        replays = self._dialect.replays_reasoning
        text = BETWEEN.join(stretch.text for stretch in thinking if stretch.text)
        if replays and (text or has_calls):
            written["reasoning_content"] = text
        details: list[Json] = [
            _detail(stretch, stretch.blob.value) for stretch in thinking if stretch.blob and stretch.blob.value
        ]
        if details:
            written["reasoning_details"] = details
        if not all((replays and stretch.text) or (stretch.blob and stretch.blob.value) for stretch in thinking):
            self._losses.drop("thinking", "this upstream takes none back")

    def _result(self, result: ToolResult) -> None:
        """A message of a tool's. What it cannot hold follows in one of the user's."""
        if not self._after_calls:
            self._flush()  # no call to stand behind: it stays where it is
        texts: list[Written] = []
        behind: list[Written] = []
        for part in result.content:
            if isinstance(part, Text):
                texts.append(text_part(part.text))
            elif isinstance(part, VendorPart):
                if part.format == NAME:
                    texts.append(dict(part.value))
                else:
                    self._losses.drop(what(part), "has no place in a tool's result here")
            elif self._may_stand(part):
                texts += media_parts(part, self._losses)
            else:
                behind += media_parts(part, self._losses)
        content = self._tool_content(texts, result, has_more=bool(behind))
        self._written.append({"role": "tool", "tool_call_id": result.call_id, "content": content})
        if behind:
            self._losses.emulate("images in tool results", "they follow in a message of the user's")
            label = text_part(f"[Returned by tool call {result.call_id}:]")
            self._waiting.append({"role": "user", "content": [label, *behind]})

    def _may_stand(self, media: Media) -> bool:
        return isinstance(media.source, Plain) or (media.kind == "image" and self._dialect.tool_images)

    def _tool_content(self, parts: list[Written], result: ToolResult, *, has_more: bool) -> Json:
        """A string unless there are images: servers that take no list here are many."""
        if has_more:
            parts = [*parts, text_part("[More of this result follows in the next message of the user's.]")]
        if result.is_error:
            self._losses.emulate("is_error", 'the text begins with "Error: "')
            head = parts[0].get("text") if parts else ""
            rest = parts[1:] if isinstance(head, str) else parts
            parts = [text_part(f"Error: {head}" if isinstance(head, str) else "Error: "), *rest]
        if all(part.get("type") == "text" for part in parts):
            return "\n".join(str(part["text"]) for part in parts)
        return list(parts)


def _detail(stretch: Thinking, value: str) -> Written:
    """As OpenRouter told it: a signature beside a text, or else encrypted as a whole."""
    if stretch.text:
        return {"type": "reasoning.text", "text": stretch.text, "signature": value}
    return {"type": "reasoning.encrypted", "data": value, **({"redacted": True} if stretch.redacted else {})}


_WRITERS: Final[Mapping[Role, Callable[[_Writing, Message], None]]] = {
    Role.SYSTEM: _Writing.operator,
    Role.DEVELOPER: _Writing.operator,
    Role.USER: _Writing.user,
    Role.ASSISTANT: _Writing.assistant,
}
