"""Google's Code Assist: Gemini's requests and replies, each inside of an envelope.

    {"model": …, "project": …, "request": {…}}        {"response": {…}, "traceId": …}

The client's bytes stand in the envelope as they are, and what is in the reply's is cut out of it. Errors have none, nor
have counts of tokens.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cliproxy.conversation.losses import Losses
from cliproxy.errors import Broken
from cliproxy.formats import sse
from cliproxy.formats.codec import Dialect
from cliproxy.formats.jsontext import dumps
from cliproxy.formats.wire import Operation
from cliproxy.translate.rework import whole_events, with_payload

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Of a whole reply, which must be there before it can be taken out."""
_NOT_COUNTED: Final = ("systemInstruction", "system_instruction", "tools")
_NOTHING: Final = msgspec.Raw(b"")
_NO_CONTENTS: Final = msgspec.Raw(b"[]")


class _Reply(msgspec.Struct):
    response: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING


_REPLY: Final = msgspec.json.Decoder(_Reply)
_REPLIES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


# -- the way out


def enveloped(body: bytes, model: str, dialect: Dialect, operation: Operation, losses: Losses) -> bytes:
    """A request in Gemini's words, whose body is a JSON object, as Code Assist takes it."""
    if operation is Operation.COUNT_TOKENS:
        return b'{"request":{"model":%b,"contents":%b}}' % (dumps(f"models/{model}"), _contents(body, losses))
    project = b'"project":%b,' % dumps(dialect.project) if dialect.project else b""
    return b'{"model":%b,%b"request":%b}' % (dumps(model), project, body)


def _contents(body: bytes, losses: Losses) -> bytes:
    """The contents whose tokens are to be counted: nothing else of a request is."""
    members = _members(body)
    request = _either(members, "generateContentRequest", "generate_content_request")
    if request is not None:
        members = _members(request)
    for name in _NOT_COUNTED:
        if name in members:
            losses.drop(name, "Code Assist counts the conversation alone")
    return bytes(members.get("contents", _NO_CONTENTS))


def _members(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _MEMBERS.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}  # for the vendor to refuse


def _either(members: dict[str, msgspec.Raw], name: str, other: str) -> msgspec.Raw | None:
    return members.get(name, members.get(other))


# -- the way back


def _taken_out(document: bytes) -> bytes:
    """What is in the envelope; what has none stays as it is."""
    try:
        reply = _REPLY.decode(document)
    except (msgspec.DecodeError, RecursionError):
        return document
    response = bytes(reply.response)
    return response if response.startswith(b"{") and not bytes(reply.error) else document


class UnwrappedStream:
    """Events without their envelopes. State: the beginning of the one under way."""

    over = False
    """The wire's streams end with the body."""

    def __init__(self) -> None:
        self._splitter = sse.EventSplitter()

    def feed(self, chunk: bytes) -> bytes:
        """The events that `chunk` completes. Raises `Broken` for one without an end."""
        events = whole_events(self._splitter, chunk)
        return b"".join(map(_event, sse.each(events))) if events else b""

    def finish(self) -> bytes:
        """The beginning of an event that has no end, as it came."""
        return self._splitter.unfinished


def _event(event: bytes) -> bytes:
    payload = sse.data_of(event)
    if not payload:
        return event
    taken = _taken_out(payload)
    return event if taken is payload else with_payload(event, payload, taken)


class UnwrappedBody:
    """A whole body without its envelope. State: what has come of it, at most `MAX_BODY_BYTES`."""

    over = False
    """What follows an object is for whoever reads it to refuse."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet. Raises `Broken` for too much."""
        self._size += len(chunk)
        if self._size > MAX_BODY_BYTES:
            self._pieces.clear()
            raise Broken(f"The upstream sent a body of more than {MAX_BODY_BYTES} bytes.")
        self._pieces.append(chunk)
        return b""

    def finish(self) -> bytes:
        """The reply; or, as Gemini's wire streams without events, a list of its parts."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        try:
            replies = _REPLIES.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return _taken_out(body)
        return b"[%b]" % b",\n".join([_taken_out(bytes(reply)) for reply in replies])
