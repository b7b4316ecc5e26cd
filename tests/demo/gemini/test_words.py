from __future__ import annotations

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.gemini.words import WORDS, check_names, dotted, number, snake
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest


def node(value: Json) -> Node:
    return Node(value, ("generationConfig",), WORDS)


def test_names_come_in_two_spellings() -> None:
    assert snake("systemInstruction") == "system_instruction"
    assert node({"top_k": 1}).need("topK").value == 1
    assert node({"topK": 1}).need("topK").value == 1


def test_a_path_is_told_in_snake_case() -> None:
    assert dotted(("contents", 0, "parts", 1, "functionCall")) == "contents[0].parts[1].function_call"


@pytest.mark.parametrize("fields", [{"topK": 1}, {"top_k": 1}])
def test_a_known_name_is_taken(fields: Json) -> None:
    check_names(node(fields), ("topK",))


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(Mistake, match="Unknown name \"top_z\" at 'generation_config': Cannot find field"):
        check_names(node({"top_z": 1}), ("topK",))


@pytest.mark.parametrize(("value", "read"), [(5, 5), ("5", 5), ("-1", -1)])
def test_a_number_may_be_a_string(value: Json, read: int) -> None:
    assert number(node(value)) == read


@pytest.mark.parametrize("value", ["five", "", 1.5, True, None, [1], "9" * 40])
def test_what_is_no_number_is_told(value: Json) -> None:
    with pytest.raises(BadRequest, match="generation_config"):
        number(node(value))


def test_a_list_in_place_of_one_value_is_told_as_protobuf_does() -> None:
    assert "Proto field is not repeating" in WORDS.mistyped(("type",), "a string", ["a"]).message
