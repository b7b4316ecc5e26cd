"""The demo's vocabulary: a request as bytes, a reply as steps, and what a wire format must offer. Imports no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import attrs
import orjson

from cliproxy.demo.settings import DemoSettings

JsonObject = dict[str, "Json"]
Json = JsonObject | list["Json"] | str | int | float | bool | None

_ROOM: Final = 16
"""So many levels a reply may put around a value of the client's."""


def writable(value: Json) -> bool:
    """Whether the value can stand in a reply: JSON is read deeper than it is written."""
    for _ in range(_ROOM):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


@attrs.frozen
class DemoRequest:
    """What a client sent. Header names are in lower case; `query` is without its question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Hidden in `repr`: a key may be among them."""
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Chunk:
    """Bytes of the body; in a stream, one whole event."""

    body: bytes


@attrs.frozen
class Stamped:
    """A chunk whose middle is the player's monotonic clock in nanoseconds, read as it is sent."""

    prefix: bytes
    suffix: bytes

    def at(self, nanoseconds: int) -> bytes:
        """The whole chunk, stamped."""
        return b"%b%d%b" % (self.prefix, nanoseconds, self.suffix)


@attrs.frozen
class Pause:
    """Silence."""

    seconds: float


@attrs.frozen
class Cut:
    """The connection is reset: the last step."""


@attrs.frozen
class End:
    """The body ends as it should: the last step."""


Step = Chunk | Stamped | Pause | Cut | End


@attrs.frozen
class Pace:
    """How a stream's deltas come."""

    pause_seconds: float = 0.0
    """Silence before each delta."""
    stamp: bool = False
    """Each delta of text begins with `@<monotonic ns>@`."""

    def paced(self, deltas: Sequence[Step]) -> Sequence[Step]:
        """The deltas with their pauses."""
        if not self.pause_seconds:
            return deltas
        pause = Pause(self.pause_seconds)
        return [step for delta in deltas for step in (pause, delta)]


def delta(head: bytes, text: str, tail: bytes, stamped: bool = False) -> Step:
    """An event with a piece of text in it. `head` ends within a JSON string, which `tail` closes."""
    tail = orjson.dumps(text)[1:-1] + tail
    return Stamped(head + b"@", b"@ " + tail) if stamped else Chunk(head + tail)


@attrs.frozen
class Reply:
    """A whole answer: head, then steps, the last of which (and only it) is `End` or `Cut`."""

    status: int
    headers: Sequence[tuple[str, str]]
    steps: Sequence[Step]
    wait_seconds: float = 0.0
    """Silence before the head."""


_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


def phrase_of(status: int) -> bytes:
    """The reason phrase: Python knows newer statuses than Twisted, and neither knows Anthropic's 529."""
    return _PHRASES.get(status, b"Overloaded")


@attrs.frozen
class Wire:
    """One wire format of the demo: three pure functions."""

    serves: Callable[[DemoRequest], bool]
    """Is the request's path one of this format's?"""
    generates: Callable[[DemoRequest], bool]
    """Does it ask for a model's answer? Only such requests get faults."""
    answer: Callable[[DemoRequest, DemoSettings], Reply]
    """Raises nothing: a mistake of the client becomes an error reply in this format."""
