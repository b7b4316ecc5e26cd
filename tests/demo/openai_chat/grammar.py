"""A checker of the Chat Completions stream grammar: bytes in, what they tell out, `AssertionError` at a broken rule."""

from __future__ import annotations

from typing import Any

import attrs
import orjson

from tests.demo.asking import data_frames


@attrs.define
class Call:
    """One tool call, put together. `start` is what its first delta said."""

    start: dict[str, Any]
    written: str = ""


@attrs.define
class Told:
    """What one choice said."""

    content: str = ""
    reasoning: str = ""
    calls: list[Call] = attrs.field(factory=list)
    finish_reason: str | None = None
    pieces: list[tuple[int, str]] = attrs.field(factory=list)
    """Of the calls' arguments, in the order in which they came, with the call's index."""


@attrs.define
class Stream:
    """What a stream said."""

    choices: dict[int, Told] = attrs.field(factory=dict)
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def check_stream(raw: bytes) -> Stream:
    """What the stream told. It is whole: ended by `[DONE]` or, at any point, by an error."""
    *frames, last = data_frames(raw)
    stream = Stream()
    head = None
    for frame in frames if last == b"[DONE]" else [*frames, last]:
        chunk = orjson.loads(frame)
        assert stream.error is None, "a chunk after the error"
        if "error" in chunk:
            assert chunk["error"].keys() == {"message", "type", "param", "code"}
            stream.error = chunk["error"]
            continue
        assert chunk["object"] == "chat.completion.chunk"
        assert head in (None, (chunk["id"], chunk["model"], chunk["created"])), "chunks of two completions"
        head = (chunk["id"], chunk["model"], chunk["created"])
        assert stream.usage is None, "a chunk after the usage"
        stream.usage = chunk.get("usage")
        assert (stream.usage is not None) == (chunk["choices"] == []), "usage comes alone"
        for choice in chunk["choices"]:
            _add(stream, choice)
    assert (last == b"[DONE]") == (stream.error is None), "the stream has no end"
    if stream.error is None:
        assert all(told.finish_reason for told in stream.choices.values())
    return stream


def _add(stream: Stream, choice: dict[str, Any]) -> None:
    delta = choice["delta"]
    if choice["index"] not in stream.choices:
        assert delta["role"] == "assistant", "the first delta names the role"
        stream.choices[choice["index"]] = Told()
    else:
        assert "role" not in delta, "the role is named once"
    told = stream.choices[choice["index"]]
    assert told.finish_reason is None, "a delta after the end"
    told.finish_reason = choice["finish_reason"]
    told.content += delta.get("content") or ""
    told.reasoning += delta.get("reasoning_content") or ""
    assert not (delta.get("content") and told.calls), "text after calls"
    for call in delta.get("tool_calls", ()):
        _add_call(told, call)


def _add_call(told: Told, call: dict[str, Any]) -> None:
    index = call["index"]
    kind = "custom" if "custom" in call else "function"
    field = "input" if kind == "custom" else "arguments"
    if index == len(told.calls):
        assert call["type"] == kind
        assert call["id"]
        assert call[kind]["name"]
        told.calls.append(Call(call))
    else:
        assert call.keys() == {"index", kind}, "a call is named once"
        assert call[kind].keys() == {field}
        told.pieces.append((index, call[kind][field]))
    told.calls[index].written += call[kind][field]
