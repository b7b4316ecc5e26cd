"""Who may pass: what pages could send, client keys, and the machine's own programs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from cliproxy.config.schema import Access
from cliproxy.web.gate import Gate, without_key_parameters
from tests.support.http import HERE, KEY, LOCAL, REMOTE, Client, with_keys
from tests.web.conftest import Connect

GATE = Gate(with_keys())

APP = "https://app.example"
SOCKET = UNIXAddress("/run/cliproxy.sock")


# -- the Host header


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8317",
        "localhost:",
        "localhost.:8317",
        "claude.localhost:8317",
        "127.0.0.1",
        "127.0.0.1.",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:8317",
        "[0:0:0:0:0:0:0:1]:8317",
        "[::ffff:127.0.0.1]:8317",
    ],
)
def test_loopbacks_hosts_are_served(client: Client, host: str) -> None:
    assert client.ask("GET", "/v1/models", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "evillocalhost:8317",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0.0.0.0:8317",
        "192.168.1.5",
        "[::]",
        "[2001:db8::1]:8317",
        "xn--lclhost-nwa.example",
    ],
)
@pytest.mark.parametrize("access", [Access(), with_keys()])
def test_any_other_host_is_refused(connect: Connect, access: Access, host: str) -> None:
    """A page can give the proxy's address a name of its own (DNS rebinding), key or not."""
    answer = connect(access=access).ask("GET", "/", f"x-api-key: {KEY}", host=host)
    assert answer.status == 403
    assert "allowed-hosts" in answer.error["message"]


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":8317",
        "evil.example@localhost",
        "localhost@evil.example",
        "localhost/evil.example",
        "evil.example/@localhost",
        "localhost?.evil.example",
        "localhost#.evil.example",
        "localhost\\.evil.example",
        "localhost, evil.example",
        "localhost evil.example",
        "local\thost",
        "localhost:8317:8317",
        "localhost:http",
        "localhost:-1",
        "localhost%2eevil.example",
        "loc\xe4lhost",
        "[::1",
        "::1",
        "[::1]evil.example",
        "[::1%25lo]",
        "[localhost]",
        "..",
    ],
)
@pytest.mark.parametrize("here", [HERE, SOCKET])
def test_a_malformed_host_is_a_bad_request(connect: Connect, host: str, here: IPv4Address | UNIXAddress) -> None:
    """Some of these were taken for `localhost`, and a Unix socket's own name was taken to be the empty one."""
    answer = connect(peer=here, here=here).ask("GET", "/", host=host)
    assert answer.status == 400
    assert "Host" in answer.error["message"]


def test_two_hosts_are_a_bad_request(client: Client) -> None:
    assert client.ask("GET", "/", "Host: localhost").status == 400


def test_http_1_1_needs_a_host(client: Client) -> None:
    assert client.ask("GET", "/", host=None).status == 400


def test_an_allowed_host_is_served_in_any_case_and_with_a_last_dot(connect: Connect) -> None:
    client = connect(access=Access(allowed_hosts=("Proxy.example",)))
    for host in ("proxy.example", "PROXY.EXAMPLE:443", "proxy.example."):
        assert client.ask("GET", "/", host=host).status == 200
    for host in ("www.proxy.example", "proxy.example.evil.example"):
        assert client.ask("GET", "/", host=host).status == 403


@pytest.mark.parametrize(
    ("here", "host"),
    [
        (IPv4Address("TCP", "192.168.1.5", 8317), "192.168.1.5:8317"),
        (IPv6Address("TCP", "2001:db8::1", 8317), "[2001:DB8:0::1]:8317"),
        (IPv6Address("TCP", "::ffff:192.168.1.5", 8317), "192.168.1.5:8317"),
    ],
)
def test_the_address_that_was_connected_to_is_served(
    connect: Connect, here: IPv4Address | IPv6Address, host: str
) -> None:
    """However it is written: addresses used to be compared as texts, which a dual-stack socket's never passed."""
    assert connect(here=here).ask("GET", "/", host=host).status == 200
    assert connect(here=here).ask("GET", "/", host="192.168.1.6").status == 403


