"""Following streams, and counting."""

from __future__ import annotations

import pytest

from cliproxy.formats.gemini.following import decode_count, encode_count, mark
from cliproxy.formats.wire import Mark


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        ({"candidates": [{"content": {"parts": [{"text": "x"}]}, "index": 0}]}, Mark.CONTENT),
        ({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}, Mark.ENDING),
        ({"candidates": [{"finish_reason": "SAFETY"}]}, Mark.ENDING),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, Mark.ENDING),
        ({"promptFeedback": {"safetyRatings": []}}, Mark.OPENING),
        ({"usageMetadata": {"promptTokenCount": 3}}, Mark.OPENING),
        ({"candidates": [{"content": {"parts": []}, "index": 0}]}, Mark.OPENING),
        ({}, Mark.OPENING),
        ({"candidates": ["x", None]}, Mark.OPENING),
        ({"error": {"code": 503}}, Mark.FAILED),
    ],
)
def test_each_chunk_has_its_meaning(event: dict[str, object], meaning: Mark) -> None:
    assert mark(event) is meaning


def test_a_count_is_read() -> None:
    assert decode_count({"totalTokens": 31}) == 31


@pytest.mark.parametrize("document", [{}, {"totalTokens": "x"}, {"totalTokens": -1}, {"totalTokens": None}])
def test_what_is_no_count_is_none(document: dict[str, object]) -> None:
    assert decode_count(document) is None


def test_a_count_is_written() -> None:
    assert encode_count(31) == b'{"totalTokens":31}'
