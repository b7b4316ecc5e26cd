"""The messages of an Anthropic request: what the user's side says, with the checks that the real service makes."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from cliproxy.demo.anthropic.words import dotted
from cliproxy.demo.fields import Node
from cliproxy.demo.history import Attachment, Kind, Said, base64_size
from cliproxy.demo.seal import digest
from cliproxy.errors import BadRequest

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_SIGNATURE_ROUNDS: Final = 3


def signature_of(thinking: str) -> str:
    """What the demo signs a thinking block with, and knows again when the block comes back."""
    return "Eq" + base64.b64encode(digest(thinking, _SIGNATURE_ROUNDS)).decode()


def read_messages(messages: list[Node]) -> list[Said]:
    """The user's turns. Every tool result must answer a call of the turn before it, and every call have one."""
    reading = _Reading()
    for message in messages:
        role = message.text_at("role")
        if role not in _ROLES:
            raise BadRequest(f"{dotted(message.path)}.role: Input should be 'user', 'assistant' or 'system'")
        _ROLES[role](reading, message, _blocks(message))
    reading.check_answered(len(messages))
    return reading.turns


@attrs.define
class _Reading:
    """State: the turns so far, the calls of the last answer, and the turn of the user's side since."""

    turns: list[Said] = attrs.field(factory=list)
    calls: set[str] = attrs.field(factory=set)
    turn: Said | None = None

    def user(self, message: Node, blocks: list[Node]) -> None:
        if self.turn is None:
            self.turn = Said()
            self.turns.append(self.turn)
        for block in blocks:
            _USER_BLOCKS.get(block.need("type").text(), _no_more)(block, self.turn, self.calls)

    def assistant(self, message: Node, blocks: list[Node]) -> None:
        if self.turn is not None:
            self.check_answered(int(message.path[-1]))
            self.turn, self.calls = None, set()
        for block in blocks:
            kind = block.need("type").text()
            if kind == "tool_use":
                self.calls.add(_call_of(block))
            elif kind in _SIGNED:
                _SIGNED[kind](block)

    def system(self, message: Node, blocks: list[Node]) -> None:
        """The operator's words are no turn of anybody's."""

    def check_answered(self, before: int) -> None:
        """Raises `BadRequest` if the turn that ends before that message leaves calls without results."""
        missing = sorted(self.calls - self.turn.results.keys()) if self.turn is not None else ()
        if missing:
            raise BadRequest(
                f"messages.{before - 1}: `tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(missing)}"
            )


_ROLES: Final[Mapping[str, Callable[[_Reading, Node, list[Node]], None]]] = {
    "user": _Reading.user,
    "assistant": _Reading.assistant,
    "system": _Reading.system,
}


def _blocks(message: Node) -> list[Node]:
    content = message.need("content")
    if isinstance(content.value, str):
        return [Node({"type": "text", "text": content.value}, content.path, content.words)]
    if not isinstance(content.value, list):
        raise content.mistyped("a string or a list of blocks")
    return content.each()


# -- the assistant's blocks ----------------------------------------------------------------------------------------


def _call_of(block: Node) -> str:
    call = block.need("id").text()
    if not _CALL_ID.fullmatch(call):
        raise BadRequest(f"{dotted(block.path)}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    block.need("name").text()
    block.need("input").fields()
    return call


def _check_thinking(block: Node) -> None:
    thinking = block.fields().get("thinking")
    if not isinstance(thinking, str) or block.fields().get("signature") != signature_of(thinking):
        raise BadRequest(f"{dotted(block.path)}: Invalid `signature` in `thinking` block")


def _check_redacted(block: Node) -> None:
    """The demo never redacts, so this is none of its own."""
    raise BadRequest(f"{dotted(block.path)}: Invalid `data` in `redacted_thinking` block")


_SIGNED: Final[Mapping[str, Callable[[Node], None]]] = {
    "thinking": _check_thinking,
    "redacted_thinking": _check_redacted,
}


# -- the user's blocks ---------------------------------------------------------------------------------------------


def _text(block: Node, turn: Said, calls: set[str]) -> None:
    text = block.need("text").text()
    if not text:
        raise BadRequest(f"{dotted(block.path)}: text content blocks must be non-empty")
    turn.texts.append(text)


def _image(block: Node, turn: Said, calls: set[str]) -> None:
    _attach(block, "image", turn)


def _document(block: Node, turn: Said, calls: set[str]) -> None:
    _attach(block, "document", turn)


def _result(block: Node, turn: Said, calls: set[str]) -> None:
    call = block.need("tool_use_id").text()
    if call not in calls:
        raise BadRequest(
            f"{dotted(block.path)}: unexpected `tool_use_id` found in `tool_result` blocks: {call}."
            " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )
    if call in turn.results:
        raise BadRequest(f"{dotted(block.path)}: each tool_use must have a single result. Found multiple for {call}.")
    turn.results[call] = _flat(block.at("content"), turn)


def _no_more(block: Node, turn: Said, calls: set[str]) -> None:
    """Other blocks are taken without a look."""


_USER_BLOCKS: Final[Mapping[str, Callable[[Node, Said, set[str]], None]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_result": _result,
}


def _flat(content: Node | None, turn: Said) -> str:
    """The text of a tool result; a block that is no text is named in brackets."""
    if content is None:
        return ""
    if isinstance(content.value, str):
        return content.value
    parts = []
    for block in content.each():
        kind = block.need("type").text()
        if kind == "text":
            parts.append(block.need("text").text())
            continue
        parts.append(f"[{kind}]")
        if kind in _USER_BLOCKS and kind != "tool_result":
            _USER_BLOCKS[kind](block, turn, set())
    return "\n".join(parts)


def _attach(block: Node, kind: Kind, turn: Said) -> None:
    source = block.need("source")
    form = source.need("type").text()
    size = None
    if form == "base64":
        media_type, data = source.need("media_type").text(), source.need("data").text()
        if kind == "image" and media_type not in IMAGE_TYPES:
            known = ", ".join(f"'{image_type}'" for image_type in IMAGE_TYPES)
            raise BadRequest(f"{dotted(source.path)}.base64.media_type: Input should be one of {known}")
        size = base64_size(data)
        if not size:
            raise BadRequest(f"{dotted(source.path)}.base64: invalid base64 data")
    elif form == "text":
        size = len(source.need("data").text().encode())
    turn.attachments.append(Attachment(kind, size))
