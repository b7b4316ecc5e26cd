"""A judge in the place of the server behind ChatGPT's logins: it refuses what that refuses, in its words.

What it says otherwise it says as a stream, whose last event leaves the output out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from cliproxy.formats import sse
from cliproxy.upstream.accounts import Account
from tests.support.behind import login, refuse, unauthorized
from tests.support.crossing import HELLO, events_of, sent
from tests.support.grammars.said import Said
from tests.support.house import EVENT_STREAM, Asked

BASE_URL: Final = "https://chatgpt.com/backend-api/codex"
ACCOUNT_ID: Final = "11111111-2222-3333-4444-555555555555"
_UNSUPPORTED: Final = (
    *("temperature", "top_p", "max_output_tokens", "max_completion_tokens", "response_format", "truncation"),
    *("prompt_cache_retention", "prompt_cache_options", "context_management", "previous_response_id"),
    *("user", "safety_identifier", "metadata", "conversation", "prompt"),
)
_MOST: Final = 64
_EFFORTS: Final = ("low", "medium", "high", "xhigh")


def codex_login() -> Account:
    """An account of this server's."""
    return login("codex-backend", BASE_URL, required={b"chatgpt-account-id": ACCOUNT_ID.encode()})


def codex_backend(asked: Asked, said: Said = HELLO) -> None:
    """Refuse the request, or say that."""
    if unauthorized(asked, **{"chatgpt-account-id": ACCOUNT_ID, "accept": "text/event-stream"}):
        refuse(asked, 401, {"detail": "Unauthorized"})
        return
    why = next(objections(sent(asked)), None)
    if why is None:
        asked.answer(200, EVENT_STREAM, body=b"".join(events_without_output(said)), end=True)
    else:
        refuse(asked, 400, why)


def events_without_output(said: Said = HELLO) -> list[bytes]:
    """A turn of which every item is told before the end, and none there."""
    events = events_of("openai-responses", said)
    last = orjson.loads(sse.data_of(events[-1]) or b"")
    last["response"]["output"] = []
    return [*events[:-1], sse.event(last["type"].encode(), orjson.dumps(last))]


def objections(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything about a request that this server refuses."""
    if body.get("stream") is not True:
        yield {"detail": "Stream must be set to true"}
    if body.get("store") is not False:
        yield {"detail": "Store must be set to false"}
    if not isinstance(body.get("instructions"), str):
        yield {"detail": "Instructions are required"}
    for name in _UNSUPPORTED:
        if name in body:
            yield {"detail": f"Unsupported parameter: {name}"}
    if b'"prompt_cache_breakpoint"' in orjson.dumps(body):
        yield {"detail": "Unsupported parameter: prompt_cache_breakpoint"}
    if body.get("include") != ["reasoning.encrypted_content"]:
        yield {"detail": "Unsupported include"}
    if "service_tier" in body and body["service_tier"] != "priority":
        yield {"detail": f"Unsupported service_tier: {body['service_tier']}"}
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is not None and effort not in _EFFORTS:
        yield _invalid("reasoning.effort", "unsupported_value", f"Unsupported value: '{effort}' is not supported.")
    if not isinstance(body.get("input"), list):
        yield {"detail": "Input must be a list"}
        return
    for number, item in enumerate(body["input"]):
        yield from _against_item(item, f"input[{number}]")
    for number, tool in enumerate(body.get("tools", ())):
        yield from _against_tool(tool, f"tools[{number}]")


def _against_item(item: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    if item.get("role") == "system":
        yield {"detail": "System messages are not allowed"}
    if item.get("type") == "item_reference":
        yield _invalid(path, "not_found", "Items are not persisted when `store` is set to false.")
    if item.get("type") == "reasoning":
        if "status" in item:
            yield _invalid(f"{path}.status", "unknown_parameter", f"Unknown parameter: '{path}.status'.")
        if item.get("content"):
            yield _invalid(f"{path}.content", "array_above_max_length", f"Invalid '{path}.content': array too long.")
    for name in ("call_id", "name"):
        if len(item.get(name) or "") > _MOST:
            yield _invalid(f"{path}.{name}", "string_above_max_length", f"Invalid '{path}.{name}': string too long.")


def _against_tool(tool: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    if tool["type"].startswith("web_search_preview"):
        yield _invalid(f"{path}.type", "unsupported_value", f"Unsupported tool type: {tool['type']}")
    if len(tool.get("name") or "") > _MOST:
        yield _invalid(f"{path}.name", "string_above_max_length", f"Invalid '{path}.name': string too long.")


def _invalid(param: str, code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
