"""A checker of the stream grammar of Chat Completions, and a reader of what it tells."""

from __future__ import annotations

from typing import Any, Final

import attrs

from tests.support.grammars.said import (
    Answer,
    Piece,
    Said,
    Stop,
    Tokens,
    count,
    document,
    insist,
    nameless_payloads,
)

_STOPS: Final[dict[str, Stop]] = {
    "stop": "end",
    "tool_calls": "tools",
    "length": "length",
    "content_filter": "refusal",
}
_FIELDS: Final = frozenset(
    {
        "role",
        "content",
        "refusal",
        "reasoning_content",
        "reasoning_details",
        "tool_calls",
        "annotations",
        "images",
        "extra_content",
    }
)


@attrs.define
class _Call:
    start: dict[str, Any]
    kind: str
    written: str = ""


@attrs.define
class _Choice:
    content: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[_Call] = attrs.field(factory=list)
    stop: str | None = None


@attrs.define
class _Stream:
    choices: dict[int, _Choice] = attrs.field(factory=dict)
    usage: dict[str, Any] | None = None
    error: str | None = None
    done: bool = False
    head: tuple[Any, ...] | None = None


def check(raw: bytes, *, usage_wanted: bool = True) -> Said:
    """What a stream told. It is whole: ended by `[DONE]` or, at any point, by an error."""
    stream = _Stream()
    for payload in nameless_payloads(raw):
        insist(not stream.done and stream.error is None, "a chunk after the end")
        if payload == b"[DONE]":
            stream.done = True
            continue
        chunk = document(payload)
        if "error" in chunk:
            insist(chunk["error"].keys() == {"message", "type", "param", "code"}, "no error of OpenAI's")
            stream.error = chunk["error"]["message"]
        else:
            _chunk(stream, chunk, usage_wanted)
    insist(stream.done or stream.error is not None, "the stream has no end")
    if stream.done:
        insist(stream.choices, "a reply without a choice")
        insist(all(choice.stop for choice in stream.choices.values()), "a choice has no finish_reason")
    answers = tuple(_answer(choice) for _, choice in sorted(stream.choices.items()))
    return Said(answers, None if stream.usage is None else _tokens(stream.usage), stream.error)


def _chunk(stream: _Stream, chunk: dict[str, Any], usage_wanted: bool) -> None:
    insist(chunk["object"] == "chat.completion.chunk", "no chunk")
    head = (chunk["id"], chunk["model"], chunk["created"])
    insist(stream.head in (None, head), "chunks of two completions")
    insist(all(head), "a completion without a name")
    stream.head = head
    insist(stream.usage is None, "a chunk behind the usage")
    insist(("usage" in chunk) == usage_wanted, "usage where none was wanted, or no word of it where it was")
    if chunk.get("usage") is not None:
        insist(chunk["choices"] == [], "usage beside a choice")
        insist(all(choice.stop for choice in stream.choices.values()), "usage before the end")
        stream.usage = chunk["usage"]
        return
    insist(len(chunk["choices"]) == 1, "a chunk of no choice, or of several")
    _delta(stream, chunk["choices"][0])


def _delta(stream: _Stream, choice: dict[str, Any]) -> None:
    insist(choice.keys() == {"index", "delta", "logprobs", "finish_reason"}, "no choice of a chunk")
    delta, number = choice["delta"], choice["index"]
    insist(delta.keys() <= _FIELDS, f"fields that nobody knows: {delta.keys() - _FIELDS}")
    if number not in stream.choices:
        insist(delta.get("role") == "assistant", "the first delta names the role")
        stream.choices[number] = _Choice()
    else:
        insist("role" not in delta, "the role is named twice")
        insist(delta or choice["finish_reason"], "a chunk that says nothing")
        for name in ("content", "refusal", "reasoning_content"):
            insist(delta.get(name) != "", f"an empty {name}")
    told = stream.choices[number]
    insist(told.stop is None, "a delta behind the finish_reason")
    told.stop = choice["finish_reason"]
    told.content += delta.get("content") or ""
    told.refusal += delta.get("refusal") or ""
    told.reasoning += delta.get("reasoning_content") or ""
    for entry in delta.get("tool_calls", ()):
        _call(told, entry)


def _call(told: _Choice, entry: dict[str, Any]) -> None:
    index = entry["index"]
    kind = "custom" if "custom" in entry else "function"
    insist(0 <= index <= len(told.calls), "calls are numbered from 0 without gaps")
    if index == len(told.calls):
        insist(entry["type"] == kind, "a call of no kind")
        insist(entry["id"] and entry[kind]["name"], "a call without an id or a name")
        told.calls.append(_Call(entry, kind))
    else:
        insist(entry.keys() <= {"index", kind, "extra_content"}, "a call is named twice")
        insist(kind not in entry or entry[kind].keys() == {_TEXT[kind]}, "a call is named twice")
    call = told.calls[index]
    if kind in entry:
        insist(call.kind == kind, "a call of two kinds")
        call.written += entry[kind][_TEXT[kind]]


_TEXT: Final = {"function": "arguments", "custom": "input"}


def _answer(choice: _Choice) -> Answer:
    pieces = [Piece("thinking", choice.reasoning)] if choice.reasoning else []
    pieces += [Piece("text", choice.content)] if choice.content else []
    pieces += [Piece("refusal", choice.refusal)] if choice.refusal else []
    for call in choice.calls:
        pieces.append(
            Piece("call", call.written, call.start["id"], call.start[call.kind]["name"], call.kind == "custom")
        )
    if choice.stop is None:
        return Answer(tuple(pieces), None)
    stop = _STOPS[choice.stop]
    return Answer(tuple(pieces), stop)


def _tokens(usage: dict[str, Any]) -> Tokens:
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    insist(count(usage, "total_tokens") == prompt + completion, "the total is not the sum")
    cached = count(usage["prompt_tokens_details"], "cached_tokens")
    return Tokens(prompt, cached, completion, count(usage["completion_tokens_details"], "reasoning_tokens"))


def read(raw: bytes) -> Said:
    """What a whole completion told."""
    body = document(raw)
    insist(body["object"] == "chat.completion", "no completion")
    answers = []
    for number, choice in enumerate(body["choices"]):
        insist(choice["index"] == number, "choices out of order")
        message = choice["message"]
        told = _Choice(
            message["content"] or "",
            message.get("refusal") or "",
            message.get("reasoning_content") or "",
            stop=choice["finish_reason"],
        )
        for place, entry in enumerate(message.get("tool_calls", ())):
            _call(told, {"index": place, **entry})
        answers.append(_answer(told))
    return Said(tuple(answers), None if body.get("usage") is None else _tokens(body["usage"]))
