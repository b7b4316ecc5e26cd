"""What a model said, in the few words that every wire has: what the laws of translation compare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import attrs

Kind = Literal["text", "thinking", "refusal", "call"]
Stop = Literal["end", "tools", "length", "refusal"]

BETWEEN: Final = "\n\n"
"""Stands between stretches of thinking where a wire has one field for all of them."""


@attrs.frozen
class Piece:
    """One part of an answer."""

    kind: Kind
    text: str = ""
    """Of a call, its arguments as JSON text."""
    id: str = ""
    name: str = ""
    custom: bool = False
    """The call's text is free text."""
    blob: str = ""


@attrs.frozen
class Answer:
    """One choice."""

    pieces: tuple[Piece, ...]
    stop: Stop | None = "end"
    """None: no end was told."""

    @property
    def calls(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.kind == "call")

    def joined(self, *kinds: Kind) -> str:
        """All words of these kinds."""
        return "".join(piece.text for piece in self.pieces if piece.kind in kinds)


@attrs.frozen
class Tokens:
    """As OpenAI counts: the prompt has the cached ones in it, the completion the reasoning."""

    prompt: int
    cached: int
    completion: int
    reasoning: int


@attrs.frozen
class Said:
    """A whole reply, or one that ended in an error."""

    answers: tuple[Answer, ...]
    tokens: Tokens | None = None
    error: str | None = None
    """What the client is told of it."""


def document(text: str | bytes) -> Any:
    """JSON, with every digit of an integer."""
    return json.loads(text)


def insist(holds: object, why: str) -> None:
    """A rule of a grammar."""
    if not holds:
        raise AssertionError(why)


def frames(raw: bytes) -> Sequence[Sequence[bytes]]:
    """The events of a stream, each as its lines. The last one is whole."""
    if not raw:
        return ()
    insist(raw.endswith(b"\n\n"), "the stream ends within an event")
    insist(b"\r" not in raw, "a line end that is none of ours")
    return [frame.split(b"\n") for frame in raw.removesuffix(b"\n\n").split(b"\n\n")]


def named_events(raw: bytes) -> Iterable[dict[str, Any]]:
    """Events of two lines, which say the same name."""
    for lines in frames(raw):
        insist(len(lines) == 2, f"an event of {len(lines)} lines")
        name, data = lines
        insist(name.startswith(b"event: ") and data.startswith(b"data: "), f"no event: {lines!r}")
        event = document(data[6:])
        insist(event["type"].encode() == name[7:], f"two names for one event: {lines!r}")
        yield event


def nameless_payloads(raw: bytes) -> Iterable[bytes]:
    """The data of events of one line."""
    for lines in frames(raw):
        insist(len(lines) == 1 and lines[0].startswith(b"data: "), f"no event: {lines!r}")
        yield lines[0][6:]


def count(figures: Any, name: str) -> int:
    """A figure that must be there."""
    value = figures[name]
    insist(type(value) is int and value >= 0, f"{name} is {value!r}")
    return int(value)


def merged(pieces: Iterable[Piece], *kinds: Kind) -> list[Piece]:
    """Neighbours of these kinds made one; empty ones of any kind but calls left out."""
    told: list[Piece] = []
    for piece in pieces:
        if piece.kind != "call" and not piece.text:
            continue
        if told and told[-1].kind == piece.kind and piece.kind in kinds:
            told[-1] = attrs.evolve(told[-1], text=told[-1].text + piece.text)
        else:
            told.append(piece)
    return told
