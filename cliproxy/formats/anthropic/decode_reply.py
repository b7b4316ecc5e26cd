"""Replies of Anthropic's, as streams and whole, read into the neutral conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

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
from cliproxy.conversation.parts import Blob, Json, JsonObject, Part, Text, Thinking, ToolCall, VendorPart
from cliproxy.conversation.reply import Fold, Reply
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken
from cliproxy.formats.anthropic.errors import failed, trouble
from cliproxy.formats.anthropic.fields import NAME
from cliproxy.formats.anthropic.server_tools import (
    CALLS,
    arguments_of,
    is_result,
    read_call,
    read_citation,
    read_result,
    text,
)
from cliproxy.formats.anthropic.usage import merged, read_usage
from cliproxy.formats.codec import NO_CALL_ID
from cliproxy.formats.wire import Document

STOPS: Final[Mapping[str, Stop]] = MappingProxyType(
    {
        "end_turn": Stop.END,
        "tool_use": Stop.TOOLS,
        "max_tokens": Stop.LENGTH,
        "stop_sequence": Stop.SEQUENCE,
        "refusal": Stop.REFUSAL,
        "sensitive": Stop.REFUSAL,
        "pause_turn": Stop.PAUSE,
        "compaction": Stop.PAUSE,
        "model_context_window_exceeded": Stop.CONTEXT,
    }
)
MAX_OPEN: Final = 256
"""Blocks at once. There should be one; some servers that imitate Anthropic's leave a few open."""

_EMPTY: Final[JsonObject] = MappingProxyType({})
_WORDS: Final = MappingProxyType(
    {
        "text": ("text_delta", "text"),
        "thinking": ("thinking_delta", "thinking"),
        "tool_use": ("input_json_delta", "partial_json"),
        **dict.fromkeys(CALLS, ("input_json_delta", "partial_json")),
    }
)
"""Which deltas carry a block's words, by its kind, and in which field."""
_IMPLIED: Final = MappingProxyType({"text_delta": "text", "thinking_delta": "thinking"})
"""The kind of a block whose start never came."""


@attrs.define
class _Block:
    """A block that is open."""

    index: int
    """Of the neutral part; -1 if there is none before the block is whole."""
    delta: str
    field: str
    input: Json = None
    """A call's, as its start told it: it counts if no delta comes."""
    signature: str = ""
    """The last one that was told."""
    vendor: dict[str, Json] | None = None
    """A block of a kind that others have no word for, as far as it has come."""


