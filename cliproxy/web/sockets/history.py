"""The conversations of one connection, by the ids of the responses that they led to. Pure.

A conversation is a tuple of pieces, each some items as JSON with commas between them: what was asked and what was
answered, turn by turn. A turn's conversation holds the pieces of the one before, not copies of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

MAX_RESPONSES: Final = 16
"""Clients go on from the latest one. Some fork from one before; OpenAI keeps one for each lane, of which it has 16."""

MAX_OUTPUT_BYTES: Final = 32 * 1024 * 1024
"""Of one reply's items: more could not be sent back anyway. Images are the largest, with a few MiB each."""


class _Event(msgspec.Struct):
    """Of an event of a reply, what a conversation needs."""

    type: str = ""
    output_index: int = 0
    item: msgspec.Raw = msgspec.Raw(b"null")
    response: msgspec.Raw = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] = []


class _Item(msgspec.Struct):
    type: str = ""
    encrypted_content: str | None = None
    content: object = None


_EVENTS: Final = msgspec.json.Decoder(_Event)
_RESPONSES: Final = msgspec.json.Decoder(_Response)
_ITEMS: Final = msgspec.json.Decoder(_Item)


class History:
    """State: the latest conversations, at most `MAX_RESPONSES` of them and together at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._conversations: dict[str, tuple[bytes, ...]] = {}

    def keep(self, response_id: str, conversation: Iterable[bytes]) -> None:
        """Remember what led to a response, with the response itself; the oldest ones are forgotten for it."""
        self._conversations.pop(response_id, None)
        self._conversations[response_id] = tuple(piece for piece in conversation if piece)
        while len(self._conversations) > MAX_RESPONSES or self._size() > self._limit:
            del self._conversations[next(iter(self._conversations))]

    def find(self, response_id: str) -> Sequence[bytes] | None:
        """The conversation up to and with a response; None if it is not known, or no more."""
        return self._conversations.get(response_id)

    def _size(self) -> int:
        """Of all pieces, each counted once."""
        pieces = {id(piece): len(piece) for pieces in self._conversations.values() for piece in pieces}
        return sum(pieces.values())


class Output:
    """Gathers the items of one reply from its events. State: those that are whole, and the response's id at the end."""

    def __init__(self, stores: bool) -> None:
        self.kind = ""
        """Of the latest event."""
        self.response_id = ""
        """Once the reply is whole; empty if it is too large to be continued."""
        self._stores = stores
        self._items: dict[int, bytes] = {}
        self._bytes = 0

    def feed(self, event: bytes) -> None:
        """One event of the reply. What is none tells nothing."""
        try:
            told = _EVENTS.decode(event)
        except (msgspec.DecodeError, RecursionError):
            self.kind = ""
            return
        self.kind = told.type
        if told.type == "response.output_item.done":
            self._keep(told.output_index, bytes(told.item))
        elif told.type in ("response.completed", "response.incomplete"):
            self._end(told.response)

    def conversation(self) -> bytes:
        """The items, as JSON with commas between them."""
        whole = (self._items[index] for index in sorted(self._items))
        return b",".join(item for item in whole if self._stores or _can_go_back(item))

    def _end(self, raw: msgspec.Raw) -> None:
        try:
            response = _RESPONSES.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return
        if not self._bytes:  # ChatGPT's servers leave the output empty here; others send no events for items
            for index, item in enumerate(response.output):
                self._keep(index, bytes(item))
        if self._bytes <= MAX_OUTPUT_BYTES:
            self.response_id = response.id

    def _keep(self, index: int, item: bytes) -> None:
        self._bytes += len(item)
        if self._bytes <= MAX_OUTPUT_BYTES:
            self._items[index] = item
        else:
            self._items.clear()


def _can_go_back(item: bytes) -> bool:
    """Whether an item says anything to who has not stored it. Reasoning may be an id and nothing else."""
    try:
        told = _ITEMS.decode(item)
    except (msgspec.DecodeError, RecursionError):
        return True
    return told.type != "reasoning" or bool(told.encrypted_content) or bool(told.content)
