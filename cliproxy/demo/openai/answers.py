"""What the demo's two OpenAI wires answer in common: keys, errors and models. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

import attrs
import orjson

from cliproxy.demo.fields import Mistake
from cliproxy.demo.replies import DemoRequest, JsonObject, Reply
from cliproxy.demo.serving import RETRY_AFTER, Headers, json_reply
from cliproxy.demo.settings import DemoSettings
from cliproxy.errors import ClientMistake, Unauthenticated

CREATED: Final = 1_767_225_600
"""The beginning of 2026: the demo has no clock, so that equal requests get equal replies."""
MODELS: Final = "/v1/models"

_ERRORS: Final = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    404: ("not_found_error", None),
    408: ("server_error", "timeout"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", "server_error"),
    502: ("server_error", "server_error"),
    503: ("server_error", "server_is_overloaded"),
    504: ("server_error", "timeout"),
    529: ("server_error", "server_is_overloaded"),
}
"""Type and code of what a status means; any other is the client's mistake."""
_MISTAKE: Final = ("invalid_request_error", None)


def check_key(request: DemoRequest) -> None:
    """Raises `Unauthenticated` without a bearer token."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer"
            " auth (i.e. Authorization: Bearer YOUR_KEY)."
        )


def refusal(mistake: ClientMistake, seed: str) -> Reply:
    """The reply that tells the client's mistake."""
    param, code = (mistake.param, mistake.code) if isinstance(mistake, Mistake) else (None, None)
    return error_reply(mistake.status, mistake.message, seed, param, code)


def error_reply(status: int, message: str, seed: str, param: str | None = None, code: str | None = None) -> Reply:
    """An error as a reply."""
    error = error_of(status, message)
    if isinstance(param, str):
        error["param"] = param
    if isinstance(code, str):
        error |= {"code": code, "type": _MISTAKE[0]}
    reply = json_reply(status, orjson.dumps({"error": error}), headers(seed))
    return attrs.evolve(reply, headers=[*reply.headers, *RETRY_AFTER.get(status, ())])


def error_of(status: int, message: str) -> JsonObject:
    """What stands under `error`."""
    kind, code = _ERRORS.get(status, _MISTAKE)
    return {"message": message, "type": kind, "param": None, "code": code}


def headers(seed: str) -> Headers:
    """Of every reply."""
    return [("x-request-id", f"req_{seed[20:52]}")]


# -- models --------------------------------------------------------------------------------------------------------


def asks_models(request: DemoRequest) -> bool:
    """Whether it is an OpenAI client that asks for the list, or for one model."""
    return (
        request.method == "GET"
        and (request.path == MODELS or request.path.startswith(f"{MODELS}/"))
        and "authorization" in request.headers
        and not request.headers.keys() & {"anthropic-version", "x-api-key", "x-goog-api-key"}
    )


def answer_models(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    """The list, or one model. Raises `Mistake` if there is none of that name."""
    if request.path == MODELS:
        listed: JsonObject = {"object": "list", "data": [_model(name) for name in settings.openai_models]}
        return json_reply(200, orjson.dumps(listed), headers(seed))
    name = unquote(request.path.removeprefix(f"{MODELS}/"))
    if name not in settings.openai_models:
        raise Mistake(f"The model '{name}' does not exist", "model", "model_not_found", status=404)
    return json_reply(200, orjson.dumps(_model(name)), headers(seed))


def _model(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "cliproxy-demo"}
