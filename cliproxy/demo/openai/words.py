"""How OpenAI says what is wrong with a request: a sentence, the field, and a code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cliproxy.demo.fields import Mistake, Node, Path, kind_of
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest

NAME_LENGTH: Final = 64
"""Of tools and schemas."""
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")


class _Words:
    def spellings(self, name: str) -> Sequence[str]:
        return (name,)

    def unreadable(self, why: str) -> BadRequest:
        return Mistake(f"We could not parse the JSON body of your request: {why}.")

    def missing(self, path: Path) -> BadRequest:
        return Mistake(
            f"Missing required parameter: '{bracketed(path)}'.", bracketed(path), "missing_required_parameter"
        )

    def mistyped(self, path: Path, expected: str, value: Json) -> BadRequest:
        name = bracketed(path) or "body"
        told = f"Invalid type for '{name}': expected {expected}, but got {kind_of(value)} instead."
        return Mistake(told, name, "invalid_type")


WORDS: Final = _Words()


def bracketed(path: Path) -> str:
    """`messages[0].content`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def invalid(node: Node, why: str, code: str = "invalid_value") -> Mistake:
    """A value of the right kind that is not taken."""
    name = bracketed(node.path)
    return Mistake(f"Invalid '{name}': {why}", name, code)


def one_of(node: Node, supported: Iterable[str]) -> str:
    """The word that this is. Raises `Mistake` if it is none of those."""
    word = node.text()
    supported = tuple(supported)
    if word not in supported:
        *others, last = (f"'{each}'" for each in supported)
        known = f"{', '.join(others)}, and {last}" if others else last
        raise Mistake(f"Invalid value: '{word}'. Supported values are: {known}.", bracketed(node.path), "invalid_value")
    return word


def within(node: Node, least: int, most: int | None = None) -> int:
    """The integer that this is. Raises `Mistake` if it is out of bounds."""
    number = node.integer()
    if number < least:
        told = f"integer below minimum value. Expected a value >= {least}, but got {number} instead."
        raise invalid(node, told, "integer_below_min_value")
    if most is not None and number > most:
        told = f"integer above maximum value. Expected a value <= {most}, but got {number} instead."
        raise invalid(node, told, "integer_above_max_value")
    return number


def at_most(node: Node, length: int) -> str:
    """The string that this is. Raises `Mistake` if it is too long."""
    text = node.text()
    if len(text) > length:
        told = f"string too long. Expected a string with maximum length {length}, but got a string with length"
        raise invalid(node, f"{told} {len(text)} instead.", "string_above_max_length")
    return text


def name_in(holder: Node) -> str:
    """The name of a tool or a schema."""
    node = holder.need("name")
    name = at_most(node, NAME_LENGTH)
    if not _NAME.fullmatch(name):
        told = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        raise invalid(node, told)
    return name


def bounded(nodes: list[Node], holder: Node, most: int) -> list[Node]:
    """The items. Raises `Mistake` if there are too many."""
    if len(nodes) > most:
        told = f"array too long. Expected an array with maximum length {most}, but got an array with length"
        raise invalid(holder, f"{told} {len(nodes)} instead.", "array_above_max_length")
    return nodes


def check_known(node: Node, known: frozenset[str]) -> None:
    """Raises `Mistake` if the object has a field that the service does not know."""
    for name in node.fields():
        if name not in known:
            path = bracketed((*node.path, name))
            raise Mistake(f"Unknown parameter: '{path}'.", path, "unknown_parameter")
