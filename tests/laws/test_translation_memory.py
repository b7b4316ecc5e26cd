"""A long stream takes no more memory than its wire needs: what has been told is forgotten."""

from __future__ import annotations

import gc
import sys
import types
from random import Random
from typing import Final

import pytest

from tests.support.grammars.said import Answer, Piece, Said
from tests.support.translating import PAIRS, TELLERS, reader

BATCH: Final = 1000
MANY: Final = 30
"""Batches. More would take as much."""
TEXT: Final = "🦉"
"""One code point: no teller cuts it."""
PIECE: Final = sys.getsizeof(TEXT) + 16
"""Bytes of one delta that is kept, with its place in a list."""
NEEDED: Final = {
    "openai-responses": BATCH * MANY * PIECE,
    "gemini": BATCH * MANY * PIECE,
}
"""In bytes. Responses tells the whole text once more at its end; Gemini's positions of sources are told there, in bytes
of the text. Of either the pieces are kept as they came.
"""
SLACK: Final = 20_000
_SHARED: Final = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def size_of(root: object) -> int:
    """All that hangs on an object, roughly."""
    seen: set[int] = set()
    waiting = [root]
    size = 0
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, _SHARED):
            continue
        seen.add(id(found))
        size += sys.getsizeof(found)
        waiting += gc.get_referents(found)
    return size


def deltas(upstream: str) -> tuple[bytes, bytes]:
    """A stream's beginning, and one delta of its text."""
    frames = TELLERS[upstream].events(Said((Answer((Piece("text", TEXT),)),)), Random(1))
    place = next(number for number, frame in enumerate(frames) if TEXT.encode() in frame)
    return b"".join(frames[:place]), frames[place]


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_tens_of_thousands_of_deltas_leave_nothing_behind(upstream: str, client: str) -> None:
    reply = reader(upstream, client)
    beginning, delta = deltas(upstream)
    reply.feed(beginning + delta * 10)
    before = size_of(reply)
    batch = delta * BATCH
    for _ in range(MANY):
        assert reply.feed(batch)
    assert reply.trouble is None
    assert size_of(reply) - before < SLACK + NEEDED.get(client, 0) + (NEEDED["gemini"] if upstream == "gemini" else 0)
