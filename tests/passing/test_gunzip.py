"""A body that is gzip although its head does not say so."""

from __future__ import annotations

import gzip
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from cliproxy.passing.gunzip import (
    MAX_CAME_BYTES,
    MAX_HELD_BYTES,
    MAX_MEMBERS,
    MAX_PLAIN_BYTES,
    PIECE_BYTES,
    STEP_BYTES,
    MaybeGzip,
    Room,
    may_be_gzip,
)

PLAIN = b'{"threads":[1,2,3]}'
ZIPPED = gzip.compress(PLAIN, mtime=0)


def fed(*pieces: bytes) -> MaybeGzip:
    suspect = MaybeGzip()
    for piece in pieces:
        suspect.feed(piece)
        while suspect.behind:
            suspect.step()
    return suspect


def decoded(*pieces: bytes) -> bytes | None:
    plain = fed(*pieces).plain()
    return None if plain is None else b"".join(plain)


def cut_at(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


# -- which bodies are looked at


def looked_at(*lines: tuple[str, str], method: bytes = b"GET", status: int = 200) -> bool:
    headers = Headers()
    for name, value in lines:
        headers.addRawHeader(name, value)
    return may_be_gzip(method, status, headers)


@pytest.mark.parametrize(
    "lines",
    [
        (("Content-Type", "application/json"),),
        (("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")),
        (("Content-Type", ""),),
        (),
    ],
)
def test_chunked_json_and_nothing_are_no_streams(lines: tuple[tuple[str, str], ...]) -> None:
    assert looked_at(*lines)


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream"])
def test_an_event_stream_is_not_looked_at(kind: str) -> None:
    assert not looked_at(("Content-Type", kind))


def test_a_body_with_a_coding_is_not_looked_at() -> None:
    assert not looked_at(("Content-Encoding", "gzip"))


@pytest.mark.parametrize("status", [200, 301, 404, 500])
def test_any_status_is_looked_at(status: int) -> None:
    assert looked_at(status=status)


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_is_not_looked_at(status: int) -> None:
    assert not looked_at(status=status)


def test_the_answer_to_head_is_not_looked_at() -> None:
    assert not looked_at(method=b"HEAD")


def test_a_part_of_something_is_not_looked_at() -> None:
    assert not looked_at(("Content-Range", "bytes 0-99/200"), status=206)


@pytest.mark.parametrize("kind", ["application/gzip", "application/x-gzip"])
def test_what_is_meant_to_be_gzip_is_not_looked_at(kind: str) -> None:
    assert not looked_at(("Content-Type", kind))


# -- decoding


def test_gzip_is_decoded() -> None:
    assert decoded(ZIPPED) == PLAIN


@given(st.binary(max_size=2000), st.lists(st.integers(min_value=0), max_size=8))
def test_gzip_is_decoded_however_it_is_cut(plain: bytes, cuts: list[int]) -> None:
    assert decoded(*cut_at(gzip.compress(plain), cuts)) == plain


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=8))
def test_what_came_is_kept_whatever_it_is(body: bytes, cuts: list[int]) -> None:
    pieces = cut_at(body, cuts)
    suspect = MaybeGzip()
    for piece in pieces:
        if suspect.sound:
            suspect.feed(piece)
            while suspect.behind:
                suspect.step()
            assert b"".join(suspect.came) == b"".join(pieces[: len(suspect.came)])


@given(st.binary(max_size=200), st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_damaged_gzip_is_none_or_what_it_says(plain: bytes, place: int, byte: int) -> None:
    body = bytearray(gzip.compress(plain, mtime=0))
    body[place % len(body)] = byte
    try:
        expected: bytes | None = gzip.decompress(bytes(body))
    except Exception:
        expected = None
    assert decoded(bytes(body)) in (expected, None)


def test_members_that_follow_each_other_are_one_body() -> None:
    assert decoded(ZIPPED + gzip.compress(b"and more")) == PLAIN + b"and more"


def test_an_empty_body_in_gzip_is_empty() -> None:
    assert decoded(gzip.compress(b"")) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1f",
        b"\x1f\x8b",
        b"x",
        PLAIN,
        b"\x1f\x8c" + ZIPPED[2:],
        ZIPPED[:10],
        ZIPPED[:-1],
        ZIPPED[:-8],
        ZIPPED[:-8] + bytes(8),
        ZIPPED + b"trailing",
        ZIPPED + ZIPPED[:5],
        b"\x1f\x8b garbage",
    ],
)
def test_what_is_no_whole_gzip_is_none(body: bytes) -> None:
    assert decoded(body) is None


