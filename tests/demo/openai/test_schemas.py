from __future__ import annotations

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.schemas import Whose, check_strict
from cliproxy.demo.openai.words import WORDS
from cliproxy.demo.replies import Json, JsonObject

CLOSED: JsonObject = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
OPEN: JsonObject = {"type": "object", "properties": {}, "required": []}


def check(schema: Json, strict: Json = True) -> None:
    holder = Node({"strict": strict, "parameters": schema}, ("tools", 0), WORDS)
    check_strict(holder, "parameters", Whose("function 'f'", "tools[0].parameters"))


def with_property(schema: JsonObject) -> JsonObject:
    return {**CLOSED, "properties": {"a": schema}, "required": ["a"]}


@pytest.mark.parametrize("schema", [CLOSED, with_property({"type": "string"}), with_property(CLOSED)])
def test_a_closed_schema_is_taken(schema: JsonObject) -> None:
    check(schema)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (OPEN, r"context=\(\)"),
        (with_property(OPEN), r"context=\('properties', 'a'\)"),
        (with_property({"type": "array", "items": OPEN}), r"context=\('properties', 'a', 'items'\)"),
        (with_property({"anyOf": [CLOSED, OPEN]}), r"context=\('properties', 'a', 'anyOf', '1'\)"),
        ({**CLOSED, "$defs": {"b": OPEN}}, r"context=\('\$defs', 'b'\)"),
    ],
)
def test_an_open_object_is_named_by_its_place(schema: JsonObject, place: str) -> None:
    with pytest.raises(Mistake, match=f"{place}, 'additionalProperties' is required"):
        check(schema)


def test_a_property_left_to_choice_is_named() -> None:
    with pytest.raises(Mistake, match="Missing 'a'"):
        check({**with_property({"type": "string"}), "required": []})


def test_the_root_is_an_object() -> None:
    with pytest.raises(Mistake, match="'type' is required to be 'object'"):
        check({"type": "array"})


@pytest.mark.parametrize("strict", [None, False])
def test_a_schema_that_is_not_strict_is_not_looked_at(strict: Json) -> None:
    check(OPEN, strict)
