"""Readers of replies from another format: decode -> stages -> encode, one event of the stream at a time.

Whether the upstream streams and whether the client does are two questions. Either side may: events become one body, and
a body becomes events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from cliproxy.conversation.events import Ended, Event, Failed, Started, Used
from cliproxy.conversation.reply import Fold, unfold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, ProxyError, Reported, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.codec import Codec, Framing, ReplyDecoder
from cliproxy.formats.jsontext import loads
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, WireFormat
from cliproxy.translate.stages import Stage, apply

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Of a whole reply that has to be understood before any of it can be told: images come in base64."""
_NO_CONTENT: Final = frozenset({Started, Used, Failed})
_LAST: Final = frozenset({Ended, Failed})
_NOTED: Final = _LAST | {Started, Used}


class Writer(Protocol):
    """Writes a reply in the client's format, as a stream or whole."""

    def feed(self, event: Event) -> bytes:
        """What the client is told of `event`."""


class WholeWriter:
    """Writes one body at the end. State: the reply so far."""

    def __init__(self, codec: Codec, framing: Framing) -> None:
        self._codec = codec
        self._framing = framing
        self._fold = Fold()

    def feed(self, event: Event) -> bytes:
        """The body, with the event that ends the reply."""
        self._fold.feed(event)
        return self._codec.encode_reply(self._fold.reply(), self._framing) if isinstance(event, Ended) else b""


class KeepingWriter:
    """Writes nothing, but keeps the reply."""

    def __init__(self, kept: Fold) -> None:
        self._kept = kept

    def feed(self, event: Event) -> bytes:
        """Nothing."""
        self._kept.feed(event)
        return b""


class Source(Protocol):
    """What the upstream sends, as events."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """What some bytes say."""

    def finish(self) -> Sequence[Event]:
        """What is left to say at the end of the body."""


class StreamSource:
    """A stream of the upstream's events. State: the event under way, and the decoder's."""

    def __init__(self, upstream: WireFormat, decoder: ReplyDecoder) -> None:
        self._end_mark = upstream.end_mark
        self._decoder = decoder
        self._splitter = sse.EventSplitter()
        self._empty = True

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """What the wire's events that `chunk` completes say."""
        self._empty = self._empty and not chunk
        try:
            wire_events = self._splitter.feed(chunk)
        except sse.EventTooLong:
            return _broken(f"The upstream sent an event of more than {sse.MAX_EVENT_BYTES} bytes.")
        if not wire_events:
            return ()
        found = sse.payloads(wire_events) or _payloads_among_odd_events(wire_events)
        if len(found) == 1:
            return self._read(found[0])
        return [event for payload in found for event in self._read(payload)]

    def finish(self) -> Sequence[Event]:
        """The end, or that it came too early."""
        return _broken("The upstream answered with an empty stream.") if self._empty else self._decoder.finish()

    def _read(self, payload: bytes) -> Sequence[Event]:
        if payload == self._end_mark:
            return self._decoder.finish()
        try:
            document = loads(payload)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return _broken("The upstream sent an event that is not a JSON object.")
        try:
            return self._decoder.feed(document)
        except ValueError:  # what can just be read may be nested too deeply to be written
            return _broken("The upstream sent an event that is nested too deeply.")


def _payloads_among_odd_events(wire_events: bytes) -> list[bytes]:
    """The payloads of events among which some are comments; what is no event at all counts as one without JSON."""
    found: list[bytes] = []
    for event in sse.each(wire_events):
        payload = sse.data_of(event)
        if payload is not None or not sse.is_comment(event):
            found.append(payload or b"")
    return found


