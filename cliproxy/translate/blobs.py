"""Reasoning on its way: sealed when a reply goes to another vendor's client, opened when the client sends it back.

What cannot be opened for the target is left out: shown to a vendor that did not make it, a blob is an error at best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.conversation.events import Closed, Delta, Event, Opened, Signed
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Part, Text, Thinking, ToolCall
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.translate.envelopes import DIGEST_BYTES, Envelopes, Kind, Maker, digest_of
from cliproxy.translate.memory import ReasoningMemory, Recollection

NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""What Gemini's clients write where they have none."""


def open_blobs(
    request: Request, maker: Maker, envelopes: Envelopes, memory: ReasoningMemory, losses: Losses
) -> Request:
    """The request with every blob as its maker gave it, for that maker alone, and what was forgotten put back."""
    if not any(message.role is Role.ASSISTANT for message in request.messages):
        return request
    opener = _Opener(maker, envelopes, memory, losses, digest_of(request.conversation_seed))
    messages = tuple(
        opener.message(number, message) if message.role is Role.ASSISTANT else message
        for number, message in enumerate(request.messages)
    )
    return attrs.evolve(request, messages=tuple(message for message in messages if message.parts))


@attrs.frozen
class _Opener:
    maker: Maker
    envelopes: Envelopes
    memory: ReasoningMemory
    losses: Losses
    conversation: str

    def message(self, number: int, message: Message) -> Message:
        """One turn, each part with its blob opened, and with what is remembered of reasoning that did not come back."""
        path = f"messages.{number}"
        told: list[Part] = []
        begin = 0  # of what led to the next call
        reasoned = False
        for part in message.parts:
            if isinstance(part, Thinking):
                opened = self._thinking(path, part)
                if opened is not None:
                    reasoned = True
                    told.append(opened)
            elif isinstance(part, ToolCall):
                known = self.memory.recall(self.maker, self.conversation, part.id)
                if known is not None and not reasoned:
                    told[begin:begin] = known.thinking
                told.append(self._signed(path, part, known))
                begin, reasoned = len(told), False
            elif isinstance(part, Text):
                told += self._text(path, part, part.blob) if part.blob else (self._remembered(part),)
            else:
                told.append(part)
        parts = tuple(told)
        return message if parts == message.parts else attrs.evolve(message, parts=parts)

    def _signed(self, path: str, call: ToolCall, known: Recollection | None) -> ToolCall:
        blob = self._opened(call.blob) or (known.blob if known else None)
        if call.blob and not blob and call.blob.value != NO_SIGNATURE:
            self.losses.drop(f"{path}.signature", "another vendor or model made the signature of this call")
        return attrs.evolve(call, blob=blob)

    def _text(self, path: str, text: Text, sealed: Blob) -> Sequence[Text]:
        blob = self._opened(sealed)
        if blob is None:
            self.losses.drop(f"{path}.signature", "another vendor or model made the signature of this text")
        return (attrs.evolve(text, blob=blob),) if text.text or blob else ()

    def _remembered(self, text: Text) -> Text:
        """A text with its signature, for which clients of most vendors have no place: it is known by its words."""
        name = _named(digest_of(text.text))
        known = self.memory.recall(self.maker, self.conversation, name) if text.text else None
        return attrs.evolve(text, blob=known.blob) if known else text

    def _thinking(self, path: str, part: Thinking) -> Thinking | None:
        opened = self.envelopes.open(part.blob.value, self.maker) if part.blob else None
        if opened is None or (opened.kind is Kind.SPOKEN and opened.value != digest_of(part.text)):
            self.losses.drop(f"{path}.thinking", "reasoning is of use only to the vendor and model that made it")
            return None
        if opened.kind is Kind.REDACTED:
            return Thinking("", self._blob(opened.value), redacted=True)
        return Thinking(part.text, self._blob(opened.value if opened.kind is Kind.SIGNED else ""))

    def _opened(self, blob: Blob | None) -> Blob | None:
        opened = self.envelopes.open(blob.value, self.maker) if blob else None
        return self._blob(opened.value) if opened else None

    def _blob(self, value: str) -> Blob:
        return Blob(value, self.maker.origin)


