"""Calls that another vendor's model made, before the vendor whose format tells them."""

from __future__ import annotations

import orjson
import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.shaping.changes import Change, Remove, Set
from cliproxy.translate.others_calls import changes_for_others_calls

USER: Json = {"role": "user", "parts": [{"text": "read"}]}
CALL: Json = {"functionCall": {"name": "read", "args": {}}}
SIGNED: Json = {"functionCall": {"name": "read", "args": {}}, "thoughtSignature": "c2ln"}
RESULT: Json = {"role": "user", "parts": [{"functionResponse": {"name": "read", "response": {}}}]}
SENTINEL = "skip_thought_signature_validator"

ASKED: Json = {"role": "user", "content": "read"}
THOUGHT: Json = {"type": "thinking", "thinking": "hm", "signature": "Eq"}
TOOL_USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
TOOL_RESULT: Json = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]}
BUDGET: Json = {"type": "enabled", "budget_tokens": 2048}


def told_of(format_name: str, document: object, model: str = "gemini-3-flash") -> tuple[list[Change], Losses]:
    losses = Losses()
    return list(changes_for_others_calls(format_name, orjson.dumps(document), model, losses)), losses


def gemini(*contents: Json, model: str = "gemini-3-flash") -> list[Change]:
    return told_of("gemini", {"contents": contents}, model)[0]


def anthropic(*messages: Json, **fields: Json) -> list[Change]:
    return told_of("anthropic", {"thinking": BUDGET, "messages": messages, **fields})[0]


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": [*parts]}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": [*blocks]}


# -- Gemini --------------------------------------------------------------------------------------------------------


def test_a_call_without_a_signature_gets_googles_word_for_it() -> None:
    assert gemini(USER, model({"text": "so"}, CALL), RESULT) == [
        Set(("contents", 1, "parts", 1, "thoughtSignature"), SENTINEL)
    ]


def test_that_is_named_as_an_emulation() -> None:
    _, losses = told_of("gemini", {"contents": [USER, model(CALL), RESULT]})
    assert [(loss.field, loss.emulated) for loss in losses] == [("contents.1", True)]


def test_of_parallel_calls_the_first_alone_needs_one() -> None:
    assert gemini(USER, model(SIGNED, CALL), RESULT) == []


def test_each_step_of_the_turn_needs_one() -> None:
    changed = gemini(USER, model(CALL), RESULT, model(SIGNED), RESULT, model(CALL), RESULT)
    assert [change.path[1] for change in changed] == [5, 1]


def test_turns_before_the_users_last_words_need_none() -> None:
    assert gemini(USER, model(CALL), RESULT, model({"text": "done"}), USER, model(SIGNED), RESULT) == []


def test_words_beside_a_result_begin_no_turn() -> None:
    beside: Json = {"role": "user", "parts": [*_parts(RESULT), {"text": "a reminder"}]}
    assert [change.path[1] for change in gemini(USER, model(CALL), beside)] == [1]


def _parts(content: Json) -> list[Json]:
    assert isinstance(content, dict)
    parts = content["parts"]
    assert isinstance(parts, list)
    return parts


def test_snake_case_is_read_too() -> None:
    called = model({"function_call": {"name": "read"}, "thought_signature": "c2ln"})
    assert gemini(USER, called, RESULT) == []
    assert len(gemini(USER, model({"function_call": {"name": "read"}}), RESULT)) == 1


def test_older_models_need_none() -> None:
    assert gemini(USER, model(CALL), RESULT, model="gemini-2.5-flash") == []


# -- Anthropic -----------------------------------------------------------------------------------------------------


def test_with_a_budget_a_turn_without_thinking_is_gone_on_with_without_it() -> None:
    """It is a 400 otherwise."""
    assert anthropic(ASKED, assistant(TOOL_USE), TOOL_RESULT) == [Remove(("thinking",))]


def test_that_is_named_as_a_loss() -> None:
    _, losses = told_of("anthropic", {"thinking": BUDGET, "messages": [ASKED, assistant(TOOL_USE), TOOL_RESULT]})
    assert [(loss.field, loss.emulated) for loss in losses] == [("thinking", False)]


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_a_turn_that_begins_with_thinking_goes_on(kind: str) -> None:
    assert anthropic(ASKED, assistant({"type": kind}, TOOL_USE), TOOL_RESULT) == []


def test_a_turn_that_is_over_does_not_matter() -> None:
    assert anthropic(ASKED, assistant(TOOL_USE), TOOL_RESULT, assistant({"type": "text", "text": "so"}), ASKED) == []


def test_the_operators_words_behind_the_result_do_not_hide_it() -> None:
    operator: Json = {"role": "system", "content": "be brief"}
    assert anthropic(ASKED, assistant(TOOL_USE), TOOL_RESULT, operator) == [Remove(("thinking",))]


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "disabled"}, None, "yes"])
def test_without_a_budget_nothing_is_wanted(thinking: Json) -> None:
    text: Json = {"type": "text", "text": '"budget_tokens"'}
    assert anthropic(ASKED, assistant(text, TOOL_USE), TOOL_RESULT, thinking=thinking) == []


def test_thinking_that_is_off_cannot_be_cleared_away() -> None:
    edits: Json = {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]}
    assert anthropic(ASKED, assistant(TOOL_USE), TOOL_RESULT, context_management=edits) == [
        Remove(("thinking",)),
        Remove(("context_management", "edits", 0)),
    ]


# -- others --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["openai-chat", "openai-responses"])
def test_openai_wants_nothing(format_name: str) -> None:
    assert told_of(format_name, {"messages": [ASKED], "input": []})[0] == []


@pytest.mark.parametrize(("format_name", "word"), [("gemini", "functionCall"), ("anthropic", "budget_tokens")])
def test_a_body_that_cannot_be_read_so_deep_passes(format_name: str, word: str) -> None:
    body = b'{"%b":{},"x":"\\"tool_result\\"","tool_result":%b%b}' % (word.encode(), b"[" * 5000, b"]" * 5000)
    assert list(changes_for_others_calls(format_name, body, "gemini-3-flash", Losses())) == []


@pytest.mark.parametrize("odd", [None, 7, "x", [], [None], [{"role": "model", "parts": 7}], [{"parts": [7]}]])
def test_odd_bodies_pass(odd: Json) -> None:
    assert told_of("gemini", {"contents": odd, "x": {"functionCall": 1}})[0] == []
    assert told_of("anthropic", {"messages": odd, "thinking": BUDGET, "x": {"tool_result": 1}})[0] == []
