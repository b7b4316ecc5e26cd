"""What becomes of a request's body: kept, dropped, or handed on as it comes."""

from __future__ import annotations

import pytest
from twisted.web.iweb import UNKNOWN_LENGTH

from cliproxy.config.schema import Access
from cliproxy.secret import Secret
from cliproxy.web.gate import Gate
from cliproxy.web.request import MAX_STRANGERS_BODY_BYTES, MAX_WASTE_BYTES
from cliproxy.web.uploads import body_of
from tests.support.http import Client, FakeHouse, with_keys
from tests.support.uploads import CHUNKED as EARLY_CHUNKED
from tests.support.uploads import HEAD as EARLY
from tests.support.uploads import LARGE, Uploader, chunks
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


@pytest.fixture
def uploader() -> Uploader:
    return Uploader()


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


# -- requests that are served before their bodies have come


def test_a_large_body_is_not_waited_for(uploader: Uploader) -> None:
    uploader.feed(EARLY + b"Content-Length: 65537\r\n\r\n")
    request = uploader.request
    assert (request.method, request.uri, request.path) == (b"POST", b"/up?x=1", b"/up")
    assert (request.args, request.clientproto) == ({b"x": [b"1"]}, b"HTTP/1.1")


def test_a_chunked_body_is_not_waited_for(uploader: Uploader) -> None:
    assert uploader.feed(EARLY_CHUNKED).body.length is UNKNOWN_LENGTH


def test_a_small_body_is() -> None:
    client = Uploader(body_limit=MAX_WASTE_BYTES)
    client.feed(EARLY + b"Content-Length: 65536\r\n\r\n" + bytes(65535))
    assert client.door.requests == []
    assert body_of(client.feed(b"\0").request) == bytes(65536)


def test_a_body_over_the_limit_is_never_a_small_one() -> None:
    """It would be dropped, and the request passed on without it."""
    client = Uploader(body_limit=1000).feed(EARLY + b"Content-Length: 1001\r\n\r\n" + bytes(1001))
    assert client.take().content == bytes(1001)


def test_elsewhere_bodies_are_waited_for(uploader: Uploader) -> None:
    uploader.feed(CHUNKED, b"1c\r\n" + BODY + b"\r\n")
    assert uploader.door.requests == []
    uploader.feed(b"0\r\n\r\n")
    assert body_of(uploader.request) == BODY


def test_a_request_is_served_once(uploader: Uploader) -> None:
    uploader.feed(EARLY_WHOLE)
    assert len(uploader.door.requests) == 1


def test_the_limit_for_bodies_is_not_for_those(uploader: Uploader) -> None:
    uploader.door.gate = Gate(with_keys())
    taker = uploader.feed(EARLY_CHUNKED).take()
    uploader.feed(chunks(LARGE))
    assert taker.content == LARGE
