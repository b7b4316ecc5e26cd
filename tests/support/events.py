"""A checker of the grammar that `conversation.events` states."""

from __future__ import annotations

from collections.abc import Iterable

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
    Used,
)


class UngrammaticalError(AssertionError):
    """The events are no reply."""


def check_events(events: Iterable[Event]) -> None:
    """Raise `UngrammaticalError` unless the events are one reply, whole or failed."""
    started = over = False
    opened: dict[int, int] = {}
    closed: set[int] = set()
    finished: set[int] = set()
    for number, event in enumerate(events):
        where = f"event {number}, {event}"
        _insist(not over, f"{where}: after the end")
        if isinstance(event, Failed):
            over = True
            continue
        _insist(started or isinstance(event, Started), f"{where}: before the beginning")
        if isinstance(event, Started):
            _insist(not started, f"{where}: a second beginning")
            started = True
        elif isinstance(event, Opened):
            _insist(event.index == len(opened), f"{where}: the next part has number {len(opened)}")
            _insist(event.choice not in finished, f"{where}: its choice is finished")
            opened[event.index] = event.choice
        elif isinstance(event, Delta | Signed | Cited | Closed):
            _insist(event.index in opened and event.index not in closed, f"{where}: no such part is open")
            _insist(not isinstance(event, Delta) or bool(event.text), f"{where}: an empty delta")
            if isinstance(event, Closed):
                closed.add(event.index)
        elif isinstance(event, Finished):
            still = [index for index, choice in opened.items() if choice == event.choice and index not in closed]
            _insist(not still, f"{where}: parts {still} are open")
            _insist(event.choice not in finished, f"{where}: finished twice")
            finished.add(event.choice)
        elif isinstance(event, Ended):
            _insist(bool(finished) and set(opened.values()) <= finished, f"{where}: not every choice is finished")
            over = True
        else:
            _insist(isinstance(event, Used), f"{where}: no event")
    _insist(over, "there is no end")


def _insist(holds: bool, message: str) -> None:
    if not holds:
        raise UngrammaticalError(message)
