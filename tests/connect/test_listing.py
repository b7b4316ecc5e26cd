"""A daemon is asked for its models: briefly, and whatever it answers."""

from __future__ import annotations

import json
import socket
import time

import pytest

from cliproxy.connect import listing
from cliproxy.connect.listing import is_name, names, served
from cliproxy.secret import Secret
from tests.support.processes import answering

KEY = Secret("sk-cliproxy-x")


def document(*ids: object) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in ids]}).encode()


def test_the_names_are_in_the_daemons_order() -> None:
    assert names(document("b", "a")) == ("b", "a")


def test_a_name_that_could_be_obeyed_is_left_out() -> None:
    assert names(document("a", "b\x1b[2J", "c d", "", "x" * 201, "--help", 5, None)) == ("a",)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b'{"data": 5}', b'{"data": [5]}', b"[" * 100_000])
def test_garbage_lists_nothing(content: bytes) -> None:
    assert names(content) == ()


@pytest.mark.parametrize("name", ["team/gemini-2.5-pro(high)", "claude-sonnet-4-5@20250929", "modèle"])
def test_names_may_be_odd(name: str) -> None:
    assert is_name(name)


@pytest.mark.real
def test_a_daemon_is_asked() -> None:
    body = document("demo")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as port:
        assert served(f"http://127.0.0.1:{port}", KEY) == ("demo",)


@pytest.mark.real
@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", b"garbage\r\n\r\n", b""]
)
def test_whoever_is_no_daemon_serves_nothing(answer: bytes) -> None:
    with answering(answer) as port:
        assert served(f"http://127.0.0.1:{port}", KEY) == ()


@pytest.mark.real
def test_where_nobody_listens_nothing_is_served() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert served(f"http://127.0.0.1:{taken.getsockname()[1]}", KEY) == ()


@pytest.mark.real
def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "WAIT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        assert served(f"http://127.0.0.1:{server.getsockname()[1]}", KEY) == ()
        assert time.monotonic() - begun < 1
