"""JSON for translation: every digit survives."""

from __future__ import annotations

import pytest

from cliproxy.formats.jsontext import dumps, loads, object_of, raw_object, text_of

BIG = 123456789012345678901234567890


def test_an_integer_beyond_64_bits_survives() -> None:
    assert loads(dumps({"n": BIG})) == {"n": BIG}


def test_text_is_not_escaped_beyond_need() -> None:
    assert text_of({"a": "<é☕>"}) == '{"a":"<é☕>"}'


@pytest.mark.parametrize("text", ["{", "", "nul", '{"a":1}x', "[" * 5000])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_arguments_are_an_empty_object(blank: str) -> None:
    assert object_of(blank) == {}


@pytest.mark.parametrize("arguments", ["[1]", '"text"', "{broken", "null"])
def test_arguments_that_are_no_object_are_none(arguments: str) -> None:
    assert object_of(arguments) is None


def test_arguments_are_written_as_they_stand() -> None:
    arguments = f'{{"b": 1.50, "a": {BIG}}}'
    assert dumps({"input": raw_object(arguments)}) == f'{{"input":{arguments}}}'.encode()


def test_arguments_that_are_no_object_are_kept_all_the_same() -> None:
    assert dumps(raw_object("{broken")) == b'{"_raw":"{broken"}'


def test_blank_arguments_are_written_as_an_empty_object() -> None:
    assert dumps(raw_object(" ")) == b"{}"
