"""Replies that are made over before they are read, piece by piece: what some servers send is not quite their wire."""

from __future__ import annotations

from typing import Protocol

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, ProxyError, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.translate.readers import ReplyReader


class Rework(Protocol):
    """Makes the bytes of one reply over. The same bytes give the same result however they are split."""

    @property
    def over(self) -> bool:
        """All of the reply has come, whatever the upstream still says."""

    def feed(self, chunk: bytes) -> bytes:
        """What is to be read in the place of `chunk`. Raises `UpstreamTrouble` for what makes no reply."""

    def finish(self) -> bytes:
        """What is to be read at the end of the upstream's body. Raises `UpstreamTrouble` if it came too early."""


class ReworkedReply:
    """A `ReplyReader` of bytes that were made over. State: both their states, and what broke the rework."""

    def __init__(self, rework: Rework, reader: ReplyReader) -> None:
        self._rework = rework
        self._reader = reader
        self._broken: UpstreamTrouble | None = None

    @property
    def proven(self) -> bool:
        """See `ReplyReader`, as for all of these."""
        return self._reader.proven

    @property
    def complete(self) -> bool:
        return self._reader.complete

    @property
    def cut_short(self) -> bool:
        return self._reader.cut_short

    @property
    def trouble(self) -> UpstreamTrouble | None:
        return self._broken or self._reader.trouble

    @property
    def reported(self) -> UpstreamTrouble | None:
        return self._reader.reported

    @property
    def heartbeat(self) -> bytes:
        return self._reader.heartbeat

    @property
    def usage(self) -> Usage:
        return self._reader.usage

    def feed(self, chunk: bytes) -> bytes:
        """What the client is told of `chunk`. Nothing after trouble."""
        if self._broken is not None:
            return b""
        try:
            made = self._rework.feed(chunk)
        except UpstreamTrouble as trouble:
            self._broken = trouble
            return b""
        told = self._reader.feed(made) if made else b""
        return told + self._reader.finish() if self._rework.over and not self._reader.complete else told

    def finish(self) -> bytes:
        """What is left to be told at the end of the upstream's body."""
        if self._broken is not None:
            return b""
        try:
            made = self._rework.finish()
        except UpstreamTrouble as trouble:
            self._broken = trouble
            return b""
        told = self._reader.feed(made) if made else b""
        return told + self._reader.finish()

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """What the client is told of trouble after its first byte."""
        return self._reader.failed(error, request_id)


def whole_events(splitter: sse.EventSplitter, chunk: bytes) -> bytes:
    """The events that `chunk` completes. Raises `Broken` for one without an end."""
    try:
        return splitter.feed(chunk)
    except sse.EventTooLong:
        raise Broken(f"The upstream sent an event of more than {sse.MAX_EVENT_BYTES} bytes.") from None


def with_payload(event: bytes, payload: bytes, new: bytes) -> bytes:
    """An event whose data, `payload`, is JSON, with another JSON in its place."""
    if event.count(payload) == 1:
        return event.replace(payload, new)
    # Its data stood in several lines. Between the values of JSON a line end is no more than a space.
    lines = event.removeprefix(sse.BYTE_ORDER_MARK).splitlines()
    lines = [line for line in lines if line and not line.startswith(b"data")]
    return b"\n".join((*lines, b"data: " + b" ".join(new.splitlines()), b"", b""))
