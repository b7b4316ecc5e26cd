"""A reply in the client's own format that names the upstream's model, where the client asked by another name.

Clients compare: Claude Code drops the thinking of a reply whose model is not the one it asked for. Every other byte of
the reply passes as it came.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.errors import BadRequest, Broken, ProxyError, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.jsontext import dumps, loads
from cliproxy.formats.replies import usage_of
from cliproxy.formats.wire import WireFormat
from cliproxy.shaping.spans import Set, edit

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Of a whole reply, which has to be there before its model can be told by another name."""
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Renaming:
    """Puts one name in the place of another.

    State: how the last document looked, up to its name and from there on. What looks alike has the name in the same
    place, and need not be read: the name may well stand elsewhere, in a tool's arguments, where it is the model's.
    """

    def __init__(self, path: tuple[str, ...], name: str) -> None:
        self._path = path
        self._name = name
        self._key = dumps(path[-1])
        self._before = self._after = b""
        self._named_before = self._named_after = b""

    def document(self, payload: bytes) -> bytes:
        """`payload` with the client's name, if it is JSON that names a model."""
        if self._key not in payload:
            return payload
        if self._before and payload.startswith(self._before):
            return self._named_before + payload[len(self._before) :]
        if self._after and payload.endswith(self._after):
            return payload[: -len(self._after)] + self._named_after
        try:
            known = _at(loads(payload), self._path)
            if not isinstance(known, str):
                return payload
            edited = edit(payload, [Set(self._path, self._name)])
        except (ValueError, BadRequest):
            return payload
        self._learn(payload, known, edited)
        return edited

    def body(self, body: bytes) -> bytes:
        """A document; or, as Gemini streams them, a list of some, whose spaces between the elements are then ours."""
        try:
            elements = _LIST.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return self.document(body)
        return b"[%b]" % b",\n".join([self.document(bytes(element)) for element in elements])

    def events(self, events: bytes) -> bytes:
        """Some whole events with the client's name."""
        if self._key not in events:
            return events
        return b"".join(self._event(event) for event in sse.each(events))

    def _event(self, event: bytes) -> bytes:
        payload = sse.data_of(event)
        if not payload or event.count(payload) != 1:
            return event
        return event.replace(payload, self.document(payload))

    def _learn(self, payload: bytes, known: str, edited: bytes) -> None:
        """Remember how the document looks. From its end only the depth is known, which is enough in the outermost."""
        for between in (b":", b": "):
            spelled = self._key + between + dumps(known)
            named = self._key + between + dumps(self._name)
            head, _, tail = payload.partition(spelled)
            if head + named + tail == edited:
                self._before, self._named_before = head + spelled, head + named
                if len(self._path) == 1:
                    self._after, self._named_after = spelled + tail, named + tail


def _at(value: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


class RenamedBody:
    """A whole body, told when it is there. State: what has come of it, at most `MAX_BODY_BYTES`."""

    def __init__(self, wire: WireFormat, name: str) -> None:
        self.proven = False
        self.complete = False
        self.cut_short = False
        self.trouble: UpstreamTrouble | None = None
        self.reported: UpstreamTrouble | None = None
        self.heartbeat = b""
        self.usage = Usage()
        self._usage_in = wire.usage_in
        self._renaming = Renaming(wire.model_in_reply, name)
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet."""
        self._size += len(chunk)
        if self._size > MAX_BODY_BYTES:
            self._pieces.clear()
            self.trouble = Broken(f"The upstream sent a body of more than {MAX_BODY_BYTES} bytes.")
        elif self.trouble is None:
            self._pieces.append(chunk)
        return b""

    def finish(self) -> bytes:
        """All of it."""
        if self.trouble is not None:
            return b""
        if not self._size:
            self.trouble = Broken("The upstream answered with an empty body.")
            return b""
        self.proven = self.complete = True
        body = b"".join(self._pieces)
        self.usage = usage_of(body, self._usage_in)
        return self._renaming.body(body)

    def failed(self, error: ProxyError, request_id: str) -> bytes:
        """A body that stops short has no words for it."""
        return b""
