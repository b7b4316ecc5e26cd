"""Parts that came interleaved, put one after another: for wires that know one open part at a time.

What belongs to the part that is open passes at once; what belongs to later ones waits until it is closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from cliproxy.conversation.events import Closed, Event, Failed, Opened


class Sequencer:
    """State: the number of the part that is open, and what waits behind it, by part."""

    def __init__(self) -> None:
        self._open: int | None = None
        self._waiting: dict[int, list[Event]] = {}

    def feed(self, event: Event) -> Sequence[Event]:
        """The events that may be told now, in an order in which no two parts overlap."""
        if isinstance(event, Failed):
            self._waiting.clear()
            return (event,)
        index = getattr(event, "index", None)
        if index is None:
            return (event,)
        if self._open is None and isinstance(event, Opened):
            self._open = index
            return (event,)
        if index != self._open:
            self._waiting.setdefault(index, []).append(event)
            return ()
        if not isinstance(event, Closed):
            return (event,)
        told: list[Event] = [event]
        self._open = None
        self._release(told)
        return told

    def _release(self, told: list[Event]) -> None:
        """Tell what waits: whole parts, and of the first that is still open what there is."""
        for index in sorted(self._waiting):
            events = self._waiting.pop(index)
            told += events
            if not isinstance(events[-1], Closed):
                self._open = index
                return
