"""Replies gone wrong: each fault takes a good reply and spoils it. Pure; statuses are the wires' own to word."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.demo.replies import Chunk, Cut, End, Pause, Reply, Stamped, Step

NOISE: Final = b"".join(hashlib.sha512(b"%d" % i).digest() for i in range(32))
"""2 KiB that are no text, no JSON, no events; the same in every run."""
BAD_LINE: Final = b'data: {"type":"content_block_delta","ind\n\n'


@attrs.frozen
class Spoiling:
    """What a fault may need beside the reply."""

    stall_seconds: float
    error_event: Callable[[int], bytes]
    """An error in the words of the stream's wire, behind so many other events."""


def spoil(reply: Reply, fault: str, spoiling: Spoiling) -> Reply:
    """The reply with the fault in it. `fault` is a key of `SPOILERS`."""
    return SPOILERS[fault](reply, spoiling)


def _cut_first(reply: Reply, _: Spoiling) -> Reply:
    return _stream(reply, [*_first(reply), Cut()])


def _cut(reply: Reply, _: Spoiling) -> Reply:
    return _stream(reply, [*_halves(reply)[0], Cut()])


def _error_first(reply: Reply, spoiling: Spoiling) -> Reply:
    return _with_error(reply, _first(reply), spoiling)


def _error(reply: Reply, spoiling: Spoiling) -> Reply:
    return _with_error(reply, _halves(reply)[0], spoiling)


def _malformed(reply: Reply, _: Spoiling) -> Reply:
    before, after = _halves(reply)
    return _stream(reply, [*before, Chunk(BAD_LINE), *after])


def _garbage(reply: Reply, _: Spoiling) -> Reply:
    return _stream(reply, [Chunk(NOISE), End()])


def _gzip(reply: Reply, _: Spoiling) -> Reply:
    return _coded(_gzip_bare(reply, _))


def _gzip_bare(reply: Reply, _: Spoiling) -> Reply:
    return _stream(reply, [Chunk(gzip.compress(plain(reply.steps), mtime=0)), End()])


def _gzip_bad(reply: Reply, _: Spoiling) -> Reply:
    return _coded(_stream(reply, [Chunk(gzip.compress(b"", mtime=0)[:10] + NOISE), End()]))


def _empty(reply: Reply, _: Spoiling) -> Reply:
    return _stream(reply, [End()])


def _stall(reply: Reply, spoiling: Spoiling) -> Reply:
    return attrs.evolve(reply, steps=[Pause(spoiling.stall_seconds), *reply.steps])


def _stall_first(reply: Reply, spoiling: Spoiling) -> Reply:
    return attrs.evolve(reply, wait_seconds=reply.wait_seconds + spoiling.stall_seconds)


SPOILERS: Final[Mapping[str, Callable[[Reply, Spoiling], Reply]]] = {
    "cut-first": _cut_first,
    "cut": _cut,
    "error-first": _error_first,
    "error": _error,
    "malformed": _malformed,
    "garbage": _garbage,
    "gzip": _gzip,
    "gzip-bare": _gzip_bare,
    "gzip-bad": _gzip_bad,
    "empty": _empty,
    "stall": _stall,
    "stall-first": _stall_first,
}


def plain(steps: Sequence[Step]) -> bytes:
    """The body of those steps, every stamp a zero."""
    return b"".join(
        step.at(0) if isinstance(step, Stamped) else step.body for step in steps if isinstance(step, Chunk | Stamped)
    )


def _stream(reply: Reply, steps: Sequence[Step]) -> Reply:
    """Other steps under the same head, bar a length that no longer holds."""
    headers = [(name, value) for name, value in reply.headers if name != "content-length"]
    return attrs.evolve(reply, headers=headers, steps=steps)


def _with_error(reply: Reply, steps: Sequence[Step], spoiling: Spoiling) -> Reply:
    return _stream(reply, [*steps, Chunk(spoiling.error_event(len(_places(steps)))), End()])


def _coded(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers=[*reply.headers, ("content-encoding", "gzip")])


def _first(reply: Reply) -> list[Step]:
    """All up to the first chunk."""
    steps = _split(reply)
    return steps[: _places(steps)[0] + 1]


def _halves(reply: Reply) -> tuple[list[Step], list[Step]]:
    """The steps in two, with as many chunks before as after."""
    steps = _split(reply)
    places = _places(steps)
    middle = places[len(places) // 2]
    return steps[:middle], steps[middle:]


def _split(reply: Reply) -> list[Step]:
    """The steps; a body that is one chunk becomes two, so that it has a middle."""
    places = _places(reply.steps)
    steps = list(reply.steps)
    if len(places) == 1:
        body = plain(steps)
        steps[places[0] : places[0] + 1] = [Chunk(body[: len(body) // 2]), Chunk(body[len(body) // 2 :])]
    return steps


def _places(steps: Sequence[Step]) -> list[int]:
    return [i for i, step in enumerate(steps) if isinstance(step, Chunk | Stamped)]
