"""Parts as they stand on the wire."""

from __future__ import annotations

import pytest

from cliproxy.formats import jsontext
from cliproxy.formats.gemini.parts import args_of, call_part, is_told, text_part


def test_a_thought_is_marked_as_one() -> None:
    assert text_part("x", "c2ln", thought=True) == {"thought": True, "text": "x", "thoughtSignature": "c2ln"}


def test_the_id_of_a_call_is_told() -> None:
    assert call_part("c1", "f", {}) == {"functionCall": {"id": "c1", "name": "f", "args": {}}}


@pytest.mark.parametrize("call_id", ["", "call_none_0_1"])
def test_an_id_that_was_made_for_want_of_one_is_not_told(call_id: str) -> None:
    assert not is_told(call_id)
    assert call_part(call_id, "f", {}) == {"functionCall": {"name": "f", "args": {}}}


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ('{"n":12345678901234567890123}', b'{"n":12345678901234567890123}'),
        ('{"x": 1.50}', b'{"x": 1.50}'),
        ("", b"{}"),
        ("[1]", b'{"_raw":"[1]"}'),
        ('{"a', b'{"_raw":"{\\"a"}'),
        ('{\n "a": 1\r\n}', b'{"a":1}'),
    ],
)
def test_arguments_are_an_object_on_one_line(arguments: str, written: bytes) -> None:
    assert jsontext.dumps(args_of(arguments)) == written
