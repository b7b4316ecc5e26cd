"""Changing some of many values in a JSON document, in one pass: the bytes around them stay as they came.

`shaping.spans` reads the whole document for each change, which is right for a few. A conversation has hundreds of
blocks to look at; here each is handed out as the bytes that it is, and what becomes of it is put in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from cliproxy.formats.jsontext import dumps, loads

Read = TypeVar("Read")

_KEY: Final = re.compile(rb'\s*+[{,]\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+:\s*+')
"""Possessive: a key of megabytes is read without places to come back to."""
_BETWEEN: Final = re.compile(rb"\s*+[\[,]\s*+")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def read(decoder: msgspec.json.Decoder[Read], text: bytes | msgspec.Raw) -> Read | None:
    """What a document says; None if it is no JSON, or another than the decoder is for."""
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError):
        return None


def elements_of(array: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of a JSON array; none if it is no array."""
    return read(_LIST, array) or []


def in_member(document: bytes, key: str, change: Callable[[bytes], bytes]) -> bytes:
    """`document` with what `change` makes of the value of one of its members.

    The very same object if it makes nothing else of it, if the document is no JSON object, or has no such member; and
    where a key before it stands twice, because then it is not known where the value stands.
    """
    start = at = 0
    for name, raw in (read(_OBJECT, document) or {}).items():
        member = _KEY.match(document, at)
        value = bytes(raw)
        if member is None or not _spells(member[1], name) or not document.startswith(value, member.end()):
            return document
        start = member.end()
        at = start + len(value)
        if name == key:
            told = change(value)
            return document if told is value else b"".join((document[:start], told, document[at:]))
    return document


def in_elements(array: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    """`array` with what `change` makes of each element; with None, without it and the comma before it, or, at the
    beginning, the one behind.

    The very same object if every element stays the object that it is, or if it is no array.
    """
    pieces: list[bytes] = []
    at = 0
    changed = False
    opening = b""
    for raw in elements_of(array):
        between = _BETWEEN.match(array, at)
        element = bytes(raw)
        if between is None or not array.startswith(element, between.end()):
            return array
        opening = opening or between[0]
        told = change(element)
        if told is not None:
            pieces += (between[0] if pieces else opening, told)
        changed = changed or told is not element
        at = between.end() + len(element)
    return b"".join((*(pieces or [opening]), array[at:])) if changed else array


def _spells(key: bytes, name: str) -> bool:
    return key == dumps(name) or loads(key) == name
