"""Gemini replies: a `Turn` in, bytes out, whole, as events, or as one JSON array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
import orjson

from cliproxy.demo.gemini.signatures import call_signature, text_signature
from cliproxy.demo.plan import Stop, Turn, pieces
from cliproxy.demo.replies import Chunk, End, Json, JsonObject, Pace, Pause, Step, delta
from cliproxy.demo.usage import BYTES_A_TOKEN, Prompt, tokens_of

FINISH_REASONS: Final[dict[Stop, str]] = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "sequence": "STOP"}
THINKING_DELTAS: Final = 3
"""Calls come whole."""
STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""Any other status is `INTERNAL`."""
RATE_LIMITED: Final = 429


@attrs.frozen
class Frame:
    """What is around each chunk of a stream."""

    first: bytes
    before: bytes
    after: bytes
    end: bytes
    """What closes the stream, with the last chunk."""


EVENTS: Final = Frame(b"data: ", b"data: ", b"\r\n\r\n", b"")
ARRAY: Final = Frame(b"[", b",\r\n", b"", b"]")
"""Without `alt=sse`."""


@attrs.frozen
class Envelope:
    """What is around a turn. `seed` is hexadecimal, made from the request; every id comes from it."""

    seed: str
    model: str
    prompt: Prompt
    candidates: int = 1
    """How many times the turn is told."""
    signs: bool = False
    frame: Frame = EVENTS

    @property
    def id(self) -> str:
        return f"demo{self.seed[:22]}"

    def call_id(self, candidate: int, i: int) -> str:
        """The id of the candidate's call number `i`."""
        return f"call_demo{self.seed[:16]}{candidate}{i:04d}"


def whole(turn: Turn, envelope: Envelope) -> bytes:
    """The turn as one JSON body."""
    candidates: list[Json] = [
        {
            "content": {"parts": list(_parts(turn, envelope, candidate)), "role": "model"},
            "finishReason": FINISH_REASONS[turn.stop],
            "index": candidate,
        }
        for candidate in range(envelope.candidates)
    ]
    thoughts, said = _tokens(turn, envelope)
    return orjson.dumps({"candidates": candidates, **_around(envelope, thoughts, said)})


def stream(turn: Turn, pace: Pace, envelope: Envelope) -> list[Step]:
    """The turn as steps, a chunk an event."""
    chunks = _Chunks(turn, pace, envelope)
    for candidate in range(envelope.candidates):
        chunks.tell(candidate)
    return [*chunks.steps, End()]


def error_body(status: int, message: str) -> bytes:
    """An error as JSON."""
    error: JsonObject = {"code": status, "message": message, "status": STATUSES.get(status, "INTERNAL")}
    if status == RATE_LIMITED:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
    return orjson.dumps({"error": error})


def error_event(message: str, before: int, frame: Frame) -> bytes:
    """The error of a server that is overloaded, as the last event of a stream, behind so many others."""
    opening = frame.before if before else frame.first
    return opening + error_body(503, message) + frame.after + frame.end


# -- parts ---------------------------------------------------------------------------------------------------------


def _parts(turn: Turn, envelope: Envelope, candidate: int) -> Iterator[JsonObject]:
    if turn.visible_thinking:
        yield {"text": turn.visible_thinking, "thought": True}
    if turn.text:
        yield {"text": "".join(turn.text), **_text_signature(turn, envelope)}
    yield from _calls(turn, envelope, candidate)


def _calls(turn: Turn, envelope: Envelope, candidate: int) -> Iterator[JsonObject]:
    """The first of them alone is signed."""
    for i, call in enumerate(turn.calls):
        part: JsonObject = {
            "functionCall": {"name": call.name, "args": call.arguments, "id": envelope.call_id(candidate, i)}
        }
        if i == 0 and envelope.signs:
            part["thoughtSignature"] = call_signature(call.name, call.arguments)
        yield part


