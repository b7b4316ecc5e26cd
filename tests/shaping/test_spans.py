from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest
from cliproxy.formats.jsontext import dumps, loads
from cliproxy.shaping.changes import applied
from cliproxy.shaping.spans import Change, Path, Remove, Set, SetDefault, edit


@pytest.mark.parametrize(
    ("body", "change", "edited"),
    [
        (b'{ "a" : 1 , "b" : 2 }', Set(("a",), 7), b'{ "a" : 7 , "b" : 2 }'),
        (b'{ "a" : 1 , "b" : 2 }', Set(("b",), {"x": "\xe9"}), '{ "a" : 1 , "b" : {"x":"é"} }'.encode()),
        (b'{ "a" : 1 }', Set(("b",), 2), b'{ "a" : 1,"b":2 }'),
        (b"{}", Set(("b",), 2), b'{"b":2}'),
        (b"{ }", Set(("b",), 2), b'{"b":2 }'),
        (b"{}", Set(("a", "b", "c"), None), b'{"a":{"b":{"c":null}}}'),
        (b'{"a":{}, "z":[]}', Set(("a", "b"), 1), b'{"a":{"b":1}, "z":[]}'),
        (b'{"a": null }', Set(("a", "b"), 1), b'{"a": {"b":1} }'),
        (b'{"a":[ {"x" :1}, {"x": 2} ]}', Set(("a", 1, "x"), 3), b'{"a":[ {"x" :1}, {"x": 3} ]}'),
        (b'{"a":1}', Set(('say "hi"',), 1), b'{"a":1,"say \\"hi\\"":1}'),
        (b'{"a":1}', SetDefault(("a",), 2), b'{"a":1}'),
        (b'{"a":1}', SetDefault(("b",), 2), b'{"a":1,"b":2}'),
        (b'{ "a":1, "b":2 ,\n"c":3 }', Remove(("a",)), b'{ "b":2 ,\n"c":3 }'),
        (b'{ "a":1, "b":2 ,\n"c":3 }', Remove(("b",)), b'{ "a":1, "c":3 }'),
        (b'{ "a":1, "b":2 ,\n"c":3 }', Remove(("c",)), b'{ "a":1, "b":2 }'),
        (b'{ "a":1 }', Remove(("a",)), b"{  }"),
        (b'{"x":[ 1 , 2 , 3 ]}', Remove(("x", 0)), b'{"x":[ 2 , 3 ]}'),
        (b'{"x":[ 1 , 2 , 3 ]}', Remove(("x", 2)), b'{"x":[ 1 , 2 ]}'),
        (b'{"x":[ 1 ]}', Remove(("x", 0)), b'{"x":[  ]}'),
        (b' [ {"a":1} ] ', Set((0, "a"), 2), b' [ {"a":2} ] '),
    ],
)
def test_a_change_is_made_in_place(body: bytes, change: Change, edited: bytes) -> None:
    assert edit(body, [change]) == edited


@pytest.mark.parametrize(
    ("body", "change", "edited"),
    [
        (b'{"a":1,"a":12}', Set(("a",), 3), b'{"a":3,"a":3}'),
        (b'{"a":12,"a":1}', Set(("a",), 3), b'{"a":3,"a":3}'),
        (b'{"a":{"x":[1]},"b":0,"a":"y"}', Set(("b",), 3), b'{"a":{"x":[1]},"b":3,"a":"y"}'),
        (b'{"a":{"x":"}"},"a":{"x":2}}', Set(("a", "x"), 3), b'{"a":{"x":3},"a":{"x":3}}'),
        (b'{"a":{},"a":{"x":2}}', SetDefault(("a", "x"), 3), b'{"a":{"x":3},"a":{"x":2}}'),
        (b'{"a":1,"b":2,"a":3}', Remove(("a",)), b'{"b":2}'),
        (b'{"b":2,"a":1,"a":3}', Remove(("a",)), b'{"b":2}'),
        (b'{"a":1, "a":3,"b":2}', Remove(("a",)), b'{"b":2}'),
        (b'{"a":1, "a":3}', Remove(("a",)), b"{}"),
    ],
)
def test_a_key_that_stands_twice_is_changed_wherever_it_stands(body: bytes, change: Change, edited: bytes) -> None:
    assert edit(body, [change]) == edited


