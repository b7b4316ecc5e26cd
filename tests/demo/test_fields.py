from __future__ import annotations

from collections.abc import Sequence

import pytest

from cliproxy.demo.fields import Node, Path, kind_of, read_object, size_of
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest


class _Plain:
    """Words that say no more than they must."""

    def spellings(self, name: str) -> Sequence[str]:
        return (name, name.upper())

    def unreadable(self, why: str) -> BadRequest:
        return BadRequest("unreadable")

    def missing(self, path: Path) -> BadRequest:
        return BadRequest(f"missing {path}")

    def mistyped(self, path: Path, expected: str, value: Json) -> BadRequest:
        return BadRequest(f"{path} is {kind_of(value)}, not {expected}")


def node(value: Json) -> Node:
    return Node(value, (), _Plain())


def test_a_field_knows_its_path() -> None:
    assert node({"a": [{"b": 1}]}).need("a").each()[0].need("b").path == ("a", 0, "b")


def test_a_field_that_is_null_is_absent() -> None:
    assert node({"a": None}).at("a") is None


def test_a_missing_field_is_told() -> None:
    with pytest.raises(BadRequest, match="missing"):
        node({}).need("a")


def test_a_field_may_be_spelled_in_another_way() -> None:
    assert node({"A": "x"}).text_at("a") == "x"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": 1}, "is an integer, not a string"),
        ({"a": True}, "is a boolean, not a string"),
        ({"a": []}, "is an array, not a string"),
    ],
)
def test_a_value_of_another_kind_is_told(value: Json, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        node(value).text_at("a")


def test_true_is_no_integer() -> None:
    with pytest.raises(BadRequest):
        node(True).integer()


def test_one_is_no_boolean() -> None:
    with pytest.raises(BadRequest):
        node({"a": 1}).flag_at("a")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_object(body, _Plain())


def test_a_size_is_that_of_compact_json() -> None:
    assert size_of({"a": 1}, None, "ß") == 7 + 4