def _named(digest: str) -> str:
    """As the memory calls a signed text; no call has such an id."""
    return f"text\0{digest}"


class Sealer:
    """A stage of a reply: seals blobs, and has the memory keep what came with each call, and with signed texts.

    `conversation`: the digest of its first words. `signs_texts`: the upstream may sign what is shown, and so it pays to
    follow it. State: the reasoning since the last call, and the open parts.
    """

    def __init__(
        self,
        maker: Maker,
        envelopes: Envelopes,
        memory: ReasoningMemory,
        conversation: str,
        *,
        signs_texts: bool = False,
    ) -> None:
        self._maker = maker
        self._envelopes = envelopes
        self._memory = memory
        self._conversation = conversation
        self._signs_texts = signs_texts
        self._open: dict[int, Part] = {}
        self._thoughts: dict[int, list[str]] = {}
        self._digests: dict[int, hashlib.blake2b] = {}
        self._blobs: dict[int, Blob] = {}
        self._thinking: list[Thinking] = []

    def feed(self, event: Event) -> Sequence[Event]:
        """The event, with its blob sealed; reasoning without one gets a seal of its own before it closes."""
        if isinstance(event, Delta):
            self._said(event.index, event.text)
        elif isinstance(event, Opened):
            return (self._opened(event),)
        elif isinstance(event, Signed):
            self._blobs[event.index] = event.blob
            return (Signed(event.index, self._sealed(event.blob, self._kind(event.index))),)
        elif isinstance(event, Closed):
            return self._closed(event)
        return (event,)

    def _said(self, index: int, text: str) -> None:
        thoughts = self._thoughts.get(index)
        if thoughts is not None:
            thoughts.append(text)
        elif index in self._digests:
            self._digests[index].update(text.encode("utf-8", "surrogatepass"))

    def _opened(self, event: Opened) -> Event:
        part = event.part
        if not isinstance(part, Text | Thinking | ToolCall):
            return event
        self._open[event.index] = part
        if isinstance(part, Thinking):
            self._thoughts[event.index] = [part.text]
        elif isinstance(part, Text) and self._signs_texts:
            self._digests[event.index] = hashlib.blake2b(digest_size=DIGEST_BYTES)
            self._said(event.index, part.text)
        sealed = None
        if part.blob is not None:
            self._blobs[event.index] = part.blob
            sealed = self._sealed(part.blob, self._kind(event.index))
        if isinstance(part, Thinking):
            return attrs.evolve(event, part=Thinking(part.text, sealed))
        return attrs.evolve(event, part=attrs.evolve(part, blob=sealed))

    def _kind(self, index: int) -> Kind:
        part = self._open.get(index)
        return Kind.REDACTED if isinstance(part, Thinking) and part.redacted else Kind.SIGNED

    def _closed(self, event: Closed) -> Sequence[Event]:
        part = self._open.pop(event.index, None)
        text = "".join(self._thoughts.pop(event.index, ()))
        digest = self._digests.pop(event.index, None)
        blob = self._blobs.pop(event.index, None)
        if isinstance(part, ToolCall):
            self._keep(part.id, blob)
        elif digest is not None and blob is not None:
            self._memory.keep(self._maker, self._conversation, _named(digest.hexdigest()), Recollection(blob=blob))
        if not isinstance(part, Thinking):
            return (event,)
        redacted = part.redacted
        self._thinking.append(Thinking("" if redacted else text, blob or Blob("", self._maker.origin), redacted))
        if blob is not None or not text:
            return (event,)
        return (Signed(event.index, self._sealed(Blob(digest_of(text)), Kind.SPOKEN)), event)

    def _keep(self, call_id: str, blob: Blob | None) -> None:
        thinking, self._thinking = tuple(self._thinking), []
        if thinking or blob is not None:
            self._memory.keep(self._maker, self._conversation, call_id, Recollection(thinking, blob))

    def _sealed(self, blob: Blob, kind: Kind) -> Blob:
        return Blob(self._envelopes.seal(blob.value, kind, self._maker))
