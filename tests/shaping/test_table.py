from __future__ import annotations

import attrs
import pytest

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.shaping import table
from cliproxy.shaping.table import CapabilityTable, load_builtin, plain_name

BUILTIN = CapabilityTable(load_builtin())


def of(values: dict[str, object], model: str) -> Capabilities:
    return CapabilityTable((), values).of(model)


def test_a_model_that_nobody_knows_takes_everything() -> None:
    assert BUILTIN.of("llama-4-70b") == Capabilities()


@pytest.mark.parametrize(
    ("model", "context", "output"),
    [
        ("claude-opus-4-8", 1_000_000, 128_000),
        ("claude-haiku-4-5-20251001", 200_000, 64_000),
        ("claude-opus-4-1-20250805", 200_000, 32_000),
        ("claude-opus-4-20250514", 200_000, 32_000),
        ("gemini-2.5-pro", 1_048_576, 65_536),
        ("gpt-5.5", 1_050_000, 128_000),
        ("gpt-4o-mini", 128_000, 16_384),
        ("gpt-4.1-nano", 1_047_576, 32_768),
    ],
)
def test_limits(model: str, context: int, output: int) -> None:
    found = BUILTIN.of(model)
    assert (found.context_tokens, found.max_output_tokens) == (context, output)


@pytest.mark.parametrize(
    ("model", "budget"),
    [
        ("claude-sonnet-4-5", (1024, 128000)),
        ("claude-opus-4-6", (1024, 128000)),
        ("claude-opus-4-7", None),
        ("claude-opus-5", None),
        ("gemini-2.5-pro", (128, 32768)),
        ("gemini-2.5-flash", (1, 24576)),
        ("gemini-2.5-flash-lite", (512, 24576)),
        ("gemini-3-pro-preview", (128, 32768)),
        ("gemini-3.7-flash", (128, 65535)),
        ("gpt-5", None),
    ],
)
def test_budgets(model: str, budget: tuple[int, int] | None) -> None:
    assert BUILTIN.of(model).budget == budget


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("claude-opus-4-5", ""),
        ("claude-sonnet-4-6", "low medium high max"),
        ("claude-opus-4-8", "low medium high xhigh max"),
        ("claude-haiku-5-5", "low medium high xhigh max"),
        ("gemini-2.5-flash", ""),
        ("gemini-3-pro-preview", "low high"),
        ("gemini-3.1-pro-preview", "low medium high"),
        ("gemini-3-flash-preview", "minimal low medium high"),
        ("gemini-3.1-flash-lite-preview", "minimal high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("gpt-5.1", "low medium high"),
        ("gpt-5.2", "low medium high xhigh"),
        ("gpt-5.3-codex", "low medium high xhigh"),
        ("gpt-5.6-sol", "low medium high xhigh max"),
        ("o4-mini", "low medium high"),
        ("kimi-k3", "low high max"),
    ],
)
def test_efforts(model: str, efforts: str) -> None:
    assert " ".join(BUILTIN.of(model).efforts) == efforts


ALWAYS_ON = ("claude-fable-5", "claude-mythos-5", "claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-2")
ALWAYS_ON_ELSEWHERE = ("gemini-2.5-pro", "gemini-3-flash-preview", "gpt-5", "o3")
CAN_BE_OFF = ("claude-haiku-4-5", "claude-opus-4-7", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5", "gpt-5.1")


@pytest.mark.parametrize("model", [*ALWAYS_ON, *ALWAYS_ON_ELSEWHERE])
def test_models_that_always_think(model: str) -> None:
    assert not BUILTIN.of(model).off


@pytest.mark.parametrize("model", CAN_BE_OFF)
def test_models_that_can_be_stopped_from_thinking(model: str) -> None:
    assert BUILTIN.of(model).off


@pytest.mark.parametrize("model", ["claude-3-5-sonnet-20241022", "gpt-4o", "gemini-2.0-flash", "gpt-5-chat-latest"])
def test_models_that_do_not_think(model: str) -> None:
    assert not BUILTIN.of(model).thinks


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-sonnet-4-5", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("gpt-5", False),
        ("gpt-5.6-luna", False),
        ("gpt-5.1", True),
        ("gemini-3-pro-preview", True),
    ],
)
def test_sampling(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).sampling is takes


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-opus-5", True),
        ("claude-opus-5-5", False),
        ("claude-sonnet-5-5", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5", True),
        ("claude-fable-5-1", False),
    ],
)
def test_forced_tools(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).forced_tools is takes


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-8"])
def test_claude_cannot_be_forced_while_it_thinks(model: str) -> None:
    assert not BUILTIN.of(model).forced_tools_while_thinking


