from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cliproxy.formats import sse
from cliproxy.formats.sse import MAX_EVENT_BYTES, EventSplitter, EventTooLong, data_of, each, payloads

LETTERS = st.sampled_from([b"data: ", b"data:", b"data", b"x", b":", b"event: e", b" ", b"{}", b"\n", b"\r", b"\r\n"])
texts = st.lists(LETTERS, max_size=20).map(b"".join)


def plain_payloads(raw: bytes) -> list[bytes]:
    """The oracle: the WHATWG algorithm, line by line, of what stands before the last empty line."""
    found: list[bytes] = []
    data: list[bytes] = []
    for line in re.split(rb"\r\n|\r|\n", raw)[:-1]:
        name, colon, value = line.partition(b":")
        if not line:
            if data:
                found.append(b"\n".join(data))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" ") if colon else b"")
    return found


def split(*chunks: bytes) -> list[bytes]:
    splitter = EventSplitter()
    return [splitter.feed(chunk) for chunk in chunks]


# -- where events end


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\r\n\n", b"\n\r\n"])
def test_an_empty_line_ends_an_event(end: bytes) -> None:
    assert split(b"data: a" + end + b"data: b") == [b"data: a" + end]


def test_an_event_is_given_as_soon_as_its_empty_line_is_there() -> None:
    assert split(b"data: a\n", b"\n", b"data", b": b\n\n") == [b"", b"data: a\n\n", b"", b"data: b\n\n"]


def test_a_crlf_split_in_its_middle_is_one_line_end() -> None:
    assert split(b"data: a\r\n\r", b"\n", b"data: b\r", b"\n\r\n") == [b"", b"data: a\r\n\r\n", b"", b"data: b\r\n\r\n"]


def test_one_crlf_is_no_empty_line() -> None:
    assert split(b"data: a\r\ndata: b\r\n") == [b""]


def test_a_cr_after_an_lf_waits_for_the_byte_that_tells_what_it_is() -> None:
    assert split(b"data: a\n\r", b"data: b") == [b"", b"data: a\n\r"]


def test_an_empty_line_is_seen_across_empty_chunks() -> None:
    assert split(b"data: a\n", b"", b"", b"", b"", b"", b"\n")[-1] == b"data: a\n\n"


def test_a_chunk_of_whole_events_with_crlf_comes_out_as_it_is() -> None:
    assert split(b"data: a\r\n\r\ndata: b\r\n\r\n") == [b"data: a\r\n\r\ndata: b\r\n\r\n"]


def test_an_odd_line_end_at_the_end_of_a_chunk_belongs_to_the_next_event() -> None:
    assert split(b"data: a\n\n\n", b"data: b\n\n") == [b"data: a\n\n", b"\ndata: b\n\n"]


def test_several_events_come_out_at_once() -> None:
    assert split(b"data: a\n\ndata: b\n\ndata: c") == [b"data: a\n\ndata: b\n\n"]


@given(st.lists(texts, max_size=8))
def test_nothing_is_lost_or_made_up(chunks: list[bytes]) -> None:
    splitter = EventSplitter()
    given_out = b"".join(splitter.feed(chunk) for chunk in chunks)
    raw = b"".join(chunks)
    assert raw.startswith(given_out)
    assert raw[len(given_out) :].strip(b"\r\n") == splitter.unfinished


def test_line_ends_alone_are_not_unfinished() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: a\n\n\r\n")
    assert splitter.unfinished == b""


def test_the_beginning_of_an_event_is_unfinished() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: a\n\nda")
    splitter.feed(b"ta: b\n")
    assert splitter.unfinished == b"data: b"


# -- bounds


def test_an_event_of_the_greatest_size_is_taken() -> None:
    splitter = EventSplitter()
    event = b"data: " + b"x" * (MAX_EVENT_BYTES - 8) + b"\n\n"
    assert splitter.feed(event[:-1]) == b""
    assert splitter.feed(event[-1:]) == event


def test_an_event_without_end_is_refused() -> None:
    splitter = EventSplitter()
    splitter.feed(b"x" * MAX_EVENT_BYTES)
    with pytest.raises(EventTooLong):
        splitter.feed(b"x")


