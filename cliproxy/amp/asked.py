"""What a request of Amp's is turned into before it is served here.

Amp keeps what it was told of any model, and says it again to whatever model comes next: thinking without the signature
that Anthropic asks for, and signatures on tool calls, which Anthropic knows none of and refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cliproxy.amp.splicing import elements_of, in_elements, in_member, read
from cliproxy.errors import BadRequest
from cliproxy.shaping.spans import Remove, edit

LONG_CONTEXT: Final = b"context-1m-2025-08-07"
"""Amp asks for it by habit; who serves in Amp's place may have no such thing, and refuses the request for it."""

MAX_BLOCKS: Final = 10_000
"""So many are looked at, which takes a tenth of a second. A conversation that is as long as it may be has a tenth of
them; what has more passes as it is.
"""

_LAST_MEMBER: Final = b',"signature":""}'
"""How a tool call ends that was told with a signature here: what is cut off then needs no search."""


class _Message(msgspec.Struct):
    role: object = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Block(msgspec.Struct):
    type: object = None
    signature: object = msgspec.UNSET


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BLOCK: Final = msgspec.json.Decoder(_Block)


def sanitised(body: bytes) -> bytes:
    """An Anthropic request without what no upstream bears in what the assistant said: thinking that is not signed, and
    signatures of tool calls. Every other byte stays; the very same object if there is nothing of the kind.

    A message of which nothing is left goes too, for Anthropic refuses empty ones, and reads what the user says before
    and after as one turn. If no message at all were left, all stay: nobody could serve that, and so the upstream says
    what is wrong.
    """
    if not _concerns(body) or body.count(b'"thinking"') + body.count(b'"signature"') > MAX_BLOCKS:
        return body
    return in_member(body, "messages", _messages)


def without_long_context(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`headers` without the long context among Anthropic's betas; a line that names no other goes too."""
    told: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        features = value.split(b",") if name.lower() == b"anthropic-beta" else []
        others = [feature for feature in features if feature.strip().lower() != LONG_CONTEXT]
        if len(others) == len(features):
            told.append((name, value))
        elif any(feature.strip() for feature in others):
            told.append((name, b",".join(others).strip()))
    return told


def _concerns(text: bytes) -> bool:
    """A cheap look: whether there can be anything to change."""
    return b'"thinking"' in text or b'"signature"' in text


def _messages(messages: bytes) -> bytes:
    told = in_elements(messages, _message)
    return told if told is messages or elements_of(told) else messages


def _message(message: bytes) -> bytes | None:
    if not _concerns(message):
        return message
    seen = read(_MESSAGE, message)
    if seen is None or seen.role != "assistant":
        return message
    left = in_member(message, "content", lambda content: in_elements(content, _block))
    if left is message:
        return message
    seen = read(_MESSAGE, left)
    return left if seen is not None and elements_of(seen.content) else None


def _block(block: bytes) -> bytes | None:
    if not _concerns(block):
        return block
    seen = read(_BLOCK, block)
    if seen is None:
        return block
    if seen.type == "thinking":
        return block if isinstance(seen.signature, str) and seen.signature.strip() else None
    if seen.type == "tool_use" and seen.signature is not msgspec.UNSET:
        return _unsigned(block)
    return block


def _unsigned(block: bytes) -> bytes:
    if block.endswith(_LAST_MEMBER) and block.count(b'"signature"') == 1:
        return block[: -len(_LAST_MEMBER)] + b"}"
    try:
        return edit(block, [Remove(("signature",))])
    except BadRequest:
        return block
