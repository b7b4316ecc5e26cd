"""Stop sequences for targets that know none, or not so many: the reply is cut where one of them comes up.

Its visible text is looked through as it comes. Only what may be the beginning of a stop sequence waits for more, at
most one character less than the longest has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

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
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Text
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Limits


def fit_stops(request: Request, limits: Limits, losses: Losses) -> tuple[Request, StopScanner | None]:
    """The request without stop sequences, and the stage that stops instead; None if the target takes them."""
    blank = not limits.blank_stops and any(stop.isspace() for stop in request.stop)
    if len(request.stop) <= limits.stops and not blank:
        return request, None
    stops = tuple(dict.fromkeys(stop for stop in request.stop if stop))
    if stops:
        losses.emulate("stop", "the reply is cut where a stop sequence comes up")
    return attrs.evolve(request, stop=()), StopScanner(stops, request.choices) if stops else None


class StopScanner:
    """Cuts each choice of a reply before the first of `stops`, none of which is empty.

    A stop sequence comes up when its last character does; of those that end together the longest counts.

    State: the open parts with what of their text waits, the choices that are over, and the usage so far.
    """

    def __init__(self, stops: Sequence[str], choices: int = 1) -> None:
        self.done = False
        """The reply is whole as the client is told it; what the upstream still says is not told."""
        self._stops = tuple(sorted(stops, key=len, reverse=True))
        self._most = len(self._stops[0]) - 1
        self._by_first: Mapping[str, Sequence[str]] = {
            first: tuple(stop for stop in self._stops if stop[0] == first) for first in {stop[0] for stop in stops}
        }
        self._firsts = frozenset(self._by_first)
        self._choices = choices
        self._open: dict[int, int] = {}
        self._tails: dict[int, _Tail] = {}
        self._cut: set[int] = set()
        self._over: set[int] = set()
        self._usage: Usage | None = None

    def feed(self, event: Event) -> Sequence[Event]:
        """The event, or what of it comes before the stop sequence, or the end of the reply."""
        return () if self.done else self._STEPS[type(event)](self, event)

    def _started(self, event: Started) -> Sequence[Event]:
        self._usage = event.usage
        return (event,)

    def _opened(self, event: Opened) -> Sequence[Event]:
        if event.choice in self._cut:
            return ()
        self._open[event.index] = event.choice
        if isinstance(event.part, Text):
            self._tails[event.index] = _Tail()
        return (event,)

    def _delta(self, event: Delta) -> Sequence[Event]:
        tail = self._tails.get(event.index)
        if tail is None:
            return (event,) if event.index in self._open else ()
        if not tail.text and self._firsts.isdisjoint(event.text):
            return (event,)
        tail.add(event)
        found = self._first_stop(tail.text)
        if found is None:
            return tail.tell(event.index, len(tail.text) - self._waiting(tail.text))
        start, stop = found
        return (*tail.tell(event.index, start), *self._end(self._open[event.index], stop))

    def _first_stop(self, text: str) -> tuple[int, str] | None:
        """Where the first stop sequence begins, and which it is."""
        found: tuple[int, str] | None = None
        first_end = len(text) + 1
        for stop in self._stops:
            start = text.find(stop, 0, first_end - 1)
            if start >= 0:
                first_end = start + len(stop)
                found = (start, stop)
        return found

    def _waiting(self, text: str) -> int:
        """How many characters at the end may begin a stop sequence."""
        window = text[-self._most :] if self._most else ""
        for position, char in enumerate(window):
            if char in self._firsts:
                rest = window[position:]
                if any(stop.startswith(rest) for stop in self._by_first[char]):
                    return len(rest)
        return 0

    def _end(self, choice: int, stop: str) -> Sequence[Event]:
        """A choice's early end; with the last of them, the reply's."""
        closed = [index for index, owner in self._open.items() if owner == choice]
        for index in closed:
            del self._open[index]
            self._tails.pop(index, None)
        self._cut.add(choice)
        self._over.add(choice)
        events: list[Event] = [Closed(index) for index in closed]
        events.append(Finished(Stop.SEQUENCE, stop, choice=choice))
        if len(self._over) >= self._choices:
            self.done = True
            events += [Used(self._usage), Ended()] if self._usage is not None else [Ended()]
        return events

    def _beside(self, event: Signed | Cited) -> Sequence[Event]:
        return (event,) if event.index in self._open else ()

    def _closed(self, event: Closed) -> Sequence[Event]:
        if self._open.pop(event.index, None) is None:
            return ()
        tail = self._tails.pop(event.index, None)
        return (event,) if tail is None else (*tail.tell(event.index, len(tail.text)), event)

    def _used(self, event: Used) -> Sequence[Event]:
        self._usage = event.usage
        return (event,)

    def _finished(self, event: Finished) -> Sequence[Event]:
        if event.choice in self._cut:
            return ()
        self._over.add(event.choice)
        return (event,)

    def _ended(self, event: Ended) -> Sequence[Event]:
        self.done = True
        return (event,)

    def _failed(self, event: Failed) -> Sequence[Event]:
        """What waits was said, whatever came then."""
        self.done = True
        waiting = [told for index, tail in self._tails.items() for told in tail.tell(index, len(tail.text))]
        return (*waiting, event)

    _STEPS: ClassVar[Mapping[type[Event], Callable[..., Sequence[Event]]]] = MappingProxyType(
        {
            Started: _started,
            Opened: _opened,
            Delta: _delta,
            Signed: _beside,
            Cited: _beside,
            Closed: _closed,
            Used: _used,
            Finished: _finished,
            Ended: _ended,
            Failed: _failed,
        }
    )


class _Tail:
    """What of a text waits, with the log probabilities of its tokens.

    State: that, and how many of its characters belong to a token whose probability was told already.
    """

    __slots__ = ("_logprobs", "_told_ahead", "text")

    def __init__(self) -> None:
        self.text = ""
        self._logprobs: list[Json] = []
        self._told_ahead = 0

    def add(self, event: Delta) -> None:
        """More of the text."""
        self.text += event.text
        if isinstance(event.logprobs, list):
            self._logprobs += event.logprobs

    def tell(self, index: int, count: int) -> Sequence[Event]:
        """That many characters, with the tokens that begin in them."""
        if not count:
            return ()
        told, self.text = self.text[:count], self.text[count:]
        return (Delta(index, told, self._tokens(count) or None),)

    def _tokens(self, count: int) -> list[Json]:
        logprobs, end, used = self._logprobs, self._told_ahead, 0
        while used < len(logprobs) and (end < count or not self.text):
            end += _length(logprobs[used])
            used += 1
        self._logprobs = logprobs[used:]
        self._told_ahead = max(end - count, 0) if self.text else 0
        return logprobs[:used]


def _length(token: Json) -> int:
    """In characters. Tokens are told as OpenAI Chat writes them."""
    text = token.get("token") if isinstance(token, dict) else None
    return len(text) if isinstance(text, str) else 1
