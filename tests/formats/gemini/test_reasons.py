"""Why a candidate ended."""

from __future__ import annotations

import pytest

from cliproxy.conversation.events import Stop
from cliproxy.formats.gemini.reasons import STOPS, read_reason, written_reason


@pytest.mark.parametrize(
    ("word", "called", "stop", "detail"),
    [
        ("STOP", False, Stop.END, ""),
        ("STOP", True, Stop.TOOLS, ""),
        ("MAX_TOKENS", True, Stop.LENGTH, "MAX_TOKENS"),
        ("CONTINUATION", False, Stop.LENGTH, "CONTINUATION"),
        ("SAFETY", False, Stop.REFUSAL, "SAFETY"),
        ("RECITATION", False, Stop.REFUSAL, "RECITATION"),
        ("IMAGE_PROHIBITED_CONTENT", False, Stop.REFUSAL, "IMAGE_PROHIBITED_CONTENT"),
        ("MODEL_ARMOR", True, Stop.REFUSAL, "MODEL_ARMOR"),
        ("OTHER", False, Stop.END, "OTHER"),
        ("SOMETHING_NEW", False, Stop.END, "SOMETHING_NEW"),
    ],
)
def test_each_word_has_its_meaning(word: str, called: bool, stop: Stop, detail: str) -> None:
    assert read_reason(word, "", called) == (stop, detail)


def test_the_explanation_follows_the_word() -> None:
    assert read_reason("SAFETY", "Too hot.", False) == (Stop.REFUSAL, "SAFETY: Too hot.")


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop.END, "STOP"),
        (Stop.TOOLS, "STOP"),
        (Stop.SEQUENCE, "STOP"),
        (Stop.PAUSE, "STOP"),
        (Stop.LENGTH, "MAX_TOKENS"),
        (Stop.CONTEXT, "MAX_TOKENS"),
        (Stop.REFUSAL, "SAFETY"),
    ],
)
def test_each_meaning_has_its_word(stop: Stop, word: str) -> None:
    assert written_reason(stop, "") == (word, "")


def test_another_vendors_explanation_is_the_message() -> None:
    assert written_reason(Stop.REFUSAL, "cyber_policy: no") == ("SAFETY", "cyber_policy: no")


@pytest.mark.parametrize("word", sorted(STOPS))
def test_googles_own_words_come_back_unchanged(word: str) -> None:
    stop, detail = read_reason(word, "Why.", False)
    assert written_reason(stop, detail) == (word if word != "STOP" else "STOP", "Why.")