@pytest.mark.parametrize("key", [b'"thinking"', b'"think\\u0069ng"', b'"\\u0074hinking"'])
def test_a_key_is_found_however_it_is_spelled(key: bytes) -> None:
    assert edit(b'{"x":1,%b:2}' % key, [Set(("thinking",), 3)]) == b'{"x":1,%b:3}' % key


def test_numbers_stay_as_they_are_written() -> None:
    rest = b'"x":[1.0,1.00,1e2,-0,1E+2,12345678901234567890123,1e999,0.1000000000000000055511151231257827]'
    assert edit(b'{"a":1,%b}' % rest, [Set(("a",), 2)]) == b'{"a":2,%b}' % rest


def test_changes_are_made_one_after_another() -> None:
    changes: list[Change] = [
        Set(("t",), {"type": "on"}),
        Set(("t", "n"), 5),
        Remove(("t", "type")),
        SetDefault(("t", "n"), 6),
    ]
    assert edit(b'{"m":1}', changes) == b'{"m":1,"t":{"n":5}}'


def test_a_body_that_nothing_changes_is_the_same_object() -> None:
    body = b'{"a":1}'
    assert edit(body, [Remove(("b",)), SetDefault(("a",), 2)]) is body


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":1', b'{"a":1}}', b'{"a":1,}', b"{'a':1}", b'{"x":"\xff","a":1}', b'{"a":1}{"a":1}', b"nonsense"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        edit(body, [Set(("a",), 2)])


def test_nesting_beyond_the_parser_is_refused() -> None:
    with pytest.raises(BadRequest):
        edit(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", [Set(("b",), 2)])


keys = st.sampled_from(["a", "b", 'q"', "é", "\\", "0"]) | st.text(max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
paths = st.lists(keys | st.integers(0, 3), min_size=1, max_size=4).map(tuple)
changes = st.builds(Set, paths, values) | st.builds(SetDefault, paths, values) | st.builds(Remove, paths)


def spelled(value: object, indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()


@given(values, st.lists(changes, min_size=1, max_size=3), st.sampled_from([None, 0, 2]), st.booleans())
def test_an_edited_document_is_the_changed_one(
    value: object, asked: list[Change], indent: int | None, ascii_only: bool
) -> None:
    expected: object = value
    for change in asked:
        expected = applied(expected, change)
    assert loads(edit(spelled(value, indent, ascii_only), asked)) == loads(dumps(expected))


def test_a_change_behind_a_removal_meets_the_element_that_moved_up() -> None:
    """Not the one that stood there before: the body was taken for one that cannot be edited."""
    changes: list[Change] = [Remove((0,)), Set((1, "a"), 1)]
    assert edit(b"[0, 1, []]", changes) == b"[1, []]"
    assert edit(b'[0, 1, {"b": 2.0}]', changes) == b'[1, {"b": 2.0,"a":1}]'


def steps_of(value: object, path: Path = ()) -> list[Path]:
    """Every path that leads somewhere in the value."""
    if isinstance(value, dict):
        return [step for key, inner in value.items() for step in ((*path, key), *steps_of(inner, (*path, key)))]
    if isinstance(value, list):
        return [step for at, inner in enumerate(value) for step in ((*path, at), *steps_of(inner, (*path, at)))]
    return []


@given(st.dictionaries(keys, values, min_size=1, max_size=4), values, st.data(), st.sampled_from([None, 2]))
def test_every_byte_outside_the_changed_member_stays(
    document: dict[str, object], new: Json, data: st.DataObject, indent: int | None
) -> None:
    path = data.draw(st.sampled_from(steps_of(document)))
    marked = applied(document, Set(path, "here it stands"))
    body = spelled(marked, indent, False)
    assert edit(body, [Set(path, new)]) == body.replace(b'"here it stands"', dumps(new))


LARGE = {
    "an image": b'{"model":"a","image":"%b"}' % (b"A" * 8_000_000),
    "escapes": b'{"model":"a","text":"%b"}' % (b'\\"' * 4_000_000),
    "white space": b'{"model"%b:"a"}' % (b" " * 8_000_000),
    "twice": b'{"x":[%b1],"x":2,"model":"a"}' % (b'"text",' * 200_000),
    "members": b'{%b"model":"a"}' % b"".join(b'"%d":{},' % number for number in range(100_000)),
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE.keys())
def test_a_large_body_takes_time_in_proportion(body: bytes) -> None:
    before = time.process_time()
    assert edit(body, [Set(("model",), "b")]) == body.replace(b'"a"', b'"b"', 1)
    assert time.process_time() - before < 2
