"""What the proxy itself changes in a request, as pure functions from bytes to bytes.

A body is never serialised again: prompt caches and thinking signatures hang on its very bytes. The one edit there is,
another model name for an alias, is done in place and proved by parsing.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from cliproxy.errors import BadRequest
from cliproxy.formats.requests import peek

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""Possessive: a string of megabytes, such as an image, is read without places to come back to."""
_MODEL: Final = re.compile(rb'"model"\s*+:\s*+(%b)' % _STRING)
_TOKEN: Final = re.compile(rb"(%b)(\s*+:)?+|[{}\[\]]" % _STRING)
"""A text, with the colon behind it if it is a key, or a bracket."""

Span = tuple[int, int]


def rename_model(body: bytes, name: str) -> bytes:
    """`body`, a JSON object, with `name` as its top-level model and every other byte as it was.

    Raises `BadRequest` for a body that spells its keys so that no edit in place can be proved right. The proof: values
    are replaced whole, so if the model was another before and is `name` afterwards, it is the model that was replaced.
    """
    if peek(body).model == name:
        return body
    for find in (_only_match, _top_level):
        spans = find(body)
        edited = _replaced(body, spans, orjson.dumps(name))
        if spans and peek(edited).model == name:
            return edited
    raise BadRequest("model: The key is spelled so that the alias cannot be replaced in place.")


def _only_match(body: bytes) -> list[Span]:
    """Where the model stands, if the text `"model": "…"` stands once: so it is with nearly every client."""
    found = [match.span(1) for match in _MODEL.finditer(body)]
    return found if len(found) == 1 else []


def _top_level(body: bytes) -> list[Span]:
    """Where the values of the top-level key `model` stand: a walk over all tokens, slower, never misled."""
    spans: list[Span] = []
    depth = 0
    of_model = False
    for match in _TOKEN.finditer(body):
        text, colon = match.groups()
        if text is None:
            depth += 1 if match[0] in b"{[" else -1
        elif depth == 1 and colon:
            of_model = orjson.loads(text) == "model"
        elif depth == 1 and of_model:
            spans.append(match.span(1))
    return spans


def _replaced(body: bytes, spans: list[Span], value: bytes) -> bytes:
    pieces: list[bytes] = []
    end = 0
    for start, stop in spans:
        pieces += (body[end:start], value)
        end = stop
    return b"".join((*pieces, body[end:]))
