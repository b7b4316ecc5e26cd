"""Base64 in either alphabet."""

from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Blob
from cliproxy.formats.gemini.blobs import decoded, signature, standard, told


def test_a_signature_comes_back_in_the_standard_alphabet() -> None:
    assert signature("ESM8_GRNCTL-q8w=") == Blob("ESM8/GRNCTL+q8w=")


@pytest.mark.parametrize("word", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
def test_the_words_that_stand_for_a_signature_stay_as_they_are(word: str) -> None:
    assert signature(word) == Blob(word)


@pytest.mark.parametrize("value", [None, "", 3, {}])
def test_what_is_no_signature_is_none(value: object) -> None:
    assert signature(value) is None


def test_the_bytes_of_a_file_come_in_the_standard_alphabet_with_padding() -> None:
    assert standard("a-_") == "a+/="


def test_line_ends_within_base64_are_left_out() -> None:
    assert standard("aGVs\nbG8=\r\n") == "aGVsbG8="


def test_a_blob_in_base64_is_told_as_it_is() -> None:
    assert told(Blob("YWJj")) == "YWJj"


def test_a_blob_that_is_no_base64_is_told_in_base64() -> None:
    assert told(Blob("no base64!")) == "bm8gYmFzZTY0IQ=="


def test_bits_left_over_at_the_end_are_left_out() -> None:
    assert told(Blob("a+/=")) == "a+8="


def test_what_is_no_base64_has_no_bytes() -> None:
    assert decoded("a") is None
