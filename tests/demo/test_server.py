from __future__ import annotations

import gzip

import orjson
import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from cliproxy.demo.server import CUT_SECONDS, demo_site
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from tests.demo.asking import body_of
from tests.support.grammar import check_stream


class Connection:
    """A client's connection to the demo's site, in memory."""

    def __init__(self, settings: DemoSettings | None = None) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        site = demo_site(self.clock, settings or DemoSettings())
        self.channel: HTTPChannel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, body: bytes, path: str = "/v1/messages", method: str = "POST") -> Connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: demo\r\nX-Api-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
        self.channel.dataReceived(head.encode() + body)
        return self

    def ask(self, text: str) -> Connection:
        return self.send(orjson.dumps(body_of(text)))

    def turns(self, count: int = 20) -> Connection:
        for _ in range(count):
            self.clock.advance(0)
        return self

    def head(self) -> tuple[str, dict[str, str]]:
        lines = self.transport.value().partition(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = (line.partition(": ") for line in lines[1:])
        return lines[0], {name.lower(): value for name, _, value in headers}

    def body(self) -> bytes:
        """The body so far, out of its chunks."""
        raw: bytes = self.transport.value().partition(b"\r\n\r\n")[2]
        if "transfer-encoding" not in self.head()[1]:
            return raw
        body = b""
        while raw:
            size, _, raw = raw.partition(b"\r\n")
            body += raw[: int(size, 16)]
            raw = raw[int(size, 16) + 2 :]
        return body

    def timers(self) -> int:
        return len([call for call in self.clock.getDelayedCalls() if call.getTime() - self.clock.seconds() != 60])


def test_a_stream_is_sent_whole() -> None:
    connection = Connection().ask("[[say:ça va]]").turns()
    assert connection.head()[0] == "HTTP/1.1 200 OK"
    assert check_stream(connection.body()).text == "ça va"
    assert connection.transport.value().endswith(b"\r\n0\r\n\r\n")


def test_every_event_is_a_chunk_of_its_own() -> None:
    connection = Connection().ask("[[deltas:2]]").turns()
    assert connection.transport.value().count(b"\r\nevent: ") == 8


def test_a_connection_serves_one_request_after_the_other() -> None:
    connection = Connection().ask("one").turns()
    connection.transport.clear()
    assert check_stream(connection.ask("two").turns().body()).stop_reason == "end_turn"


def test_a_status_has_its_phrase() -> None:
    assert Connection().ask("[[fault:429]]").head()[0] == "HTTP/1.1 429 Too Many Requests"
    assert Connection().ask("[[fault:529]]").head()[0] == "HTTP/1.1 529 Overloaded"


def test_any_other_path_is_a_404_in_anthropics_shape() -> None:
    connection = Connection().send(b"", "/some/where", "PUT")
    assert connection.head()[0] == "HTTP/1.1 404 Not Found"
    assert orjson.loads(connection.body())["error"]["type"] == "not_found_error"


def test_a_head_request_gets_no_body() -> None:
    assert Connection().send(b"", "/", "HEAD").body() == b""


def test_the_query_is_passed_on() -> None:
    body = orjson.loads(Connection().send(b"", "/v1/models?limit=1", "GET").body())
    assert len(body["data"]) == 1


def test_a_body_over_the_limit_is_refused() -> None:
    assert Connection().send(bytes(MAX_BODY_BYTES + 9)).head()[0].startswith("HTTP/1.1 413 ")


def test_a_cut_leaves_time_for_what_went_before_and_then_aborts() -> None:
    connection = Connection().ask("[[fault:cut-first]]")
    assert connection.body().startswith(b"event: message_start")
    assert not connection.transport.disconnected
    connection.clock.advance(CUT_SECONDS)
    assert connection.transport.disconnected


def test_an_empty_reply_has_a_head_and_an_end() -> None:
    connection = Connection().ask("[[fault:empty]]")
    assert connection.head()[0] == "HTTP/1.1 200 OK"
    assert connection.body() == b""


def test_a_stalled_reply_sends_its_head_at_once() -> None:
    connection = Connection().ask("[[fault:stall]][[stall:5]]")
    assert connection.head()[0] == "HTTP/1.1 200 OK"
    assert connection.body() == b""
    connection.clock.advance(5)
    assert check_stream(connection.turns().body()).stop_reason == "end_turn"


def test_a_reply_that_stalls_first_sends_nothing() -> None:
    assert Connection().ask("[[fault:stall-first]]").transport.value() == b""


def test_gzip_arrives_as_declared() -> None:
    connection = Connection().ask("[[fault:gzip]]")
    assert connection.head()[1]["content-encoding"] == "gzip"
    assert check_stream(gzip.decompress(connection.body())).error is None


@pytest.mark.parametrize("text", ["[[delay:1000]]", "[[fault:stall]]", "[[fault:stall-first]]", "[[fault:cut]]"])
def test_a_client_that_leaves_takes_its_timers_along(text: str) -> None:
    connection = Connection().ask(text)
    assert connection.timers() == 1
    connection.channel.connectionLost(Failure(ConnectionLost()))
    assert connection.timers() == 0


def test_a_client_that_does_not_read_is_not_written_to() -> None:
    connection = Connection().ask("[[deltas:500]]")
    producer = connection.transport.producer
    assert producer is not None
    producer.pauseProducing()
    seen = len(connection.transport.value())
    connection.turns(50)
    assert len(connection.transport.value()) == seen
    producer.resumeProducing()
    assert check_stream(connection.turns(50).body()).stop_reason in ("end_turn", "max_tokens")


def test_stamps_are_put_in_as_the_deltas_are_sent() -> None:
    connection = Connection(DemoSettings(deltas=3, stamp=True)).ask("x").turns()
    deltas = check_stream(connection.body()).blocks[0].deltas
    assert all(text.startswith("@") and text.split("@")[1].isdecimal() for _, text in deltas)
