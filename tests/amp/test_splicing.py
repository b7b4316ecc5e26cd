"""Many values changed in one pass; the bytes around them stay."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.splicing import elements_of, in_elements, in_member, read

NUMBER = msgspec.json.Decoder(int)


def upper(value: bytes) -> bytes:
    return value.upper()


def without_nulls(element: bytes) -> bytes | None:
    return None if element == b"null" else element


# -- a member


def test_the_value_of_a_member_is_changed_and_nothing_else() -> None:
    assert in_member(b' { "a" : "x" ,\t"b":"x", "c":"x" } ', "b", upper) == b' { "a" : "x" ,\t"b":"X", "c":"x" } '


def test_a_member_of_the_same_value_elsewhere_is_not_taken_for_it() -> None:
    assert in_member(b'{"a":{"b":"x"},"b":"x"}', "b", upper) == b'{"a":{"b":"x"},"b":"X"}'


def test_a_key_may_be_spelled_with_escapes() -> None:
    assert in_member(b'{"\\u0062":"x"}', "b", upper) == b'{"\\u0062":"X"}'


def test_what_looks_like_a_key_in_a_text_is_none() -> None:
    assert in_member(b'{"a":"\\",\\"b\\":\\"x\\"","b":"x"}', "b", upper) == b'{"a":"\\",\\"b\\":\\"x\\"","b":"X"}'


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b"7", b'"b"', b"{}", b'{"a":"b"}', b'{"a":{"b":"x"}}', b'{"b":"x"} {', b'{"\xff":1}'],
)
def test_a_document_without_the_member_is_the_same_object(document: bytes) -> None:
    assert in_member(document, "b", upper) is document


def test_a_member_that_is_left_alone_leaves_the_same_object() -> None:
    document = b'{"b":"x"}'
    assert in_member(document, "b", lambda value: value) is document


def test_behind_a_key_that_stands_twice_nothing_is_changed() -> None:
    document = b'{"a":1,"a":2,"b":"x"}'
    assert in_member(document, "b", upper) is document


def test_nesting_without_end_is_borne() -> None:
    document = b'{"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert in_member(document, "b", upper) is document


# -- elements


def test_each_element_is_changed_where_it_stands() -> None:
    assert in_elements(b'[ "a","b" ,\n"c" ]', upper) == b'[ "A","B" ,\n"C" ]'


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (b"[null, 1, 2]", b"[1, 2]"),
        (b"[1, null , 2]", b"[1 , 2]"),
        (b"[1, 2 , null ]", b"[1, 2 ]"),
        (b"[ null,null ,1]", b"[ 1]"),
        (b"[1,null,null]", b"[1]"),
        (b"[ null ]", b"[  ]"),
        (b"[null,null]", b"[]"),
    ],
)
def test_an_element_is_taken_out_with_one_comma(array: bytes, told: bytes) -> None:
    assert in_elements(array, without_nulls) == told


@pytest.mark.parametrize("array", [b"", b"[", b"{}", b'"[]"', b"[]", b"[ ]", b"[1, 2]", b"[1,]"])
def test_what_needs_no_change_or_is_no_array_is_the_same_object(array: bytes) -> None:
    assert in_elements(array, without_nulls) is array


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(VALUES, max_size=6), indent=st.sampled_from([None, 0, 2]))
def test_taking_elements_out_is_what_it_is_to_the_parsed_list(values: list[object], indent: int | None) -> None:
    array = json.dumps(values, indent=indent).encode()
    told = in_elements(array, without_nulls)
    assert json.loads(told) == [value for value in values if value is not None]


@given(members=st.dictionaries(st.text(max_size=4), VALUES, max_size=6), indent=st.sampled_from([None, 0, 2]))
def test_a_member_is_found_wherever_it_stands(members: dict[str, object], indent: int | None) -> None:
    document = json.dumps(members, indent=indent).encode()
    for key in members:
        assert json.loads(in_member(document, key, lambda value: b'"changed"')) == {**members, key: "changed"}


# -- reading


def test_what_is_meant_is_read() -> None:
    assert read(NUMBER, b" 7 ") == 7


@pytest.mark.parametrize("text", [b"", b"x", b'"7"', b"7.5", b"\xff", b"[" * 100_000])
def test_anything_else_is_none(text: bytes) -> None:
    assert read(NUMBER, text) is None


def test_the_elements_of_what_is_no_array_are_none() -> None:
    assert elements_of(b'{"a":1}') == []
