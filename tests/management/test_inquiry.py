"""Asking a daemon at its socket, and what is said when it does not answer."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from cliproxy.management import inquiry
from cliproxy.management.inquiry import NoAnswer, Told, ask

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

Speak = Callable[[socket.socket], object]


@pytest.fixture
def place() -> Iterator[Path]:
    """A socket's, short enough for one."""
    folder = tempfile.mkdtemp(prefix="cliproxy-")
    yield Path(folder) / "control.sock"
    shutil.rmtree(folder)


def asked(place: Path, speak: Speak) -> Told:
    """What is answered by somebody who reads a request, and then speaks."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(os.fspath(place))
        listening.listen()

        def serve() -> None:
            peer, _ = listening.accept()
            with closing(peer):
                peer.recv(65_536)
                speak(peer)

        serving = Thread(target=serve)
        serving.start()
        try:
            return ask(place, "/status")
        finally:
            serving.join()


def saying(content: bytes) -> Speak:
    return lambda peer: peer.sendall(content)


@pytest.mark.real
def test_an_answer_is_told(place: Path) -> None:
    assert asked(place, saying(HEAD + b"{}")) == Told(200, b"{}")


@pytest.mark.real
def test_a_refusal_is_told(place: Path) -> None:
    assert asked(place, saying(HEAD.replace(b"200", b"404") + b"{}")).status == 404


def test_where_nothing_is_no_daemon_runs(place: Path) -> None:
    with pytest.raises(NoAnswer, match=f"^No daemon is running: nobody listens at {place}.$"):
        ask(place, "/status")


def test_where_no_directory_is_no_daemon_runs(place: Path) -> None:
    place.write_text("")
    with pytest.raises(NoAnswer, match="No daemon is running"):
        ask(place / "control.sock", "/status")


def test_where_a_daemon_was_killed_none_runs(place: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(os.fspath(place))
    with pytest.raises(NoAnswer, match="No daemon is running"):
        ask(place, "/status")


def test_another_users_socket_is_not_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.touch()
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(NoAnswer, match="is another user's; ask as that user, or as root"):
        ask(place, "/status")


def test_root_may_ask_any_daemon(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.touch()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(NoAnswer, match="No daemon is running"):
        ask(place, "/status")


def test_a_path_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 100) / "control.sock"
    place.parent.mkdir()
    place.touch()
    with pytest.raises(NoAnswer, match="cannot be asked: AF_UNIX path too long"):
        ask(place, "/status")


@pytest.mark.real
@pytest.mark.parametrize("content", [b"", b"SSH-2.0-OpenSSH\r\n", HEAD[:10]], ids=["nothing", "no HTTP", "half"])
def test_what_is_no_answer_is_told(content: bytes, place: Path) -> None:
    with pytest.raises(NoAnswer, match="cannot be asked: "):
        asked(place, saying(content))


@pytest.mark.real
def test_an_answer_that_was_cut_is_none(place: Path) -> None:
    with pytest.raises(NoAnswer, match="broke off its answer"):
        asked(place, saying(HEAD + b"{"))


@pytest.mark.real
def test_a_daemon_that_stands_still_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "WAIT_SECONDS", 0.05)
    with pytest.raises(NoAnswer, match="did not answer within"):
        asked(place, lambda peer: peer.recv(1))


@pytest.mark.real
def test_an_answer_without_end_is_not_read_to_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(NoAnswer, match="did not come to an end"):
        asked(place, saying(HEAD.replace(b"th: 2", b"th: 11") + b"x" * 11))
