"""Errors that say that the prompt is too long, as vendors word them."""

from __future__ import annotations

import pytest

from cliproxy.formats.overflow import is_context_overflow


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 215000 tokens > 200000 maximum",
        '{"error":{"code":"context_length_exceeded","message":"…"}}',
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
    ],
)
def test_each_vendors_words_are_known(message: str) -> None:
    assert is_context_overflow(400, message)


@pytest.mark.parametrize("message", ["Invalid model", "max_tokens: must be at most 8192", "messages: at least one"])
def test_other_mistakes_are_not_taken_for_it(message: str) -> None:
    assert not is_context_overflow(400, message)


def test_a_servers_own_trouble_is_not_taken_for_it() -> None:
    assert not is_context_overflow(500, "prompt is too long")
