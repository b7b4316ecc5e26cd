"""The messages of a request, written: turns that alternate, results of tools first, nothing empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
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
from cliproxy.formats import jsontext
from cliproxy.formats.anthropic.caching import write_mark
from cliproxy.formats.anthropic.fields import NAME
from cliproxy.formats.anthropic.media import Block, write_media
from cliproxy.formats.anthropic.server_tools import ID_STARTS, own_block

ROLES: Final[Mapping[Role, str]] = MappingProxyType(
    {Role.USER: "user", Role.ASSISTANT: "assistant", Role.SYSTEM: "system", Role.DEVELOPER: "system"}
)
FIRST_WORD: Final = "Begin."
"""Of a user who has said nothing: there must be a turn of the user's at the beginning, and it may not be empty."""
_SILENT_ERROR: Final = "The tool failed and said nothing."
"""An error must say something."""

_THINKING_KINDS: Final = frozenset({"thinking", "redacted_thinking"})


def write_turns(messages: Sequence[Message], losses: Losses, first: int = 0) -> list[Block]:
    """`messages`, from number `first` on. Neighbours of one role are joined, and the first turn is the user's."""
    turns = _Turns(_unreplayable(messages), losses)
    for number in range(first, len(messages)):
        turns.add(messages[number], f"messages.{number}")
    return turns.finished()


def hoisted(messages: Sequence[Message]) -> int:
    """How many messages of the operator's stand before everything else: they belong to the system prompt."""
    return next(
        (n for n, message in enumerate(messages) if ROLES[message.role] != "system"),
        len(messages),
    )


def awaits_thoughtless(turns: Sequence[Block]) -> bool:
    """Whether the last turn gives results to a turn of the assistant's that does not begin with thinking."""
    spoken = [turn for turn in turns if turn["role"] != "system"]
    if len(spoken) < 2 or spoken[-2]["role"] != "assistant":
        return False
    called, given = _content(spoken[-2]), _content(spoken[-1])
    return given[0].get("type") == "tool_result" and called[0].get("type") not in _THINKING_KINDS


def _content(turn: Block) -> list[Block]:
    content = turn["content"]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _unreplayable(messages: Sequence[Message]) -> frozenset[str]:
    """Ids of searches that another vendor ran for a reply in this format: they lack the blobs that Anthropic wants."""
    return frozenset(
        part.call_id
        for message in messages
        for part in message.parts
        if isinstance(part, ServerResult) and part.hits and not all(hit.blob for hit in part.hits)
    )


