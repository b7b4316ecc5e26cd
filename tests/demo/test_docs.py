from __future__ import annotations

from pathlib import Path

import pytest

from cliproxy.demo.answer import WIRES
from cliproxy.demo.script import DIRECTIVES
from cliproxy.demo.settings import FAULT_STATUSES, FAULTS, GEMINI_MODELS, MODELS, OPENAI_MODELS

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_every_directive_is_documented(directive: str) -> None:
    assert f"`[[{directive}]]`" in PAGE or f"`[[{directive}:" in PAGE


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_documented(fault: str) -> None:
    assert f"`{fault}`" in PAGE


@pytest.mark.parametrize("model", [*MODELS, *OPENAI_MODELS, *GEMINI_MODELS])
def test_every_model_is_documented(model: str) -> None:
    assert f"`{model}`" in PAGE


def test_no_fault_is_documented_that_is_not_there() -> None:
    rows = [line.split("|")[1] for line in PAGE.partition("## Faults")[2].splitlines() if line.startswith("| `")]
    named = {name.strip(" `") for row in rows for name in row.split(",")}
    assert named == {*FAULTS, *map(str, FAULT_STATUSES)}


@pytest.mark.parametrize("wire", WIRES)
def test_every_wire_is_documented(wire: str) -> None:
    assert NAMES[wire] in PAGE


NAMES = {
    "anthropic": "Anthropic Messages",
    "openai_chat": "OpenAI Chat Completions",
    "openai_responses": "OpenAI Responses",
    "gemini": "Gemini",
}
