"""The items of a reply, each written from its opening to its end: every event of an item, and the item as a whole."""

from __future__ import annotations

from typing import Protocol

import attrs

from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    Citation,
    Inline,
    Json,
    Media,
    Part,
    ServerCall,
    ServerResult,
    ToolCall,
    VendorPart,
)
from cliproxy.formats import jsontext, sse
from cliproxy.formats.openai_responses.citations import write_citation, write_logprobs
from cliproxy.formats.openai_responses.hosted import IMAGE_CALL, SEARCH_CALL
from cliproxy.formats.openai_responses.words import NAME


@attrs.define
class Lines:
    """Writes events. State: how many, which each of them tells."""

    count: int = 0
    told: bool = True
    """Whether anybody reads them: of a reply that is told whole nobody does."""

    def write(self, kind: str, fields: dict[str, object]) -> bytes:
        """An event with these fields beside its kind and number."""
        if not self.told:
            return b""
        number = self.count
        self.count += 1
        return sse.event(kind.encode(), jsontext.dumps({"type": kind, "sequence_number": number, **fields}))


@attrs.define
class Deltas:
    """Writes the deltas of one part: an event that is the same but for its number and its text."""

    lines: Lines
    before_number: bytes
    before_text: bytes
    after: bytes

    def write(self, text: str) -> bytes:
        """One of them."""
        number = self.lines.count
        self.lines.count += 1
        return b"%b%d%b%b%b" % (self.before_number, number, self.before_text, jsontext.dumps(text), self.after)


@attrs.define
class Place:
    """Where an item stands."""

    lines: Lines
    id: str
    number: int

    def event(self, kind: str, **fields: object) -> bytes:
        """An event inside of the item."""
        return self.lines.write(kind, {"item_id": self.id, "output_index": self.number, **fields})

    def deltas(self, kind: str, *, logprobs: bool = False, **fields: object) -> Deltas:
        """The deltas of a part of the item, without log probabilities or with an empty list of them."""
        name = kind.encode()
        same = jsontext.dumps({"item_id": self.id, "output_index": self.number, **fields})[1:-1]
        after = b',"logprobs":[]}\n\n' if logprobs else b"}\n\n"
        before_number = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name)
        return Deltas(self.lines, before_number, b',%b,"delta":' % same, after)

    def added(self, item: dict[str, Json]) -> bytes:
        return self.lines.write("response.output_item.added", {"output_index": self.number, "item": item})

    def done(self, item: dict[str, Json]) -> bytes:
        return self.lines.write("response.output_item.done", {"output_index": self.number, "item": item})


class WrittenPart(Protocol):
    """A part that is open. Each step gives the events that tell it."""

    def delta(self, text: str, logprobs: Json) -> bytes:
        """More of its text or arguments."""

    def signed(self, blob: str) -> None:
        """Its blob, which is told at its end."""

    def cited(self, citation: Citation) -> bytes:
        """One more citation."""

    def close(self) -> bytes:
        """It is whole."""


@attrs.define
class WrittenMessage:
    """A message with its content parts. State: those that are whole, and how many are open."""

    place: Place
    content: list[Json] = attrs.field(factory=list)
    open: int = 0
    is_last: bool = True
    """Whatever text comes next belongs to it."""

    def begin(self) -> bytes:
        return self.place.added(self.item("in_progress"))

    def item(self, status: str) -> dict[str, Json]:
        whole: list[Json] = [part for part in self.content if part is not None]
        return {"id": self.place.id, "type": "message", "status": status, "role": "assistant", "content": whole}


@attrs.define
class WrittenContent:
    """A text or a refusal in a message. State: its text so far, its citations and probabilities."""

    message: WrittenMessage
    number: int
    refusal: bool
    text: list[str] = attrs.field(factory=list)
    annotations: list[Json] = attrs.field(factory=list)
    logprobs: list[Json] = attrs.field(factory=list)
    deltas: Deltas = attrs.field(init=False)

    @deltas.default
    def _its_deltas(self) -> Deltas:
        place = self.message.place
        if self.refusal:
            return place.deltas("response.refusal.delta", content_index=self.number)
        return place.deltas("response.output_text.delta", logprobs=True, content_index=self.number)

    def begin(self) -> bytes:
        self.message.content.append(None)
        self.message.open += 1
        return self._event("response.content_part.added", part=self._part(""))

    def _event(self, kind: str, **fields: object) -> bytes:
        return self.message.place.event(kind, content_index=self.number, **fields)

    def _part(self, text: str) -> dict[str, Json]:
        if self.refusal:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": self.annotations, "logprobs": self.logprobs}

    def delta(self, text: str, logprobs: Json) -> bytes:
        self.text.append(text)
        if not logprobs or self.refusal:
            return self.deltas.write(text)
        told = write_logprobs(logprobs)
        self.logprobs += told
        return self._event("response.output_text.delta", delta=text, logprobs=told)

    def signed(self, blob: str) -> None:
        """Only Gemini signs text."""

    def cited(self, citation: Citation) -> bytes:
        if self.refusal:
            return b""
        annotation = write_citation(citation, sum(map(len, self.text)))
        self.annotations.append(annotation)
        number = len(self.annotations) - 1
        return self._event("response.output_text.annotation.added", annotation_index=number, annotation=annotation)

    def close(self) -> bytes:
        text = "".join(self.text)
        part = self._part(text)
        self.message.content[self.number] = part
        self.message.open -= 1
        if self.refusal:
            done = self._event("response.refusal.done", refusal=text)
        else:
            done = self._event("response.output_text.done", text=text, logprobs=self.logprobs)
        return done + self._event("response.content_part.done", part=part)


