"""Prompt-cache breakpoints: read, written, and made where a client of another format could ask for none.

Without a breakpoint nothing is ever cached, which makes a long conversation ten times as dear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, Ttl
from cliproxy.formats.anthropic.fields import as_object, note_unread

MAX_MARKS: Final = 4
"""More are refused; the automatic one, at the top of the body, counts too."""
_MARKED_TURNS: Final = 2
"""Of the user's: the last is written, the one before it is where the last request's stood, and is read."""
_UNMARKABLE: Final = frozenset({"thinking", "redacted_thinking"})
_EPHEMERAL: Final[dict[str, Json]] = {"type": "ephemeral"}
_TTLS: Final[Mapping[str, Ttl]] = MappingProxyType({"5m": "5m", "1h": "1h"})
_KNOWN: Final = frozenset({"type", "ttl"})


def read_mark(value: Json, path: str, losses: Losses) -> CacheMark | None:
    """A `cache_control`, which stands at `path`."""
    if value is None:
        return None
    control = as_object(value, path)
    note_unread(control, _KNOWN, path, losses)
    said = control.get("ttl")
    ttl = _TTLS.get(said) if isinstance(said, str) else None
    if said != ttl:
        losses.drop(f"{path}.ttl", "No such lifetime is known; the default is kept.")
    return CacheMark(ttl)


def write_mark(mark: CacheMark) -> dict[str, Json]:
    """`cache_control`."""
    return {**_EPHEMERAL, "ttl": mark.ttl} if mark.ttl else dict(_EPHEMERAL)


def limit_marks(body: dict[str, Json], losses: Losses) -> None:
    """Take away the first marks of a finished body where it has too many: the last ones cover the most."""
    marked = [carrier for carrier in _carriers(body) if carrier.get("cache_control") is not None]
    room = MAX_MARKS - (body.get("cache_control") is not None)
    for carrier in marked[: max(0, len(marked) - room)]:
        del carrier["cache_control"]
        losses.drop("cache_control", f"At most {MAX_MARKS} cache breakpoints are borne; the last ones are kept.")


def originate_marks(body: dict[str, Json]) -> None:
    """Mark the last tool, the last of the system's texts and the end of the user's last turns, if nothing is marked."""
    if body.get("cache_control") is not None or any(carrier.get("cache_control") for carrier in _carriers(body)):
        return
    ends = [_objects(body.get("tools")), _objects(body.get("system"))]
    turns = [message for message in _objects(body.get("messages")) if message.get("role") == "user"]
    ends += [_objects(turn.get("content")) for turn in turns[-_MARKED_TURNS:]]
    for blocks in ends:
        if blocks and blocks[-1].get("type") not in _UNMARKABLE:
            blocks[-1]["cache_control"] = dict(_EPHEMERAL)


def _carriers(body: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """All that may carry a mark, in the order of the prompt."""
    yield from _objects(body.get("tools"))
    yield from _objects(body.get("system"))
    for message in _objects(body.get("messages")):
        for block in _objects(message.get("content")):
            if block.get("type") == "tool_result":
                yield from _objects(block.get("content"))
            yield block


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