@pytest.mark.parametrize(
    ("model", "takes"),
    [("claude-opus-4-5", True), ("claude-opus-4-6", False), ("claude-opus-5-5", False), ("gemini-2.5-pro", False)],
)
def test_prefill(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).prefill is takes


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-sonnet-4-5", False),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8", True),
        ("claude-opus-5", True),
        ("claude-haiku-5-5", True),
        ("gpt-5.5", True),
        ("gemini-3-pro-preview", False),
    ],
)
def test_system_in_mid_conversation(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).system_anywhere is takes


@pytest.mark.parametrize(
    ("model", "takes"), [("claude-3-haiku-20240307", False), ("claude-sonnet-4-0", False), ("claude-sonnet-4-5", True)]
)
def test_schemas(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).structured is takes


@pytest.mark.parametrize(("model", "takes"), [("gpt-5.2", True), ("gpt-5.4-mini", False), ("gpt-5.6-terra", False)])
def test_reasoning_with_tools_on_chat(model: str, takes: bool) -> None:
    assert BUILTIN.of(model).reasoning_with_tools is takes


@pytest.mark.parametrize("entry", load_builtin(), ids=lambda entry: entry.pattern)
def test_every_pattern_of_the_builtin_table_is_reachable(entry: table.Entry) -> None:
    """And its thinking is consistent: a model that thinks takes an effort, a budget, or decides by itself."""
    found = BUILTIN.of(entry.pattern.replace("*", ""))
    expected = CapabilityTable((attrs.evolve(entry, pattern="x"),)).of("x")
    assert found == expected
    assert not found.thinks or not found.known or found.efforts or found.budget or found.adaptive


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
        ("us.anthropic.claude-opus-4-6-v1:0", "claude-opus-4-6-v1:0"),
        ("Claude-Opus-4-6", "claude-opus-4-6"),
        ("google/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-5.1", "gpt-5.1"),
    ],
)
def test_a_resellers_name_is_understood(model: str, name: str) -> None:
    assert plain_name(model) == name


def test_the_most_specific_pattern_wins() -> None:
    values: dict[str, object] = {"a*": {"prefill": False}, "a-b*": {"sampling": False}, "*": {"structured": False}}
    assert of(values, "a-b-c") == Capabilities(sampling=False)


def test_what_the_configuration_says_goes_over_the_builtin_table() -> None:
    found = CapabilityTable(load_builtin(), {"claude-opus-4-*": {"max-output-tokens": 5}}).of("claude-opus-4-6")
    assert found == attrs.evolve(BUILTIN.of("claude-opus-4-6"), max_output_tokens=5)


def test_a_resellers_own_name_can_be_spoken_of() -> None:
    assert of({"anthropic/claude-opus-4.6": {"prefill": True, "sampling": False}}, "anthropic/claude-opus-4.6") == (
        Capabilities(sampling=False)
    )


def test_who_says_how_a_model_thinks_makes_it_known() -> None:
    found = of({"my-model": {"efforts": ["high", "low"], "off": False}}, "my-model")
    assert found == Capabilities(known=True, off=False, efforts=("low", "high"))


def test_who_says_something_else_does_not() -> None:
    assert of({"my-model": {"max-output-tokens": 100}}, "my-model") == Capabilities(max_output_tokens=100)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"m": 5}, "translation.capabilities.m: a mapping"),
        ({"m": {"thinking": True}}, "translation.capabilities.m.thinking: unknown"),
        ({"m": {"prefill": "yes"}}, "translation.capabilities.m.prefill: true or false"),
        ({"m": {"max-output-tokens": 0}}, "translation.capabilities.m.max-output-tokens: a whole number"),
        ({"m": {"context-tokens": True}}, "translation.capabilities.m.context-tokens: a whole number"),
        ({"m": {"context-tokens": 1.5}}, "translation.capabilities.m.context-tokens: a whole number"),
        ({"m": {"efforts": ["huge"]}}, "translation.capabilities.m.efforts: a list of efforts"),
        ({"m": {"efforts": [["low"]]}}, "translation.capabilities.m.efforts: a list of efforts"),
        ({"m": {"efforts": "low"}}, "translation.capabilities.m.efforts: a list of efforts"),
        ({"m": {"budget": [1]}}, "translation.capabilities.m.budget: two whole numbers"),
        ({"m": {"budget": [5, 1]}}, "translation.capabilities.m.budget: the smallest"),
        ({"m": {"budget": ["1", 5]}}, "translation.capabilities.m.budget: a whole number"),
        ({"m": {7: True}}, "translation.capabilities.m.7: unknown"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CapabilityTable((), values)


def test_null_takes_a_limit_away() -> None:
    found = CapabilityTable(load_builtin(), {"claude-*": {"context-tokens": None, "budget": None}}).of(
        "claude-opus-4-6"
    )
    assert (found.context_tokens, found.budget) == (None, None)


def test_answers_are_remembered() -> None:
    assert BUILTIN.of("claude-opus-4-6") is BUILTIN.of("claude-opus-4-6")
