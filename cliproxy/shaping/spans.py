"""Editing a JSON document in place: every byte that no change is about stays, because prompt caches and thinking
signatures hang on the bytes.

A path is followed member by member. Where a value ends is known from msgspec, which cuts an object into the bytes of
its values without building them; only where a key stands twice, and some of the values are not told, tokens are
counted. The edit is proved by cutting the result up as well: along the paths it must be what the changes make of
the parsed document, and everywhere else the very same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs
import msgspec

from cliproxy.errors import BadRequest
from cliproxy.formats.jsontext import dumps, loads
from cliproxy.shaping.changes import Change, Path, Remove, Set, SetDefault, applied, created, is_missing

__all__ = ["Change", "Path", "Remove", "Set", "SetDefault", "edit"]

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""Possessive: a string of megabytes, such as an image, is read without places to come back to."""
_KEY: Final = re.compile(rb"[{,]\s*+(%b)\s*+:\s*+" % _STRING)
_ELEMENT: Final = re.compile(rb"[\[,]\s*+")
_SPACE: Final = re.compile(rb"\s*+")
_TOKEN: Final = re.compile(rb"%b|[{}\[\]]" % _STRING)
_PLAIN: Final = re.compile(rb"%b|[^\s,{}\[\]]++" % _STRING)

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)


def edit(body: bytes, changes: Sequence[Change]) -> bytes:
    """`body` with the changes, one after another. A key that stands twice is changed wherever it stands.

    Raises `BadRequest` for a body that is no JSON, is nested too deeply, or cannot be proved to be edited right.
    """
    try:
        expected: object = _tree(body, ())
        edited = body
        for change in changes:
            expected = applied(_opened_along(expected, change.path), change)
            edited = _edited(edited, change)
        if edited is body:
            return body
        is_proved = _are_the_same(_tree(edited, changes), expected)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Unreadable) as error:
        raise BadRequest(f"The request body cannot be edited: {error}.") from None
    if not is_proved:
        raise BadRequest("The request body is spelled so that it cannot be edited in place.")
    return edited


class _Unreadable(Exception):
    """A place where the grammar of JSON is not what is found."""


# -- the proof


def _tree(body: bytes, changes: Sequence[Change]) -> object:
    if not body.isascii():
        body.decode()  # what msgspec skips it does not check for being UTF-8
    return _opened(msgspec.Raw(body.strip()), [change.path for change in changes])


def _opened(raw: msgspec.Raw, paths: Iterable[Path]) -> object:
    """The value as far as the paths lead into it; what lies beside them stays bytes."""
    paths = [path for path in paths if path]
    kind = bytes(memoryview(raw)[:1])
    if paths and kind == b"{":
        members: dict[str, object] = dict(_OBJECT.decode(raw))
        for key in {str(path[0]) for path in paths} & members.keys():
            member = members[key]
            assert isinstance(member, msgspec.Raw)
            members[key] = _opened(member, [path[1:] for path in paths if str(path[0]) == key])
        return members
    if paths and kind == b"[":
        elements: list[object] = list(_LIST.decode(raw))
        for position in {path[0] for path in paths}:
            if isinstance(position, int) and 0 <= position < len(elements):
                element = elements[position]
                assert isinstance(element, msgspec.Raw)
                elements[position] = _opened(element, [path[1:] for path in paths if path[0] == position])
        return elements
    return _VALUE.decode(raw)


def _opened_along(node: object, path: Path) -> object:
    """The same value, with what a path leads through opened."""
    if isinstance(node, msgspec.Raw):
        return _opened(node, [path])
    if not path:
        return node
    if isinstance(node, dict) and str(path[0]) in node:
        key = str(path[0])
        return {**node, key: _opened_along(node[key], path[1:])}
    if isinstance(node, list) and isinstance(path[0], int) and 0 <= path[0] < len(node):
        at = path[0]
        return [*node[:at], _opened_along(node[at], path[1:]), *node[at + 1 :]]
    return node


def _are_the_same(one: object, other: object) -> bool:
    """Whether two values are equal, byte for byte where neither was opened."""
    if isinstance(one, msgspec.Raw) and isinstance(other, msgspec.Raw):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_are_the_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_the_same, one, other))
    return dumps(loads(dumps(one))) == dumps(loads(dumps(other)))


# -- the edit


@attrs.frozen
class _Member:
    """A member of an object or list: where it begins, where its value does, and where both end."""

    start: int
    value: int
    end: int
    is_meant: bool
    """The path leads to it."""


