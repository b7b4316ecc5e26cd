from __future__ import annotations

import pytest

from cliproxy.conversation.request import Reasoning
from cliproxy.shaping.suffix import split_suffix


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("none", Reasoning("off")),
        ("0", Reasoning("off")),
        ("000", Reasoning("off")),
        ("auto", Reasoning("auto")),
        ("-1", Reasoning("auto")),
        ("minimal", Reasoning("on", "minimal")),
        ("low", Reasoning("on", "low")),
        ("medium", Reasoning("on", "medium")),
        ("high", Reasoning("on", "high")),
        ("xhigh", Reasoning("on", "xhigh")),
        ("max", Reasoning("on", "max")),
        ("HIGH", Reasoning("on", "high")),
        ("8192", Reasoning("on", budget=8192)),
        ("08192", Reasoning("on", budget=8192)),
    ],
)
def test_a_suffix_says_how_much_to_think(value: str, asked: Reasoning) -> None:
    assert split_suffix(f"claude-opus-4-6({value})") == ("claude-opus-4-6", asked)


@pytest.mark.parametrize("value", ["", "ultra", "-2", "8k", "1.5", "٣", "²", "8192 tokens"])
def test_a_suffix_that_says_nothing_known_is_taken_off(value: str) -> None:
    assert split_suffix(f"gpt-5({value})") == ("gpt-5", None)


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5(high", "gpt-5)", "gpt(5)-mini", "(high)", "", "()", "  (high)"])
def test_a_name_without_a_suffix_stays(model: str) -> None:
    assert split_suffix(model) == (model, None)


def test_the_last_bracket_begins_the_suffix() -> None:
    assert split_suffix("gpt(a)(high)") == ("gpt(a)", Reasoning("on", "high"))


def test_space_before_the_suffix_goes_with_it() -> None:
    assert split_suffix("gpt-5 (low)") == ("gpt-5", Reasoning("on", "low"))
