"""The demo's Responses wire: its paths. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import orjson

from cliproxy.demo.openai.answers import CREATED, check_key, error_reply, headers, refusal
from cliproxy.demo.openai_responses.reading import Asked, read_body
from cliproxy.demo.openai_responses.reasoning import encrypted
from cliproxy.demo.openai_responses.writing import Envelope, error_event, stream, usage, whole
from cliproxy.demo.replies import DemoRequest, JsonObject, Reply, Wire
from cliproxy.demo.serving import Route, Voice, json_reply, serve, speak
from cliproxy.demo.settings import DemoSettings

RESPONSES: Final = "/v1/responses"
COUNT: Final = "/v1/responses/input_tokens"
COMPACT: Final = "/v1/responses/compact"


def _serves(request: DemoRequest) -> bool:
    return request.path == RESPONSES or request.path.startswith(f"{RESPONSES}/")


def _generates(request: DemoRequest) -> bool:
    return (request.method, request.path) == ("POST", RESPONSES)


def _answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    return serve(request, settings, ROUTES.get((request.method, request.path)), check_key, refusal)


def _respond(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    asked = read_body(request.body)
    envelope = _envelope(asked, seed)
    voice = Voice(
        whole=partial(whole, envelope=envelope),
        stream=partial(stream, envelope=envelope),
        error=partial(error_reply, seed=seed),
        error_event=error_event,
        headers=headers(seed),
    )
    return speak(asked.talk, settings, voice, asked.streamed)


def _envelope(asked: Asked, seed: str) -> Envelope:
    namespaces = {tool.name: tool.namespace for tool in asked.talk.tools if tool.namespace}
    return Envelope(seed, asked.model, asked.prompt, asked.encrypted, asked.echo, namespaces)


def _count(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    asked = read_body(request.body, generates=False)
    counted: JsonObject = {"object": "response.input_tokens", "input_tokens": asked.prompt.tokens}
    return json_reply(200, orjson.dumps(counted), headers(seed))


def _compact(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
    """The whole conversation becomes one item that says no more than the last instruction."""
    asked = read_body(request.body)
    item_id = f"cmp_demo{seed[:32]}"
    item: JsonObject = {
        "id": item_id,
        "type": "compaction",
        "encrypted_content": encrypted(item_id, asked.talk.instruction.prompt),
    }
    compacted: JsonObject = {
        "id": f"resp_demo{seed[:40]}",
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [item],
        "usage": usage(asked.prompt, 1),
    }
    return json_reply(200, orjson.dumps(compacted), headers(seed))


ROUTES: Final[Mapping[tuple[str, str], Route]] = {
    ("POST", RESPONSES): _respond,
    ("POST", COUNT): _count,
    ("POST", COMPACT): _compact,
}

OPENAI_RESPONSES: Final = Wire(_serves, _generates, _answer)
