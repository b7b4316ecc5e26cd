"""A checker of the Responses stream grammar: bytes in, what they tell out, `AssertionError` where a rule is broken."""

from __future__ import annotations

from typing import Any, Final

import attrs
import orjson

CALLS: Final = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}


@attrs.define
class Stream:
    """What a stream said."""

    kinds: list[str] = attrs.field(factory=list)
    """Of its events, in their order."""
    items: list[dict[str, Any]] = attrs.field(factory=list)
    """As they were when done."""
    begun: list[dict[str, Any]] = attrs.field(factory=list)
    """As they were when added."""
    deltas: dict[int, list[str]] = attrs.field(factory=dict)
    """By item."""
    response: dict[str, Any] = attrs.field(factory=dict)
    """As the last event told it."""
    error: dict[str, Any] | None = None


def events(raw: bytes) -> list[dict[str, Any]]:
    """The events, each of one name in both lines, numbered from 0."""
    assert raw.endswith(b"\n\n")
    found = []
    for number, frame in enumerate(raw.removesuffix(b"\n\n").split(b"\n\n")):
        name, data = frame.split(b"\n")
        event = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == number
        found.append(event)
    return found


def check_stream(raw: bytes) -> Stream:
    """What the stream told. It is whole: ended by a response that is over or, at any point, by an error."""
    stream = Stream()
    for event in events(raw):
        kind = event["type"]
        assert stream.error is None, "an event after the error"
        assert not stream.kinds or stream.kinds[-1] not in _OVER, "an event after the end"
        stream.kinds.append(kind)
        if kind == "error":
            assert event.keys() == {"type", "code", "message", "param", "sequence_number"}
            stream.error = event
        elif "response" in event:
            stream.response = event["response"]
            assert stream.response["status"] == _STATUS[kind]
        else:
            _item_event(stream, event)
    assert stream.kinds[:1] == ["response.created"]
    if stream.error is None:
        assert stream.kinds[-1] in _OVER, "the stream has no end"
        assert stream.response["output"] == stream.items
        assert len(stream.begun) == len(stream.items), "an item is not done"
    return stream


_STATUS: Final = {
    "response.created": "in_progress",
    "response.in_progress": "in_progress",
    "response.completed": "completed",
    "response.incomplete": "incomplete",
}
_OVER: Final = ("response.completed", "response.incomplete")


def _item_event(stream: Stream, event: dict[str, Any]) -> None:
    kind, index = event["type"], event["output_index"]
    if kind == "response.output_item.added":
        assert index == len(stream.begun) == len(stream.items), "items out of order"
        stream.begun.append(event["item"])
        stream.deltas[index] = []
        return
    item = stream.begun[index]
    assert index == len(stream.items), "an event of an item that is done"
    if kind == "response.output_item.done":
        assert (event["item"]["id"], event["item"]["type"]) == (item["id"], item["type"])
        assert "".join(stream.deltas[index]) == _text_of(event["item"])
        stream.items.append(event["item"])
        return
    assert event["item_id"] == item["id"]
    if kind.endswith(".delta"):
        assert event["delta"], "an empty delta"
        stream.deltas[index].append(event["delta"])
    elif item["type"] in CALLS:
        name, field = CALLS[item["type"]]
        assert kind == f"{name}.done"
        assert event[field] == "".join(stream.deltas[index])
    elif kind.endswith("text.done"):
        assert event["text"] == "".join(stream.deltas[index])
    elif kind.endswith("part.added"):
        assert event["part"]["text"] == ""
    else:
        assert kind.endswith("part.done"), f"no such event: {kind}"
        assert event["part"]["text"] == "".join(stream.deltas[index])


def _text_of(item: dict[str, Any]) -> str:
    if item["type"] in CALLS:
        return str(item[CALLS[item["type"]][1]])
    return "".join(part["text"] for part in item["content" if item["type"] == "message" else "summary"])
