"""Requests for the demo's Responses wire, with defaults."""

from __future__ import annotations

from typing import Any

from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Json, Reply
from tests.demo.asking import body_in, decoded, post, told_wrong
from tests.demo.openai_responses.grammar import Stream, check_stream

RESPONSES = "/v1/responses"
ENCRYPTED: list[Json] = ["reasoning.encrypted_content"]
PATH: Json = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}
TOOLS: list[Json] = [
    {"type": "function", "name": "Read", "parameters": PATH},
    {"type": "function", "name": "Bash", "parameters": {"type": "object"}},
    {"type": "custom", "name": "Patch"},
]


def ask(given: Json = "hello", /, **fields: Json) -> Reply:
    return post(RESPONSES, {"model": "demo-responses", "input": given, **fields})


def output(given: Json = "hello", /, **fields: Json) -> list[dict[str, Any]]:
    """The items of a whole reply."""
    items = decoded(ask(given, **fields))["output"]
    assert isinstance(items, list)
    return items


def said(given: Json = "hello", /, **fields: Json) -> str:
    """The text of its message."""
    (item,) = (item for item in output(given, **fields) if item["type"] == "message")
    return str(item["content"][0]["text"])


def calls(given: Json = "hello", /, **fields: Json) -> list[tuple[str, str]]:
    """What is called, and with what."""
    return [
        (item["name"], item["arguments" if item["type"] == "function_call" else "input"])
        for item in output(given, **fields)
        if item["type"].endswith("_call")
    ]


def streamed(given: Json = "hello", /, **fields: Json) -> Stream:
    reply = ask(given, stream=True, **fields)
    assert reply.status == 200, body_in(reply)
    return check_stream(plain(reply.steps))


def refused(given: Json = "hello", /, **fields: Json) -> tuple[str, Json, Json]:
    """Message, field and code of a 400 or, of what is not stored, a 404."""
    reply = ask(given, **fields)
    assert reply.status in (400, 404), body_in(reply)
    error = told_wrong(reply)
    return str(error["message"]), error["param"], error["code"]


def user(content: Json) -> dict[str, Json]:
    return {"role": "user", "content": content}


def called(name: str = "Read", key: str = "call_1") -> dict[str, Json]:
    return {"type": "function_call", "call_id": key, "name": name, "arguments": "{}"}


def result(given: Json, key: str = "call_1") -> dict[str, Json]:
    return {"type": "function_call_output", "call_id": key, "output": given}