@pytest.mark.parametrize("body", [b"x", b"{", b"\x1fx", b"\x1f\x8c"])
def test_what_does_not_begin_like_gzip_is_known_at_once(body: bytes) -> None:
    assert not fed(body).sound


def test_one_byte_of_the_magic_leaves_it_open() -> None:
    assert fed(b"\x1f").sound


# -- bounds


def test_a_step_is_bounded() -> None:
    suspect = MaybeGzip()
    suspect.feed(gzip.compress(bytes(8 * STEP_BYTES)))
    steps = 0
    while suspect.behind:
        suspect.step()
        steps += 1
    assert steps >= 8
    assert b"".join(suspect.plain() or ()) == bytes(8 * STEP_BYTES)


def test_pieces_are_bounded() -> None:
    plain = fed(gzip.compress(bytes(STEP_BYTES))).plain()
    assert plain is not None
    assert max(map(len, plain)) <= PIECE_BYTES


def test_what_grows_beyond_the_bound_is_not_decoded() -> None:
    bomb = gzip.compress(bytes(MAX_PLAIN_BYTES + 1), compresslevel=1)
    suspect = fed(bomb)
    assert not suspect.sound
    assert b"".join(suspect.came) == bomb


def test_what_is_just_within_the_bound_is_decoded() -> None:
    plain = fed(gzip.compress(bytes(MAX_PLAIN_BYTES), compresslevel=1)).plain()
    assert sum(map(len, plain or ())) == MAX_PLAIN_BYTES


def test_too_much_that_came_is_not_decoded() -> None:
    noise = os.urandom(64 * 1024)
    body = gzip.compress(noise * (MAX_CAME_BYTES // len(noise) + 1), compresslevel=0)
    suspect = fed(*(body[at : at + 65536] for at in range(0, MAX_CAME_BYTES, 65536)))
    assert suspect.sound
    suspect.feed(b"x")
    assert not suspect.sound


def test_members_without_end_are_not_decoded() -> None:
    assert decoded(gzip.compress(b"") * MAX_MEMBERS) == b""
    assert not fed(gzip.compress(b"") * (MAX_MEMBERS + 1)).sound


def test_a_byte_at_a_time_is_gzip_too() -> None:
    assert decoded(*(bytes([byte]) for byte in ZIPPED)) == PLAIN


# -- all of them together


def test_bodies_do_not_hold_more_than_there_is_room_for() -> None:
    """Each had its bounds, and a hundred of them a hundred times that."""
    room = Room(len(ZIPPED) + len(PLAIN))
    first, second = MaybeGzip(room), MaybeGzip(room)
    first.feed(ZIPPED)
    second.feed(ZIPPED)
    assert (first.sound, second.sound) == (True, False)


def test_what_is_inflated_takes_up_room_too() -> None:
    room = Room(len(ZIPPED) + len(PLAIN) - 1)
    suspect = MaybeGzip(room)
    suspect.feed(ZIPPED)
    suspect.step()
    assert not suspect.sound
    assert suspect.came == [ZIPPED]


def test_what_does_not_begin_as_gzip_takes_up_none() -> None:
    room = Room(3)
    suspect = MaybeGzip(room)
    suspect.feed(PLAIN)
    assert room.left == 3


def test_there_is_room_again_when_somebody_has_left() -> None:
    room = Room()
    suspect = MaybeGzip(room)
    suspect.feed(ZIPPED)
    suspect.step()
    before = room.left
    suspect.leave()
    suspect.leave()
    assert before < room.left == MAX_HELD_BYTES
