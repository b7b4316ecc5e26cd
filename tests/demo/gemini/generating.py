"""Requests for the demo's Gemini wire, with defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Json, Reply
from tests.demo.asking import body_in, decoded, post, told_wrong
from tests.demo.gemini.grammar import Stream, check_array, check_events

Given = str | Sequence[Json]
"""What the user says, or all contents."""

KEY = {"x-goog-api-key": "k"}
OLD = "gemini-2.5-flash"
NEW = "gemini-3-flash"
"""Thinks always, and wants its calls signed."""
PATH: Json = {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}, "required": ["path"]}
TOOLS: list[Json] = [{"functionDeclarations": [{"name": "Read", "parameters": PATH}, {"name": "Bash"}]}]


def ask(given: Given = "hello", model: str = OLD, method: str = "generateContent", /, **fields: Json) -> Reply:
    contents = _contents(given)
    return post(f"/v1beta/models/{model}:{method}", {"contents": contents, **fields}, KEY)


def _contents(given: Given) -> Json:
    return [user(text(given))] if isinstance(given, str) else list(given)


def candidate(given: Given = "hello", model: str = OLD, /, **fields: Json) -> dict[str, Any]:
    """The first of a whole reply."""
    found = decoded(ask(given, model, **fields))["candidates"][0]
    assert isinstance(found, dict)
    return found


def parts(given: Given = "hello", model: str = OLD, /, **fields: Json) -> list[dict[str, Any]]:
    """Its parts."""
    found = candidate(given, model, **fields)["content"]["parts"]
    assert isinstance(found, list)
    return found


def said(given: Given = "hello", model: str = OLD, /, **fields: Json) -> str:
    """Its visible text."""
    return "".join(part["text"] for part in parts(given, model, **fields) if "text" in part and not part.get("thought"))


def calls(given: Given = "hello", model: str = OLD, /, **fields: Json) -> list[tuple[str, Json]]:
    """What is called, and with what."""
    found = (part["functionCall"] for part in parts(given, model, **fields) if "functionCall" in part)
    return [(call["name"], call["args"]) for call in found]


def streamed(given: Given = "hello", model: str = OLD, array: bool = False, /, **fields: Json) -> Stream:
    contents = _contents(given)
    path = f"/v1beta/models/{model}:streamGenerateContent"
    reply = post(path, {"contents": contents, **fields}, KEY, "" if array else "alt=sse")
    assert reply.status == 200, body_in(reply)
    return (check_array if array else check_events)(plain(reply.steps))


def refused(given: Given = "hello", model: str = OLD, /, **fields: Json) -> str:
    """The message of a 400."""
    reply = ask(given, model, **fields)
    assert reply.status == 400, body_in(reply)
    error = told_wrong(reply)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    return str(error["message"])


def text(words: str) -> dict[str, Json]:
    return {"text": words}


def user(*listed: Json) -> dict[str, Json]:
    return {"role": "user", "parts": list(listed)}


def model(*listed: Json) -> dict[str, Json]:
    return {"role": "model", "parts": list(listed)}


def called(name: str = "Read", arguments: Json = None, **more: Json) -> dict[str, Json]:
    return {"functionCall": {"name": name, "args": arguments or {}}, **more}


def result(given: dict[str, Json], name: str = "Read", **more: Json) -> dict[str, Json]:
    return {"functionResponse": {"name": name, "response": given, **more}}
