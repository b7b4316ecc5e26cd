"""Reasoning that a client cannot give back: OpenAI Chat has no field for it, and most clients of Gemini drop thoughts.

Some vendors answer 400 when it is missing beside a tool call, others think anew. So it is kept here by the call's id,
and put back when the call's result comes. An id alone is not enough: some upstreams number their calls from 0 in each
conversation, so the first words of the conversation belong to the key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

import attrs

from cliproxy.conversation.parts import Blob, Thinking
from cliproxy.translate.envelopes import Maker

MAX_BYTES: Final = 32 * 1024 * 1024
"""Of everything that is kept. A turn's reasoning has some kilobytes, so this is hours of many clients' work."""
_ENTRY_BYTES: Final = 400
"""What an entry costs beside its texts, roughly."""


@attrs.frozen
class Recollection:
    """What came with one tool call, or with a signed text."""

    thinking: tuple[Thinking, ...] = ()
    """What the model thought since the call before, or since the turn began. Blobs as the maker gave them."""
    blob: Blob | None = None
    """The call's own, or the text's."""

    @property
    def size(self) -> int:
        """In bytes, roughly."""
        texts = [thinking.text for thinking in self.thinking]
        blobs = [thinking.blob for thinking in self.thinking] + [self.blob]
        return _ENTRY_BYTES + sum(len(text) for text in texts) + sum(len(blob.value) for blob in blobs if blob)


class ReasoningMemory:
    """Keeps the latest, forgets the oldest. State: what is kept, in the order of its last use."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, Recollection] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, maker: Maker, conversation: str, call_id: str, recollection: Recollection) -> None:
        """Remember what came with a call. `conversation`: the digest of its first words."""
        key = _key(maker, conversation, call_id)
        before = self._kept.pop(key, None)
        self._bytes += recollection.size - (before.size if before else 0)
        self._kept[key] = recollection
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def recall(self, maker: Maker, conversation: str, call_id: str) -> Recollection | None:
        """What came with a call, if it is still known."""
        key = _key(maker, conversation, call_id)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found


def _key(maker: Maker, conversation: str, call_id: str) -> bytes:
    told = f"{maker.origin}\0{maker.family}\0{call_id}\0{conversation}"
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()
