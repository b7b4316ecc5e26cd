"""Positions in code points and in bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.formats.gemini.visible import MAX_KEPT_CHARACTERS, Visible, bytes_at, points_at


def test_bytes_become_code_points() -> None:
    assert points_at("a☕b".encode(), [0, 1, 4, 5]) == {0: 0, 1: 1, 4: 2, 5: 3}


def test_code_points_become_bytes() -> None:
    assert bytes_at("a☕b", [0, 1, 2, 3]) == {0: 0, 1: 1, 2: 4, 3: 5}


def test_what_lies_behind_the_end_is_nowhere() -> None:
    assert (points_at(b"ab", [3, -1]), bytes_at("ab", [3, -1])) == ({}, {})


@given(st.text(), st.data())
def test_the_way_there_and_back_ends_where_it_began(text: str, data: st.DataObject) -> None:
    point = data.draw(st.integers(0, len(text)))
    offset = bytes_at(text, [point])[point]
    assert points_at(text.encode(), [offset]) == {offset: point}


def test_pieces_are_one_text() -> None:
    visible = Visible()
    visible.add("na")
    visible.add("ïve")
    assert (visible.text(), visible.length) == ("naïve", 5)


def test_an_endless_text_is_not_kept() -> None:
    visible = Visible()
    visible.add("x" * (MAX_KEPT_CHARACTERS + 1))
    visible.add("y")
    assert visible.text() is None
