"""How the bytes of a reply become what the client is told, where both sides speak one format.

The bytes pass, and are only looked at, to know when the reply has proved good, when it has ended, and whether it broke.
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs
import orjson

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, ProxyError, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.replies import MAX_READ_BYTES, usage_of
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, Document, Mark, UsageIn, WireFormat
from cliproxy.translate.renaming import RenamedBody, Renaming

ENOUGH_PROOF_BYTES: Final = 16 * 1024
"""A reply of which so much has come is taken for good: holding back more would cost memory and help nobody."""


class ReplyReader(Protocol):
    """Follows one reply: `feed` for each piece, then `finish` at its end. Afterwards its properties tell how it stands.

    The same bytes give the same result however they are split into pieces.
    """

    @property
    def proven(self) -> bool:
        """Content has come: the reply is worth telling the client about, and no other credential need be asked."""

    @property
    def complete(self) -> bool:
        """The reply's own end has passed; nothing that follows is told."""

    @property
    def cut_short(self) -> bool:
        """The reply is complete although the upstream goes on: what it would still say is wanted by nobody."""

    @property
    def trouble(self) -> UpstreamTrouble | None:
        """Why the reply broke, if it did. What `feed` returned before that is still good."""

    @property
    def reported(self) -> UpstreamTrouble | None:
        """An error that the upstream itself reported after content; the client was told, in its words."""

    @property
    def heartbeat(self) -> bytes:
        """What may be told the client at this point to show that somebody is there; empty if nothing may."""

    @property
    def usage(self) -> Usage:
        """What the upstream has said so far that the reply took; all zeros until it does."""

    def feed(self, chunk: bytes) -> bytes:
        """What the client is told of `chunk`."""

    def finish(self) -> bytes:
        """What the client is told at the end of the upstream's body, which may have come too early."""

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """What the client is told of trouble after its first byte; empty if this kind of reply has no words for it."""


class PassedStream:
    """A stream of events in the client's own format: whole events pass byte for byte, or with another model's name."""

    def __init__(self, wire: WireFormat, renaming: Renaming | None = None) -> None:
        self.proven = False
        self.complete = False
        self.cut_short = False
        self.trouble: UpstreamTrouble | None = None
        self.reported: UpstreamTrouble | None = None
        self.heartbeat = SILENT_HEARTBEAT
        self.usage = Usage()
        self._wire = wire
        self._renaming = renaming
        self._splitter = sse.EventSplitter()
        self._told_bytes = 0
        self._reply_id = ""
        self._spoke = False
        """Something else than openings has come."""
        self._whole = False
        """The message is complete in all but its terminator, which some servers leave out."""

    def feed(self, chunk: bytes) -> bytes:
        """Whole events. Nothing after the terminator or trouble."""
        if self.complete or self.trouble:
            return b""
        try:
            events = self._splitter.feed(chunk)
        except sse.EventTooLong:
            self.trouble = Broken(f"The upstream sent an event of more than {sse.MAX_EVENT_BYTES} bytes.")
            return b""
        if not events:
            return b""
        if self._all_sound(events):
            self._count(events)
        else:
            events = self._one_by_one(events)
        return events if self._renaming is None else self._renaming.events(events)

    def finish(self) -> bytes:
        """The terminator, if that alone is missing and the wire has one; trouble if the message is not whole."""
        if self._whole and not self.complete and not self.trouble and not self._splitter.unfinished:
            self.complete = True
            return b"" if self._wire.end_mark is None else b"data: %b\n\n" % self._wire.end_mark
        if not self.complete and not self.trouble:
            empty = not self._told_bytes and not self._splitter.unfinished
            self.trouble = Broken(
                "The upstream answered with an empty stream."
                if empty
                else "The upstream ended the stream before the message was complete."
            )
        return b""

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """The format's error event; after the terminator nothing."""
        if self.complete:
            return b""
        self.complete = True
        return self._wire.error_event(Complaint(error.status, error.message, request_id, reply_id=self._reply_id))

    def _all_sound(self, events: bytes) -> bool:
        """The hot path: whether the events are to be told whole, and if so, with what they say noted."""
        payloads = sse.payloads(events)
        ends = bool(payloads) and payloads[-1] == self._wire.end_mark
        if ends:
            payloads.pop()
        try:
            documents = [orjson.loads(payload) for payload in payloads]
        except orjson.JSONDecodeError:
            return False
        if not (documents or ends):
            return False
        if not self._reply_id and documents and type(documents[0]) is dict:
            self._reply_id = self._wire.reply_id(documents[0])
        mark, opening, content, last = self._wire.mark, Mark.OPENING, Mark.CONTENT, Mark.LAST
        spoke, usage = self._spoke, self.usage
        meaning = opening
        for document in documents:
            if type(document) is not dict or meaning is last:
                return False
            meaning = mark(document)
            if meaning is not content or not spoke:
                if meaning is Mark.FAILED:
                    return False
                usage = self._wire.usage_in(document, usage)
                spoke = spoke or meaning is not opening
                self._whole = self._whole or meaning is Mark.ENDING
        if ends and meaning is last:
            return False
        self.complete = ends or meaning is last
        self.proven = self.proven or spoke or self.complete
        self._spoke, self.usage = spoke, usage
        self.heartbeat = self._wire.heartbeat
        return True

    def _one_by_one(self, events: bytes) -> bytes:
        """The events up to the terminator, or to what breaks the reply."""
        told: list[bytes] = []
        for event in sse.each(events):
            payload = sse.data_of(event)
            if payload is None:
                if not sse.is_comment(event):
                    self.trouble = Broken("The upstream sent something that is not an event stream.")
            elif payload == self._wire.end_mark:
                self.proven = self.complete = True
            elif (document := _document(payload)) is None:
                self.trouble = Broken("The upstream sent an event that is not a JSON object.")
            else:
                self._step(document)
            if self.trouble:
                break
            told.append(event)
            self._count(event)
            if self.complete:
                break
        return b"".join(told)

    def _count(self, told: bytes) -> None:
        self._told_bytes += len(told)
        if self._told_bytes >= ENOUGH_PROOF_BYTES:
            self.proven = True

    def _step(self, document: Document) -> None:
        if not self._reply_id:
            self._reply_id = self._wire.reply_id(document)
        meaning = self._wire.mark(document)
        if meaning is not Mark.CONTENT or not self._spoke:
            self.usage = self._wire.usage_in(document, self.usage)
        self._spoke = self._spoke or meaning is not Mark.OPENING
        if meaning is Mark.FAILED:
            reported = self._wire.trouble(document)
            if not self.proven:
                self.trouble = reported
                return
            self.reported = reported
        self.heartbeat = self._wire.heartbeat
        self.proven = self.proven or meaning is not Mark.OPENING
        self._whole = self._whole or meaning is Mark.ENDING
        self.complete = meaning in (Mark.LAST, Mark.FAILED)


