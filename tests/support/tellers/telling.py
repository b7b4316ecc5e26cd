"""What the tellers share: a turn is told on each wire in one of the many ways in which its servers may tell it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.support.grammars.said import Piece


def dumps(value: Any) -> bytes:
    """Compact, or not; with escapes, or without: made of nothing but the value itself."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def cut(text: str, chance: Random) -> list[str]:
    """A text in pieces, anywhere between two code points. Of an empty one there are none."""
    if not text:
        return []
    edges = sorted(chance.randrange(1, len(text) + 1) for _ in range(chance.choice((0, 0, 1, 3, 8))))
    return [text[start:end] for start, end in zip([0, *edges], [*edges, len(text)], strict=True) if start < end]


def arguments(piece: Piece, chance: Random) -> str:
    """Of a call. That there are none, many servers tell by saying nothing."""
    return "" if piece.text == "{}" and chance.random() < 0.5 else piece.text


def interleaved(chance: Random, queues: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Several sequences as one, each in its own order, the first elements in theirs."""
    left = [list(queue) for queue in queues]
    told: list[bytes] = []
    begun = 0
    while any(left):
        number = chance.choice([place for place, queue in enumerate(left) if queue and place <= begun])
        told.append(left[number].pop(0))
        begun = max(begun, number + 1)
    return told


def runs(pieces: Sequence[Piece], *kinds: str) -> list[list[Piece]]:
    """Neighbours of these kinds together, every other piece alone."""
    found: list[list[Piece]] = []
    for piece in pieces:
        if found and piece.kind in kinds and found[-1][-1].kind in kinds:
            found[-1].append(piece)
        else:
            found.append([piece])
    return found
