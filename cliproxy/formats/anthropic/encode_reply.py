"""Replies in the neutral conversation, written for a client that speaks Anthropic's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.parts import Media, Part, Refusal, ServerCall, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.sequence import Sequencer
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext, sse
from cliproxy.formats.anthropic.errors import error_event
from cliproxy.formats.anthropic.reply_blocks import ending, head, identified, message, usage_of, whole, words
from cliproxy.formats.anthropic.server_tools import write_citation
from cliproxy.formats.codec import Framing
from cliproxy.formats.wire import Complaint

_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b,%b:'
_DELTA_END: Final = b"}}\n\n"
_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_WORDS: Final[Mapping[type[Part], tuple[bytes, bytes]]] = {
    Text: (b'"text_delta"', b'"text"'),
    Refusal: (b'"text_delta"', b'"text"'),
    Media: (b'"text_delta"', b'"text"'),
    Thinking: (b'"thinking_delta"', b'"thinking"'),
    ToolCall: (b'"input_json_delta"', b'"partial_json"'),
    ServerCall: (b'"input_json_delta"', b'"partial_json"'),
}
"""The kind of a part's deltas and their field, in JSON."""
_LATE: Final = (Text, Refusal, Thinking)
"""Begun with their first words: an empty one, sent back by the client, would be refused."""


@attrs.define
class _Writing:
    """The part that is being written."""

    index: int
    part: Part
    number: int = -1
    """Of its block; -1 as long as that has not begun."""
    delta: bytes = b""
    """How its deltas begin; empty as long as the block has not begun, or if it has none."""
    blob: str = ""


