"""Who calls: from where, also behind proxies, and in which words an error is told."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.web.http_headers import Headers

from cliproxy.config.schema import Access
from cliproxy.formats import anthropic, openai_chat
from cliproxy.web.callers import as_address, error_body_for, is_anthropic
from tests.support.http import LOCAL, REMOTE, Client
from tests.web.conftest import Connect

PROXIED = Access(trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
INSIDE = IPv4Address("TCP", "10.1.2.3", 1)


# -- which words


@pytest.mark.parametrize(
    "lines",
    [
        {"anthropic-version": ["2023-06-01"]},
        {"User-Agent": ["claude-cli/2.0.1 (external, cli)"]},
        {"user-agent": ["Claude-Code/1"]},
    ],
)
def test_an_anthropic_client_is_known(lines: dict[str, list[str]]) -> None:
    assert is_anthropic(Headers(lines))


@pytest.mark.parametrize("lines", [{}, {"User-Agent": ["OpenAI/Python 2"]}, {"User-Agent": ["my-claude"]}])
def test_any_other_client_is_none(lines: dict[str, list[str]]) -> None:
    assert not is_anthropic(Headers(lines))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (b"/v1/messages", anthropic.error_body),
        (b"/v1/messages/count_tokens", anthropic.error_body),
        (b"/v1/models", openai_chat.error_body),
        (b"/", openai_chat.error_body),
        (b"", openai_chat.error_body),
    ],
)
def test_the_path_says_which_words(path: bytes, words: object) -> None:
    assert error_body_for(path, Headers()) is words


# -- from where, behind proxies


def is_served(client: Client, *lines: str) -> bool:
    status = client.ask("GET", "/v1/models", *lines).status
    assert status in (200, 403)
    return status == 200


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-For:",
        "Forwarded: for=127.0.0.1",
        "X-Real-IP: 127.0.0.1",
    ],
)
@pytest.mark.parametrize("peer", [LOCAL, IPv6Address("TCP", "::1", 1), UNIXAddress("/run/cliproxy.sock"), REMOTE])
def test_whoever_forwards_and_is_not_trusted_is_not_local(
    connect: Connect, peer: IPv4Address | IPv6Address | UNIXAddress, line: str
) -> None:
    assert not is_served(connect(peer=peer), line)


@pytest.mark.parametrize("peer", [LOCAL, IPv6Address("TCP", "::ffff:127.0.0.1", 1)])
def test_a_trusted_proxy_on_this_machine_speaks_for_local_clients(
    connect: Connect, peer: IPv4Address | IPv6Address
) -> None:
    """A client at 127.0.0.1 was not local, if its proxy there was trusted."""
    client = connect(access=PROXIED, peer=peer)
    for line in ("127.0.0.1", "::1", "127.0.0.2", "203.0.113.9, 127.0.0.2", "127.0.0.1, 127.0.0.1"):
        assert is_served(client, f"X-Forwarded-For: {line}")


@pytest.mark.parametrize(
    "line",
    [
        "203.0.113.9",
        "127.0.0.1, 203.0.113.9",
        "127.0.0.1, 203.0.113.9, 10.0.0.1",
        "10.0.0.1",
        "",
        "unknown",
        "127.0.0.1:80",
        "x, 10.0.0.1",
    ],
)
def test_a_trusted_proxy_on_this_machine_speaks_for_nobody_else(connect: Connect, line: str) -> None:
    assert not is_served(connect(access=PROXIED), f"X-Forwarded-For: {line}")


def test_lines_of_x_forwarded_for_are_one_list(connect: Connect) -> None:
    assert not is_served(connect(access=PROXIED), "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.9")
    assert is_served(connect(access=PROXIED), "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: ::1")


def test_another_header_than_x_forwarded_for_is_not_believed(connect: Connect) -> None:
    assert not is_served(connect(access=PROXIED), "Forwarded: for=127.0.0.1")


def test_a_trusted_proxy_itself_is_local_where_it_forwards_for_nobody(connect: Connect) -> None:
    assert is_served(connect(access=PROXIED))
    assert not is_served(connect(access=PROXIED, peer=INSIDE))


@pytest.mark.parametrize("line", ["127.0.0.1", "::1", "10.0.0.1"])
def test_nobody_behind_a_trusted_proxy_elsewhere_is_local(connect: Connect, line: str) -> None:
    """Its loopback is not ours: its own clients used to be taken for programs on this machine."""
    assert not is_served(connect(access=PROXIED, peer=INSIDE), f"X-Forwarded-For: {line}")


@pytest.mark.parametrize(
    ("text", "told"), [("127.0.0.1", "127.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:DB8::0:1", "2001:db8::1")]
)
def test_an_address_is_read(text: str, told: str) -> None:
    assert str(as_address(text)) == told


def test_an_address_with_a_long_scope_is_one_however_long() -> None:
    assert str(as_address("fe80::1%" + "x" * 100)) == "fe80::1%" + "x" * 100


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "127.0.0.1:80", "[::1]", "1", "0177.0.0.1", " 127.0.0.1"])
def test_any_other_text_is_no_address(text: str) -> None:
    assert as_address(text) is None
