"""Requests and targets for the fitting of one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cliproxy.conversation.events import Delta, Event
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Media, Part, Text, ToolCall, ToolResult
from cliproxy.conversation.reply import Reply, fold, unfold
from cliproxy.conversation.request import Message, Request, Role, Tool
from cliproxy.formats.codec import Limits
from cliproxy.translate.stages import Stage, apply

STRICT: Final = Limits(
    name_pattern=r"^[a-zA-Z0-9_-]+$",
    name_length=64,
    id_pattern=r"^[a-zA-Z0-9_-]+$",
    id_length=64,
    custom_tools=False,
    namespaces=False,
    stops=0,
    choices=False,
    system_anywhere=False,
    json_mode=True,
    answers_all_calls=True,
)
"""Bears as little as any format."""

LENIENT: Final = Limits(
    name_pattern=r"^[a-zA-Z0-9_-]+$",
    name_length=64,
    id_pattern=r"^[\x21-\x7e]+$",
    id_length=64,
    custom_tools=True,
    namespaces=True,
    stops=4,
    choices=True,
    system_anywhere=True,
    json_mode=True,
    answers_all_calls=True,
)
"""Bears nearly everything."""


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, _parts(parts))


def assistant(*parts: Part | str) -> Message:
    return Message(Role.ASSISTANT, _parts(parts))


def system(*parts: Part | str) -> Message:
    return Message(Role.SYSTEM, _parts(parts))


def _parts(parts: Iterable[Part | str]) -> tuple[Part, ...]:
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


def call(call_id: str, name: str = "look", arguments: str = "{}", namespace: str = "") -> ToolCall:
    return ToolCall(call_id, name, arguments, namespace=namespace)


def result(call_id: str, *content: Text | Media | str, name: str = "") -> ToolResult:
    told = tuple(Text(part) if isinstance(part, str) else part for part in content)
    return ToolResult(call_id, told, name=name)


def request(*messages: Message, tools: Iterable[Tool] = ()) -> Request:
    return Request("openai-responses", "a-model", messages, tools=tuple(tools))


def told(losses: Losses) -> list[tuple[str, str]]:
    """What is noted: the field, and whether it is emulated or lost."""
    return [(loss.field, "emulated" if loss.emulated else "lost") for loss in losses]


def fed(stage: Stage, *events: Event) -> list[Event]:
    """Everything that a stage tells of some events."""
    return list(apply([stage], events))


def text_of(events: Iterable[Event], index: int = 0) -> str:
    """The text of one part."""
    return "".join(event.text for event in events if isinstance(event, Delta) and event.index == index)


def apply_whole(stages: Sequence[Stage], reply: Reply) -> Reply:
    """A whole reply as it is told once every stage has had its way with it."""
    return fold(apply(stages, tuple(unfold(reply))))
