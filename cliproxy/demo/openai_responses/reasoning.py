"""The demo's encrypted reasoning: made here, and known again when it comes back."""

from __future__ import annotations

import base64
from typing import Final

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.words import bracketed
from cliproxy.demo.seal import opened, sealed

PREFIX: Final = "gAAAAA"
"""As that of the real service begins; proxies look at it."""
_EARLY_CHARACTERS: Final = 88


def encrypted(item_id: str, text: str) -> str:
    """What stands for a text that only the service may read. It is bound to its item."""
    return PREFIX + base64.urlsafe_b64encode(sealed(f"{item_id}\n{text}")).decode()


def early(item_id: str, text: str) -> str:
    """What is told of it when the item begins: not yet whole, and worth nothing."""
    return encrypted(item_id, text)[:_EARLY_CHARACTERS]


def check_encrypted(item: Node) -> None:
    """Raises `Mistake` unless the encrypted content is the demo's own and, if the item says its id, that item's."""
    held = item.need("encrypted_content")
    item_id, line_end, text = _content(held.text()).partition("\n")
    if not line_end or encrypted(item_id, text) != held.value:
        raise _unverified(held, "Encrypted content could not be decrypted or parsed.")
    if item.text_at("id") not in ("", item_id):
        raise _unverified(held, "Encrypted content item_id did not match the target item id.")


def _content(blob: str) -> str:
    """What the blob holds, nothing if it is none of the demo's."""
    try:
        return opened(base64.urlsafe_b64decode(blob.removeprefix(PREFIX))) or ""
    except ValueError:
        return ""


def _unverified(held: Node, reason: str) -> Mistake:
    told = f"The encrypted content {held.text()[:8]}... could not be verified. Reason: {reason}"
    return Mistake(told, bracketed(held.path), "invalid_encrypted_content")
