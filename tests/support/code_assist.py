"""A judge in the place of Google's Code Assist: it refuses what is not in its envelope, in Google's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from cliproxy.formats import sse
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import dialect_at
from tests.support.behind import login, refuse, unauthorized
from tests.support.crossing import HELLO, UPSTREAM_MODEL, events_of, sent
from tests.support.grammars.said import Said
from tests.support.house import EVENT_STREAM, JSON, Asked
from tests.support.translating import TELLERS

HOST: Final = "cloudcode-pa.googleapis.com"
BASE_URL: Final = f"https://{HOST}"
PROJECT: Final = "a-project-1"
_OUTER: Final = frozenset({"model", "project", "user_prompt_id", "request"})
_REQUEST: Final = frozenset(
    {
        *("contents", "systemInstruction", "cachedContent", "tools", "toolConfig", "labels", "safetySettings"),
        *("generationConfig", "session_id"),
    }
)


def code_assist_login() -> Account:
    """An account of this server's."""
    return login("code-assist", BASE_URL, dialect_at("code-assist", HOST, PROJECT))


def code_assist(asked: Asked, said: Said = HELLO) -> None:
    """Refuse the request, or say that."""
    where = asked.uri.removeprefix(f"{BASE_URL}/v1internal:")
    if unauthorized(asked):
        refuse(asked, 401, _error(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED"))
        return
    counts = where == "countTokens"
    why = next(_against_count(sent(asked)) if counts else _against_request(sent(asked)), None)
    if why is not None:
        refuse(asked, 400, _error(400, why, "INVALID_ARGUMENT"))
    elif counts:
        asked.answer(200, JSON, body=b'{"totalTokens": 7}', end=True)
    elif where == "generateContent":
        asked.answer(200, JSON, body=wrapped(TELLERS["gemini"].whole(said)), end=True)
    elif where == "streamGenerateContent?alt=sse":
        asked.answer(200, EVENT_STREAM, body=b"".join(wrapped_events(said)), end=True)
    elif where == "streamGenerateContent?alt=json":
        asked.answer(200, JSON, body=b"[%b]" % b",\r\n".join(map(wrapped, chunks(said))), end=True)
    else:
        refuse(asked, 404, _error(404, f"Method not found: {where}", "NOT_FOUND"))


def wrapped(reply: bytes) -> bytes:
    """A reply inside of its envelope."""
    return b'{"response": %b, "traceId": "0123456789abcdef"}' % reply


def wrapped_events(said: Said = HELLO) -> list[bytes]:
    """A turn as it is streamed here."""
    return [b"data: %b\n\n" % wrapped(chunk) for chunk in chunks(said)]


def chunks(said: Said = HELLO) -> list[bytes]:
    """The same in Gemini's own words, every candidate with its number."""
    told = documents_of(b"".join(events_of("gemini", said)))
    for candidate in (candidate for chunk in told for candidate in chunk.get("candidates", ())):
        candidate.setdefault("index", 0)
    return [orjson.dumps(chunk) for chunk in told]


def _against_request(body: dict[str, Any]) -> Iterator[str]:
    yield from _unknown(body, _OUTER, "")
    if not body.get("model"):
        yield "The model is required."
    if body.get("project") != PROJECT:
        yield f"Permission denied on project {body.get('project')}."
    request = body.get("request")
    if not isinstance(request, dict):
        yield "The request is required."
        return
    yield from _unknown(request, _REQUEST, " at 'request'")
    if not request.get("contents"):
        yield "* GenerateContentRequest.contents: contents is not specified"


def _against_count(body: dict[str, Any]) -> Iterator[str]:
    yield from _unknown(body, frozenset({"request"}), "")
    request = body.get("request", {})
    yield from _unknown(request, frozenset({"model", "contents"}), " at 'request'")
    if request.get("model") != f"models/{UPSTREAM_MODEL}":
        yield "The model is required."
    if not request.get("contents"):
        yield "contents is not specified"


def _unknown(body: dict[str, Any], known: frozenset[str], where: str) -> Iterator[str]:
    for name in sorted(body.keys() - known):
        yield f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'


def _error(status: int, message: str, word: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": word}}


def documents_of(told: bytes) -> list[Any]:
    """The payloads of a stream."""
    return [orjson.loads(payload) for event in sse.each(told) if (payload := sse.data_of(event))]
