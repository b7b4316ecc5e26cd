"""What a reply of Anthropic's wire must have for Amp to show it, put in on its last way to the client.

Amp's terminal reads the length of the signature of every thinking and tool_use block, and stops at one that has none;
and it looks up its tools by their exact names. Every byte that is not about these passes as it came: of a stream, only
the events that open a block are looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import attrs
import msgspec
from twisted.internet.interfaces import IPushProducer

from cliproxy.amp.splicing import in_elements, in_member, read
from cliproxy.amp.tools import Casing
from cliproxy.errors import BadRequest
from cliproxy.formats import sse
from cliproxy.shaping.changes import Path
from cliproxy.shaping.spans import Change, Set, edit
from cliproxy.streaming.outlet import Outlet

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Of a reply that is no stream, which must be there whole before it can be dressed. A longer one passes as it is."""
MAX_BLOCKS: Final = 1_000
"""Of one reply that is no stream; no model calls so many tools at once. One of more passes as it is."""

Lines = Sequence[tuple[bytes, bytes]]

_OPENING: Final = b"content_block_start"
_SIGNED: Final = ("thinking", "tool_use")
"""The types of blocks whose signature Amp reads. No set: what stands there may be anything."""


class _Block(msgspec.Struct):
    type: object = None
    name: object = None
    signature: object = None


class _Event(msgspec.Struct):
    type: object = None
    content_block: msgspec.Raw = msgspec.Raw(b"null")


_BLOCK: Final = msgspec.json.Decoder(_Block)
_EVENT: Final = msgspec.json.Decoder(_Event)


def dressed_body(body: bytes, casing: Casing) -> bytes:
    """A whole message, dressed; the very same object if it needs nothing, or is no message."""
    if not 0 < body.count(b'"thinking"') + body.count(b'"tool_use"') <= MAX_BLOCKS:
        return body
    return in_member(
        body,
        "content",
        lambda content: in_elements(content, lambda block: _edited(block, _changes(block, casing))),
    )


def dressed_events(events: bytes, casing: Casing) -> bytes:
    """Some whole events, dressed; the very same object if none of them opens a block."""
    if _OPENING not in events:
        return events
    return b"".join([_event(event, casing) for event in sse.each(events)])


def _event(event: bytes, casing: Casing) -> bytes:
    payload = sse.data_of(event) if _OPENING in event else None
    if not payload or event.count(payload) != 1:  # a document over several lines is not what upstreams write
        return event
    opened = read(_EVENT, payload)
    if opened is None or opened.type != "content_block_start":
        return event
    changes = _changes(opened.content_block, casing, ("content_block",))
    return event.replace(payload, _edited(payload, changes)) if changes else event


def _changes(block: bytes | msgspec.Raw, casing: Casing, path: Path = ()) -> list[Change]:
    """What a block needs, that stands at `path`."""
    seen = read(_BLOCK, block)
    if seen is None or seen.type not in _SIGNED:
        return []
    changes: list[Change] = []
    if seen.type == "tool_use" and isinstance(seen.name, str) and (told := casing.told(seen.name)) != seen.name:
        changes.append(Set((*path, "name"), told))
    if seen.signature is None:
        changes.append(Set((*path, "signature"), ""))
    return changes


def _edited(document: bytes, changes: Sequence[Change]) -> bytes:
    try:
        return edit(document, changes) if changes else document
    except BadRequest:
        return document


@attrs.define
class _Held:
    """A reply that is no stream, as far as it has come, before its head is told: its length may change."""

    status: int
    headers: Lines
    pieces: list[bytes] = attrs.field(factory=list)
    size: int = 0
    is_object: bool = False
    """Something has come, and it begins like a JSON object."""


class Dressed:
    """An `Outlet` before another one.

    State: whether events pass, or a body is held. While it is held nothing has been told: status and headers are still
    free, and may be fixed anew.
    """

    def __init__(self, outlet: Outlet, casing: Casing) -> None:
        self._outlet = outlet
        self._casing = casing
        self._streams = False
        self._held: _Held | None = None

    @property
    def head_sent(self) -> bool:
        """Whether status and headers are fixed; they are not while the body is held."""
        return self._outlet.head_sent

    @property
    def closed(self) -> bool:
        """Ended by us, or the client is gone."""
        return self._outlet.closed

    @property
    def last_write(self) -> float:
        """When the client last got something."""
        return self._outlet.last_write

    @property
    def full_since(self) -> float | None:
        """Since when the client has not taken what is there; None while it has room."""
        return self._outlet.full_since

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Fix status and headers, or keep them until the body is there."""
        lines = tuple(headers)
        readable = status < 300 and _value_of(lines, b"content-encoding") in (b"", b"identity")
        self._streams = readable and _value_of(lines, b"content-type").startswith(b"text/event-stream")
        if readable and not self._streams:
            self._held = _Held(status, lines)
        else:
            self._held = None
            self._outlet.head(status, lines)

    def draw_from(self, source: IPushProducer) -> None:
        """Pause and resume `source` as the client's end fills and empties."""
        self._outlet.draw_from(source)

    def write(self, chunk: bytes) -> None:
        """Tell whole events at once, dressed; keep a piece of a body that is to be dressed."""
        if self._held is not None:
            self._hold(self._held, chunk)
        elif self._streams:
            self._outlet.write(dressed_events(chunk, self._casing))
        else:
            self._outlet.write(chunk)

    def flush(self) -> None:
        """Tell now what has gathered; a body that is held is not whole yet."""
        self._outlet.flush()

    def finish(self) -> None:
        """End the reply; a body that is held is whole now."""
        self._release(lambda body: dressed_body(body, self._casing))
        self._outlet.finish()

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        """End the reply where it is: as much of it as has come is told first, as it came."""
        self._release()
        self._outlet.cut(when_closed)

    def _hold(self, held: _Held, chunk: bytes) -> None:
        if self.closed:
            held.pieces.clear()
            return
        held.pieces.append(chunk)
        held.size += len(chunk)
        if not held.is_object and (beginning := chunk.lstrip()[:1]):
            if beginning != b"{":
                self._release()  # no message; perhaps a stream that is not called one
                return
            held.is_object = True
        if held.size > MAX_BODY_BYTES:
            self._release()

    def _release(self, dress: Callable[[bytes], bytes] | None = None) -> None:
        """Tell what was held, with its length if it is whole and dressed."""
        held, self._held = self._held, None
        if held is None:
            return
        body = b"".join(held.pieces)
        lines = held.headers
        if dress is not None and body:
            body = dress(body)
            others = [line for line in lines if line[0].lower() != b"content-length"]
            lines = (*others, (b"content-length", b"%d" % len(body)))
        self._outlet.head(held.status, lines)
        self._outlet.write(body)


def _value_of(lines: Lines, name: bytes) -> bytes:
    """The first value of a header, in lower case; empty if it is not there."""
    return next((value.strip().lower() for known, value in lines if known.lower() == name), b"")