@attrs.define
class WrittenReasoning:
    """A stretch of thinking: one summary, and the blob, which is told with the whole item only.

    State: the text so far, and the blob.
    """

    place: Place
    output: list[Json]
    text: list[str] = attrs.field(factory=list)
    blob: str = ""
    deltas: Deltas = attrs.field(init=False)

    @deltas.default
    def _its_deltas(self) -> Deltas:
        return self.place.deltas("response.reasoning_summary_text.delta", summary_index=0)

    def begin(self) -> bytes:
        return self.place.added({"id": self.place.id, "type": "reasoning", "summary": []})

    def _event(self, kind: str, **fields: object) -> bytes:
        return self.place.event(kind, summary_index=0, **fields)

    def delta(self, text: str, logprobs: Json) -> bytes:
        empty = {"type": "summary_text", "text": ""}
        head = b"" if self.text else self._event("response.reasoning_summary_part.added", part=empty)
        self.text.append(text)
        return head + self.deltas.write(text)

    def signed(self, blob: str) -> None:
        self.blob = blob

    def cited(self, citation: Citation) -> bytes:
        return b""

    def close(self) -> bytes:
        told = b""
        summary: list[Json] = []
        if self.text:
            text = "".join(self.text)
            summary.append({"type": "summary_text", "text": text})
            told = self._event("response.reasoning_summary_text.done", text=text)
            told += self._event("response.reasoning_summary_part.done", part=summary[0])
        item: dict[str, Json] = {"id": self.place.id, "type": "reasoning", "summary": summary}
        if self.blob:
            item["encrypted_content"] = self.blob
        self.output[self.place.number] = item
        return told + self.place.done(item)


@attrs.define
class WrittenCall:
    """A call of a tool of the client's. State: its arguments so far."""

    place: Place
    output: list[Json]
    call: ToolCall
    arguments: list[str] = attrs.field(factory=list)
    deltas: Deltas = attrs.field(init=False)

    @deltas.default
    def _its_deltas(self) -> Deltas:
        kind = "custom_tool_call_input" if self.call.custom else "function_call_arguments"
        return self.place.deltas(f"response.{kind}.delta")

    def begin(self) -> bytes:
        return self.place.added(self._item("in_progress", ""))

    def _item(self, status: str, arguments: str) -> dict[str, Json]:
        call = self.call
        item: dict[str, Json] = {
            "id": self.place.id,
            "type": "custom_tool_call" if call.custom else "function_call",
            "status": status,
            "call_id": call.id,
            "name": call.name,
            "input" if call.custom else "arguments": arguments,
        }
        if call.namespace:
            item["namespace"] = call.namespace
        return item

    def delta(self, text: str, logprobs: Json) -> bytes:
        self.arguments.append(text)
        return self.deltas.write(text)

    def signed(self, blob: str) -> None:
        """Only Gemini signs calls."""

    def cited(self, citation: Citation) -> bytes:
        return b""

    def close(self) -> bytes:
        arguments = "".join(self.arguments)
        if self.call.custom:
            told = self.place.event("response.custom_tool_call_input.done", input=arguments)
        else:
            arguments = arguments or EMPTY_ARGUMENTS
            told = self.place.event("response.function_call_arguments.done", arguments=arguments)
        item = self._item("completed", arguments)
        self.output[self.place.number] = item
        return told + self.place.done(item)


@attrs.define
class WrittenSearch:
    """A web search, or a page that was fetched: the item stays open until what was found is told, or the reply ends.

    State: what was asked and found.
    """

    place: Place
    output: list[Json]
    call: ServerCall
    arguments: list[str] = attrs.field(factory=list)
    result: ServerResult | None = None

    def begin(self) -> bytes:
        return (
            self.place.added(self._item("in_progress", {"type": "search", "query": ""}))
            + self.place.event("response.web_search_call.in_progress")
            + self.place.event("response.web_search_call.searching")
        )

    def _item(self, status: str, action: dict[str, Json]) -> dict[str, Json]:
        return {"id": self.place.id, "type": SEARCH_CALL, "status": status, "action": action}

    def delta(self, text: str, logprobs: Json) -> bytes:
        self.arguments.append(text)
        return b""

    def signed(self, blob: str) -> None:
        """Nobody signs searches."""

    def cited(self, citation: Citation) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""

    def end(self) -> bytes:
        failed = self.result is not None and bool(self.result.error)
        item = self._item("failed" if failed else "completed", self._action())
        self.output[self.place.number] = item
        return self.place.event("response.web_search_call.completed") + self.place.done(item)

    def _action(self) -> dict[str, Json]:
        raw = self.call.raw
        action = raw.value.get("action") if raw is not None and raw.format == NAME else None
        if isinstance(action, dict):
            return action
        asked = jsontext.object_of("".join(self.arguments)) or {}
        if self.call.tool == "web_fetch":
            return {"type": "open_page", "url": asked.get("url")}
        query = asked.get("query")
        told = query if isinstance(query, str) else ""
        found = self.result.hits if self.result is not None else ()
        sources: list[Json] = [{"type": "url", "url": hit.url} for hit in found]
        return {"type": "search", "query": told, "queries": [told], "sources": sources}


def whole_item(part: Part, item_id: str) -> dict[str, Json] | None:
    """A part that is an item without deltas; None if the wire has no words for it."""
    if isinstance(part, VendorPart) and part.format == NAME:
        return dict(part.value)
    if isinstance(part, Media) and part.kind == "image" and isinstance(part.source, Inline):
        form = part.source.media_type.partition("/")[2] or "png"
        return {
            "id": item_id,
            "type": IMAGE_CALL,
            "status": "completed",
            "output_format": form,
            "result": part.source.data,
        }
    return None