class _Turns:
    """State: the turns so far."""

    def __init__(self, unreplayable: frozenset[str], losses: Losses) -> None:
        self._unreplayable = unreplayable
        self._losses = losses
        self._turns: list[tuple[str, list[Block]]] = []
        self._writers: Mapping[type[Part], Callable[..., Block | None]] = {
            Text: self._text,
            Refusal: self._refusal,
            Media: self._media,
            Thinking: self._thinking,
            ToolCall: self._call,
            ToolResult: self._result,
            ServerCall: self._server_call,
            ServerResult: self._server_result,
            VendorPart: self._vendor,
        }

    def add(self, message: Message, path: str) -> None:
        """A message that says nothing leaves its neighbours to be joined."""
        if message.name:
            self._losses.drop(f"{path}.name", "Anthropic's turns bear no names.")
        blocks = [
            block
            for number, part in enumerate(message.parts)
            if (block := self._block(part, f"{path}.content.{number}")) is not None
        ]
        role = ROLES[message.role]
        if role == "system":
            blocks = self._texts_only(blocks, path)
        if not blocks:
            return
        if self._turns and self._turns[-1][0] == role:
            self._turns[-1][1].extend(blocks)
        else:
            self._turns.append((role, blocks))

    def _texts_only(self, blocks: list[Block], path: str) -> list[Block]:
        texts = [block for block in blocks if block.get("type") == "text"]
        if len(texts) < len(blocks):
            self._losses.drop(path, "The operator's turns take nothing but text.")
        return texts

    def finished(self) -> list[Block]:
        """As the wire wants them."""
        self._strip_last_words()
        if not self._turns or self._turns[0][0] != "user":
            self._losses.emulate("messages", f"A conversation begins with the user: {FIRST_WORD!r} is put before it.")
            self._turns.insert(0, ("user", [{"type": "text", "text": FIRST_WORD}]))
        for role, blocks in self._turns:
            if role == "user":
                blocks.sort(key=_is_no_result)
        return [{"role": role, "content": [*blocks]} for role, blocks in self._turns]

    def _strip_last_words(self) -> None:
        """What the assistant is to go on from must not end in white space."""
        if not self._turns or self._turns[-1][0] != "assistant":
            return
        last = self._turns[-1][1][-1]
        text = last.get("text")
        if last.get("type") == "text" and isinstance(text, str):
            last["text"] = text.rstrip()

    def _block(self, part: Part, path: str) -> Block | None:
        return self._writers[type(part)](part, path)

    def _text(self, part: Text, path: str) -> Block | None:
        if part.citations:
            self._losses.drop(f"{path}.citations", "What Anthropic cited cannot be told to it again without its index.")
        if part.blob is not None:
            self._losses.drop(f"{path}.signature", "Anthropic's texts are not signed.")
        return _text_block(part)

    def _refusal(self, part: Refusal, path: str) -> Block | None:
        return _text_block(Text(part.text))

    def _media(self, part: Media, path: str) -> Block:
        return write_media(part, path, self._losses)

    def _thinking(self, part: Thinking, path: str) -> Block | None:
        if part.blob is None:
            self._losses.drop(f"{path}.thinking", "Anthropic takes back only thinking that it signed.")
            return None
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.blob.value}
        return {"type": "thinking", "thinking": part.text, "signature": part.blob.value}

    def _call(self, part: ToolCall, path: str) -> Block:
        if part.blob is not None:
            self._losses.drop(f"{path}.signature", "Anthropic's calls are not signed.")
        arguments = jsontext.object_of(part.arguments)
        made: Block = {
            "type": "tool_use",
            "id": part.id,
            "name": part.name,
            "input": {"_raw": part.arguments} if arguments is None else dict(arguments),
        }
        if part.cache is not None:
            made["cache_control"] = write_mark(part.cache)
        return made

    def _result(self, part: ToolResult, path: str) -> Block:
        content = [
            block
            for number, given in enumerate(part.content)
            if (block := self._block(given, f"{path}.content.{number}")) is not None
        ]
        made: Block = {"type": "tool_result", "tool_use_id": part.call_id}
        if part.is_error:
            if all(block.get("type") == "text" for block in content):
                made["is_error"] = True
                content = content or [{"type": "text", "text": _SILENT_ERROR}]
            else:
                self._losses.drop(f"{path}.is_error", "An error of a tool's may hold nothing but text.")
        if content:
            made["content"] = [*content]
        if part.cache is not None:
            made["cache_control"] = write_mark(part.cache)
        return made

    def _server_call(self, part: ServerCall, path: str) -> Block | None:
        return self._own(own_block(part.raw), part.id, path)

    def _server_result(self, part: ServerResult, path: str) -> Block | None:
        return self._own(own_block(part.raw), part.call_id, path)

    def _own(self, block: Block | None, call_id: str, path: str) -> Block | None:
        if block is None or not call_id.startswith(ID_STARTS) or call_id in self._unreplayable:
            self._losses.drop(path, "Anthropic takes back only what its own server tools gave.")
            return None
        return block

    def _vendor(self, part: VendorPart, path: str) -> Block | None:
        if part.format != NAME:
            self._losses.drop(path, f"Only the format {part.format} has such parts.")
            return None
        return dict(part.value)


def _text_block(part: Text) -> Block | None:
    """Texts of nothing but white space are refused."""
    if not part.text or part.text.isspace():
        return None
    made: Block = {"type": "text", "text": part.text}
    if part.cache is not None:
        made["cache_control"] = write_mark(part.cache)
    return made


def _is_no_result(block: Block) -> bool:
    return block.get("type") != "tool_result"
