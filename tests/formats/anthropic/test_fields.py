from __future__ import annotations

from collections.abc import Callable

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.fields import (
    as_list,
    as_object,
    as_text,
    maybe_count,
    maybe_flag,
    maybe_list,
    maybe_number,
    maybe_object,
    maybe_text,
    note_unread,
    texts,
)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (as_object, [], "An object"),
        (as_list, {}, "A list"),
        (as_text, 7, "A string"),
        (maybe_object, "x", "An object"),
        (maybe_list, "x", "A list"),
        (maybe_text, [], "A string"),
        (maybe_flag, "true", "A boolean"),
        (maybe_flag, 1, "A boolean"),
        (maybe_count, True, "An integer of at least 0"),
        (maybe_count, "7", "An integer of at least 0"),
        (maybe_count, -1, "An integer of at least 0"),
        (maybe_count, 1.5, "An integer of at least 0"),
        (maybe_number, "0.5", "A number"),
        (maybe_number, False, "A number"),
        (maybe_number, 10**400, "A smaller number"),
    ],
)
def test_another_kind_of_value_is_refused_with_its_path(
    read: Callable[[Json, str], object], value: Json, expected: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        read(value, "a.0.b")
    assert caught.value.message == f"a.0.b: {expected} was expected."


@pytest.mark.parametrize(
    ("read", "nothing"),
    [
        (maybe_object, {}),
        (maybe_list, ()),
        (maybe_text, ""),
        (maybe_flag, None),
        (maybe_count, None),
        (maybe_number, None),
        (texts, ()),
    ],
)
def test_null_is_as_if_nothing_had_been_said(read: Callable[[Json, str], object], nothing: object) -> None:
    assert read(None, "a") == nothing


def test_an_integer_may_have_a_least_value() -> None:
    with pytest.raises(BadRequest, match="a: An integer of at least 1 was expected"):
        maybe_count(0, "a", least=1)


def test_an_integer_of_any_size_is_kept() -> None:
    assert maybe_count(2**70, "a") == 2**70


def test_a_list_of_texts_names_the_one_that_is_none() -> None:
    with pytest.raises(BadRequest, match=r"stop_sequences\.1: A string was expected"):
        texts(["a", 7], "stop_sequences")


def test_fields_that_are_not_read_are_named() -> None:
    losses = Losses()
    note_unread({"type": "image", "transformations": {}, "other": None}, frozenset({"type"}), "messages.0", losses)
    assert [loss.field for loss in losses.dropped] == ["messages.0.transformations"]
