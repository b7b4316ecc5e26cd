"""Chat Completions replies: a `Turn` in, bytes out, whole or as a stream of chunks.

The fixed parts of every chunk are bytes made once; only texts and numbers are put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

import attrs
import orjson

from cliproxy.demo.openai.answers import CREATED, error_of
from cliproxy.demo.plan import Stop, Turn, pieces
from cliproxy.demo.replies import Chunk, End, JsonObject, Pace, Step, delta
from cliproxy.demo.script import Call
from cliproxy.demo.usage import Prompt

FINISH_REASONS: Final[dict[Stop, str]] = {
    "end": "stop",
    "tools": "tool_calls",
    "length": "length",
    "sequence": "stop",
}
THINKING_DELTAS: Final = 3
ARGUMENT_DELTAS: Final = 4
"""Beside the first, which names the tool."""
SERVED_BY: Final = "fp_demo"

_HEAD: Final = (
    b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b,"service_tier":"default",'
    b'"system_fingerprint":"%b","choices":['
)
_OPENING: Final = b'{"index":%d,"delta":{'
_CLOSING: Final = b'},"logprobs":null,"finish_reason":%b}'
_DONE: Final = Chunk(b"data: [DONE]\n\n")
_END: Final = End()


@attrs.frozen
class Envelope:
    """What is around a turn. `seed` is hexadecimal, made from the request; every id comes from it."""

    seed: str
    model: str
    prompt: Prompt
    choices: int = 1
    """How many times the turn is told."""
    usage_in_stream: bool = False

    @property
    def id(self) -> str:
        return f"chatcmpl-demo{self.seed[:24]}"

    def call_id(self, choice: int, i: int) -> str:
        """The id of the choice's call number `i`."""
        return f"call_demo{self.seed[:16]}{choice}{i:04d}"


def whole(turn: Turn, envelope: Envelope) -> bytes:
    """The turn as one JSON body."""
    return orjson.dumps(
        {
            "id": envelope.id,
            "object": "chat.completion",
            "created": CREATED,
            "model": envelope.model,
            "choices": [
                {
                    "index": choice,
                    "message": _message(turn, envelope, choice),
                    "logprobs": None,
                    "finish_reason": FINISH_REASONS[turn.stop],
                }
                for choice in range(envelope.choices)
            ],
            "usage": _usage(turn, envelope),
            "service_tier": "default",
            "system_fingerprint": SERVED_BY,
        }
    )


def stream(turn: Turn, pace: Pace, envelope: Envelope) -> list[Step]:
    """The turn as steps, one chunk an event."""
    head = _HEAD % (envelope.id.encode(), CREATED, orjson.dumps(envelope.model), SERVED_BY.encode())
    tail = b'],"usage":null}\n\n' if envelope.usage_in_stream else b"]}\n\n"
    steps: list[Step] = []
    for choice in range(envelope.choices):
        opening, closing = head + _OPENING % choice, _CLOSING % b"null" + tail
        steps.append(Chunk(opening + b'"role":"assistant","content":"","refusal":null' + closing))
        steps += pace.paced(list(_deltas(turn, envelope, choice, opening, closing, pace.stamp)))
    end = _CLOSING % orjson.dumps(FINISH_REASONS[turn.stop]) + tail
    steps += [Chunk(head + _OPENING % choice + end) for choice in range(envelope.choices)]
    if envelope.usage_in_stream:
        steps.append(Chunk(head + b'],"usage":%b}\n\n' % orjson.dumps(_usage(turn, envelope))))
    return [*steps, _DONE, _END]


def error_event(message: str, before: int) -> bytes:
    """The error of a server that is overloaded, as the last event of a stream."""
    return b"data: %b\n\n" % orjson.dumps({"error": error_of(503, message)})


# -- parts of a reply ----------------------------------------------------------------------------------------------


def _message(turn: Turn, envelope: Envelope, choice: int) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": "".join(turn.text) if turn.text or not turn.calls else None,
        "refusal": None,
        "annotations": [],
    }
    if turn.visible_thinking:
        message["reasoning_content"] = turn.visible_thinking
    if turn.calls:
        message["tool_calls"] = [
            {"id": envelope.call_id(choice, i), **_call(call, call.written)} for i, call in enumerate(turn.calls)
        ]
    return message


def _call(call: Call, written: str) -> JsonObject:
    if call.free_text is not None:
        return {"type": "custom", "custom": {"name": call.name, "input": written}}
    return {"type": "function", "function": {"name": call.name, "arguments": written}}


def _usage(turn: Turn, envelope: Envelope) -> JsonObject:
    """What all choices took."""
    prompt, completion = envelope.prompt, turn.tokens() * envelope.choices
    return {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": completion,
        "total_tokens": prompt.tokens + completion,
        "prompt_tokens_details": {"cached_tokens": prompt.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": turn.thinking_tokens() * envelope.choices,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# -- deltas of a stream --------------------------------------------------------------------------------------------


def _deltas(turn: Turn, envelope: Envelope, choice: int, opening: bytes, closing: bytes, stamp: bool) -> Iterator[Step]:
    for piece in pieces(turn.visible_thinking, THINKING_DELTAS):
        yield delta(opening + b'"reasoning_content":"', piece, b'"' + closing)
    # Equal deltas, which fill long replies, are made once.
    made = {piece: delta(opening + b'"content":"', piece, b'"' + closing, stamp) for piece in set(turn.text)}
    yield from (made[piece] for piece in turn.text)
    for call in _calls(turn.calls, envelope, choice):
        yield Chunk(opening + b'"tool_calls":[%b]' % orjson.dumps(call) + closing)


def _calls(calls: Sequence[Call], envelope: Envelope, choice: int) -> Iterator[JsonObject]:
    """First every call is named, then all their arguments come interleaved, as calls in parallel may."""
    for i, call in enumerate(calls):
        yield {"index": i, "id": envelope.call_id(choice, i), **_call(call, "")}
    written = [pieces(call.written, ARGUMENT_DELTAS) for call in calls]
    for row in zip_longest(*written):
        for i, (call, piece) in enumerate(zip(calls, row, strict=True)):
            if piece is not None:
                kind, field = ("custom", "input") if call.free_text is not None else ("function", "arguments")
                yield {"index": i, kind: {field: piece}}
