"""The door for Gemini clients: gemini-cli and Google's SDKs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson
from twisted.web.server import Request

from cliproxy.ask import Ask
from cliproxy.errors import BadRequest, MethodNotAllowed, NotFound, UnknownModel
from cliproxy.formats.gemini import GEMINI
from cliproxy.formats.requests import MAX_MODEL_CHARACTERS, check_object
from cliproxy.formats.wire import Operation, Peek
from cliproxy.web.asks import ask_for
from cliproxy.web.intake import read_body
from cliproxy.web.routes import House, Route, whole_json

ACTIONS: Final[Mapping[str, tuple[Operation, bool]]] = MappingProxyType(
    {
        "generateContent": (Operation.GENERATE, False),
        "streamGenerateContent": (Operation.GENERATE, True),
        "countTokens": (Operation.COUNT_TOKENS, False),
    }
)
"""What may stand behind the colon: the operation, and whether it streams."""
METHODS: Final = ("generateContent", "countTokens")
"""What the list says that a model can do."""


class GeminiDoor:
    """`/v1beta/models`, and the same below `/v1/` for Google's SDK, which the other doors leave to this one."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> Sequence[Route]:
        """What is served here."""
        return (
            Route("/v1beta/models", ("GET",), self.models),
            Route("/v1beta/models/<path:name>", ("GET",), self.model),
            Route("/v1beta/models/<path:name>", ("POST",), reads=self.act),
            Route("/v1/models/<path:name>:<action>", ("POST",), reads=self.act),
        )

    def models(self, request: Request) -> bytes:
        """Every model."""
        return whole_json(request, model_list(self._house.model_names))

    def model(self, request: Request, name: str) -> bytes:
        """One model."""
        if name not in self._house.model_names:
            raise UnknownModel(name, self._house.nearest_models(name))
        return whole_json(request, one_model(name))

    def act(self, request: Request, name: str, action: str = "") -> Ask:
        """Something asked of a model: `name:action`. A name may hold colons: the last one parts it from the action."""
        name, colon, action = (f"{name}:{action}" if action else name).rpartition(":")
        if not colon:
            raise MethodNotAllowed(["GET"])
        if action not in ACTIONS:
            raise NotFound(f"There is no {action!r}; models know {', '.join(ACTIONS)}.")
        if len(name) > MAX_MODEL_CHARACTERS:
            raise BadRequest(f"model: At most {MAX_MODEL_CHARACTERS} characters were expected.")
        operation, streams = ACTIONS[action]
        body = read_body(request, self._house.body_limit)
        clues = check_object(body)
        array = (request.args or {}).get(b"alt", [b""])[0] != b"sse"
        peek = Peek(name.removeprefix("models/"), streams, clues)
        return ask_for(request, GEMINI, operation, body, peek, array=array)


def model_object(name: str) -> dict[str, object]:
    """One model in Google's shape."""
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": METHODS}


def model_list(names: Iterable[str]) -> bytes:
    """All models in Google's shape, on one page."""
    return orjson.dumps({"models": [model_object(name) for name in names]})


def one_model(name: str) -> bytes:
    """A model by its name."""
    return orjson.dumps(model_object(name))
