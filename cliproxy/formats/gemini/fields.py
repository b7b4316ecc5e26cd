"""Reading a document of Google's: protobuf JSON, in which every field may be spelled in two ways.

`thoughtSignature` and `thought_signature` are the same field, null is the same as absent, and numbers may come as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, cast

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.errors import BadRequest
from cliproxy.formats.wire import Document

_MAX_DIGITS: Final = 64
"""Python refuses to read endless integers; nobody means any."""


@cache
def snake(name: str) -> str:
    """The other spelling of a camelCase name."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def field(document: Document, name: str) -> object:
    """What stands under a camelCase name, in either spelling; None if nothing does."""
    value = document.get(name)
    return document.get(snake(name)) if value is None else value


def rest(document: Document, known: Iterable[str]) -> dict[str, Json]:
    """What stands under other names than these, as it stands."""
    names = {spelling for name in known for spelling in (name, snake(name))}
    return {key: cast(Json, value) for key, value in document.items() if key not in names and value is not None}


def merged(ours: JsonObject, theirs: JsonObject) -> dict[str, Json]:
    """Two objects made one, to any depth. Where both have a value that is no object, `theirs` stands."""
    both: dict[str, Json] = dict(ours)
    for key, value in theirs.items():
        mine = both.get(key)
        both[key] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return both


# -- each of these raises `BadRequest` with the path of a value that is of another kind ----------------------------


def an_object(value: object, path: str) -> Document:
    """A JSON object; empty if there is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadRequest(f"{path}: An object was expected.")
    return value


def a_list(value: object, path: str) -> Sequence[object]:
    """A list; empty if there is none. A single object counts as a list of it, as Google's servers have it."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return (value,)
    if not isinstance(value, list | tuple):
        raise BadRequest(f"{path}: A list was expected.")
    return value


def a_text(value: object, path: str) -> str:
    """A string; empty if there is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{path}: A string was expected.")
    return value


def texts(value: object, path: str) -> tuple[str, ...]:
    """A list of strings."""
    return tuple(a_text(item, f"{path}.{index}") for index, item in enumerate(a_list(value, path)))


def a_flag(value: object, path: str) -> bool | None:
    """A boolean."""
    if value is None or isinstance(value, bool):
        return value
    raise BadRequest(f"{path}: A boolean was expected.")


def a_number(value: object, path: str) -> float | None:
    """A number; an integer stays one."""
    number = _number(value)
    if number is None and value is not None:
        raise BadRequest(f"{path}: A number was expected.")
    return number


def an_integer(value: object, path: str) -> int | None:
    """A whole number."""
    whole = whole_number(value)
    if whole is None and value is not None:
        raise BadRequest(f"{path}: An integer was expected.")
    return whole


def whole_number(value: object) -> int | None:
    """The integer that a value says; None if it says none."""
    number = _number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def _number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None
