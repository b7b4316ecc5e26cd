from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.seal import digest, opened, sealed


@given(st.text(max_size=20))
def test_what_is_sealed_opens(text: str) -> None:
    assert opened(sealed(text)) == text


@given(st.text(max_size=20), st.integers(0, 1000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(text: str, place: int, change: int) -> None:
    blob = bytearray(sealed(text))
    blob[place % len(blob)] ^= change
    assert opened(bytes(blob)) is None


@given(st.binary(max_size=80))
def test_no_bytes_raise(blob: bytes) -> None:
    assert opened(blob) is None


def test_a_digest_is_64_bytes_a_round() -> None:
    assert [len(digest("x", rounds)) for rounds in (1, 3)] == [64, 192]
