"""What changes of a request and its answer on the way through, and that nothing else does."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from twisted.web.http_headers import Headers

from cliproxy.passing.headers import (
    MAX_ROUNDS,
    VIA,
    announced_length,
    goes_round,
    request_lines,
    response_lines,
    switching_head,
    upgrade_of,
)
from cliproxy.secret import Secret

OURS = b"sk-of-a-client-0123456789"
AMPS = Secret("sgamp_of_the_owner")


def holds_key(text: bytes) -> bool:
    return OURS in text or OURS in unquote_to_bytes(text)


def headers(*lines: tuple[str, str]) -> Headers:
    given = Headers()
    for name, value in lines:
        given.addRawHeader(name, value)
    return given


def passed(
    *lines: tuple[str, str], key: Secret | None = None, upgrade: bytes | None = None
) -> list[tuple[bytes, bytes]]:
    """The lines that leave, but for the two that always do."""
    told = request_lines(headers(*lines), holds_key, b"192.0.2.7", key, upgrade)
    return [line for line in told if line not in ((b"x-forwarded-for", b"192.0.2.7"), (b"via", VIA))]


def told(*lines: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return response_lines(headers(*lines))


# -- a request's headers


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Host",
        "Content-Length",
        "Expect",
        "Authorization",
        "X-Api-Key",
        "X-Goog-Api-Key",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
    ],
)
def test_the_header_does_not_leave(name: str) -> None:
    assert passed((name, "anything")) == []


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Accept-Encoding",
        "User-Agent",
        "Cookie",
        "Referer",
        "Content-Type",
        "Content-Encoding",
        "Anthropic-Beta",
        "X-Stainless-Lang",
        "X-Amp-Thread-Id",
        "Sec-WebSocket-Key",
        "Sec-Fetch-Mode",
        "Priority",
        "X-Title",
        "If-None-Match",
    ],
)
def test_the_header_leaves_as_it_is(name: str) -> None:
    assert passed((name, 'a, b;c="d"')) == [(name.lower().encode(), b'a, b;c="d"')]


def test_what_connection_lists_does_not_leave() -> None:
    assert passed(("Connection", "close, X-Private"), ("X-Private", "1"), ("X-Public", "2")) == [(b"x-public", b"2")]


def test_it_may_list_in_several_lines() -> None:
    assert passed(("Connection", "x-a"), ("Connection", "X-B"), ("X-A", "1"), ("X-B", "2")) == []


def test_repeated_lines_and_their_order_stay() -> None:
    lines = (("X-A", "1"), ("X-B", "2"), ("X-B", "3"), ("X-C", "4"))
    assert passed(*lines) == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-b", b"3"), (b"x-c", b"4")]


@pytest.mark.parametrize(
    "value", [OURS.decode(), f"Bearer {OURS.decode()}", f"a=b; key={OURS.decode()}", OURS.decode().replace("-", "%2D")]
)
def test_a_line_that_holds_a_client_key_does_not_leave(value: str) -> None:
    assert passed(("Cookie", value), ("Cookie", "other")) == [(b"cookie", b"other")]


def test_the_upstreams_key_is_shown_both_ways() -> None:
    assert passed(("Authorization", f"Bearer {OURS.decode()}"), key=AMPS) == [
        (b"x-api-key", b"sgamp_of_the_owner"),
        (b"authorization", b"Bearer sgamp_of_the_owner"),
    ]


def test_without_one_nothing_is_shown() -> None:
    assert passed(("Authorization", "Bearer something else"), ("X-Api-Key", "that too")) == []


def test_the_peer_is_told_in_place_of_what_the_client_said() -> None:
    lines = request_lines(headers(("X-Forwarded-For", "8.8.8.8")), holds_key, b"192.0.2.7", None, None)
    assert [value for name, value in lines if name == b"x-forwarded-for"] == [b"192.0.2.7"]


def test_connection_cannot_take_the_peer_away() -> None:
    lines = request_lines(headers(("Connection", "x-forwarded-for")), holds_key, b"192.0.2.7", None, None)
    assert (b"x-forwarded-for", b"192.0.2.7") in lines


def test_via_grows_by_one() -> None:
    lines = request_lines(headers(("Via", "1.1 office")), holds_key, b"192.0.2.7", None, None)
    assert [value for name, value in lines if name == b"via"] == [b"1.1 office", VIA]


def test_a_request_that_has_come_through_us_a_few_times_goes_round() -> None:
    assert goes_round(headers(*[("Via", VIA.decode())] * MAX_ROUNDS))


def test_it_does_in_one_line_too() -> None:
    assert goes_round(headers(("Via", ", ".join([VIA.decode()] * MAX_ROUNDS))))


def test_some_daemons_may_stand_behind_each_other() -> None:
    assert not goes_round(headers(("Via", "1.1 office"), *[("Via", VIA.decode())] * (MAX_ROUNDS - 1)))


# -- upgrades


def test_an_upgrade_goes_out_again() -> None:
    lines = (("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
    upgrade = upgrade_of(headers(*lines))
    assert passed(*lines, upgrade=upgrade) == [(b"sec-websocket-version", b"13"), (b"upgrade", b"websocket")]


def test_an_upgrade_that_holds_a_clients_key_stays_here() -> None:
    """Every other header's value was looked at."""
    assert passed(upgrade=b"websocket, " + OURS) == []


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (("Upgrade", "websocket"),),
        (("Connection", "Upgrade"),),
        (("Connection", "Upgrade"), ("Upgrade", " ")),
        (("Connection", "close"), ("Upgrade", "websocket")),
    ],
)
def test_half_of_an_upgrade_is_none(lines: tuple[tuple[str, str], ...]) -> None:
    assert upgrade_of(headers(*lines)) is None


@pytest.mark.parametrize("offered", ["h2c", "H2C", "websocket, h2c"])
def test_http2_in_the_clear_is_no_upgrade_that_is_passed_on(offered: str) -> None:
    assert upgrade_of(headers(("Connection", "Upgrade"), ("Upgrade", offered))) is None


def test_the_head_of_a_switch_is_the_upstreams() -> None:
    head = switching_head(
        headers(
            ("Connection", "upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Access-Control-Allow-Origin", "*"),
            ("Content-Length", "0"),
        ),
        b"websocket",
    )
    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
    )


# -- an answer's headers


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Content-Length",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        "Strict-Transport-Security",
        "Alt-Svc",
    ],
)
def test_the_header_is_not_told(name: str) -> None:
    assert told((name, "anything")) == []


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "Content-Encoding",
        "Location",
        "ETag",
        "Cache-Control",
        "Vary",
        "Server",
        "Date",
        "WWW-Authenticate",
        "Content-Security-Policy",
        "X-Request-Id",
    ],
)
def test_the_header_is_told_as_it_is(name: str) -> None:
    assert told((name, "https://ampcode.com/x?a=b")) == [(name.lower().encode(), b"https://ampcode.com/x?a=b")]


def test_each_cookie_has_its_line() -> None:
    cookies = (("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2, c"))
    assert told(*cookies) == [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2, c")]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((), None),
        (("0",), 0),
        (("12",), 12),
        (("12", "12"), 12),
        (("12", "13"), None),
        (("12, 12",), None),
        (("-1",), None),
        (("x",), None),
        (("9" * 30,), None),
    ],
)
def test_a_length_is_announced_by_one_number(lengths: tuple[str, ...], expected: int | None) -> None:
    assert announced_length(headers(*(("Content-Length", length) for length in lengths))) == expected
