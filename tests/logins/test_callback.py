"""The page on loopback: whom it lets in, what it says, and that nothing of it stays."""

from __future__ import annotations

import errno
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from cliproxy.logins.callback import (
    MAX_HEAD_BYTES,
    MAX_VISITORS,
    PAGES,
    SECONDS,
    CallbackServer,
    Page,
    PortBusy,
    read_visit,
)
from cliproxy.logins.machine import Reception
from cliproxy.logins.pasted import Callback
from cliproxy.secret import Secret
from tests.support.identity_provider import browse
from tests.support.upstream import on_the_reactor

PATH = "/auth/callback"
GOOD = f"GET {PATH}?code=the-code&state=the-state HTTP/1.1"


def visit(request_line: str = GOOD, *lines: str, host: str | None = "localhost:1455") -> Callback | Page:
    named = () if host is None else (f"Host: {host}",)
    return read_visit("\r\n".join((request_line, *named, *lines)).encode("latin-1"), PATH)


def status(found: Callback | Page) -> HTTPStatus:
    assert isinstance(found, Page)
    return found.status


# -- what a browser may ask


def test_a_callback_is_read() -> None:
    assert visit() == Callback(Secret("the-code"), Secret("the-state"))


def test_an_error_is_a_callback_too() -> None:
    found = visit(f"GET {PATH}?error=access_denied&state=s HTTP/1.1")
    assert isinstance(found, Callback)
    assert found.error == "access_denied"


@pytest.mark.parametrize("host", ["localhost", "localhost:1455", "127.0.0.1:9", "[::1]:1455", "LOCALHOST:1"])
def test_loopback_is_served_at_any_port(host: str) -> None:
    """A tunnel may come from another one."""
    assert isinstance(visit(host=host), Callback)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil@localhost",
        "localhost/x",
        "[::1",
    ],
)
def test_no_other_name_is(host: str | None) -> None:
    """A name that an attacker's server resolves to loopback is not loopback."""
    assert status(visit(host=host)) is HTTPStatus.FORBIDDEN


def test_two_hosts_are_none() -> None:
    assert status(visit(GOOD, "host: evil.example")) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT", "get"])
def test_only_get_is_served(method: str) -> None:
    assert status(visit(f"{method} {PATH}?code=a&state=b HTTP/1.1")) is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    "target",
    ["/", "/favicon.ico", "/auth/callback/", "/auth/../auth/callback?code=a&state=b", "http://localhost/auth/callback"],
)
def test_only_the_redirects_path_is_served(target: str) -> None:
    assert status(visit(f"GET {target} HTTP/1.1")) is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("query", ["", "?", "?state=s", "?code=&state=s", "?code=a&code=b&state=s"])
def test_a_callback_without_a_code_is_none(query: str) -> None:
    assert status(visit(f"GET {PATH}{query} HTTP/1.1")) is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("line", ["", "GET", "GET /", "GET  / HTTP/1.1", "GET / SPDY/3", "\x16\x03\x01"])
def test_what_is_no_http_is_refused(line: str) -> None:
    assert status(visit(line)) is HTTPStatus.BAD_REQUEST


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(head: bytes) -> None:
    assert isinstance(read_visit(head, PATH), Callback | Page)


# -- what it says


@pytest.mark.parametrize("page", PAGES.values())
def test_a_page_runs_and_loads_nothing(page: Page) -> None:
    told = page.encoded().lower()
    assert b"<script" not in told
    assert b"http://" not in told.partition(b"\r\n\r\n")[2]
    assert b"content-security-policy: default-src 'none';" in told


def test_a_page_says_nothing_unquoted() -> None:
    assert b"<img" not in Page(HTTPStatus.BAD_REQUEST, "<img src=x>").encoded()


def test_every_reception_has_its_page() -> None:
    assert PAGES.keys() == set(Reception)


# -- connections


