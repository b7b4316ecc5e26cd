"""Fitting a client's own body to a model that it did not choose: what changes, and how each wire says it."""

from __future__ import annotations

import attrs
import pytest

from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Reasoning, Request, Sampling, ToolChoice
from cliproxy.shaping.changes import Remove, Set
from cliproxy.shaping.in_place import changes_between

ASKED = Request("anthropic", "m", (), sampling=Sampling(temperature=0.3, top_p=0.9), max_tokens=100_000)


def test_nothing_changes_where_nothing_was_fitted() -> None:
    assert changes_between("anthropic", ASKED, ASKED, {}) == ()


def test_sampling_that_is_refused_is_taken_out() -> None:
    fitted = attrs.evolve(ASKED, sampling=Sampling())
    assert changes_between("anthropic", ASKED, fitted, {}) == (Remove(("temperature",)), Remove(("top_p",)))


@pytest.mark.parametrize(
    ("wire", "free"), [("anthropic", {"type": "auto"}), ("openai-chat", "auto"), ("openai-responses", "auto")]
)
def test_a_choice_that_is_refused_becomes_free(wire: str, free: Json) -> None:
    asked = attrs.evolve(ASKED, tool_choice=ToolChoice("required"))
    fitted = attrs.evolve(ASKED, tool_choice=ToolChoice("auto"))
    assert changes_between(wire, asked, fitted, {}) == (Set(("tool_choice",), free),)


@pytest.mark.parametrize(("wire", "field"), [("anthropic", "max_tokens"), ("openai-responses", "max_output_tokens")])
def test_a_limit_that_is_too_high_is_lowered(wire: str, field: str) -> None:
    assert changes_between(wire, ASKED, attrs.evolve(ASKED, max_tokens=64), {}) == (Set((field,), 64),)


def test_thinking_is_written_as_the_model_takes_it() -> None:
    fitted = attrs.evolve(ASKED, reasoning=Reasoning("auto", "high"))
    changes = changes_between("anthropic", ASKED, fitted, {})
    assert changes == (Set(("thinking",), {"type": "adaptive"}), Set(("output_config", "effort"), "high"))
