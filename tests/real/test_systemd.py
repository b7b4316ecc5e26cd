"""What systemd gives the daemon and is told by it: sockets, READY, RELOADING, STOPPING."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import CLIENT_KEY, Start, Write
from tests.support.processes import ANYWHERE, CLIPROXY, ROOT, TWIST, ask, message

ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="cliproxy.socket")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does before it starts the daemon of a socket."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def told(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().splitlines()


@pytest.mark.parametrize("program", [(*CLIPROXY, "run"), (*TWIST, "cliproxy")], ids=["run", "twist"])
def test_the_manager_is_told_each_step(
    program: tuple[str, ...], manager: socket.socket, start: Start, write: Write
) -> None:
    daemon = start(*program, "--config", str(write()), NOTIFY_SOCKET=manager.getsockname())
    assert told(manager) == ["READY=1"]
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    daemon.send(signal.SIGHUP)
    state, since = told(manager)
    assert state == "RELOADING=1"
    assert since.startswith("MONOTONIC_USEC=")
    assert told(manager) == ["READY=1"]
    daemon.send(signal.SIGTERM)
    assert told(manager) == ["STOPPING=1"]
    assert daemon.end() == 0


def test_ready_is_told_once_it_listens(manager: socket.socket, start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()), NOTIFY_SOCKET=manager.getsockname())
    assert told(manager) == ["READY=1"]
    assert ask(daemon.url, path="/healthz").status == 200


def test_a_daemon_that_cannot_listen_is_never_ready(manager: socket.socket, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = ANYWHERE.replace("0", str(taken.getsockname()[1]), 1)
        assert start(*CLIPROXY, "run", "--listen", endpoint, NOTIFY_SOCKET=manager.getsockname()).end() == 1
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        told(manager)


def test_a_reload_that_fails_is_over_too(manager: socket.socket, start: Start, write: Write) -> None:
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path), NOTIFY_SOCKET=manager.getsockname())
    assert told(manager) == ["READY=1"]
    assert ask(daemon.url, path="/healthz").status == 200
    path.write_text("port: many\n")
    daemon.send(signal.SIGHUP)
    assert told(manager)[0] == "RELOADING=1"
    assert told(manager) == ["READY=1"]


def test_it_serves_on_a_socket_that_it_was_given(start: Start, write: Write) -> None:
    """As file descriptor 3, which outlives it: who connects between two daemons waits for the second."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        daemon = (*TWIST, "cliproxy", "--config", str(write()), "--listen", "systemd:domain=INET:index=0")
        argv = (sys.executable, "-c", ACTIVATE, str(descriptor), *daemon)
        first = start(*argv, pass_fds=(descriptor,))
        assert ask(url, message(), CLIENT_KEY).status == 200
        assert first.stop() == 0
        with socket.create_connection(("127.0.0.1", listening.getsockname()[1])) as waiting:
            waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            start(*argv, pass_fds=(descriptor,))
            waiting.settimeout(20)
            assert waiting.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_the_unit_files_are_sound(tmp_path: Path) -> None:
    """As far as the machine can tell: systemd's own check, where it is there, of copies that name a program."""
    units = [tmp_path / name for name in ("cliproxy.service", "cliproxy.socket")]
    for unit in units:
        text = (ROOT / "tap" / unit.name).read_text()
        assert text.count("[Unit]") == text.count("[Install]") == 1
        unit.write_text(text.replace("/opt/cliproxy/bin/twist", "/bin/true"))
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        done = subprocess.run([verify, "verify", *units], capture_output=True, text=True, check=False, timeout=30)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
