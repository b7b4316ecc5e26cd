"""From a frame to the body that asks the same over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import BadRequest
from cliproxy.web.sockets.creates import Create, read_frame


def read(message: bytes) -> Create:
    told = read_frame(message)
    assert told is not None
    return told


def frame(**fields: object) -> bytes:
    return orjson.dumps({"type": "response.create", "model": "m", **fields})


def body(message: bytes, earlier: Sequence[bytes] = ()) -> dict[str, object]:
    document: dict[str, object] = orjson.loads(read(message).body(earlier))
    return document


def test_fields_of_the_socket_do_not_go_upstream() -> None:
    message = frame(previous_response_id="resp_1", generate=True, stream_id="main", input=[])
    assert body(message) == {"model": "m", "input": [], "stream": True}


def test_the_upstream_is_asked_for_a_stream_whatever_the_client_says() -> None:
    assert body(frame(stream=False))["stream"] is True


def test_values_pass_byte_for_byte() -> None:
    odd = b'{"type":"response.create","model":"\\u006d","x": 1.0e2 ,"y":{"b":1,  "a":"\\u2615"},"big":1e999}'
    assert read(odd).body(()) == (
        b'{"model":"\\u006d","x":1.0e2,"y":{"b":1,  "a":"\\u2615"},"big":1e999,"stream":true}'
    )


def test_items_pass_byte_for_byte() -> None:
    message = b'{"type":"response.create","model":"m","input":[ {"a":1.50}, {"b":"\\u0041"} ]}'
    assert read(message).body([b'{"c":2}']) == (
        b'{"model":"m","input":[{"c":2},{"a":1.50}, {"b":"\\u0041"}],"stream":true}'
    )


def test_earlier_items_stand_before_the_new_ones() -> None:
    assert body(frame(input=[{"n": 3}]), [b'{"n":1}', b'{"n":2}'])["input"] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_frame_without_new_items_has_the_earlier_ones() -> None:
    assert body(frame(input=[]), [b'{"n":1}'])["input"] == [{"n": 1}]


def test_a_frame_without_input_has_the_earlier_one() -> None:
    assert body(frame(), [b'{"n":1}'])["input"] == [{"n": 1}]


def test_empty_pieces_leave_no_comma() -> None:
    assert body(frame(input=[{"n": 1}]), [b"", b'{"n":0}'])["input"] == [{"n": 0}, {"n": 1}]


def test_a_text_alone_passes_as_it_is() -> None:
    assert body(frame(input="Hi"))["input"] == "Hi"


def test_a_text_behind_others_is_a_message() -> None:
    message = {"type": "message", "role": "user", "content": "Hi"}
    assert body(frame(input="Hi"), [b'{"n":1}'])["input"] == [{"n": 1}, message]


def test_what_is_not_said_has_its_default() -> None:
    told = read(frame())
    assert (told.previous, told.generates, told.stores, told.stream_id, told.items) == (None, True, True, None, b"")


def test_what_is_null_has_its_default() -> None:
    told = read(frame(previous_response_id=None, generate=None, store=None, stream_id=None, input=None))
    assert (told.previous, told.generates, told.stores, told.stream_id, told.items) == (None, True, True, None, b"")


def test_a_notice_asks_for_nothing() -> None:
    """Codex tells that it has taken a response in."""
    assert read_frame(b'{"type":"response.processed","response_id":"resp_1"}') is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"response.create"',
        b"{}",
        b'{"type":1}',
        b'{"type":"response.steer"}',
        b'{"type":"response.create","input":{}}',
        b'{"type":"response.create","input":7}',
        b'{"type":"response.create","previous_response_id":7}',
        b'{"type":"response.create","generate":"no"}',
        b'{"type":"response.create","store":0}',
        b'{"type":"response.create","stream_id":[]}',
        b"[" * 10_000,
        b'{"type":"response.create","input":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_anything_else_is_a_mistake(message: bytes) -> None:
    with pytest.raises(BadRequest):
        read_frame(message)


_ITEMS = st.lists(
    st.dictionaries(st.text(max_size=3), st.integers(-9, 9) | st.text(max_size=5), max_size=2), max_size=3
)


@given(_ITEMS, st.lists(_ITEMS, max_size=3))
def test_the_whole_is_the_sum_of_its_parts(new: list[object], earlier: list[list[object]]) -> None:
    pieces = [read(frame(input=items)).items for items in earlier]
    pieces = [piece for piece in pieces if piece]
    wanted = [item for items in (*earlier, new) for item in items]
    assert body(orjson.dumps({"type": "response.create", "model": "m", "input": new}), pieces)["input"] == wanted
