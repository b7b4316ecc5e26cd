from __future__ import annotations

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.words import WORDS, at_most, bounded, bracketed, check_known, name_in, one_of, within
from cliproxy.demo.replies import Json


def node(value: Json) -> Node:
    return Node(value, ("field",), WORDS)


def test_a_path_has_brackets() -> None:
    assert bracketed(("messages", 0, "content", 1, "text")) == "messages[0].content[1].text"


def test_a_missing_field_is_told_with_its_code() -> None:
    mistake = WORDS.missing(("input",))
    assert isinstance(mistake, Mistake)
    assert (mistake.message, mistake.param, mistake.code) == (
        "Missing required parameter: 'input'.",
        "input",
        "missing_required_parameter",
    )


def test_a_word_that_is_not_supported_is_told() -> None:
    with pytest.raises(Mistake, match=r"Invalid value: 'c'\. Supported values are: 'a', and 'b'\."):
        one_of(node("c"), ("a", "b"))


@pytest.mark.parametrize("number", [0, 5])
def test_a_number_out_of_bounds_is_told(number: int) -> None:
    with pytest.raises(Mistake, match="Invalid 'field': integer"):
        within(node(number), 1, 4)


def test_a_string_that_is_too_long_is_told() -> None:
    with pytest.raises(Mistake, match="maximum length 2, but got a string with length 3"):
        at_most(node("abc"), 2)


def test_a_list_that_is_too_long_is_told() -> None:
    with pytest.raises(Mistake, match="maximum length 1, but got an array with length 2"):
        bounded(node([1, 2]).each(), node([1, 2]), 1)


@pytest.mark.parametrize("name", ["", "a b", "ä", "n" * 65])
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(Mistake, match=r"Invalid 'field\.name'"):
        name_in(node({"name": name}))


def test_an_unknown_field_is_told() -> None:
    with pytest.raises(Mistake, match=r"Unknown parameter: 'field\.b'\."):
        check_known(node({"a": 1, "b": 2}), frozenset({"a"}))
