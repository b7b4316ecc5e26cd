from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Reasoning
from cliproxy.shaping.changes import apply_to_document
from cliproxy.shaping.reasoning_fields import changes_for_reasoning

OFF = Reasoning("off")
AUTO = Reasoning("auto")
HIGH = Reasoning("on", "high")
BUDGET = Reasoning("on", budget=8192)

Body = dict[str, Json]


def written(wire: str, reasoning: Reasoning, body: Body) -> Body:
    return apply_to_document(body, changes_for_reasoning(wire, reasoning, body))


@pytest.mark.parametrize(
    ("reasoning", "body", "changed"),
    [
        (OFF, {}, {"thinking": {"type": "disabled"}}),
        (BUDGET, {}, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (AUTO, {}, {"thinking": {"type": "adaptive"}}),
        (HIGH, {}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (
            Reasoning("on", "minimal"),
            {},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        (
            BUDGET,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
            {"thinking": {"type": "enabled", "budget_tokens": 8192, "display": "summarized"}},
        ),
        (
            OFF,
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "low", "format": 1},
            },
            {"thinking": {"type": "disabled"}, "output_config": {"format": 1}},
        ),
        (
            Reasoning("auto", "low", show=False),
            {"thinking": {"type": "disabled"}},
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
        ),
        (
            HIGH,
            {"thinking": "x", "output_config": None},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
    ],
)
def test_anthropic(reasoning: Reasoning, body: Body, changed: Body) -> None:
    assert written("anthropic", reasoning, body) == changed


@pytest.mark.parametrize(
    ("reasoning", "body", "changed"),
    [
        (OFF, {}, {"reasoning_effort": "none"}),
        (HIGH, {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
        (BUDGET, {}, {"reasoning_effort": "medium"}),
        (AUTO, {"reasoning_effort": "low", "n": 1}, {"n": 1}),
        (
            HIGH,
            {"reasoning": {"effort": "low", "max_tokens": 5, "enabled": False, "exclude": True}},
            {"reasoning": {"exclude": True}, "reasoning_effort": "high"},
        ),
    ],
)
def test_openai_chat(reasoning: Reasoning, body: Body, changed: Body) -> None:
    assert written("openai-chat", reasoning, body) == changed


@pytest.mark.parametrize(
    ("reasoning", "body", "changed"),
    [
        (OFF, {}, {"reasoning": {"effort": "none"}}),
        (
            HIGH,
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": {"effort": "high", "summary": "auto"}},
        ),
        (BUDGET, {"reasoning": None}, {"reasoning": {"effort": "medium"}}),
        (AUTO, {"reasoning": {"effort": "low"}}, {"reasoning": {}}),
        (AUTO, {}, {}),
        (Reasoning("on", "low", show=True), {}, {"reasoning": {"effort": "low", "summary": "auto"}}),
        (
            Reasoning("on", "low", show=True, detail="concise"),
            {},
            {"reasoning": {"effort": "low", "summary": "concise"}},
        ),
        (
            Reasoning("on", "low", show=False),
            {"reasoning": {"summary": "auto"}},
            {"reasoning": {"effort": "low"}},
        ),
    ],
)
def test_openai_responses(reasoning: Reasoning, body: Body, changed: Body) -> None:
    assert written("openai-responses", reasoning, body) == changed


@pytest.mark.parametrize(
    ("reasoning", "body", "changed"),
    [
        (OFF, {}, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
        (AUTO, {}, {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}),
        (BUDGET, {}, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 8192}}}),
        (
            HIGH,
            {"generationConfig": {"topK": 1, "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True}}},
            {"generationConfig": {"topK": 1, "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True}}},
        ),
        (
            BUDGET,
            {"generation_config": {"thinking_config": {"thinking_level": "LOW", "include_thoughts": False}}},
            {"generation_config": {"thinking_config": {"thinkingBudget": 8192, "includeThoughts": False}}},
        ),
        (Reasoning("on", "max"), {}, {"generationConfig": {"thinkingConfig": {"thinkingLevel": "XHIGH"}}}),
        (
            Reasoning("on", "high", 8192, show=False),
            {"generationConfig": 5},
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 8192, "includeThoughts": False}}},
        ),
    ],
)
def test_gemini(reasoning: Reasoning, body: Body, changed: Body) -> None:
    assert written("gemini", reasoning, body) == changed


def test_a_wire_without_words_for_thinking_gets_no_changes() -> None:
    assert changes_for_reasoning("openai-completions", HIGH, {}) == ()
