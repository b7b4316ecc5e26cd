"""However the bytes of a stream are split, the same bytes come out, and the reader ends in the same state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.formats.sse import EventSplitter
from tests.support.streams import (
    COMMENT,
    DELTA,
    ERROR,
    MESSAGE_START,
    MESSAGE_STOP,
    PING,
    SOUND,
    cut,
    read,
    with_line_ends,
)

LINE_ENDS = (b"\n", b"\r", b"\r\n")
FRAGMENTS = (
    MESSAGE_START,
    PING,
    DELTA,
    MESSAGE_STOP,
    ERROR,
    COMMENT,
    b"data: ",
    b"data",
    b'{"type":"ping"}',
    b'data: {"type":\ndata: "ping"}\n\n',
    b'xdata: {"type":"message_stop"}\n\n',
    b': data: {"type":"message_stop"}\n\n',
    b"data: 1\n\n",
    b"id: 7\nretry: 10\n\n",
    b"<html>\n\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xef\xbb\xbf",
)

places = st.lists(st.integers(min_value=0, max_value=100_000), max_size=12)
mixtures = st.lists(st.sampled_from(FRAGMENTS), max_size=10).map(b"".join)


@given(st.sampled_from(SOUND), st.sampled_from(LINE_ENDS), places)
def test_a_sound_stream_is_read_the_same_however_it_is_split(raw: bytes, line_end: bytes, places: list[int]) -> None:
    stream = with_line_ends(raw, line_end)
    assert read(cut(stream, places)) == read([stream])


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_stream_in_single_bytes_is_read_the_same(line_end: bytes) -> None:
    stream = with_line_ends(SOUND[0], line_end)
    assert read([stream[i : i + 1] for i in range(len(stream))]) == read([stream])


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_stream_in_two_pieces_is_read_the_same_wherever_it_is_split(line_end: bytes) -> None:
    stream = with_line_ends(MESSAGE_START + COMMENT + DELTA + PING + MESSAGE_STOP, line_end)
    whole = read([stream])
    assert whole.complete
    for place in range(len(stream) + 1):
        assert read([stream[:place], stream[place:]]) == whole, place


@given(mixtures, places)
def test_any_mixture_is_read_the_same_however_it_is_split(raw: bytes, places: list[int]) -> None:
    assert read(cut(raw, places)) == read([raw])


@given(mixtures, places)
def test_a_splitter_gives_the_same_events_however_they_are_split(raw: bytes, places: list[int]) -> None:
    whole, pieces = EventSplitter(), EventSplitter()
    assert b"".join(pieces.feed(piece) for piece in cut(raw, places)) == whole.feed(raw)
    assert pieces.unfinished == whole.unfinished
