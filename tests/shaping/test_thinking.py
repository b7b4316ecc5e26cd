from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.efforts import EFFORTS
from cliproxy.conversation.losses import Loss, Losses
from cliproxy.conversation.request import Reasoning
from cliproxy.shaping.thinking import fit_reasoning, thinks

LEVELS = Capabilities(known=True, off=False, efforts=("minimal", "low", "medium", "high"))
TWO_LEVELS = Capabilities(known=True, off=False, efforts=("low", "high"))
GEMINI_BUDGET = Capabilities(known=True, off=False, budget=(128, 20000))
CLAUDE_BUDGET = Capabilities(known=True, adaptive=False, budget=(1024, 128000), budget_below_max_tokens=True)
CLAUDE_BOTH = Capabilities(
    known=True, efforts=("low", "medium", "high", "max"), budget=(1024, 128000), budget_below_max_tokens=True
)
CLAUDE_LEVELS = Capabilities(known=True, efforts=("low", "medium", "high", "xhigh", "max"))
ALWAYS_ON = Capabilities(known=True, off=False, efforts=("low", "medium", "high", "xhigh", "max"))
TOLD_HOW_MUCH = Capabilities(known=True, adaptive=False, on_by_default=False, efforts=("low", "medium", "high"))
TOGGLE = Capabilities(known=True, adaptive=False)
NONE = Capabilities(known=True, thinks=False)
UNKNOWN = Capabilities()


def fitted(asked: Reasoning, capabilities: Capabilities, max_tokens: int | None = None) -> tuple[Reasoning, list[Loss]]:
    losses = Losses()
    return fit_reasoning(asked, capabilities, max_tokens, losses), list(losses)


@pytest.mark.parametrize(
    ("asked", "capabilities", "found"),
    [
        (Reasoning(effort="medium"), GEMINI_BUDGET, Reasoning("on", budget=8192)),
        (Reasoning(effort="xhigh"), GEMINI_BUDGET, Reasoning("on", budget=20000)),
        (Reasoning(effort="xhigh"), CLAUDE_BUDGET, Reasoning("on", budget=32768)),
        (Reasoning(effort="minimal"), CLAUDE_BUDGET, Reasoning("on", budget=1024)),
        (Reasoning("on", budget=200000), CLAUDE_BUDGET, Reasoning("on", budget=128000)),
        (Reasoning("on", budget=500), CLAUDE_BUDGET, Reasoning("on", budget=1024)),
        (Reasoning("auto"), CLAUDE_BUDGET, Reasoning("on", budget=64512)),
        (Reasoning("on"), CLAUDE_BUDGET, Reasoning("on", budget=64512)),
        (Reasoning("on", budget=64000), LEVELS, Reasoning("auto", "high")),
        (Reasoning(effort="xhigh"), TWO_LEVELS, Reasoning("auto", "high")),
        (Reasoning(effort="medium"), TWO_LEVELS, Reasoning("auto", "low")),
        (Reasoning("on", budget=1024), CLAUDE_LEVELS, Reasoning("auto", "low")),
        (Reasoning("on", budget=8192), CLAUDE_LEVELS, Reasoning("auto", "medium")),
        (Reasoning("on", budget=24576), CLAUDE_LEVELS, Reasoning("auto", "high")),
        (Reasoning("on", budget=64000), CLAUDE_LEVELS, Reasoning("auto", "xhigh")),
        (Reasoning("on", budget=64001), CLAUDE_LEVELS, Reasoning("auto", "max")),
        (Reasoning(effort="xhigh"), CLAUDE_BOTH, Reasoning("auto", "high")),
        (Reasoning("auto"), TOLD_HOW_MUCH, Reasoning("on", "medium")),
        (Reasoning("on"), TOLD_HOW_MUCH, Reasoning("on", "medium")),
        (Reasoning("off"), LEVELS, Reasoning("auto", "minimal", show=False)),
        (Reasoning("off"), ALWAYS_ON, Reasoning("auto", "low", show=False)),
        (Reasoning("off"), GEMINI_BUDGET, Reasoning("on", budget=128, show=False)),
        (Reasoning("on", "high"), TOGGLE, Reasoning("on")),
        (Reasoning("on", budget=5000), TOGGLE, Reasoning("on")),
        (Reasoning("on", "high"), NONE, Reasoning()),
        (Reasoning(budget=5000), NONE, Reasoning()),
    ],
)
def test_what_a_model_does_not_take_is_said_in_its_own_words_and_noted(
    asked: Reasoning, capabilities: Capabilities, found: Reasoning
) -> None:
    reasoning, losses = fitted(asked, capabilities)
    assert reasoning == found
    assert losses


