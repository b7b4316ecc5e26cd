"""An answer on its way back to the client. Amp's control plane stands for any service here."""

from __future__ import annotations

import gzip

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from cliproxy.passing.relay import PARTING_SECONDS
from tests.support.amp import Passage
from tests.support.passing import Told

JSON = ("Content-Type", "application/json")
PLAIN = b'{"threads":[1,2,3]}'
ZIPPED = gzip.compress(PLAIN, mtime=0)
SOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCHED = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)


def of(length: int) -> tuple[str, str]:
    return "Content-Length", str(length)


def passed_back(told: Told, method: str = "GET", *lines: str) -> Passage:
    """A request whose answer is this, and whole."""
    return Passage().ask(method, "/api/threads", *lines).answer(told)


# -- its head and body


def test_an_answer_comes_back_as_it_is() -> None:
    lines = (("Content-Type", "text/html"), of(5), ("ETag", '"1"'), ("Location", "https://ampcode.com/x"))
    passage = passed_back(Told(302, *lines, body=b"hello", whole=True))
    assert (passage.status, passage.body, passage.ended) == (302, b"hello", True)
    assert passage.all("content-type") == ["text/html"]
    assert passage.all("etag") == ['"1"']
    assert passage.all("location") == ["https://ampcode.com/x"]


def test_each_cookie_comes_back() -> None:
    passage = passed_back(Told(200, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), of(0), whole=True))
    assert passage.all("set-cookie") == ["a=1", "b=2"]


def test_the_upstreams_date_and_server_stand_in_place_of_ours() -> None:
    passage = passed_back(Told(200, ("Date", "then"), ("Server", "amp"), of(0), whole=True))
    assert (passage.all("date"), passage.all("server")) == (["then"], ["amp"])


def test_no_page_of_another_origin_is_let_in() -> None:
    lines = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "x-secret"))
    passage = passed_back(Told(200, *lines, of(0), whole=True))
    assert b"access-control" not in passage.raw.lower()


def test_an_answer_without_a_length_comes_back_in_chunks() -> None:
    passage = passed_back(Told(200, JSON, body=PLAIN, whole=True))
    assert passage.all("transfer-encoding") == ["chunked"]
    assert (passage.body, passage.ended) == (PLAIN, True)


def test_an_answer_in_gzip_that_says_so_comes_back_as_it_is() -> None:
    passage = passed_back(Told(200, JSON, ("Content-Encoding", "gzip"), of(len(ZIPPED)), body=ZIPPED, whole=True))
    assert passage.body == ZIPPED
    assert passage.all("content-encoding") == ["gzip"]


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("announced", [True, False])
def test_an_answer_in_gzip_that_does_not_say_so_is_decoded(status: int, announced: bool) -> None:
    length = (of(len(ZIPPED)),) if announced else ()
    passage = passed_back(Told(status, JSON, *length, body=ZIPPED, whole=True))
    assert (passage.status, passage.body) == (status, PLAIN)
    assert passage.all("content-length") == [str(len(PLAIN))]
    assert passage.all("content-encoding") == []


@pytest.mark.parametrize("body", [ZIPPED[:-4], b"\x1f", b"", PLAIN])
def test_a_body_that_is_no_whole_gzip_comes_back_as_it_is(body: bytes) -> None:
    passage = passed_back(Told(200, JSON, of(len(body)), body=body, whole=True))
    assert (passage.body, passage.ended) == (body, True)
    assert passage.all("content-length") == [str(len(body))]


def test_an_event_stream_in_gzip_comes_back_as_it_is() -> None:
    passage = passed_back(Told(200, ("Content-Type", "text/event-stream"), body=ZIPPED, whole=True))
    assert passage.body == ZIPPED


def test_the_length_that_head_asks_for_is_told() -> None:
    passage = passed_back(Told(200, JSON, of(1234), whole=True), "HEAD")
    assert passage.all("content-length") == ["1234"]
    assert passage.raw.endswith(b"\r\n\r\n")


def test_the_answer_to_head_may_have_no_length() -> None:
    passage = passed_back(Told(200, JSON, whole=True), "HEAD")
    assert passage.all("content-length") == passage.all("transfer-encoding") == []
    assert passage.raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_comes_back_without_one(status: int) -> None:
    passage = passed_back(Told(status, ("ETag", '"1"'), whole=True))
    assert passage.status == status
    assert passage.all("transfer-encoding") == []
    assert passage.raw.endswith(b"\r\n\r\n")


