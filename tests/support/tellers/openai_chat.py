"""A turn as servers of Chat Completions would tell it."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.support.grammars.said import BETWEEN, Answer, Piece, Said, Tokens
from tests.support.tellers.telling import arguments, cut, dumps, interleaved, runs

_STOPS: Final = {"end": "stop", "tools": "tool_calls", "length": "length", "refusal": "content_filter"}
_FIELDS: Final = {"text": "content", "thinking": "reasoning_content", "refusal": "refusal"}


def error(message: str) -> bytes:
    """An error in the middle of a stream."""
    return b"data: %b\n\n" % dumps({"error": {"message": message, "type": "server_error", "code": None, "param": None}})


def _chunk(choices: list[dict[str, Any]], **beside: Any) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    return b"data: %b\n\n" % dumps({**head, "choices": choices, **beside})


def events(said: Said, chance: Random) -> list[bytes]:
    """Its stream, event by event."""
    told = interleaved(chance, [_choice(number, answer, chance) for number, answer in enumerate(said.answers)])
    if said.tokens is not None:
        told.append(_chunk([], usage=_usage(said.tokens)))
    return [*told, b"data: [DONE]\n\n"]


def _choice(number: int, answer: Answer, chance: Random) -> list[bytes]:
    first = {"role": "assistant", **chance.choice(({}, {"content": ""}, {"content": None}))}
    told = [_delta(number, first)]
    places = {id(piece): place for place, piece in enumerate(answer.calls)}
    for run in runs(answer.pieces, "call"):
        if run[0].kind == "call":
            told += interleaved(chance, [_call(number, places[id(piece)], piece, chance) for piece in run])
        else:
            told += _words(number, run[0], chance)
    last: dict[str, Any] = {} if chance.random() < 0.5 else {"content": None}
    return [*told, _delta(number, last, _STOPS[str(answer.stop)])]


def _delta(number: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
    return _chunk([{"index": number, "delta": delta, "logprobs": None, "finish_reason": reason}])


def _words(number: int, piece: Piece, chance: Random) -> list[bytes]:
    told = [_delta(number, {_FIELDS[piece.kind]: text}) for text in cut(piece.text, chance)]
    if piece.kind == "thinking" and piece.blob:
        detail = {"type": "reasoning.encrypted", "data": piece.blob, "index": 0}
        if not piece.text:
            detail["redacted"] = True
        told.append(_delta(number, {"reasoning_details": [detail]}))
    return told


def _call(number: int, place: int, piece: Piece, chance: Random) -> list[bytes]:
    texts = cut(arguments(piece, chance), chance)
    first = texts.pop(0) if texts and chance.random() < 0.5 else ""
    start = {
        "index": place,
        "id": piece.id,
        "type": "function",
        "function": {"name": piece.name, "arguments": first},
    }
    more = [{"index": place, "function": {"arguments": text}} for text in texts]
    return [_delta(number, {"tool_calls": [entry]}) for entry in (start, *more)]


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


def whole(said: Said) -> bytes:
    """The same as one completion, which tells thinking, words and calls apart, but not their order."""
    choices = [
        {
            "index": number,
            "message": _message(answer),
            "logprobs": None,
            "finish_reason": _STOPS[str(answer.stop)],
        }
        for number, answer in enumerate(said.answers)
    ]
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt", "choices": choices}
    return dumps(body | ({"usage": _usage(said.tokens)} if said.tokens else {}))


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.joined("text") or None}
    thinking = [piece for piece in answer.pieces if piece.kind == "thinking"]
    if refusal := answer.joined("refusal"):
        message["refusal"] = refusal
    if thinking:
        message["reasoning_content"] = BETWEEN.join(piece.text for piece in thinking)
    if blobs := [piece for piece in thinking if piece.blob]:
        message["reasoning_details"] = [
            {"type": "reasoning.encrypted", "data": piece.blob, "index": 0} | ({} if piece.text else {"redacted": True})
            for piece in blobs
        ]
    if answer.calls:
        message["tool_calls"] = [
            {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": piece.text}}
            for piece in answer.calls
        ]
    return message
