"""Parsing an answer: what is one and what is not, where it ends, and that no way of splitting it matters."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.upstream.answers import MAX_HEAD_BYTES, AnswerParser, Garbage, Head
from tests.support.streams import cut
from tests.support.upstream import LAST_CHUNK, OK, STREAM, chunk

PLAIN = b"HTTP/1.1 200 OK\r\n"


@attrs.frozen
class Parsed:
    """What became of an answer."""

    head: Head | None
    body: bytes
    whole: bool
    reusable: bool
    garbage: bool = False


def parse(*pieces: bytes, bodyless: bool = False) -> Parsed:
    """Feed the pieces, to the first that is garbage. An empty one is no read."""
    parser = AnswerParser(bodyless)
    body = b""
    try:
        for piece in filter(None, pieces):
            parser.feed(piece)
            body += parser.take_body()
    except Garbage:
        return Parsed(parser.head, b"", whole=False, reusable=False, garbage=True)
    return Parsed(parser.head, body, parser.whole, parser.reusable)


def head_of(raw: bytes) -> Head:
    head = parse(raw).head
    assert head is not None
    return head


def with_head(*lines: bytes, body: bytes = b"") -> bytes:
    return PLAIN + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


# -- heads --------------------------------------------------------------------------------------------------------


def test_a_head_has_status_and_phrase() -> None:
    head = head_of(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
    assert (head.status, head.phrase) == (429, b"Too Many Requests")


def test_a_phrase_may_be_missing() -> None:
    assert head_of(b"HTTP/1.1 200\r\n\r\n").phrase == b""


def test_header_names_are_in_lower_case_and_lines_in_their_order() -> None:
    assert head_of(with_head(b"B-One: 1", b"a:2", b"b-one: 3")).headers == (
        (b"b-one", b"1"),
        (b"a", b"2"),
        (b"b-one", b"3"),
    )


def test_an_empty_value_does_not_swallow_the_next_line() -> None:
    assert head_of(with_head(b"A:", b"B: c", b"C: ")).headers == ((b"a", b""), (b"b", b"c"), (b"c", b""))


def test_interim_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 5\r\n\r\n"
    parsed = parse(early + OK)
    assert parsed == parse(OK)
    assert parsed.whole


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Nothing\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        with_head(b"no colon"),
        with_head(b": no name"),
        with_head(b"a b: space in the name"),
        with_head(b"A : space behind the name"),
        with_head(b"A: folded", b" line"),
        with_head(b"A: NUL\x00"),
        with_head(b"A: bare\rCR"),
        with_head(b"A: bare\nB: LF"),
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ],
)
def test_what_is_not_http_is_garbage(raw: bytes) -> None:
    assert parse(raw).garbage


@pytest.mark.parametrize("line", [b"Upgrade: h2c", b"A: b"])
def test_a_switch_of_protocols_is_garbage(line: bytes) -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n" + line + b"\r\n\r\nanything"
    assert parse(raw).garbage


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"


def switch(*pieces: bytes) -> tuple[AnswerParser, bytes]:
    """Feed the pieces to a parser of an answer to a request for another protocol, as a connection would."""
    parser, rest = AnswerParser(upgrade=True), b""
    for piece in filter(None, pieces):
        if parser.switched:
            parser.take_raw(piece)
        else:
            parser.feed(piece)
        rest += parser.take_body()
    return parser, rest


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("line", [b"", b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("rest", [b"", b"abc", OK, b"\x00" * (MAX_HEAD_BYTES + 1)], ids=len)
def test_a_switch_that_was_asked_for_is_an_answer_and_what_follows_is_raw(
    before: bytes, line: bytes, rest: bytes
) -> None:
    parser, raw = switch(before + SWITCH + line + b"\r\n" + rest)
    assert parser.head is not None
    assert (parser.head.status, parser.head.length, parser.switched, parser.whole) == (101, None, True, False)
    assert raw == rest


@pytest.mark.parametrize("line", [b"Upgrade: websocket", b"Connection: upgrade", b"A: b"])
def test_a_switch_that_does_not_say_so_twice_is_garbage_even_if_one_was_asked_for(line: bytes) -> None:
    with pytest.raises(Garbage):
        switch(b"HTTP/1.1 101 Switching Protocols\r\n" + line + b"\r\n\r\n")


@pytest.mark.parametrize("answer", [OK, STREAM + chunk(b"{}") + LAST_CHUNK])
def test_another_answer_to_a_request_for_another_protocol_is_what_it_is(answer: bytes) -> None:
    parser, body = switch(answer)
    assert (body, parser.switched, parser.whole, parser.reusable) == (b"{}", False, True, True)


def test_a_switch_behind_another_answer_spoils_the_connection() -> None:
    parser, body = switch(OK + SWITCH + b"\r\nabc")
    assert (body, parser.switched, parser.whole, parser.reusable) == (b"{}", False, True, False)


@given(st.lists(st.integers(0, 140), max_size=6))
def test_however_a_switch_is_split_it_means_the_same(places: list[int]) -> None:
    parser, rest = switch(*cut(SWITCH + b"\r\nabc\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", places))
    assert (parser.switched, rest) == (True, b"abc\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")


def test_an_offer_to_switch_protocols_is_only_an_offer() -> None:
    assert parse(with_head(b"Upgrade: h2c", b"Connection: upgrade", b"Content-Length: 2", body=b"{}")).body == b"{}"


# -- the end of a body --------------------------------------------------------------------------------------------


def test_a_body_with_a_length_ends_there() -> None:
    assert parse(OK) == Parsed(head_of(OK), b"{}", whole=True, reusable=True)
    assert (head_of(OK).length, head_of(OK).framed) == (2, True)


def test_a_body_that_is_short_of_its_length_is_not_whole() -> None:
    assert not parse(OK[:-1]).whole


def test_a_chunked_body_comes_without_its_framing() -> None:
    raw = STREAM + chunk(b"abc") + b'2;ext="1"\r\nde\r\n' + LAST_CHUNK
    assert parse(raw) == Parsed(head_of(STREAM), b"abcde", whole=True, reusable=True)
    assert (head_of(STREAM).length, head_of(STREAM).framed) == (None, True)


def test_trailers_are_passed_over() -> None:
    raw = STREAM + chunk(b"abc") + b"0\r\nX-Checksum: 1\r\n\r\n"
    assert parse(raw) == Parsed(head_of(STREAM), b"abc", whole=True, reusable=True)


def test_without_length_and_chunks_only_closing_ends_a_body() -> None:
    parsed = parse(with_head(body=b"some"), b"thing")
    assert (parsed.body, parsed.whole) == (b"something", False)
    assert parsed.head is not None
    assert (parsed.head.length, parsed.head.framed) == (None, False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("line", [b"A: b", b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_these_have_no_body_whatever_their_head_says(status: bytes, line: bytes) -> None:
    parsed = parse(b"HTTP/1.1 " + status + b"\r\n" + line + b"\r\n\r\n")
    assert (parsed.whole, parsed.reusable) == (True, True)
    assert parsed.head is not None
    assert (parsed.head.length, parsed.head.framed) == (0, True)


def test_an_answer_to_head_has_no_body_whatever_its_head_says() -> None:
    parsed = parse(with_head(b"Content-Length: 5"), bodyless=True)
    assert (parsed.whole, parsed.reusable, parsed.body) == (True, True, b"")


@pytest.mark.parametrize("pieces", [[b"hello"], [b"", b"hello"]])
def test_a_body_behind_the_answer_to_head_spoils_the_connection(pieces: list[bytes]) -> None:
    first, *more = pieces
    parsed = parse(with_head(b"Content-Length: 5", body=first), *more, bodyless=True)
    assert (parsed.whole, parsed.reusable, parsed.body) == (True, False, b"")


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 3", b"Content-Length: 3"],
        [b"Content-Length: 3", b"Content-Length: 4"],
        [b"Content-Length: 3, 3"],
        [b"Content-Length: +3"],
        [b"Content-Length:"],
        [b"Content-Length: 99999999999999999999"],
        [b"Content-Length: 3", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 3"],
    ],
)
def test_a_length_that_could_be_read_in_two_ways_is_garbage(lines: list[bytes]) -> None:
    assert parse(with_head(*lines, body=b"abc")).garbage


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity"])
def test_a_transfer_coding_that_nobody_asked_for_is_garbage(coding: bytes) -> None:
    parsed = parse(with_head(b"Transfer-Encoding: " + coding, body=chunk(b"abc") + LAST_CHUNK) + OK)
    assert parsed.garbage
    assert parsed.head is None


@pytest.mark.parametrize(
    "framing", [b"zz\r\n", b"-1\r\n", b" 3\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"1\r\nab\r\n", b"1\na\n"]
)
def test_broken_chunks_are_garbage(framing: bytes) -> None:
    assert parse(STREAM + framing).garbage


def test_a_gzip_body_is_left_as_it_is() -> None:
    body = gzip.compress(b"{}")
    raw = with_head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(body), body=body)
    assert parse(raw).body == body


# -- the connection behind it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        with_head(b"Content-Length: 0", b"Connection: close"),
        with_head(b"Content-Length: 0", b"Connection: keep-alive, close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_may_end_its_connection(raw: bytes) -> None:
    parsed = parse(raw)
    assert (parsed.whole, parsed.reusable) == (True, False)


def test_http_1_0_may_keep_its_connection() -> None:
    assert parse(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").reusable


REFUSED_SWITCH = b"HTTP/1.1 101 No\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"


@pytest.mark.parametrize("rubbish", [b"x", OK, b"HTTP/1.1", b"\x00" * 40, REFUSED_SWITCH])
@pytest.mark.parametrize("answer", [OK, STREAM + chunk(b"{}") + LAST_CHUNK])
def test_bytes_behind_the_end_spoil_the_connection_and_not_the_answer(answer: bytes, rubbish: bytes) -> None:
    expected = Parsed(head_of(answer), b"{}", whole=True, reusable=False)
    assert parse(answer + rubbish) == expected
    assert parse(answer, rubbish) == expected


# -- limits -------------------------------------------------------------------------------------------------------


def slowly(beginning: bytes, filling: bytes) -> Iterable[bytes]:
    """More than the limit allows, in small pieces."""
    yield beginning
    for _ in range(2 * MAX_HEAD_BYTES // len(filling)):
        yield filling


@pytest.mark.parametrize(
    ("beginning", "filling"),
    [
        (PLAIN + b"A: ", b"x" * 1000),
        (PLAIN, b"A: b\r\n" * 100),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"HTTP/1.1 200 ", b"x" * 1000),
        (STREAM + chunk(b"abc") + b"0\r\nA: ", b"x" * 1000),
        (STREAM + chunk(b"abc") + b"0\r\n", b"A: b\r\n" * 100),
        (STREAM + b"1;ext=", b"x" * 1000),
    ],
    ids=["a line", "lines", "interim answers", "a phrase", "a trailer", "trailers", "a chunk's extension"],
)
def test_nothing_but_a_body_goes_on_for_ever(beginning: bytes, filling: bytes) -> None:
    assert parse(*slowly(beginning, filling)).garbage


def test_a_long_body_in_small_chunks_is_no_head() -> None:
    parsed = parse(STREAM, *[chunk(b"x")] * MAX_HEAD_BYTES, LAST_CHUNK)
    assert (len(parsed.body), parsed.whole) == (MAX_HEAD_BYTES, True)


def test_a_long_head_of_a_whole_answer_is_taken() -> None:
    assert parse(with_head(b"A: " + b"x" * (MAX_HEAD_BYTES - 100), b"Content-Length: 0")).whole


# -- laws ---------------------------------------------------------------------------------------------------------

ANSWERS = st.sampled_from(
    [
        OK,
        OK + b"rubbish",
        OK + OK,
        STREAM + chunk(b"a" * 20) + chunk(b"\r\n0\r\n\r\n") + LAST_CHUNK,
        STREAM + chunk(b"abc") + b"0\r\nX-Trailer: 1\r\n\r\n",
        STREAM + chunk(b"abc") + b"nonsense\r\n",
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + OK,
        with_head(b"A:", b"B: c", b"Connection: close", body=b"to the end"),
        with_head(b"Transfer-Encoding: gzip", body=b"abc"),
        with_head(b"Content-Length: 1", b"Content-Length: 2", body=b"abc"),
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
    ]
)


@given(ANSWERS, st.lists(st.integers(0, 300), max_size=8))
def test_however_an_answer_is_split_it_means_the_same(raw: bytes, places: list[int]) -> None:
    assert parse(*cut(raw, places)) == parse(raw) == parse(*(bytes([byte]) for byte in raw))


GARBAGE = st.one_of(
    st.binary(max_size=80),
    st.tuples(ANSWERS, st.integers(0, 120), st.binary(max_size=6)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    ),
)


@given(st.lists(GARBAGE, max_size=4), st.booleans())
def test_no_bytes_raise_anything_but_garbage(pieces: list[bytes], bodyless: bool) -> None:
    parsed = parse(*pieces, bodyless=bodyless)
    assert parsed.garbage or not parsed.reusable or parsed.whole


@given(st.lists(GARBAGE, max_size=4))
def test_garbage_stays_garbage(pieces: list[bytes]) -> None:
    parser = AnswerParser()
    try:
        for piece in pieces:
            parser.feed(piece)
    except Garbage:
        with pytest.raises(Garbage):
            parser.feed(OK)
