"""How much a model is asked to think, in the words that this model takes: effort or budget, on, off or as it likes."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.efforts import budget_for, effort_for, nearest
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.request import Effort, Reasoning

FIELD: Final = "thinking"
"""What losses are noted under: each wire has another name for it."""


def fit_reasoning(
    reasoning: Reasoning, capabilities: Capabilities, max_tokens: int | None, losses: Losses
) -> Reasoning:
    """What of it the model takes. `max_tokens` is the limit of output as it will be written, if one will.

    A model that is not known is asked as the client did. What is shown stays as asked, but for a model that does not
    think, and for one that thinks against the client's wish.
    """
    if not capabilities.known:
        return reasoning
    if not capabilities.thinks:
        if _asks(reasoning):
            losses.drop(FIELD, "the model does not think")
        return Reasoning()
    if reasoning.mode == "off":
        return _off(capabilities, max_tokens, losses)
    if reasoning.budget is not None:
        return _budget(reasoning, reasoning.budget, capabilities, max_tokens, losses)
    if reasoning.effort is not None:
        return _effort(reasoning, reasoning.effort, capabilities, max_tokens, losses)
    if reasoning.mode is None or capabilities.adaptive:
        return attrs.evolve(reasoning, mode=reasoning.mode and "auto")
    return _left_open(reasoning, capabilities, max_tokens, losses)


def thinks(reasoning: Reasoning, capabilities: Capabilities) -> bool:
    """Whether the model will think when it is asked so, as far as that is known."""
    if capabilities.known and not capabilities.thinks:
        return False
    return _asks(reasoning) or (reasoning.mode is None and capabilities.on_by_default)


def _asks(reasoning: Reasoning) -> bool:
    return reasoning.mode != "off" and (reasoning.mode, reasoning.effort, reasoning.budget) != (None, None, None)


def _off(capabilities: Capabilities, max_tokens: int | None, losses: Losses) -> Reasoning:
    if capabilities.off:
        return Reasoning("off")
    losses.emulate(FIELD, "the model cannot do without: as little as it takes, and hidden")
    if capabilities.efforts:
        return Reasoning(_mode(capabilities), capabilities.efforts[0], show=False)
    if capabilities.budget is not None:
        least, _ = capabilities.budget
        return _within(Reasoning("on", show=False), least, capabilities, max_tokens, losses)
    return Reasoning(_mode(capabilities), show=False)


def _budget(
    reasoning: Reasoning, budget: int, capabilities: Capabilities, max_tokens: int | None, losses: Losses
) -> Reasoning:
    if capabilities.budget is None:
        effort = reasoning.effort or effort_for(budget)
        if capabilities.efforts:
            losses.emulate(FIELD, "the model takes no budget: an effort instead")
        return _effort(reasoning, effort, capabilities, max_tokens, losses)
    effort_beside = reasoning.effort and capabilities.efforts and nearest(reasoning.effort, capabilities.efforts)
    return _within(attrs.evolve(reasoning, effort=effort_beside or None), budget, capabilities, max_tokens, losses)


def _effort(
    reasoning: Reasoning, effort: Effort, capabilities: Capabilities, max_tokens: int | None, losses: Losses
) -> Reasoning:
    if capabilities.efforts:
        found = nearest(effort, capabilities.efforts)
        if found != effort:
            losses.emulate(FIELD, f"the model does not know the effort {effort}: {found}")
        return attrs.evolve(reasoning, mode=_mode(capabilities), effort=found, budget=None)
    bare = attrs.evolve(reasoning, effort=None)
    if capabilities.budget is not None:
        losses.emulate(FIELD, "the model takes no effort: a budget instead")
        return _within(bare, budget_for(effort), capabilities, max_tokens, losses)
    losses.drop(FIELD, "the model takes neither effort nor budget")
    return attrs.evolve(bare, mode=_mode(capabilities), budget=None)


def _left_open(reasoning: Reasoning, capabilities: Capabilities, max_tokens: int | None, losses: Losses) -> Reasoning:
    """It is to think, but how much was left to a model that wants to be told: half of what it can."""
    if capabilities.efforts:
        effort = nearest("medium", capabilities.efforts)
        losses.emulate(FIELD, f"the model wants to be told how much: {effort}")
        return attrs.evolve(reasoning, mode="on", effort=effort)
    if capabilities.budget is not None:
        losses.emulate(FIELD, "the model wants to be told how much: half of what it can")
        half = sum(capabilities.budget) // 2
        if capabilities.budget_below_max_tokens and max_tokens is not None:
            half = max(min(half, max_tokens // 2), capabilities.budget[0])  # the answer needs room too
        return _within(reasoning, half, capabilities, max_tokens, losses)
    return attrs.evolve(reasoning, mode="on")


def _mode(capabilities: Capabilities) -> Literal["on", "auto"]:
    """How an effort is asked for: a model that may decide is left to, for some know no other way."""
    return "auto" if capabilities.adaptive else "on"


def _within(
    reasoning: Reasoning, budget: int, capabilities: Capabilities, max_tokens: int | None, losses: Losses
) -> Reasoning:
    assert capabilities.budget is not None
    least, most = capabilities.budget
    found = min(max(budget, least), most)
    if found != budget:
        losses.emulate(FIELD, f"the model takes budgets from {least} to {most}: {found}")
    if capabilities.budget_below_max_tokens and max_tokens is not None and found >= max_tokens:
        return _below(reasoning, max_tokens, least, capabilities, losses)
    return attrs.evolve(reasoning, mode="on", budget=found)


def _below(reasoning: Reasoning, max_tokens: int, least: int, capabilities: Capabilities, losses: Losses) -> Reasoning:
    if max_tokens > least:
        losses.emulate(FIELD, f"a budget must be below the limit of output: {max_tokens - 1}")
        return attrs.evolve(reasoning, mode="on", budget=max_tokens - 1)
    losses.drop(FIELD, f"the limit of output leaves no room for the smallest budget, {least}")
    return Reasoning("off") if capabilities.off else Reasoning()
