"""The whole daemon in memory, for clients of one wire format whose upstreams speak another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

import attrs
import orjson
import pytest

from cliproxy.config.schema import (
    ClaudeKey,
    CodexKey,
    Config,
    GeminiKey,
    KeyEntry,
    Model,
    OpenAICompatibility,
    Payload,
    PayloadMatch,
    PayloadRule,
)
from cliproxy.secret import Secret
from tests.support.grammars import gemini
from tests.support.grammars.said import Answer, Piece, Said, Tokens
from tests.support.house import EVENT_STREAM, JSON, Asked, Caller, Daemon
from tests.support.translating import GRAMMARS, MODEL, PAIRS, TELLERS, WIRES, asking

Pair = tuple[str, str]
"""Who answers, and who asked."""
clients = pytest.mark.parametrize("client", WIRES)
AN_OTHER: Final = {
    "anthropic": "openai-chat",
    "openai-chat": "anthropic",
    "openai-responses": "gemini",
    "gemini": "openai-responses",
}
"""For each client an upstream of another format, and each of them once."""
FEW: Final = tuple((upstream, client) for client, upstream in AN_OTHER.items())


def named(pair: Pair) -> str:
    """Such as `gemini-by-anthropic`: who asked, and who answers."""
    return f"{pair[1]}-by-{pair[0]}"


pairs = pytest.mark.parametrize("pair", PAIRS, ids=named)
few_pairs = pytest.mark.parametrize("pair", FEW, ids=named)
UPSTREAM_MODEL: Final = "upstream-model"
HOSTS: Final[Mapping[str, str]] = {wire: f"{wire}.example" for wire in WIRES}
PATHS: Final[Mapping[str, str]] = {
    "anthropic": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "openai-completions": "/v1/completions",
}
"""Where clients ask; Gemini's path names the model."""
ASKED_AT: Final[Mapping[str, str]] = {
    "anthropic": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "gemini": f"/v1beta/models/{UPSTREAM_MODEL}:generateContent",
}
"""Where upstreams are asked for a whole reply."""
HELLO: Final = Said((Answer((Piece("text", "Hello"),)),), Tokens(7, 0, 2, 0))


def upstream_key(number: int) -> str:
    """Of the upstream at that place in the list."""
    return f"sk-upstream-key-{number}-0123456789"


def serving(*wires: str, name: str = UPSTREAM_MODEL, alias: str = MODEL, **more: Any) -> Config:
    """A configuration in which these upstreams serve one model."""
    config = Config(**more)
    models = (Model(name, alias),)
    for number, wire in enumerate(wires):
        secret, base = Secret(upstream_key(number)), f"https://{HOSTS[wire]}"
        if wire == "anthropic":
            claude = ClaudeKey(secret, base_url=base, models=models, auth_header="x-api-key")
            config = attrs.evolve(config, claude_keys=(*config.claude_keys, claude))
        elif wire == "gemini":
            key = GeminiKey(secret, base_url=base, models=models)
            config = attrs.evolve(config, gemini_keys=(*config.gemini_keys, key))
        elif wire == "openai-responses":
            codex = CodexKey(secret, base_url=f"{base}/v1", models=models)
            config = attrs.evolve(config, codex_keys=(*config.codex_keys, codex))
        else:
            server = OpenAICompatibility(f"chat{number}", f"{base}/v1", models=models, keys=(KeyEntry(secret),))
            config = attrs.evolve(config, openai_compatibility=(*config.openai_compatibility, server))
    return config


def rule(params: Mapping[str, object], **match: str) -> PayloadRule:
    """For the model of these tests."""
    return PayloadRule((PayloadMatch(UPSTREAM_MODEL, **match),), params)


def payload(
    defaults: Sequence[Mapping[str, object]] = (),
    overrides: Sequence[Mapping[str, object]] = (),
    filters: Sequence[str] = (),
) -> Payload:
    """Rules for the model of these tests."""
    removed = (PayloadRule((PayloadMatch(UPSTREAM_MODEL),), removed=tuple(filters)),) if filters else ()
    return Payload(tuple(map(rule, defaults)), tuple(map(rule, overrides)), removed)


def path_of(wire: str, model: str = MODEL, *, stream: bool = False, array: bool = False) -> str:
    """Where a client of this wire asks."""
    if wire != "gemini":
        return PATHS[wire]
    if array:
        return f"/v1beta/models/{model}:streamGenerateContent"
    return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


def body_of(wire: str, model: str = MODEL, *, stream: bool = False, **fields: Any) -> bytes:
    """What it sends there."""
    if wire == "openai-completions":
        return orjson.dumps({"model": model, "prompt": "Go on.", "stream": stream, **fields})
    body = asking(wire, **{"model": model, **fields})
    if wire == "gemini":
        del body["model"]
        return orjson.dumps(body)
    if not stream:
        body.pop("stream_options", None)
    return orjson.dumps({**body, "stream": stream})