class Visitor(StringTransport):
    """One connection, from its other end."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        protocol.makeConnection(self)

    def feed(self, *pieces: bytes) -> bytes:
        """Send something; gives what has come back."""
        for piece in pieces:
            self._protocol.dataReceived(piece)
        return bytes(self.value())

    def leave(self) -> None:
        self._protocol.connectionLost(Failure(ConnectionDone()))


class Server:
    """One whose connections are in memory."""

    def __init__(self, reception: Reception = Reception.TAKEN) -> None:
        self.reactor = MemoryReactorClock()
        self.came: list[Callback] = []
        self.reception = reception
        self.server = CallbackServer(self.reactor, PATH, self.receive)

    def receive(self, callback: Callback) -> Reception:
        self.came.append(callback)
        self.server.close()
        return self.reception

    def connect(self) -> Visitor:
        protocol = self.server.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50123))
        assert protocol is not None
        return Visitor(protocol)


WHOLE = f"{GOOD}\r\nHost: localhost:1455\r\n\r\n".encode()


def test_a_visitor_gets_a_page_and_no_more() -> None:
    server = Server()
    transport = server.connect()
    assert transport.feed(WHOLE).startswith(b"HTTP/1.1 200 OK\r\n")
    assert transport.disconnecting


def test_a_request_may_come_byte_by_byte() -> None:
    server = Server()
    server.connect().feed(*(WHOLE[place : place + 1] for place in range(len(WHOLE))))
    assert len(server.came) == 1


def test_a_second_request_on_one_connection_is_not_read() -> None:
    server = Server()
    server.connect().feed(WHOLE + WHOLE, WHOLE)
    assert len(server.came) == 1


def test_the_login_that_ends_by_a_visit_does_not_cut_its_page_off() -> None:
    server = Server()
    transport = server.connect()
    assert b"may close this page" in transport.feed(WHOLE)
    assert not transport.disconnected


@pytest.mark.parametrize("reception", [Reception.WRONG_STATE, Reception.DENIED, Reception.NOT_WANTED])
def test_what_was_not_taken_is_said_so(reception: Reception) -> None:
    server = Server(reception)
    assert server.connect().feed(WHOLE).startswith(b"HTTP/1.1 4")


def test_a_head_without_end_is_cut() -> None:
    transport = Server().connect()
    transport.feed(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES)
    assert transport.disconnected


def test_a_silent_visitor_is_cut() -> None:
    server = Server()
    transport = server.connect()
    server.reactor.advance(SECONDS)
    assert transport.disconnected


def test_visitors_beyond_the_limit_are_turned_away() -> None:
    server = Server()
    for _ in range(MAX_VISITORS):
        server.connect()
    assert server.server.buildProtocol(None) is None


def test_a_place_is_free_again_when_a_visitor_leaves() -> None:
    server = Server()
    visitors = [server.connect() for _ in range(MAX_VISITORS)]
    visitors[0].leave()
    assert server.server.buildProtocol(None) is not None


def test_closing_cuts_who_has_no_answer() -> None:
    server = Server()
    transport = server.connect()
    server.server.close()
    assert transport.disconnected


def test_a_visitor_that_left_leaves_no_timer() -> None:
    server = Server()
    server.connect().leave()
    assert server.reactor.getDelayedCalls() == []


# -- ports


class Reactor(MemoryReactorClock):
    """Where some addresses cannot be listened at."""

    def __init__(self, **errors: int) -> None:
        super().__init__()
        self.errors = errors

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> object:
        number = self.errors.get("v6" if ":" in interface else "v4")
        if number is not None:
            raise CannotListenError(interface, port, OSError(number, "It is taken"))
        return super().listenTCP(port, factory, backlog, interface)


def opened(reactor: MemoryReactorClock) -> list[object]:
    outcomes: list[object] = []
    server = CallbackServer(reactor, PATH, lambda _: Reception.TAKEN)
    Deferred.fromCoroutine(server.open(1455)).addBoth(outcomes.append)
    return outcomes


def test_it_listens_on_loopback_alone() -> None:
    reactor = Reactor()
    opened(reactor)
    assert [server[3] for server in reactor.tcpServers] == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("errors", [{"v4": errno.EADDRINUSE}, {"v6": errno.EADDRINUSE}, {"v4": errno.EACCES}])
def test_a_port_that_is_anybodys_is_busy(errors: dict[str, int]) -> None:
    """On either address: the browser might go there."""
    (failure,) = opened(Reactor(**errors))
    assert isinstance(failure, Failure)
    assert failure.check(PortBusy)
    assert failure.getErrorMessage() == "Port 1455 cannot be listened at: it is taken."


def test_a_machine_without_ipv6_is_no_trouble() -> None:
    assert len(opened(Reactor(v6=errno.EADDRNOTAVAIL))) == 1
    assert not isinstance(opened(Reactor(v6=errno.EAFNOSUPPORT))[0], Failure)


@pytest.mark.real
@on_the_reactor
async def test_a_browser_sees_the_page() -> None:
    from twisted.internet import reactor

    came: list[Callback] = []

    def receive(callback: Callback) -> Reception:
        came.append(callback)
        return Reception.TAKEN

    server = CallbackServer(reactor, PATH, receive)
    port = await server.open(0)
    try:
        page = await browse(f"http://localhost:{port}{PATH}?code=the-code&state=the-state")
    finally:
        await server.close()
    assert (page.status, came) == (200, [Callback(Secret("the-code"), Secret("the-state"))])


@pytest.mark.real
@on_the_reactor
async def test_a_closed_port_can_be_opened_again() -> None:
    from twisted.internet import reactor

    first = CallbackServer(reactor, PATH, lambda _: Reception.TAKEN)
    port = await first.open(0)
    await first.close()
    second = CallbackServer(reactor, PATH, lambda _: Reception.TAKEN)
    assert await second.open(port) == port
    await second.close()
