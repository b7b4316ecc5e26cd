"""Requests for the demo's Chat wire, with defaults."""

from __future__ import annotations

from typing import Any

from cliproxy.demo.replies import Json, Reply
from tests.demo.asking import body_in, decoded, post, told_wrong

PATH: Json = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}


def tool(name: str, **more: Json) -> dict[str, Json]:
    return {"type": "function", "function": {"name": name, "parameters": PATH, **more}}


TOOLS: list[Json] = [tool("Read"), tool("Bash"), {"type": "custom", "custom": {"name": "Patch"}}]


def ask(text: str = "hello", /, **fields: Json) -> Reply:
    messages: list[Json] = [{"role": "user", "content": text}]
    return post("/v1/chat/completions", {"model": "demo-chat", "messages": messages, **fields})


def answered(text: str = "hello", /, **fields: Json) -> dict[str, Any]:
    """The first choice of a whole reply."""
    choice = decoded(ask(text, **fields))["choices"][0]
    assert isinstance(choice, dict)
    return choice


def said(text: str = "hello", /, **fields: Json) -> str:
    """Its content."""
    return str(answered(text, **fields)["message"]["content"])


def refused(text: str = "hello", /, **fields: Json) -> tuple[str, Json, Json]:
    """Message, field and code of a 400."""
    reply = ask(text, **fields)
    assert reply.status == 400, body_in(reply)
    error = told_wrong(reply)
    assert error["type"] == "invalid_request_error"
    return str(error["message"]), error["param"], error["code"]


def called(name: str = "Read", key: str = "call_1", arguments: str = "{}") -> dict[str, Json]:
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def assistant(*calls: Json, content: Json = None) -> dict[str, Json]:
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {})}


def result(content: Json, key: str = "call_1") -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": key, "content": content}


def user(content: Json) -> dict[str, Json]:
    return {"role": "user", "content": content}
