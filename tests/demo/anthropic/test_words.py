from __future__ import annotations

from cliproxy.demo.anthropic.words import WORDS, dotted


def test_a_path_has_dots() -> None:
    assert dotted(("messages", 0, "content")) == "messages.0.content"


def test_a_missing_field_is_required() -> None:
    assert WORDS.missing(("messages",)).message == "messages: Field required"


def test_a_wrong_type_is_told_by_what_it_should_be() -> None:
    assert WORDS.mistyped(("model",), "a string", 1).message == "model: Input should be a string"
