from __future__ import annotations

import resource
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import BadRequest
from cliproxy.shaping.model import rename_model

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=8)
    | st.sampled_from(["model", '"model":"x"', '\\"']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["model", 'a"model', "x", "model\\"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=10,
)
spaces = st.sampled_from([b"", b" ", b"\n\t ", b"\r\n"])
model_keys = st.sampled_from([b'"model"', b'"mod\\u0065l"', b'"\\u006dodel"'])


@pytest.mark.parametrize(
    ("body", "renamed"),
    [
        (b'{"model":"a"}', b'{"model":"new"}'),
        (b'{ "model" :\n"a" , "x" : 1 }', b'{ "model" :\n"new" , "x" : 1 }'),
        (b'{"x":{"model":"a"},"model":"b"}', b'{"x":{"model":"a"},"model":"new"}'),
        (b'{"model":"b","x":[{"model":"a"},{"model":"c"}]}', b'{"model":"new","x":[{"model":"a"},{"model":"c"}]}'),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"new"}'),
        (b'{"mod\\u0065l":"a","x":{"model":"b"}}', b'{"mod\\u0065l":"new","x":{"model":"b"}}'),
        (b'{"model":"a","model":"b"}', b'{"model":"new","model":"new"}'),
        (b'{"model":"a","mod\\u0065l":"b"}', b'{"model":"new","mod\\u0065l":"new"}'),
        (b'{"model":7,"model":"b"}', b'{"model":7,"model":"new"}'),
        (b'{"a\\"model":"a","model":"b"}', b'{"a\\"model":"a","model":"new"}'),
        (b'{"a\\"model":"a","mod\\u0065l":"b"}', b'{"a\\"model":"a","mod\\u0065l":"new"}'),
        (b'{"x":"\\"model\\": \\"y\\"","model":"b"}', b'{"x":"\\"model\\": \\"y\\"","model":"new"}'),
        (b'{"x":"}]{[,:","model":"b"}', b'{"x":"}]{[,:","model":"new"}'),
        (b'{"x":"\\\\","model":"b"}', b'{"x":"\\\\","model":"new"}'),
        (b'{"model":"\\"a\\\\"}', b'{"model":"new"}'),
        (b'{"x":"model","model":"model"}', b'{"x":"model","model":"new"}'),
        ('{"☕":"é","model":"modèle"}'.encode(), '{"☕":"é","model":"new"}'.encode()),
    ],
)
def test_the_model_is_replaced_in_place(body: bytes, renamed: bytes) -> None:
    assert rename_model(body, "new") == renamed


def test_numbers_stay_as_they_are_written() -> None:
    body = b'{"model":"a","x":[1.0,1.00,1e2,-0,1E+2,12345678901234567890123,0.1000000000000000055511151231257827]}'
    assert rename_model(body, "b") == body.replace(b'"a"', b'"b"')


def test_a_number_beyond_a_double_is_an_internal_error_was_wrong() -> None:
    assert rename_model(b'{"model":"a","x":1e999}', "b") == b'{"model":"b","x":1e999}'


def test_deep_nesting_is_an_internal_error_was_wrong() -> None:
    body = b'{"model":"a","x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert rename_model(body, "b") == body.replace(b'"a"', b'"b"', 1)


def test_a_model_of_that_name_already_leaves_all_as_it_is() -> None:
    body = b'{"mod\\u0065l":"b","x":{"model":"a"}}'
    assert rename_model(body, "b") is body


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "modèle ☕", "a\nb", "a\u2028b"])
def test_a_name_is_written_as_json_writes_it(name: str) -> None:
    assert orjson.loads(rename_model(b'{"x":1,"model":"a"}', name)) == {"x": 1, "model": name}


def test_a_body_without_a_model_is_refused() -> None:
    with pytest.raises(BadRequest):
        rename_model(b'{"x":{"model":"a"}}', "b")


@given(
    st.lists(st.tuples(st.sampled_from([b'"x"', b'"a\\"model"', b'"models"', b'""']), values), max_size=4),
    st.lists(st.tuples(model_keys, st.text(min_size=1, max_size=5)), min_size=1, max_size=3),
    spaces,
)
def test_every_byte_but_the_model_stays(
    others: list[tuple[bytes, object]], models: list[tuple[bytes, str]], space: bytes
) -> None:
    members = [space + key + space + b":" + space + orjson.dumps(value) for key, value in others]
    place = len(members) // 2
    named = [space + key + space + b":" + space + orjson.dumps(f"m{name}") for key, name in models]
    renamed = [space + key + space + b":" + space + b'"new"' for key, _ in models]
    before = b"{" + b",".join(members[:place] + named + members[place:]) + space + b"}"
    after = b"{" + b",".join(members[:place] + renamed + members[place:]) + space + b"}"
    found = rename_model(before, "new")
    assert orjson.loads(found) == orjson.loads(after)
    if len(models) == 1:
        assert found == after


@given(st.dictionaries(st.text(max_size=4), values, max_size=4), st.text(min_size=1, max_size=5))
def test_only_the_model_changes(document: dict[str, object], name: str) -> None:
    body = orjson.dumps({**document, "model": "the model"})
    assert orjson.loads(rename_model(body, f"m{name}")) == {**document, "model": f"m{name}"}


LARGE = {
    "an image": b'{"model":"a","tools":[{"model":"x"}],"image":"%b"}' % (b"A" * 8_000_000),
    "escapes": b'{"model":"a","m":{"model":"z"},"text":"%b"}' % (b'\\"' * 4_000_000),
    "white space": b'{"model"%b:"a","model "%b:{"model":"b"}}' % (b" " * 4_000_000, b" " * 4_000_000),
    "many models": b'{"model":"a","x":[%b]}' % b",".join([b'{"model":"b"}'] * 50_000),
    "many texts": b'{"model":"a","m":{"model":"z"},"x":[%b""]}' % (b'"model",' * 200_000),
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE.keys())
def test_a_large_body_takes_time_and_memory_in_proportion(body: bytes) -> None:
    before, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    renamed = rename_model(body, "b")
    assert time.process_time() - before < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 200 * 1024  # KiB
    assert renamed == body.replace(b'"a"', b'"b"', 1)
