"""The reverse proxy as a whole: a client on one side, the control plane on the other."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from cliproxy.amp.control_plane import ControlPlane
from cliproxy.amp.passing import MAX_ROUNDS, VIA
from cliproxy.amp.relay import PARTING_SECONDS
from cliproxy.config.schema import Amp, UpstreamKeyOf
from cliproxy.errors import Broken, TimedOut, Unreachable
from cliproxy.secret import Secret
from tests.support.amp import AMP_KEY, CLIENT_KEY, UPSTREAM, WITH_KEY, Passage, Told
from tests.support.arriving import Arriving

JSON = ("Content-Type", "application/json")
PLAIN = b'{"threads":[1,2,3]}'
ZIPPED = gzip.compress(PLAIN, mtime=0)
SOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCHED = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)
NOT_REACHED = b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines of the log meanwhile."""
    lines: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)


def of(length: int) -> tuple[str, str]:
    return "Content-Length", str(length)


def passed_back(told: Told, method: str = "GET", *lines: str) -> Passage:
    """A request whose answer is this, and whole."""
    return Passage().ask(method, "/api/threads", *lines).answer(told)


# -- what goes upstream


def test_method_target_and_body_go_upstream_as_they_are() -> None:
    passage = Passage().ask("PROPFIND", "/api/threads/%7e?q=a+b&&x=%2F", body=b"\x00{}")
    errand = passage.errand
    assert (errand.method, errand.target, errand.body) == (b"PROPFIND", b"/api/threads/%7e?q=a+b&&x=%2F", b"\x00{}")
    assert errand.base_url == UPSTREAM


def test_the_owners_key_is_shown_both_ways() -> None:
    passage = Passage().ask("GET", "/api/user", f"Authorization: Bearer {CLIENT_KEY}")
    assert passage.sent("x-api-key") == [AMP_KEY.encode()]
    assert passage.sent("authorization") == [b"Bearer " + AMP_KEY.encode()]


@pytest.mark.parametrize("settings", [WITH_KEY, Amp(upstream_url=UPSTREAM)])
@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer {}",
        "Authorization: {}",
        "X-Api-Key: {}",
        "X-Goog-Api-Key: {}",
        "Cookie: a={}",
        "X-Any: {}",
    ],
)
def test_the_clients_key_goes_upstream_in_no_header(settings: Amp, line: str) -> None:
    passage = Passage(settings).ask("GET", "/api/user", line.format(CLIENT_KEY))
    assert CLIENT_KEY.encode() not in b"".join(value for _, value in passage.errand.headers)


@pytest.mark.parametrize("settings", [WITH_KEY, Amp(upstream_url=UPSTREAM)])
def test_it_goes_upstream_in_no_query(settings: Amp) -> None:
    passage = Passage(settings).ask("GET", f"/api/user?b=2&key={CLIENT_KEY}&auth_token=amps%20own&a")
    assert passage.errand.target == b"/api/user?b=2&auth_token=amps%20own&a"


def test_without_a_key_for_amp_none_is_shown() -> None:
    passage = Passage(Amp(upstream_url=UPSTREAM)).ask("GET", "/api/user", "Authorization: Bearer of-somebody")
    assert passage.sent("authorization") == passage.sent("x-api-key") == []


def test_the_environments_key_is_shown_if_the_configuration_has_none() -> None:
    passage = Passage(Amp(upstream_url=UPSTREAM), {"AMP_API_KEY": "sgamp_of_the_environment"}).ask()
    assert passage.sent("x-api-key") == [b"sgamp_of_the_environment"]


def test_a_client_with_a_key_of_its_own_for_amp_has_that_shown() -> None:
    row = UpstreamKeyOf(Secret("sgamp_of_ada"), frozenset({Secret(CLIENT_KEY)}))
    passage = Passage(attrs.evolve(WITH_KEY, upstream_api_keys=(row,))).ask()
    assert passage.sent("x-api-key") == [b"sgamp_of_ada"]


