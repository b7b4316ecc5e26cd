"""A turn as Anthropic's servers would tell it."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.support.grammars.said import Piece, Said, Tokens, document
from tests.support.tellers.telling import arguments, cut, dumps

_STOPS: Final = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "refusal"}
_PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'


def error(message: str) -> bytes:
    """An error in the middle of a stream."""
    return _event({"type": "error", "error": {"type": "overloaded_error", "message": message}})


def _event(value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), dumps(value))


def events(said: Said, chance: Random) -> list[bytes]:
    """Its stream, event by event."""
    answer = said.answers[0]
    message = {**_message(), "content": [], "usage": _begun(said.tokens) if said.tokens else {}}
    told = [_event({"type": "message_start", "message": message})]
    for number, piece in enumerate(answer.pieces):
        if chance.random() < 0.2:
            told.append(_PING)
        told += _block(number, piece, chance)
    ending: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": _STOPS[str(answer.stop)]}}
    if said.tokens is not None:
        ending["usage"] = _usage(said.tokens) if chance.random() < 0.5 else _figures_of_output(said.tokens)
    return [*told, _event(ending), _event({"type": "message_stop"})]


def _block(number: int, piece: Piece, chance: Random) -> list[bytes]:
    start = _event({"type": "content_block_start", "index": number, "content_block": _start(piece)})
    deltas = [
        _event({"type": "content_block_delta", "index": number, "delta": delta}) for delta in _deltas(piece, chance)
    ]
    return [start, *deltas, _event({"type": "content_block_stop", "index": number})]


def _start(piece: Piece) -> dict[str, Any]:
    if piece.kind == "call":
        return {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
    if piece.kind == "thinking":
        if not piece.text:
            return {"type": "redacted_thinking", "data": piece.blob}
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def _deltas(piece: Piece, chance: Random) -> list[dict[str, Any]]:
    kind, field = {
        "call": ("input_json_delta", "partial_json"),
        "thinking": ("thinking_delta", "thinking"),
        "text": ("text_delta", "text"),
    }[piece.kind]
    said = arguments(piece, chance) if piece.kind == "call" else piece.text
    told: list[dict[str, Any]] = [{"type": kind, field: text} for text in cut(said, chance)]
    if piece.kind == "call" and chance.random() < 0.5:
        told.insert(0, {"type": kind, field: ""})
    if piece.kind == "thinking" and piece.text and piece.blob:
        told.append({"type": "signature_delta", "signature": piece.blob})
    return told


def _message() -> dict[str, Any]:
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "stop_reason": None,
        "stop_sequence": None,
    }


def _begun(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.prompt - tokens.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": min(1, tokens.completion),
    }


def _figures_of_output(tokens: Tokens) -> dict[str, Any]:
    return {
        "output_tokens": tokens.completion,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
    }


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {**_begun(tokens), **_figures_of_output(tokens)}


def whole(said: Said) -> bytes:
    """The same as one message."""
    answer = said.answers[0]
    body = {
        **_message(),
        "content": [_whole(piece) for piece in answer.pieces],
        "stop_reason": _STOPS[str(answer.stop)],
    }
    if said.tokens is not None:
        body["usage"] = _usage(said.tokens)
    return dumps(body)


def _whole(piece: Piece) -> dict[str, Any]:
    start = _start(piece)
    if piece.kind == "call":
        return {**start, "input": document(piece.text)}
    if start["type"] == "redacted_thinking":
        return start
    return {**start, piece.kind: piece.text} | ({"signature": piece.blob} if piece.kind == "thinking" else {})
