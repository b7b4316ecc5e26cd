"""The demo as Anthropic's API: messages, token counts, models, and its errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qs, unquote

import attrs
import orjson

from cliproxy.demo.anthropic.reading import read_body
from cliproxy.demo.anthropic.writing import Envelope, error_body, error_event, stream, whole
from cliproxy.demo.replies import DemoRequest, JsonObject, Reply, Wire
from cliproxy.demo.serving import RETRY_AFTER, Headers, Route, Voice, json_reply, serve, speak
from cliproxy.demo.settings import DemoSettings
from cliproxy.errors import BadRequest, ClientMistake, NotFound, Unauthenticated

MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"
MODELS: Final = "/v1/models"
MODELS_A_PAGE: Final = 20
MAX_MODELS_A_PAGE: Final = 1000
MODELS_MADE: Final = "2026-01-01T00:00:00Z"

OVERLOADED: Final = 529


def _serves(request: DemoRequest) -> bool:
    return (request.method, request.path) in ROUTES or _is_one_model(request)


def _generates(request: DemoRequest) -> bool:
    return (request.method, request.path) == ("POST", MESSAGES)


def _answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    route = ROUTES.get((request.method, request.path), _one_model if _is_one_model(request) else None)
    return serve(request, settings, route, _check_key, _refusal)


def _check_key(request: DemoRequest) -> None:
    if not (request.headers.get("x-api-key") or request.headers.get("authorization")):
        raise Unauthenticated("x-api-key header is required")


def _refusal(mistake: ClientMistake, seed: str) -> Reply:
    return _error(mistake.status, mistake.message, seed)


# -- routes --------------------------------------------------------------------------------------------------------


def _messages(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    asked = read_body(request.body)
    envelope = Envelope(seed, asked.model, asked.prompt)
    voice = Voice(
        whole=partial(whole, envelope=envelope),
        stream=partial(stream, envelope=envelope),
        error=partial(_error, seed=seed),
        error_event=lambda message, before: error_event(OVERLOADED, message, _request_id(seed)),
        headers=_headers(seed),
        overloaded=OVERLOADED,
    )
    return speak(asked.talk, settings, voice, asked.streamed)


def _count(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    return _json(200, orjson.dumps({"input_tokens": read_body(request.body, generates=False).input_tokens}), seed)


def _models(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    query = {name: values[-1] for name, values in parse_qs(request.query).items()}
    names = settings.models
    if "after_id" in query:
        names = names[_place(names, query["after_id"]) + 1 :]
    if "before_id" in query:
        names = names[: _place(names, query["before_id"])]
    limit = query.get("limit", str(MODELS_A_PAGE))
    if not limit.isdecimal() or not 1 <= int(limit[:5]) <= MAX_MODELS_A_PAGE:
        raise BadRequest(f"limit: Input should be an integer from 1 to {MAX_MODELS_A_PAGE}")
    shown = names[: int(limit)]
    page: JsonObject = {
        "data": [_model(name) for name in shown],
        "has_more": len(shown) < len(names),
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }
    return _json(200, orjson.dumps(page), seed)


def _one_model(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    name = unquote(request.path.removeprefix(f"{MODELS}/"))
    if name not in settings.models:
        raise NotFound(f"model: {name}")
    return _json(200, orjson.dumps(_model(name)), seed)


def _is_one_model(request: DemoRequest) -> bool:
    return request.method == "GET" and request.path.startswith(f"{MODELS}/")


def _model(name: str) -> JsonObject:
    return {"type": "model", "id": name, "display_name": name, "created_at": MODELS_MADE}


def _place(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise BadRequest(f"No model is called {name}.")
    return names.index(name)


ROUTES: Final[Mapping[tuple[str, str], Route]] = {
    ("POST", MESSAGES): _messages,
    ("POST", COUNT): _count,
    ("GET", MODELS): _models,
}


# -- bodies --------------------------------------------------------------------------------------------------------


def _request_id(seed: str) -> str:
    return f"req_demo{seed[20:40]}"


def _headers(seed: str) -> Headers:
    return [("request-id", _request_id(seed))]


def _json(status: int, body: bytes, seed: str) -> Reply:
    return json_reply(status, body, _headers(seed))


def _error(status: int, message: str, seed: str) -> Reply:
    reply = _json(status, error_body(status, message, _request_id(seed)), seed)
    return attrs.evolve(reply, headers=[*reply.headers, *RETRY_AFTER.get(status, ())])


ANTHROPIC: Final = Wire(_serves, _generates, _answer)