# -- pages


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "NULL",
        "",
        "file://",
        "http://localhost:3000",
        "http://localhost",
        "https://127.0.0.1:8317",
        "http://127.0.0.1:83170",
        "http://127.0.0.1:8317.evil.example",
        "http://127.0.0.1:8317@evil.example",
        "http://evil.example@127.0.0.1:8317",
        "http://127.0.0.1.:8317",
        "http://[::1]:8317",
        "chrome-extension://abcdef",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example/",
    ],
)
@pytest.mark.parametrize("access", [Access(allowed_origins=(APP,)), with_keys(allowed_origins=(APP,))])
def test_a_foreign_pages_request_is_refused(connect: Connect, access: Access, origin: str) -> None:
    client = connect(access=access)
    for method, target in [("POST", "/v1/messages"), ("GET", "/healthz"), ("GET", "/nothing")]:
        answer = client.ask(method, target, f"Origin: {origin}", f"x-api-key: {KEY}", body=b"{}")
        assert answer.status == 403
        assert not answer.all("access-control-allow-origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "", "something-new"])
def test_a_request_without_origin_from_another_site_is_refused(client: Client, site: str) -> None:
    assert client.ask("GET", "/v1/models", f"Sec-Fetch-Site: {site}").status == 403


@pytest.mark.parametrize("site", ["none", "same-origin", "None"])
def test_a_person_at_a_browser_is_served(client: Client, site: str) -> None:
    assert client.ask("GET", "/v1/models", f"Sec-Fetch-Site: {site}").status == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8317", "LOCALHOST:8317", "[::1]:8317"])
def test_the_proxys_own_pages_are_served(client: Client, host: str) -> None:
    answer = client.ask("GET", "/v1/models", f"Origin: http://{host.lower()}", "Sec-Fetch-Site: same-origin", host=host)
    assert answer.status == 200


def test_a_named_origin_is_served_in_any_case(connect: Connect) -> None:
    client = connect(access=Access(allowed_origins=("https://App.example",)))
    assert client.ask("GET", "/v1/models", f"Origin: {APP}", "Sec-Fetch-Site: cross-site").status == 200


def test_a_named_origin_still_needs_a_served_host(connect: Connect) -> None:
    client = connect(access=Access(allowed_origins=(APP,)))
    assert client.ask("GET", "/v1/models", f"Origin: {APP}", host="evil.example").status == 403


# -- keys


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {KEY}",
        f"authorization: bearer {KEY}",
        f"AUTHORIZATION: BEARER   {KEY}  ",
        f"Authorization: {KEY}",
        f"x-api-key: {KEY}",
        f"X-API-KEY:{KEY}",
        f"x-goog-api-key: {KEY}",
    ],
)
def test_a_key_is_taken_from_headers(connect: Connect, line: str) -> None:
    assert connect(access=with_keys("another", KEY)).ask("GET", "/v1/models", line).status == 200


@pytest.mark.parametrize("query", [f"key={KEY}", f"auth_token={KEY}", f"a=b&key={KEY}", f"key=&key={KEY}"])
def test_a_key_is_taken_from_the_query(connect: Connect, query: str) -> None:
    assert connect(access=with_keys()).ask("GET", f"/v1/models?{query}").status == 200


def test_one_right_key_among_wrong_ones_is_enough(connect: Connect) -> None:
    client = connect(access=with_keys())
    assert client.ask("GET", "/v1/models?key=wrong", "Authorization: Bearer wrong", f"x-api-key: {KEY}").status == 200


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer wrong",
        f"Authorization: Bearer {KEY}x",
        f"Authorization: Bearer {KEY[:-1]}",
        f"Authorization: Bearer {KEY.upper()}",
        f"Authorization: Basic {KEY}",
        "x-api-key: *",
        "x-api-key: \xff\xfe",
        f"x-api-key: {KEY}, {KEY}",
    ],
)
def test_a_wrong_key_is_told_from_none(connect: Connect, line: str) -> None:
    """Bytes that are no UTF-8 are a wrong key like any other."""
    answer = connect(access=with_keys()).ask("POST", "/v1/messages", line, body=b"{}")
    assert answer.status == 401
    assert answer.error["type"] == "authentication_error"
    assert "not one of" in answer.error["message"]


