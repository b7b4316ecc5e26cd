from __future__ import annotations

import pytest

from cliproxy.formats.openai_chat.marks import mark
from cliproxy.formats.wire import Mark


def of_delta(delta: object, finish_reason: object = None) -> Mark:
    return mark({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def test_the_role_alone_opens() -> None:
    assert of_delta({"role": "assistant", "content": "", "refusal": None}) is Mark.OPENING


def test_a_chunk_without_choices_opens() -> None:
    assert mark({"choices": [], "usage": {"prompt_tokens": 1}}) is Mark.OPENING


@pytest.mark.parametrize("delta", [{"content": "a"}, {"tool_calls": [{}]}, {"reasoning_content": "a"}, {"news": 1}])
def test_anything_else_in_a_delta_is_content(delta: dict[str, object]) -> None:
    assert of_delta(delta) is Mark.CONTENT


def test_a_finish_reason_ends() -> None:
    assert of_delta({}, "stop") is Mark.ENDING


def test_an_empty_finish_reason_is_none() -> None:
    assert of_delta({"content": "a"}, "") is Mark.CONTENT


@pytest.mark.parametrize("event", [{"error": {"message": "Alas."}}, {"error": "Alas."}, {"object": "error"}])
def test_an_error_fails(event: dict[str, object]) -> None:
    assert mark(event) is Mark.FAILED


@pytest.mark.parametrize("event", [{}, {"choices": None}, {"choices": ["x"]}, {"choices": [{"delta": "x"}]}])
def test_garbage_opens(event: dict[str, object]) -> None:
    assert mark(event) is Mark.OPENING