class Crossing(Daemon):
    """A daemon whose upstreams speak these formats."""

    def __init__(self, *wires: str, **more: Any) -> None:
        super().__init__(keys=0, config=serving(*wires, **more))

    def ask(
        self,
        wire: str,
        *lines: str,
        stream: bool = True,
        array: bool = False,
        model: str = MODEL,
        **fields: Any,
    ) -> Caller:
        """A client of that wire asks."""
        body = body_of(wire, model, stream=stream, **fields)
        return self.caller().ask(body, *lines, path=path_of(wire, model, stream=stream, array=array))

    def asked(self, wire: str) -> Asked:
        """The last request that the upstream of this wire got."""
        return [asked for asked in self.upstream.asked if HOSTS[wire] in asked.uri][-1]

    @property
    def blamed(self) -> int:
        """How many credentials have something held against them."""
        names = (UPSTREAM_MODEL, MODEL)
        return sum(count > 0 for name in names for count in self.failures(name))


class _Plain(Random):
    """Always the first choice: every text in one piece, and nothing that need not be told."""

    def choice(self, seq: Any) -> Any:
        """The first."""
        return seq[0]

    def random(self) -> float:
        """Above whatever is seldom, below what is common."""
        return 0.3


def sent(asked: Asked) -> dict[str, Any]:
    """A request's body, as the upstream got it."""
    body = orjson.loads(asked.body)
    assert isinstance(body, dict)
    return body


def sent_headers(asked: Asked) -> dict[str, str]:
    """Its headers, names in lower case; each once."""
    lines = [(name.decode().lower(), values) for name, values in asked.headers.getAllRawHeaders()]
    assert all(len(values) == 1 for _, values in lines)
    return {name: values[0].decode() for name, values in lines}


def events_of(wire: str, said: Said = HELLO) -> list[bytes]:
    """A turn as an upstream streams it."""
    return TELLERS[wire].events(said, _Plain())


def stream_from(asked: Asked, wire: str, said: Said = HELLO) -> None:
    """The upstream answers with a stream, whole."""
    asked.answer(200, EVENT_STREAM, body=b"".join(events_of(wire, said)), end=True)


def whole_from(asked: Asked, wire: str, said: Said = HELLO) -> None:
    """The upstream answers with one body."""
    asked.answer(200, JSON, body=TELLERS[wire].whole(said), end=True)


def error_from(asked: Asked, status: int, document: Mapping[str, object], *headers: tuple[str, str]) -> None:
    """The upstream answers with an error."""
    asked.answer(status, JSON, *headers, body=orjson.dumps(document), end=True)


def complaint(wire: str, status: int, message: str) -> dict[str, object]:
    """An error's body in the upstream's own words."""
    if wire == "anthropic":
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    if wire == "gemini":
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def streamed(client: Caller, wire: str, *, array: bool = False) -> Said:
    """What a client was told in a stream, which has ended, without the beats between its events."""
    assert client.ended, client.body
    if array:
        return gemini.check(client.body, array=True)
    return GRAMMARS[wire].check(without_beats(client.body))


def without_beats(told: bytes) -> bytes:
    """A stream without the empty lines that stand between its events."""
    return re.sub(rb"\n{3,}", b"\n\n", told).lstrip(b"\n")


def whole(client: Caller, wire: str) -> Said:
    """What a client was told in one body."""
    assert client.ended
    return GRAMMARS[wire].read(client.body)


def text_of(said: Said) -> str:
    """The visible words of the first answer."""
    return said.answers[0].joined("text")


def error_of(client: Caller, wire: str) -> dict[str, Any]:
    """The `error` of a whole error answer in this wire's shape."""
    assert client.ended
    assert client.headers["content-type"] == "application/json"
    return error_in(orjson.loads(client.body), wire)


def error_in(document: dict[str, Any], wire: str) -> dict[str, Any]:
    """The `error` in this wire's shape, which is checked."""
    error: dict[str, Any] = document["error"]
    if wire == "anthropic":
        assert document["type"] == "error"
        assert error.keys() == {"type", "message"}
    elif wire == "gemini":
        assert {"code", "message", "status"} <= error.keys()
    else:
        assert document.keys() == {"error"}
        assert error.keys() == {"message", "type", "param", "code"}
    return error


def keys_in(texts: Sequence[bytes]) -> bool:
    """Whether an upstream's key stands in any of them."""
    return any(b"sk-upstream-key" in text for text in texts)
