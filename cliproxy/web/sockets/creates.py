"""What a client's frame asks for, and the body that asks the same over HTTP. Pure.

Values pass byte for byte: of the frame only the names of its fields are looked at, and what steers the socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import attrs
import msgspec

from cliproxy.errors import BadRequest
from cliproxy.formats.requests import read_object

_Told = TypeVar("_Told")

_OF_THE_SOCKET: Final = frozenset({"type", "previous_response_id", "generate", "stream_id"})
"""Fields that no body over HTTP has, or that the socket itself heeds."""
_NOTICES: Final = frozenset({"response.processed"})
"""What Codex tells without expecting an answer."""
_CREATE: Final = "response.create"

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@attrs.frozen
class Create:
    """One `response.create`."""

    fields: Mapping[str, msgspec.Raw] = attrs.field(repr=False)
    """What goes upstream."""
    items: bytes = attrs.field(repr=False)
    """The new input items, as JSON with commas between them."""
    previous: str | None = None
    """The response of this connection that is continued."""
    generates: bool = True
    """If not, only the conversation is prepared: the client warms up."""
    stores: bool = True
    stream_id: str | None = None
    """To be told in every event of the response."""

    def body(self, earlier: Sequence[bytes]) -> bytes:
        """The whole request. `earlier`: the items of the conversation so far, in pieces like `items`."""
        fields = dict(self.fields)
        if earlier:
            fields["input"] = msgspec.Raw(b"[%b]" % b",".join(filter(None, (*earlier, self.items))))
        fields["stream"] = msgspec.Raw(b"true")
        return msgspec.json.encode(fields)


def read_frame(message: bytes) -> Create | None:
    """What a client's message asks for; None if it only tells something. Raises `BadRequest`."""
    try:
        fields = _FIELDS.decode(message)
    except (msgspec.DecodeError, RecursionError):
        read_object(message)
        raise BadRequest("The message is not valid JSON.") from None
    kind = _value(fields, "type", str)
    if kind in _NOTICES:
        return None
    if kind != _CREATE:
        raise BadRequest(f"type: {_CREATE!r} was expected.")
    return Create(
        fields={name: value for name, value in fields.items() if name not in _OF_THE_SOCKET},
        items=_items(fields.get("input")),
        previous=_value(fields, "previous_response_id", str) or None,
        generates=_value(fields, "generate", bool) is not False,
        stores=_value(fields, "store", bool) is not False,
        stream_id=_value(fields, "stream_id", str),
    )


def _value(fields: Mapping[str, msgspec.Raw], name: str, kind: type[_Told]) -> _Told | None:
    raw = fields.get(name, b"null")
    try:
        told: _Told | None = msgspec.json.decode(raw, type=kind | None)
    except msgspec.DecodeError:
        words = {str: "A string", bool: "A boolean"}
        raise BadRequest(f"{name}: {words[kind]} was expected.") from None
    return told


def _items(given: msgspec.Raw | None) -> bytes:
    """The input as items; a text is short for a message of the user's."""
    text = bytes(given or b"null").strip()
    if text.startswith(b"["):
        return text[1:-1].strip()
    if text.startswith(b'"'):
        return b'{"type":"message","role":"user","content":%b}' % text
    if text == b"null":
        return b""
    raise BadRequest("input: A string or a list was expected.")
