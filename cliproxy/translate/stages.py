"""What undoes a request's fitting in its reply: stages, each of which tells other events in the place of some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cliproxy.conversation.events import Event


class Stage(Protocol):
    """One step of one reply's way back to the client."""

    def feed(self, event: Event) -> Sequence[Event]:
        """What is told for `event`, now, in an order that `conversation.events` allows. Never raises."""


def apply(stages: Sequence[Stage], events: Sequence[Event]) -> Sequence[Event]:
    """The events that are told once every stage, the first one first, has had its way with `events`."""
    for stage in stages:
        events = stage.feed(events[0]) if len(events) == 1 else _each(stage, events)
    return events


def _each(stage: Stage, events: Sequence[Event]) -> Sequence[Event]:
    return [told for event in events for told in stage.feed(event)]
