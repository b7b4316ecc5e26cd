from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses import fields


def test_a_mistake_is_told_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"^input\.3\.call_id: A string was expected\.$"):
        fields.text(7, "input.3.call_id")


def test_an_absent_text_is_empty() -> None:
    assert fields.optional_text(None, "x") == ""


def test_a_whole_number_with_a_point_is_an_integer() -> None:
    assert fields.integer(100.0, "x") == 100


@pytest.mark.parametrize("value", ["100", True, 1.5, []])
def test_what_is_no_integer_is_refused(value: Json) -> None:
    with pytest.raises(BadRequest, match=r"x: An integer was expected\."):
        fields.integer(value, "x")


def test_a_number_in_quotes_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"temperature: A number was expected\."):
        fields.number("0.5", "temperature")


def test_one_is_not_true() -> None:
    with pytest.raises(BadRequest, match=r"stream: A boolean was expected\."):
        fields.flag(1, "stream")


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match=r"x: One of a, b was expected\."):
        fields.one_of("c", "x", ("a", "b"))


def test_a_list_is_no_object() -> None:
    with pytest.raises(BadRequest, match=r"x: An object was expected\."):
        fields.mapping([], "x")


def test_an_absent_object_is_empty() -> None:
    assert fields.optional_mapping(None, "x") == {}


def test_an_object_is_no_list() -> None:
    with pytest.raises(BadRequest, match=r"x: An array was expected\."):
        fields.sequence({}, "x")


def test_an_absent_list_is_empty() -> None:
    assert fields.sequence(None, "x") == []
