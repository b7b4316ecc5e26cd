from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from cliproxy import systemd
from cliproxy.systemd import notify


@pytest.fixture
def there() -> Iterator[socket.socket]:
    """The socket on which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        yield listening


def test_without_systemd_nothing_is_sent() -> None:
    assert notify(systemd.READY, {}) is False


@pytest.mark.real
def test_a_state_goes_to_the_socket_that_systemd_names(there: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    there.bind(path)
    assert notify(systemd.READY, {"NOTIFY_SOCKET": path}) is True
    assert there.recv(100) == b"READY=1"


@pytest.mark.real
def test_a_socket_may_be_abstract(there: socket.socket) -> None:
    name = f"cliproxy-test-{token_hex(8)}"
    there.bind(f"\0{name}")
    assert notify(systemd.STOPPING, {"NOTIFY_SOCKET": f"@{name}"}) is True
    assert there.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "address", ["", "notify", "./notify", "vsock:2:1", "@", "/", "/nowhere/at/all", "/" + "x" * 200]
)
def test_a_socket_that_is_not_there_is_no_error(address: str) -> None:
    assert notify(systemd.READY, {"NOTIFY_SOCKET": address}) is False


def test_a_reload_says_when_it_began() -> None:
    assert systemd.reloading(12345) == "RELOADING=1\nMONOTONIC_USEC=12345"
