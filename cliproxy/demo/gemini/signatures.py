"""The demo's thought signatures: made here, and known again when they come back, on the part they came with."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import orjson

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.gemini.words import dotted
from cliproxy.demo.replies import Json
from cliproxy.demo.seal import opened, sealed

SENTINELS: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What the service takes in place of a signature, of calls that it did not make."""
_URL_SAFE: Final = str.maketrans("-_", "+/")


def call_signature(name: str, arguments: Json) -> str:
    """What the demo signs a call with. It is bound to the call."""
    return base64.b64encode(sealed(_call(name, arguments))).decode()


def text_signature(thinking: str) -> str:
    """What the demo signs a text with: it holds the thinking that led there."""
    return base64.b64encode(sealed(f"text {thinking}")).decode()


def check_signature(part: Node) -> bool:
    """Whether the part has a signature. Raises `Mistake` if it is not the demo's own, or that of another part."""
    held = part.at("thoughtSignature")
    if held is None or not held.text():
        return False
    if held.text() in SENTINELS:
        return True
    content = opened(_decoded(held))
    call = part.at("functionCall")
    if call is None:
        good = content is not None and content.startswith("text ")
    else:
        good = content == _call(call.text_at("name"), call.fields().get("args") or {})
    if not good:
        raise Mistake("Corrupted thought signature.")
    return True


def _call(name: str, arguments: Json) -> str:
    return f"call {name} {orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()}"


def _decoded(held: Node) -> bytes:
    """Both alphabets of base64 are taken, and missing padding."""
    text = held.text().translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        told = f"Invalid value at '{dotted(held.path)}' (TYPE_BYTES), Base64 decoding failed."
        raise Mistake(told) from error