@pytest.mark.parametrize(
    "line", ["A: b", "Authorization:", "Authorization: Bearer", "Authorization: bearer  ", "x-api-key: "]
)
@pytest.mark.parametrize("target", ["/v1/messages", "/v1/messages?key", "/v1/messages?key="])
def test_no_key_is_told_from_a_wrong_one(connect: Connect, line: str, target: str) -> None:
    """A client whose variable is not set sends a header without a key; it was told that its key is wrong."""
    answer = connect(access=with_keys()).ask("POST", target, line, body=b"{}")
    assert answer.status == 401
    assert "No API key" in answer.error["message"]


def test_a_key_is_never_repeated(connect: Connect) -> None:
    wrong = "sk-wrong-but-maybe-right-elsewhere"
    answer = connect(access=with_keys()).ask("POST", f"/v1/messages?key={wrong}", f"x-api-key: {wrong}", body=b"{}")
    assert wrong.encode() not in answer.body
    assert KEY.encode() not in answer.body


def test_a_key_beyond_ascii_is_known(connect: Connect) -> None:
    client = connect(access=with_keys("schlüssel"))
    assert client.ask("GET", "/v1/models?key=schl%C3%BCssel").status == 200
    assert client.ask("GET", "/v1/models", "x-api-key: " + "schlüssel".encode().decode("latin-1")).status == 200


def test_with_keys_a_local_program_needs_one_too(connect: Connect) -> None:
    assert connect(access=with_keys(), peer=LOCAL).ask("GET", "/v1/models").status == 401


def test_with_a_key_a_program_elsewhere_is_served(connect: Connect) -> None:
    assert connect(access=with_keys(), peer=REMOTE).ask("GET", "/v1/models", f"x-api-key: {KEY}").status == 200


# -- without keys


@pytest.mark.parametrize(
    "peer",
    [
        LOCAL,
        IPv4Address("TCP", "127.8.8.8", 1),
        IPv6Address("TCP", "::1", 1),
        IPv6Address("TCP", "::ffff:127.0.0.1", 1),
        SOCKET,
    ],
)
def test_without_keys_local_programs_are_served(
    connect: Connect, peer: IPv4Address | IPv6Address | UNIXAddress
) -> None:
    assert connect(peer=peer).ask("GET", "/v1/models").status == 200


@pytest.mark.parametrize(
    "peer",
    [
        REMOTE,
        IPv4Address("TCP", "192.168.1.5", 1),
        IPv6Address("TCP", "::ffff:192.168.1.5", 1),
        IPv6Address("TCP", "fe80::1%eth0", 1),
        IPv6Address("TCP", "::", 1),
    ],
)
def test_without_keys_nobody_else_is_served(connect: Connect, peer: IPv4Address | IPv6Address) -> None:
    client = connect(peer=peer)
    answer = client.ask("GET", "/v1/models", f"x-api-key: {KEY}")
    assert answer.status == 403
    assert "api-keys" in answer.error["message"]


# -- the query without its keys


@pytest.mark.parametrize(
    ("uri", "rest"),
    [
        (b"/v1", b"/v1"),
        (b"/v1?beta=true", b"/v1?beta=true"),
        (b"/v1?key=a", b"/v1"),
        (b"/v1?key=a&", b"/v1"),
        (b"/v1?beta=true&key=a&key=b&auth_token=c&x=%20", b"/v1?beta=true&x=%20"),
        (b"/v1?%6B%65y=a&beta", b"/v1?beta"),
        (b"/v1?beta=true;key=a", b"/v1?beta=true"),
        (b"/v1?monkey=a&keyed=b&KEY=c", b"/v1?monkey=a&keyed=b&KEY=c"),
        (b"/v1?a=?key=b", b"/v1?a=?key=b"),
    ],
)
def test_keys_are_cut_out_of_a_query(uri: bytes, rest: bytes) -> None:
    assert without_key_parameters(uri) == rest