class AnthropicEncoder:
    """Writes one stream. State: the block that is open, and what is known for the end."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._sequencer = Sequencer()
        self._known: set[int] = set()
        self._writing: _Writing | None = None
        self._blocks = 0
        self._calls = 0
        self._begun = False
        self._over = False
        self._usage: Usage | None = None
        self._finished = Finished(Stop.END)
        self._steps: Mapping[type[Event], Callable[..., bytes]] = {
            Started: self._started,
            Opened: self._opened,
            Delta: self._delta,
            Signed: self._signed,
            Cited: self._cited,
            Closed: self._closed,
            Used: self._used,
            Finished: self._choice_finished,
            Ended: self._ended,
            Failed: self._failed,
        }

    def feed(self, event: Event) -> bytes:
        """Whole events, or nothing. One block is open at a time; only the first choice is told."""
        if self._over:
            return b""
        if type(event) is Delta and self._writing is not None and event.index == self._writing.index:
            return self._delta(event)  # of the open block: the sequencer lets it pass
        if not self._concerns(event):
            return b""
        return b"".join([self._steps[type(told)](told) for told in self._sequencer.feed(event)])

    def _concerns(self, event: Event) -> bool:
        if isinstance(event, Opened):
            if event.choice or event.index in self._known:
                return False
            self._known.add(event.index)
            return True
        if isinstance(event, Closed):
            known = event.index in self._known
            self._known.discard(event.index)
            return known
        return not isinstance(event, Delta | Signed | Cited) or event.index in self._known

    # -- the message

    def _started(self, event: Started) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        self._usage = self._usage or event.usage
        opening = {"type": "message_start", "message": message(self._framing, event.usage)}
        return sse.event(b"message_start", jsontext.dumps(opening))

    def _used(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _choice_finished(self, event: Finished) -> bytes:
        if event.choice == 0:
            self._finished = event
        return b""

    def _ended(self, event: Ended) -> bytes:
        told = [self._started(Started())]
        while self._writing is not None:
            told.extend(self._steps[type(late)](late) for late in self._sequencer.feed(Closed(self._writing.index)))
        self._over = True
        closing = {
            "type": "message_delta",
            "delta": ending(self._finished, bool(self._calls)),
            "usage": usage_of(self._usage, self._framing),
        }
        return b"".join((*told, sse.event(b"message_delta", jsontext.dumps(closing)), _MESSAGE_STOP))

    def _failed(self, event: Failed) -> bytes:
        self._over = True
        return error_event(Complaint(event.status, event.message, f"req_{self._framing.seed}", event.context_overflow))

    # -- blocks

    def _opened(self, event: Opened) -> bytes:
        part = event.part
        if isinstance(part, ToolCall):
            part = identified(part, self._calls, self._framing)
            self._calls += 1
        self._writing = writing = _Writing(event.index, part)
        told = [self._started(Started())]
        if not isinstance(part, _LATE):
            told.append(self._begin(writing))
        if isinstance(part, Thinking) and part.blob is not None:
            writing.blob = part.blob.value
        if said := words(part):
            told.append(self._say(writing, said))
        if isinstance(part, Text):
            told += [self._cited(Cited(event.index, citation)) for citation in part.citations]
        return b"".join(told)

    def _begin(self, writing: _Writing) -> bytes:
        """The start of the block, if there is one at all."""
        start = head(writing.part)
        if start is None:
            return b""
        return self._begin_with(writing, start)

    def _begin_with(self, writing: _Writing, start: Mapping[str, object]) -> bytes:
        writing.number = self._blocks
        self._blocks += 1
        if kinds := _WORDS.get(type(writing.part)):
            writing.delta = _DELTA % (writing.number, *kinds)
        opening = {"type": "content_block_start", "index": writing.number, "content_block": start}
        return sse.event(b"content_block_start", jsontext.dumps(opening))

    def _delta(self, event: Delta) -> bytes:
        writing = self._writing
        if writing is None:
            return b""
        if writing.delta:
            return b"%b%b}}\n\n" % (writing.delta, jsontext.dumps(event.text))
        return self._say(writing, event.text)

    def _say(self, writing: _Writing, said: str) -> bytes:
        start = self._begin(writing) if writing.number < 0 and isinstance(writing.part, _LATE) else b""
        if not writing.delta:
            return b""
        return b"".join((start, writing.delta, jsontext.dumps(said), _DELTA_END))

    def _cited(self, event: Cited) -> bytes:
        writing = self._writing
        if writing is None or not isinstance(writing.part, Text):
            return b""
        start = self._begin(writing) if writing.number < 0 else b""
        return start + self._other_delta(writing, b'"citations_delta"', b'"citation"', write_citation(event.citation))

    def _other_delta(self, writing: _Writing, kind: bytes, field: bytes, value: object) -> bytes:
        return b"".join((_DELTA % (writing.number, kind, field), jsontext.dumps(value), _DELTA_END))

    def _signed(self, event: Signed) -> bytes:
        if self._writing is not None:
            self._writing.blob = event.blob.value
        return b""

    def _closed(self, event: Closed) -> bytes:
        writing = self._writing
        self._writing = None
        if writing is None:
            return b""
        told = self._sign(writing) if writing.blob and isinstance(writing.part, Thinking) else b""
        return told + _STOP % writing.number if writing.number >= 0 else b""

    def _sign(self, writing: _Writing) -> bytes:
        """The signature: last in its block, or, where the text is withheld, all of it."""
        if isinstance(writing.part, Thinking) and writing.part.redacted:
            return self._begin_with(writing, {"type": "redacted_thinking", "data": writing.blob})
        start = self._begin(writing) if writing.number < 0 else b""
        return start + self._other_delta(writing, b'"signature_delta"', b'"signature"', writing.blob)


# -- whole replies ------------------------------------------------------------------------------------------------


def encode_reply(reply: Reply, framing: Framing) -> bytes:
    """A whole message; of several choices the first."""
    choice = reply.choices[0] if reply.choices else Choice(())
    content = []
    calls = 0
    for part in choice.parts:
        if isinstance(part, ToolCall):
            part = identified(part, calls, framing)
            calls += 1
        block = whole(part)
        if block is not None:
            content.append(block)
    finished = Finished(choice.stop, choice.sequence, choice.detail)
    made = {**message(framing, reply.usage), "content": content, **ending(finished, bool(calls))}
    return jsontext.dumps(made)
