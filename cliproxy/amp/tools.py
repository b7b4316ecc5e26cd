"""Names of tools as Amp writes them: it looks its tools up by the exact letters, and models are careless with case."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import attrs
import msgspec

from cliproxy.amp.splicing import elements_of, read

AMP_TOOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"bash": "Bash", "read": "Read", "grep": "Grep", "glob": "glob", "task": "Task", "check": "Check"}
)
"""Its own, by their names in lower case."""


class _Request(msgspec.Struct):
    tools: msgspec.Raw = msgspec.Raw(b"null")
    tool_choice: msgspec.Raw = msgspec.Raw(b"null")


class _Named(msgspec.Struct):
    name: object = None


_REQUEST: Final = msgspec.json.Decoder(_Request)
_NAMED: Final = msgspec.json.Decoder(_Named)


@attrs.frozen
class Casing:
    """How one request writes the names of its tools."""

    _written: Mapping[str, Collection[str]] = attrs.field(factory=dict)
    """The ways in which the request writes a name, by what it is in lower case."""

    def told(self, name: str) -> str:
        """The name to tell for one that a reply says; the same if nobody knows it, or two tools may be meant."""
        lower = name.lower()
        ways = self._written.get(lower)
        if ways is None:
            return AMP_TOOLS.get(lower, name)
        return next(iter(ways)) if len(ways) == 1 else name


def casing_of(body: bytes) -> Casing:
    """As the tools of an Anthropic request are written, and the one that it demands; others as Amp writes its own."""
    request = read(_REQUEST, body) or _Request()
    written: dict[str, set[str]] = {}
    for raw in (*elements_of(request.tools), request.tool_choice):
        named = read(_NAMED, raw)
        if named is not None and isinstance(named.name, str):
            written.setdefault(named.name.lower(), set()).add(named.name)
    return Casing(written)
