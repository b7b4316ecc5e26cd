"""Which requests become a WebSocket."""

from __future__ import annotations

import pytest

from tests.support.http import Client
from tests.support.sockets import ACCEPTED, HANDSHAKE, NONCE
from tests.web.conftest import Connect


def without(name: str, *instead: str) -> tuple[str, ...]:
    """The handshake with other lines in the place of one."""
    return (*(line for line in HANDSHAKE if not line.startswith(f"{name}:")), *instead)


def test_the_answer_proves_that_the_nonce_was_read(client: Client) -> None:
    client.send("GET", "/v1/responses", *HANDSHAKE)
    assert f"sec-websocket-accept: {ACCEPTED}\r\n".encode() in client.transport.value()


def test_the_answer_is_a_switch_of_protocols(client: Client) -> None:
    client.send("GET", "/v1/responses", *HANDSHAKE)
    assert client.transport.value().startswith(b"HTTP/1.1 101 ")


def test_the_answer_has_a_request_id(client: Client) -> None:
    client.send("GET", "/v1/responses", *HANDSHAKE)
    assert b"\r\nx-request-id: req_" in client.transport.value()


def test_no_extension_is_taken(client: Client) -> None:
    client.send("GET", "/v1/responses", *HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate")
    assert b"extensions" not in client.transport.value().lower()


def test_the_upgrade_may_be_one_of_several_tokens(client: Client) -> None:
    client.send("GET", "/v1/responses", *without("Connection", "Connection: keep-alive, UPGRADE"))
    assert client.transport.value().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "lines",
    [
        (),
        without("Upgrade"),
        without("Upgrade", "Upgrade: h2c"),
        without("Connection"),
        without("Connection", "Connection: keep-alive"),
        without("Sec-WebSocket-Version"),
        without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        without("Sec-WebSocket-Key"),
        without("Sec-WebSocket-Key", "Sec-WebSocket-Key: short"),
        without("Sec-WebSocket-Key", "Sec-WebSocket-Key: ////"),
        (*HANDSHAKE, f"Sec-WebSocket-Key: {NONCE}"),
    ],
)
def test_anything_else_is_told_to_upgrade(client: Client, lines: tuple[str, ...]) -> None:
    """426 makes Codex use HTTP at once; 400 would end its turn, and others cost it seconds of trying again."""
    answer = client.ask("GET", "/v1/responses", *lines)
    assert (answer.status, answer["upgrade"], answer.error["type"]) == (426, "websocket", "invalid_request_error")


def test_a_head_request_is_told_to_upgrade(client: Client) -> None:
    assert client.ask("HEAD", "/v1/responses", *HANDSHAKE).status == 426


def test_http_1_0_has_no_upgrades(connect: Connect) -> None:
    assert connect().ask("GET", "/v1/responses", *HANDSHAKE, version="1.0").status == 426
