"""gzip undone, whether announced or not."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.streaming.inflate import MAGIC, MAX_GROWTH_BYTES, MAX_HELD_BYTES, Inflater, InflationFailed

TEXT = b"".join(b"line %d of a body that is long enough\n" % number for number in range(200))
PACKED = gzip.compress(TEXT, mtime=0)


def inflate(*pieces: bytes) -> tuple[bytes, Inflater]:
    """The whole body, and the inflater after it."""
    inflater = Inflater()
    return b"".join([*map(inflater.feed, pieces), inflater.finish()]), inflater


def split(body: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:stop] for start, stop in pairwise(edges)]


PLACES = st.lists(st.integers(0, 1 << 16), max_size=12)


@given(PLACES)
def test_gzip_is_undone_however_it_is_split(places: list[int]) -> None:
    plain, inflater = inflate(*split(PACKED, places))
    assert plain == TEXT
    assert inflater.inflated
    assert not inflater.doubtful


@given(st.binary(max_size=200).filter(lambda body: not MAGIC.startswith(body[:3])), PLACES)
def test_anything_else_passes(body: bytes, places: list[int]) -> None:
    plain, inflater = inflate(*split(body, places))
    assert plain == body
    assert not inflater.inflated
    assert not inflater.doubtful


@given(st.binary(max_size=300), PLACES)
def test_what_only_begins_like_gzip_loses_no_byte(rest: bytes, places: list[int]) -> None:
    body = MAGIC + b"\xff" + rest  # flags that are reserved
    plain, inflater = inflate(*split(body, places))
    assert plain == body
    assert inflater.doubtful


def test_a_body_that_is_the_beginning_of_the_magic_passes() -> None:
    plain, inflater = inflate(MAGIC[:2])
    assert plain == MAGIC[:2]
    assert inflater.doubtful


@given(st.integers(60, len(PACKED) - 1), PLACES)
def test_a_cut_is_noticed(length: int, places: list[int]) -> None:
    inflater = Inflater()
    plain = b"".join(map(inflater.feed, split(PACKED[:length], places)))
    if inflater.inflated:
        assert TEXT.startswith(plain)
        with pytest.raises(InflationFailed):
            inflater.finish()
    else:
        assert plain + inflater.finish() == PACKED[:length]


def test_a_wrong_byte_after_the_first_output_is_noticed() -> None:
    inflater = Inflater()
    stream = zlib.compressobj(wbits=31)
    assert inflater.feed(stream.compress(TEXT) + stream.flush(zlib.Z_SYNC_FLUSH)) == TEXT
    with pytest.raises(InflationFailed):
        inflater.feed(b"\xff" * 100)


@given(PLACES)
def test_members_one_after_another_are_one_body(places: list[int]) -> None:
    body = gzip.compress(b"one, ", mtime=0) + gzip.compress(b"two, ", mtime=0) + gzip.compress(b"three", mtime=0)
    plain, inflater = inflate(*split(body, places))
    assert plain == b"one, two, three"
    assert inflater.inflated


@given(PLACES, st.sampled_from([b"\0" * 50, b"garbage", MAGIC[:2], b"\x1f\x8bX" + MAGIC * 3]))
def test_what_follows_the_last_member_is_dropped(places: list[int], junk: bytes) -> None:
    plain, _ = inflate(*split(PACKED + junk, places))
    assert plain == TEXT


def test_what_follows_the_last_member_is_not_kept() -> None:
    inflater = Inflater()
    inflater.feed(PACKED)
    for _ in range(1000):
        assert inflater.feed(b"x" * 1000) == b""
    assert len(inflater._next) <= len(MAGIC)
    assert len(inflater._stream.unused_data) <= 1000


def test_gzip_of_nothing_is_an_empty_body() -> None:
    plain, inflater = inflate(gzip.compress(b"", mtime=0))
    assert plain == b""
    assert inflater.inflated


def test_growth_beyond_the_bound_is_refused() -> None:
    bomb = gzip.compress(bytes(MAX_GROWTH_BYTES * 2), mtime=0)
    inflater = Inflater()
    first = zlib.compressobj(wbits=31)
    inflater.feed(first.compress(b"honest") + first.flush(zlib.Z_SYNC_FLUSH))
    inner = zlib.compressobj(wbits=-15)
    with pytest.raises(InflationFailed):
        inflater.feed(inner.compress(bytes(MAX_GROWTH_BYTES * 2)) + inner.flush())
    assert inflate(bomb)[1].doubtful


def test_a_header_without_end_is_not_held_for_ever() -> None:
    inflater = Inflater()
    told = inflater.feed(MAGIC + b"\x08" + bytes(6))  # a file's name follows
    held = len(MAGIC) + 7
    while not told:
        told = inflater.feed(b"n" * 1000)
        held += 1000
        assert held <= MAX_HELD_BYTES + 2000
    assert inflater.doubtful
    assert len(told) == held
