"""Header lines that are trusted already: parsed by a strict parser, or checked when the configuration was read.

Twisted's `Headers` encodes and sanitises every name and value each time they are set or copied, and treq and what it is
built of copy them several times: for a dozen headers on each side that was a third of the proxy's own time. These are a
tuple of lines; what is taken away or added makes another tuple.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import AnyStr, TypeVar, overload

from twisted.web.http_headers import Headers

Line = tuple[bytes, bytes]
Default = TypeVar("Default")


class HeaderLines(Headers):
    """A `Headers` of lines with lower-case names, in their order."""

    __slots__ = ("lines",)

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.lines: tuple[Line, ...] = tuple(lines)

    def __repr__(self) -> str:
        return f"<{len(self.lines)} header lines>"

    def copy(self) -> HeaderLines:
        """Another one with the same lines."""
        return HeaderLines(self.lines)

    def hasHeader(self, name: bytes | str) -> bool:
        """Whether there is a line of that name."""
        wanted = _lower(name)
        return any(line[0] == wanted for line in self.lines)

    def removeHeader(self, name: bytes | str) -> None:
        """Drop the lines of that name."""
        if self.hasHeader(name):
            unwanted = _lower(name)
            self.lines = tuple(line for line in self.lines if line[0] != unwanted)

    def setRawHeaders(self, name: str | bytes, values: Sequence[str | bytes]) -> None:
        """Have these lines of that name, and no others."""
        self.removeHeader(name)
        for value in values:
            self.addRawHeader(name, value)

    def addRawHeader(self, name: str | bytes, value: str | bytes) -> None:
        """Have one line more."""
        self.lines += ((_lower(name), value.encode() if isinstance(value, str) else value),)

    @overload
    def getRawHeaders(self, name: AnyStr) -> Sequence[AnyStr] | None: ...

    @overload
    def getRawHeaders(self, name: AnyStr, default: Default) -> Sequence[AnyStr] | Default: ...

    def getRawHeaders(self, name: AnyStr, default: Default | None = None) -> Sequence[AnyStr] | Default | None:
        """The values of that name's lines, or `default` if there are none."""
        wanted = _lower(name)
        values = [value for own, value in self.lines if own == wanted]
        if not values:
            return default
        return [value.decode() for value in values] if isinstance(name, str) else values

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Each line, as a name with one value."""
        return ((name, (value,)) for name, value in self.lines)


def _lower(name: str | bytes) -> bytes:
    return (name.encode("ascii") if isinstance(name, str) else name).lower()
