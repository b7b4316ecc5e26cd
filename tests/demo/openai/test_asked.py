from __future__ import annotations

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.asked import structure, thinks
from cliproxy.demo.openai.words import WORDS
from cliproxy.demo.replies import Json


def node(value: Json) -> Node:
    return Node(value, ("format",), WORDS)


@pytest.mark.parametrize(("effort", "thinking"), [("none", False), ("minimal", True), ("max", True)])
def test_an_effort_asks_for_reasoning(effort: str, thinking: bool) -> None:
    assert thinks(node(effort)) is thinking


def test_no_effort_asks_for_none() -> None:
    assert not thinks(None)


def test_a_schema_stands_in_the_format_or_under_a_name() -> None:
    held: Json = {"name": "a", "schema": {"type": "object"}}
    assert structure(node({"type": "json_schema", "json_schema": held}), "json_schema", b"") == (
        True,
        {"type": "object"},
    )
    assert structure(node({"type": "json_schema", "name": "a", "schema": {"const": 1}}), None, b"") == (
        True,
        {"const": 1},
    )


def test_json_without_a_schema_must_be_spoken_of() -> None:
    assert structure(node({"type": "json_object"}), None, b"as JSON") == (True, {"type": "object"})
    with pytest.raises(Mistake, match="must contain the word 'json'"):
        structure(node({"type": "json_object"}), None, b"as YAML")


def test_text_is_no_structure() -> None:
    assert structure(None, None, b"") == structure(node({"type": "text"}), None, b"") == (False, None)
