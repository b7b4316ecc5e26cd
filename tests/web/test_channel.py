"""The server's own limits: deadlines, sizes, and requests that two parsers could read differently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.server import Request

from cliproxy.errors import BadRequest, UploadTooSlow
from cliproxy.web.channel import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    LAST_BYTES_SECONDS,
    MAX_HEAD_BYTES,
    REST_SECONDS,
    UPLOAD_SECONDS,
)
from cliproxy.web.request import MAX_WASTE_BYTES, LimitedRequest
from cliproxy.web.uploads import Unwanted
from tests.support.http import Client
from tests.support.uploads import CHUNKED as EARLY_CHUNKED
from tests.support.uploads import HEAD as EARLY
from tests.support.uploads import LARGE, NEXT, Taker, Uploader, answer, chunks
from tests.support.uploads import WHOLE as EARLY_WHOLE
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


# -- requests that are served before their bodies have come


@pytest.fixture
def uploader() -> Iterator[Uploader]:
    client = Uploader()
    yield client
    client.leave()
    assert client.clock.getDelayedCalls() == []


@pytest.mark.parametrize("size", [1, 999, 1 << 20])
@pytest.mark.parametrize("coded", [False, True])
def test_a_body_goes_on_as_it_comes(uploader: Uploader, size: int, coded: bool) -> None:
    body = LARGE[:70_000]
    head, coding = (EARLY_CHUNKED, chunks(body)) if coded else (EARLY + b"Content-Length: 70000\r\n\r\n", body)
    takers: list[Taker] = []
    uploader.door.serve = lambda request: takers.append(uploader.take())
    uploader.trickle(head + coding, size)
    (taker,) = takers
    assert (taker.content, taker.outcomes) == (body, [None])


def test_what_came_in_one_read_goes_on_in_one_write(uploader: Uploader) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take()
    uploader.feed(chunks(b"x" * 5000, size=1))
    assert taker.taken == [b"x" * 5000]


def test_its_answer_may_come_after_its_body(uploader: Uploader) -> None:
    uploader.feed(EARLY_WHOLE)
    assert uploader.take().content == LARGE
    answer(uploader.request)
    assert statuses(uploader) == [200]


def test_the_go_ahead_comes_before_the_answer(uploader: Uploader) -> None:
    uploader.door.serve = answer
    uploader.feed(EARLY + b"Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n")
    assert uploader.transport.value().startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_body_that_nobody_takes_yet_is_not_read_on(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    assert uploader.reads
    uploader.feed(chunks(b"x", end=b""))
    assert not uploader.reads
    uploader.take()
    assert uploader.reads


def test_a_full_taker_stops_the_client(uploader: Uploader) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take(full=True)
    uploader.feed(chunks(b"x", end=b""))
    assert not uploader.reads
    taker.body.resumeProducing()
    assert uploader.reads


def test_a_client_that_does_not_read_its_answer_may_send_on(uploader: Uploader) -> None:
    """Many a client reads nothing before it has sent all."""
    uploader.feed(EARLY_CHUNKED).take()
    uploader.channel.pauseProducing()
    assert uploader.reads


def test_a_body_may_take_any_time(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED).take()
    for _ in range(int(UPLOAD_SECONDS)):
        uploader.clock.advance(IDLE_SECONDS - 1)
        uploader.feed(b"1\r\n{\r\n")
    assert not uploader.closed


@pytest.mark.parametrize("body", [b"", b"5\r\n{", b"1\r\n{\r\n"])
def test_a_body_that_stops_is_told_here_too(uploader: Uploader, body: bytes) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take()
    uploader.feed(body)
    uploader.clock.advance(IDLE_SECONDS)
    assert statuses(uploader) == [408]
    assert isinstance(taker.trouble, UploadTooSlow)
    (left,) = uploader.door.ends
    assert isinstance(left, Failure)


def test_whoever_serves_a_request_that_was_refused_says_nothing_more(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    uploader.clock.advance(IDLE_SECONDS)
    uploader.request.write(b"late")
    assert statuses(uploader) == [408]


def test_a_client_is_not_idle_while_it_is_not_read(uploader: Uploader) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take(full=True)
    uploader.feed(b"1\r\n{\r\n")
    uploader.clock.pump([IDLE_SECONDS] * 5)
    uploader.clock.advance(IDLE_SECONDS / 2)
    taker.body.resumeProducing()
    uploader.clock.advance(IDLE_SECONDS - 1)
    assert not uploader.closed
    uploader.clock.advance(1)
    assert statuses(uploader) == [408]


def test_a_body_that_stops_under_its_answer_cuts_that(uploader: Uploader) -> None:
    """Closed in order, an answer without a length would look whole."""
    uploader.feed(EARLY_CHUNKED).take()
    uploader.request.write(b"some")
    uploader.clock.advance(IDLE_SECONDS)
    assert uploader.transport.aborted
    assert uploader.transport.value().endswith(b"\r\n\r\n4\r\nsome\r\n")


@pytest.mark.parametrize("more", [b"", chunks(b"x", end=b""), b"5\r\n{"])
def test_a_client_may_leave_in_the_middle(uploader: Uploader, more: bytes) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take()
    uploader.feed(more).leave()
    assert isinstance(taker.trouble, ConnectionDone)
    (left,) = uploader.door.ends
    assert isinstance(left, Failure)


def test_a_client_may_leave_before_anybody_takes_its_body(uploader: Uploader) -> None:
    body = uploader.feed(EARLY_CHUNKED + chunks(b"x", end=b"")).body
    uploader.leave()
    assert isinstance(Taker(body).trouble, ConnectionDone)


def test_a_client_is_seen_to_leave_once_all_has_come(uploader: Uploader) -> None:
    taker = uploader.feed(EARLY + b"Content-Length: 70000\r\n\r\n").take(full=True)
    uploader.feed(LARGE[:60_000])
    assert not uploader.reads
    uploader.feed(LARGE[60_000:70_000])
    assert uploader.reads
    taker.body.resumeProducing()
    assert (taker.content, taker.outcomes) == (LARGE[:70_000], [None])


@pytest.mark.parametrize("bad", [b"zz\r\n", b"1\r\nx0", b"0\r\n" + b"A: b\r\n" * 20_000])
def test_malformed_chunks_are_told_if_nothing_was(uploader: Uploader, bad: bytes) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take()
    uploader.feed(chunks(b"fine", end=b""), bad, EARLY_WHOLE)
    (told,) = uploader.answers()
    assert (told.status, uploader.closed, len(uploader.door.requests)) == (400, True, 1)
    assert isinstance(taker.trouble, BadRequest)


def test_malformed_chunks_under_an_answer_cut_it(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED).take()
    uploader.request.write(b"some")
    uploader.feed(b"zz\r\n")
    assert uploader.transport.aborted
    assert uploader.transport.value().endswith(b"\r\n\r\n4\r\nsome\r\n")


def test_malformed_chunks_after_an_answer_close(uploader: Uploader) -> None:
    uploader.door.serve = answer
    uploader.feed(EARLY_CHUNKED, b"zz\r\n", NEXT)
    assert (statuses(uploader), uploader.closed) == ([200], True)


# -- answers that come before the body


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_the_rest_of_the_body_of_an_answered_request_is_dropped(uploader: Uploader, size: int) -> None:
    uploader.door.serve = answer
    uploader.trickle(EARLY_WHOLE + EARLY_CHUNKED + chunks(LARGE) + NEXT, size)
    assert (statuses(uploader), uploader.closed) == ([200, 200, 200], False)
    assert uploader.door.ends == [None, None, None]


def test_nothing_is_served_behind_a_body_that_has_not_ended(uploader: Uploader) -> None:
    uploader.door.serve = answer
    uploader.feed(EARLY + b"Content-Length: 70000\r\n\r\n", NEXT)
    assert len(uploader.door.requests) == 1


def test_who_takes_a_body_hears_that_its_request_was_answered(uploader: Uploader) -> None:
    taker = uploader.feed(EARLY_CHUNKED).take(full=True)
    uploader.feed(chunks(b"x", end=b""))
    answer(uploader.request)
    assert isinstance(taker.trouble, Unwanted)
    assert uploader.reads


def test_a_body_may_be_asked_for_too_late(uploader: Uploader) -> None:
    body = uploader.feed(EARLY_CHUNKED).body
    answer(uploader.request)
    assert isinstance(Taker(body).trouble, Unwanted)


def test_the_rest_has_its_time(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    answer(uploader.request)
    for _ in range(9):
        assert not uploader.closed
        uploader.clock.advance(REST_SECONDS / 9)
        uploader.feed(b"1\r\n{\r\n")
    assert (statuses(uploader), uploader.closed) == ([200], True)


def test_a_rest_that_stops_closes_without_a_word(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    answer(uploader.request)
    uploader.clock.advance(IDLE_SECONDS)
    assert (statuses(uploader), uploader.closed) == ([200], True)


def test_a_rest_without_end_is_cut(uploader: Uploader) -> None:
    uploader.feed(EARLY + b"Content-Length: %d\r\n\r\n" % (2 * MAX_WASTE_BYTES))
    answer(uploader.request)
    piece = bytes(8 * 1024 * 1024)
    uploader.feed(*[piece] * (MAX_WASTE_BYTES // len(piece)))
    assert not uploader.transport.aborted
    uploader.feed(piece)
    assert uploader.transport.aborted


def test_a_client_may_leave_in_the_rest(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    answer(uploader.request)
    uploader.feed(chunks(b"x", end=b"")).leave()
    assert uploader.door.ends == [None]


@pytest.mark.parametrize("head", [EARLY_CHUNKED.replace(b"/1.1", b"/1.0"), EARLY + b"Connection: close\r\n"])
def test_a_connection_that_is_not_kept_is_closed_after_the_rest(uploader: Uploader, head: bytes) -> None:
    """Closed before, the client might not get to read the answer."""
    coded = b"chunked" in head
    uploader.feed(head if coded else head + b"Content-Length: 70000\r\n\r\n")
    answer(uploader.request)
    assert not uploader.closed
    uploader.feed(chunks(LARGE) if coded else LARGE[:70_000]).feed(NEXT)
    assert (statuses(uploader), uploader.closed) == ([200], True)


def test_the_next_request_has_its_idle_time(uploader: Uploader) -> None:
    uploader.feed(EARLY_CHUNKED)
    answer(uploader.request)
    uploader.feed(b"0\r\n\r\n")
    uploader.clock.advance(IDLE_SECONDS - 1)
    assert not uploader.closed
    assert uploader.deadlines == [1]


def test_requests_behind_are_answered_in_order(uploader: Uploader) -> None:
    uploader.feed(EARLY_WHOLE + NEXT + EARLY_WHOLE)
    for number in range(3):
        assert len(uploader.door.requests) == number + 1
        answer(uploader.request, b"%d" % number)
    assert [told.body for told in uploader.answers()] == [b"0", b"1", b"2"]


def take(request: Request) -> None:
    assert isinstance(request, LimitedRequest)
    if request.arriving is not None:
        Taker(request.arriving)


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from([EARLY, EARLY_CHUNKED, EARLY_WHOLE, chunks(b"x" * 99), NEXT, b"\r\n", b"0", b":"])),
    st.integers(1000, 100_000),
    st.sampled_from([lambda _: None, answer, take, lambda request: request.write(b"x")]),
)
def test_any_bytes_of_those_are_borne(raw: list[bytes], size: int, serve: Callable[[Request], object]) -> None:
    client = Uploader()
    client.door.serve = serve
    client.trickle(b"".join(raw), size)
    client.clock.advance(IDLE_SECONDS)
    client.leave()
    assert client.clock.getDelayedCalls() == []
