"""Reading a request strictly: JSON values that know where they stand, and complain in a wire's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import attrs
import orjson

from cliproxy.demo.replies import Json, JsonObject, writable
from cliproxy.errors import BadRequest

Path = tuple[str | int, ...]

KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


class Mistake(BadRequest):
    """A mistake of the client's, with the field and the code that OpenAI tells beside the sentence."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


class Words(Protocol):
    """How a wire says what is wrong."""

    def spellings(self, name: str) -> Sequence[str]:
        """Under which names the field may come."""

    def unreadable(self, why: str) -> BadRequest: ...

    def missing(self, path: Path) -> BadRequest: ...

    def mistyped(self, path: Path, expected: str, value: Json) -> BadRequest:
        """`expected` is one or more of `KINDS`."""


@attrs.frozen
class Node:
    """A JSON value of the request, with its path. Every method raises `BadRequest` if the value is of another kind."""

    value: Json = attrs.field(repr=False)
    path: Path
    words: Words = attrs.field(repr=False)

    def at(self, name: str) -> Node | None:
        """A field of this object; None if it is absent or null."""
        fields = self.fields()
        for spelling in self.words.spellings(name):
            value = fields.get(spelling)
            if value is not None:
                return Node(value, (*self.path, name), self.words)
        return None

    def need(self, name: str) -> Node:
        """A field that must be there."""
        found = self.at(name)
        if found is None:
            raise self.words.missing((*self.path, name))
        return found

    def fields(self) -> JsonObject:
        """The object that this is."""
        if not isinstance(self.value, dict):
            raise self.mistyped("an object")
        return self.value

    def each(self, name: str | None = None) -> list[Node]:
        """The items of this array, or of that under `name`, none if it is absent."""
        if name is not None:
            found = self.at(name)
            return [] if found is None else found.each()
        if not isinstance(self.value, list):
            raise self.mistyped("an array")
        return [Node(item, (*self.path, i), self.words) for i, item in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.mistyped("a string")
        return self.value

    def text_at(self, name: str, otherwise: str = "") -> str:
        """The string under `name`, which may be absent."""
        found = self.at(name)
        return otherwise if found is None else found.text()

    def integer(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.mistyped("an integer")
        return self.value

    def flag_at(self, name: str, otherwise: bool = False) -> bool:
        """The boolean under `name`, which may be absent."""
        found = self.at(name)
        if found is None:
            return otherwise
        if not isinstance(found.value, bool):
            raise found.mistyped("a boolean")
        return found.value

    def mistyped(self, expected: str) -> BadRequest:
        """What to raise of this value when it is of the wrong kind."""
        return self.words.mistyped(self.path, expected, self.value)


def read_object(body: bytes, words: Words) -> Node:
    """The object that a body is. Raises `BadRequest`."""
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise words.unreadable(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    if not writable(value):
        raise words.unreadable("It is nested too deeply")
    node = Node(value, (), words)
    node.fields()
    return node


def kind_of(value: Json) -> str:
    """What a value is, with its article."""
    return KINDS[type(value)]


def size_of(*values: Json) -> int:
    """Bytes of some values as compact JSON; what is null counts nothing."""
    return sum(len(orjson.dumps(value)) for value in values if value is not None)
