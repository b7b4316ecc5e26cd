"""Header lines behave as Twisted's `Headers` do, without copying and cleaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from cliproxy.upstream.headers import HeaderLines

LINES = ((b"a", b"1"), (b"b", b"2"), (b"a", b"3"))


def test_lines_keep_their_order() -> None:
    assert list(HeaderLines(LINES).getAllRawHeaders()) == [(b"a", (b"1",)), (b"b", (b"2",)), (b"a", (b"3",))]


@pytest.mark.parametrize("name", [b"A", b"a"])
def test_names_are_found_in_any_case(name: bytes) -> None:
    headers = HeaderLines(LINES)
    assert headers.hasHeader(name)
    assert headers.getRawHeaders(name) == [b"1", b"3"]


def test_asked_in_text_it_answers_in_text() -> None:
    assert HeaderLines(LINES).getRawHeaders("A") == ["1", "3"]


def test_a_missing_name_gives_the_default() -> None:
    headers = HeaderLines(LINES)
    assert (headers.getRawHeaders(b"c"), headers.getRawHeaders(b"c", [b"d"])) == (None, [b"d"])
    assert not headers.hasHeader(b"c")


def test_setting_a_name_replaces_all_its_lines() -> None:
    headers = HeaderLines(LINES)
    headers.setRawHeaders(b"A", [b"4", "5"])
    assert headers.lines == ((b"b", b"2"), (b"a", b"4"), (b"a", b"5"))


def test_a_copy_is_on_its_own() -> None:
    headers = HeaderLines(LINES)
    copied = headers.copy()
    copied.removeHeader(b"A")
    copied.addRawHeader("C", "6")
    assert headers.lines == LINES
    assert copied.lines == ((b"b", b"2"), (b"c", b"6"))


def test_values_do_not_print() -> None:
    assert repr(HeaderLines([(b"x-api-key", b"sk-secret")])) == "<1 header lines>"


NAMES = st.sampled_from([b"A", b"a", b"B-c", b"b-C"])
VALUES = st.sampled_from([b"", b"x", b"y; z"])


@given(st.lists(st.tuples(st.sampled_from(["add", "set", "remove"]), NAMES, VALUES)))
def test_any_changes_leave_what_twisteds_headers_hold(changes: list[tuple[str, bytes, bytes]]) -> None:
    ours, theirs = HeaderLines(), Headers()
    for verb, name, value in changes:
        for headers in (ours, theirs):
            if verb == "add":
                headers.addRawHeader(name, value)
            elif verb == "set":
                headers.setRawHeaders(name, [value])
            else:
                headers.removeHeader(name)
    for name in (b"a", b"b-c"):
        assert ours.getRawHeaders(name) == theirs.getRawHeaders(name)
        assert ours.hasHeader(name) == theirs.hasHeader(name)
