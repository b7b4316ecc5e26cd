"""Responses replies: a `Turn` in, bytes out, whole or as a stream of numbered events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import orjson

from cliproxy.demo.openai.answers import CREATED, error_of
from cliproxy.demo.openai_responses.reasoning import early, encrypted
from cliproxy.demo.openai_responses.tools import SEPARATOR
from cliproxy.demo.plan import Turn, pieces
from cliproxy.demo.replies import Chunk, End, Json, JsonObject, Pace, Pause, Step, delta
from cliproxy.demo.script import Call
from cliproxy.demo.usage import Prompt

THINKING_DELTAS: Final = 3
ARGUMENT_DELTAS: Final = 4
"""In so many pieces come the arguments of a call, or the text for a custom tool."""

_TEXT_DELTA: Final = "response.output_text.delta"
_NO_LOGPROBS: Final = b',"logprobs":[]'


@attrs.frozen
class Envelope:
    """What is around a turn. `seed` is hexadecimal, made from the request; every id comes from it."""

    seed: str
    model: str
    prompt: Prompt
    encrypted: bool
    echo: JsonObject = attrs.field(repr=False)
    namespaces: Mapping[str, str] = attrs.field(factory=dict)
    """Of the tools that stand in one, by their full names."""

    @property
    def id(self) -> str:
        return f"resp_demo{self.seed[:40]}"

    def item_id(self, kind: str, i: int = 0) -> str:
        """The id of an item: `rs` for reasoning, `msg` for a message, `fc` and `ctc` for calls."""
        return f"{kind}_demo{self.seed[:32]}{i:04d}"

    def call_id(self, i: int) -> str:
        """The id of the turn's call number `i`."""
        return f"call_demo{self.seed[:16]}{i:04d}"


def whole(turn: Turn, envelope: Envelope) -> bytes:
    """The turn as one JSON body."""
    return orjson.dumps(_response(turn, envelope, _status(turn), items(turn, envelope)))


def items(turn: Turn, envelope: Envelope) -> list[JsonObject]:
    """The items of the turn, complete."""
    listed: list[JsonObject] = []
    if turn.thinking is not None:
        listed.append(_reasoning(turn, envelope))
    if turn.text:
        cut = turn.stop == "length" and not turn.calls
        listed.append(_message(envelope, "incomplete" if cut else "completed", [_text_part("".join(turn.text))]))
    return listed + [_call(call, i, envelope, "completed", call.written) for i, call in enumerate(turn.calls)]


