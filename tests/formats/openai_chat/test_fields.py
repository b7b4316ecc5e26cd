from __future__ import annotations

from collections.abc import Callable

import pytest

from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.fields import Place


def complaint(read: Callable[[], object]) -> str:
    with pytest.raises(BadRequest) as caught:
        read()
    return caught.value.message


def test_null_is_absent() -> None:
    place = Place({"x": None})
    assert (place.text("x"), place.flag("x"), place.number("x"), place.inner("x")) == (None, None, None, None)


def test_a_path_leads_to_the_field() -> None:
    place = Place({"a": [{"b": 3}]}).each("a")[0]
    assert complaint(lambda: place.text("b")) == "a.0.b: A string was expected."


def test_a_required_field_must_be_there() -> None:
    assert complaint(lambda: Place({}).required_text("model")) == "model: Field required."
    assert complaint(lambda: Place({}).required_inner("function")) == "function: Field required."


def test_a_required_text_must_say_something() -> None:
    assert complaint(lambda: Place({"x": ""}).required_text("x")) == "x: A non-empty string was expected."


def test_a_boolean_is_no_number() -> None:
    assert complaint(lambda: Place({"x": True}).number("x")) == "x: A number was expected."


def test_a_number_is_no_boolean() -> None:
    assert complaint(lambda: Place({"x": 1}).flag("x")) == "x: A boolean was expected."


def test_a_whole_float_is_an_integer() -> None:
    assert Place({"x": 3.0}).integer("x") == 3


def test_a_broken_float_is_not() -> None:
    assert complaint(lambda: Place({"x": 3.5}).integer("x")) == "x: An integer was expected."


def test_an_integer_has_a_least_value() -> None:
    assert complaint(lambda: Place({"x": 0}).integer("x", least=1)) == "x: An integer of at least 1 was expected."


def test_a_list_is_needed_where_one_belongs() -> None:
    assert complaint(lambda: Place({"x": {}}).each("x")) == "x: A list was expected."


def test_its_items_are_objects() -> None:
    assert complaint(lambda: Place({"x": [{}, 3]}).each("x")) == "x.1: An object was expected."


def test_one_text_is_a_list_of_one() -> None:
    assert Place({"x": "a"}).texts("x") == ("a",)


def test_empty_texts_do_not_count() -> None:
    assert Place({"x": ["a", ""]}).texts("x") == ("a",)


def test_a_list_of_other_things_is_refused() -> None:
    assert complaint(lambda: Place({"x": [1]}).texts("x")) == "x: A string or a list of strings was expected."


def test_an_object_is_carried_as_it_stands() -> None:
    assert Place({"x": {"a": 1}}).json_object("x") == {"a": 1}
    assert complaint(lambda: Place({"x": []}).json_object("x")) == "x: An object was expected."
