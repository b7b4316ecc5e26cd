"""The demo's Chat Completions wire: its paths. Pure."""

from __future__ import annotations

from functools import partial
from typing import Final

from cliproxy.demo.openai.answers import (
    answer_models,
    asks_models,
    check_key,
    error_reply,
    headers,
    refusal,
)
from cliproxy.demo.openai_chat.reading import read_body
from cliproxy.demo.openai_chat.writing import Envelope, error_event, stream, whole
from cliproxy.demo.replies import DemoRequest, Reply, Wire
from cliproxy.demo.serving import Voice, serve, speak
from cliproxy.demo.settings import DemoSettings

COMPLETIONS: Final = "/v1/chat/completions"


def _serves(request: DemoRequest) -> bool:
    return request.path == COMPLETIONS or asks_models(request)


def _generates(request: DemoRequest) -> bool:
    return (request.method, request.path) == ("POST", COMPLETIONS)


def _answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    route = answer_models if asks_models(request) else _complete if _generates(request) else None
    return serve(request, settings, route, check_key, refusal)


def _complete(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    asked = read_body(request.body)
    envelope = Envelope(seed, asked.model, asked.prompt, asked.choices, asked.usage_in_stream)
    voice = Voice(
        whole=partial(whole, envelope=envelope),
        stream=partial(stream, envelope=envelope),
        error=partial(error_reply, seed=seed),
        error_event=error_event,
        headers=headers(seed),
    )
    return speak(asked.talk, settings, voice, asked.streamed)


OPENAI_CHAT: Final = Wire(_serves, _generates, _answer)
