"""A whole reply, and the two ways between it and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
from cliproxy.conversation.parts import Citation, Json, Part, Refusal, ServerCall, Text, Thinking, ToolCall
from cliproxy.conversation.usage import Usage


@attrs.frozen
class Choice:
    """One answer."""

    parts: tuple[Part, ...]
    stop: Stop = Stop.END
    sequence: str | None = None
    detail: str = ""
    logprobs: tuple[Json, ...] = ()
    """Of its visible text, as OpenAI Chat writes them."""


@attrs.frozen
class Reply:
    """Everything that a request was answered."""

    id: str = ""
    model: str = ""
    choices: tuple[Choice, ...] = (Choice(()),)
    usage: Usage | None = None


@attrs.define
class _Growing:
    part: Part
    choice: int
    text: list[str] = attrs.field(factory=list)
    citations: list[Citation] = attrs.field(factory=list)


class Fold:
    """Events in, a reply out. State: the parts so far."""

    def __init__(self) -> None:
        self._head = Started()
        self._growing: dict[int, _Growing] = {}
        self._finished: dict[int, Finished] = {}
        self._usage: Usage | None = None
        self._logprobs: dict[int, list[Json]] = {}
        self.failed: Failed | None = None
        """Why there is no reply, if so."""
        self.ended = False
        self._steps: Mapping[type[Event], Callable[..., None]] = {
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

    def feed(self, event: Event) -> None:
        """One event, in its order."""
        self._steps[type(event)](event)

    def reply(self) -> Reply:
        """What has come. A choice of which no end came counts as ended."""
        choices = sorted({grown.choice for grown in self._growing.values()} | self._finished.keys()) or [0]
        return Reply(self._head.id, self._head.model, tuple(self._choice(number) for number in choices), self._usage)

    def _choice(self, number: int) -> Choice:
        end = self._finished.get(number, Finished(Stop.END))
        parts = tuple(_whole(grown) for _, grown in sorted(self._growing.items()) if grown.choice == number)
        return Choice(parts, end.stop, end.sequence, end.detail, tuple(self._logprobs.get(number, ())))

    def _started(self, event: Started) -> None:
        self._head = event
        self._usage = event.usage

    def _opened(self, event: Opened) -> None:
        self._growing[event.index] = _Growing(event.part, event.choice)

    def _delta(self, event: Delta) -> None:
        grown = self._growing[event.index]
        grown.text.append(event.text)
        if isinstance(event.logprobs, list):
            self._logprobs.setdefault(grown.choice, []).extend(event.logprobs)

    def _signed(self, event: Signed) -> None:
        grown = self._growing[event.index]
        if isinstance(grown.part, Text | Thinking | ToolCall):
            grown.part = attrs.evolve(grown.part, blob=event.blob)

    def _cited(self, event: Cited) -> None:
        self._growing[event.index].citations.append(event.citation)

    def _closed(self, event: Closed) -> None:
        pass

    def _used(self, event: Used) -> None:
        self._usage = event.usage

    def _choice_finished(self, event: Finished) -> None:
        self._finished[event.choice] = event

    def _ended(self, event: Ended) -> None:
        self.ended = True

    def _failed(self, event: Failed) -> None:
        self.failed = event


def _whole(grown: _Growing) -> Part:
    part = grown.part
    text = "".join(grown.text)
    if isinstance(part, Text):
        return attrs.evolve(part, text=part.text + text, citations=(*part.citations, *grown.citations))
    if isinstance(part, Thinking | Refusal):
        return attrs.evolve(part, text=part.text + text)
    if isinstance(part, ToolCall | ServerCall):
        return attrs.evolve(part, arguments=part.arguments + text)
    return part


def fold(events: Iterable[Event]) -> Reply:
    """The reply that the events tell."""
    folding = Fold()
    for event in events:
        folding.feed(event)
    return folding.reply()


def merge(replies: Sequence[Reply]) -> Reply:
    """Several replies to one request as the choices of one. What all of them took is added up."""
    usages = [reply.usage for reply in replies if reply.usage is not None]
    usage = Usage(*(sum(figures) for figures in zip(*map(attrs.astuple, usages), strict=True))) if usages else None
    return Reply(replies[0].id, replies[0].model, tuple(choice for reply in replies for choice in reply.choices), usage)


def unfold(reply: Reply) -> Iterator[Event]:
    """The events that tell a whole reply: `fold(unfold(reply)) == reply`, but for empty deltas there are none."""
    yield Started(reply.id, reply.model, reply.usage)
    index = 0
    for number, choice in enumerate(reply.choices):
        logprobs: Json = list(choice.logprobs) or None
        for part in choice.parts:
            yield from _unfold_part(index, part, number, logprobs)
            if isinstance(part, Text) and part.text:
                logprobs = None
            index += 1
    for number, choice in enumerate(reply.choices):
        yield Finished(choice.stop, choice.sequence, choice.detail, number)
    if reply.usage is not None:
        yield Used(reply.usage)
    yield Ended()


def _unfold_part(index: int, part: Part, choice: int, logprobs: Json) -> Iterator[Event]:
    if isinstance(part, Text):
        yield Opened(index, Text("", part.cache), choice)
        if part.text:
            yield Delta(index, part.text, logprobs)
        for citation in part.citations:
            yield Cited(index, citation)
    elif isinstance(part, Thinking | Refusal):
        head = attrs.evolve(part, text="", blob=None) if isinstance(part, Thinking) else Refusal("")
        yield Opened(index, head, choice)
        if part.text:
            yield Delta(index, part.text)
    elif isinstance(part, ToolCall | ServerCall):
        head_of_call = attrs.evolve(part, arguments="")
        if isinstance(head_of_call, ToolCall):
            head_of_call = attrs.evolve(head_of_call, blob=None)
        yield Opened(index, head_of_call, choice)
        if part.arguments:
            yield Delta(index, part.arguments)
    else:
        yield Opened(index, part, choice)
    if isinstance(part, Text | Thinking | ToolCall) and part.blob is not None:
        yield Signed(index, part.blob)
    yield Closed(index)
