from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.caching import limit_marks, originate_marks, read_mark, write_mark

MARK: Json = {"type": "ephemeral"}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, marked: bool = False) -> dict[str, Json]:
    made: dict[str, Json] = {"type": "text", "text": words}
    return {**made, "cache_control": dict(MARK)} if marked and isinstance(MARK, dict) else made


@pytest.mark.parametrize(
    ("control", "mark"),
    [
        (None, None),
        ({"type": "ephemeral"}, CacheMark()),
        ({"type": "ephemeral", "ttl": None}, CacheMark()),
        ({"type": "ephemeral", "ttl": "5m"}, CacheMark("5m")),
        ({"type": "ephemeral", "ttl": "1h"}, CacheMark("1h")),
    ],
)
def test_a_mark_is_read(control: Json, mark: CacheMark | None) -> None:
    losses = Losses()
    assert read_mark(control, "a.cache_control", losses) == mark
    assert not len(losses)


@pytest.mark.parametrize("ttl", ["2d", 7, {}])
def test_a_lifetime_that_nobody_knows_is_named(ttl: Json) -> None:
    losses = Losses()
    assert read_mark({"type": "ephemeral", "ttl": ttl}, "a.cache_control", losses) == CacheMark()
    assert [loss.field for loss in losses.dropped] == ["a.cache_control.ttl"]


def test_a_mark_that_is_no_object_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"a\.cache_control: An object was expected"):
        read_mark("ephemeral", "a.cache_control", Losses())


def test_a_scope_is_named_as_lost() -> None:
    losses = Losses()
    read_mark({"type": "ephemeral", "scope": "global"}, "a.cache_control", losses)
    assert [loss.field for loss in losses.dropped] == ["a.cache_control.scope"]


def test_a_mark_is_written() -> None:
    assert write_mark(CacheMark()) == {"type": "ephemeral"}
    assert write_mark(CacheMark("1h")) == {"type": "ephemeral", "ttl": "1h"}


def test_marks_are_made_at_the_ends_of_tools_system_and_two_turns() -> None:
    body: dict[str, Json] = {
        "tools": [{"name": "a"}, {"name": "b"}],
        "system": [text("one"), text("two")],
        "messages": [
            user(text("1")),
            assistant(text("2")),
            user(text("3"), text("4")),
            assistant(text("5")),
            user(text("6")),
        ],
    }
    originate_marks(body)
    assert body == {
        "tools": [{"name": "a"}, {"name": "b", "cache_control": MARK}],
        "system": [text("one"), text("two", marked=True)],
        "messages": [
            user(text("1")),
            assistant(text("2")),
            user(text("3"), text("4", marked=True)),
            assistant(text("5")),
            user(text("6", marked=True)),
        ],
    }


def test_no_marks_are_made_where_there_is_one() -> None:
    body: dict[str, Json] = {"system": [text("one")], "messages": [user(text("1", marked=True), text("2"))]}
    originate_marks(body)
    assert body == {"system": [text("one")], "messages": [user(text("1", marked=True), text("2"))]}


def test_no_marks_are_made_beside_automatic_caching() -> None:
    body: dict[str, Json] = {"cache_control": MARK, "messages": [user(text("1"))]}
    originate_marks(body)
    assert body == {"cache_control": MARK, "messages": [user(text("1"))]}


def test_a_mark_within_a_tools_result_counts() -> None:
    result: Json = {"type": "tool_result", "tool_use_id": "a", "content": [text("1", marked=True)]}
    body: dict[str, Json] = {"messages": [user(result)]}
    originate_marks(body)
    assert body == {"messages": [user(result)]}


def test_of_too_many_marks_the_last_ones_stay() -> None:
    body: dict[str, Json] = {
        "tools": [{"name": "a", "cache_control": MARK}],
        "system": [text("s", marked=True)],
        "messages": [user(*(text(str(number), marked=True) for number in range(3)))],
    }
    losses = Losses()
    limit_marks(body, losses)
    assert body["tools"] == [{"name": "a"}]
    assert body["system"] == [text("s", marked=True)]
    assert [loss.field for loss in losses.dropped] == ["cache_control"]


def test_automatic_caching_takes_one_of_the_places() -> None:
    body: dict[str, Json] = {
        "cache_control": MARK,
        "messages": [user(*(text(str(number), marked=True) for number in range(4)))],
    }
    limit_marks(body, Losses())
    assert body["messages"] == [user(text("0"), *(text(str(number), marked=True) for number in range(1, 4)))]


def test_four_marks_are_borne() -> None:
    body: dict[str, Json] = {"messages": [user(*(text(str(number), marked=True) for number in range(4)))]}
    losses = Losses()
    limit_marks(body, losses)
    assert not len(losses)
