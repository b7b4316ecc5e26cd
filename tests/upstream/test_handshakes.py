"""The talks with a proxy, byte by byte: CONNECT, SOCKS5, and what holds for both."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import Unreachable
from cliproxy.secret import Secret
from cliproxy.upstream.handshakes import HEAD_LIMIT_BYTES, ConnectHandshake, Handshake, Socks5Handshake
from tests.support.streams import cut
from tests.support.upstream import (
    ANSWERS,
    BOUND,
    GREETED,
    HANDSHAKES,
    HOST,
    OPENED,
    PASSWORD,
    USER,
    connect_handshake,
    refusal_of,
    socks_handshake,
    talk,
)

# -- CONNECT ------------------------------------------------------------------------------------------------------


def test_connect_asks_for_the_authority_and_says_who_asks() -> None:
    assert ConnectHandshake(HOST, 443).begin() == (
        b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\nUser-Agent: cliproxy\r\n\r\n"
    )


def test_connect_sends_basic_credentials_in_utf_8() -> None:
    request = ConnectHandshake(HOST, 443, Secret("jörg"), Secret("pä:ss")).begin()
    assert b"\r\nProxy-Authorization: Basic " + base64.b64encode("jörg:pä:ss".encode()) + b"\r\n\r\n" in request


def test_connect_sends_a_user_name_without_a_password() -> None:
    assert base64.b64encode(b"token:") in ConnectHandshake(HOST, 443, Secret("token")).begin()


def test_connect_puts_an_ipv6_host_in_brackets() -> None:
    assert ConnectHandshake("::1", 8443).begin().startswith(b"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n")


def test_connect_cannot_carry_a_user_name_with_a_colon() -> None:
    with pytest.raises(Unreachable, match="colon"):
        ConnectHandshake(HOST, 443, Secret("a:b"), PASSWORD)


def test_connect_takes_no_user_agent_that_would_break_the_request() -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        ConnectHandshake(HOST, 443, user_agent="a\r\nX-Evil: b")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OPENED, id="usual"),
        pytest.param(b"HTTP/1.0 200\r\n\r\n", id="no reason"),
        pytest.param(b"HTTP/1.1 204 \r\n\r\n", id="another 2xx"),
        pytest.param(b"HTTP/1.1 200 OK\nVia: x\n\n", id="bare LF"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n\r\n" + OPENED, id="interim answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="a length that means nothing"),
    ],
)
def test_connect_opens_on_a_2xx_and_leaves_what_follows(answer: bytes) -> None:
    outcome = talk(ConnectHandshake(HOST, 443), [answer + b"\x16\x03hello\r\n\r\n"])
    assert (outcome.done, outcome.rest) == (True, b"\x16\x03hello\r\n\r\n")


def test_connect_tells_status_and_reason_of_a_refusal_and_ignores_its_body() -> None:
    refusal = refusal_of(ConnectHandshake(HOST, 443), b"HTTP/1.1 403 Forbidden\r\n\r\n<html>no</html>")
    assert refusal == "The proxy refused a tunnel to api.example:443: it answered 403."


def test_connect_names_a_407_as_a_wish_for_credentials() -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    assert refusal_of(ConnectHandshake(HOST, 443), answer) == ("The proxy wants credentials: it answered 407.")


def test_connect_says_when_the_credentials_given_were_not_taken() -> None:
    assert "did not take those it was given" in refusal_of(connect_handshake(), b"HTTP/1.1 407 No\r\n")


def test_connect_shows_a_long_reason_only_in_part() -> None:
    assert len(refusal_of(connect_handshake(), b"HTTP/1.1 500 " + b"x" * 5000 + b"\r\n")) < 250


@pytest.mark.parametrize(
    "line",
    [b"", b"SSH-2.0-x", b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1  200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200 a\rb"],
)
def test_connect_refuses_a_status_line_that_is_not_http(line: bytes) -> None:
    assert "not HTTP/1" in refusal_of(connect_handshake(), line + b"\r\n")


def test_connect_takes_a_head_of_just_the_limit() -> None:
    start, end = b"HTTP/1.1 200 OK\r\nA: ", b"\r\n\r\n"
    answer = start + b"x" * (HEAD_LIMIT_BYTES - len(start) - len(end)) + end
    assert talk(connect_handshake(), [answer + b"rest"]).rest == b"rest"
    assert "16384 bytes" in refusal_of(connect_handshake(), answer.replace(b"A: ", b"A: x"))


def test_connect_counts_interim_answers_toward_the_limit() -> None:
    assert "16384 bytes" in refusal_of(connect_handshake(), b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


# -- SOCKS5 -------------------------------------------------------------------------------------------------------


def test_socks_without_credentials_offers_no_way_to_sign_in() -> None:
    assert Socks5Handshake(HOST, 443).begin() == b"\x05\x01\x00"


def test_socks_with_credentials_offers_both_ways() -> None:
    assert socks_handshake().begin() == b"\x05\x02\x00\x02"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (HOST, b"\x03\x0bapi.example"),
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
    ],
)
def test_socks_asks_by_name_or_by_address(host: str, address: bytes) -> None:
    handshake = Socks5Handshake(host, 443)
    assert handshake.feed(GREETED) == b"\x05\x01\x00" + address + b"\x01\xbb"


def test_socks_signs_in_when_the_proxy_chooses_so() -> None:
    handshake = Socks5Handshake(HOST, 443, Secret("jörg"), Secret("pw"))
    assert handshake.feed(b"\x05\x02") == b"\x01\x05j\xc3\xb6rg\x02pw"
    assert handshake.feed(b"\x01\x00").startswith(b"\x05\x01\x00\x03")


def test_socks_asks_at_once_when_the_proxy_needs_no_sign_in() -> None:
    assert socks_handshake().feed(GREETED).startswith(b"\x05\x01\x00\x03")


@pytest.mark.parametrize(
    "bound",
    [BOUND, b"\x05\x00\x00\x03\x05abcde\x00\x50", b"\x05\x00\x00\x03\x00\x00\x00", b"\x05\x00\x00\x04" + bytes(18)],
    ids=["IPv4", "name", "empty name", "IPv6"],
)
def test_socks_opens_after_any_bound_address_and_leaves_what_follows(bound: bytes) -> None:
    outcome = talk(Socks5Handshake(HOST, 443), [GREETED, bound + b"\x16\x03hello"])
    assert (outcome.done, outcome.rest) == (True, b"\x16\x03hello")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "general failure"),
        (2, "not allowed by its rules"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "time to live expired"),
        (7, "command not supported"),
        (8, "address type not supported"),
        (9, "a code that SOCKS5 does not define"),
        (255, "a code that SOCKS5 does not define"),
    ],
)
def test_socks_tells_every_failure_in_words(code: int, words: str) -> None:
    refusal = refusal_of(Socks5Handshake(HOST, 443), GREETED + bytes([5, code]))
    assert refusal == f"The SOCKS proxy did not connect to api.example port 443: {words} ({code})."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request", "does not speak SOCKS5: it answered with version 72"),
        (b"\x04\x00", "does not speak SOCKS5: it answered with version 4"),
        (b"\x05\xff", "does not take a user name and password"),
        (b"\x05\x01", "a way to sign in that was not offered: 1"),
        (b"\x05\x02\x01\x01", "refused the credentials"),
        (b"\x05\x02\x05\x00", "answered the sign-in with version 5"),
        (GREETED + b"\x04\x00", "replied with version 4"),
        (GREETED + b"\x05\x00\x01\x01", "reserved byte"),
        (GREETED + b"\x05\x00\x00\x02", "unknown type 2"),
    ],
)
def test_socks_refuses_what_the_protocol_does_not_allow(answer: bytes, words: str) -> None:
    assert words in refusal_of(socks_handshake(), answer)


@pytest.mark.parametrize(
    ("answer", "words"), [(b"\x05\xff", "wants credentials"), (b"\x05\x02", "that was not offered: 2")]
)
def test_socks_without_credentials_cannot_sign_in(answer: bytes, words: str) -> None:
    assert words in refusal_of(Socks5Handshake(HOST, 443), answer)


def test_socks_carries_credentials_of_255_bytes_and_no_more() -> None:
    assert len(Socks5Handshake(HOST, 443, Secret("u" * 255), Secret("p" * 255)).feed(b"\x05\x02")) == 3 + 2 * 255
    with pytest.raises(Unreachable, match="up to 255 bytes"):
        Socks5Handshake(HOST, 443, Secret("u"), Secret("ü" * 128))


# -- both ---------------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("handshake_type", [ConnectHandshake, Socks5Handshake])


@BOTH
@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("", 443, "empty"),
        ("x" * 256, 443, "longer than 255 bytes"),
        ("a\r\nX-Evil: b", 443, "not a host name"),
        ("bücher.example", 443, "not a host name"),
        ("[::1]", 443, "not a host name"),
        ("fe80::1%eth0", 443, "network interface"),
        (HOST, 0, "between 1 and 65535"),
        (HOST, 65536, "between 1 and 65535"),
    ],
)
def test_a_target_that_cannot_be_sent_is_refused_at_once(
    handshake_type: type[ConnectHandshake | Socks5Handshake], host: str, port: int, words: str
) -> None:
    with pytest.raises(Unreachable, match=words):
        handshake_type(host, port)


@BOTH
def test_credentials_that_are_not_unicode_raise_nothing(
    handshake_type: type[ConnectHandshake | Socks5Handshake],
) -> None:
    handshake = handshake_type(HOST, 443, Secret("\ud800"), Secret("\udcff"))
    assert handshake.begin() + handshake.feed(b"")


@BOTH
def test_a_handshake_does_not_print_its_credentials(handshake_type: type[ConnectHandshake | Socks5Handshake]) -> None:
    shown = repr(handshake_type(HOST, 443, USER, PASSWORD))
    assert USER.reveal() not in shown
    assert PASSWORD.reveal() not in shown


@given(HANDSHAKES, ANSWERS, st.lists(st.integers(0, 100)))
def test_however_an_answer_is_split_it_means_the_same(
    handshakes: Callable[[], Handshake], answer: bytes, cuts: list[int]
) -> None:
    whole = talk(handshakes(), [answer])
    assert talk(handshakes(), cut(answer, cuts)) == whole
    assert talk(handshakes(), [bytes([byte]) for byte in answer]) == whole


@given(HANDSHAKES, st.lists(ANSWERS))
def test_no_answer_raises_anything_but_a_refusal_and_none_follows_it(
    handshakes: Callable[[], Handshake], pieces: list[bytes]
) -> None:
    handshake = handshakes()
    outcome = talk(handshake, pieces)
    if outcome.refusal is not None:
        assert PASSWORD.reveal() not in outcome.refusal
        assert (handshake.feed(OPENED + GREETED + BOUND), handshake.done, handshake.rest) == (b"", False, b"")
