from __future__ import annotations

from collections.abc import Mapping

import pytest

from cliproxy.config.schema import Payload, PayloadMatch, PayloadRule
from cliproxy.shaping.payload import apply_to_document, changes_for, parse_path
from cliproxy.shaping.spans import Path, Remove, Set, SetDefault


def rule(params: Mapping[str, object], name: str = "*", protocol: str = "") -> PayloadRule:
    return PayloadRule((PayloadMatch(name, protocol),), params)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("temperature", ("temperature",)),
        ("generationConfig.thinkingConfig.thinkingBudget", ("generationConfig", "thinkingConfig", "thinkingBudget")),
        ("messages.0.content", ("messages", 0, "content")),
        ("a.10", ("a", 10)),
        ("a.01", ("a", "01")),
        (r"fav\.movie.x", ("fav.movie", "x")),
        (r"a\\.b", ("a\\", "b")),
        (r"\*", ("*",)),
        ("a b.é", ("a b", "é")),
    ],
)
def test_a_path_is_read(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a\\", "tools.#.name", 'tools.#(x=="y")', "a*", "@this"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|query"):
        parse_path(text)


def test_each_kind_of_rule_has_its_change() -> None:
    payload = Payload(
        defaults=(rule({"a.b": 1}),),
        overrides=(rule({"c": {"d": 2}}),),
        filters=(PayloadRule((PayloadMatch("*"),), removed=("e", "f.0")),),
    )
    assert changes_for(payload, "m", "anthropic") == (
        SetDefault(("a", "b"), 1),
        Set(("c",), {"d": 2}),
        Remove(("e",)),
        Remove(("f", 0)),
    )


def test_the_first_default_wins() -> None:
    payload = Payload(defaults=(rule({"a": 1}), rule({"a": 2, "b": 3})))
    assert changes_for(payload, "m", "gemini") == (SetDefault(("a",), 1), SetDefault(("b",), 3))


def test_the_last_override_wins() -> None:
    payload = Payload(overrides=(rule({"a": 1, "b": 3}), rule({"a": 2})))
    assert changes_for(payload, "m", "gemini") == (Set(("b",), 3), Set(("a",), 2))


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-*", True),
        ("*-pro", True),
        ("*", True),
        ("gemini-2?5-pro", False),
        ("g", False),
    ],
)
def test_a_rule_is_for_the_models_that_its_pattern_means(pattern: str, is_meant: bool) -> None:
    payload = Payload(overrides=(rule({"a": 1}, pattern),))
    assert bool(changes_for(payload, "gemini-2.5-pro", "gemini")) is is_meant


@pytest.mark.parametrize(
    ("protocol", "is_meant"), [("", True), ("anthropic", True), ("openai-chat", False), ("gemini", False)]
)
def test_a_rule_is_for_the_wire_format_that_it_names(protocol: str, is_meant: bool) -> None:
    payload = Payload(overrides=(rule({"a": 1}, protocol=protocol),))
    assert bool(changes_for(payload, "m", "anthropic")) is is_meant


def test_one_of_several_models_is_enough() -> None:
    models = (PayloadMatch("x"), PayloadMatch("m", "anthropic"))
    assert changes_for(Payload(filters=(PayloadRule(models, removed=("a",)),)), "m", "anthropic") == (Remove(("a",)),)


def test_a_body_of_our_own_is_changed() -> None:
    payload = Payload(
        defaults=(rule({"temperature": 0.5, "top_p": 0.9}),), overrides=(rule({"thinking.type": "disabled"}),)
    )
    changed = apply_to_document({"temperature": 1}, changes_for(payload, "m", "anthropic"))
    assert changed == {"temperature": 1, "top_p": 0.9, "thinking": {"type": "disabled"}}