def _text_signature(turn: Turn, envelope: Envelope) -> JsonObject:
    """Beside the last text, if no call follows."""
    if turn.calls or not envelope.signs or not turn.text:
        return {}
    return {"thoughtSignature": text_signature(turn.thinking or "")}


# -- what is around them -------------------------------------------------------------------------------------------


def _around(envelope: Envelope, thoughts: int, said: int) -> JsonObject:
    """The fields beside the candidates; usage is what has been spent so far."""
    usage: JsonObject = {
        "candidatesTokenCount": said,
        "totalTokenCount": envelope.prompt.tokens + thoughts + said,
        **_known_usage(envelope, thoughts),
    }
    return {"usageMetadata": usage, **_names(envelope)}


def _known_usage(envelope: Envelope, thoughts: int) -> JsonObject:
    """What is the same in every chunk."""
    prompt = envelope.prompt
    usage: JsonObject = {
        "promptTokenCount": prompt.tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt.tokens}],
    }
    if prompt.cached:
        usage["cachedContentTokenCount"] = prompt.cached
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    return usage


def _names(envelope: Envelope) -> JsonObject:
    return {"modelVersion": envelope.model, "responseId": envelope.id}


def _tokens(turn: Turn, envelope: Envelope) -> tuple[int, int]:
    """Of the thinking, and of everything else."""
    thoughts = turn.thinking_tokens()
    return thoughts * envelope.candidates, (turn.tokens() - thoughts) * envelope.candidates


class _Chunks:
    """A stream in the making. State: the steps so far, and how many bytes of text they hold."""

    def __init__(self, turn: Turn, pace: Pace, envelope: Envelope) -> None:
        self.steps: list[Step] = []
        self._turn = turn
        self._pace = pace
        self._envelope = envelope
        thoughts, self._most = _tokens(turn, envelope)
        self._before_text = envelope.prompt.tokens + thoughts
        usage, names = orjson.dumps(_known_usage(envelope, thoughts)), orjson.dumps(_names(envelope))
        self._around = b"%b,%b%b" % (usage[1:], names[1:], envelope.frame.after)
        self._said_bytes = 0
        self._begun = False

    def tell(self, candidate: int) -> None:
        """The whole turn once."""
        turn, last = self._turn, candidate == self._envelope.candidates - 1
        for piece in pieces(turn.visible_thinking, THINKING_DELTAS):
            self._delta(candidate, piece, b'","thought":true}')
        for piece in turn.text:
            self._said_bytes += len(piece.encode())
            self._delta(candidate, piece, b'"}', self._pace.stamp)
        for part in _calls(turn, self._envelope, candidate):
            self._pause()
            self.steps.append(Chunk(self._head() + orjson.dumps(part) + self._tail(candidate)))
        if last:
            self._said_bytes = self._most * BYTES_A_TOKEN
        ending = orjson.dumps({"text": "", **_text_signature(turn, self._envelope)})
        reason = b',"finishReason":"%b"' % FINISH_REASONS[turn.stop].encode()
        end = self._envelope.frame.end if last else b""
        self.steps.append(Chunk(self._head() + ending + self._tail(candidate, reason) + end))

    def _delta(self, candidate: int, text: str, closing: bytes, stamped: bool = False) -> None:
        self._pause()
        self.steps.append(delta(self._head() + b'{"text":"', text, closing + self._tail(candidate), stamped))

    def _pause(self) -> None:
        if self._pace.pause_seconds:
            self.steps.append(Pause(self._pace.pause_seconds))

    def _head(self) -> bytes:
        frame = self._envelope.frame
        opening = frame.before if self._begun else frame.first
        self._begun = True
        return opening + _OPENING

    def _tail(self, candidate: int, reason: bytes = b"") -> bytes:
        said = min(tokens_of(self._said_bytes), self._most)
        return _CLOSING % (reason, candidate, said, self._before_text + said) + self._around


_OPENING: Final = b'{"candidates":[{"content":{"parts":['
_CLOSING: Final = b'],"role":"model"}%b,"index":%d}],"usageMetadata":{"candidatesTokenCount":%d,"totalTokenCount":%d,'
