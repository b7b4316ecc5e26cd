from __future__ import annotations

import pytest

from cliproxy.conversation.request import Reasoning
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_reasoning import decode_reasoning
from cliproxy.formats.openai_chat.fields import Place


def asked(**fields: object) -> Reasoning:
    return decode_reasoning(Place(fields))


def google(**config: object) -> dict[str, object]:
    return {"google": {"thinking_config": config}}


def test_who_asks_for_nothing_says_nothing() -> None:
    assert asked() == asked(reasoning_effort=None) == Reasoning()


def test_an_effort_shows_what_is_thought() -> None:
    assert asked(reasoning_effort="xhigh") == Reasoning("on", "xhigh", show=True)


def test_none_is_off() -> None:
    assert asked(reasoning_effort="none") == Reasoning("off")


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ({"effort": "low"}, Reasoning("on", "low", show=True)),
        ({"effort": "high", "exclude": True}, Reasoning("on", "high", show=False)),
        ({"max_tokens": 2000}, Reasoning("on", budget=2000)),
        ({"max_tokens": 0}, Reasoning("off")),
        ({"enabled": True}, Reasoning("on")),
        ({"enabled": False, "effort": "high"}, Reasoning("off")),
        ({"effort": "low", "summary": "concise"}, Reasoning("on", "low", show=True, detail="concise")),
        ({}, Reasoning()),
    ],
)
def test_openrouters_words_are_understood(reasoning: dict[str, object], expected: Reasoning) -> None:
    assert asked(reasoning=reasoning) == expected


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"type": "enabled"}, Reasoning("on")),
        ({"type": "enabled", "budget_tokens": 4000}, Reasoning("on", budget=4000)),
        ({"type": "disabled"}, Reasoning("off")),
        ({"type": "auto"}, Reasoning("auto")),
        ({"type": "adaptive"}, Reasoning("auto")),
    ],
)
def test_the_switch_of_deepseek_is_understood(thinking: dict[str, object], expected: Reasoning) -> None:
    assert asked(thinking=thinking) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinking_budget": -1}, Reasoning("auto")),
        ({"thinking_budget": 0}, Reasoning("off")),
        ({"thinking_budget": 512, "include_thoughts": True}, Reasoning("on", budget=512, show=True)),
        ({"thinking_level": "HIGH", "include_thoughts": False}, Reasoning("on", "high", show=False)),
    ],
)
def test_googles_words_are_understood(config: dict[str, object], expected: Reasoning) -> None:
    assert asked(extra_body=google(**config)) == expected


def test_openais_own_field_wins() -> None:
    found = asked(reasoning_effort="low", reasoning={"effort": "high"}, extra_body=google(thinking_budget=9))
    assert found == Reasoning("on", "low", show=True)


@pytest.mark.parametrize("shown", [True, False])
def test_visibility_may_be_asked_for_alone(shown: bool) -> None:
    assert asked(include_reasoning=shown) == Reasoning(show=shown)


def test_what_is_excluded_is_not_included() -> None:
    assert asked(include_reasoning=True, reasoning={"exclude": True}) == Reasoning(show=False)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"reasoning_effort": "huge"},
            "reasoning_effort: One of none, minimal, low, medium, high, xhigh, max was expected.",
        ),
        ({"reasoning_effort": 3}, "reasoning_effort: A string was expected."),
        ({"reasoning": {"max_tokens": "x"}}, "reasoning.max_tokens: A number was expected."),
        ({"thinking": {"type": "x"}}, "thinking.type: One of enabled, disabled, adaptive, auto was expected."),
        ({"include_reasoning": 3}, "include_reasoning: A boolean was expected."),
    ],
)
def test_a_mistake_is_told_with_its_path(fields: dict[str, object], told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(**fields)
    assert caught.value.message == told
