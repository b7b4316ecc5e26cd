"""Amp's control plane through a daemon: what it is shown, what comes back, and what either side sees of the other's
end.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from typing import Final
from urllib.parse import unquote

import pytest

from tests.support.amps_daemon import (
    CLIENT_KEY,
    KEYED,
    LEAVING,
    amps_daemon,
    ask,
    asking,
    configuration,
    connected,
    head,
    resident_bytes,
    speaking,
    told,
)
from tests.support.control_plane import (
    AMP_KEY,
    CODED,
    EVENTS,
    LARGE_BYTES,
    LOCATION,
    PLAIN,
    PROMISED,
    ControlPlane,
)
from tests.support.processes import Process, until

MAX_GROWTH: Final = 8 * 1024 * 1024
PIECE: Final = bytes(range(256)) * 256
BROKEN: Final = (http.client.IncompleteRead, ConnectionResetError)
"""How a client that reads by the rules is told of a cut."""
ECHO: Final = "/api/telemetry/echo"


@pytest.fixture(scope="module")
def daemons(a_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[bool, Process]]:
    """By whether they have a key for Amp."""
    url = {"upstream-url": a_plane.url}
    with (
        amps_daemon(tmp_path_factory.mktemp("with"), configuration({**url, "upstream-api-key": AMP_KEY})) as keyed,
        amps_daemon(tmp_path_factory.mktemp("without"), configuration(url)) as keyless,
    ):
        yield {True: keyed, False: keyless}


@pytest.fixture
def daemon(daemons: Mapping[bool, Process]) -> Iterator[Process]:
    """Whatever was done to it, it runs, serves, and saw nothing that nobody expected."""
    yield daemons[True]
    assert ask(daemons[True].url, ECHO, "POST", b"still there").body == b"still there"
    assert "Traceback" not in daemons[True].output


@pytest.fixture
def url(daemon: Process) -> str:
    return daemon.url


# -- keys


@pytest.mark.parametrize("path", ["/api/internal?getUserInfo", "/api/user", "/api/threads/T-1", "/auth/cli-login"])
def test_the_owners_key_stands_in_the_place_of_the_clients(plane: ControlPlane, url: str, path: str) -> None:
    ask(url, path, "POST", b"{}")
    (visit,) = plane.visits
    assert (visit.all("authorization"), visit.all("x-api-key")) == ([f"Bearer {AMP_KEY}"], [AMP_KEY])


def test_what_amps_command_line_asks_first_is_answered(plane: ControlPlane, url: str) -> None:
    answer = ask(url, "/api/internal?getUserInfo", "POST", b'{"method":"getUserInfo","params":{}}')
    assert (answer.status, json.loads(answer.body)["ok"]) == (200, True)


PERCENT = "".join(f"%{ord(letter):02x}" for letter in CLIENT_KEY)
PLACES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "bearer": ("", {}),
    "raw": ("", {"Authorization": CLIENT_KEY}),
    "x-api-key": ("", {"X-Api-Key": CLIENT_KEY}),
    "x-goog-api-key": ("", {"X-Goog-Api-Key": CLIENT_KEY}),
    "query key": (f"?key={CLIENT_KEY}", {}),
    "query auth_token": (f"?auth_token={CLIENT_KEY}", {}),
    "query of any name": (f"?a=1&other={CLIENT_KEY}", {}),
    "query, in a longer value": (f"?next=http%3A%2F%2F127.0.0.1%2F%3Fkey%3D{CLIENT_KEY}", {}),
    "query, percent-encoded": (f"?key={PERCENT}", {}),
    "query, as a name": (f"?{CLIENT_KEY}", {}),
    "query, behind a semicolon": (f"?a=1;key={CLIENT_KEY}", {}),
    "cookie": ("", {"Cookie": f"a=1; key={CLIENT_KEY}"}),
    "referer": ("", {"Referer": f"http://127.0.0.1/?key={CLIENT_KEY}"}),
    "any header": ("", {"X-Whatever": f"<{CLIENT_KEY}>"}),
    "hop-by-hop": ("", {"Proxy-Authorization": f"Bearer {CLIENT_KEY}", "Connection": "x-mine", "X-Mine": CLIENT_KEY}),
    "forwarding": ("", {"X-Forwarded-For": CLIENT_KEY, "Forwarded": f"for={CLIENT_KEY}", "Via": CLIENT_KEY}),
    "everywhere": (f"?key={CLIENT_KEY}&auth_token={CLIENT_KEY}", {"X-Api-Key": CLIENT_KEY, "X-Goog-Api-Key": "x"}),
}


@pytest.mark.parametrize("keyed", [True, False], ids=["key for Amp", "none"])
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("path", ["/api/user", "/threads", "/api/provider/google/v1beta1/cachedContents"])
def test_the_clients_key_does_not_leave(
    plane: ControlPlane, daemons: Mapping[bool, Process], path: str, where: str, keyed: bool
) -> None:
    query, lines = PLACES[where]
    assert ask(daemons[keyed].url, path + query, headers={**KEYED, **lines}).status == 200
    (visit,) = plane.visits
    assert CLIENT_KEY not in unquote(visit.bytes.decode())
    assert visit.all("authorization") == ([f"Bearer {AMP_KEY}"] if keyed else [])


def test_it_does_not_leave_with_a_request_for_a_model(plane: ControlPlane, url: str) -> None:
    body = b'{"model":"nobody-serves-this","messages":[]}'
    headers = {"X-Api-Key": CLIENT_KEY, "X-Goog-Api-Key": CLIENT_KEY, "Cookie": CLIENT_KEY}
    ask(url, f"/api/provider/anthropic/v1/messages?beta=true&key={CLIENT_KEY}", "POST", body, headers)
    (visit,) = plane.visits
    assert (visit.target, visit.body) == ("/api/provider/anthropic/v1/messages?beta=true", body)
    assert CLIENT_KEY.encode() not in visit.bytes


def test_it_does_not_leave_in_the_trailers_of_a_body(plane: ControlPlane, url: str) -> None:
    said = head(ECHO, "Transfer-Encoding: chunked", "Trailer: X-Api-Key", "Connection: close", method="POST")
    with speaking(url, said + f"2\r\n{{}}\r\n0\r\nX-Api-Key: {CLIENT_KEY}\r\n\r\n".encode()) as connection:
        until(lambda: bool(plane.visits))
        assert connection.recv(12) == b"HTTP/1.1 200"
    (visit,) = plane.visits
    assert (visit.body, CLIENT_KEY.encode() in visit.bytes) == (b"{}", False)


def test_the_rest_of_a_query_stays_byte_for_byte(plane: ControlPlane, url: str) -> None:
    ask(url, f"/api/threads?z=%7e&a=+%20&key={CLIENT_KEY}&&key=other;b&c==", headers=KEYED)
    assert plane.visits[0].target == "/api/threads?z=%7e&a=+%20&&key=other;b&c=="


def test_a_log_line_holds_no_key(plane: ControlPlane, daemon: Process) -> None:
    with pytest.raises(BROKEN):
        ask(daemon.url, f"/api/threads/cut/length?key={CLIENT_KEY}")
    daemon.line("did not come to its end")
    assert CLIENT_KEY not in daemon.output
    assert AMP_KEY not in daemon.output


# -- answers


@pytest.mark.parametrize("path", ["/api/threads/gzip", "/api/threads/gzip/404", "/api/threads/gzip/500"])
def test_gzip_that_no_header_tells_of_is_decoded(plane: ControlPlane, url: str, path: str) -> None:
    answer = ask(url, path)
    status = int(path.rpartition("/")[2]) if path[-1] != "p" else 200
    assert (answer.status, answer.body) == (status, PLAIN)
    assert answer.all("content-length") == [str(len(PLAIN))]
    assert answer.all("content-encoding") == []


def test_gzip_that_a_header_tells_of_passes_byte_for_byte(plane: ControlPlane, url: str) -> None:
    answer = ask(url, "/api/threads/coded", headers={**KEYED, "Accept-Encoding": "gzip, br"})
    assert (answer.body, answer.all("content-encoding")) == (CODED, ["gzip"])
    assert plane.visits[0].all("accept-encoding") == ["gzip, br"]


def test_gzip_in_an_event_stream_passes_byte_for_byte(plane: ControlPlane, url: str) -> None:
    assert ask(url, "/api/threads/gzip/stream").body == CODED


def test_events_arrive_one_at_a_time(plane: ControlPlane, url: str) -> None:
    with asking(url, "/api/threads/turns") as stream:
        for event in EVENTS:
            plane.turns.release()
            assert stream.readline() + stream.readline() == event
        assert stream.read() == b""


def test_head_has_a_length_and_no_body(plane: ControlPlane, url: str) -> None:
    connection = connected(url)
    connection.request("HEAD", "/api/threads/gzip", headers=KEYED)
    answer = told(connection.getresponse())
    assert (answer.status, answer.body, answer.all("content-length")) == (200, b"", [str(len(CODED))])
    connection.request("POST", ECHO, b"next", KEYED)
    assert told(connection.getresponse()).body == b"next"
    connection.close()


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_leaves_the_connection_to_the_next(plane: ControlPlane, url: str, status: int) -> None:
    connection = connected(url)
    connection.request("GET", f"/api/threads/status/{status}", headers=KEYED)
    answer = told(connection.getresponse())
    assert (answer.status, answer.body, answer.all("etag")) == (status, b"", ['"1"'])
    connection.request("POST", ECHO, b"next", KEYED)
    assert told(connection.getresponse()).body == b"next"
    connection.close()


@pytest.mark.parametrize("status", [201, 301, 302, 303, 307, 308])
def test_a_redirect_is_the_clients_to_follow(plane: ControlPlane, url: str, status: int) -> None:
    answer = ask(url, f"/api/threads/status/{status}", "POST", b"{}")
    assert (answer.status, answer.all("location")) == (status, [LOCATION])
    assert len(plane.visits) == 1


def test_each_cookie_has_a_line_of_its_own(plane: ControlPlane, url: str) -> None:
    cookies = ask(url, "/auth/callback?code=1").all("set-cookie")
    assert cookies == ["session-0=1; Path=/; HttpOnly", "session-1=1; Path=/; HttpOnly"]


def test_what_the_control_plane_lets_pages_do_is_not_told(plane: ControlPlane, url: str) -> None:
    assert not [name for name, _ in ask(url, "/threads").lines if name.startswith("access-control-")]


def test_a_page_elsewhere_is_let_in_by_nobody(plane: ControlPlane, url: str) -> None:
    page = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = ask(url, "/api/internal", "OPTIONS", headers=page)
    assert (answer.status, answer.body, plane.visits) == (403, b"", [])


def test_any_method_arrives(plane: ControlPlane, url: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"):
        ask(url, "/api/threads/T-1", method)
    assert [visit.method for visit in plane.visits] == ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]


# -- cuts


@pytest.mark.parametrize(
    ("how", "first"),
    [("length", b"x" * 100), ("chunked", EVENTS[0]), ("stream", EVENTS[0]), ("gzip", CODED[:100])],
    ids=["length", "chunked", "stream", "gzip"],
)
def test_a_cut_answer_is_a_cut_to_the_client(plane: ControlPlane, url: str, how: str, first: bytes) -> None:
    with asking(url, f"/api/threads/cut/{how}") as answer:
        with pytest.raises(BROKEN) as cut:
            answer.read()
        if isinstance(cut.value, http.client.IncompleteRead):
            assert cut.value.partial == first


def test_a_cut_answer_names_the_length_that_was_promised(plane: ControlPlane, url: str) -> None:
    with asking(url, "/api/threads/cut/length") as answer:
        assert answer.length == PROMISED


@pytest.mark.parametrize("leave", LEAVING)
def test_a_client_that_leaves_before_the_answer_ends_the_request(
    plane: ControlPlane, url: str, leave: Callable[[socket.socket], None]
) -> None:
    with speaking(url, head("/api/threads/silent")) as connection:
        until(lambda: bool(plane.visits))
        leave(connection)
    until(plane.left.is_set)


@pytest.mark.parametrize("leave", LEAVING)
def test_a_client_that_leaves_within_the_answer_ends_it(
    plane: ControlPlane, url: str, leave: Callable[[socket.socket], None]
) -> None:
    with speaking(url, head("/api/threads/slow")) as connection:
        received = b""
        while EVENTS[0] not in received:
            received += connection.recv(65536)
        leave(connection)
    until(plane.left.is_set)


@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_within_its_body_cuts_that(
    plane: ControlPlane, url: str, framing: str, leave: Callable[[socket.socket], None]
) -> None:
    piece = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    with speaking(url, head(ECHO, framing, method="POST") + piece * 16) as connection:
        until(lambda: plane.pieces > 0)
        leave(connection)
    until(plane.left.is_set)
    assert plane.visits == []


@pytest.mark.parametrize("leave", LEAVING)
def test_a_client_that_leaves_within_its_head_asked_nothing(
    plane: ControlPlane, url: str, leave: Callable[[socket.socket], None]
) -> None:
    with speaking(url, head("/api/user")[:-2]) as connection:
        leave(connection)
    assert ask(url, "/api/meta").status == 200
    assert [visit.target for visit in plane.visits] == ["/api/meta"]


def test_who_breaks_off_disturbs_nobody_else(plane: ControlPlane, url: str) -> None:
    with asking(url, "/api/threads/turns") as stream:
        plane.turns.release()
        assert stream.readline() == EVENTS[0].splitlines(keepends=True)[0]
        for path in ("cut/length", "cut/chunked", "cut/stream", "cut/gzip"):
            with pytest.raises(BROKEN):
                ask(url, f"/api/threads/{path}")
        for leave in LEAVING * 10:
            with speaking(url, head("/api/threads/slow")) as connection:
                connection.recv(10)
                leave(connection)
        plane.turns.release(len(EVENTS))
        assert stream.read().endswith(EVENTS[-1])


# -- much


class Peak:
    """The most memory that a process had in use, when looked at, beyond what it had at first."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._before = resident_bytes(process.pid)
        self.growth = 0

    def look(self) -> None:
        """Now."""
        self.growth = max(self.growth, resident_bytes(self._process.pid) - self._before)


