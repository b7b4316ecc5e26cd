"""Streams of OpenAI Responses whose last event leaves out the output, and bodies made of such streams.

The items came before, each with an event of its own; what is put together of them are their own bytes.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec

from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest, Broken
from cliproxy.formats import sse
from cliproxy.formats.jsontext import loads
from cliproxy.formats.wire import Mark, WireFormat
from cliproxy.shaping.spans import Set, edit
from cliproxy.translate.rework import whole_events, with_payload

MAX_OUTPUT_BYTES: Final = sse.MAX_EVENT_BYTES
"""Of items that are remembered. A last event that repeats more would be too long for one anyway."""
_ITEM_DONE: Final = b"response.output_item.done"
_LAST: Final = (b"response.completed", b"response.incomplete")
_NOTHING: Final = msgspec.Raw(b"")


class _Output(msgspec.Struct):
    output: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    output_index: int | None = None
    item: msgspec.Raw = _NOTHING
    response: msgspec.Raw = _NOTHING


_EVENT: Final = msgspec.json.Decoder(_Event)
_OUTPUT: Final = msgspec.json.Decoder(_Output)


class RebuiltOutput:
    """Fills in the output of the last event, if it is empty. All other events pass as they are.

    State: the event under way, and the items so far by their places, at most `MAX_OUTPUT_BYTES`.
    """

    over = False
    """The last event says it to whoever reads it."""

    def __init__(self) -> None:
        self.too_long = False
        """There were more items than could be remembered, so that none are."""
        self._splitter = sse.EventSplitter()
        self._items: dict[int, bytes] = {}
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """The events that `chunk` completes. Raises `Broken` for one without an end."""
        events = whole_events(self._splitter, chunk)
        if _ITEM_DONE not in events and not any(last in events for last in _LAST):
            return events
        return b"".join(map(self._event, sse.each(events)))

    def finish(self) -> bytes:
        """The beginning of an event that has no end, as it came."""
        return self._splitter.unfinished

    def _event(self, event: bytes) -> bytes:
        payload = sse.data_of(event)
        if not payload:
            return event
        try:
            told = _EVENT.decode(payload)
            kind = told.type.encode()
            if kind == _ITEM_DONE:
                self._remember(told, len(payload))
            elif kind in _LAST and self._items and not _OUTPUT.decode(told.response).output:
                return with_payload(event, payload, self._filled(payload))
        except (msgspec.DecodeError, RecursionError, BadRequest):
            pass  # whatever it is, whoever reads it will say
        return event

    def _remember(self, told: _Event, size: int) -> None:
        item = bytes(told.item)
        self._size += size  # of the whole event, so that tiny items cannot be endlessly many
        if self._size > MAX_OUTPUT_BYTES:
            self.too_long = True
            self._items.clear()
        elif item.startswith(b"{"):
            place = told.output_index
            self._items[max(self._items, default=-1) + 1 if place is None else place] = item

    def _filled(self, payload: bytes) -> bytes:
        items = [msgspec.Raw(self._items[place]) for place in sorted(self._items)]
        return edit(payload, [Set(("response", "output"), cast(Json, items))])


class CollectedBody:
    """The response that ends a stream, as the body that a client gets who wanted no stream.

    State: that of the stream, and whether its last event has come.
    """

    def __init__(self, wire: WireFormat) -> None:
        self.over = False
        self._wire = wire
        self._rebuilt = RebuiltOutput()
        self._empty = True

    def feed(self, chunk: bytes) -> bytes:
        """The response, once it is there. Raises `Reported` for a failure that is told in its place, and `Broken`."""
        if self.over:
            return b""
        self._empty = self._empty and not chunk
        for event in sse.each(self._rebuilt.feed(chunk)):
            response = self._response_in(event)
            if response:
                self.over = True
                return response
        return b""

    def finish(self) -> bytes:
        """Nothing more. Raises `Broken` if no response came."""
        if self.over:
            return b""
        if self._empty:
            raise Broken("The upstream answered with an empty stream.")
        raise Broken("The upstream ended the stream before the message was complete.")

    def _response_in(self, event: bytes) -> bytes:
        payload = sse.data_of(event)
        if payload is None:
            if sse.is_comment(event):
                return b""
            raise Broken("The upstream sent something that is not an event stream.")
        try:
            document = loads(payload)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Broken("The upstream sent an event that is not a JSON object.")
        meaning = self._wire.mark(document)
        if meaning is Mark.FAILED:
            raise self._wire.trouble(document)
        if meaning is not Mark.LAST:
            return b""
        response = document.get("response")
        if not isinstance(response, dict):
            raise Broken("The upstream ended its stream without the response.")
        if self._rebuilt.too_long and not response.get("output"):
            raise Broken(f"The upstream's answer is longer than {MAX_OUTPUT_BYTES} bytes.")
        return bytes(_EVENT.decode(payload).response)
