"""JSON for translation. msgspec keeps integers of any size; orjson, which is faster to write, would round them."""

from __future__ import annotations

import msgspec

from cliproxy.conversation.parts import Json, JsonObject

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def loads(text: bytes | str) -> Json:
    """Raises `ValueError` for what is no JSON."""
    try:
        value: Json = _DECODER.decode(text)  # a cast would be a call, for each event of each stream
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return value


def dumps(value: object) -> bytes:
    """Compact. May hold `msgspec.Raw`. Raises `ValueError` for what is nested too deeply."""
    try:
        return _ENCODER.encode(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def text_of(value: object) -> str:
    """The same as text."""
    return dumps(value).decode()


def object_of(arguments: str) -> JsonObject | None:
    """The JSON object that a call's arguments are; None if they are none. Blank arguments are an empty object."""
    if not arguments.strip():
        return {}
    try:
        value = loads(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def raw_object(arguments: str) -> msgspec.Raw | dict[str, Json]:
    """A call's arguments, to be written as an object: as they stand, or under `_raw` if they are no JSON object."""
    if object_of(arguments) is None:
        return {"_raw": arguments}
    return msgspec.Raw(arguments.encode() if arguments.strip() else b"{}")
