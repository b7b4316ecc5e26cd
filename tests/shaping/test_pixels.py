from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.shaping.pixels import Size, size_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0"
GIF = b"GIF89a\x80\x02\xe0\x01\xf7\0\0"
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01"
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (639 | 479 << 14).to_bytes(4, "little") + b"\0\0\0\0\0"
WEBP_EXTENDED = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0"
FRAME = b"\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + FRAME
JPEG_PROGRESSIVE = b"\xff\xd8\xff\xdb\0\x04\0\0\xff\xff\xff\xc4\0\x03\0" + FRAME.replace(b"\xc0", b"\xc2", 1)
JPEG_WITH_PREVIEW = b"\xff\xd8\xff\xe1\xff\xff" + b"\xff\xc0" * 32766 + b"\0" + FRAME


@pytest.mark.parametrize(
    "head",
    [PNG, GIF, WEBP_LOSSY, WEBP_LOSSLESS, WEBP_EXTENDED, JPEG, JPEG_PROGRESSIVE, JPEG_WITH_PREVIEW],
    ids=["png", "gif", "webp lossy", "webp lossless", "webp extended", "jpeg", "progressive", "preview"],
)
def test_the_size_is_read(head: bytes) -> None:
    expected: Size = (640, 480)
    assert size_of(head) == expected


@pytest.mark.parametrize(
    "head", [b"", b"<svg/>", PNG[:20], GIF[:8], WEBP_LOSSY[:20], JPEG[:12], b"\xff\xd8", b"RIFF" + b"\0" * 40]
)
def test_what_is_no_picture_or_cut_off_has_none(head: bytes) -> None:
    assert size_of(head) is None


def test_a_picture_without_pixels_has_none() -> None:
    assert size_of(PNG[:16] + b"\0\0\0\0\0\0\0\1") is None


@given(st.sampled_from([PNG, GIF, WEBP_LOSSY, WEBP_EXTENDED, JPEG]), st.integers(4, 40), st.binary(max_size=200))
def test_garbage_is_borne(head: bytes, kept: int, rest: bytes) -> None:
    size_of(head[:kept] + rest)
