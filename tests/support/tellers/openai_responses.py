"""A turn as servers of Responses would tell it."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.support.grammars.said import BETWEEN, Piece, Said, Tokens
from tests.support.tellers.telling import cut, dumps, interleaved, runs

_REASONS: Final = {"length": "max_output_tokens", "refusal": "content_filter"}


def error(message: str) -> bytes:
    """An error in the middle of a stream."""
    return _event("error", {"code": "server_error", "message": message, "param": None})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), dumps({"type": kind, "sequence_number": 0, **fields}))


def events(said: Said, chance: Random) -> list[bytes]:
    """Its stream, event by event. Numbers and ids are those of a server that does not care for them."""
    opening = {"response": {"id": "resp_1", "status": "in_progress", "model": "gpt", "output": []}}
    told = [_event("response.created", opening), _event("response.in_progress", opening)]
    items = _items(said, chance)
    number = 0
    for run in runs([Piece("call" if group[0].kind == "call" else "text") for group in items], "call"):
        queues = [_item(items[number + place], number + place, chance) for place in range(len(run))]
        told += interleaved(chance, queues)
        number += len(run)
    response = _response(said, [_whole(group, place) for place, group in enumerate(items)])
    if chance.random() < 0.3:
        response["output"] = []
    return [*told, _event(f"response.{response['status']}", {"response": response})]


def _items(said: Said, chance: Random) -> list[list[Piece]]:
    """Texts and refusals in a row may be one message, or several."""
    found: list[list[Piece]] = []
    for run in runs(said.answers[0].pieces, "text", "refusal"):
        found += [run] if chance.random() < 0.5 else [[piece] for piece in run]
    return found


def _item(group: list[Piece], place: int, chance: Random) -> list[bytes]:
    first = group[0]
    if first.kind == "call":
        body = _call(first, place, chance)
        start = {**_whole(group, place), "arguments": "", "status": "in_progress"}
    elif first.kind == "thinking":
        body = _reasoning(first, place, chance)
        start = {"id": f"rs_{place}", "type": "reasoning", "summary": []}
    else:
        body = [event for number, piece in enumerate(group) for event in _content(piece, place, number, chance)]
        start = {"id": f"msg_{place}", "type": "message", "role": "assistant", "content": []}
    added = _event("response.output_item.added", {"output_index": place, "item": start})
    done = _event("response.output_item.done", {"output_index": place, "item": _whole(group, place)})
    return [added, *body, done]


def _content(piece: Piece, place: int, number: int, chance: Random) -> list[bytes]:
    where = {"item_id": f"msg_{place}", "output_index": place, "content_index": number}
    kind, field = ("refusal", "refusal") if piece.kind == "refusal" else ("output_text", "text")
    added = _event("response.content_part.added", {**where, "part": {"type": kind, field: ""}})
    told = [_event(f"response.{kind}.delta", {**where, "delta": text}) for text in cut(piece.text, chance)]
    if chance.random() < 0.1:
        told = []  # the whole text alone, as some servers send short ones
    said = _event(f"response.{kind}.done", {**where, field: piece.text})
    return [added, *told, said, _event("response.content_part.done", {**where, "part": _part(piece)})]


def _part(piece: Piece) -> dict[str, Any]:
    if piece.kind == "refusal":
        return {"type": "refusal", "refusal": piece.text}
    return {"type": "output_text", "text": piece.text, "annotations": []}


def _summary(piece: Piece) -> list[str]:
    texts = piece.text.split(BETWEEN)
    return texts if all(texts) else [piece.text] if piece.text else []


def _reasoning(piece: Piece, place: int, chance: Random) -> list[bytes]:
    told: list[bytes] = []
    for number, text in enumerate(_summary(piece)):
        where = {"item_id": f"rs_{place}", "output_index": place, "summary_index": number}
        part = {"type": "summary_text", "text": text}
        told.append(_event("response.reasoning_summary_part.added", {**where, "part": {**part, "text": ""}}))
        told += [
            _event("response.reasoning_summary_text.delta", {**where, "delta": delta}) for delta in cut(text, chance)
        ]
        told.append(_event("response.reasoning_summary_text.done", {**where, "text": text}))
        told.append(_event("response.reasoning_summary_part.done", {**where, "part": part}))
    return told


def _call(piece: Piece, place: int, chance: Random) -> list[bytes]:
    where = {"item_id": f"fc_{place}", "output_index": place}
    told = [
        _event("response.function_call_arguments.delta", {**where, "delta": text}) for text in cut(piece.text, chance)
    ]
    return [*told, _event("response.function_call_arguments.done", {**where, "arguments": piece.text})]


def _whole(group: list[Piece], place: int) -> dict[str, Any]:
    first = group[0]
    if first.kind == "call":
        return {
            "id": f"fc_{place}",
            "type": "function_call",
            "status": "completed",
            "call_id": first.id,
            "name": first.name,
            "arguments": first.text,
        }
    if first.kind == "thinking":
        summary = [{"type": "summary_text", "text": text} for text in _summary(first)]
        item: dict[str, Any] = {"id": f"rs_{place}", "type": "reasoning", "summary": summary}
        return item | ({"encrypted_content": first.blob} if first.blob else {})
    content = [_part(piece) for piece in group]
    return {"id": f"msg_{place}", "type": "message", "role": "assistant", "status": "completed", "content": content}


def _response(said: Said, output: list[dict[str, Any]]) -> dict[str, Any]:
    reason = _REASONS.get(str(said.answers[0].stop))
    response: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete" if reason else "completed",
        "model": "gpt",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
    }
    return response | ({"usage": _usage(said.tokens)} if said.tokens else {})


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.prompt,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.completion,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.prompt + tokens.completion,
    }


def whole(said: Said) -> bytes:
    """The same as one response."""
    items = [[piece] for piece in said.answers[0].pieces]
    return dumps(_response(said, [_whole(group, place) for place, group in enumerate(items)]))
