"""Code Assist's envelope: closed around the client's bytes, and cut away from the reply."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.errors import Broken
from cliproxy.formats.codec import Dialect
from cliproxy.formats.jsontext import loads
from cliproxy.formats.wire import Operation
from cliproxy.translate import code_assist
from cliproxy.translate.code_assist import UnwrappedBody, UnwrappedStream, enveloped
from tests.support.streams import cut

DIALECT = Dialect(backend="code-assist", project="p-1")
REPLY = b'{ "candidates" : [],\t"n":1.0e2 }'
WRAPPED = b'{"response": %b, "traceId": "t"}' % REPLY


def generating(body: bytes, dialect: Dialect = DIALECT) -> bytes:
    return enveloped(body, "m-1", dialect, Operation.GENERATE, Losses())


def counting(body: bytes, losses: Losses | None = None) -> bytes:
    return enveloped(body, "m-1", DIALECT, Operation.COUNT_TOKENS, Losses() if losses is None else losses)


def streamed(*pieces: bytes) -> bytes:
    unwrapped = UnwrappedStream()
    return b"".join(map(unwrapped.feed, pieces)) + unwrapped.finish()


def whole(*pieces: bytes) -> bytes:
    unwrapped = UnwrappedBody()
    return b"".join(map(unwrapped.feed, pieces)) + unwrapped.finish()


# -- the way out


def test_a_request_stands_in_its_envelope_as_it_is() -> None:
    body = b'{ "contents" :[] }\n'
    assert generating(body) == b'{"model":"m-1","project":"p-1","request":{ "contents" :[] }\n}'


def test_an_account_without_a_project_names_none() -> None:
    assert generating(b"{}", Dialect(backend="code-assist")) == b'{"model":"m-1","request":{}}'


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "é"])
def test_no_name_of_a_model_opens_the_envelope(name: str) -> None:
    told = enveloped(b"{}", name, DIALECT, Operation.GENERATE, Losses())
    assert loads(told) == {"model": name, "project": "p-1", "request": {}}


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents":[ 1.0e2 ]}',
        b'{"generateContentRequest":{"model":"models/x","contents":[ 1.0e2 ]}}',
        b'{"generate_content_request":{"contents":[ 1.0e2 ]}}',
    ],
)
def test_of_a_count_the_contents_are_sent_as_they_are(body: bytes) -> None:
    assert counting(body) == b'{"request":{"model":"models/m-1","contents":[ 1.0e2 ]}}'


@pytest.mark.parametrize("body", [b"{}", b"[]", b"{", b'{"generateContentRequest":7}', b'{"a":' * 5000])
def test_a_count_of_nothing_is_for_the_vendor_to_refuse(body: bytes) -> None:
    assert counting(body) == b'{"request":{"model":"models/m-1","contents":[]}}'


@pytest.mark.parametrize("name", ["tools", "systemInstruction", "system_instruction"])
def test_what_is_not_counted_is_named(name: str) -> None:
    losses = Losses()
    counting(b'{"contents":[],"%b":[]}' % name.encode(), losses)
    assert [loss.field for loss in losses.dropped] == [name]


# -- the way back


def test_an_event_is_told_without_its_envelope() -> None:
    assert streamed(b"data: %b\n\n" % WRAPPED) == b"data: %b\n\n" % REPLY


def test_the_line_ends_of_an_event_stay() -> None:
    assert streamed(b"data: %b\r\n\r\n" % WRAPPED) == b"data: %b\r\n\r\n" % REPLY


def test_an_event_in_several_lines_is_told_in_one() -> None:
    event = b'data: {\ndata:  "response": {\ndata:   "a": 1\ndata:  }\ndata: }\n\n'
    assert streamed(event) == b'data: {   "a": 1  }\n\n'


@pytest.mark.parametrize(
    "event",
    [
        b": a comment\n\n",
        b"event: ping\n\n",
        b"data: [DONE]\n\n",
        b"data: {\n\n",
        b"data: 7\n\n",
        b'data: {"error":{"code":429}}\n\n',
        b'data: {"error":{"code":429},"response":{}}\n\n',
        b'data: {"response":null}\n\n',
        b'data: {"response":[1]}\n\n',
        b"data: %b\n\n" % REPLY,
        b"data: %b\n\n" % (b'{"a":' * 5000),
        b"no event at all\n\n",
    ],
)
def test_what_has_no_envelope_passes_as_it_is(event: bytes) -> None:
    assert streamed(event) == event


def test_an_event_without_an_end_is_for_the_reader_to_judge() -> None:
    event = b"data: %b" % WRAPPED
    assert streamed(event) == event


@given(st.lists(st.integers(min_value=0), max_size=6))
def test_however_a_stream_is_cut_it_is_told_the_same(places: Sequence[int]) -> None:
    raw = b"data: %b\r\n\r\n: beat\n\ndata: %b\n\n" % (WRAPPED, WRAPPED)
    assert streamed(*cut(raw, places)) == streamed(raw)


def test_a_body_is_told_without_its_envelope() -> None:
    assert whole(WRAPPED[:9], WRAPPED[9:]) == REPLY


def test_of_a_list_every_element_is() -> None:
    assert whole(b"[%b,\n%b]\n" % (WRAPPED, WRAPPED)) == b"[%b,\n%b]" % (REPLY, REPLY)


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'{"totalTokens":7}', b'{"error":{}}', b"[" * 5000])
def test_a_body_without_an_envelope_passes_as_it_is(body: bytes) -> None:
    assert whole(body) == body


def test_a_body_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_assist, "MAX_BODY_BYTES", 10)
    with pytest.raises(Broken):
        whole(b"x" * 11)
