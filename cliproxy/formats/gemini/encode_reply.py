"""A reply, written as Google's chunks: words as they come, calls when they are whole, the end in the last one.

Every chunk bears a part, be it an empty text: Google's own SDK strikes a turn from a chat's history in which one has
none. Signatures of words follow the words, on an empty part of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import attrs

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Json,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.reply import Reply
from cliproxy.conversation.sequence import Sequencer
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Framing
from cliproxy.formats.gemini import blobs, media
from cliproxy.formats.gemini.errors import error_body
from cliproxy.formats.gemini.grounding import Grounds
from cliproxy.formats.gemini.logprobs import written_logprobs
from cliproxy.formats.gemini.parts import args_of, call_part, text_part
from cliproxy.formats.gemini.reasons import written_reason
from cliproxy.formats.gemini.usage import written_usage
from cliproxy.formats.gemini.visible import Visible
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.wire import Complaint

_BEFORE_TEXT: Final = b'{"candidates":[{"content":{"role":"model","parts":[{"text":'
_BEFORE_THOUGHT: Final = b'{"candidates":[{"content":{"role":"model","parts":[{"thought":true,"text":'
_BEFORE: Final[Mapping[type[Part], bytes]] = MappingProxyType(
    {Text: _BEFORE_TEXT, Refusal: _BEFORE_TEXT, Thinking: _BEFORE_THOUGHT}
)
"""How the chunk of a delta begins, up to its text."""


@attrs.define
class _Open:
    """A part under way. State: what has come of it that could not be written yet."""

    part: Part
    choice: int
    start: int
    """Where its words begin in the visible text, in code points."""
    before: bytes
    """Of a delta's text in its chunk; empty: it has to be whole to be told."""
    after: bytes
    visible: Visible | None
    """What its words are counted in; thoughts are not."""
    pieces: list[str] = attrs.field(factory=list)
    """Of arguments."""
    blob: Blob | None = None
    citations: list[Citation] = attrs.field(factory=list)


