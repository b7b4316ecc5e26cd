"""The demo as Anthropic's API: messages, token counts, models, and its errors. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, unquote

import attrs
import orjson

from cliproxy.demo.anthropic_reading import read_body
from cliproxy.demo.anthropic_writing import Envelope, error_body, error_event, stream, whole
from cliproxy.demo.faults import Spoiling, spoil
from cliproxy.demo.plan import plan
from cliproxy.demo.replies import Chunk, DemoRequest, End, JsonObject, Pause, Reply, Wire
from cliproxy.demo.script import read_script
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from cliproxy.errors import BadRequest, ClientMistake, NotFound, TooLarge, Unauthenticated

MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"
MODELS: Final = "/v1/models"
MODELS_A_PAGE: Final = 20
MAX_MODELS_A_PAGE: Final = 1000
MODELS_MADE: Final = "2026-01-01T00:00:00Z"

OVERLOADED: Final = 529
"""What the faults `error` and `error-first` say; a reply that is not streamed has this status."""
RATE_LIMITED: Final = 429


def _serves(request: DemoRequest) -> bool:
    return (request.method, request.path) in ROUTES or _is_one_model(request)


def _generates(request: DemoRequest) -> bool:
    return (request.method, request.path) == ("POST", MESSAGES)


def _answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    seed = _seed(request)
    try:
        route = ROUTES.get((request.method, request.path), _one_model if _is_one_model(request) else None)
        if route is None:
            raise NotFound(f"The demo upstream has no {request.method} {request.path}.")
        if not (request.headers.get("x-api-key") or request.headers.get("authorization")):
            raise Unauthenticated("x-api-key header is required")
        if len(request.body) > MAX_BODY_BYTES:
            raise TooLarge(f"The request is over {MAX_BODY_BYTES} bytes.")
        return route(request, settings, seed)
    except ClientMistake as mistake:
        return _error(mistake.status, mistake.message, seed)


# -- routes --------------------------------------------------------------------------------------------------------


def _messages(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    asked = read_body(request.body)
    script, _ = read_script(asked.talk.prompt)
    turn = plan(asked.talk, script, settings)
    envelope = Envelope(seed, asked.model, asked.input_tokens)
    pause = settings.delta_pause_seconds if script.delta_pause_seconds is None else script.delta_pause_seconds
    if asked.streamed:
        headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        steps = stream(turn, envelope, pause, settings.stamp)
        reply = Reply(200, [*headers, ("request-id", _request_id(seed))], steps)
    else:
        reply = _json(200, whole(turn, envelope), seed)
        if pause:  # it takes as long as its stream would
            steps = stream(turn, envelope, pause, settings.stamp)
            seconds = sum(step.seconds for step in steps if isinstance(step, Pause))
            reply = attrs.evolve(reply, wait_seconds=seconds)
    fault = script.fault or settings.fault
    if not fault:
        return reply
    stall_seconds = settings.stall_seconds if script.stall_seconds is None else script.stall_seconds
    return _with_fault(reply, fault, seed, stall_seconds, asked.streamed)


def _with_fault(reply: Reply, fault: str, seed: str, stall_seconds: float, streamed: bool) -> Reply:
    told = f"The demo upstream was asked for the fault {fault}."
    if fault.isdecimal():
        return _error(int(fault), told, seed)
    if fault in ("error", "error-first") and not streamed:
        return _error(OVERLOADED, told, seed)
    return spoil(reply, fault, Spoiling(stall_seconds, error_event(OVERLOADED, told, _request_id(seed))))


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


ROUTES: Final[Mapping[tuple[str, str], Callable[[DemoRequest, DemoSettings, str], Reply]]] = {
    ("POST", MESSAGES): _messages,
    ("POST", COUNT): _count,
    ("GET", MODELS): _models,
}


# -- bodies --------------------------------------------------------------------------------------------------------


def _seed(request: DemoRequest) -> str:
    """What every id of the reply is made from: the same for the same request."""
    return hashlib.sha256(f"{request.method} {request.path}?{request.query}\n".encode() + request.body).hexdigest()


def _request_id(seed: str) -> str:
    return f"req_demo{seed[20:40]}"


def _json(status: int, body: bytes, seed: str) -> Reply:
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("request-id", _request_id(seed)),
    ]
    return Reply(status, headers, [Chunk(body), End()])


def _error(status: int, message: str, seed: str) -> Reply:
    reply = _json(status, error_body(status, message, _request_id(seed)), seed)
    if status == RATE_LIMITED:
        reply = attrs.evolve(reply, headers=[*reply.headers, ("retry-after", "1")])
    return reply


ANTHROPIC: Final = Wire(_serves, _generates, _answer)
