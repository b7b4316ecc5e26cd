"""One candidate of a streamed reply, followed part by part. The parts of all candidates share one numbering."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, cast

import attrs

from cliproxy.conversation.events import Cited, Closed, Delta, Event, Failed, Finished, Opened, Signed
from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    Blob,
    Hit,
    Json,
    JsonObject,
    Media,
    Part,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.codec import NO_CALL_ID
from cliproxy.formats.gemini import blobs, media
from cliproxy.formats.gemini.decode_contents import server_tool
from cliproxy.formats.gemini.fields import field
from cliproxy.formats.gemini.grounding import MAX_ENTRIES, Found, citations, read_citations, read_grounding
from cliproxy.formats.gemini.logprobs import read_logprobs
from cliproxy.formats.gemini.reasons import MISHAPS, read_reason
from cliproxy.formats.gemini.visible import Visible
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.wire import Document

_DIGEST_BYTES: Final = 8
_PLAIN_FIELDS: Final = 2
"""A chunk in the middle has `content` and `index`."""

_Reader: TypeAlias = Callable[[Document, object, "list[Event]"], None]


@attrs.define
class Numbers:
    """What the candidates of a reply share. State: the counter, and what made ids are made of."""

    seed: str = ""
    """The reply's id, or what tells it from others where it has none."""
    next_part: int = 0

    def part(self) -> int:
        """The number of a part that opens."""
        self.next_part += 1
        return self.next_part - 1


class GarbledError(Exception):
    """A part that cannot be what the model meant."""


