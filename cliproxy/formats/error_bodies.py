"""What the body of an error answer tells, whoever wrote it: vendors, gateways and frameworks nest it differently."""

from __future__ import annotations

from collections import deque
from typing import Final

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.formats.jsontext import loads

MAX_LOOKED_AT_BYTES: Final = 64 * 1024
"""A longer body is no vendor's error."""
MAX_VISITED: Final = 64
"""Objects and lists that are looked into."""

_WRAPPINGS: Final = ("error", "errors", "detail", "details", "response")
"""Fields in which errors stand. Nothing else is looked into: some repeat the request, in which anything may stand."""


def errors_in(body: bytes) -> list[JsonObject]:
    """The objects that tell an error, the outermost first; none, if the body is no JSON.

    Gateways put what they were told into their own `message`, as text; that is looked into as well.
    """
    if len(body) > MAX_LOOKED_AT_BYTES:
        return []
    found: list[JsonObject] = []
    waiting: deque[Json] = deque([_parsed(body)])
    visited = 0
    while waiting and visited < MAX_VISITED:
        visited += 1
        value = waiting.popleft()
        if isinstance(value, dict):
            found.append(value)
            waiting.extend(value[key] for key in _WRAPPINGS if isinstance(value.get(key), (dict, list)))
            message = value.get("message")
            if isinstance(message, str) and message.startswith(("{", "[")):
                waiting.append(_parsed(message))
        elif isinstance(value, list):
            waiting.extend(value[:MAX_VISITED])
    return found


def _parsed(text: bytes | str) -> Json:
    try:
        return loads(text)
    except ValueError:
        return None