Splice = tuple[int, int, bytes]
"""What stands in `[start, end)` gives way to other bytes."""


def _edited(body: bytes, change: Change) -> bytes:
    start = _after_space(body, 0)
    splices = list(_splices(body, start, len(body.rstrip()), change.path, change))
    if not splices:
        return body
    pieces: list[bytes] = []
    done = 0
    for begin, end, new in splices:
        pieces += (body[done:begin], new)
        done = end
    return b"".join((*pieces, body[done:]))


def _splices(body: bytes, start: int, end: int, path: Path, change: Change) -> Iterator[Splice]:
    """What is to be replaced in the value that stands in `[start, end)`, in rising order."""
    if not path:
        if isinstance(change, Set):
            yield (start, end, dumps(change.value))
        return
    kind = body[start : start + 1]
    if kind == b"{":
        members = list(_members(body, start, end, str(path[0])))
    elif kind == b"[":
        members = list(_elements(body, start, end, path[0]))
    else:
        made = created(path, change)
        if isinstance(change, Set) and not is_missing(made):
            yield (start, end, dumps(made))
        return
    if len(path) == 1 and isinstance(change, Remove):
        yield from _removals(members)
        return
    for member in members:
        if member.is_meant:
            yield from _splices(body, member.value, member.end, path[1:], change)
    if kind == b"{" and not any(member.is_meant for member in members):
        made = created(path[1:], change)
        if not is_missing(made):
            yield _insertion(members, start, str(path[0]), dumps(made))


def _insertion(members: Sequence[_Member], start: int, key: str, value: bytes) -> Splice:
    at, comma = (members[-1].end, b",") if members else (start + 1, b"")
    return (at, at, b"%b%b:%b" % (comma, dumps(key), value))


def _removals(members: Sequence[_Member]) -> Iterator[Splice]:
    """Each run of neighbours goes with the comma behind it, or, at the end, with the one before."""
    first = 0
    while first < len(members):
        if not members[first].is_meant:
            first += 1
            continue
        after = first
        while after < len(members) and members[after].is_meant:
            after += 1
        if after < len(members):
            yield (members[first].start, members[after].start, b"")
        else:
            yield (members[first - 1].end if first else members[first].start, members[-1].end, b"")
        first = after


def _members(body: bytes, start: int, end: int, wanted: str) -> Iterator[_Member]:
    values = _OBJECT.decode(memoryview(body)[start:end])
    at = start
    while (match := _KEY.match(body, at, end)) is not None:
        key = _key_of(match[1])
        value = match.end()
        at = _value_end(body, value, end, values[key])
        yield _Member(match.start(1), value, at, key == wanted)
        at = _after_space(body, at)
    _expect_end(start, at, end, body)


def _elements(body: bytes, start: int, end: int, wanted: str | int) -> Iterator[_Member]:
    at = start
    for position, raw in enumerate(_LIST.decode(memoryview(body)[start:end])):
        match = _ELEMENT.match(body, at, end)
        if match is None:
            raise _Unreadable(f"byte {at}")
        at = _value_end(body, match.end(), end, raw)
        yield _Member(match.end(), match.end(), at, position == wanted)
        at = _after_space(body, at)
    _expect_end(start, at, end, body)


def _key_of(text: bytes) -> str:
    if b"\\" not in text:
        return text[1:-1].decode()
    key = loads(text)
    assert isinstance(key, str)
    return key


def _value_end(body: bytes, start: int, end: int, told: msgspec.Raw) -> int:
    """Where the value that begins at `start` ends. `told` are its bytes, or those of a later one with the same key."""
    raw = bytes(told)
    after = start + len(raw)
    if body.startswith(raw, start) and body[after : after + 1] in _BEHIND:
        return after
    plain = _PLAIN.match(body, start, end)
    return plain.end() if plain is not None else _container_end(body, start, end)


_BEHIND: Final = frozenset(bytes((byte,)) for byte in b" \t\r\n,}]")


def _container_end(body: bytes, start: int, end: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(body, start, end):
        first = body[match.start()]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
            if not depth:
                return match.end()
    raise _Unreadable(f"byte {start}")


def _after_space(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    assert match is not None
    return match.end()


def _expect_end(start: int, at: int, end: int, body: bytes) -> None:
    """That the container ends where the walk through it did, so that no member was overlooked."""
    if at == start:
        at = _after_space(body, start + 1)
    if at != end - 1:
        raise _Unreadable(f"byte {at}")