@pytest.mark.parametrize(
    ("asked", "capabilities", "found"),
    [
        (Reasoning("off"), CLAUDE_BUDGET, Reasoning("off")),
        (Reasoning("off"), CLAUDE_LEVELS, Reasoning("off")),
        (Reasoning("auto"), GEMINI_BUDGET, Reasoning("auto")),
        (Reasoning("auto"), LEVELS, Reasoning("auto")),
        (Reasoning("on"), CLAUDE_LEVELS, Reasoning("auto")),
        (Reasoning("auto", "high"), CLAUDE_LEVELS, Reasoning("auto", "high")),
        (Reasoning(effort="low"), CLAUDE_LEVELS, Reasoning("auto", "low")),
        (Reasoning(effort="low"), TOLD_HOW_MUCH, Reasoning("on", "low")),
        (Reasoning("on", budget=2048), CLAUDE_BOTH, Reasoning("on", budget=2048)),
        (Reasoning("on", "high", 2048), CLAUDE_BOTH, Reasoning("on", "high", 2048)),
        (Reasoning("off"), NONE, Reasoning()),
        (Reasoning(), NONE, Reasoning()),
        (Reasoning(), ALWAYS_ON, Reasoning()),
        (Reasoning(show=True), CLAUDE_LEVELS, Reasoning(show=True)),
    ],
)
def test_what_a_model_takes_is_not_noted(asked: Reasoning, capabilities: Capabilities, found: Reasoning) -> None:
    assert fitted(asked, capabilities) == (found, [])


@pytest.mark.parametrize(
    "asked",
    [Reasoning("off"), Reasoning("on", budget=10**9), Reasoning(effort="max"), Reasoning("auto"), Reasoning("on")],
)
def test_a_model_that_is_not_known_is_asked_as_the_client_did(asked: Reasoning) -> None:
    assert fitted(asked, UNKNOWN, 100) == (asked, [])


def test_an_effort_that_was_asked_is_not_made_of_the_budget_beside_it() -> None:
    assert fitted(Reasoning("on", "low", 100000), CLAUDE_LEVELS)[0] == Reasoning("auto", "low")


def test_what_is_shown_stays_as_asked() -> None:
    asked = Reasoning("on", budget=8192, show=True, detail="concise")
    assert fitted(asked, CLAUDE_LEVELS)[0] == Reasoning("auto", "medium", show=True, detail="concise")


def test_a_budget_is_put_below_the_limit_of_output() -> None:
    assert fitted(Reasoning("on", budget=8192), CLAUDE_BUDGET, 4096)[0] == Reasoning("on", budget=4095)


def test_a_budget_below_the_limit_stays() -> None:
    assert fitted(Reasoning("on", budget=4095), CLAUDE_BUDGET, 4096) == (Reasoning("on", budget=4095), [])


def test_a_limit_below_the_smallest_budget_turns_thinking_off() -> None:
    reasoning, losses = fitted(Reasoning("on", budget=8192), CLAUDE_BUDGET, 1024)
    assert reasoning == Reasoning("off")
    assert [loss.emulated for loss in losses] == [False]


def test_a_budget_may_exceed_the_limit_where_the_vendor_does_not_mind() -> None:
    assert fitted(Reasoning("on", budget=8192), GEMINI_BUDGET, 100) == (Reasoning("on", budget=8192), [])


@pytest.mark.parametrize(
    ("asked", "capabilities", "will"),
    [
        (Reasoning("off"), ALWAYS_ON, False),
        (Reasoning(), ALWAYS_ON, True),
        (Reasoning(), TOLD_HOW_MUCH, False),
        (Reasoning(effort="low"), TOLD_HOW_MUCH, True),
        (Reasoning("on", "high"), NONE, False),
    ],
)
def test_whether_a_model_will_think(asked: Reasoning, capabilities: Capabilities, will: bool) -> None:
    assert thinks(asked, capabilities) is will


@st.composite
def reasonings(draw: st.DrawFn) -> Reasoning:
    modes: list[Literal["on", "auto", "off"] | None] = [None, "on", "auto", "off"]
    mode = draw(st.sampled_from(modes))
    shown = draw(st.none() | st.booleans())
    if mode == "off":
        return Reasoning("off", show=shown)
    effort = draw(st.none() | st.sampled_from(EFFORTS))
    return Reasoning(mode, effort, draw(st.none() | st.integers(1, 300_000)), shown)


@st.composite
def capabilities(draw: st.DrawFn) -> Capabilities:
    flags = {name: draw(st.booleans()) for name in ("thinks", "off", "adaptive", "budget_below_max_tokens")}
    efforts = tuple(effort for effort in EFFORTS if draw(st.booleans()))
    budget = draw(st.none() | st.just((128, 32768)) | st.just((1024, 128000)))
    return Capabilities(known=True, **flags, efforts=efforts, budget=budget)


limits = st.none() | st.integers(1, 200_000)


@given(reasonings(), capabilities(), limits)
def test_only_what_the_model_takes_is_left(asked: Reasoning, model: Capabilities, limit: int | None) -> None:
    found, _ = fitted(asked, model, limit)
    assert found.effort is None or found.effort in model.efforts
    assert found.budget is None or (model.budget is not None and model.budget[0] <= found.budget <= model.budget[1])
    assert found.mode != "off" or (model.off and model.thinks)
    assert found.mode != "auto" or model.adaptive
    if found.budget is not None and limit is not None and model.budget_below_max_tokens:
        assert found.budget < limit


def test_a_model_that_cannot_do_without_and_decides_itself_is_left_to_decide() -> None:
    """It was told to think, by a word that it has not."""
    model = Capabilities(known=True, thinks=True, off=False, adaptive=True, efforts=(), budget=None)
    found, _ = fitted(Reasoning("off"), model, None)
    assert (found.mode, found.show) == ("auto", False)


@given(reasonings(), capabilities(), limits)
def test_what_was_fitted_fits(asked: Reasoning, model: Capabilities, limit: int | None) -> None:
    found, _ = fitted(asked, model, limit)
    assert fitted(found, model, limit) == (found, [])