class BodySource:
    """A whole body. State: what has come of it, at most `MAX_BODY_BYTES`."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Nothing yet."""
        self._size += len(chunk)
        if self._size > MAX_BODY_BYTES:
            return _broken(f"The upstream sent a body of more than {MAX_BODY_BYTES} bytes.")
        self._pieces.append(chunk)
        return ()

    def finish(self) -> Sequence[Event]:
        """Everything."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        if not body:
            return _broken("The upstream answered with an empty body.")
        try:
            document = loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return _broken("The upstream answered with something that is not a JSON object.")
        try:
            return tuple(unfold(self._codec.decode_reply(document)))
        except Reported as error:
            return (Failed(error.status, error.message, is_context_overflow(error.status, error.message)),)
        except UpstreamTrouble as trouble:
            return _broken(trouble.message)
        except ValueError:
            return _broken("The upstream's answer is nested too deeply.")


def _broken(message: str) -> Sequence[Event]:
    return (Failed(Broken.status, message, early_end=True),)


class TranslatedReply:
    """A `ReplyReader` over another format. State: how the reply stands."""

    def __init__(
        self, source: Source, stages: Sequence[Stage], writer: Writer, client: WireFormat, streamed: bool
    ) -> None:
        self.proven = False
        self.complete = False
        self.cut_short = False
        self.trouble: UpstreamTrouble | None = None
        self.reported: UpstreamTrouble | None = None
        self.heartbeat = SILENT_HEARTBEAT if streamed else b""
        self.usage = Usage()
        self._source = source
        self._stages = stages
        self._writer = writer
        self._client = client
        self._streamed = streamed

    def feed(self, chunk: bytes) -> bytes:
        """What the client is told of `chunk`. Nothing after the end, or after trouble."""
        return b"" if self.complete or self.trouble is not None else self._tell(self._source.feed(chunk))

    def finish(self) -> bytes:
        """What is left to be told at the end of the body."""
        return b"" if self.complete or self.trouble is not None else self._tell(self._source.finish())

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """The reply's failure, as one that the upstream reports; after the end, and for a whole body, nothing."""
        if self.complete or not self._streamed:
            return b""
        self.complete = True
        overflow = is_context_overflow(error.status, error.message)
        return self._writer.feed(Failed(error.status, error.message, overflow))

    def _tell(self, events: Sequence[Event]) -> bytes:
        told: list[bytes] = []
        write = self._writer.feed
        for event in apply(self._stages, events) if self._stages else events:
            if isinstance(event, Failed) and not self._survives(event):
                break
            told.append(write(event))
            kind = type(event)
            if kind in _NOTED:
                if isinstance(event, Started | Used):
                    self.usage = event.usage or self.usage
                else:
                    self.proven = self.complete = True
                    self.cut_short = not any(isinstance(said, Ended | Failed) for said in events)
                    break
            if not self.proven and self._streamed and kind not in _NO_CONTENT:
                self.proven = True
                self.heartbeat = self._client.heartbeat
        return told[0] if len(told) == 1 else b"".join(told)

    def _survives(self, failed: Failed) -> bool:
        """Whether the failure is told by the reply itself; if not, it is trouble, and the exchange decides."""
        if failed.early_end:
            self.trouble = Broken(failed.message)
            return False
        reported = Reported(failed.message, failed.status, failed.context_overflow, failed.retry_after)
        if self.proven:
            self.reported = reported
        else:
            self.trouble = reported
        return self.proven


Rewording = Callable[[bytes], bytes]
"""A short body in the upstream's words to one in the client's. Raises `UpstreamTrouble`."""


class RewordedBody:
    """A short body, such as a count, told in the client's words."""

    def __init__(self, reword: Rewording) -> None:
        self.proven = False
        self.complete = False
        self.cut_short = False
        self.trouble: UpstreamTrouble | None = None
        self.reported: UpstreamTrouble | None = None
        self.heartbeat = b""
        self.usage = Usage()
        self._reword = reword
        self._body = b""

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet; of more than anybody writes into an error, the rest is left out."""
        self._body += chunk[: MAX_SHORT_BODY_BYTES - len(self._body)]
        return b""

    def finish(self) -> bytes:
        """The body, whole."""
        try:
            told = self._reword(self._body)
        except UpstreamTrouble as trouble:
            self.trouble = trouble
            return b""
        self.proven = self.complete = True
        return told

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """A body that stops short has no words for it."""
        return b""


MAX_SHORT_BODY_BYTES: Final = 256 * 1024
"""Real ones have a few hundred."""


def told_count(upstream: Codec, client: Codec, body: bytes) -> bytes:
    """An upstream's count of tokens in the client's words. Raises `Broken` for what is none."""
    try:
        document = loads(body)
    except ValueError:
        document = None
    count = upstream.decode_count(document) if isinstance(document, dict) else None
    if count is None or client.encode_count is None:
        raise Broken("The upstream's answer holds no count of tokens.")
    return client.encode_count(count)


def told_error(upstream: WireFormat, client: WireFormat, status: int, body: bytes, request_id: str) -> bytes:
    """An upstream's error body in the client's words; the same bytes if they speak the same format."""
    if upstream is client:
        return body
    overflow = is_context_overflow(status, body.decode("utf-8", "replace"))
    return client.error_body(Complaint(status, upstream.error_message(body), request_id, overflow))
