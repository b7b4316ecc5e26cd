from __future__ import annotations

import pytest

from cliproxy.conversation.events import Stop
from cliproxy.formats.openai_chat.stops import REASONS, stop_of


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", Stop.END),
        ("length", Stop.LENGTH),
        ("content_filter", Stop.REFUSAL),
        ("end_turn", Stop.END),
        ("stop_sequence", Stop.SEQUENCE),
        ("max_tokens", Stop.LENGTH),
        ("MAX_TOKENS", Stop.LENGTH),
        ("refusal", Stop.REFUSAL),
        ("sensitive", Stop.REFUSAL),
    ],
)
def test_each_reason_has_its_word(reason: str, stop: Stop) -> None:
    assert stop_of(reason, False) == (stop, "")


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "stop"])
def test_with_calls_the_model_waits_for_what_they_give(reason: str) -> None:
    assert stop_of(reason, True) == (Stop.TOOLS, "")


def test_without_calls_it_waits_for_nothing() -> None:
    assert stop_of("tool_calls", False) == (Stop.END, "")


def test_a_call_that_is_cut_off_is_a_matter_of_length() -> None:
    assert stop_of("length", True) == (Stop.LENGTH, "")


def test_an_unknown_reason_is_an_end_with_its_own_word() -> None:
    assert stop_of("news", False) == (Stop.END, "news")


def test_the_words_of_the_format_are_written() -> None:
    assert {stop.name: reason for stop, reason in REASONS.items()} == {
        "END": "stop",
        "TOOLS": "tool_calls",
        "LENGTH": "length",
        "SEQUENCE": "stop",
        "REFUSAL": "content_filter",
        "PAUSE": "stop",
        "CONTEXT": "length",
    }
