"""The demo's Gemini wire: its paths, which name model and method. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qs, unquote

import attrs
import orjson

from cliproxy.demo.fields import Mistake
from cliproxy.demo.gemini.reading import count, read_body
from cliproxy.demo.gemini.writing import ARRAY, EVENTS, Envelope, error_body, error_event, stream, whole
from cliproxy.demo.replies import DemoRequest, JsonObject, Reply, Wire
from cliproxy.demo.serving import Route, Voice, json_reply, serve, speak
from cliproxy.demo.settings import DemoSettings
from cliproxy.errors import ClientMistake, NotFound

MODELS_A_PAGE: Final = 50
MAX_MODELS_A_PAGE: Final = 1000
INPUT_LIMIT: Final = 1_048_576
OUTPUT_LIMIT: Final = 65_536
FORBIDDEN: Final = 403

_CALL: Final = re.compile(r"/v1(?:beta)?/models/([^/]+):(\w+)")
"""Model, as it stands in the path, and method."""
_MODELS: Final = re.compile(r"/v1(?:beta)?/models(?:/([^/:]+))?")
_KEY: Final = "x-goog-api-key"


class _NoKey(ClientMistake):
    """The real service knows nobody without a key, rather than not knowing who it is."""

    status = FORBIDDEN


def _serves(request: DemoRequest) -> bool:
    if request.path.startswith("/v1beta/"):
        return True
    if request.method == "POST":
        return _CALL.fullmatch(request.path) is not None
    return _KEY in request.headers and _MODELS.fullmatch(request.path) is not None


def _generates(request: DemoRequest) -> bool:
    return request.method == "POST" and _method(request) in ("generateContent", "streamGenerateContent")


def _method(request: DemoRequest) -> str:
    call = _CALL.fullmatch(request.path)
    return call[2] if call is not None else ""


def _answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    if request.method == "POST":
        route = METHODS.get(_method(request))
    else:
        route = _models if request.method == "GET" and _MODELS.fullmatch(request.path) else None
    return serve(request, settings, route, _check_key, _refusal)


def _check_key(request: DemoRequest) -> None:
    if not (request.headers.get(_KEY) or request.headers.get("authorization") or _query(request).get("key")):
        raise _NoKey(
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or"
            " other form of API consumer identity to call this API."
        )


def _query(request: DemoRequest) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


# -- routes --------------------------------------------------------------------------------------------------------


def _generate(request: DemoRequest, settings: DemoSettings, seed: str, streamed: bool = False) -> Reply:
    asked = read_body(request.body, _model_in(request))
    frame = EVENTS if _query(request).get("alt") == "sse" else ARRAY
    envelope = Envelope(seed, asked.model, asked.prompt, asked.candidates, asked.signs, frame)
    voice = Voice(
        whole=partial(whole, envelope=envelope),
        stream=partial(stream, envelope=envelope),
        error=_error,
        error_event=partial(error_event, frame=frame),
        stream_type="text/event-stream" if frame is EVENTS else "application/json; charset=UTF-8",
    )
    return speak(asked.talk, settings, voice, streamed)


def _count(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    prompt = count(request.body, _model_in(request))
    counted: JsonObject = {
        "totalTokens": prompt.tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt.tokens}],
    }
    return json_reply(200, orjson.dumps(counted))


METHODS: Final[Mapping[str, Route]] = {
    "generateContent": _generate,
    "streamGenerateContent": partial(_generate, streamed=True),
    "countTokens": _count,
}


def _model_in(request: DemoRequest) -> str:
    call = _CALL.fullmatch(request.path)
    return unquote(call[1]) if call is not None else ""


def _models(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    found = _MODELS.fullmatch(request.path)
    name = unquote(found[1] or "") if found is not None else ""
    if name:
        if name not in settings.gemini_models:
            raise NotFound(f"models/{name} is not found for API version v1beta, or is not supported.")
        return json_reply(200, orjson.dumps(_model(name)))
    query = _query(request)
    start, size = _number(query, "pageToken", 0), _number(query, "pageSize", MODELS_A_PAGE)
    end = start + min(size or MODELS_A_PAGE, MAX_MODELS_A_PAGE)
    page: JsonObject = {"models": [_model(name) for name in settings.gemini_models[start:end]]}
    if end < len(settings.gemini_models):
        page["nextPageToken"] = str(end)
    return json_reply(200, orjson.dumps(page))


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not text.isdecimal() or len(text) > 9:
        raise Mistake(f"Invalid value at '{name}', \"{text}\"")
    return int(text)


def _model(name: str) -> JsonObject:
    return {
        "name": f"models/{name}",
        "version": "demo",
        "displayName": name,
        "description": "A script that answers as a model does.",
        "inputTokenLimit": INPUT_LIMIT,
        "outputTokenLimit": OUTPUT_LIMIT,
        "supportedGenerationMethods": list(METHODS),
        "thinking": True,
    }


# -- errors --------------------------------------------------------------------------------------------------------


def _refusal(mistake: ClientMistake, seed: str) -> Reply:
    return _error(mistake.status, mistake.message)


def _error(status: int, message: str) -> Reply:
    reply = json_reply(status, error_body(status, message))
    return attrs.evolve(reply, headers=[("content-type", "application/json; charset=UTF-8"), *reply.headers[1:]])


GEMINI: Final = Wire(_serves, _generates, _answer)
