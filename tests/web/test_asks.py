"""What every door reads alike from an HTTP request."""

from __future__ import annotations

import pytest

from cliproxy.ask import Ask
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.formats.wire import Operation
from tests.support.http import Client

CHAT = b'{"model":"m","messages":[]}'


def asked(client: Client, *lines: str, body: bytes = CHAT, target: str = "/v1/chat/completions") -> Ask:
    """What stands behind the doors is asked."""
    assert client.post(body, *lines, target=target).status == 200
    return client.house.asked[-1]


def test_an_ask_has_the_body_byte_for_byte(client: Client) -> None:
    body = b' { "model" :"m",\t"messages":[], "x":1.0e2}'
    assert asked(client, body=body).body == body


def test_an_ask_has_its_wire_and_its_operation(client: Client) -> None:
    ask = asked(client)
    assert (ask.wire, ask.operation, ask.model) == (OPENAI_CHAT, Operation.GENERATE, "m")


def test_an_ask_bears_the_id_that_the_client_is_told(client: Client) -> None:
    answer = client.post(CHAT, target="/v1/chat/completions")
    assert client.house.asked[-1].request_id == answer["x-request-id"]


def test_header_names_are_in_lower_case_and_values_as_they_were(client: Client) -> None:
    assert (b"x-odd-name", b"A Value") in asked(client, "X-oDD-Name: A Value").headers


def test_a_header_that_stands_twice_is_kept_twice(client: Client) -> None:
    headers = asked(client, "X-Twice: 1", "X-Twice: 2").headers
    assert [value for name, value in headers if name == b"x-twice"] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("target", "query"),
    [("", b""), ("?beta=true", b"beta=true"), ("?a=1&b=%20?", b"a=1&b=%20?"), ("?key=secret&a=1", b"a=1")],
)
def test_the_query_is_as_it_came_but_for_the_clients_key(client: Client, target: str, query: bytes) -> None:
    assert asked(client, target=f"/v1/chat/completions{target}").query == query


@pytest.mark.parametrize(
    ("value", "streams"),
    [
        (b"true", True),
        (b"false", False),
        (b"null", False),
        (b"1", False),
        (b'"true"', False),
        (b"[true]", False),
        (b"{}", False),
    ],
)
@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"])
def test_only_true_asks_for_a_stream(client: Client, target: str, value: bytes, streams: bool) -> None:
    ask = asked(client, body=b'{"model":"m","stream":%b}' % value, target=target)
    assert (ask.stream, ask.array) == (streams, False)


@pytest.mark.parametrize("target", ["/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/responses/compact"])
def test_only_what_is_generated_streams(client: Client, target: str) -> None:
    assert not asked(client, body=b'{"model":"m","stream":true}', target=target).stream


@pytest.mark.parametrize(("lines", "shows"), [((), False), (("X-Cliproxy-Losses: 1",), True)])
def test_losses_are_shown_to_who_asks(client: Client, lines: tuple[str, ...], shows: bool) -> None:
    assert asked(client, *lines).shows_losses is shows


@pytest.mark.parametrize("value", ["0", "true", "yes", ""])
def test_losses_are_shown_for_a_one_alone(client: Client, value: str) -> None:
    assert not asked(client, f"X-Cliproxy-Losses: {value}").shows_losses


def test_an_ask_shows_neither_body_nor_headers_when_it_is_logged(client: Client) -> None:
    shown = repr(asked(client, "Authorization: Bearer sk-of-a-client", body=b'{"model":"m","messages":["hush"]}'))
    assert "hush" not in shown
    assert "sk-of-a-client" not in shown
