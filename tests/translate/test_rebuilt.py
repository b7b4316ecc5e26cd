"""The output that a stream's last event leaves out, put together of those before it; and bodies made of streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import Broken, Reported, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.openai_responses import OPENAI_RESPONSES
from cliproxy.translate import rebuilt
from cliproxy.translate.rebuilt import CollectedBody, RebuiltOutput
from tests.support.streams import cut

ITEM: Final = b'{ "type" : "message",\t"n":1.0e2 }'
OPENING: Final = sse.event(b"response.created", b'{"type":"response.created","response":{"id":"r","output":[]}}')


def done(place: int | None = 0, item: bytes = ITEM) -> bytes:
    where = b"" if place is None else b'"output_index":%d,' % place
    payload = b'{"type":"response.output_item.done",%b"item":%b}' % (where, item)
    return sse.event(b"response.output_item.done", payload)


def last(output: bytes = b"[]", kind: str = "response.completed") -> bytes:
    payload = b'{"type":"%b","response":{"id":"r" ,"output":%b}}' % (kind.encode(), output)
    return sse.event(kind.encode(), payload)


def told(*pieces: bytes) -> bytes:
    output = RebuiltOutput()
    return b"".join(map(output.feed, pieces)) + output.finish()


def collected(*pieces: bytes) -> bytes:
    body = CollectedBody(OPENAI_RESPONSES)
    return b"".join(map(body.feed, pieces)) + body.finish()


def trouble(*pieces: bytes) -> UpstreamTrouble:
    with pytest.raises(UpstreamTrouble) as caught:
        collected(*pieces)
    return caught.value


# -- streams


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_the_last_event_has_the_items_that_came_before_it(kind: str) -> None:
    assert told(OPENING, done(), last(kind=kind)) == OPENING + done() + last(b"[%b]" % ITEM, kind)


@pytest.mark.parametrize("output", [b"[]", b"[ ]", b"null"])
def test_an_output_is_left_out_in_several_ways(output: bytes) -> None:
    assert told(done(), last(output)).endswith(last(b"[%b]" % ITEM))


def test_where_the_last_event_has_no_output_at_all_it_gets_one() -> None:
    bare = b'data: {"type":"response.completed","response":{"id":"r"}}\n\n'
    assert b'"output":[%b]' % ITEM in told(done(), bare)


def test_items_stand_where_they_belong() -> None:
    assert told(done(1, b'{"n":1}'), done(0, b'{"n":0}'), last()).endswith(last(b'[{"n":0},{"n":1}]'))


def test_items_without_a_place_stand_in_their_order() -> None:
    assert told(done(None, b'{"n":0}'), done(None, b'{"n":1}'), last()).endswith(last(b'[{"n":0},{"n":1}]'))


def test_an_item_that_is_told_twice_stands_there_once() -> None:
    assert told(done(0, b'{"n":0}'), done(0, b'{"n":1}'), last()).endswith(last(b'[{"n":1}]'))


@pytest.mark.parametrize(
    "stream",
    [
        OPENING + done() + last(b"[7]"),
        OPENING + last(),
        done() + b'data: {"type":"response.completed"}\n\n',
        done() + b'data: {"type":"response.completed","response":7}\n\n',
        done() + b'data: {"type":"response.completed","response":{"output":{}}}\n\n',
        done() + b'data: {"type":"response.completed"\n\n',
        done() + b'data: {"type":"response.failed","response":{"output":[],"error":"response.completed"}}\n\n',
        done() + b": response.completed\n\n",
        b'data: {"type":"response.output_item.done"}\n\n' + last(),
        b'data: {"type":"response.output_item.done","item":7}\n\n' + last(),
        b'data: {"type":"response.output_item.done","output_index":"0","item":{}}\n\n' + last(),
        b'data: {"type":"response.output_text.delta","delta":"response.completed"}\n\n',
    ],
)
def test_every_other_stream_passes_byte_for_byte(stream: bytes) -> None:
    assert told(stream) == stream


def test_a_beginning_without_an_end_is_for_the_reader_to_judge() -> None:
    assert told(done() + last()[:-2]) == done() + last()[:-2]


def test_events_pass_as_soon_as_they_are_whole() -> None:
    assert RebuiltOutput().feed(OPENING + done() + last()[:9]) == OPENING + done()


def test_more_items_than_can_be_kept_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilt, "MAX_OUTPUT_BYTES", 100)
    stream = done() + done(1) + done(2) + last()
    assert told(stream) == stream


@given(st.lists(st.integers(min_value=0), max_size=6))
def test_however_a_stream_is_cut_it_is_told_the_same(places: Sequence[int]) -> None:
    stream = OPENING + done(1) + b": beat\r\n\r\n" + done() + last()
    assert told(*cut(stream, places)) == told(stream)


# -- bodies


def test_the_response_that_ends_a_stream_is_the_body() -> None:
    assert collected(OPENING, done(), last(b"[ 1.0e2 ]")) == b'{"id":"r" ,"output":[ 1.0e2 ]}'


def test_the_body_has_the_output_that_was_left_out() -> None:
    assert collected(OPENING, done(), last()) == b'{"id":"r" ,"output":[%b]}' % ITEM


def test_the_body_is_there_before_the_stream_ends() -> None:
    body = CollectedBody(OPENAI_RESPONSES)
    assert body.feed(done() + last())
    assert body.over


def test_what_follows_the_last_event_is_nothing() -> None:
    assert collected(done() + last() + b"nonsense\n\n", b"nonsense") == collected(done(), last())


def test_a_beat_is_no_event() -> None:
    assert collected(b": beat\n\n", done(), b": beat\n\n", last()) == collected(done(), last())


def test_a_limit_that_is_told_in_the_place_of_an_answer_is_a_limit() -> None:
    error = {"code": "usage_limit_reached", "message": "The limit is reached.", "resets_in_seconds": 90}
    failed = _failed({"type": "response.failed", "response": {"error": error}})
    assert (failed.status, failed.message, failed.retry_after) == (429, "The limit is reached.", 90)


def test_an_error_without_a_response_is_one_too() -> None:
    assert _failed({"type": "error", "code": "server_is_overloaded", "message": "Later."}).status == 503


def _failed(event: dict[str, Any]) -> UpstreamTrouble:
    failed = trouble(OPENING, done(), b"data: %b\n\n" % orjson.dumps(event))
    assert isinstance(failed, Reported)
    return failed


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        OPENING,
        OPENING + done(),
        done() + last()[:-2],
        b"nonsense\n\n" + last(),
        b"data: 7\n\n" + last(),
        b"data: {\n\n" + last(),
        b'data: {"type":"response.completed"}\n\n',
        b'data: {"type":"response.completed","response":[]}\n\n',
    ],
)
def test_what_makes_no_body_is_broken(stream: bytes) -> None:
    assert type(trouble(stream)) is Broken


def test_an_empty_stream_is_called_one() -> None:
    assert "empty" in trouble().message


def test_an_output_that_could_not_be_kept_is_not_told_as_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilt, "MAX_OUTPUT_BYTES", 100)
    assert "100 bytes" in trouble(done(), done(1), last()).message


@given(st.lists(st.integers(min_value=0), max_size=6))
def test_however_a_stream_is_cut_its_body_is_the_same(places: Sequence[int]) -> None:
    stream = OPENING + done(1) + b": beat\r\n\r\n" + done() + last()
    assert collected(*cut(stream, places)) == collected(stream)
