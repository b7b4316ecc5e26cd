"""Checked reading of a request's JSON: a value of the kind that is expected, or `BadRequest` with its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.errors import BadRequest

NAME: Final = "anthropic"
"""What this wire format is called."""


def wrong(path: str, expected: str) -> BadRequest:
    """To be raised: `expected` names the kind of value, with its article."""
    return BadRequest(f"{path}: {expected} was expected.")


def as_object(value: Json, path: str) -> JsonObject:
    """An object, and nothing else."""
    if not isinstance(value, dict):
        raise wrong(path, "An object")
    return value


def as_list(value: Json, path: str) -> Sequence[Json]:
    """A list, and nothing else."""
    if not isinstance(value, list):
        raise wrong(path, "A list")
    return value


def as_text(value: Json, path: str) -> str:
    """A string, and nothing else."""
    if not isinstance(value, str):
        raise wrong(path, "A string")
    return value


def maybe_object(value: Json, path: str) -> JsonObject:
    """An object; null or nothing is an empty one."""
    return {} if value is None else as_object(value, path)


def maybe_list(value: Json, path: str) -> Sequence[Json]:
    """A list; null or nothing is an empty one."""
    return () if value is None else as_list(value, path)


def maybe_text(value: Json, path: str) -> str:
    """A string; null or nothing is an empty one."""
    return "" if value is None else as_text(value, path)


def maybe_flag(value: Json, path: str) -> bool | None:
    """A boolean, if there is one."""
    if value is not None and not isinstance(value, bool):
        raise wrong(path, "A boolean")
    return value


def maybe_count(value: Json, path: str, least: int = 0) -> int | None:
    """An integer of at least `least`, if there is one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise wrong(path, f"An integer of at least {least}")
    return value


def maybe_number(value: Json, path: str) -> float | None:
    """A number, if there is one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(path, "A number")
    try:
        return float(value)
    except OverflowError:
        raise wrong(path, "A smaller number") from None


def texts(value: Json, path: str) -> tuple[str, ...]:
    """A list of strings; null or nothing is an empty one."""
    return tuple(as_text(item, f"{path}.{i}") for i, item in enumerate(maybe_list(value, path)))


def note_unread(block: JsonObject, known: frozenset[str], path: str, losses: Losses) -> None:
    """Name every field of a block that the neutral conversation has no place for."""
    for key, value in block.items():
        if key not in known and value is not None:
            losses.drop(f"{path}.{key}", "Only Anthropic knows it, and only as it is sent there.")
