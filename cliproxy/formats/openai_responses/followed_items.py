"""The items of a streamed reply, each followed from its opening to its end.

What an item says comes in deltas, in a `.done` event, in `output_item.done`, and in the response at the end: each place
may be the only one. A part is opened with the first thing that is known to be in it, and told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol, cast

import attrs

from cliproxy.conversation.events import Cited, Closed, Delta, Event, Opened, Signed
from cliproxy.conversation.parts import Blob, Json, Part, Refusal, ServerCall, Text, Thinking, ToolCall
from cliproxy.formats.openai_responses.citations import read_citation, read_logprobs
from cliproxy.formats.openai_responses.hosted import read_hosted
from cliproxy.formats.openai_responses.words import BETWEEN_SUMMARIES, CALLS
from cliproxy.formats.wire import Document

MAX_HELD_CHARACTERS: Final = 4 * 1024 * 1024
"""Of the arguments of a call whose name has not come yet; what exceeds it is left to the `.done` events."""

_Object = Mapping[str, object]


class FollowedItem(Protocol):
    """One item of the output."""

    kind: str
    done: bool
    """Everything was told; whatever still comes is a repetition."""

    def feed(self, kind: str, event: Document) -> Sequence[Event]:
        """An event inside of the item."""

    def finish(self, item: _Object) -> list[Event]:
        """The whole item, with which it ends."""

    def end(self) -> list[Event]:
        """The item ends as it stands: nobody told it as a whole."""


@attrs.define
class _Content:
    """A content part of a message. State: what was told of it."""

    index: int
    told: bool = False
    annotations: int = 0
    closed: bool = False


@attrs.define
class FollowedMessage:
    """A message. State: its content parts by their `content_index`."""

    numbers: Iterator[int]
    kind: str = "message"
    done: bool = False
    declined: bool = False
    """A part of it is a refusal."""
    _contents: dict[int, _Content] = attrs.field(factory=dict)

    def feed(self, kind: str, event: Document) -> Sequence[Event]:
        if kind == "response.output_text.delta":
            content = self._contents.get(_number(event.get("content_index")))
            text = event.get("delta")
            if content is not None and not content.closed and isinstance(text, str) and text:
                content.told = True
                return (Delta(content.index, text, read_logprobs(event.get("logprobs"))),)
        return _MESSAGE_STEPS[kind](self, event) if not self.done else ()

    def text(self, event: Document) -> list[Event]:
        return self._tell(event, _text(event.get("delta")), Text(""))

    def refusal(self, event: Document) -> list[Event]:
        return self._tell(event, _text(event.get("delta")), Refusal(""))

    def _tell(self, event: _Object, text: str, head: Text | Refusal) -> list[Event]:
        if not text:
            return []
        events = self._open(_number(event.get("content_index")), head)
        content = self._contents[_number(event.get("content_index"))]
        if content.closed:
            return []
        content.told = True
        events.append(Delta(content.index, text, read_logprobs(event.get("logprobs"))))
        return events

    def _open(self, number: int, head: Text | Refusal) -> list[Event]:
        if number in self._contents:
            return []
        self._contents[number] = _Content(next(self.numbers))
        self.declined = self.declined or isinstance(head, Refusal)
        return [Opened(self._contents[number].index, head)]

    def text_done(self, event: Document) -> list[Event]:
        return self._rest(_number(event.get("content_index")), event, _text(event.get("text")), Text(""))

    def refusal_done(self, event: Document) -> list[Event]:
        return self._rest(_number(event.get("content_index")), event, _text(event.get("refusal")), Refusal(""))

    def _rest(self, number: int, event: _Object, text: str, head: Text | Refusal) -> list[Event]:
        content = self._contents.get(number)
        if content is not None and content.told:
            return []
        return self._tell({"content_index": number, "logprobs": event.get("logprobs")}, text, head)

    def annotation(self, event: Document) -> list[Event]:
        number = _number(event.get("content_index"))
        events = self._open(number, Text(""))
        return events + self._cite(self._contents[number], event.get("annotation"))

    def _cite(self, content: _Content, annotation: object) -> list[Event]:
        content.annotations += 1
        citation = read_citation(annotation)
        return [] if citation is None or content.closed else [Cited(content.index, citation)]

    def part_done(self, event: Document) -> list[Event]:
        return self._whole_part(_number(event.get("content_index")), event.get("part"))

    def _whole_part(self, number: int, part: object) -> list[Event]:
        known = _object(part)
        if known.get("type") == "refusal":
            events = self._rest(number, known, _text(known.get("refusal")), Refusal(""))
        else:
            events = self._rest(number, known, _text(known.get("text")), Text(""))
        content = self._contents.get(number)
        if content is None or content.closed:
            return events
        for annotation in _objects(known.get("annotations"))[content.annotations :]:
            events += self._cite(content, annotation)
        content.closed = True
        events.append(Closed(content.index))
        return events

    def finish(self, item: _Object) -> list[Event]:
        if self.done:
            return []
        events: list[Event] = []
        for number, part in enumerate(_objects(item.get("content"))):
            events += self._whole_part(number, part)
        return events + self.end()

    def end(self) -> list[Event]:
        self.done = True
        events: list[Event] = []
        for content in self._contents.values():
            if not content.closed:
                content.closed = True
                events.append(Closed(content.index))
        return events


_MESSAGE_STEPS: Final[Mapping[str, Callable[[FollowedMessage, Document], list[Event]]]] = MappingProxyType(
    {
        "response.output_text.delta": FollowedMessage.text,
        "response.output_text.done": FollowedMessage.text_done,
        "response.output_text.annotation.added": FollowedMessage.annotation,
        "response.refusal.delta": FollowedMessage.refusal,
        "response.refusal.done": FollowedMessage.refusal_done,
        "response.content_part.done": FollowedMessage.part_done,
    }
)

_SUMMARY: Final = "summary"
_CONTENT: Final = "content"
_REASONING_STEPS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "response.reasoning_summary_text.delta": (_SUMMARY, "summary_index", "delta"),
        "response.reasoning_summary_text.done": (_SUMMARY, "summary_index", "text"),
        "response.reasoning_text.delta": (_CONTENT, "content_index", "delta"),
        "response.reasoning_text.done": (_CONTENT, "content_index", "text"),
    }
)
"""Where the text belongs, the field that numbers it, and the field that has it."""


@attrs.define
class FollowedReasoning:
    """A stretch of reasoning: its summary, or where there is none its content. One part for all of it.

    State: which of its texts were told, and the blob that it opened with, which a later one replaces.
    """

    numbers: Iterator[int]
    early_blob: str = ""
    kind: str = "reasoning"
    done: bool = False
    _index: int | None = None
    _source: str = ""
    _last: int = -1
    _told: set[int] = attrs.field(factory=set)

    def feed(self, kind: str, event: Document) -> Sequence[Event]:
        source, numbered_by, field = _REASONING_STEPS[kind]
        number = _number(event.get(numbered_by))
        if self.done or (field == "text" and number in self._told):
            return ()
        return self._tell(source, number, _text(event.get(field)))

    def _tell(self, source: str, number: int, text: str) -> list[Event]:
        if not text or (self._source and self._source != source):
            return []
        self._source = source
        events: list[Event] = []
        if self._index is None:
            events = self._open()
        elif number != self._last:
            text = BETWEEN_SUMMARIES + text
        self._last = number
        self._told.add(number)
        events.append(Delta(cast(int, self._index), text))
        return events

    def _open(self) -> list[Event]:
        self._index = next(self.numbers)
        return [Opened(self._index, Thinking(""))]

    def finish(self, item: _Object) -> list[Event]:
        if self.done:
            return []
        events: list[Event] = []
        for source in (_SUMMARY, _CONTENT):
            for number, part in enumerate(_objects(item.get(source))):
                if number not in self._told or self._source != source:
                    events += self._tell(source, number, _text(part.get("text")))
        self.early_blob = _text(item.get("encrypted_content")) or self.early_blob
        return events + self.end()

    def end(self) -> list[Event]:
        self.done = True
        events: list[Event] = []
        if self.early_blob:
            if self._index is None:
                events = self._open()
            events.append(Signed(cast(int, self._index), Blob(self.early_blob)))
        if self._index is not None:
            events.append(Closed(self._index))
        return events


@attrs.define
class FollowedCall:
    """A call of one of the client's tools. It is opened as soon as its id and name are known.

    State: what is known of it, and the arguments that came before.
    """

    numbers: Iterator[int]
    kind: str
    done: bool = False
    called: bool = False
    """It was told."""
    call_id: str = ""
    name: str = ""
    namespace: str = ""
    _index: int = -1
    _told: bool = False
    _early: str = ""
    _held: list[str] = attrs.field(factory=list)
    _held_characters: int = 0

    def learn(self, item: _Object) -> list[Event]:
        """What its opening says, which may be anything or nothing."""
        self.call_id = self.call_id or _text(item.get("call_id"))
        self.name = self.name or _text(item.get("name"))
        self.namespace = self.namespace or _text(item.get("namespace"))
        self._early = _text(item.get(CALLS[self.kind])) or self._early
        if self.called or not self.name or not self.call_id:
            return []
        self.called = True
        self._index = next(self.numbers)
        call = ToolCall(self.call_id, self.name, custom=self.kind == "custom_tool_call", namespace=self.namespace)
        events: list[Event] = [Opened(self._index, call)]
        if self._held:
            self._told = True
            events.append(Delta(self._index, "".join(self._held)))
            self._held.clear()
        return events

    def feed(self, kind: str, event: Document) -> Sequence[Event]:
        if self.done:
            return ()
        if kind.endswith(".done"):
            self._early = _text(event.get(CALLS[self.kind])) or self._early
            return self._rest() if self.called else ()
        text = event.get("delta")
        if not isinstance(text, str) or not text:
            return ()
        if self._held_characters > MAX_HELD_CHARACTERS:
            return ()
        if self.called:
            self._told = True
            return (Delta(self._index, text),)
        self._held.append(text)
        self._held_characters += len(text)
        if self._held_characters > MAX_HELD_CHARACTERS:
            self._held.clear()
        return ()

    def _rest(self) -> list[Event]:
        if self._told or not self._early:
            return []
        self._told = True
        return [Delta(self._index, self._early)]

    def finish(self, item: _Object) -> list[Event]:
        if self.done:
            return []
        if not self.call_id and not item.get("call_id"):
            self.call_id = _text(item.get("id"))
        return self.learn(item) + self.end()

    def end(self) -> list[Event]:
        self.done = True
        return [*self._rest(), Closed(self._index)] if self.called else []


@attrs.define
class FollowedHosted:
    """An item that the vendor makes as a whole: its progress says nothing."""

    numbers: Iterator[int]
    kind: str
    done: bool = False

    def feed(self, kind: str, event: Document) -> Sequence[Event]:
        return ()

    def finish(self, item: _Object) -> list[Event]:
        if self.done:
            return []
        self.done = True
        events: list[Event] = []
        for part in read_hosted(cast(dict[str, Json], item)):
            events += _whole(next(self.numbers), part)
        return events

    def end(self) -> list[Event]:
        self.done = True
        return []


def _whole(index: int, part: Part) -> list[Event]:
    if isinstance(part, ServerCall):
        return [Opened(index, attrs.evolve(part, arguments="")), Delta(index, part.arguments), Closed(index)]
    return [Opened(index, part), Closed(index)]


STEPS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(_MESSAGE_STEPS, "message")
    | dict.fromkeys(_REASONING_STEPS, "reasoning")
    | dict.fromkeys(
        ("response.function_call_arguments.delta", "response.function_call_arguments.done"), "function_call"
    )
    | dict.fromkeys(
        ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"), "custom_tool_call"
    )
)
"""Events inside of items, to the kind of item they belong in."""


def follow(kind: str, item: _Object, numbers: Iterator[int]) -> tuple[FollowedItem, list[Event]]:
    """A new item of this kind, and what its opening already tells."""
    if kind == "message":
        return FollowedMessage(numbers), []
    if kind == "reasoning":
        return FollowedReasoning(numbers, _text(item.get("encrypted_content"))), []
    if kind in CALLS:
        call = FollowedCall(numbers, kind)
        return call, call.learn(item)
    return FollowedHosted(numbers, kind), []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _object(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[_Object]:
    """The objects in a list; others count as empty, so that positions stay."""
    return [_object(part) for part in value] if isinstance(value, list) else []
