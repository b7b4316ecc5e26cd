"""A checker of the Gemini stream grammar: bytes in, what they tell out, `AssertionError` where a rule is broken."""

from __future__ import annotations

from typing import Any

import attrs
import orjson

from tests.demo.asking import data_frames


@attrs.define
class Told:
    """What one candidate said."""

    thoughts: str = ""
    text: str = ""
    calls: list[dict[str, Any]] = attrs.field(factory=list)
    signatures: list[str] = attrs.field(factory=list)
    """Of which parts: `call`, or `text`."""
    finish_reason: str | None = None


@attrs.define
class Stream:
    """What a stream said."""

    candidates: dict[int, Told] = attrs.field(factory=dict)
    usage: dict[str, Any] = attrs.field(factory=dict)
    """As the last chunk told it."""
    error: dict[str, Any] | None = None


def check_events(raw: bytes) -> Stream:
    """What a stream of events told."""
    return _check([orjson.loads(frame) for frame in data_frames(raw, b"\r\n")])


def check_array(raw: bytes) -> Stream:
    """What a stream that is one JSON array told."""
    chunks = orjson.loads(raw)
    assert isinstance(chunks, list)
    return _check(chunks)


def _check(chunks: list[dict[str, Any]]) -> Stream:
    stream = Stream()
    head = None
    for chunk in chunks:
        assert stream.error is None, "a chunk after the error"
        if "error" in chunk:
            stream.error = chunk["error"]
            continue
        assert head in (None, (chunk["responseId"], chunk["modelVersion"])), "chunks of two responses"
        head = (chunk["responseId"], chunk["modelVersion"])
        usage = chunk["usageMetadata"]
        spent = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
        assert usage["totalTokenCount"] == spent, "usage does not add up"
        assert spent >= stream.usage.get("totalTokenCount", 0), "usage shrinks"
        stream.usage = usage
        for candidate in chunk["candidates"]:
            _add(stream.candidates.setdefault(candidate["index"], Told()), candidate)
    if stream.error is None:
        assert all(told.finish_reason for told in stream.candidates.values()), "the stream has no end"
    return stream


def _add(told: Told, candidate: dict[str, Any]) -> None:
    assert told.finish_reason is None, "a part after the end"
    told.finish_reason = candidate.get("finishReason")
    assert candidate["content"]["role"] == "model"
    for part in candidate["content"]["parts"]:
        assert len(part.keys() & {"text", "functionCall"}) == 1
        if "functionCall" in part:
            told.calls.append(part["functionCall"])
        elif part.get("thought"):
            assert not told.text, "thoughts after the text"
            told.thoughts += part["text"]
        else:
            assert not (part["text"] and told.calls), "text after calls"
            told.text += part["text"]
        if "thoughtSignature" in part:
            told.signatures.append("call" if "functionCall" in part else "text")
