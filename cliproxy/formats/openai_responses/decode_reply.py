"""A reply of this wire as neutral events, from a stream or as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.events import Ended, Event, Failed, Finished, Started, Stop, Used
from cliproxy.conversation.reply import Fold, Reply
from cliproxy.errors import Broken, Reported
from cliproxy.formats.openai_responses.errors import failure
from cliproxy.formats.openai_responses.followed_items import (
    STEPS,
    FollowedCall,
    FollowedItem,
    FollowedMessage,
    follow,
)
from cliproxy.formats.openai_responses.usage import read_usage
from cliproxy.formats.wire import Document

_REASONS: Final[Mapping[str, Stop]] = MappingProxyType(
    {
        "max_output_tokens": Stop.LENGTH,
        "max_tokens": Stop.LENGTH,
        "content_filter": Stop.REFUSAL,
        "max_messages": Stop.END,
        "steered": Stop.END,
    }
)
"""`incomplete_details.reason`."""
_FAILED: Final = ("failed", "cancelled")
_UNFINISHED: Final = ("queued", "in_progress")


class ResponsesReplyDecoder:
    """Follows one streamed reply.

    State: the items so far, by their place in the output and by their id; whether the reply began, and ended.
    """

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count()
        self._items: list[FollowedItem] = []
        self._places: dict[int, FollowedItem] = {}
        self._ids: dict[str, FollowedItem] = {}
        self._begun = False
        self._over = False
        self._steps: Mapping[str, Callable[[Document], Sequence[Event]]] = {
            "response.created": self._opening,
            "response.in_progress": self._opening,
            "response.queued": self._opening,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.completed": self._ended,
            "response.incomplete": self._ended,
            "response.failed": self._failed,
            "error": self._failed,
        }

    def feed(self, document: Document) -> Sequence[Event]:
        kind = document.get("type")
        if self._over or not isinstance(kind, str):
            return self._failed(document) if not self._over and document.get("error") else ()
        item_kind = STEPS.get(kind)
        if item_kind is None:
            step = self._steps.get(kind)
            return step(document) if step is not None else ()
        events = self._item_of(document, item_kind).feed(kind, document)
        return events if self._begun else (*self._begin({}), *events)

    def finish(self) -> Sequence[Event]:
        if self._over:
            return ()
        self._over = True
        return (Failed(502, "The upstream's reply stopped before its end.", early_end=True),)

    def _begin(self, response: Mapping[str, object]) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        name, model = response.get("id"), response.get("model")
        return [Started(name if isinstance(name, str) else "", model if isinstance(model, str) else "")]

    def _opening(self, document: Document) -> Sequence[Event]:
        return self._begin(_object(document.get("response")))

    def _failed(self, document: Document) -> Sequence[Event]:
        self._over = True
        return (failure(document),)

    # -- items --------------------------------------------------------------------------------------------------

    def _item_of(self, event: Document, kind: str) -> FollowedItem:
        """The item an event belongs to: by its id, or by its place, as some servers give another id in each event.
        Without an opening it is opened now.
        """
        name, place = event.get("item_id"), event.get("output_index")
        item = self._ids.get(name) if isinstance(name, str) else None
        if item is None or item.kind != kind:
            item = self._at(place, kind)
        if item is None or item.kind != kind:
            item, _ = self._follow(kind, {"id": name}, place)
        return item

    def _at(self, place: object, kind: str) -> FollowedItem | None:
        """The item in this place of the output; where none is told, the last of its kind that is not done."""
        if isinstance(place, int):
            return self._places.get(place)
        return next((item for item in reversed(self._items) if item.kind == kind and not item.done), None)

    def _follow(self, kind: str, item: Mapping[str, object], place: object) -> tuple[FollowedItem, list[Event]]:
        opened, events = follow(kind, item, self._numbers)
        self._items.append(opened)
        if isinstance(place, int):
            self._places[place] = opened
        name = item.get("id")
        if isinstance(name, str) and name:
            self._ids[name] = opened
        return opened, events

    def _item_added(self, document: Document) -> Sequence[Event]:
        item, place = _object(document.get("item")), document.get("output_index")
        kind, name = item.get("type"), item.get("id")
        if not isinstance(kind, str):
            return ()
        events = self._begin({})
        known = self._ids.get(name) if isinstance(name, str) and name else self._at(place, kind)
        if known is None or known.kind != kind or known.done:
            return events + self._follow(kind, item, place)[1]
        return events + known.learn(item) if isinstance(known, FollowedCall) else events

    def _item_done(self, document: Document) -> Sequence[Event]:
        item, place = _object(document.get("item")), document.get("output_index")
        kind, name = item.get("type"), item.get("id")
        if not isinstance(kind, str):
            return ()
        events = self._begin({})
        known = self._ids.get(name) if isinstance(name, str) else None
        if known is None or known.kind != kind:
            known = self._at(place, kind)
            if known is None or known.kind != kind or known.done:
                known, opening = self._follow(kind, item, place)
                events += opening
        return events + known.finish(item)

    # -- the end ------------------------------------------------------------------------------------------------

    def _ended(self, document: Document) -> Sequence[Event]:
        response = _object(document.get("response"))
        status = response.get("status")
        if status in _FAILED:
            return self._failed(document)
        self._over = True
        events = self._begin(response)
        events += self._told_at_the_end(response.get("output"))
        for item in self._items:
            if not item.done:
                events += item.end()
        incomplete = status == "incomplete" or document.get("type") == "response.incomplete"
        events.append(self._finished(response, incomplete))
        usage = read_usage(response)
        if usage is not None:
            events.append(Used(usage))
        events.append(Ended())
        return events

    def _told_at_the_end(self, output: object) -> list[Event]:
        """The items that the response lists, and no event told before. Its list may be empty, or another in all ids:
        of each kind the first stands for the first, but for calls, which are known by what their results name.
        """
        events: list[Event] = []
        waiting: dict[str, list[FollowedItem]] = {}
        for followed in self._items:
            waiting.setdefault(followed.kind, []).append(followed)
        for item in output if isinstance(output, list) else ():
            whole = _object(item)
            kind = whole.get("type")
            if not isinstance(kind, str):
                continue
            known = _take(waiting.get(kind), self._ids.get(str(whole.get("id"))), whole.get("call_id"))
            if known is None:
                known, opening = self._follow(kind, whole, None)
                events += opening
            events += known.finish(whole)
        return events

    def _finished(self, response: Mapping[str, object], incomplete: bool) -> Finished:
        if incomplete:
            reason = _object(response.get("incomplete_details")).get("reason")
            word = reason if isinstance(reason, str) else "max_output_tokens"
            return Finished(_REASONS.get(word, Stop.END), detail=word)
        sequence = response.get("stop_sequence")  # servers that know stop sequences tell it so
        if isinstance(sequence, str) and sequence:
            return Finished(Stop.SEQUENCE, sequence)
        if any(isinstance(item, FollowedCall) and item.called for item in self._items):
            return Finished(Stop.TOOLS)
        if any(isinstance(item, FollowedMessage) and item.declined for item in self._items):
            return Finished(Stop.REFUSAL)
        return Finished(Stop.END)


def _take(waiting: list[FollowedItem] | None, preferred: FollowedItem | None, call_id: object) -> FollowedItem | None:
    """The item that another one repeats, which is then no longer waiting for one."""
    ranks = [_rank(item, preferred, call_id) for item in waiting or ()]
    if not waiting or max(ranks) < 0:
        return None
    return waiting.pop(ranks.index(max(ranks)))


def _rank(item: FollowedItem, preferred: FollowedItem | None, call_id: object) -> int:
    """How surely the item is the one; below 0 it is not."""
    if item is preferred:
        return 2
    if not isinstance(item, FollowedCall) or not item.call_id or not isinstance(call_id, str) or not call_id:
        return 0
    return 1 if item.call_id == call_id else -1


def decode_reply(document: Document) -> Reply:
    """A whole response. Raises `Broken` for what is none or not finished, `Reported` for an error in its place."""
    if document.get("error") or document.get("status") in _FAILED:
        failed = failure(document)
        raise Reported(failed.message, failed.status)
    if not isinstance(document.get("output"), list):
        raise Broken("The upstream's reply has no output.")
    if document.get("status") in _UNFINISHED:
        raise Broken("The upstream's reply is not finished yet.")
    folding = Fold()
    for event in ResponsesReplyDecoder().feed({"type": "response.completed", "response": document}):
        folding.feed(event)
    return folding.reply()


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