class Candidate:
    """State: which part is open, what has been said, and how it ended."""

    def __init__(self, number: int, numbers: Numbers) -> None:
        self._number = number
        self._numbers = numbers
        self._index = -1
        """Of the part that is open; -1: none is."""
        self._kind: type[Text | Thinking] = Text
        self._signed = False
        """The open part has its signature: what comes next is another part."""
        self._part_start = 0
        self._visible = Visible()
        self._called = False
        self._spoke = False
        self._reason = ""
        self._message = ""
        self._queries: dict[str, None] = {}
        self._hits: dict[Hit, None] = {}
        self._cited: set[object] = set()
        self._logprobs: list[Json] | None = None
        self._made_ids = 0
        self._readers: Mapping[str, _Reader] = {
            "text": self._text,
            "functionCall": self._call,
            "function_call": self._call,
            "inlineData": self._inline,
            "inline_data": self._inline,
            "fileData": self._file,
            "file_data": self._file,
            "toolCall": self._server_call,
            "tool_call": self._server_call,
            "toolResponse": self._server_result,
            "tool_response": self._server_result,
        }

    @property
    def whole(self) -> bool:
        """Whether the upstream said how it ended."""
        return bool(self._reason)

    @property
    def mishap(self) -> Failed | None:
        """What to tell instead of a reply that went wrong before it said anything."""
        status = None if self._spoke else MISHAPS.get(self._reason)
        if status is None:
            return None
        return Failed(status, self._message or f"The model's answer came to nothing: {self._reason}.")

    @property
    def searches(self) -> int:
        """How many queries were put to the web."""
        return len(self._queries)

    def feed(self, document: Document, events: list[Event]) -> None:
        """One chunk of it. Raises `GarbledError`."""
        content = document.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        more = len(document) > _PLAIN_FIELDS or content is None or "index" not in document
        if more:
            logprobs = field(document, "logprobsResult")
            self._logprobs = None if logprobs is None else read_logprobs(logprobs)
        if isinstance(parts, list):
            for part in parts:
                if isinstance(part, dict):
                    self._part(part, events)
        if more:
            self._end(document, events)

    def _end(self, document: Document, events: list[Event]) -> None:
        """What stands beside the parts, mostly in the last chunk."""
        self._ground(document, events)
        reason = field(document, "finishReason")
        if isinstance(reason, str) and reason:
            self._reason = reason
            message = field(document, "finishMessage")
            self._message = message if isinstance(message, str) else ""

    def block(self, reason: str, message: str) -> None:
        """The prompt was refused before anything was said."""
        self._reason, self._message = reason, message
        if reason not in _BLOCKS:
            self._reason, self._message = "PROHIBITED_CONTENT", f"{reason} {message}".strip()

    def finish(self, events: list[Event]) -> None:
        """Everything that is still to be said of it."""
        self._close(events)
        if self._queries or self._hits:
            self._tell_search(events)
        stop, detail = read_reason(self._reason or "STOP", self._message, self._called)
        events.append(Finished(stop, detail=detail, choice=self._number))

    # -- parts

    def _part(self, part: Document, events: list[Event]) -> None:
        for key, value in part.items():
            reader = self._readers.get(key)
            if reader is not None and value is not None and value != "":
                reader(part, value, events)
                return
        if "text" not in part and part.keys() - _BESIDE:
            self._whole(_vendor(part), events)
        else:
            self._text(part, "", events)

    def _text(self, part: Document, value: object, events: list[Event]) -> None:
        text = value if isinstance(value, str) else ""
        blob = None
        if len(part) > 1 or not text:
            blob = blobs.signature(field(part, "thoughtSignature"))
        if not text and blob is None:
            return
        kind = Thinking if part.get("thought") is True else Text
        if not text and self._index >= 0 and not self._signed:
            kind = self._kind  # a signature that follows what it signs
        if self._index < 0 or kind is not self._kind or self._signed:
            self._open(kind, events)
        if text:
            events.append(Delta(self._index, text, self._logprobs if kind is Text else None))
            if kind is Text:
                self._logprobs = None
                self._visible.add(text)
                self._spoke = True
        if blob is not None:
            self._signed = True
            events.append(Signed(self._index, blob))

    def _call(self, part: Document, value: object, events: list[Event]) -> None:
        if not isinstance(value, dict):
            return
        if field(value, "partialArgs") is not None or field(value, "willContinue") is True:
            raise GarbledError("The upstream streams a call in pieces, which nobody asked it for.")
        name = value.get("name")
        if not isinstance(name, str) or not name:
            raise GarbledError("The upstream sent a call without a name.")
        given = value.get("id")
        call_id = given if isinstance(given, str) and given else self._made_id(NO_CALL_ID)
        self._called = True
        arguments = _arguments(value.get("args"))
        self._whole(ToolCall(call_id, name), events, arguments, blobs.signature(field(part, "thoughtSignature")))

    def _inline(self, part: Document, value: object, events: list[Event]) -> None:
        self._medium(part, value, media.read_inline, events)

    def _file(self, part: Document, value: object, events: list[Event]) -> None:
        self._medium(part, value, media.read_file, events)

    def _medium(self, part: Document, value: object, read: Callable[[object, str], Media], events: list[Event]) -> None:
        """A picture that is a thought is nobody's but Google's."""
        if part.get("thought") is True:
            self._whole(_vendor(part), events)
            return
        try:
            medium = read(value, "")
        except BadRequest:
            return
        self._whole(medium, events)

    def _server_call(self, part: Document, value: object, events: list[Event]) -> None:
        if isinstance(value, dict):
            tool, raw = server_tool(field(value, "toolType")), _vendor(part)
            self._whole(ServerCall(_id(value), tool, raw=raw), events, _arguments(value.get("args")))

    def _server_result(self, part: Document, value: object, events: list[Event]) -> None:
        if isinstance(value, dict):
            tool = server_tool(field(value, "toolType"))
            self._whole(ServerResult(_id(value), tool, raw=_vendor(part)), events)

    def _open(self, kind: type[Text | Thinking], events: list[Event]) -> None:
        self._close(events)
        self._index = self._numbers.part()
        self._kind = kind
        self._part_start = self._visible.length
        events.append(Opened(self._index, kind(""), self._number))

    def _close(self, events: list[Event]) -> None:
        if self._index >= 0:
            events.append(Closed(self._index))
        self._index, self._signed = -1, False

    def _whole(self, part: Part, events: list[Event], arguments: str = "", blob: Blob | None = None) -> None:
        """A part that comes at once."""
        self._close(events)
        self._spoke = True
        index = self._numbers.part()
        events.append(Opened(index, part, self._number))
        if arguments:
            events.append(Delta(index, arguments))
        if blob is not None:
            events.append(Signed(index, blob))
        events.append(Closed(index))

    def _made_id(self, beginning: str) -> str:
        """An id that the upstream did not give: the same whenever the same reply is read."""
        origin = f"{self._numbers.seed}:{self._number}:{self._made_ids}"
        self._made_ids += 1
        return beginning + hashlib.blake2b(origin.encode(), digest_size=_DIGEST_BYTES).hexdigest()

    # -- what grounds it

    def _ground(self, document: Document, events: list[Event]) -> None:
        for name, read in _GROUNDS:
            value = field(document, name)
            if value is not None:
                self._found(read(value), events)

    def _found(self, found: Found, events: list[Event]) -> None:
        if len(self._queries) + len(self._hits) < MAX_ENTRIES:
            self._queries |= dict.fromkeys(found.queries)
            self._hits |= dict.fromkeys(found.hits)
        fresh = [stretch for stretch in dict.fromkeys(found.stretches) if stretch not in self._cited]
        if self._index < 0 or self._kind is not Text or len(self._cited) > MAX_ENTRIES:
            return
        self._cited.update(fresh)
        events += [Cited(self._index, citation) for citation in citations(fresh, self._visible, self._part_start)]

    def _tell_search(self, events: list[Event]) -> None:
        call_id = self._made_id("search_")
        queries = list[Json](self._queries)
        said: dict[str, Json] = {"query": queries[0] if queries else ""}
        if len(queries) > 1:
            said["queries"] = queries
        self._whole(ServerCall(call_id, "web_search"), events, jsontext.text_of(said))
        self._whole(ServerResult(call_id, "web_search", tuple(self._hits)), events)


_BESIDE: Final = frozenset({"text", "thought", "thoughtSignature", "thought_signature"})
_GROUNDS: Final = (("groundingMetadata", read_grounding), ("citationMetadata", read_citations))
_BLOCKS: Final = frozenset({"SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR"})
"""Reasons for refusing a prompt that are also reasons for ending an answer."""


def _arguments(args: object) -> str:
    """As JSON text. Some servers write it as text already."""
    if args is None:
        return EMPTY_ARGUMENTS
    return args if isinstance(args, str) else jsontext.text_of(args)


def _vendor(part: Document) -> VendorPart:
    return VendorPart(FORMAT, cast(JsonObject, part))


def _id(document: Document) -> str:
    given = document.get("id")
    return given if isinstance(given, str) else ""
