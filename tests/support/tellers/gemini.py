"""A turn as Google's servers would tell it."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.support.grammars.said import Answer, Piece, Said, Tokens, document
from tests.support.tellers.telling import cut, dumps, interleaved

_STOPS: Final = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
_HEAD: Final = {"modelVersion": "gemini", "responseId": "r1"}


def error(message: str) -> bytes:
    """An error in the middle of a stream."""
    return b"data: %b\r\n\r\n" % dumps({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}})


def _chunk(value: dict[str, Any]) -> bytes:
    return b"data: %b\r\n\r\n" % dumps({**value, **_HEAD})


def events(said: Said, chance: Random) -> list[bytes]:
    """Its stream, event by event. Its usage comes with the last chunk of each candidate, or alone."""
    usage = {"usageMetadata": _usage(said.tokens)} if said.tokens else {}
    alone = bool(usage) and chance.random() < 0.2
    told = interleaved(
        chance,
        [_candidate(number, answer, {} if alone else usage, chance) for number, answer in enumerate(said.answers)],
    )
    return [*told, _chunk(usage)] if alone else told


def _candidate(number: int, answer: Answer, usage: dict[str, Any], chance: Random) -> list[bytes]:
    parts = [part for piece in answer.pieces for part in _parts(piece, chance)]
    chunks: list[list[dict[str, Any]]] = []
    for part in parts:
        if chunks and chance.random() < 0.2:
            chunks[-1].append(part)
        else:
            chunks.append([part])
    if not chunks or chance.random() < 0.5:
        chunks.append([{"text": ""}])
    told = [_one(number, chunk, {}) for chunk in chunks[:-1]]
    return [*told, _one(number, chunks[-1], usage, finishReason=_STOPS[str(answer.stop)])]


def _one(number: int, parts: list[dict[str, Any]], usage: dict[str, Any], **beside: Any) -> bytes:
    candidate = {"content": {"parts": parts, "role": "model"}, **beside} | ({"index": number} if number else {})
    return _chunk({"candidates": [candidate], **usage})


def _parts(piece: Piece, chance: Random | None) -> list[dict[str, Any]]:
    signature = {"thoughtSignature": piece.blob} if piece.blob else {}
    if piece.kind == "call":
        return [{"functionCall": {"name": piece.name, "args": document(piece.text), "id": piece.id}, **signature}]
    texts = cut(piece.text, chance) if chance else [piece.text] if piece.text else []
    thought = {"thought": True} if piece.kind == "thinking" else {}
    parts: list[dict[str, Any]] = [{"text": text, **thought} for text in texts]
    if signature and parts and (chance is None or chance.random() < 0.5):
        parts[-1] |= signature
    elif signature:
        parts.append({"text": "", **thought, **signature})
    return parts


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "promptTokenCount": tokens.prompt,
        "cachedContentTokenCount": tokens.cached,
        "candidatesTokenCount": tokens.completion - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": tokens.prompt + tokens.completion,
    }


def whole(said: Said) -> bytes:
    """The same as one answer."""
    candidates = [
        {
            "content": {"role": "model", "parts": [part for piece in answer.pieces for part in _parts(piece, None)]},
            "finishReason": _STOPS[str(answer.stop)],
            "index": number,
        }
        for number, answer in enumerate(said.answers)
    ]
    return dumps({"candidates": candidates, **_HEAD} | ({"usageMetadata": _usage(said.tokens)} if said.tokens else {}))