class AnthropicDecoder:
    """Follows one stream. State: the open blocks, and what is known for the end."""

    def __init__(self) -> None:
        self._open: dict[int, _Block] = {}
        self._highest = -1
        self._count = 0
        self._begun = False
        self._over = False
        self._figures: Document = _EMPTY
        self._calls = False
        self._ending: JsonObject = _EMPTY
        self._steps: Mapping[object, Callable[[Document], Iterator[Event]]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    def feed(self, document: Document) -> Sequence[Event]:
        """What one event of the stream says."""
        if self._over:
            return ()
        kind = document.get("type")
        if kind == "content_block_delta":
            return self._block_delta(document)
        step = self._steps.get(kind) if isinstance(kind, str) else None
        if step is None:
            return tuple(self._error(document)) if isinstance(document.get("error"), Mapping) else ()
        try:
            return tuple(step(document))
        except ValueError:
            self._over = True
            return (Failed(502, "The upstream's reply is nested too deeply."),)

    def finish(self) -> Sequence[Event]:
        """At the end of the body. A message whose reason to stop was told is whole without its `message_stop`."""
        if self._over:
            return ()
        if self._ending:
            return tuple(self._end())
        self._over = True
        return (Failed(502, "The upstream's stream ended before the message was whole.", early_end=True),)

    # -- the message

    def _message_start(self, document: Document) -> Iterator[Event]:
        if self._begun:
            return
        self._begun = True
        message = _object(document.get("message"))
        self._figures = merged(_EMPTY, message.get("usage"))
        yield Started(text(message, "id"), text(message, "model"), self._usage())

    def _begin(self) -> Iterator[Event]:
        if not self._begun:
            self._begun = True
            yield Started()

    def _usage(self) -> Usage | None:
        return read_usage(self._figures) if self._figures else None

    def _message_delta(self, document: Document) -> Iterator[Event]:
        yield from self._begin()
        self._figures = merged(self._figures, document.get("usage"))
        delta = _object(document.get("delta"))
        if text(delta, "stop_reason"):
            self._ending = delta

    def _message_stop(self, document: Document) -> Iterator[Event]:
        if self._begun:
            yield from self._end()
        else:
            self._over = True
            yield Failed(502, "The upstream ended a message that it had not begun.")

    def _end(self) -> Iterator[Event]:
        while self._open:
            yield from self._close(next(iter(self._open)))
        self._over = True
        yield self._finished()
        usage = self._usage()
        if usage is not None:
            yield Used(usage)
        yield Ended()

    def _finished(self) -> Finished:
        reason = text(self._ending, "stop_reason")
        stop = STOPS.get(reason, Stop.END)
        if stop is Stop.END and self._calls:
            stop = Stop.TOOLS
        sequence = text(self._ending, "stop_sequence") or None
        details = _object(self._ending.get("stop_details"))
        said = text(details, "explanation") or text(details, "category")
        unknown = "" if reason in STOPS else reason
        return Finished(stop, sequence if stop is Stop.SEQUENCE else None, said or unknown)

    def _error(self, document: Document) -> Iterator[Event]:
        self._over = True
        yield failed(document)

    # -- blocks

    def _block_start(self, document: Document) -> Iterator[Event]:
        yield from self._begin()
        yield from self._start(_number(document), _object(document.get("content_block")))

    def _start(self, number: int, start: JsonObject) -> Iterator[Event]:
        kind = text(start, "type")
        part = _part(kind, start, self._count)
        if number in self._open:
            yield from self._close(number)
        if not kind or (isinstance(part, ToolCall) and not part.name):
            return
        if len(self._open) >= MAX_OPEN:
            self._over = True
            yield Failed(502, f"The upstream opened more than {MAX_OPEN} blocks at once.")
            return
        self._highest = max(self._highest, number)
        delta, field = _WORDS.get(kind, ("", ""))
        if part is None:
            self._open[number] = _Block(-1, delta, field, vendor=dict(start))
            return
        block = _Block(self._count, delta, field)
        self._open[number] = block
        self._count += 1
        yield Opened(block.index, part)
        yield from self._already_said(block, kind, start)

    def _already_said(self, block: _Block, kind: str, start: JsonObject) -> Iterator[Event]:
        """What the start of a block, or a block that came whole, holds of its content."""
        if field := _INITIAL.get(kind):
            if words := text(start, field):
                yield Delta(block.index, words)
            citations = start.get("citations")
            for citation in citations if isinstance(citations, list) else ():
                yield from _cited(block, citation)
            block.signature = text(start, "signature")
        elif kind == "redacted_thinking":
            block.signature = text(start, "data")
        elif block.delta:
            block.input = start.get("input", {})
            self._calls = self._calls or kind == "tool_use"

    def _block_delta(self, document: Document) -> Sequence[Event]:
        delta = document.get("delta")
        if not isinstance(delta, dict):
            return ()
        block = self._open.get(_number(document))
        kind = delta.get("type")
        if block is None:
            return tuple(self._imply(document, delta, kind))
        if kind == block.delta:
            words = delta.get(block.field)
            if not words or not isinstance(words, str):
                return ()
            block.input = None
            return (Delta(block.index, words),)
        return tuple(_other_delta(block, delta, kind))

    def _imply(self, document: Document, delta: JsonObject, kind: object) -> Iterator[Event]:
        """Words of a block that was never begun; those that come behind a block's end are not heard."""
        number = _number(document)
        implied = _IMPLIED.get(kind) if isinstance(kind, str) else None
        if implied is not None and number > self._highest:
            yield from self._begin()
            yield from self._start(number, {"type": implied, implied: text(delta, implied)})

    def _block_stop(self, document: Document) -> Iterator[Event]:
        yield from self._close(_number(document))

    def _close(self, number: int) -> Iterator[Event]:
        block = self._open.pop(number, None)
        if block is None:
            return
        if block.vendor is not None:
            block.index = self._count
            self._count += 1
            yield Opened(block.index, VendorPart(NAME, block.vendor))
        if block.input is not None:
            arguments = arguments_of(block.input)
            if arguments:
                yield Delta(block.index, arguments)
        if block.signature:
            yield Signed(block.index, Blob(block.signature))
        yield Closed(block.index)


_INITIAL: Final = MappingProxyType({"text": "text", "thinking": "thinking"})


def _part(kind: str, start: JsonObject, index: int) -> Part | None:
    """What a block begins as; None if it is of a kind that others have no word for."""
    if kind == "text":
        return Text("")
    if kind in ("thinking", "redacted_thinking"):
        return Thinking("", redacted=kind == "redacted_thinking")
    if kind == "tool_use":
        return ToolCall(text(start, "id") or f"{NO_CALL_ID}{index}", text(start, "name"))
    if kind in CALLS:
        return read_call(start)
    return read_result(start) if is_result(kind) else None


def _other_delta(block: _Block, delta: JsonObject, kind: object) -> Iterator[Event]:
    """Of a block that is open: whatever is not its words."""
    if block.vendor is not None:
        block.vendor.update({key: value for key, value in delta.items() if key != "type"})
    elif kind == "signature_delta" and block.delta == "thinking_delta":
        block.signature = text(delta, "signature") or block.signature
    elif kind == "citations_delta":
        yield from _cited(block, delta.get("citation"))


def _cited(block: _Block, value: Json) -> Iterator[Event]:
    citation = read_citation(value)
    if citation is not None and block.delta == "text_delta":
        yield Cited(block.index, citation)


def _number(document: Document) -> int:
    number = document.get("index")
    return number if isinstance(number, int) else -1


def _object(value: object) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, Mapping) else _EMPTY


# -- whole replies ------------------------------------------------------------------------------------------------


def decode_reply(document: Document) -> Reply:
    """A whole message, read as the stream that would have told it. Raises `Reported` or `Broken`."""
    if document.get("type") == "error" or isinstance(document.get("error"), Mapping):
        raise trouble(document)
    content = document.get("content")
    if not isinstance(content, list):
        raise Broken("The upstream's answer is no message of Anthropic's: it has no list of content.")
    decoder, folding = AnthropicDecoder(), Fold()
    for told in _as_stream(document, content):
        for event in decoder.feed(told):
            folding.feed(event)
    return folding.reply()


def _as_stream(message: Document, content: Sequence[object]) -> Iterator[Document]:
    yield {"type": "message_start", "message": message}
    for number, block in enumerate(content):
        yield {"type": "content_block_start", "index": number, "content_block": block}
        yield {"type": "content_block_stop", "index": number}
    yield {"type": "message_delta", "delta": message}
    yield {"type": "message_stop"}
