"""What a conversation comes down to for the demo: the last instruction, and what tools have given since. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Literal

import attrs

from cliproxy.demo.replies import Json
from cliproxy.demo.script import has_directive

Kind = Literal["image", "document", "recording", "film"]


@attrs.frozen
class Attachment:
    """Something beside text that the user's side sent."""

    kind: Kind
    size: int | None
    """In bytes; None if only a link or an id came."""


@attrs.define
class Said:
    """All that the user's side says between two of the assistant's turns; filled while a request is read."""

    texts: list[str] = attrs.field(factory=list)
    results: dict[str, str] = attrs.field(factory=dict)
    """Texts of tool results, by the call that they answer."""
    attachments: list[Attachment] = attrs.field(factory=list)
    """Of tool results too."""


@attrs.frozen
class Instruction:
    """The user's last instruction."""

    texts: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    """Texts of the tool results that came after it."""
    attachments: tuple[Attachment, ...] = ()
    """Its own, and those that came since."""

    @property
    def prompt(self) -> str:
        """All of its text."""
        return "\n".join(self.texts)

    @property
    def last_words(self) -> str:
        """Its last block: a coding CLI puts its own reminders into blocks before the user's words."""
        return self.texts[-1] if self.texts else ""


def instruction(turns: Iterable[Said]) -> Instruction:
    """The last instruction among the turns of the user's side.

    A turn that brings tool results is none, though a CLI may add reminders to it; unless it holds a directive.
    """
    last = Instruction()
    for turn in turns:
        if turn.texts and (not turn.results or any(has_directive(text) for text in turn.texts)):
            last = Instruction(tuple(turn.texts), (), tuple(turn.attachments))
        else:
            last = attrs.evolve(
                last,
                results=(*last.results, *turn.results.values()),
                attachments=(*last.attachments, *turn.attachments),
            )
    return last


def asked_before(messages: Sequence[Json], answers: Sequence[bool]) -> Sequence[Json]:
    """The messages that an earlier request must have held: those before the last answer. `answers` tells which of the
    messages are the assistant's.
    """
    at = len(messages)
    while at and not answers[at - 1]:
        at -= 1
    while at and answers[at - 1]:
        at -= 1
    return messages[:at]


def base64_size(data: str) -> int | None:
    """How many bytes the base64 stands for; None if it is none."""
    try:
        return len(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None


def data_url(url: str) -> tuple[str, int | None] | None:
    """Media type and size of a `data:` URL, the size None if its base64 is none; None for another URL."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:"):
        return None
    media_type = head.removeprefix("data:").partition(";")[0]
    return media_type, base64_size(data) if head.endswith(";base64") else None
