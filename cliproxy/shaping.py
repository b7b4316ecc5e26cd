"""What the proxy itself changes in a request, as pure functions from bytes to bytes.

A body is never serialised again: prompt caches and thinking signatures hang on its very bytes. The one edit there is,
another model name for an alias, is done in place and proved by parsing.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from cliproxy.errors import BadRequest

_MODEL: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')

Span = tuple[int, int]


def rename_model(body: bytes, name: str) -> bytes:
    """`body`, a JSON object, with `name` as its top-level model and every other byte as it was.

    Raises `BadRequest` for a body that spells its keys so that no edit in place can be proved right.
    """
    wanted = {**orjson.loads(body), "model": name}
    for spans in (_only_match(body), _top_level(body)):
        edited = _replaced(body, spans, orjson.dumps(name))
        if spans and orjson.loads(edited) == wanted:
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
    key: bytes | None = None
    last: bytes | None = None
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        elif depth == 1 and token == b":":
            key = last
        elif depth == 1 and token == b",":
            key = None
        elif depth == 1 and key is not None and orjson.loads(key) == "model":
            spans.append(match.span())
        last = token
    return spans


def _replaced(body: bytes, spans: list[Span], value: bytes) -> bytes:
    pieces: list[bytes] = []
    end = 0
    for start, stop in spans:
        pieces += (body[end:start], value)
        end = stop
    return b"".join((*pieces, body[end:]))