def test_the_limit_is_for_each_event_anew() -> None:
    splitter = EventSplitter()
    for _ in range(3):
        splitter.feed(b"x" * (MAX_EVENT_BYTES // 2))
        assert len(splitter.feed(b"\n\n")) == MAX_EVENT_BYTES // 2 + 2


def test_an_event_in_many_pieces_takes_time_in_proportion() -> None:
    splitter = EventSplitter()
    before = time.process_time()
    for _ in range(100_000):
        splitter.feed(b"xx")
    assert splitter.feed(b"\n\n") == b"xx" * 100_000 + b"\n\n"
    assert time.process_time() - before < 2


# -- what events carry


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"event: e\ndata: a\nid: 1\n\n", b"a"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data\ndata: b\n\n", b"\nb"),
        (b"data: b\ndata\n\n", b"b\n"),
        (b"data:\n\n", b""),
        (b"data\n\n", b""),
        (b"data: a\r\n\r\n", b"a"),
        (b"data: a\r\r", b"a"),
        (b"\ndata: a\n\n", b"a"),
        (b": comment\n\n", None),
        (b": data: a\n\n", None),
        (b"event: data: a\n\n", None),
        (b"xdata: a\n\n", None),
        (b"database: a\n\n", None),
        (b" data: a\n\n", None),
        (b"id: 7\nretry: 10\n\n", None),
        (b"\n\n", None),
    ],
)
def test_data_is_what_the_lines_of_that_name_hold(event: bytes, payload: bytes | None) -> None:
    assert data_of(event) == payload
    assert payloads(event) == ([] if payload is None else [payload])


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_lines_of_data_alone_have_a_payload_each(end: bytes) -> None:
    assert payloads(b"data: a" + end + b"data: " + end + b"data: data: c" + end) == [b"a", b"", b"data: c"]


def test_a_byte_order_mark_hides_no_data() -> None:
    assert payloads(b"\xef\xbb\xbfdata: a\n\ndata: b\n\n") == [b"a", b"b"]


def test_data_within_a_payload_is_no_line() -> None:
    assert payloads(b'data: {"text":"data: x"}\n\n') == [b'{"text":"data: x"}']


def test_one_event_without_data_leaves_no_payloads() -> None:
    assert payloads(b"data: a\n\n: comment\n\n") == []


@given(texts)
@example(b"data: a\nxdata: b\n\n")
@example(b"data: a\rdata: b\n\n")
@example(b"data: a\n\n\n\n")
@example(b"data: a\r\n\r\ndata: b\r\n\r\n")
@example(b"data: a\n\ndata: b\r\n\r\n")
@example(b"data: a\n\nxdata: b\n\n")
@example(b"data: a\r\n\r\ndata: b\rdata: c\r\n\r\n")
@example(b"data: \ra\n\r\n")
@example(b"data: a\ndata: b\n\ndata: c\n\n")
def test_payloads_are_those_of_the_plain_algorithm(raw: bytes) -> None:
    splitter = EventSplitter()
    whole = splitter.feed(raw + b"x")
    found = [payload for event in each(whole) if (payload := data_of(event)) is not None]
    assert found == plain_payloads(whole)
    assert payloads(whole) in ([], found)


@given(texts)
def test_payloads_are_all_or_none(raw: bytes) -> None:
    whole = EventSplitter().feed(raw + b"x")
    found = [data_of(event) for event in each(whole)]
    assert payloads(whole) == ([] if None in found else found)


@given(texts)
def test_each_loses_nothing(raw: bytes) -> None:
    assert b"".join(each(raw)) == raw


def test_a_payload_of_megabytes_takes_time_in_proportion() -> None:
    event = b"data: " + b"data: " * 500_000 + b"\n\n"
    before = time.process_time()
    assert payloads(event) == [event[6:-2]]
    assert time.process_time() - before < 1


def test_an_event_is_written_as_it_is_read() -> None:
    written = sse.event(b"ping", b"{}")
    assert written == b"event: ping\ndata: {}\n\n"
    assert data_of(written) == b"{}"