def test_for_whom_is_not_trusted_no_key_is_shown() -> None:
    passage = Passage(shows_key=False).ask("GET", "/threads", "Authorization: Bearer of-somebody")
    assert passage.sent("authorization") == passage.sent("x-api-key") == []


def test_the_peer_is_told_of() -> None:
    assert Passage().ask("GET", "/", "X-Forwarded-For: 8.8.8.8").sent("x-forwarded-for") == [b"127.0.0.1"]


def test_the_coding_that_the_client_accepts_is_asked_for() -> None:
    assert Passage().ask("GET", "/", "Accept-Encoding: gzip, br").sent("accept-encoding") == [b"gzip, br"]


def test_a_body_that_was_read_already_goes_in_place_of_the_requests() -> None:
    assert Passage(body=b"read").ask("POST", "/", body=b"other").errand.body == b"read"


def test_a_body_that_is_still_arriving_is_handed_on_as_it_is() -> None:
    passage = Passage()
    arriving = passage.context.body = Arriving()
    assert passage.ask("POST").errand.body is arriving


def test_another_configuration_counts_from_the_next_request_on() -> None:
    passage = Passage().ask().answer(Told(200, of(0), whole=True))
    passage.control_plane.reconfigure(Amp(upstream_url="https://amp.example", upstream_api_key=Secret("sgamp_new")))
    errand = passage.ask().context.errands[1]
    assert errand.base_url == "https://amp.example"
    assert (b"x-api-key", b"sgamp_new") in errand.headers


def test_trace_would_show_the_key_and_is_refused() -> None:
    passage = Passage().ask("TRACE")
    assert passage.status == 405
    assert passage.context.errands == []


# -- what comes back


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
def test_any_other_is_not(body: bytes) -> None:
    passage = passed_back(Told(200, JSON, of(len(body)), body=body, whole=True))
    assert (passage.body, passage.ended) == (body, True)
    assert passage.all("content-length") == [str(len(body))]


def test_an_event_stream_in_gzip_is_not() -> None:
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


def test_the_connection_takes_another_request_after_it() -> None:
    passage = passed_back(Told(204, whole=True))
    passage.wire.clear()
    passage.ask().answer(Told(200, of(2), body=b"{}", whole=True))
    assert passage.body == b"{}"


def test_an_event_streams_head_does_not_wait_for_its_first_event() -> None:
    passage = Passage().ask().answer(Told(200, ("Content-Type", "text/event-stream")))
    assert passage.status == 200


def test_its_events_come_as_they_are_said() -> None:
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


# -- no answer


@pytest.mark.parametrize("trouble", [Unreachable("no route"), TimedOut("silent"), Broken("garbage")])
def test_an_upstream_that_is_not_reached_is_told(trouble: Exception) -> None:
    passage = Passage().ask().answer(trouble)
    assert (passage.status, passage.body) == (502, NOT_REACHED)
    assert passage.all("content-type") == ["application/json"]


def test_without_an_upstream_there_is_nothing_to_reach(logged: list[str]) -> None:
    passage = Passage(Amp()).ask()
    assert (passage.status, passage.body) == (503, b'{"error":"amp upstream proxy not available"}')
    assert passage.all("content-type") == ["application/json"]
    assert not passage.control_plane.available
    assert logged == []


def test_one_that_is_taken_out_of_the_configuration_is_gone() -> None:
    passage = Passage()
    assert passage.control_plane.available
    passage.control_plane.reconfigure(Amp())
    assert passage.ask().status == 503


def test_a_daemon_that_is_its_own_upstream_says_so() -> None:
    passage = Passage().ask("GET", "/", *[f"Via: {VIA.decode()}"] * MAX_ROUNDS)
    assert passage.status == 508
    assert b"its own Amp upstream" in passage.body
    assert passage.context.errands == []


