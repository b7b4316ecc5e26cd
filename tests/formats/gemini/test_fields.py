"""Reading protobuf JSON."""

from __future__ import annotations

import pytest

from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.fields import (
    a_flag,
    a_list,
    a_number,
    a_text,
    an_integer,
    an_object,
    field,
    merged,
    rest,
    snake,
    texts,
    whole_number,
)


def test_a_camel_case_name_has_a_snake_case_twin() -> None:
    assert snake("functionCallingConfig") == "function_calling_config"


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_a_field_is_found_in_either_spelling(name: str) -> None:
    assert field({name: "x"}, "thoughtSignature") == "x"


def test_null_counts_as_absent() -> None:
    assert field({"topP": None, "top_p": 0.5}, "topP") == 0.5


def test_the_rest_is_without_either_spelling_of_what_is_known() -> None:
    document = {"topP": 1, "top_k": 2, "mediaResolution": "LOW", "seed": None}
    assert rest(document, ("topP", "topK")) == {"mediaResolution": "LOW"}


def test_objects_are_merged_to_any_depth() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}) == {"a": {"b": 1, "c": 3, "d": 4}}


def test_a_single_object_counts_as_a_list_of_one() -> None:
    assert a_list({"text": "x"}, "parts") == ({"text": "x"},)


def test_a_whole_float_is_an_integer() -> None:
    assert an_integer(64.0, "topK") == 64


def test_an_integer_may_come_as_text() -> None:
    assert an_integer("9007199254740993", "seed") == 9007199254740993


def test_a_number_may_come_as_text() -> None:
    assert a_number("0.5", "topP") == 0.5


@pytest.mark.parametrize("value", ["nan", "inf", "", "x", True, [], "9" * 100])
def test_what_is_no_number_is_none(value: object) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (an_object, [], "a.b: An object was expected."),
        (a_list, "x", "a.b: A list was expected."),
        (a_text, 3, "a.b: A string was expected."),
        (a_flag, "yes", "a.b: A boolean was expected."),
        (a_number, "x", "a.b: A number was expected."),
        (an_integer, 1.5, "a.b: An integer was expected."),
    ],
)
def test_another_kind_of_value_is_refused_with_its_path(read: object, value: object, sentence: str) -> None:
    assert callable(read)
    with pytest.raises(BadRequest) as refused:
        read(value, "a.b")
    assert refused.value.message == sentence


def test_a_list_of_strings_names_the_one_that_is_none() -> None:
    with pytest.raises(BadRequest, match=r"stop\.1: A string was expected\."):
        texts(["a", 1], "stop")
