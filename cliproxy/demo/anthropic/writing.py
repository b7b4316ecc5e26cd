"""Anthropic Messages replies: a `Turn` in, bytes out, whole or as a stream of events.

The fixed parts of every event are bytes made once; only texts and numbers are put in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
import orjson

from cliproxy.demo.anthropic.conversation import signature_of
from cliproxy.demo.anthropic.reading import Prompt
from cliproxy.demo.plan import Stop, Turn, pieces
from cliproxy.demo.replies import Chunk, End, Json, JsonObject, Pace, Step, delta

STOP_REASONS: Final[dict[Stop, str]] = {
    "end": "end_turn",
    "tools": "tool_use",
    "length": "max_tokens",
    "sequence": "stop_sequence",
}
ERROR_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Any other status is an `api_error`."""

THINKING_DELTAS: Final = 3
ARGUMENT_DELTAS: Final = 4
"""Beside the first, which is empty, as the real service's often is."""

_MESSAGE_START: Final = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"%b","type":"message","role":"assistant",'
    b'"model":%b,"content":[],"stop_reason":null,"stop_sequence":null,"usage":%b}}\n\n'
)
_BLOCK_START: Final = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":{"type":%b}}\n\n'
)
_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b_delta","%b":"'
)
_DELTA_END: Final = b'"}}\n\n'
_BLOCK_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_MESSAGE_DELTA: Final = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"%b","stop_sequence":%b},"usage":%b}'
    b"\n\n"
)
_PING: Final = Chunk(b'event: ping\ndata: {"type":"ping"}\n\n')
_MESSAGE_STOP: Final = Chunk(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
_END: Final = End()


@attrs.frozen
class Envelope:
    """What is around a turn. `seed` is hexadecimal, made from the request; every id comes from it."""

    seed: str
    model: str
    prompt: Prompt

    @property
    def message_id(self) -> str:
        return f"msg_demo{self.seed[:20]}"

    def call_id(self, i: int) -> str:
        """The id of the turn's call number `i`."""
        return f"toolu_demo{self.seed[:16]}{i:04d}"


def stream(turn: Turn, pace: Pace, envelope: Envelope) -> list[Step]:
    """The turn as steps, a chunk an event."""
    model = orjson.dumps(envelope.model)
    begun = orjson.dumps(_usage(envelope.prompt, 1, None))
    steps: list[Step] = [Chunk(_MESSAGE_START % (envelope.message_id.encode(), model, begun))]
    for index, (start, deltas) in enumerate(_blocks(turn, envelope, pace.stamp)):
        steps.append(Chunk(_BLOCK_START % (index, start)))
        if index == 0:
            steps.append(_PING)
        steps += pace.paced(deltas)
        steps.append(Chunk(_BLOCK_STOP % index))
    reason, sequence = STOP_REASONS[turn.stop].encode(), orjson.dumps(turn.sequence)
    spent = orjson.dumps(_usage(envelope.prompt, turn.tokens(), _thinking_tokens(turn)))
    steps += [Chunk(_MESSAGE_DELTA % (reason, sequence, spent)), _MESSAGE_STOP, _END]
    return steps


def whole(turn: Turn, envelope: Envelope) -> bytes:
    """The turn as one JSON body."""
    return orjson.dumps(
        {
            "id": envelope.message_id,
            "type": "message",
            "role": "assistant",
            "model": envelope.model,
            "content": list(_content(turn, envelope)),
            "stop_reason": STOP_REASONS[turn.stop],
            "stop_sequence": turn.sequence,
            "usage": _usage(envelope.prompt, turn.tokens(), _thinking_tokens(turn)),
        }
    )


def _usage(prompt: Prompt, output_tokens: int, thinking_tokens: int | None) -> JsonObject:
    """What the reply took, thinking included; `thinking_tokens` are None where there was none."""
    kept, long = (0, prompt.cache_write) if prompt.long else (prompt.cache_write, 0)
    usage: JsonObject = {
        "input_tokens": prompt.fresh,
        "cache_creation_input_tokens": prompt.cache_write,
        "cache_read_input_tokens": prompt.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": kept, "ephemeral_1h_input_tokens": long},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
    if thinking_tokens is not None:
        usage["output_tokens_details"] = {"thinking_tokens": thinking_tokens}
    return usage


def _thinking_tokens(turn: Turn) -> int | None:
    return None if turn.thinking is None else turn.thinking_tokens()


def error_body(status: int, message: str, request_id: str) -> bytes:
    """An error as JSON."""
    error: Json = {"type": ERROR_KINDS.get(status, "api_error"), "message": message}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def error_event(status: int, message: str, request_id: str) -> bytes:
    """An error as the last event of a stream."""
    return b"event: error\ndata: %b\n\n" % error_body(status, message, request_id)


def _content(turn: Turn, envelope: Envelope) -> Iterator[JsonObject]:
    if turn.thinking is not None:
        thinking = turn.visible_thinking
        yield {"type": "thinking", "thinking": thinking, "signature": signature_of(thinking)}
    if turn.text:
        yield {"type": "text", "text": "".join(turn.text)}
    for i, call in enumerate(turn.calls):
        yield {"type": "tool_use", "id": envelope.call_id(i), "name": call.name, "input": call.arguments}


# -- blocks of a stream --------------------------------------------------------------------------------------------


def _blocks(turn: Turn, envelope: Envelope, stamp: bool) -> Iterator[tuple[bytes, list[Step]]]:
    """Each block: what stands in its start event after `"type":`, and its deltas."""
    index = 0
    if turn.thinking is not None:
        thinking = turn.visible_thinking
        deltas = [_delta(index, b"thinking", b"thinking", piece) for piece in pieces(thinking, THINKING_DELTAS)]
        deltas.append(_delta(index, b"signature", b"signature", signature_of(thinking)))
        yield b'"thinking","thinking":"","signature":""', deltas
        index += 1
    if turn.text:
        # Equal deltas, which fill long replies, are made once.
        made = {piece: _delta(index, b"text", b"text", piece, stamp) for piece in set(turn.text)}
        yield b'"text","text":""', [made[piece] for piece in turn.text]
        index += 1
    for i, call in enumerate(turn.calls, index):
        arguments = ("", *pieces(call.written, ARGUMENT_DELTAS))
        start = b'"tool_use","id":"%b","name":%b,"input":{}'
        yield (
            start % (envelope.call_id(i - index).encode(), orjson.dumps(call.name)),
            [_delta(i, b"input_json", b"partial_json", piece) for piece in arguments],
        )


def _delta(index: int, kind: bytes, field: bytes, text: str, stamped: bool = False) -> Step:
    return delta(_DELTA % (index, kind, field), text, _DELTA_END, stamped)
