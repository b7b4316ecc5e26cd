"""Another model name for an alias: the edit that most passed requests need, so that it has a short way."""

from __future__ import annotations

import re
from typing import Final

import orjson

from cliproxy.errors import BadRequest
from cliproxy.formats.requests import peek
from cliproxy.shaping.spans import Set, edit

_MODEL: Final = re.compile(rb'"model"\s*+:\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+")')
"""Possessive: a string of megabytes is read without places to come back to."""


def rename_model(body: bytes, name: str) -> bytes:
    """`body`, a JSON object, with `name` as its top-level model and every other byte as it was.

    Raises `BadRequest` for a body that spells its keys so that no edit in place can be proved right. The proof of the
    short way: a value is replaced whole, so if the model was another before and is `name` afterwards, it is the model
    that was replaced.
    """
    if peek(body).model == name:
        return body
    found = list(_MODEL.finditer(body))
    if len(found) == 1:
        start, end = found[0].span(1)
        renamed = b"".join((body[:start], orjson.dumps(name), body[end:]))
        if peek(renamed).model == name:
            return renamed
    renamed = edit(body, [Set(("model",), name)])
    if peek(renamed).model != name:
        raise BadRequest("model: The key is spelled so that the alias cannot be replaced in place.")
    return renamed