def pieces(peak: Peak) -> Iterator[bytes]:
    for _ in range(LARGE_BYTES // len(PIECE)):
        peak.look()
        yield PIECE


@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
def test_a_large_body_goes_up_and_its_answer_down_in_little_memory(
    plane: ControlPlane, daemon: Process, known: bool
) -> None:
    ask(daemon.url, ECHO, "POST", PIECE)
    peak = Peak(daemon)
    length = {"Content-Length": str(LARGE_BYTES)} if known else {}
    with asking(daemon.url, ECHO, "POST", pieces(peak), {**KEYED, **length}) as answer:
        count = 0
        while piece := answer.read(len(PIECE)):
            assert piece == PIECE
            count += 1
            peak.look()
    assert count * len(PIECE) == LARGE_BYTES
    assert peak.growth < MAX_GROWTH


def test_a_client_that_does_not_read_holds_the_control_plane_up(plane: ControlPlane, daemon: Process) -> None:
    peak = Peak(daemon)
    with asking(daemon.url, "/api/threads/large") as answer:
        assert answer.read(1) == b"x"
        with asking(daemon.url, "/api/threads/large") as other:  # meanwhile
            while other.read(len(PIECE)):
                peak.look()
        assert len(answer.read()) == LARGE_BYTES - 1
        peak.look()
    assert peak.growth < MAX_GROWTH


def test_a_control_plane_that_does_not_read_holds_the_client_up(plane: ControlPlane, daemon: Process) -> None:
    peak = Peak(daemon)
    answers: list[bytes] = []

    def upload() -> None:
        headers = {**KEYED, "Content-Length": str(LARGE_BYTES)}
        answers.append(ask(daemon.url, "/api/telemetry/late", "POST", pieces(peak), headers).body)

    client = Thread(target=upload)
    client.start()
    until(lambda: bool(plane.visits))
    for _ in range(20):
        assert ask(daemon.url, ECHO, "POST", PIECE).body == PIECE
        peak.look()
    assert answers == []
    plane.go_on.set()
    client.join()
    assert answers == [b"%d" % LARGE_BYTES]
    assert peak.growth < MAX_GROWTH
