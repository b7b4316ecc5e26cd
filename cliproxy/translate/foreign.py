"""Envelopes in a request that goes to an upstream of the client's own format: they hold what other upstreams made.

So it is when a conversation changes models. The client's bytes pass, but for these: the vendor would refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, cast

from cliproxy.conversation.losses import Loss
from cliproxy.conversation.parts import Json
from cliproxy.formats.jsontext import loads
from cliproxy.shaping.spans import Path, Remove, edit
from cliproxy.translate.envelopes import MARK

_WHY: Final = "another upstream's reasoning, sealed in this field, is of no use to this one"


def without_envelopes(body: bytes, format_name: str) -> tuple[bytes, tuple[Loss, ...]]:
    """`body` without what stands for other vendors' reasoning, every other byte as it was; and what was taken out."""
    try:
        document = loads(body)
    except ValueError:
        return body, ()  # nested too deeply: for the vendor to refuse
    units = {_UNITS[format_name](document, path) for path in _envelopes(document, ())}
    if not units:
        return body, ()
    whole = _widened(document, units)
    edited = edit(body, [Remove(path) for path in sorted(whole, key=_order, reverse=True)])
    return edited, tuple(Loss(".".join(map(str, path)), _WHY) for path in sorted(whole, key=_order))


def _envelopes(value: Json, path: Path) -> Iterator[Path]:
    """Where a text stands that begins as an envelope does."""
    if isinstance(value, str):
        if value.startswith(MARK):
            yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _envelopes(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _envelopes(inner, (*path, position))


def _widened(document: Json, units: set[Path]) -> set[Path]:
    """The same removals, but of the whole turn, or of the list beside its words, where nothing would be left of it."""
    by_list: dict[Path, set[Path]] = {}
    for path in units:
        if isinstance(path[-1], int):
            by_list.setdefault(path[:-1], set()).add(path)
    for place, inside in by_list.items():
        parts = _at(document, place)
        if isinstance(parts, list) and len(parts) == len(inside) and len(place) >= 3:
            units = (units - inside) | {place if place[-1] in _BESIDE_CONTENT else place[:-1]}
    return units


_BESIDE_CONTENT: Final = frozenset({"reasoning_details"})
"""Lists whose end is not that of their turn."""


def _at(document: Json, path: Path) -> Json:
    """What stands at a path that was found in this very document."""
    for step in path:
        document = cast("Mapping[str | int, Json]", document)[step]
    return document


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (-1, step) for step in path)


def _parent(document: Json, path: Path) -> Path:
    """The block or item whose field it is: `thinking`, `redacted_thinking`, `reasoning`."""
    return path[:-1]


def _field_or_thought(document: Json, path: Path) -> Path:
    """Gemini: a thought goes whole; a call or a text loses its signature only."""
    part = _at(document, path[:-1])
    return path[:-1] if isinstance(part, dict) and part.get("thought") is True else path


def _detail_or_extra(document: Json, path: Path) -> Path:
    """OpenAI Chat: an entry of `reasoning_details`, or the field in `extra_content`."""
    return path[:-1] if isinstance(path[-2], int) else path


_UNITS: Final[Mapping[str, Callable[[Json, Path], Path]]] = MappingProxyType(
    {
        "anthropic": _parent,
        "openai-responses": _parent,
        "gemini": _field_or_thought,
        "openai-chat": _detail_or_extra,
    }
)
"""By format: what is taken out for an envelope at a path."""
