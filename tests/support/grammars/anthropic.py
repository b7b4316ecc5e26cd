"""A checker of Anthropic's stream grammar, and a reader of what it tells."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from tests.support.grammars.said import Answer, Kind, Piece, Said, Stop, Tokens, count, document, insist, named_events

_DELTAS: Final = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "server_tool_use": {"input_json_delta": "partial_json"},
}
"""Which deltas a block may have, and the field of each. Every other block comes whole."""
_KINDS: Final[dict[str, Kind]] = {"text": "text", "thinking": "thinking", "tool_use": "call"}
_STOPS: Final[dict[str, Stop]] = {
    "end_turn": "end",
    "tool_use": "tools",
    "max_tokens": "length",
    "stop_sequence": "end",
    "refusal": "refusal",
    "pause_turn": "end",
    "model_context_window_exceeded": "length",
}


@attrs.define
class _Block:
    start: dict[str, Any]
    deltas: list[tuple[str, Any]] = attrs.field(factory=list)

    def words(self, *kinds: str) -> str:
        return "".join(value for kind, value in self.deltas if kind in kinds)


@attrs.define
class _Stream:
    blocks: list[_Block] = attrs.field(factory=list)
    open: bool = False
    ending: dict[str, Any] | None = None
    error: str | None = None
    over: bool = False


def check(raw: bytes) -> Said:
    """What a stream told. It is whole: ended by `message_stop` or, at any point, by an `error`."""
    stream = _Stream()
    for number, event in enumerate(named_events(raw)):
        kind = event["type"]
        insist(not stream.over, f"{kind} after the end")
        if kind == "error":
            _error(stream, event)
        elif number == 0:
            _start(event)
        else:
            _STEPS[kind](stream, event)
    insist(stream.over, "the stream has no end")
    pieces = tuple(_piece(block) for block in stream.blocks if block.start["type"] in _KINDS)
    if stream.ending is None:
        return Said((Answer(pieces, None),), None, stream.error)
    stop = _stop(stream.ending["delta"], pieces)
    return Said((Answer(pieces, stop),), _tokens(stream.ending["usage"]), stream.error)


def _start(event: dict[str, Any]) -> None:
    insist(event["type"] == "message_start", f"the stream begins with {event['type']}")
    message = event["message"]
    insist((message["type"], message["role"]) == ("message", "assistant"), "no message of the assistant's")
    insist(message["id"] and message["model"], "the message names neither itself nor its model")
    insist(message["content"] == [] and message["stop_reason"] is None, "the message begins with its end")
    _tokens(message["usage"])


def _ping(stream: _Stream, event: dict[str, Any]) -> None:
    insist(event.keys() == {"type"}, "a ping says something")


def _block_start(stream: _Stream, event: dict[str, Any]) -> None:
    insist(not stream.open, "two blocks at once")
    insist(stream.ending is None, "a block after message_delta")
    insist(event["index"] == len(stream.blocks), "blocks out of order")
    block = _Block(event["content_block"])
    stream.open = True
    stream.blocks.append(block)
    kind = block.start["type"]
    if kind in ("tool_use", "server_tool_use"):
        insist(block.start["id"] and block.start["name"], "a call without an id or a name")
        insist(block.start["input"] == {}, "arguments at the start of the block")
    elif kind == "text":
        insist(block.start["text"] == "", "words at the start of the block")
    elif kind == "thinking":
        insist((block.start["thinking"], block.start["signature"]) == ("", ""), "words at the start of the block")


def _block_delta(stream: _Stream, event: dict[str, Any]) -> None:
    insist(stream.open, "a delta outside of a block")
    insist(event["index"] == len(stream.blocks) - 1, "a delta of another block")
    block, delta = stream.blocks[-1], event["delta"]
    fields = _DELTAS.get(block.start["type"], {})
    insist(delta["type"] in fields, f"{delta['type']} in a block of {block.start['type']}")
    value = delta[fields[delta["type"]]]
    insist(value, f"an empty {delta['type']}")
    insist(not block.words("signature_delta"), "a delta behind the signature")
    block.deltas.append((delta["type"], value))


def _block_stop(stream: _Stream, event: dict[str, Any]) -> None:
    insist(stream.open, "a block ends that has not begun")
    insist(event["index"] == len(stream.blocks) - 1, "another block ends")
    stream.open = False
    block = stream.blocks[-1]
    if block.start["type"] == "text":
        insist(block.deltas, "an empty text, which nobody may send back")
    elif block.start["type"] == "thinking":
        insist(block.words("signature_delta"), "thinking without a signature")


def _message_delta(stream: _Stream, event: dict[str, Any]) -> None:
    insist(not stream.open, "message_delta within a block")
    insist(stream.ending is None, "a second message_delta")
    stream.ending = event


def _message_stop(stream: _Stream, event: dict[str, Any]) -> None:
    insist(stream.ending is not None, "message_stop without message_delta")
    stream.over = True


def _error(stream: _Stream, event: dict[str, Any]) -> None:
    error = event["error"]
    insist(error["type"] and error["message"], "an error that says nothing")
    stream.error, stream.over = error["message"], True


_STEPS: Final = {
    "ping": _ping,
    "content_block_start": _block_start,
    "content_block_delta": _block_delta,
    "content_block_stop": _block_stop,
    "message_delta": _message_delta,
    "message_stop": _message_stop,
}


def _piece(block: _Block) -> Piece:
    kind = _KINDS[block.start["type"]]
    words = block.words("text_delta", "thinking_delta", "input_json_delta")
    if kind == "call":
        return Piece(kind, words or "{}", block.start["id"], block.start["name"])
    return Piece(kind, words, blob=block.words("signature_delta"))


def _stop(ending: dict[str, Any], pieces: tuple[Piece, ...]) -> Stop:
    stop = _STOPS[ending["stop_reason"]]
    called = any(piece.kind == "call" for piece in pieces)
    insist(stop != "tools" or called, "tool_use without a call")
    insist(stop != "end" or not called or ending["stop_reason"] != "end_turn", "end_turn with a call")
    insist(ending["stop_sequence"] is None or ending["stop_reason"] == "stop_sequence", "a sequence that did not stop")
    return stop


def _tokens(usage: dict[str, Any]) -> Tokens:
    cached, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    prompt = count(usage, "input_tokens") + cached + written
    thinking = usage.get("output_tokens_details", {"thinking_tokens": 0})
    return Tokens(prompt, cached, count(usage, "output_tokens"), count(thinking, "thinking_tokens"))


def read(raw: bytes) -> Said:
    """What a whole message told."""
    message = document(raw)
    insist((message["type"], message["role"]) == ("message", "assistant"), "no message of the assistant's")
    pieces = tuple(_whole(block) for block in message["content"] if block["type"] in _KINDS)
    return Said((Answer(pieces, _stop(message, pieces)),), _tokens(message["usage"]))


def _whole(block: dict[str, Any]) -> Piece:
    kind = _KINDS[block["type"]]
    if kind == "call":
        insist(isinstance(block["input"], dict), "arguments that are no object")
        return Piece(kind, json.dumps(block["input"]), block["id"], block["name"])
    insist(block["type"] != "text" or block["text"], "an empty text")
    return Piece(kind, block[block["type"]], blob=block.get("signature", ""))
