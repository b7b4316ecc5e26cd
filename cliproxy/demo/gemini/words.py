"""How Gemini says what is wrong with a request. Its JSON is that of protobuf: unknown names are a mistake."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from cliproxy.demo.fields import Mistake, Node, Path
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest

_HUMP: Final = re.compile(r"(?<!^)([A-Z])")


class _Words:
    def spellings(self, name: str) -> Sequence[str]:
        return (name, snake(name))

    def unreadable(self, why: str) -> BadRequest:
        return Mistake(f"Invalid JSON payload received. {why}.")

    def missing(self, path: Path) -> BadRequest:
        return Mistake(f"* GenerateContentRequest.{dotted(path)}: {path[-1]} is not specified\n")

    def mistyped(self, path: Path, expected: str, value: Json) -> BadRequest:
        if isinstance(value, list):
            told = f"Proto field is not repeating, cannot start list. ({expected} was expected)"
            return Mistake(f"Invalid JSON payload received. Unknown name at '{dotted(path)}': {told}.")
        return Mistake(f"Invalid value at '{dotted(path) or 'request'}' ({expected} was expected).")


WORDS: Final = _Words()


def snake(name: str) -> str:
    """`systemInstruction` as `system_instruction`: both are taken."""
    return _HUMP.sub(lambda hump: f"_{hump[1].lower()}", name)


def dotted(path: Path) -> str:
    """`contents[0].parts[1].functionCall`, in snake case as the real service tells it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{snake(step)}" for step in path).removeprefix(".")


def check_names(node: Node, known: Collection[str]) -> None:
    """Raises `Mistake` if the object has a field of another name."""
    for name in node.fields():
        if name not in known and not any(name == snake(each) for each in known):
            place = f" at '{dotted(node.path)}'" if node.path else ""
            raise Mistake(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def number(node: Node) -> int:
    """An integer; protobuf takes it as a string of digits too."""
    text = node.value
    if isinstance(text, str) and text.removeprefix("-").isdecimal() and len(text) < 19:
        return int(text)
    return node.integer()
