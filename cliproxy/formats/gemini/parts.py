"""Parts as they stand on this wire, in requests and in replies alike."""

from __future__ import annotations

from typing import cast

from cliproxy.conversation.parts import Json
from cliproxy.formats import jsontext
from cliproxy.formats.codec import NO_CALL_ID


def text_part(text: str, signature: str = "", *, thought: bool = False) -> dict[str, Json]:
    """`text`, marked as a thought or not."""
    part: dict[str, Json] = {"thought": True} if thought else {}
    part["text"] = text
    if signature:
        part["thoughtSignature"] = signature
    return part


def call_part(call_id: str, name: str, args: Json, signature: str = "") -> dict[str, Json]:
    """`functionCall`, with its id unless that was only made because there had been none."""
    call: dict[str, Json] = {}
    if is_told(call_id):
        call["id"] = call_id
    call["name"] = name
    call["args"] = args
    part: dict[str, Json] = {"functionCall": call}
    if signature:
        part["thoughtSignature"] = signature
    return part


def is_told(call_id: str) -> bool:
    """Whether an id is worth telling."""
    return bool(call_id) and not call_id.startswith(NO_CALL_ID)


def args_of(arguments: str) -> Json:
    """Arguments as an object, digit for digit as they stand; under `_raw` if they are none. No line end is in it."""
    if "\n" in arguments or "\r" in arguments:
        value = jsontext.object_of(arguments)
        if value is not None:
            return dict(value)
    return cast(Json, jsontext.raw_object(arguments))
