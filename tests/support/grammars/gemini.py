"""A checker of Gemini's stream grammar, and a reader of what it tells."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import attrs

from tests.support.grammars.said import (
    Answer,
    Piece,
    Said,
    Stop,
    Tokens,
    count,
    document,
    insist,
    merged,
    nameless_payloads,
)

_CONTENTS: Final = frozenset(
    {"text", "functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult"}
)
_BESIDE: Final = frozenset({"thought", "thoughtSignature"})
_STOPS: Final[dict[str, Stop]] = {"STOP": "end", "MAX_TOKENS": "length", "SAFETY": "refusal"}


@attrs.define
class _Candidate:
    pieces: list[Piece] = attrs.field(factory=list)
    stop: str | None = None


@attrs.define
class _Stream:
    candidates: dict[int, _Candidate] = attrs.field(factory=dict)
    usage: dict[str, Any] | None = None
    head: tuple[str, str] | None = None
    error: str | None = None


def check(raw: bytes, *, array: bool = False) -> Said:
    """What a stream told. It is whole: every candidate has its reason to end, or the last chunk is an error."""
    chunks = document(raw or b"[]") if array else [document(payload) for payload in nameless_payloads(raw)]
    stream = _Stream()
    for number, chunk in enumerate(chunks):
        insist(stream.error is None, "a chunk after the error")
        if "error" in chunk:
            error = chunk["error"]
            insist(type(error["code"]) is int and error["message"] and error["status"], "no error of Google's")
            stream.error = error["message"]
        else:
            _chunk(stream, chunk, is_last=number == len(chunks) - 1)
    if stream.error is None:
        insist(stream.candidates, "the stream holds no candidate")
        insist(all(candidate.stop for candidate in stream.candidates.values()), "a candidate has no finishReason")
    return _said(stream)


def _chunk(stream: _Stream, chunk: dict[str, Any], *, is_last: bool) -> None:
    head = (chunk["responseId"], chunk["modelVersion"])
    insist(stream.head in (None, head) and all(head), "chunks of two answers")
    stream.head = head
    insist(chunk["candidates"], "a chunk without a candidate")
    for candidate in chunk["candidates"]:
        told = stream.candidates.setdefault(candidate["index"], _Candidate())
        _candidate(told, candidate)
    if "usageMetadata" in chunk:
        insist(is_last, "usage before the end")
        stream.usage = chunk["usageMetadata"]


def _candidate(told: _Candidate, candidate: dict[str, Any]) -> None:
    insist(told.stop is None, "parts behind the finishReason")
    content = candidate["content"]
    insist(content["role"] == "model" and content["parts"], "no content of the model's")
    for part in content["parts"]:
        told.pieces += _pieces(part)
    told.stop = candidate.get("finishReason")


def _pieces(part: dict[str, Any]) -> list[Piece]:
    insist(len(part.keys() & _CONTENTS) == 1, f"a part of no kind, or of two: {part.keys()}")
    insist(not part.keys() - _CONTENTS - _BESIDE, f"fields that nobody knows: {part.keys()}")
    insist(part.get("thought", True) is True, "a thought that is none")
    blob = part.get("thoughtSignature", "")
    base64.b64decode(blob, validate=True)
    if "text" in part:
        return [Piece("thinking" if "thought" in part else "text", part["text"], blob=blob)]
    if "functionCall" not in part:
        return []
    call = part["functionCall"]
    insist(call["name"] and isinstance(call["args"], dict), "a call without a name or arguments")
    return [Piece("call", json.dumps(call["args"]), call.get("id", ""), call["name"], blob=blob)]


def _said(stream: _Stream) -> Said:
    answers = tuple(_answer(candidate) for _, candidate in sorted(stream.candidates.items()))
    return Said(answers, None if stream.usage is None else _tokens(stream.usage), stream.error)


def _answer(candidate: _Candidate) -> Answer:
    pieces = tuple(merged(candidate.pieces, "text", "thinking"))
    if candidate.stop is None:
        return Answer(pieces, None)
    stop = _STOPS[candidate.stop]
    called = any(piece.kind == "call" for piece in pieces)
    return Answer(pieces, "tools" if called and stop == "end" else stop)


def _tokens(usage: dict[str, Any]) -> Tokens:
    prompt, visible = count(usage, "promptTokenCount"), count(usage, "candidatesTokenCount")
    thoughts = count(usage, "thoughtsTokenCount") if "thoughtsTokenCount" in usage else 0
    cached = count(usage, "cachedContentTokenCount") if "cachedContentTokenCount" in usage else 0
    insist(count(usage, "totalTokenCount") == prompt + visible + thoughts, "the total is not the sum")
    return Tokens(prompt, cached, visible + thoughts, thoughts)


def read(raw: bytes) -> Said:
    """What a whole answer told."""
    body = document(raw)
    stream = _Stream(usage=body.get("usageMetadata"))
    for number, candidate in enumerate(body["candidates"]):
        insist(candidate["index"] == number, "candidates out of order")
        _candidate(stream.candidates.setdefault(number, _Candidate()), candidate)
    insist(all(candidate.stop for candidate in stream.candidates.values()), "a candidate has no finishReason")
    return _said(stream)
