"""A request's body as plain bytes: its codings undone, and never longer than the limit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.web.intake import DECODERS
from tests.support.http import Answer, Client, FakeHouse
from tests.web.conftest import Connect

BODY = b'{"model": "claude-opus-4-5", "messages": []}'


def raw_deflate(plain: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(plain) + stream.flush()


def br(plain: bytes) -> bytes:
    coded: bytes = brotli.compress(plain, quality=4)
    return coded


def zstd(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(plain)


def zstd_of_unknown_size(plain: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(plain) + stream.flush()


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", br),
    ("zstd", zstd),
    ("zstd", zstd_of_unknown_size),
]
coding_and_coder = pytest.mark.parametrize(("coding", "code"), CODINGS)


def post(client: Client, body: bytes, coding: str) -> Answer:
    return client.post(body, f"Content-Encoding: {coding}")


@coding_and_coder
def test_a_coded_body_is_decoded(client: Client, coding: str, code: Callable[[bytes], bytes]) -> None:
    assert post(client, code(BODY), coding).status == 200
    assert client.house.asked[0].body == BODY


@pytest.mark.parametrize("coding", ["", "identity", "identity, identity", ",,", "Identity"])
def test_identity_is_no_coding(client: Client, coding: str) -> None:
    assert post(client, BODY, coding).status == 200


@pytest.mark.parametrize("coding", ["GZIP", " gzip ", "identity, gzip", "gzip,"])
def test_a_coding_may_be_spelled_freely(client: Client, coding: str) -> None:
    assert post(client, gzip.compress(BODY), coding).status == 200


def test_stacked_codings_are_undone_last_first(client: Client) -> None:
    assert post(client, gzip.compress(zlib.compress(BODY)), "deflate, gzip").status == 200
    assert post(client, zlib.compress(gzip.compress(BODY)), "deflate, gzip").status == 400


def test_codings_on_two_lines_are_one_list(client: Client) -> None:
    body = gzip.compress(zlib.compress(BODY))
    assert client.post(body, "Content-Encoding: deflate", "Content-Encoding: gzip").status == 200


@pytest.mark.parametrize("coding", ["compress", "gzip, secret", "gzip;q=1", "*", "\xff", "gzip gzip"])
def test_an_unknown_coding_is_told(client: Client, coding: str) -> None:
    answer = post(client, gzip.compress(BODY), coding)
    assert (answer.status, answer.error["type"]) == (415, "invalid_request_error")
    assert "br, deflate, gzip" in answer.error["message"]


def test_a_tower_of_codings_is_refused(client: Client) -> None:
    answer = post(client, gzip.compress(gzip.compress(gzip.compress(BODY))), "gzip, gzip, gzip")
    assert answer.status == 415
    assert answer.error["message"]


@coding_and_coder
def test_a_cut_body_is_a_bad_request(client: Client, coding: str, code: Callable[[bytes], bytes]) -> None:
    whole = code(BODY * 20)
    for length in (0, 1, len(whole) // 2, len(whole) - 10):
        assert post(client, whole[:length], coding).status == 400
    assert client.house.asked == []


@coding_and_coder
def test_garbage_is_a_bad_request(client: Client, coding: str, code: Callable[[bytes], bytes]) -> None:
    for body in (BODY, b"\x00" * 40, b"\xff" * 40, b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"):
        answer = post(client, body, coding)
        assert answer.status == 400
        assert answer.error["message"]


@pytest.mark.parametrize(("coding", "code"), [pair for pair in CODINGS if pair[0] != "zstd"])
@pytest.mark.parametrize("rest", [b"x", b"{}", b"\x00"])
def test_what_follows_a_coded_body_is_not_dropped(
    client: Client, coding: str, code: Callable[[bytes], bytes], rest: bytes
) -> None:
    """It was, so that two readers of one request could have read two."""
    assert post(client, code(BODY) + rest, coding).status == 400


def test_the_frames_of_zstd_are_read_on(client: Client) -> None:
    """All but the first were dropped."""
    assert post(client, zstd(BODY[:10]) + zstd(BODY[10:]), "zstd").status == 200
    assert client.house.asked[0].body == BODY


@coding_and_coder
def test_a_body_that_unpacks_to_just_the_limit_is_taken(
    connect: Connect, coding: str, code: Callable[[bytes], bytes]
) -> None:
    client = connect(FakeHouse(body_limit=1000))
    assert post(client, code(BODY.ljust(1000)), coding).status == 200


@coding_and_coder
def test_a_body_that_unpacks_to_more_than_the_limit_is_too_large(
    connect: Connect, coding: str, code: Callable[[bytes], bytes]
) -> None:
    client = connect(FakeHouse(body_limit=1000))
    answer = post(client, code(BODY.ljust(1001)), coding)
    assert (answer.status, answer.error["type"]) == (413, "request_too_large")


@coding_and_coder
def test_a_bomb_is_not_unpacked(coding: str, code: Callable[[bytes], bytes]) -> None:
    """16 MiB of zeros are 16 KiB or less; a decoder gives little more of them than it may."""
    bomb = code(bytes(16 * 1024 * 1024))
    assert 1000 < len(DECODERS[coding](bomb, 1001)) < 200_000


def test_a_bomb_in_a_bomb_is_refused(connect: Connect) -> None:
    client = connect(FakeHouse(body_limit=1000))
    bomb = gzip.compress(gzip.compress(bytes(16 * 1024 * 1024)))
    assert post(client, bomb, "gzip, gzip").status in (400, 413)


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=60))
def test_any_bytes_are_decoded_or_unfit(coding: str, raw: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"\x78\x9c", b"\x28\xb5\x2f\xfd"):
        try:
            plain = DECODERS[coding](start + raw, 1000)
        except ValueError:
            continue
        assert isinstance(plain, bytes)
