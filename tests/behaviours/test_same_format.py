"""What is said in the upstream's own format: it is passed on as it stands, be it odd, for nobody could better it."""

from __future__ import annotations

import json

import pytest

from cliproxy.formats.codec import Dialect
from tests.support.pairs import MODEL, Body, asking, prepared, raw_stream
from tests.support.spoken import chunk

BODIES: list[tuple[str, Body]] = [
    ("openai-responses", asking("openai-responses", parallel_tool_calls=False, include=["x"], service_tier="flex")),
    ("openai-responses", asking("openai-responses", truncation="auto", user="u", prompt_cache_retention="24h")),
    ("openai-responses", asking("openai-responses", tools=[{"type": "web_search_preview"}])),
    ("openai-responses", asking("openai-responses", input=[{"role": "system", "content": "S"}])),
    ("openai-responses", asking("openai-responses", input=[])),
    ("openai-chat", asking("openai-chat", odd={"a": 10**30})),
    (
        "gemini",
        asking("gemini", contents=[{"role": "user", "parts": [{"functionResponse": {"name": "", "response": {}}}]}]),
    ),
    ("gemini", asking("gemini", contents=[{"parts": [{"thought_signature": "a", "thoughtSignature": "b"}]}])),
]


@pytest.mark.parametrize(("wire", "body"), BODIES)
def test_a_request_is_passed_on_byte_for_byte(wire: str, body: Body) -> None:
    sent = {key: value for key, value in body.items() if wire != "gemini" or key != "model"}
    assert prepared(wire, wire, body).body == json.dumps(sent).encode()


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses", "anthropic"])
def test_the_model_alone_is_changed_when_the_upstream_calls_it_otherwise(wire: str) -> None:
    told = prepared(wire, wire, asking(wire), model="theirs").body
    assert told == json.dumps(asking(wire)).encode().replace(MODEL.encode(), b"theirs")


def test_what_a_dialect_refuses_is_the_clients_own_affair() -> None:
    body = asking("openai-responses", truncation="auto")
    dialect = Dialect(refuses=frozenset({"truncation"}))
    assert b"truncation" in prepared("openai-responses", "openai-responses", body, dialect=dialect).body


def test_a_stream_of_chats_is_passed_on_to_its_end_mark() -> None:
    told = raw_stream("openai-chat", "openai-chat", [chunk({"content": "a"}), chunk({}, "stop")])
    assert told.endswith(b"data: [DONE]\n\n")
    assert told.count(b"[DONE]") == 1
