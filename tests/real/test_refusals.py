"""Whatever keeps the daemon from its work is one line on stderr and status 1: no traceback, and no half of a start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import Start, Write
from tests.support.certificates import Authority
from tests.support.processes import ANYWHERE, CLIPROXY, TWIST, TWISTD, Process

PROGRAMS = pytest.mark.parametrize("program", [(*CLIPROXY, "run"), (*TWIST, "cliproxy")], ids=["run", "twist"])


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of loopback that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refusal(process: Process) -> str:
    """The one line, of a process that has ended as it should."""
    status = process.end()
    assert "Traceback" not in process.output
    lines = process.stderr.splitlines()
    assert len(lines) == 1, process.stderr
    assert status == 1
    assert lines[0].startswith("cliproxy: ")
    return lines[0]


@PROGRAMS
def test_a_port_in_use(program: tuple[str, ...], start: Start, taken: int) -> None:
    line = refusal(start(*program, "--listen", f"tcp:{taken}:interface=127.0.0.1"))
    assert line == f"cliproxy: Cannot listen at 127.0.0.1 port {taken}: Address already in use."


@PROGRAMS
def test_a_configured_port_in_use(program: tuple[str, ...], start: Start, write: Write, taken: int) -> None:
    assert "Address already in use" in refusal(start(*program, "--config", str(write(port=taken))))


@PROGRAMS
def test_a_configuration_that_is_not_there(program: tuple[str, ...], start: Start) -> None:
    assert refusal(start(*program, "--config", "none.yaml")) == "cliproxy: There is no file none.yaml."


@PROGRAMS
def test_a_bad_key(program: tuple[str, ...], start: Start, write: Write) -> None:
    line = refusal(start(*program, "--config", str(write(port="many", request_retry="often"))))
    assert "config.yaml:1: port" in line
    assert "(1 more: `cliproxy check " in line


@PROGRAMS
def test_what_is_no_endpoint(program: tuple[str, ...], start: Start) -> None:
    assert "'carrier-pigeon:1' is no endpoint" in refusal(start(*program, "--listen", "carrier-pigeon:1"))


def test_a_directory_for_a_configuration(start: Start, tmp_path: Path) -> None:
    assert "is a directory, not a file." in refusal(start(*CLIPROXY, "run", "--config", str(tmp_path)))


def test_a_host_that_is_not_of_this_machine(start: Start, write: Write) -> None:
    assert "192.0.2.1 port 0: Cannot assign requested address." in refusal(
        start(*CLIPROXY, "run", "--config", str(write(host="192.0.2.1")))
    )


def test_one_bad_endpoint_among_good_ones(start: Start, taken: int) -> None:
    refusal(start(*TWIST, "cliproxy", "--listen", ANYWHERE, "--listen", f"tcp:{taken}:interface=127.0.0.1"))


def test_a_certificate_that_is_not_there(start: Start, write: Write) -> None:
    tls = {"enable": True, "cert": "none.pem", "key": "none.key"}
    assert "tls.cert (none.pem)" in refusal(start(*CLIPROXY, "run", "--config", str(write(tls=tls))))


def test_a_certificate_and_a_strange_key(start: Start, write: Write, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one.example"), authority.issue("other.example")
    tls = {"enable": True, "cert": str(one.certificate), "key": str(other.key)}
    assert "do not belong together" in refusal(start(*CLIPROXY, "run", "--config", str(write(tls=tls))))


def test_the_demo_alone_and_a_port_in_use(start: Start, taken: int) -> None:
    assert "Address already in use" in refusal(start(*CLIPROXY, "demo", "--listen", f"tcp:{taken}:interface=127.0.0.1"))


def test_twistd_tells_it_in_its_log(start: Start, taken: int) -> None:
    """By then it has taken stderr for the log."""
    argv = (*TWISTD, "--nodaemon", "--pidfile=", "cliproxy", "--listen", f"tcp:{taken}:interface=127.0.0.1")
    daemon = start(*argv)
    assert daemon.end() == 1
    assert "cliproxy: Cannot listen at 127.0.0.1 port" in daemon.output
    assert "Traceback" not in daemon.output
