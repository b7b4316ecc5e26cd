from __future__ import annotations

import time

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import BadRequest
from cliproxy.formats.requests import MAX_MODEL_CHARACTERS, check_object, peek, read_object
from cliproxy.formats.wire import ABSENT, Clues, Peek

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SURROGATE = b'"\\ud800"'


def complaint_about(body: bytes) -> str:
    with pytest.raises(BadRequest) as raised:
        peek(body)
    return raised.value.message


def test_model_and_stream_are_seen() -> None:
    assert peek(b'{"max_tokens":1,"stream":true,"model":"m"}') == Peek("m", True)


def test_without_stream_it_is_no_stream() -> None:
    assert peek(b'{"model":"m"}') == Peek("m", False)


@pytest.mark.parametrize("stream", [b"false", b"null", b"1", b'"true"', b"[]"])
def test_only_true_asks_for_a_stream(stream: bytes) -> None:
    assert peek(b'{"model":"m","stream":%b}' % stream) == Peek("m", False)


CLUES = b'{"model":"m","metadata":{"user_id": "u" },"messages":[ {"role":"user"} ],"sessionId":7,"input":"\xc3\xa9"}'


def test_what_may_tell_the_conversation_is_picked_out_unread() -> None:
    clues = peek(CLUES).clues
    assert bytes(clues.metadata) == b'{"user_id": "u" }'
    assert bytes(clues.messages) == b'[ {"role":"user"} ]'
    assert (bytes(clues.session_id_camel), bytes(clues.input)) == (b"7", b'"\xc3\xa9"')


def test_of_a_body_without_a_model_the_same_is_picked_out() -> None:
    assert bytes(check_object(CLUES).messages) == b'[ {"role":"user"} ]'


def test_what_a_body_does_not_have_is_absent() -> None:
    assert all(clue is ABSENT for clue in msgspec.structs.astuple(check_object(b'{"model":"m"}')))


def test_a_body_that_only_the_slow_way_reads_tells_no_conversation() -> None:
    assert peek(b'{"model":"m","stream":1,"messages":[]}').clues == Clues()


def test_a_key_may_be_spelled_with_escapes() -> None:
    assert peek(b'{"mod\\u0065l":"m"}') == Peek("m", False)


def test_of_a_key_given_twice_the_last_one_counts() -> None:
    assert peek(b'{"model":"a","model":"b"}') == Peek("b", False)


def test_a_model_further_inside_is_not_the_model() -> None:
    assert complaint_about(b'{"metadata":{"model":"m"}}') == "model: Field required."


@pytest.mark.parametrize("model", [b'""', b'" "', b"7", b"[]", b"{}", b"true"])
def test_a_model_is_a_text(model: bytes) -> None:
    assert complaint_about(b'{"model":%b}' % model) == "model: A non-empty string was expected."


def test_null_is_no_model() -> None:
    assert complaint_about(b'{"model":null}') == "model: Field required."


def test_a_name_may_be_of_any_length_was_wrong() -> None:
    longest = "m" * MAX_MODEL_CHARACTERS
    assert peek(orjson.dumps({"model": longest})).model == longest
    expected = f"model: At most {MAX_MODEL_CHARACTERS} characters were expected."
    assert complaint_about(orjson.dumps({"model": longest + "m"})) == expected
    assert complaint_about(orjson.dumps({"model": longest + "m", "stream": 1})) == expected


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "The request body is empty; a JSON object was expected."),
        (b"[]", "The request body is a JSON array; a JSON object was expected."),
        (b'"m"', "The request body is a JSON string; a JSON object was expected."),
        (b"null", "The request body is JSON null; a JSON object was expected."),
        (b"true", "The request body is a JSON boolean; a JSON object was expected."),
        (b"1.5", "The request body is a JSON number; a JSON object was expected."),
        (b'{"model":"m","x":"\xff"}', "The request body is not valid UTF-8 (byte 18)."),
        (b'{"model":"m","x":"\xed\xa0\x80"}', "The request body is not valid UTF-8 (byte 18)."),
    ],
)
def test_what_is_wrong_with_a_body_is_said(body: bytes, complaint: str) -> None:
    assert complaint_about(body) == complaint


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"model":"m"',
        b'{"model":"m",}',
        b'{"model":"m"} x',
        b"{'model':'m'}",
        b'{"model":"m","x":01}',
        b'{"model":"m","x":NaN}',
        b'{"model":"m","x":tru}',
        b'{"model":"m","x":[1,]}',
        b'{"model":"m","x":"a\nb"}',
        b'{"model":"m","x":"\\q"}',
        b'{"model":"m","x":' + SURROGATE + b"}",
        b'{"model":' + SURROGATE + b"}",
        b'\xef\xbb\xbf{"model":"m"}',
    ],
)
def test_a_body_that_is_no_json_is_refused_also_where_nothing_is_read(body: bytes) -> None:
    assert complaint_about(body).startswith("The request body is not valid JSON: ")


@pytest.mark.parametrize("opening", [b"[", b'{"x":'])
def test_deep_nesting_is_an_internal_error_was_wrong(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    taken = b'{"model":"m","x":' + opening * 1000 + b"1" + closing * 1000 + b"}"
    assert peek(taken).model == "m"
    refused = b'{"model":"m","x":' + opening * 100_000 + b"1" + closing * 100_000 + b"}"
    assert "depth limit" in complaint_about(refused)


@given(st.dictionaries(st.text(max_size=5), json, max_size=4), st.text(min_size=1, max_size=20), st.booleans())
def test_whatever_else_a_request_holds_the_model_is_found(others: dict[str, object], name: str, stream: bool) -> None:
    body = orjson.dumps({**others, "model": f"m{name}", "stream": stream})
    assert peek(body) == Peek(f"m{name}", stream)


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([*'{}[]",:mode\\l 1e.-']), max_size=30).map("".join).map(str.encode)
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        assert peek(body).model
    except BadRequest:
        pass


@given(st.dictionaries(st.text(max_size=5), json, max_size=4))
def test_an_object_is_read_whole(document: dict[str, object]) -> None:
    assert read_object(orjson.dumps(document)) == document


def test_a_large_body_takes_time_in_proportion() -> None:
    body = b'{"x":"%b","model":"m"}' % (b"\\u00e9x" * 3_000_000)
    before = time.process_time()
    assert peek(body).model == "m"
    assert time.process_time() - before < 1
