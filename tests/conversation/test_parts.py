"""Parts: what must not show when one is printed."""

from __future__ import annotations

from cliproxy.conversation.parts import Inline, VendorPart


def test_the_bytes_of_an_image_are_not_printed() -> None:
    assert "AAAA" not in repr(Inline("image/png", "AAAA" * 1000))


def test_a_vendors_own_part_is_not_printed() -> None:
    assert "secret" not in repr(VendorPart("anthropic", {"type": "secret"}))
