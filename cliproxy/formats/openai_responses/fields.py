"""Reading the fields of a request, of which nothing is known yet. Each raises `BadRequest` with the field's path."""

from __future__ import annotations

from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest


def text(value: Json, path: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise BadRequest(f"{path}: A string was expected.")
    return value


def optional_text(value: Json, path: str) -> str:
    """A string; empty if there is none."""
    return "" if value is None else text(value, path)


def one_of(value: Json, path: str, words: tuple[str, ...]) -> str | None:
    """One of some words, or None if there is none."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in words:
        raise BadRequest(f"{path}: One of {', '.join(words)} was expected.")
    return value


def integer(value: Json, path: str) -> int | None:
    """A whole number, or None if there is none."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequest(f"{path}: An integer was expected.")
    return value


def number(value: Json, path: str) -> float | None:
    """A number, or None if there is none."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadRequest(f"{path}: A number was expected.")
    return value


def flag(value: Json, path: str) -> bool | None:
    """True or false, or None if neither stands there."""
    if value is None:
        return None
    if not isinstance(value, bool):
        raise BadRequest(f"{path}: A boolean was expected.")
    return value


def mapping(value: Json, path: str) -> dict[str, Json]:
    """An object."""
    if not isinstance(value, dict):
        raise BadRequest(f"{path}: An object was expected.")
    return value


def optional_mapping(value: Json, path: str) -> dict[str, Json]:
    """An object; empty if there is none."""
    return {} if value is None else mapping(value, path)


def sequence(value: Json, path: str) -> list[Json]:
    """An array; empty if there is none."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"{path}: An array was expected.")
    return value
