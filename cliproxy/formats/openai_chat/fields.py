"""The fields of a client's request, checked as they are read: a wrong type is the client's mistake, told with its path.

Null counts as absent: SDKs write it for whatever their caller left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import attrs

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.errors import BadRequest


def wrong(path: str, expected: str) -> BadRequest:
    """A value that is not what it has to be; `expected` begins a sentence."""
    return BadRequest(f"{path}: {expected} was expected.")


def as_json(value: object) -> Json:
    """What was parsed from JSON, under its own type."""
    return cast(Json, value)


@attrs.frozen
class Place:
    """One JSON object of a request, and the path that leads to it."""

    fields: Mapping[str, object] = attrs.field(repr=False)
    path: str = ""

    def at(self, key: str) -> str:
        """The path of one of its fields."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str) -> str | None:
        """A string."""
        value = self.fields.get(key)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.at(key), "A string")

    def required_text(self, key: str) -> str:
        """A string that says something."""
        value = self.text(key)
        if value is None:
            raise BadRequest(f"{self.at(key)}: Field required.")
        if not value:
            raise wrong(self.at(key), "A non-empty string")
        return value

    def flag(self, key: str) -> bool | None:
        """A boolean."""
        value = self.fields.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.at(key), "A boolean")

    def number(self, key: str) -> float | None:
        """A number, as it stands."""
        value = self.fields.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise wrong(self.at(key), "A number")

    def integer(self, key: str, least: int | None = None) -> int | None:
        """An integer; `3.0` is one."""
        value = self.number(key)
        if value is None:
            return None
        if isinstance(value, float) and not value.is_integer():
            raise wrong(self.at(key), "An integer")
        if least is not None and value < least:
            raise wrong(self.at(key), f"An integer of at least {least}")
        return int(value)

    def json_object(self, key: str) -> JsonObject | None:
        """An object, to be carried as it stands."""
        value = self.fields.get(key)
        if value is None or isinstance(value, Mapping):
            return value
        raise wrong(self.at(key), "An object")

    def inner(self, key: str) -> Place | None:
        """An object, to be read."""
        value = self.json_object(key)
        return None if value is None else Place(value, self.at(key))

    def required_inner(self, key: str) -> Place:
        """An object that must be there."""
        place = self.inner(key)
        if place is None:
            raise BadRequest(f"{self.at(key)}: Field required.")
        return place

    def each(self, key: str) -> list[Place]:
        """The objects of a list."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(self.at(key), "A list")
        return [place_of(item, f"{self.at(key)}.{number}") for number, item in enumerate(value)]

    def texts(self, key: str) -> tuple[str, ...]:
        """A string or a list of strings; empty ones do not count."""
        value = self.fields.get(key)
        if value is None:
            return ()
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise wrong(self.at(key), "A string or a list of strings")
        return tuple(item for item in found if item)


def place_of(value: object, path: str) -> Place:
    """An object at a path."""
    if not isinstance(value, Mapping):
        raise wrong(path, "An object")
    return Place(value, path)
