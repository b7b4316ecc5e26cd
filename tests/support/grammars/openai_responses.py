"""A checker of the stream grammar of Responses, and a reader of what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from tests.support.grammars.said import (
    BETWEEN,
    Answer,
    Piece,
    Said,
    Stop,
    Tokens,
    count,
    document,
    insist,
    named_events,
)

_CALLS: Final = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
_LAST: Final = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
}
_INCOMPLETE: Final[dict[str, Stop]] = {"max_output_tokens": "length", "content_filter": "refusal"}


@attrs.define
class _Part:
    """A content part of a message, a part of a summary, or the arguments of a call."""

    start: dict[str, Any]
    deltas: list[str] = attrs.field(factory=list)
    annotations: list[Any] = attrs.field(factory=list)
    said: bool = False
    """Its text was told whole."""
    done: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return "".join(self.deltas)


@attrs.define
class _Item:
    start: dict[str, Any]
    parts: list[_Part] = attrs.field(factory=list)
    done: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        return str(self.start["type"])


@attrs.define
class _Stream:
    items: list[_Item] = attrs.field(factory=list)
    response: dict[str, Any] | None = None
    over: bool = False


def check(raw: bytes) -> Said:
    """What a stream told. It is whole: ended by one of the three events that end a response."""
    stream = _Stream()
    name = ""
    for number, event in enumerate(named_events(raw)):
        kind = event["type"]
        insist(not stream.over, f"{kind} after the end")
        if kind == "response.failed":
            insist(event["sequence_number"] >= number, "numbers that fall")
        else:
            insist(event["sequence_number"] == number, "the events are not numbered one after another")
            insist(number >= 2 or kind == ("response.created", "response.in_progress")[number], "no such beginning")
        if number < 2 and kind != "response.failed":
            _opening(event["response"])
            name = event["response"]["id"]
        elif kind in _LAST:
            _end(stream, event, name)
        else:
            _STEPS[kind](stream, event)
    insist(stream.over and stream.response is not None, "the stream has no end")
    assert stream.response is not None
    if stream.response["status"] == "failed":
        pieces = [piece for item in stream.items for piece in _pieces(item.done or _unfinished(item))]
        return Said((Answer(tuple(pieces), None),), None, stream.response["error"]["message"])
    return _said(stream.response)


def _opening(response: dict[str, Any]) -> None:
    insist(response["object"] == "response" and response["status"] == "in_progress", "no response that begins")
    insist(response["id"] and response["model"], "the response names neither itself nor its model")
    insist(response["output"] == [] and response["usage"] is None, "the response begins with its end")


def _end(stream: _Stream, event: dict[str, Any], name: str) -> None:
    response = event["response"]
    stream.response, stream.over = response, True
    insist(response["status"] == _LAST[event["type"]], "two words for one end")
    if response["status"] == "failed":
        insist(response["error"]["code"] and response["error"]["message"], "a failure that says nothing")
        return
    insist(response["id"] == name, "another response ends")
    insist(response["error"] is None, "an error beside an end")
    insist(all(item.done is not None for item in stream.items), "an item is not done")
    insist(response["output"] == [item.done for item in stream.items], "the response holds other items than were told")


def _added(stream: _Stream, event: dict[str, Any]) -> None:
    item = event["item"]
    insist(event["output_index"] == len(stream.items), "items out of order")
    insist(item["id"] not in [known.start["id"] for known in stream.items], "two items of one id")
    if item["type"] in _CALLS:
        insist(item["call_id"] and item["name"], "a call without an id or a name")
        insist(item[_CALLS[item["type"]][1]] == "", "arguments at the start")
    elif item["type"] == "message":
        insist((item["role"], item["content"]) == ("assistant", []), "words at the start")
    elif item["type"] == "reasoning":
        insist(item["summary"] == [], "words at the start")
    stream.items.append(_Item(item, [_Part({})] if item["type"] in _CALLS else []))


def _done(stream: _Stream, event: dict[str, Any]) -> None:
    item, whole = _item(stream, event), event["item"]
    insist((whole["id"], whole["type"]) == (item.start["id"], item.start["type"]), "another item is done")
    if item.kind == "message":
        insist(whole["content"] == [part.done for part in item.parts], "the message holds other parts than were told")
        insist(whole["content"], "a message that says nothing")
    elif item.kind == "reasoning":
        insist(whole["summary"] == [part.done for part in item.parts], "the summary holds other parts than were told")
    elif item.kind in _CALLS:
        insist(item.parts[0].done == {"text": whole[_CALLS[item.kind][1]]}, "the call holds other arguments")
    item.done = whole


def _item(stream: _Stream, event: dict[str, Any]) -> _Item:
    insist(0 <= event["output_index"] < len(stream.items), "an event of an item that has not begun")
    item: _Item = stream.items[event["output_index"]]
    insist(item.done is None, "an event of an item that is done")
    insist(event.get("item_id", item.start["id"]) == item.start["id"], "an event of two items")
    return item


def _part(stream: _Stream, event: dict[str, Any], index: str, kind: str) -> _Part:
    item = _item(stream, event)
    insist(item.kind == kind, f"{event['type']} in an item of {item.kind}")
    insist(0 <= event[index] < len(item.parts), "an event of a part that has not begun")
    part: _Part = item.parts[event[index]]
    insist(part.done is None, "an event of a part that is done")
    return part


def _part_added(stream: _Stream, event: dict[str, Any], index: str, kind: str) -> None:
    item = _item(stream, event)
    insist(item.kind == kind and event[index] == len(item.parts), "parts out of order")
    insist(event["part"].get("text", event["part"].get("refusal")) == "", "words at the start of a part")
    item.parts.append(_Part(event["part"]))


def _delta(part: _Part, event: dict[str, Any]) -> None:
    insist(event["delta"], "an empty delta")
    insist(not part.said, "a delta behind the whole text")
    part.deltas.append(event["delta"])


def _said_whole(part: _Part, text: str) -> None:
    insist(not part.said and text == part.text, "the whole text is another one than the deltas told")
    part.said = True


def _part_done(part: _Part, whole: dict[str, Any]) -> None:
    insist(part.said, "a part is done whose text was not told whole")
    insist(whole["type"] == part.start["type"], "a part of two kinds")
    insist(whole.get("text", whole.get("refusal")) == part.text, "the part holds another text")
    insist(whole.get("annotations", []) == part.annotations, "the part holds other annotations")
    part.done = whole


def _annotation(stream: _Stream, event: dict[str, Any]) -> None:
    part = _part(stream, event, "content_index", "message")
    insist(event["annotation_index"] == len(part.annotations), "annotations out of order")
    part.annotations.append(event["annotation"])


def _of_message(step: str, stream: _Stream, event: dict[str, Any]) -> None:
    part = _part(stream, event, "content_index", "message")
    refusal = "refusal" in event["type"]
    if step == "delta":
        insist(refusal == (part.start["type"] == "refusal"), "a part of two kinds")
        _delta(part, event)
    elif step == "said":
        _said_whole(part, event["refusal" if refusal else "text"])
    else:
        _part_done(part, event["part"])


def _of_reasoning(step: str, stream: _Stream, event: dict[str, Any]) -> None:
    part = _part(stream, event, "summary_index", "reasoning")
    if step == "delta":
        _delta(part, event)
    elif step == "said":
        _said_whole(part, event["text"])
    else:
        _part_done(part, event["part"])


def _of_call(stream: _Stream, event: dict[str, Any]) -> None:
    item = _item(stream, event)
    name, field = _CALLS[item.kind]
    part = item.parts[0]
    if event["type"] == f"{name}.delta":
        _delta(part, event)
        return
    insist(event["type"] == f"{name}.done", f"{event['type']} in an item of {item.kind}")
    if part.deltas or event[field] != "{}":
        _said_whole(part, event[field])
    part.done = {"text": event[field]}


def _progress(stream: _Stream, event: dict[str, Any]) -> None:
    insist(_item(stream, event).kind == "web_search_call", "a search elsewhere")


_STEPS: Final = {
    "response.output_item.added": _added,
    "response.output_item.done": _done,
    "response.content_part.added": lambda stream, event: _part_added(stream, event, "content_index", "message"),
    "response.output_text.delta": lambda stream, event: _of_message("delta", stream, event),
    "response.output_text.annotation.added": _annotation,
    "response.output_text.done": lambda stream, event: _of_message("said", stream, event),
    "response.refusal.delta": lambda stream, event: _of_message("delta", stream, event),
    "response.refusal.done": lambda stream, event: _of_message("said", stream, event),
    "response.content_part.done": lambda stream, event: _of_message("done", stream, event),
    "response.reasoning_summary_part.added": lambda stream, event: _part_added(
        stream, event, "summary_index", "reasoning"
    ),
    "response.reasoning_summary_text.delta": lambda stream, event: _of_reasoning("delta", stream, event),
    "response.reasoning_summary_text.done": lambda stream, event: _of_reasoning("said", stream, event),
    "response.reasoning_summary_part.done": lambda stream, event: _of_reasoning("done", stream, event),
    "response.function_call_arguments.delta": _of_call,
    "response.function_call_arguments.done": _of_call,
    "response.custom_tool_call_input.delta": _of_call,
    "response.custom_tool_call_input.done": _of_call,
    "response.web_search_call.in_progress": _progress,
    "response.web_search_call.searching": _progress,
    "response.web_search_call.completed": _progress,
}


# -- what it tells ---------------------------------------------------------------------------------------------------


def _unfinished(item: _Item) -> dict[str, Any]:
    """An item as it would be if it had ended here."""
    if item.kind in _CALLS:
        return {**item.start, _CALLS[item.kind][1]: item.parts[0].text}
    parts = [{**part.start, "refusal" if "refusal" in part.start else "text": part.text} for part in item.parts]
    return {**item.start, "summary" if item.kind == "reasoning" else "content": parts}


def _pieces(item: dict[str, Any]) -> Iterable[Piece]:
    kind = item["type"]
    if kind == "message":
        for part in item["content"]:
            refusal = part["type"] == "refusal"
            yield Piece("refusal" if refusal else "text", part["refusal" if refusal else "text"])
    elif kind == "reasoning":
        text = BETWEEN.join(part["text"] for part in item["summary"])
        yield Piece("thinking", text, blob=item.get("encrypted_content", ""))
    elif kind in _CALLS:
        yield Piece("call", item[_CALLS[kind][1]], item["call_id"], item["name"], kind == "custom_tool_call")


def _said(response: dict[str, Any]) -> Said:
    pieces = tuple(piece for item in response["output"] for piece in _pieces(item))
    stop: Stop
    if response["status"] == "incomplete":
        stop = _INCOMPLETE[response["incomplete_details"]["reason"]]
    else:
        insist(response["incomplete_details"] is None, "whole and incomplete")
        kinds = {piece.kind for piece in pieces}
        stop = "tools" if "call" in kinds else "refusal" if "refusal" in kinds else "end"
    usage = response["usage"]
    return Said((Answer(pieces, stop),), None if usage is None else _tokens(usage))


def _tokens(usage: dict[str, Any]) -> Tokens:
    prompt, completion = count(usage, "input_tokens"), count(usage, "output_tokens")
    insist(count(usage, "total_tokens") == prompt + completion, "the total is not the sum")
    cached = count(usage["input_tokens_details"], "cached_tokens")
    return Tokens(prompt, cached, completion, count(usage["output_tokens_details"], "reasoning_tokens"))


def read(raw: bytes) -> Said:
    """What a whole response told."""
    response = document(raw)
    insist(response["object"] == "response", "no response")
    insist(response["status"] in ("completed", "incomplete"), "no response that is whole")
    return _said(response)