def test_no_content_has_no_length() -> None:
    assert passed_back(Told(204, of(0), whole=True)).all("content-length") == []


def test_not_modified_says_how_long_what_was_not_modified_is() -> None:
    assert passed_back(Told(304, of(99), whole=True)).all("content-length") == ["99"]


def test_the_connection_takes_another_request_after_an_answer_without_a_body() -> None:
    passage = passed_back(Told(204, whole=True))
    passage.wire.clear()
    passage.ask().answer(Told(200, of(2), body=b"{}", whole=True))
    assert passage.body == b"{}"


def test_an_event_streams_head_does_not_wait_for_its_first_event() -> None:
    passage = Passage().ask().answer(Told(200, ("Content-Type", "text/event-stream")))
    assert passage.status == 200


def test_an_event_streams_events_come_as_they_are_said() -> None:
    told = Told(200, ("Content-Type", "text/event-stream"))
    passage = Passage().ask().answer(told)
    told.say(b"data: 1\n\n")
    assert passage.body == b"data: 1\n\n"
    told.say(b"data: 2\n\n")
    assert passage.turn(0.01).body == b"data: 1\n\ndata: 2\n\n"


def test_a_client_that_does_not_read_pauses_the_upstream() -> None:
    told = Told(200, ("Content-Type", "text/event-stream"))
    passage = Passage().ask().answer(told)
    assert passage.wire.producer is not None
    passage.wire.producer.pauseProducing()
    assert told.is_paused
    passage.wire.producer.resumeProducing()
    assert not told.is_paused


# -- an answer that breaks off


@pytest.mark.parametrize("lines", [(JSON,), (JSON, of(100)), (("Content-Type", "text/event-stream"),)])
@pytest.mark.parametrize("body", [b"", b"half", ZIPPED[:10]])
def test_a_broken_answer_is_told_as_far_as_it_came_and_cut(lines: tuple[tuple[str, str], ...], body: bytes) -> None:
    told = Told(200, *lines, body=body)
    passage = Passage().ask().answer(told)
    told.cut()
    passage.turn(PARTING_SECONDS).turn()
    assert (passage.status, passage.body, passage.ended) == (200, body, False)
    assert passage.wire.aborted
    assert passage.unexpected == []
    assert passage.timers == 0


# -- after a 101


def test_the_upstreams_switch_is_the_clients() -> None:
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET).answer(Told(101, *SWITCHED, body=b"welcome"))
    ((head, client, _),) = passage.context.taken
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n")
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    assert client.sent == b"welcome"
    assert passage.raw == b""


def test_bytes_go_both_ways() -> None:
    told = Told(101, *SWITCHED)
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET).answer(told)
    ((_, client, protocol),) = passage.context.taken
    protocol.dataReceived(b"ping")
    told.say(b"pong")
    assert (told.sent, client.sent) == (b"ping", b"pong")


def test_a_tunnels_request_is_over_when_its_client_is_gone() -> None:
    told = Told(101, *SWITCHED)
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET).answer(told)
    ((_, _, protocol),) = passage.context.taken
    told.end()
    assert not passage.served[0].called
    protocol.connectionLost(Failure(ConnectionDone()))
    passage.leave()
    assert passage.served[0].called
    assert passage.raw == b""
    assert passage.unexpected == []


def test_a_refused_upgrade_is_an_answer_like_any() -> None:
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET).answer(Told(403, of(2), body=b"no", whole=True))
    assert (passage.status, passage.body) == (403, b"no")
    assert passage.context.taken == []


@pytest.mark.parametrize(
    ("lines", "switched"),
    [
        ((), SWITCHED),
        (SOCKET, (("Connection", "Upgrade"), ("Upgrade", "other"))),
        (SOCKET, (("Connection", "Upgrade"),)),
        (SOCKET, ()),
    ],
)
def test_a_switch_that_nobody_asked_for_is_no_answer(
    lines: tuple[str, ...], switched: tuple[tuple[str, str], ...]
) -> None:
    told = Told(101, *switched)
    passage = Passage().ask("GET", "/api/threads/socket", *lines).answer(told)
    assert passage.status == 502
    assert told.over
    assert passage.context.taken == []


def test_where_the_clients_connection_cannot_be_had_it_is_told_and_the_upstream_cut() -> None:
    passage = Passage()
    passage.context.takes_over = False
    told = Told(101, *SWITCHED)
    passage.ask("GET", "/api/threads/socket", *SOCKET).answer(told)
    assert passage.status == 426
    assert told.over
