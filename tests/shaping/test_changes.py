from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.shaping.changes import Change, Remove, Set, SetDefault, apply_to_document


@pytest.mark.parametrize(
    ("document", "change", "changed"),
    [
        ({"a": 1}, Set(("a",), 2), {"a": 2}),
        ({"a": 1}, Set(("b",), 2), {"a": 1, "b": 2}),
        ({}, Set(("a", "b", "c"), 1), {"a": {"b": {"c": 1}}}),
        ({"a": {"x": 0}}, Set(("a", "b"), 1), {"a": {"x": 0, "b": 1}}),
        ({"a": [{"x": 0}, {}]}, Set(("a", 1, "x"), 1), {"a": [{"x": 0}, {"x": 1}]}),
        ({"a": {"0": 1}}, Set(("a", 0), 2), {"a": {"0": 2}}),
        ({}, SetDefault(("a", "b"), 1), {"a": {"b": 1}}),
        ({"a": {}}, SetDefault(("a", "b"), 1), {"a": {"b": 1}}),
        ({"a": 0}, SetDefault(("a",), 1), {"a": 0}),
        ({"a": 1, "b": 2}, Remove(("a",)), {"b": 2}),
        ({"a": [1, 2, 3]}, Remove(("a", 1)), {"a": [1, 3]}),
        ({"a": {"b": 1}}, Remove(("a", "b")), {"a": {}}),
    ],
)
def test_a_change_is_made(document: dict[str, Json], change: Change, changed: dict[str, Json]) -> None:
    assert apply_to_document(document, [change]) == changed


@pytest.mark.parametrize(
    ("document", "change"),
    [
        ({"a": None}, SetDefault(("a",), 1)),
        ({"a": None}, SetDefault(("a", "b"), 1)),
        ({"a": "x"}, SetDefault(("a", "b"), 1)),
        ({"a": [1]}, SetDefault(("a", 1), 2)),
        ({"a": [1]}, Set(("a", 1), 2)),
        ({"a": [1]}, Set(("a", -1), 2)),
        ({"a": [1]}, Set(("a", "b"), 2)),
        ({}, Set(("a", 0), 2)),
        ({"a": 1}, Set(("a", 0), 2)),
        ({}, Remove(("a",))),
        ({"a": 1}, Remove(("a", "b"))),
        ({"a": [1]}, Remove(("a", 1))),
    ],
)
def test_what_does_not_fit_leaves_all_as_it_is(document: dict[str, Json], change: Change) -> None:
    assert apply_to_document(document, [change]) == document


@pytest.mark.parametrize("value", [None, 1, "x", False])
def test_a_plain_value_in_the_way_becomes_an_object(value: Json) -> None:
    assert apply_to_document({"a": value}, [Set(("a", "b"), 1)]) == {"a": {"b": 1}}


def test_changes_are_made_one_after_another() -> None:
    changes: list[Change] = [Set(("a",), {"b": 1}), Set(("a", "c"), 2), Remove(("a", "b"))]
    assert apply_to_document({}, changes) == {"a": {"c": 2}}


def test_the_document_that_is_given_stays() -> None:
    document: dict[str, Json] = {"a": {"b": [1, {"c": 2}]}}
    apply_to_document(document, [Set(("a", "b", 1, "c"), 3), Remove(("a", "b", 0)), Set(("z",), 1)])
    assert document == {"a": {"b": [1, {"c": 2}]}}


def test_a_path_without_steps_is_none() -> None:
    with pytest.raises(ValueError, match="path"):
        Set((), 1)
