"""The `input` of a request: a flat list of items, read into turns.

What the model did stands in one message of the assistant's, in its order; the results of neighbouring calls in one of
the user's. Words of the operator's before everything else are the system prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Json,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role, Tool
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.decode_parts import read_content, read_output
from cliproxy.formats.openai_responses.decode_tools import read_tools
from cliproxy.formats.openai_responses.hosted import IMAGE_CALL, SEARCH_CALL, read_hosted
from cliproxy.formats.openai_responses.words import BETWEEN_SUMMARIES, CALLS, NAME, OUTPUTS, on_the_users_side

_ROLES: Final[Mapping[str, Role]] = MappingProxyType({role.value: role for role in Role})
_OPERATORS: Final = (Role.SYSTEM, Role.DEVELOPER)
_CALL_FIELDS: Final = frozenset({"type", "id", "status", "call_id", "name", "namespace", "arguments", "input"})


@attrs.frozen
class History:
    """What `input` holds."""

    system: tuple[Text, ...]
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    """Declared on the way, by `additional_tools`."""


def read_input(value: Json, losses: Losses) -> History:
    """A string or a list of items. Raises `BadRequest` with the path of what cannot be understood."""
    if isinstance(value, str):
        return History((), (Message(Role.USER, (Text(value),)),), ())
    reader = _Reader(losses)
    for number, item in enumerate(fields.sequence(value, "input")):
        path = f"input.{number}"
        reader.read(fields.mapping(item, path), path)
    return reader.history()


class _Reader:
    """State: the turns so far, and the one to which the next item may belong."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._system: list[Text] = []
        self._messages: list[Message] = []
        self._tools: list[Tool] = []
        self._turn: Role | None = None
        self._parts: list[Part] = []
        self._readers: Mapping[str, Callable[[dict[str, Json], str], None]] = (
            {
                "message": self._message,
                "reasoning": self._reasoning,
                "additional_tools": self._additional_tools,
                SEARCH_CALL: self._whole,
                IMAGE_CALL: self._whole,
            }
            | dict.fromkeys(CALLS, self._call)
            | dict.fromkeys(OUTPUTS, self._result)
        )

    def history(self) -> History:
        self._end_turn()
        return History(tuple(self._system), tuple(self._messages), tuple(self._tools))

    def read(self, item: dict[str, Json], path: str) -> None:
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item else "item_reference" if "id" in item else None
        kind = fields.text(kind, f"{path}.type")
        read = self._readers.get(kind)
        if read is not None:
            read(item, path)
        else:
            self._add(Role.USER if on_the_users_side(kind) else Role.ASSISTANT, VendorPart(NAME, item))

    def _add(self, role: Role, *parts: Part) -> None:
        if self._turn is not role:
            self._end_turn()
            self._turn = role
        self._parts += parts

    def _end_turn(self) -> None:
        if self._turn is not None and self._parts:
            self._messages.append(Message(self._turn, tuple(self._parts)))
        self._turn = None
        self._parts = []

    def _message(self, item: dict[str, Json], path: str) -> None:
        word = item.get("role")
        role = _ROLES.get(word) if isinstance(word, str) else None
        if role is None:
            raise BadRequest(f"{path}.role: One of {', '.join(_ROLES)} was expected.")
        if "content" not in item:
            raise BadRequest(f"{path}.content: Field required.")
        parts = read_content(item["content"], f"{path}.content", self._losses)
        if not parts:
            return
        if role is Role.ASSISTANT:
            self._add(role, *parts)
            return
        self._end_turn()
        texts = [part for part in parts if isinstance(part, Text)]
        if role in _OPERATORS and not self._messages and len(texts) == len(parts):
            self._system += texts
        else:
            self._messages.append(Message(role, parts))

    def _reasoning(self, item: dict[str, Json], path: str) -> None:
        summary = _texts(item.get("summary"), f"{path}.summary") or _texts(item.get("content"), f"{path}.content")
        blob = fields.optional_text(item.get("encrypted_content"), f"{path}.encrypted_content")
        if summary or blob:
            self._add(Role.ASSISTANT, Thinking(BETWEEN_SUMMARIES.join(summary), Blob(blob) if blob else None))
        else:
            self._losses.drop(path, "reasoning of which only the id was given")

    def _call(self, item: dict[str, Json], path: str) -> None:
        kind = str(item["type"])
        for name, value in item.items():
            if name not in _CALL_FIELDS and value is not None:
                self._losses.drop(f"{path}.{name}", "not known")
        self._add(
            Role.ASSISTANT,
            ToolCall(
                fields.text(item.get("call_id"), f"{path}.call_id"),
                fields.text(item.get("name"), f"{path}.name"),
                _arguments(item.get(CALLS[kind])),
                custom=kind == "custom_tool_call",
                namespace=fields.optional_text(item.get("namespace"), f"{path}.namespace"),
            ),
        )

    def _result(self, item: dict[str, Json], path: str) -> None:
        result = ToolResult(
            fields.optional_text(item.get("call_id"), f"{path}.call_id"),
            read_output(item.get("output"), f"{path}.output", self._losses),
            name=fields.optional_text(item.get("name"), f"{path}.name"),
            custom=OUTPUTS[str(item["type"])],
        )
        if not result.call_id and not result.name:
            raise BadRequest(f"{path}.call_id: A string was expected.")
        self._add(Role.USER, result)

    def _whole(self, item: dict[str, Json], path: str) -> None:
        self._add(Role.ASSISTANT, *read_hosted(item))

    def _additional_tools(self, item: dict[str, Json], path: str) -> None:
        self._tools += read_tools(item.get("tools"), f"{path}.tools", self._losses)


def _texts(value: Json, path: str) -> list[str]:
    parts = [fields.mapping(part, f"{path}.{number}") for number, part in enumerate(fields.sequence(value, path))]
    return [text for part in parts if isinstance(text := part.get("text"), str) and text]


def _arguments(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else jsontext.text_of(value)
