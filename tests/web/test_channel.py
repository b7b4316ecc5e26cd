"""The server's own limits: deadlines, sizes, and requests that two parsers could read differently."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.config.schema import Access
from cliproxy.secret import Secret
from cliproxy.web.channel import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    LAST_BYTES_SECONDS,
    MAX_HEAD_BYTES,
    MAX_STRANGERS_BODY_BYTES,
    MAX_WASTE_BYTES,
    UPLOAD_SECONDS,
)
from tests.support.http import Client, FakeHouse
from tests.web.conftest import Connect

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
BODY = b'{"model": "claude-opus-4-5"}'
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def statuses(client: Client) -> list[int]:
    return [answer.status for answer in client.answers()]


def served(client: Client) -> list[bytes]:
    """The bodies that reached the house."""
    return [ask.body for ask in client.house.asked]


def refused(client: Client) -> bool:
    """One 400 with a body, nothing served, and the connection closed."""
    (answer,) = client.answers()
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer["connection"] == "close"
    assert client.closed
    return not client.house.asked


# -- heads


def test_a_whole_request_sets_no_deadline(client: Client) -> None:
    assert statuses(client.feed(WHOLE)) == [200]
    assert client.deadlines == []


def test_bytes_may_come_one_by_one(client: Client) -> None:
    client.feed(*(WHOLE[i : i + 1] for i in range(len(WHOLE))))
    assert (statuses(client), served(client)) == ([200], [BODY])
    assert client.deadlines == []


def test_a_head_that_dribbles_in_is_dropped(client: Client) -> None:
    client.feed(b"POST ")
    for _ in range(int(HEAD_SECONDS) - 1):
        client.clock.advance(1)
        client.feed(b"x")
    assert not client.closed
    client.clock.advance(1)
    assert client.closed
    assert client.transport.value() == b""


def test_the_head_of_a_later_request_has_the_same_time(client: Client) -> None:
    client.feed(WHOLE)
    client.clock.advance(30)
    client.feed(b"GET / HTTP/1.1\r\n")
    client.clock.advance(HEAD_SECONDS - 1)
    assert not client.closed
    client.clock.advance(1)
    assert client.closed


def test_a_client_that_does_not_let_itself_be_closed_is_cut(client: Client) -> None:
    client.feed(b"POST ")
    client.clock.advance(HEAD_SECONDS)
    assert not client.transport.aborted
    client.clock.advance(15)
    assert client.transport.aborted


def test_an_idle_connection_is_closed(client: Client) -> None:
    client.feed(WHOLE)
    client.transport.clear()
    client.clock.advance(IDLE_SECONDS)
    assert client.closed
    assert client.transport.value() == b""


def test_an_answer_may_take_its_time(connect: Connect) -> None:
    client = connect()
    client.house.waits = True
    client.feed(WHOLE)
    client.clock.advance(3600)
    assert not client.closed
    assert client.clock.getDelayedCalls() == []


@pytest.mark.parametrize("length", [17_000, MAX_HEAD_BYTES - 100])
def test_a_line_longer_than_twisteds_limit_is_read(client: Client, length: int) -> None:
    assert client.ask("GET", "/healthz", "Cookie: " + "c" * length).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + (b"A: %b\r\n" % (b"a" * 1000)) * 70,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 501 + b"\r\n",
    ],
)
def test_a_head_that_is_too_large_is_a_bad_request(client: Client, head: bytes) -> None:
    """Twisted closes the connection without a word when it is one line that is too long."""
    assert refused(client.feed(head))


# -- uploads


@pytest.mark.parametrize("body", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"])
def test_an_upload_that_stops_is_told(client: Client, body: bytes) -> None:
    client.feed(HEAD + body)
    client.clock.advance(IDLE_SECONDS - 1)
    assert not client.closed
    client.clock.advance(1)
    (answer,) = client.answers()
    assert (answer.status, answer["connection"]) == (408, "close")
    assert orjson.loads(answer.body)["request_id"] == answer["x-request-id"]
    assert answer.error["type"] == "invalid_request_error"
    assert client.closed
    assert client.house.asked == []


def test_the_answer_to_a_slow_upload_is_in_the_words_of_its_path(client: Client) -> None:
    """It was OpenAI's at Anthropic's path, unless headers told the caller."""
    client.feed(HEAD + b"Content-Length: 9\r\n\r\n")
    client.clock.advance(IDLE_SECONDS)
    assert client.answers()[0].body.startswith(b'{"type":"error",')


def test_a_slow_upload_is_told_once(client: Client) -> None:
    """The idle timeout told it a second time, and left the first one's timer behind."""
    client.feed(HEAD + b"Content-Length: 100\r\n\r\n")
    for _ in range(int(UPLOAD_SECONDS // 50)):
        client.clock.advance(50)
        client.feed(b" ")
    client.clock.advance(10)
    assert statuses(client) == [408]
    client.clock.advance(15)
    assert statuses(client) == [408]
    assert client.clock.getDelayedCalls() == []


def test_a_body_that_goes_on_and_on_is_stopped(client: Client) -> None:
    client.feed(CHUNKED)
    for _ in range(int(UPLOAD_SECONDS) // 10):
        assert not client.closed
        client.clock.advance(10)
        client.feed(b"1\r\n{\r\n")
    assert statuses(client) == [408]
    assert client.closed


def test_what_comes_after_a_refusal_is_not_read(client: Client) -> None:
    client.feed(HEAD + b"Content-Length: 100\r\n\r\n")
    client.clock.advance(IDLE_SECONDS)
    client.feed(b" " * 100 + WHOLE)
    assert statuses(client) == [408]
    assert client.house.asked == []


def test_a_refused_request_is_not_told_to_be_slow(client: Client) -> None:
    """A malformed chunk was told 400, and 408 a minute later."""
    client.feed(CHUNKED + b"zz\r\n")
    client.clock.advance(IDLE_SECONDS)
    assert refused(client)


@pytest.mark.parametrize("piece", [b"", b"POST /v1", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{", CHUNKED + b"5\r\n{"])
def test_a_client_may_leave_at_any_time(client: Client, piece: bytes) -> None:
    client.feed(piece).leave()
    assert client.clock.getDelayedCalls() == []
    assert client.house.asked == []


def test_the_go_ahead_for_a_body_is_given(client: Client) -> None:
    client.feed(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(BODY))
    assert client.transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert statuses(client.feed(BODY)) == [200]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_just_the_limit_is_taken(connect: Connect, chunked: bool) -> None:
    client = connect(FakeHouse(body_limit=1000))
    body = BODY.ljust(1000)
    if chunked:
        client.feed(CHUNKED, b"1f4\r\n" + body[:500] + b"\r\n", b"1f4\r\n" + body[500:] + b"\r\n0\r\n\r\n")
    else:
        client.feed(HEAD + b"Content-Length: 1000\r\n\r\n" + body)
    assert (statuses(client), served(client)) == ([200], [body])


@pytest.mark.parametrize("chunked", [True, False])
def test_a_larger_body_is_read_to_its_end_and_refused(connect: Connect, chunked: bool) -> None:
    client = connect(FakeHouse(body_limit=1000))
    if chunked:
        client.feed(CHUNKED, *[b"c8\r\n" + b" " * 200 + b"\r\n"] * 6)
    else:
        client.feed(HEAD + b"Content-Length: 1200\r\n\r\n", *[b" " * 200] * 6)
        assert statuses(client) == [413]
    client.feed(b"0\r\n\r\n" if chunked else b"").feed(WHOLE)
    large, fine = client.answers()
    assert (large.status, large.error["type"], fine.status) == (413, "request_too_large", 200)
    assert b"1000" in large.body


def test_no_more_of_a_body_is_kept_than_the_limit(connect: Connect) -> None:
    client = connect(FakeHouse(body_limit=1000))
    client.feed(CHUNKED, *[b"3e8\r\n" + b" " * 1000 + b"\r\n"] * 50)
    assert client.channel.requests[-1].content.getvalue() == b""


@pytest.mark.parametrize("place", ["query", "header"])
def test_a_large_body_of_a_caller_with_a_key_is_kept(connect: Connect, place: str) -> None:
    client = connect(FakeHouse(body_limit=1_000_000), Access(api_keys=(Secret("sk-mine"),)))
    body = b'{"model": "demo", "messages": "' + b"x" * MAX_STRANGERS_BODY_BYTES + b'"}'
    target, line = ("?key=sk-mine", "X-None: 1") if place == "query" else ("", "X-Api-Key: sk-mine")
    assert client.post(body, line, target=f"/v1/messages{target}").status == 200


def test_strangers_may_not_fill_the_memory(connect: Connect) -> None:
    client = connect(FakeHouse(body_limit=1_000_000), Access(api_keys=(Secret("sk-mine"),)))
    client.feed(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: wrong\r\nContent-Length: 900000\r\n\r\n")
    client.feed(b"x" * 800_000)
    assert client.channel.requests[-1].content.getvalue() == b""
    client.feed(b"x" * 100_000)
    (answer,) = client.answers()
    assert answer.status == 401


def test_a_body_without_end_is_cut(connect: Connect) -> None:
    client = connect(FakeHouse(body_limit=1000))
    client.feed(HEAD + b"Content-Length: %d\r\n\r\n" % (10 * MAX_WASTE_BYTES))
    piece = bytes(8 * 1024 * 1024)
    client.feed(*[piece] * (MAX_WASTE_BYTES // len(piece)))
    assert not client.transport.aborted
    client.feed(piece)
    assert client.transport.aborted


# -- requests that two parsers could read differently


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5_0\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: %b\r\n" % (b"9" * 19),
        b"Content-Length: %b\r\n" % (b"9" * 5000),
        b"Content-Length : 5\r\n",
        b"Content-Length\t: 5\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: \r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding: chunked;a=b\r\n",
        b'Transfer-Encoding: "chunked"\r\n',
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding\x00: chunked\r\n",
        b"Transfer-Encoding:\r\n gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\n , identity\r\n",
        b"A: b\rTransfer-Encoding: chunked\r\n",
        b"A: b\nTransfer-Encoding: chunked\r\n",
        b"A: b\x00\r\n",
        b"A\r\n",
        b": b\r\n",
        b"A b: c\r\n",
        b"A\rB: c\r\n",
    ],
)
def test_an_ambiguous_head_is_a_bad_request(client: Client, lines: bytes) -> None:
    """5000 digits made Twisted raise where nobody catches it."""
    assert refused(client.feed(HEAD + lines + b"\r\n" + b"0\r\n\r\n" + WHOLE))


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1\r\n Content-Length: 5",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/2.0",
        b"GET / HTTP/0.9",
        b"GET / http/1.1",
        b"GET /\t HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"GET /a\rb HTTP/1.1",
        b"GET /a\nb HTTP/1.1",
        b"(GET) / HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0",
    ],
)
def test_a_malformed_first_line_is_a_bad_request(client: Client, line: bytes) -> None:
    assert refused(client.feed(line + b"\r\nHost: localhost\r\n\r\n" + WHOLE))


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"+5\r\n{    \r\n0\r\n\r\n",
        b"0x5\r\n{    \r\n0\r\n\r\n",
        b" 5\r\n{    \r\n0\r\n\r\n",
        b"5 \r\n{    \r\n0\r\n\r\n",
        b"\r\n",
        b"5_0\r\n",
        b"5\r\n{    }\r\n0\r\n\r\n",
        b"5\r\n{    0\r\n\r\n\r\n",
        b"5;a=\x00\r\n{    \r\n0\r\n\r\n",
        b"5;a=b\n\r\n{    \r\n0\r\n\r\n",
        b"f" * 5000 + b"\r\n",
        b"1;" + b"a" * 70_000,
        b"0\r\n" + b"A: b\r\n" * 20_000,
    ],
)
def test_malformed_chunks_are_a_bad_request(client: Client, chunks: bytes) -> None:
    assert refused(client.feed(CHUNKED + chunks))


def test_chunk_extensions_and_trailers_are_dropped(client: Client) -> None:
    client.feed(CHUNKED + b"1C;a=b\r\n" + BODY + b"\r\n000\r\nContent-Length: 5\r\nX-Api-Key: k\r\n\r\n" + WHOLE)
    assert (statuses(client), served(client)) == ([200, 200], [BODY, BODY])
    assert b"x-api-key" not in dict(client.house.asked[0].headers)


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED  ", b"\r\n chunked"])
def test_chunked_is_the_coding_that_is_known(client: Client, coding: bytes) -> None:
    client.feed(HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n1c\r\n" + BODY + b"\r\n0\r\n\r\n" + WHOLE)
    assert served(client) == [BODY, BODY]


def test_a_folded_header_is_one_line(client: Client) -> None:
    client.feed(HEAD + b"A: b\r\n c\r\n\td\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))
    assert dict(client.house.asked[0].headers)[b"a"] == b"b c d"


def test_a_chunked_body_in_http_1_0_ends_the_connection(client: Client) -> None:
    """Who reads it otherwise cannot hide another request behind it."""
    client.feed(CHUNKED.replace(b"/1.1", b"/1.0") + b"1c\r\n" + BODY + b"\r\n0\r\n\r\n" + WHOLE)
    assert (statuses(client), served(client)) == ([200], [BODY])
    assert client.closed


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    client.feed(WHOLE + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + WHOLE)
    assert statuses(client) == [200, 404, 200]


def test_a_body_is_no_second_request(client: Client) -> None:
    hidden = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(hidden), hidden))
    assert statuses(client) == [200]


@settings(max_examples=50)
@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([HEAD, WHOLE, CHUNKED, BODY, b"\r\n", b"0", b":"])).map(b"".join)
)
def test_any_bytes_are_borne(raw: bytes) -> None:
    client = Client()
    client.feed(raw)
    client.answers()
    client.clock.advance(IDLE_SECONDS)
    client.leave()
    assert client.clock.getDelayedCalls() == []


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2 * len(WHOLE) + len(CHUNKED))))
def test_however_requests_are_split_the_answers_are_the_same(cuts: list[int]) -> None:
    raw = WHOLE + CHUNKED + b"1c\r\n" + BODY + b"\r\n0\r\n\r\n" + WHOLE
    edges = [0, *sorted(cuts), len(raw)]
    client = Client()
    client.feed(*(raw[start:end] for start, end in pairwise(edges)))
    assert (statuses(client), served(client)) == ([200] * 3, [BODY] * 3)
    assert client.deadlines == []
    client.leave()


# -- the site


def test_nothing_but_http_1_1_is_offered_to_tls(client: Client) -> None:
    assert client.site.acceptableProtocols() == [b"http/1.1"]


# -- closing


def test_a_site_without_connections_is_closed_at_once(client: Client) -> None:
    client.leave()
    assert client.site.close().called


def test_a_site_is_closed_when_its_last_connection_is(client: Client) -> None:
    closed = client.site.close()
    assert client.transport.disconnecting
    assert not closed.called
    client.leave()
    assert closed.called
    assert client.clock.getDelayedCalls() == []


def test_a_client_that_does_not_take_its_last_bytes_is_cut(client: Client) -> None:
    client.site.close()
    client.clock.advance(LAST_BYTES_SECONDS)
    assert client.transport.aborted