def test_trouble_is_logged_without_the_query(logged: list[str]) -> None:
    Passage().ask("GET", "/api/user?code=private").answer(Unreachable("no route"))
    assert logged == ["Amp's control plane, GET /api/user: no route"]


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


def test_it_is_logged(logged: list[str]) -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    told.cut()
    passage.turn(PARTING_SECONDS).turn()
    assert logged == ["Amp's control plane, GET /api/threads: the answer did not come to its end"]


# -- the client leaves


def test_before_the_answer_it_is_not_waited_for_any_more(logged: list[str]) -> None:
    passage = Passage().ask()
    passage.leave()
    assert passage.context.cancelled == 1
    assert passage.raw == b""
    assert logged == []
    assert passage.unexpected == []


@pytest.mark.parametrize("body", [b"", b"half", ZIPPED[:10]])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_within_the_answer_the_upstream_is_cut(logged: list[str], kind: str, body: bytes) -> None:
    told = Told(200, ("Content-Type", kind), body=body)
    passage = Passage().ask().answer(told)
    passage.leave()
    assert told.over
    told.cut()
    passage.turn(1)
    assert logged == []
    assert passage.unexpected == []
    assert passage.timers == 0


def test_after_the_break_nothing_is_left_to_do(logged: list[str]) -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    told.cut()
    passage.leave()
    assert passage.turn(1).timers == 0
    assert logged == []


# -- the daemon stops


def test_who_waits_for_an_answer_is_told() -> None:
    passage = Passage().ask()
    passage.served[0].cancel()
    assert passage.status == 503
    assert passage.ended
    assert passage.context.cancelled == 1


def test_who_is_in_the_midst_of_one_is_cut() -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    passage.served[0].cancel()
    assert told.over
    passage.turn()
    assert passage.wire.aborted
    assert not passage.ended
    assert passage.unexpected == []


# -- upgrades


def test_an_upgrade_is_asked_for_upstream() -> None:
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET)
    assert passage.sent("upgrade") == [b"websocket"]
    assert passage.sent("sec-websocket-key") == [b"dGhlIHNhbXBsZSBub25jZQ=="]
    assert passage.sent("connection") == []


def test_with_http_1_0_it_is_none() -> None:
    assert Passage().ask("GET", "/api/threads/socket", *SOCKET, version="1.0").sent("upgrade") == []


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
    assert (passage.status, passage.body) == (502, NOT_REACHED)
    assert told.over
    assert passage.context.taken == []


def test_where_the_clients_connection_cannot_be_had_it_is_told_and_the_upstream_cut() -> None:
    passage = Passage()
    passage.context.takes_over = False
    told = Told(101, *SWITCHED)
    passage.ask("GET", "/api/threads/socket", *SOCKET).answer(told)
    assert passage.status == 426
    assert told.over


# -- mistakes of ours


def test_a_mistake_before_the_head_is_the_doors_to_tell() -> None:
    passage = Passage().ask().answer(ZeroDivisionError())
    assert passage.status == 500
    assert len(passage.unexpected) == 1


def test_a_mistake_within_the_body_is_logged_and_cuts_the_client(failures: list[LogEvent]) -> None:
    class Mistaken(Told):
        def deliver(self, receiver: IProtocol) -> None:
            super().deliver(receiver)
            raise ZeroDivisionError

    passage = Passage().ask().answer(Mistaken(200, ("Content-Type", "text/event-stream"), body=b"half"))
    passage.turn()
    assert passage.wire.aborted
    assert not passage.ended
    assert passage.unexpected == []
    (event,) = failures
    assert event["log_failure"].check(ZeroDivisionError)
    failures.clear()


def test_a_control_plane_shows_no_key() -> None:
    control_plane = ControlPlane({}, Path)
    control_plane.reconfigure(WITH_KEY)
    assert AMP_KEY not in repr(control_plane) + repr(vars(control_plane))
