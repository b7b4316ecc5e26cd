"""Streams for the laws: bytes recorded from the demo, pieces of them, and what a reader makes of the pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Json
from cliproxy.errors import Broken, UpstreamTrouble
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.translate.readers import PassedStream
from tests.demo.asking import TOOLS, reply_to

MESSAGE_START: Final = b'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n'
PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"\xe2\x98\x95 hi"}}\n\n'
)
MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR: Final = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded, alas"}}\n\n'
)
COMMENT: Final = b": keep-alive\n\n"

SCRIPTS: Final = (
    "Hello, nothing special.",
    "[[deltas:40]]",
    "[[say:one line\ndata: another, and\r\nevent: a third ☕]]",
    '[[tool:Read {"path": "a ]] b"}]]',
    '[[parallel]][[tool:Read {"path": "a"}]][[tool:Bash {"command": "ls"}]]',
    "[[delay:20]][[deltas:3]]",
    "[[fault:stall]][[stall:0.5]]",
)
"""Every directive of the demo is in one of them."""

_THINKING: Final[Sequence[dict[str, Json]]] = ({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}})

SOUND: Final[Sequence[bytes]] = tuple(
    plain(reply_to(script, None, **{"tools": TOOLS, **fields}).steps) for script in SCRIPTS for fields in _THINKING
)
"""What the demo says to each script, with thinking and without."""


def spoilt(fault: str) -> bytes:
    """What the demo says with that fault, to its last byte before the end or the cut."""
    return plain(reply_to(f"Hello. [[fault:{fault}]]").steps)


def cut(raw: bytes, places: Sequence[int]) -> list[bytes]:
    """`raw` in pieces; places beyond its end are taken around. Equal ones give empty pieces."""
    edges = sorted(place % (len(raw) + 1) for place in places)
    return [raw[start:stop] for start, stop in zip([0, *edges], [*edges, len(raw)], strict=True)]


def with_line_ends(raw: bytes, line_end: bytes) -> bytes:
    """`raw`, whose lines end in LF, with another end."""
    return raw.replace(b"\n", line_end)


@attrs.frozen
class Outcome:
    """How a stream was read, from its first byte to its end."""

    told: bytes
    proven: bool
    complete: bool
    heartbeat: bytes
    trouble: type[UpstreamTrouble] | None
    why: str | None
    last_words: bytes
    """What the client is told when the upstream then breaks."""


def read(pieces: Sequence[bytes]) -> Outcome:
    """Feed the pieces to a reader, and end the body."""
    reader = PassedStream(ANTHROPIC)
    told = b"".join([reader.feed(piece) for piece in pieces] + [reader.finish()])
    proven, complete, heartbeat, trouble = reader.proven, reader.complete, reader.heartbeat, reader.trouble
    last_words = reader.failed(trouble or Broken("It broke."), "req_1")
    kind, why = (type(trouble), trouble.message) if trouble else (None, None)
    return Outcome(told, proven, complete, heartbeat, kind, why, last_words)
