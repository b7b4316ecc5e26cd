"""The door for Anthropic clients: Claude Code, and the official SDKs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation
from cliproxy.web.asks import ask_for
from cliproxy.web.intake import read_body
from cliproxy.web.routes import House, Route

UNDATED: Final = "1970-01-01T00:00:00Z"
"""`created_at` is required; the API's documentation names the epoch for a release date that is not known."""


class AnthropicDoor:
    """`/v1/messages` and its token counter."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> Sequence[Route]:
        """What is served here."""
        return (
            Route("/v1/messages", ("POST",), reads=self.messages),
            Route("/v1/messages/count_tokens", ("POST",), reads=self.count_tokens),
        )

    def messages(self, request: Request) -> Ask:
        """A message, streamed or whole."""
        return self._read(request, Operation.GENERATE)

    def count_tokens(self, request: Request) -> Ask:
        """How many input tokens a message would have."""
        return self._read(request, Operation.COUNT_TOKENS)

    def _read(self, request: Request, operation: Operation) -> Ask:
        body = read_body(request, self._house.body_limit)
        return ask_for(request, ANTHROPIC, operation, body, ANTHROPIC.peek(body))


def model_object(name: str) -> dict[str, object]:
    """One model in Anthropic's shape: what the API requires, and nothing that is not known."""
    return {"type": "model", "id": name, "display_name": name, "created_at": UNDATED, "lifecycle": "active"}


def model_list(names: Iterable[str]) -> bytes:
    """All models in Anthropic's shape, on one page."""
    rows = [model_object(name) for name in names]
    return orjson.dumps(
        {
            "data": rows,
            "has_more": False,
            "first_id": rows[0]["id"] if rows else None,
            "last_id": rows[-1]["id"] if rows else None,
        }
    )


def one_model(name: str) -> bytes:
    """A model by its name."""
    return orjson.dumps(model_object(name))