def usage(prompt: Prompt, output_tokens: int, reasoning_tokens: int = 0) -> JsonObject:
    """What a reply took."""
    return {
        "input_tokens": prompt.tokens,
        "input_tokens_details": {"cached_tokens": prompt.cached, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": prompt.tokens + output_tokens,
    }


def error_event(message: str, before: int) -> bytes:
    """The error of a server that is overloaded, as the last event of a stream, behind so many others."""
    error = error_of(503, message)
    told: JsonObject = {"type": "error", "code": error["code"], "message": message, "param": None}
    return b"event: error\ndata: %b\n\n" % orjson.dumps(told | {"sequence_number": before})


# -- objects -------------------------------------------------------------------------------------------------------


def _status(turn: Turn) -> str:
    return "incomplete" if turn.stop == "length" else "completed"


def _response(turn: Turn, envelope: Envelope, status: str, output: Sequence[Json]) -> JsonObject:
    over = status != "in_progress"
    spent = usage(envelope.prompt, turn.tokens(), turn.thinking_tokens())
    return {
        "id": envelope.id,
        "object": "response",
        "created_at": CREATED,
        "completed_at": CREATED if status == "completed" else None,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": envelope.model,
        "output": list(output),
        "service_tier": "default",
        "usage": spent if over else None,
        **envelope.echo,
    }


def _reasoning(turn: Turn, envelope: Envelope) -> JsonObject:
    item_id, shown = envelope.item_id("rs"), turn.visible_thinking
    item: JsonObject = {"id": item_id, "type": "reasoning", "summary": [_summary_part(shown)] if shown else []}
    if envelope.encrypted:
        item["encrypted_content"] = encrypted(item_id, turn.thinking or "")
    return item


def _summary_part(text: str) -> JsonObject:
    return {"type": "summary_text", "text": text}


def _message(envelope: Envelope, status: str, content: list[Json]) -> JsonObject:
    item_id = envelope.item_id("msg")
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def _text_part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(call: Call, i: int, envelope: Envelope, status: str, written: str) -> JsonObject:
    kind, field, prefix = _kind(call)
    namespace = envelope.namespaces.get(call.name)
    item: JsonObject = {"id": envelope.item_id(prefix, i), "type": kind, "status": status}
    item |= {"call_id": envelope.call_id(i), "name": call.name, field: written}
    if namespace is not None:
        item |= {"name": call.name.removeprefix(namespace + SEPARATOR), "namespace": namespace}
    return item


def _kind(call: Call) -> tuple[str, str, str]:
    """An item's type, the field of what is handed over, and how its id begins."""
    if call.free_text is not None:
        return "custom_tool_call", "input", "ctc"
    return "function_call", "arguments", "fc"


# -- streams -------------------------------------------------------------------------------------------------------


def stream(turn: Turn, pace: Pace, envelope: Envelope) -> list[Step]:
    """The turn as steps, a chunk an event."""
    events = _Events(pace)
    begun = _response(turn, envelope, "in_progress", [])
    events.tell("response.created", response=begun)
    events.tell("response.in_progress", response=begun)
    complete = items(turn, envelope)
    for index, item in enumerate(complete):
        if item["type"] == "reasoning":
            _tell_reasoning(events, index, item, turn, envelope)
        elif item["type"] == "message":
            _tell_message(events, index, item, turn, envelope)
        else:
            number = index - len(complete) + len(turn.calls)
            _tell_call(events, index, item, turn.calls[number], number, envelope)
    status = _status(turn)
    events.tell(f"response.{status}", response=_response(turn, envelope, status, complete))
    return [*events.steps, End()]


@attrs.define
class _Events:
    """The events of one stream. State: the steps so far, and how many events are among them."""

    pace: Pace
    steps: list[Step] = attrs.field(factory=list)
    count: int = 0

    def tell(self, kind: str, **fields: Json) -> None:
        self.steps.append(Chunk(self._head(kind) + orjson.dumps(fields)[1:] + b"\n\n"))

    def deltas(self, kind: str, place: JsonObject, parts: Sequence[str], stamped: bool = False) -> None:
        """An event for each part."""
        tail = _NO_LOGPROBS if kind == _TEXT_DELTA else b""
        inner = orjson.dumps(place)[1:-1] + b',"delta":"'
        pause = [Pause(self.pace.pause_seconds)] if self.pace.pause_seconds else []
        for part in parts:
            self.steps += pause
            self.steps.append(delta(self._head(kind) + inner, part, b'"' + tail + b"}\n\n", stamped))

    def _head(self, kind: str) -> bytes:
        name = kind.encode()
        self.count += 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,' % (name, name, self.count - 1)


def _tell_reasoning(events: _Events, index: int, item: JsonObject, turn: Turn, envelope: Envelope) -> None:
    item_id = envelope.item_id("rs")
    begun: JsonObject = {**item, "summary": []}
    if envelope.encrypted:
        begun["encrypted_content"] = early(item_id, turn.thinking or "")
    events.tell("response.output_item.added", output_index=index, item=begun)
    text = turn.visible_thinking
    if text:
        place: JsonObject = {"item_id": item_id, "output_index": index, "summary_index": 0}
        events.tell("response.reasoning_summary_part.added", **place, part=_summary_part(""))
        events.deltas("response.reasoning_summary_text.delta", place, pieces(text, THINKING_DELTAS))
        events.tell("response.reasoning_summary_text.done", **place, text=text)
        events.tell("response.reasoning_summary_part.done", **place, part=_summary_part(text))
    events.tell("response.output_item.done", output_index=index, item=item)


def _tell_message(events: _Events, index: int, item: JsonObject, turn: Turn, envelope: Envelope) -> None:
    begun = _message(envelope, "in_progress", [])
    events.tell("response.output_item.added", output_index=index, item=begun)
    place: JsonObject = {"item_id": item["id"], "output_index": index, "content_index": 0}
    text = "".join(turn.text)
    events.tell("response.content_part.added", **place, part=_text_part(""))
    events.deltas(_TEXT_DELTA, place, turn.text, events.pace.stamp)
    events.tell("response.output_text.done", **place, text=text, logprobs=[])
    events.tell("response.content_part.done", **place, part=_text_part(text))
    events.tell("response.output_item.done", output_index=index, item=item)


def _tell_call(events: _Events, index: int, item: JsonObject, call: Call, number: int, envelope: Envelope) -> None:
    _, field, _ = _kind(call)
    name = "response.function_call_arguments" if field == "arguments" else "response.custom_tool_call_input"
    place: JsonObject = {"item_id": item["id"], "output_index": index}
    begun = _call(call, number, envelope, "in_progress", "")
    events.tell("response.output_item.added", output_index=index, item=begun)
    events.deltas(f"{name}.delta", place, pieces(call.written, ARGUMENT_DELTAS))
    done: JsonObject = {field: call.written}
    events.tell(f"{name}.done", **place, **done)
    events.tell("response.output_item.done", output_index=index, item=item)