def _document(payload: bytes) -> Document | None:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


class PassedBody:
    """Any other reply: bytes pass as they come. `may_be_empty`: a status that needs no body.

    State: how much has come, and beside it, where somebody knows what it took, the body, up to `MAX_READ_BYTES`.
    """

    def __init__(self, may_be_empty: bool, usage_in: UsageIn | None = None) -> None:
        self.proven = False
        self.complete = False
        self.cut_short = False
        self.trouble: UpstreamTrouble | None = None
        self.reported: UpstreamTrouble | None = None
        self.heartbeat = b""
        self.usage = Usage()
        self._may_be_empty = may_be_empty
        self._usage_in = usage_in
        self._told_bytes = 0
        self._gathered: list[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        """The same bytes."""
        self._told_bytes += len(chunk)
        if self._told_bytes >= ENOUGH_PROOF_BYTES:
            self.proven = True
        if self._usage_in is not None:
            self._gather(chunk)
        return chunk

    def finish(self) -> bytes:
        """Nothing more; a success without a body was no answer."""
        if self._told_bytes or self._may_be_empty:
            self.proven = self.complete = True
            if self._usage_in is not None and self._gathered:
                self.usage = usage_of(b"".join(self._gathered), self._usage_in)
                self._gathered.clear()
        else:
            self.trouble = Broken("The upstream answered with an empty body.")
        return b""

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """A body that stops short has no words for it: the connection is cut instead."""
        return b""

    def _gather(self, chunk: bytes) -> None:
        """Keep the chunk, unless the body can be seen to be no JSON, or is too large."""
        if self._told_bytes > MAX_READ_BYTES or not (self._gathered or chunk.lstrip()[:1] in _JSON_BEGINS):
            self._usage_in = None
            self._gathered.clear()
        else:
            self._gathered.append(chunk)


@attrs.frozen
class ReplyHead:
    """What decides how a reply is read."""

    status: int
    content_type: bytes
    coding: bytes
    """Content-Encoding. gzip is undone before the reply is read; of anything else nothing can be seen."""

    @property
    def is_stream(self) -> bool:
        """Whether events follow that can be seen; an error's body is no stream, whatever it is called."""
        kind = self.content_type.partition(b";")[0].strip().lower()
        seen = self.coding.strip().lower() in _SEEN_THROUGH
        return kind == b"text/event-stream" and seen and self.status < 300


_JSON_BEGINS: Final = frozenset({b"", b"{", b"["})
_SEEN_THROUGH: Final = frozenset({b"", b"identity", b"gzip", b"x-gzip"})


def passing(wire: WireFormat, head: ReplyHead, name: str | None = None) -> ReplyReader:
    """The reader for a reply in the client's own format. `name`: what its model is to be called, if not as it is."""
    if name is None or head.status != 200:
        if head.is_stream:
            return PassedStream(wire)
        return PassedBody(may_be_empty=head.status != 200, usage_in=wire.usage_in if head.status == 200 else None)
    if head.is_stream:
        return PassedStream(wire, Renaming(wire.model_in_event, name))
    return RenamedBody(wire, name)
