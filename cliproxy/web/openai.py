"""The door for OpenAI clients: Chat Completions, the older Completions, and Responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import orjson
from twisted.internet.defer import Deferred
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.formats.openai_completions import OPENAI_COMPLETIONS
from cliproxy.formats.openai_responses import OPENAI_RESPONSES
from cliproxy.formats.wire import Operation, WireFormat
from cliproxy.web.asks import ask_for
from cliproxy.web.intake import read_body
from cliproxy.web.routes import House, Route
from cliproxy.web.sockets.connect import connect


class _Shape(msgspec.Struct):
    """Which of the two fields a body has; what they hold is not looked at."""

    input: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_SHAPE = msgspec.json.Decoder(_Shape)


class OpenAIDoor:
    """`/v1/chat/completions`, `/v1/completions`, `/v1/responses` and what stands below it."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> Sequence[Route]:
        """What is served here."""
        return (
            Route("/v1/chat/completions", ("POST",), reads=self.chat),
            Route("/v1/completions", ("POST",), reads=self.completions),
            Route("/v1/responses", ("POST",), reads=self.responses),
            Route("/v1/responses", ("GET",), self.socket),
            Route("/v1/responses/compact", ("POST",), reads=self.compact),
            Route("/v1/responses/input_tokens", ("POST",), reads=self.count),
        )

    def chat(self, request: Request) -> Ask:
        """A chat completion. Some clients send Responses here; their answer is one."""
        body = read_body(request, self._house.body_limit)
        return self._read(request, OPENAI_RESPONSES if is_responses(body) else OPENAI_CHAT, Operation.GENERATE, body)

    def completions(self, request: Request) -> Ask:
        """A completion of a prompt."""
        return self._read(request, OPENAI_COMPLETIONS, Operation.GENERATE)

    def responses(self, request: Request) -> Ask:
        """A response."""
        return self._read(request, OPENAI_RESPONSES, Operation.GENERATE)

    def socket(self, request: Request) -> Deferred[None]:
        """A WebSocket for any number of them."""
        return connect(request, self._house)

    def compact(self, request: Request) -> Ask:
        """A conversation made shorter, where the upstream can."""
        return self._read(request, OPENAI_RESPONSES, Operation.COMPACT)

    def count(self, request: Request) -> Ask:
        """How many input tokens a response would have."""
        return self._read(request, OPENAI_RESPONSES, Operation.COUNT_TOKENS)

    def _read(self, request: Request, wire: WireFormat, operation: Operation, body: bytes | None = None) -> Ask:
        body = read_body(request, self._house.body_limit) if body is None else body
        return ask_for(request, wire, operation, body, wire.peek(body))


def is_responses(body: bytes) -> bool:
    """Whether a body is a Responses request: it has `input`, and no `messages`."""
    if b'"messages"' in body and b'"input"' not in body:
        return False
    try:
        shape = _SHAPE.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return shape.input is not msgspec.UNSET and shape.messages is msgspec.UNSET


def model_object(name: str) -> dict[str, object]:
    """One model in OpenAI's shape."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "cliproxy"}


def model_list(names: Iterable[str]) -> bytes:
    """All models in OpenAI's shape."""
    return orjson.dumps({"object": "list", "data": [model_object(name) for name in names]})


def one_model(name: str) -> bytes:
    """A model by its name."""
    return orjson.dumps(model_object(name))
