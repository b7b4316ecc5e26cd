"""Connections that are upgraded on their way to Amp's control plane, and the end of a daemon that has some."""

from __future__ import annotations

import http.client
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_to

from tests.support.amps_daemon import (
    CLIENT_KEY,
    KEYED,
    LEAVING,
    amps_daemon,
    ask,
    asking,
    configuration,
    exactly,
    head,
    speaking,
)
from tests.support.control_plane import AMP_KEY, BYE, EVENTS, ControlPlane
from tests.support.processes import Process, until

UPGRADE: Final = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED: Final = b"HTTP/1.1 101 Switching Protocols\r\n"
MUCH: Final = bytes(range(256)) * 8192


def through(plane: ControlPlane, **more: object) -> str:
    """The configuration of a daemon before it."""
    return configuration({"upstream-url": plane.url, "upstream-api-key": AMP_KEY}, **more)


@pytest.fixture(scope="module")
def a_daemon(a_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with amps_daemon(tmp_path_factory.mktemp("daemon"), through(a_plane)) as daemon:
        yield daemon


@pytest.fixture
def url(a_daemon: Process) -> Iterator[str]:
    """Of a daemon that runs behind each test as before, and saw nothing that nobody expected."""
    yield a_daemon.url
    assert ask(a_daemon.url, "/api/meta").status == 200
    assert "Traceback" not in a_daemon.output


def switched(connection: socket.socket) -> str:
    """The head of the answer, once the control plane has said its welcome."""
    received = b""
    while b"welcome " not in received:
        received += connection.recv(1)
    assert received.startswith(SWITCHED)
    return received.partition(b"\r\n\r\n")[0].decode().lower()


def websocket(url: str) -> ClientConnection:
    address = url.replace("http", "ws", 1) + "/api/tab/websocket"
    client: ClientConnection = connect_to(address, additional_headers=KEYED, proxy=None, max_size=None)
    return client


# -- bytes


def test_whatever_is_said_comes_back(plane: ControlPlane, url: str) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE)) as connection:
        assert "\r\nupgrade: echo" in switched(connection)
        for said in (b"a", b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            connection.sendall(said)
            assert exactly(connection, len(said)) == said


def test_what_is_said_along_with_the_upgrade_is_not_lost(plane: ControlPlane, url: str) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE) + b"early") as connection:
        switched(connection)
        assert exactly(connection, 5) == b"early"


def test_much_comes_back_whole(plane: ControlPlane, url: str) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE)) as connection:
        switched(connection)
        for at in range(0, len(MUCH), 65536):
            connection.sendall(MUCH[at : at + 65536])
            assert exactly(connection, 65536) == MUCH[at : at + 65536]


def test_the_clients_key_does_not_leave_with_an_upgrade(plane: ControlPlane, url: str) -> None:
    said = head(f"/api/tab/socket?a=1&key={CLIENT_KEY}", *UPGRADE, f"Sec-WebSocket-Protocol: v1, {CLIENT_KEY}")
    with speaking(url, said) as connection:
        switched(connection)
    (visit,) = plane.visits
    assert (visit.target, CLIENT_KEY.encode() in visit.bytes) == ("/api/tab/socket?a=1", False)
    assert visit.all("authorization") == [f"Bearer {AMP_KEY}"]


@pytest.mark.parametrize("leave", LEAVING)
def test_a_client_that_leaves_ends_the_tunnel(
    plane: ControlPlane, url: str, leave: Callable[[socket.socket], None]
) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE)) as connection:
        switched(connection)
        leave(connection)
    until(plane.left.is_set)


def test_what_the_control_plane_says_last_arrives_before_the_end(plane: ControlPlane, url: str) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE)) as connection:
        switched(connection)
        connection.sendall(MUCH[:10_000] + BYE)
        assert exactly(connection, 20_000) == MUCH[:10_000] + BYE


def test_without_a_key_there_is_no_tunnel(plane: ControlPlane, url: str) -> None:
    with speaking(url, head("/api/tab/socket", *UPGRADE).replace(CLIENT_KEY.encode(), b"another")) as connection:
        assert connection.recv(12) == b"HTTP/1.1 401"
    assert plane.visits == []


# -- frames


def test_frames_come_back(plane: ControlPlane, url: str) -> None:
    with websocket(url) as client:
        for said in ("text ☕", b"bytes", "x" * 100_000, ""):
            client.send(said)
            assert client.recv(10) == said


def test_a_ping_is_answered_by_the_control_plane(plane: ControlPlane, url: str) -> None:
    with websocket(url) as client:
        assert client.ping(b"1").wait(10)


def test_the_control_plane_closes_with_its_own_code(plane: ControlPlane, url: str) -> None:
    with websocket(url) as client:
        client.send(BYE.decode())
        with pytest.raises(ConnectionClosedOK):
            client.recv(10)
        assert (client.close_code, client.close_reason) == (1000, "bye")


def test_the_client_closes_and_the_control_plane_hears_it(plane: ControlPlane, url: str) -> None:
    with websocket(url) as client:
        client.close(4001, "enough")
        assert client.close_code == 4001
    until(plane.left.is_set)


# -- the daemon's end


def test_a_daemon_that_stops_lets_both_go_on(plane: ControlPlane, tmp_path: Path) -> None:
    with (
        amps_daemon(tmp_path, through(plane, shutdown_grace_seconds=60)) as daemon,
        asking(daemon.url, "/api/threads/turns") as stream,
        websocket(daemon.url) as client,
    ):
        plane.turns.release()
        assert stream.readline() == b"data: 0\n"
        daemon.send(signal.SIGTERM)
        until(lambda: not listens(daemon))
        client.send("still there?")
        assert client.recv(10) == "still there?"
        client.close()
        plane.turns.release(len(EVENTS))
        assert stream.read().endswith(EVENTS[-1])
        assert daemon.end() == 0
        assert "Traceback" not in daemon.output


def test_after_its_grace_both_are_cut(plane: ControlPlane, tmp_path: Path) -> None:
    with (
        amps_daemon(tmp_path, through(plane, shutdown_grace_seconds=0.3)) as daemon,
        asking(daemon.url, "/api/threads/slow") as stream,
        websocket(daemon.url) as client,
    ):
        assert stream.readline() == b"data: 0\n"
        daemon.send(signal.SIGTERM)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            stream.read()
        with pytest.raises(ConnectionClosedError):
            client.recv(10)
        until(plane.left.is_set)
        assert daemon.end() == 0
        assert "Traceback" not in daemon.output


def listens(daemon: Process) -> bool:
    try:
        return ask(daemon.url, "/healthz").status == 200
    except OSError:
        return False
