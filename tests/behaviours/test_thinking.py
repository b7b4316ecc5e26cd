"""How much a model is asked to think, from one vendor's words to another's."""

from __future__ import annotations

import pytest

from tests.support.pairs import Body, asking, emulated, rules, translated

EFFORTS_ONLY = ("claude-opus-4-7", "claude-opus-4-8", "claude-fable-5")
BUDGETS_ONLY = ("claude-sonnet-4-5", "claude-haiku-4-5")
FUNCTION: Body = {"type": "function", "function": {"name": "f"}}


def told(client: str, upstream: str, model: str, **fields: object) -> Body:
    return translated(client, upstream, asking(client, **fields), model=model, by=rules(known=True))


def from_gemini(model: str, **thinking: object) -> Body:
    return told("gemini", "anthropic", model, generationConfig={"thinkingConfig": thinking})


def from_chat(model: str, effort: str, **fields: object) -> Body:
    return told("openai-chat", "anthropic", model, reasoning_effort=effort, **fields)


@pytest.mark.parametrize("model", EFFORTS_ONLY)
def test_a_budget_is_an_effort_for_models_that_refuse_budgets(model: str) -> None:
    body = from_gemini(model, thinkingBudget=8192)
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"effort": "medium"}


@pytest.mark.parametrize("model", BUDGETS_ONLY)
def test_an_effort_is_a_budget_for_models_that_know_no_efforts(model: str) -> None:
    body = from_chat(model, "high")
    assert body["thinking"]["budget_tokens"] == 24576
    assert "output_config" not in body


def test_a_model_that_always_thinks_is_not_told_to_stop() -> None:
    body = from_chat("claude-fable-5", "none")
    assert body["thinking"] == {"type": "adaptive", "display": "omitted"}
    assert body["output_config"] == {"effort": "low"}


def test_other_models_are_told_to_stop() -> None:
    assert from_chat("claude-opus-4-7", "none")["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("model", [*EFFORTS_ONLY, *BUDGETS_ONLY])
def test_who_says_nothing_of_thinking_has_nothing_said(model: str) -> None:
    body = told("openai-chat", "anthropic", model)
    assert not {"thinking", "output_config"} & body.keys()


@pytest.mark.parametrize("model", EFFORTS_ONLY)
def test_a_model_that_may_decide_is_left_to(model: str) -> None:
    assert from_gemini(model, thinkingBudget=-1)["thinking"] == {"type": "adaptive"}


def test_a_model_that_nobody_knows_is_left_to_decide_and_never_turned_on_without_a_budget() -> None:
    assert from_gemini("somebodys-model", thinkingBudget=-1)["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize("model", BUDGETS_ONLY)
@pytest.mark.parametrize("limit", [None, 4096])
def test_thinking_as_it_likes_left_one_token_for_the_answer(model: str, limit: int | None) -> None:
    config: Body = {"thinkingConfig": {"thinkingBudget": -1}} | ({"maxOutputTokens": limit} if limit else {})
    body = told("gemini", "anthropic", model, generationConfig=config)
    assert body["thinking"]["budget_tokens"] <= body["max_tokens"] // 2


@pytest.mark.parametrize(
    ("model", "effort"), [("claude-opus-4-7", "xhigh"), ("claude-opus-4-6", "high"), ("claude-fable-5", "xhigh")]
)
def test_the_highest_wish_becomes_the_nearest_effort_that_the_model_knows(model: str, effort: str) -> None:
    assert from_chat(model, "xhigh")["output_config"] == {"effort": effort}


@pytest.mark.parametrize("model", EFFORTS_ONLY)
def test_a_wish_to_see_thoughts_makes_up_no_effort(model: str) -> None:
    assert not {"thinking", "output_config"} & from_gemini(model, includeThoughts=True).keys()


def test_a_wish_to_see_thoughts_is_told_where_it_stands_alone() -> None:
    body = told("openai-responses", "gemini", "gemini-3-pro-preview", reasoning={"summary": "auto"})
    assert body["generationConfig"]["thinkingConfig"] == {"includeThoughts": True}


def test_a_tool_that_is_forced_goes_before_thinking() -> None:
    body = from_chat("claude-opus-4-7", "high", tools=[FUNCTION], tool_choice="required")
    assert (body["thinking"], body["tool_choice"]["type"]) == ({"type": "disabled"}, "any")


def test_a_model_that_cannot_be_forced_is_left_its_choice() -> None:
    body = from_chat("claude-sonnet-5-5", "high", tools=[FUNCTION], tool_choice="required")
    assert body["tool_choice"]["type"] == "auto"


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("gemini-3-pro-preview", {"includeThoughts": False, "thinkingLevel": "LOW"}),
        ("gemini-2.5-pro", {"includeThoughts": False, "thinkingBudget": 128}),
        ("gemini-2.5-flash", {"thinkingBudget": 0}),
    ],
)
def test_without_thinking_is_as_little_as_a_gemini_takes(model: str, config: Body) -> None:
    body = told("openai-chat", "gemini", model, reasoning_effort="none")
    assert body["generationConfig"]["thinkingConfig"] == config


def test_a_gemini_is_never_told_a_level_and_a_budget() -> None:
    for model in ("gemini-3-pro-preview", "gemini-2.5-pro", "somebodys-model"):
        body = told(
            "anthropic",
            "gemini",
            model,
            thinking={"type": "enabled", "budget_tokens": 2048},
            output_config={"effort": "high"},
            max_tokens=4096,
        )
        assert len({"thinkingLevel", "thinkingBudget"} & body["generationConfig"]["thinkingConfig"].keys()) == 1


def test_beside_tools_an_effort_is_left_out_where_it_would_be_refused() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    config = {"thinkingConfig": {"thinkingLevel": "HIGH"}}
    assert "reasoning_effort" not in told("gemini", "openai-chat", "gpt-5.4", tools=tools, generationConfig=config)
    assert "reasoning_effort" in told("gemini", "openai-chat", "gpt-5.4", generationConfig=config)


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    config = {"thinkingConfig": {"thinkingLevel": "HIGH"}}
    assert "reasoning_effort" not in told("gemini", "openai-chat", "gpt-4o", generationConfig=config)


def test_another_effort_than_the_clients_is_named() -> None:
    body = asking("openai-chat", reasoning_effort="minimal")
    assert emulated("openai-chat", "anthropic", body) == {"reasoning_effort"}


def test_temperature_is_left_out_while_a_claude_thinks() -> None:
    assert "temperature" not in from_chat("claude-sonnet-4-5", "high", temperature=0.3)


def test_temperature_and_top_p_never_stand_together_for_a_model_that_refuses_both() -> None:
    body = told("openai-chat", "anthropic", "claude-sonnet-4-5", temperature=0.3, top_p=0.4)
    assert len({"temperature", "top_p"} & body.keys()) == 1
