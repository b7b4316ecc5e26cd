"""What the daemon does on SIGTERM, SIGINT and SIGHUP."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.real.conftest import CLIENT_KEY, UPSTREAM_KEY, Start, Write
from tests.support.processes import ANYWHERE, CLIPROXY, TWIST, accepts, ask, asking, message, until

PROGRAMS = pytest.mark.parametrize("program", [(*CLIPROXY, "run"), (*TWIST, "cliproxy")], ids=["run", "twist"])
SLOW = message("[[deltas:8]][[delay:100]]", stream=True)
ENDLESS = message("[[deltas:9000]][[delay:100]]", stream=True, max_tokens=100_000)
END = b'data: {"type":"message_stop"}\n\n'


@PROGRAMS
def test_an_idle_daemon_ends_at_once_and_in_order(program: tuple[str, ...], start: Start, write: Write) -> None:
    daemon = start(*program, "--config", str(write(shutdown_grace_seconds=60)))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 5
    assert "Traceback" not in daemon.output


def test_an_idle_connection_does_not_hold_it_up(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write(shutdown_grace_seconds=60)))
    address = urlsplit(daemon.url)
    with socket.create_connection((address.hostname, address.port)):
        assert ask(daemon.url, message(), CLIENT_KEY).status == 200
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 5


@PROGRAMS
def test_a_running_stream_may_end(program: tuple[str, ...], start: Start, write: Write) -> None:
    daemon = start(*program, "--config", str(write()))
    url = daemon.url
    with asking(url, SLOW, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        daemon.send(signal.SIGTERM)
        until(lambda: not accepts(url))
        assert stream.read().endswith(END)
    assert daemon.end() == 0


def test_what_a_slow_reader_has_not_taken_yet_still_reaches_it(start: Start, write: Write) -> None:
    """The exchange has ended when all is written; that it is sent takes as long as the client takes."""
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    reply = message("[[deltas:20000]]", stream=True, max_tokens=1_000_000)
    with asking(daemon.url, reply, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        daemon.send(signal.SIGTERM)
        until(lambda: not accepts(daemon.url))
        assert stream.read().endswith(END)
    assert daemon.end() == 0


def test_after_its_grace_a_stream_is_told_and_cut(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write(shutdown_grace_seconds=0.3)))
    with asking(daemon.url, ENDLESS, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        daemon.send(signal.SIGTERM)
        told = stream.read().decode()
    assert told.count("event: error\n") == 1
    assert "shutting down" in told.rpartition("event: error\n")[2]
    assert daemon.end() == 0
    assert "Traceback" not in daemon.output


def test_after_its_grace_a_client_still_without_an_answer_gets_one(start: Start, write: Write) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as threads:
        upstream = {"api-key": UPSTREAM_KEY, "base-url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        daemon = start(*CLIPROXY, "run", "--config", str(write(shutdown_grace_seconds=0.2, claude_api_key=[upstream])))
        answer = threads.submit(ask, daemon.url, message(model="claude-sonnet-5"), CLIENT_KEY)
        asked, _ = silent.accept()
        with asked:
            daemon.send(signal.SIGTERM)
            assert answer.result(20).status == 503
            assert answer.result().json["type"] == "error"
    assert daemon.end() == 0


def test_an_open_connection_is_told_that_no_more_is_served(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    address = urlsplit(daemon.url)
    other = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    other.request("GET", "/healthz")
    assert other.getresponse().read()
    with asking(daemon.url, SLOW, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        daemon.send(signal.SIGTERM)
        until(lambda: not accepts(daemon.url))
        other.request("POST", "/v1/messages", message(), {"x-api-key": CLIENT_KEY})
        refused = other.getresponse()
        assert (refused.status, refused.getheader("retry-after")) == (503, "1")
        other.close()
        assert stream.read().endswith(END)
    assert daemon.end() == 0


def test_a_second_sigterm_does_no_harm(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    with asking(daemon.url, SLOW, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        daemon.send(signal.SIGTERM)
        until(lambda: not accepts(daemon.url))
        daemon.send(signal.SIGTERM)
        assert stream.read().endswith(END)
    assert daemon.end() == 0
    assert "Traceback" not in daemon.output


def test_sigint_ends_it_by_the_signal(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    assert ask(daemon.url, path="/healthz").status == 200
    daemon.send(signal.SIGINT)
    assert daemon.end() == -signal.SIGINT
    assert "Traceback" not in daemon.output


def test_sighup_reads_the_configuration_again(start: Start, write: Write) -> None:
    """Also when nothing of the file's state tells that it has changed: the bytes count."""
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    write(api_keys=["another-key-of-a-client"])
    daemon.send(signal.SIGHUP)
    daemon.line("configuration reloaded")
    assert ask(daemon.url, message(), CLIENT_KEY).status == 401
    assert ask(daemon.url, message(), "another-key-of-a-client").status == 200


def test_sighup_tells_again_what_is_wrong(start: Start, write: Write) -> None:
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    path.write_text("port: many\n")
    daemon.line("config.yaml:1: port")
    daemon.send(signal.SIGHUP)
    daemon.line("config.yaml:1: port", times=2)
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200


def test_sighup_without_a_configuration_is_told(start: Start) -> None:
    daemon = start(*CLIPROXY, "run", "--listen", ANYWHERE)
    assert ask(daemon.url, path="/healthz").status == 200
    daemon.send(signal.SIGHUP)
    daemon.line("nothing to reload")
    assert ask(daemon.url, message()).status == 200