class GeminiReplyEncoder:
    """State: the parts that are open, what grounds each choice, and how each ended."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._after = b',"modelVersion":%b,"responseId":%b}' % (
            jsontext.dumps(framing.model),
            jsontext.dumps(framing.seed),
        )
        self._open: dict[int, _Open] = {}
        self._choice_of: dict[int, int] = {}
        self._sequencers: dict[int, Sequencer] = {}
        self._grounds: dict[int, Grounds] = {}
        self._ends: dict[int, Finished] = {}
        self._usage: Usage | None = None
        self._begun = False
        self._over = False
        self._steps: Mapping[type[Event], Callable[..., bytes]] = {
            Started: self._started,
            Opened: self._opened,
            Delta: self._delta,
            Signed: self._signed,
            Cited: self._cited,
            Closed: self._closed,
            Used: self._used,
            Finished: self._finished,
            Ended: self._ended,
            Failed: self._failed,
        }

    def feed(self, event: Event) -> bytes:
        """Whole chunks, or nothing."""
        if self._over:
            return b""
        if type(event) is Delta and event.index in self._open:
            return self._delta(event)  # of the open part: the sequencer lets it pass
        index: int | None = getattr(event, "index", None)
        if index is None:
            return self._steps[type(event)](event)
        if isinstance(event, Opened):
            self._choice_of[index] = event.choice
            self._sequencers.setdefault(event.choice, Sequencer())
        choice = self._choice_of.get(index)
        if choice is None:
            return b""
        if isinstance(event, Closed):
            del self._choice_of[index]
        told = self._sequencers[choice].feed(event)
        if len(told) == 1:
            return self._steps[type(told[0])](told[0])
        return b"".join([self._steps[type(each)](each) for each in told])

    # -- one method for each event

    def _started(self, event: Started) -> bytes:
        self._usage = event.usage
        return b""

    def _opened(self, event: Opened) -> bytes:
        grounds = self._grounds.setdefault(event.choice, Grounds())
        part = event.part
        visible = grounds.visible if isinstance(part, Text | Refusal) else None
        before, after = _BEFORE.get(type(part), b""), b'}]},"index":%d}]%b' % (event.choice, self._after)
        self._open[event.index] = _Open(part, event.choice, grounds.visible.length, before, after, visible)
        if isinstance(part, ServerResult):
            for hit in part.hits:
                grounds.hit(hit)
        wire = _at_once(part)
        return b"" if wire is None else self._chunk(event.choice, wire)

    def _delta(self, event: Delta) -> bytes:
        opened = self._open[event.index]
        if not opened.before:
            opened.pieces.append(event.text)
            return b""
        if opened.visible is not None:
            opened.visible.add(event.text)
            logprobs = written_logprobs(event.logprobs) if isinstance(event.logprobs, list) else None
            if logprobs is not None:
                return self._chunk(opened.choice, text_part(event.text), {"logprobsResult": logprobs})
        return self._frame(b"%b%b%b" % (opened.before, jsontext.dumps(event.text), opened.after))

    def _signed(self, event: Signed) -> bytes:
        self._open[event.index].blob = event.blob
        return b""

    def _cited(self, event: Cited) -> bytes:
        self._open[event.index].citations.append(event.citation)
        return b""

    def _closed(self, event: Closed) -> bytes:
        opened = self._open.pop(event.index)
        part, grounds = opened.part, self._grounds[opened.choice]
        arguments = "".join(opened.pieces)
        for citation in opened.citations:
            grounds.cite(citation, opened.start)
        if isinstance(part, ToolCall):
            wire = call_part(part.id, part.name, args_of(part.arguments + arguments), _signature(opened.blob))
            return self._chunk(opened.choice, wire)
        if isinstance(part, ServerCall) and part.tool == "web_search":
            grounds.search(part.arguments + arguments)
        elif isinstance(part, Text | Thinking) and opened.blob is not None:
            thought = isinstance(part, Thinking)
            return self._chunk(opened.choice, text_part("", _signature(opened.blob), thought=thought))
        return b""

    def _used(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _finished(self, event: Finished) -> bytes:
        self._ends[event.choice] = event
        return b""

    def _ended(self, event: Ended) -> bytes:
        self._over = True
        ends = sorted(self._ends.items()) or [(0, Finished(Stop.END))]
        candidates: list[Json] = [
            _candidate([text_part("")], choice, end, self._grounds.get(choice)) for choice, end in ends
        ]
        document = self._document(candidates)
        if self._usage is not None:
            document["usageMetadata"] = written_usage(self._usage)
        return self._frame(jsontext.dumps(document)) + self._end()

    def _failed(self, event: Failed) -> bytes:
        self._over = True
        complaint = Complaint(event.status, event.message, "", event.context_overflow)
        return self._frame(error_body(complaint)) + self._end()

    # -- chunks and frames

    def _chunk(self, choice: int, part: dict[str, Json], beside: dict[str, Json] | None = None) -> bytes:
        candidate: dict[str, Json] = {"content": {"role": "model", "parts": [part]}, "index": choice, **(beside or {})}
        return self._frame(jsontext.dumps(self._document([candidate])))

    def _document(self, candidates: list[Json]) -> dict[str, Json]:
        return {"candidates": candidates, "modelVersion": self._framing.model, "responseId": self._framing.seed}

    def _frame(self, payload: bytes) -> bytes:
        if not self._framing.array:
            return b"data: %b\n\n" % payload
        separator = b",\n" if self._begun else b"["
        self._begun = True
        return separator + payload

    def _end(self) -> bytes:
        return b"]" if self._framing.array else b""


def _candidate(parts: list[dict[str, Json]], choice: int, end: Finished, grounds: Grounds | None) -> dict[str, Json]:
    """A candidate that is whole."""
    candidate: dict[str, Json] = {"content": {"role": "model", "parts": cast(Json, parts)}, "index": choice}
    candidate["finishReason"], message = written_reason(end.stop, end.detail)
    if message:
        candidate["finishMessage"] = message
    metadata = grounds.written() if grounds is not None else None
    if metadata is not None:
        candidate["groundingMetadata"] = metadata
    return candidate


def _signature(blob: Blob | None) -> str:
    return blobs.told(blob) if blob is not None else ""


def _at_once(part: Part) -> dict[str, Json] | None:
    """A part that is known when it opens, as it stands on the wire; None for those that are not, or that it lacks."""
    if isinstance(part, Media):
        return media.written(part)
    if isinstance(part, Text | Refusal) and part.text:
        return text_part(part.text)
    if isinstance(part, Thinking) and part.text:
        return text_part(part.text, thought=True)
    raw = part.raw if isinstance(part, ServerCall | ServerResult) else part
    return dict(raw.value) if isinstance(raw, VendorPart) and raw.format == FORMAT else None


# -- whole replies ---------------------------------------------------------------------------------------------------


def encode_reply(reply: Reply, framing: Framing) -> bytes:
    """A whole answer."""
    candidates: list[Json] = []
    for number, choice in enumerate(reply.choices):
        grounds = Grounds()
        parts = [wire for part in choice.parts for wire in _WRITERS.get(type(part), _other)(part, grounds)]
        end = Finished(choice.stop, choice.sequence, choice.detail, number)
        candidate = _candidate(parts or [text_part("")], number, end, grounds)
        logprobs = written_logprobs(choice.logprobs)
        if logprobs is not None:
            candidate["logprobsResult"] = logprobs
        candidates.append(candidate)
    document: dict[str, Json] = {"candidates": candidates}
    if reply.usage is not None:
        document["usageMetadata"] = written_usage(reply.usage)
    return jsontext.dumps({**document, "modelVersion": framing.model, "responseId": framing.seed})


def _text(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, Text)
    start = grounds.visible.length
    grounds.visible.add(part.text)
    for citation in part.citations:
        grounds.cite(citation, start)
    return [text_part(part.text, _signature(part.blob))] if part.text or part.blob else []


def _thinking(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, Thinking)
    return [text_part(part.text, _signature(part.blob), thought=True)] if part.text or part.blob else []


def _refusal(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, Refusal)
    grounds.visible.add(part.text)
    return [text_part(part.text)] if part.text else []


def _call(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, ToolCall)
    return [call_part(part.id, part.name, args_of(part.arguments), _signature(part.blob))]


def _server_call(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, ServerCall)
    if part.tool == "web_search":
        grounds.search(part.arguments)
    return _other(part, grounds)


def _server_result(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    assert isinstance(part, ServerResult)
    for hit in part.hits:
        grounds.hit(hit)
    return _other(part, grounds)


def _other(part: Part, grounds: Grounds) -> list[dict[str, Json]]:
    wire = _at_once(part)
    return [] if wire is None else [wire]


_Writer: TypeAlias = Callable[[Part, Grounds], list[dict[str, Json]]]
_WRITERS: Final[Mapping[type[Part], _Writer]] = MappingProxyType(
    {
        Text: _text,
        Thinking: _thinking,
        Refusal: _refusal,
        ToolCall: _call,
        ServerCall: _server_call,
        ServerResult: _server_result,
    }
)
