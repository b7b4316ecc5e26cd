"""What leaves for a provider and what is shown of what returns: every header by name, and the URL letter by letter."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hyperlink import EncodedURL
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from cliproxy.formats import FORMATS
from cliproxy.formats.wire import Operation
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line
from cliproxy.upstream.providers import PROVIDERS, outgoing_headers, returned_headers, url_for

KEY = "sk-ant-0123456789abcdef"
USER_AGENT = b"cliproxy/1"


def account(
    base_url: str = "https://api.example", *, bearer: bool = False, headers: Mapping[str, str] | None = None
) -> Account:
    return Account("claude:1", "claude", EncodedURL.from_text(base_url), Secret(KEY), bearer, headers or {})


def sent(*client: Line, bearer: bool = False, headers: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    return outgoing_headers(client, account(bearer=bearer, headers=headers), USER_AGENT).lines


def shown(*upstream: Line, plain: bool = True) -> list[Line]:
    return returned_headers(HeaderLines(upstream), plain)


# -- the table ----------------------------------------------------------------------------------------------------


def test_every_provider_speaks_a_format_there_is() -> None:
    assert {provider.format for provider in PROVIDERS.values()} <= FORMATS.keys()


# -- the URL ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.example", "https://api.example/v1/messages"),
        ("https://api.example/", "https://api.example/v1/messages"),
        ("https://api.example/a/b", "https://api.example/a/b/v1/messages"),
        ("https://api.example/a/b/", "https://api.example/a/b/v1/messages"),
        ("https://api.example/a%2Fb/%e9", "https://api.example/a%2Fb/%e9/v1/messages"),
        ("https://api.example:8443", "https://api.example:8443/v1/messages"),
        ("http://api.example:80", "http://api.example/v1/messages"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/v1/messages"),
        ("http://[::1]:9", "http://[::1]:9/v1/messages"),
        ("http://a_b:9", "http://a_b:9/v1/messages"),
        ('http://api.example/"<', "http://api.example/%22%3C/v1/messages"),
    ],
)
def test_an_operation_is_below_the_base_url(base_url: str, url: str) -> None:
    assert url_for(account(base_url), Operation.GENERATE, b"").to_text() == url


def test_each_operation_has_its_path() -> None:
    assert url_for(account(), Operation.COUNT_TOKENS, b"").path == ("v1", "messages", "count_tokens")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"beta=true", "beta=true"),
        (b"a=1&a=2&&b", "a=1&a=2&&b"),
        (b"a=b?c=d", "a=b?c=d"),
        (b"?", "?"),
        (b"=", "="),
        (b"a;b=c+d", "a;b=c+d"),
        (b"a=%zz&b=%2", "a=%zz&b=%2"),
        (b"%26=%3D%23%0d%0A", "%26=%3D%23%0d%0A"),
        (b"a=\xe9", "a=%E9"),
        (b"a=\xc3\xa9", "a=%C3%A9"),
        (b"a=#b", "a=%23b"),
        (b"a=\r\nX: y\x00\x7f ", "a=%0D%0AX:%20y%00%7F%20"),
        (b'"<>[]{}|\\^`', "%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60"),
    ],
)
def test_the_clients_query_goes_along_letter_by_letter(query: bytes, text: str) -> None:
    assert url_for(account(), Operation.GENERATE, query).to_text() == f"https://api.example/v1/messages?{text}"


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), min_size=1, max_size=200))
def test_a_query_of_printable_letters_is_what_hyperlink_makes_of_it(query: str) -> None:
    ours = url_for(account(), Operation.GENERATE, query.encode())
    theirs = EncodedURL.from_text(f"https://api.example/v1/messages?{query}").to_uri()
    assert ours.to_text() == theirs.to_text()
    assert ours.to_uri() is ours


@given(st.binary(min_size=1, max_size=300))
def test_no_query_leaves_the_request_line(query: bytes) -> None:
    text = url_for(account(), Operation.GENERATE, query).to_text()
    assert text.isascii()
    assert text.isprintable()
    assert not {" ", "#"} & set(text)


def test_accounts_that_differ_in_nothing_but_their_url_do_not_share_it() -> None:
    urls = {
        url_for(account(base), Operation.GENERATE, b"a").host for base in ("https://a.example", "https://b.example")
    }
    assert urls == {"a.example", "b.example"}


# -- headers out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        (b"anthropic-version", b"2023-06-01"),
        (b"anthropic-beta", b"a,b"),
        (b"anthropic-dangerous-direct-browser-access", b"true"),
        (b"user-agent", b"claude-cli/2.0"),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        (b"x-stainless-lang", b"js"),
        (b"x-app", b"cli"),
        (b"idempotency-key", b"1"),
        (b"traceparent", b"00-1-2-01"),
        (b"x-never-heard-of", b"a \xc3\xa4 b"),
    ],
)
def test_a_clients_own_headers_go_along(line: Line) -> None:
    assert line in sent(line)


def test_lines_of_one_name_go_along_each_in_its_place() -> None:
    lines = ((b"anthropic-beta", b"a"), (b"x-app", b"cli"), (b"anthropic-beta", b"b"))
    assert sent(*lines)[:3] == lines


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authorization",
        b"proxy-never-heard-of",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
        b"content-encoding",
        b"accept-encoding",
        b"expect",
        b"x-request-id",
        b"authorization",
        b"x-goog-api-key",
        b"cookie",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-never-heard-of",
        b"x-real-ip",
        b"via",
        b"origin",
        b"referer",
        b"sec-fetch-site",
        b"sec-ch-ua",
    ],
)
def test_what_is_between_the_client_and_the_proxy_stays_there(name: bytes) -> None:
    assert name not in dict(sent((name, b"x")))


def test_a_clients_key_is_replaced_in_the_header_of_ours() -> None:
    assert [value for name, value in sent((b"x-api-key", b"theirs")) if name == b"x-api-key"] == [KEY.encode()]


def test_headers_named_by_connection_are_hop_by_hop_too() -> None:
    lines = sent(
        (b"connection", b"Close, X-Private ,x-other"), (b"x-private", b"1"), (b"x-other", b"2"), (b"x-c", b"3")
    )
    assert dict(lines).keys() & {b"x-private", b"x-other", b"x-c"} == {b"x-c"}


def test_connection_cannot_name_away_what_is_the_accounts() -> None:
    lines = sent((b"connection", b"x-api-key, x-team"), headers={"X-Team": "a"})
    assert dict(lines)[b"x-api-key"] == KEY.encode()
    assert dict(lines)[b"x-team"] == b"a"


def test_the_key_goes_in_the_providers_header() -> None:
    assert dict(sent())[b"x-api-key"] == KEY.encode()
    assert b"authorization" not in dict(sent())


def test_a_bearer_key_goes_in_authorization_alone() -> None:
    assert dict(sent(bearer=True))[b"authorization"] == b"Bearer " + KEY.encode()
    assert b"x-api-key" not in dict(sent(bearer=True))


def test_what_the_vendor_requires_is_sent_where_the_client_sends_none() -> None:
    """Anthropic answers 400 to a request without a version, which a bare curl does not name."""
    assert dict(sent())[b"anthropic-version"] == b"2023-06-01"
    assert dict(sent())[b"content-type"] == b"application/json"
    lines = sent((b"anthropic-version", b"2026-10-21"), (b"content-type", b"application/json; charset=utf-8"))
    assert [value for name, value in lines if name == b"anthropic-version"] == [b"2026-10-21"]
    assert [value for name, value in lines if name == b"content-type"] == [b"application/json; charset=utf-8"]


def test_a_content_type_that_denies_the_json_is_not_believed() -> None:
    lines = sent((b"content-type", b"application/x-www-form-urlencoded"))
    assert [value for name, value in lines if name == b"content-type"] == [b"application/json"]


def test_our_user_agent_goes_only_where_the_client_names_none() -> None:
    assert dict(sent())[b"user-agent"] == USER_AGENT
    assert dict(sent((b"user-agent", b"theirs")))[b"user-agent"] == b"theirs"
    assert dict(sent(headers={"User-Agent": "the account's"}))[b"user-agent"] == b"the account's"


def test_an_accounts_headers_win_over_the_clients_in_any_case() -> None:
    lines = sent((b"x-team", b"theirs"), (b"x-team", b"again"), headers={"X-Team": "ours"})
    assert [value for name, value in lines if name == b"x-team"] == [b"ours"]


@pytest.mark.parametrize(("bearer", "name"), [(True, "Authorization"), (False, "X-Api-Key")])
def test_an_accounts_own_header_for_the_key_wins_over_the_key(bearer: bool, name: str) -> None:
    lines = dict(sent(bearer=bearer, headers={name: "special"}))
    assert lines[name.lower().encode()] == b"special"
    assert KEY.encode() not in b"".join(lines.values())


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE"])
def test_an_accounts_headers_cannot_say_where_the_body_ends(name: str) -> None:
    assert name.lower().encode() not in dict(sent(headers={name: "1"}))


def test_an_account_may_name_a_host() -> None:
    assert dict(sent((b"host", b"127.0.0.1:8317"), headers={"Host": "other.example"}))[b"host"] == b"other.example"


# -- headers back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"retry-after", b"3"),
        (b"anthropic-ratelimit-requests-remaining", b"7"),
        (b"anthropic-organization-id", b"org"),
        (b"x-ratelimit-reset-tokens", b"1s"),
        (b"request-id", b"req_1"),
        (b"cache-control", b"no-cache"),
        (b"x-should-retry", b"true"),
        (b"x-never-heard-of", b"1"),
    ],
)
def test_what_an_upstream_says_to_the_client_is_shown(line: Line) -> None:
    assert shown(line) == [line]


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"date",
        b"server",
        b"set-cookie",
        b"alt-svc",
        b"strict-transport-security",
        b"content-security-policy",
        b"nel",
        b"report-to",
        b"vary",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
    ],
)
def test_what_an_upstream_says_of_itself_is_not_shown(name: bytes) -> None:
    assert shown((name, b"x")) == []


def test_headers_named_by_connection_are_not_shown() -> None:
    assert shown((b"connection", b"x-private"), (b"x-private", b"1")) == []


def test_the_upstreams_request_id_has_another_name_since_ours_has_that_one() -> None:
    assert shown((b"x-request-id", b"theirs")) == [(b"x-upstream-request-id", b"theirs")]


def test_names_are_in_lower_case_whatever_headers_they_come_in() -> None:
    assert returned_headers(Headers({b"X-Should-Retry": [b"true"]}), plain=True) == [(b"x-should-retry", b"true")]


@pytest.mark.parametrize("coding", [b"gzip", b"X-Gzip", b" gzip "])
def test_the_gzip_coding_is_shown_only_if_the_body_still_has_it(coding: bytes) -> None:
    line = (b"content-encoding", coding)
    assert (shown(line, plain=True), shown(line, plain=False)) == ([], [line])


def test_a_coding_that_is_not_undone_is_shown() -> None:
    assert shown((b"content-encoding", b"br"), plain=True) == [(b"content-encoding", b"br")]
