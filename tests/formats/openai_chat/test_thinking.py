from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import Blob, Thinking
from cliproxy.formats.openai_chat.thinking import detail_for, thinking_of


def encrypted(data: str, **more: object) -> dict[str, object]:
    return {"type": "reasoning.encrypted", "data": data, **more}


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_the_text_has_two_names(key: str) -> None:
    assert thinking_of({key: "hm"}) == [Thinking("hm")]


def test_the_same_text_under_both_is_one() -> None:
    assert thinking_of({"reasoning_content": "hm", "reasoning": "hm"}) == [Thinking("hm")]


def test_what_is_alone_belongs_to_the_whole_text() -> None:
    assert thinking_of({"reasoning_content": "hm", "reasoning_details": [encrypted("b")]}) == [
        Thinking("hm", Blob("b"))
    ]


def test_each_stretch_has_its_own() -> None:
    details = [encrypted("1", start=0, end=2), encrypted("2", start=4, end=6)]
    assert thinking_of({"reasoning_content": "hm\n\nso", "reasoning_details": details}) == [
        Thinking("hm", Blob("1")),
        Thinking("so", Blob("2")),
    ]


def test_stretches_without_one_stand_between() -> None:
    details = [encrypted("1", start=3, end=4)]
    assert thinking_of({"reasoning_content": "a\n\nb\n\nc", "reasoning_details": details}) == [
        Thinking("a"),
        Thinking("b", Blob("1")),
        Thinking("c"),
    ]


def test_what_is_redacted_has_no_text() -> None:
    assert thinking_of({"reasoning": "hm", "reasoning_details": [encrypted("b", redacted=True)]}) == [
        Thinking("", Blob("b"), redacted=True),
        Thinking("hm"),
    ]


@pytest.mark.parametrize(("start", "end"), [(5, 9), (-1, 2), (2, 1), (0, 3)])
def test_positions_outside_of_the_text_claim_none_of_it(start: int, end: int) -> None:
    details = [encrypted("b", start=start, end=end)]
    assert thinking_of({"reasoning": "hm", "reasoning_details": details}) == [Thinking("", Blob("b")), Thinking("hm")]


def test_texts_with_signatures_win_over_the_joined_text() -> None:
    details = [
        {"type": "reasoning.text", "text": "a", "signature": "1", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": None, "index": 1},
    ]
    assert thinking_of({"reasoning": "ab", "reasoning_details": details}) == [Thinking("a", Blob("1")), Thinking("b")]


def test_pieces_of_one_text_are_joined() -> None:
    details = [
        {"type": "reasoning.text", "text": "a", "index": 0},
        {"type": "reasoning.text", "text": "b", "index": 0},
        {"type": "reasoning.text", "signature": "1", "index": 0},
    ]
    assert thinking_of({"reasoning_details": details}) == [Thinking("ab", Blob("1"))]


def test_a_summary_goes_with_what_is_encrypted_behind_it() -> None:
    details = [{"type": "reasoning.summary", "summary": "s", "index": 0}, encrypted("b", index=0)]
    assert thinking_of({"reasoning_details": details}) == [Thinking("s", Blob("b"))]


@pytest.mark.parametrize(
    "message", [{}, {"reasoning": 3}, {"reasoning_details": {}}, {"reasoning_details": [3, {}, {"text": 3}]}]
)
def test_garbage_is_no_thinking(message: dict[str, object]) -> None:
    assert thinking_of(message) == []


texts = st.text("ab\n ", max_size=6)


@given(st.lists(st.tuples(texts, st.booleans()), max_size=4))
def test_what_was_told_in_one_text_is_taken_apart_again(stretches: list[tuple[str, bool]]) -> None:
    whole, details, expected = "", [], []
    for number, (text, redacted) in enumerate(stretches):
        text = "" if redacted else text
        whole += "\n\n" if whole and text else ""
        span = None if redacted else (len(whole), len(whole) + len(text))
        whole += text
        details.append(detail_for(Blob(str(number)), number, span))
        expected.append(Thinking(text, Blob(str(number)), redacted=redacted))
    assert thinking_of({"reasoning_content": whole, "reasoning_details": details}) == expected