PIECES = st.sampled_from(
    ["key", "%6bey", "auth_token", "k", "+", "&", ";", "=", "?", "%", "%26", "%3B", "beta=true", "/", KEY]
)


@settings(max_examples=50)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_key_that_admits_is_left_in_the_uri(query: str) -> None:
    client = Client(access=with_keys())
    status = client.post(b'{"model": "m"}', target=f"/v1/messages?{query}").status
    client.leave()
    assert status in (200, 401)
    assert (status == 200) == bool(client.house.asked)
    if status == 200:
        again = Client(access=with_keys())
        left = client.house.asked[0].query.decode()
        assert again.post(b'{"model": "m"}', target=f"/v1/messages?{left}").status == 401
        again.leave()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/api/user", b"/api/user"),
        (b"/api/user?", b"/api/user?"),
        (b"/api/user?key=%b", b"/api/user"),
        (b"/api/user?auth_token=%b", b"/api/user"),
        (b"/api/user?anything=%b", b"/api/user"),
        (b"/api/user?%b", b"/api/user"),
        (b"/api/user?key=other", b"/api/user?key=other"),
        (b"/api/user?auth_token=amps%%20own", b"/api/user?auth_token=amps%%20own"),
        (b"/api/user?b=2&key=%b&a=1", b"/api/user?b=2&a=1"),
        (b"/api/user?key=%b&b=2&key=other", b"/api/user?b=2&key=other"),
        (b"/api/user?key=%b&key=%b", b"/api/user"),
        (b"/api/user?a&&b=&key=%b&", b"/api/user?a&&b=&"),
        (b"/api/user?key=%b&&", b"/api/user?&"),
        (b"/api/user?&key=%b", b"/api/user?"),
        (b"/api/user?a=1;key=%b;c=3", b"/api/user?a=1;c=3"),
        (b"/api/user?z=%%7e&q=a+b&key=%b&x=%%2F?", b"/api/user?z=%%7e&q=a+b&x=%%2F?"),
    ],
)
def test_only_pairs_that_hold_a_key_of_ours_are_cut_out_of_what_is_passed_on(target: bytes, expected: bytes) -> None:
    given, kept = (text.replace(b"%b", KEY.encode()).replace(b"%%", b"%") for text in (target, expected))
    assert GATE.without_own_keys(given) == kept


def test_a_key_that_is_percent_encoded_is_found() -> None:
    encoded = b"".join(b"%%%02x" % byte for byte in KEY.encode())
    assert GATE.without_own_keys(b"/api/user?key=" + encoded + b"&a=1") == b"/api/user?a=1"


def test_a_key_with_a_separator_in_it_takes_the_query_along() -> None:
    key = b"sk;strange&key"
    assert Gate(with_keys(key.decode())).without_own_keys(b"/api/user?a=1&key=" + key) == b"/api/user"


PAIRS = st.lists(
    st.sampled_from([b"a=1", b"", b"=", b"%zz", b"key=", b"x=%26", b"\xff", b"k=" + KEY.encode(), KEY.encode()]),
    max_size=8,
)
SEPARATORS = st.lists(st.sampled_from([b"&", b";"]), min_size=8, max_size=8)


@settings(max_examples=50)
@given(PAIRS, SEPARATORS)
def test_every_other_byte_stays(pairs: list[bytes], between: list[bytes]) -> None:
    query = b"".join(part for pair, separator in zip(pairs, between, strict=False) for part in (separator, pair))[1:]
    _, mark, rest = GATE.without_own_keys(b"/p?" + query).partition(b"?")
    kept = [pair for pair in re.split(b"[&;]", query) if KEY.encode() not in pair]
    assert (re.split(b"[&;]", rest) if mark else []) == kept
    if KEY.encode() not in query:
        assert rest == query


@pytest.mark.parametrize("pair", [b"key=ab", b"auth_token=%61b", b"ab"])
def test_a_short_key_of_ours_is_cut_out_where_it_is_all_of_a_value(pair: bytes) -> None:
    assert Gate(with_keys("ab")).without_own_keys(b"/p?x=cab&" + pair) == b"/p?x=cab"
