"""What leaves for a provider and what is shown of what returns: every header by name, and the URL letter by letter."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hyperlink import EncodedURL
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line
from cliproxy.upstream.providers import (
    PROVIDERS,
    SettledURL,
    dialect_at,
    outgoing_headers,
    provider_at,
    returned_headers,
    translated_headers,
    translated_returned_headers,
    url_for,
)

KEY = "sk-ant-0123456789abcdef"
USER_AGENT = b"cliproxy/1"


def account(
    base_url: str = "https://api.example",
    *,
    provider: str = "claude",
    key: str = KEY,
    bearer: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Account:
    return Account("some:1", provider, EncodedURL.from_text(base_url), Secret(key), bearer, headers or {})


def sent(*client: Line, bearer: bool = False, headers: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    return outgoing_headers(client, account(bearer=bearer, headers=headers), USER_AGENT).lines


def shown(*upstream: Line, plain: bool = True) -> list[Line]:
    return returned_headers(HeaderLines(upstream), plain)


# -- the table ----------------------------------------------------------------------------------------------------


GENERATE, COUNT, COMPACT = Operation.GENERATE, Operation.COUNT_TOKENS, Operation.COMPACT
GOOGLE = "https://generativelanguage.googleapis.com"
VERTEX = "https://aiplatform.googleapis.com"
OPENAI = "https://api.openai.com/v1"

DOCUMENTED = [
    ("claude", "https://api.anthropic.com", GENERATE, False, "https://api.anthropic.com/v1/messages"),
    ("claude", "https://api.anthropic.com", GENERATE, True, "https://api.anthropic.com/v1/messages"),
    ("claude", "https://api.anthropic.com", COUNT, False, "https://api.anthropic.com/v1/messages/count_tokens"),
    ("gemini", GOOGLE, GENERATE, False, f"{GOOGLE}/v1beta/models/m-1:generateContent"),
    ("gemini", GOOGLE, GENERATE, True, f"{GOOGLE}/v1beta/models/m-1:streamGenerateContent?alt=sse"),
    ("gemini", GOOGLE, COUNT, False, f"{GOOGLE}/v1beta/models/m-1:countTokens"),
    ("vertex", VERTEX, GENERATE, False, f"{VERTEX}/v1/publishers/google/models/m-1:generateContent"),
    ("vertex", VERTEX, GENERATE, True, f"{VERTEX}/v1/publishers/google/models/m-1:streamGenerateContent?alt=sse"),
    ("vertex", VERTEX, COUNT, False, f"{VERTEX}/v1/publishers/google/models/m-1:countTokens"),
    ("openai", OPENAI, GENERATE, False, f"{OPENAI}/responses"),
    ("openai", OPENAI, GENERATE, True, f"{OPENAI}/responses"),
    ("openai", OPENAI, COUNT, False, f"{OPENAI}/responses/input_tokens"),
    ("openai", OPENAI, COMPACT, False, f"{OPENAI}/responses/compact"),
    ("codex", "https://h.example/v1", GENERATE, True, "https://h.example/v1/responses"),
    ("codex", "https://h.example/v1", COMPACT, False, "https://h.example/v1/responses/compact"),
    ("openai-responses", "http://h:8000/v1", GENERATE, True, "http://h:8000/v1/responses"),
    ("openai-compatibility", "https://h.example/v1", GENERATE, True, "https://h.example/v1/chat/completions"),
]


@pytest.mark.parametrize(("provider", "base_url", "operation", "stream", "url"), DOCUMENTED)
def test_an_operation_is_where_its_vendor_documents_it(
    provider: str, base_url: str, operation: Operation, stream: bool, url: str
) -> None:
    asked = account(base_url, provider=provider)
    assert url_for(asked, operation, b"", model="m-1", stream=stream).to_text() == url


def test_no_provider_has_a_path_that_is_not_documented() -> None:
    assert {(provider, operation) for provider, _, operation, _, _ in DOCUMENTED} == {
        (name, operation) for name, provider in PROVIDERS.items() for operation in provider.paths
    }


@pytest.mark.parametrize(
    ("provider", "format_name"),
    [
        ("claude", "anthropic"),
        ("gemini", "gemini"),
        ("vertex", "gemini"),
        ("openai", "openai-responses"),
        ("codex", "openai-responses"),
        ("openai-responses", "openai-responses"),
        ("openai-compatibility", "openai-chat"),
    ],
)
def test_a_provider_speaks_its_format(provider: str, format_name: str) -> None:
    assert PROVIDERS[provider].format == format_name


def test_an_operation_without_a_path_is_not_asked() -> None:
    with pytest.raises(KeyError):
        url_for(account(provider="openai-compatibility"), COUNT)


@pytest.mark.parametrize(
    ("kind", "host", "provider"),
    [
        ("codex", "api.openai.com", "openai"),
        ("openai-responses", "api.openai.com", "openai"),
        ("openai-compatibility", "api.openai.com", "openai-compatibility"),
        ("codex", "api.openai.com.evil.example", "codex"),
        ("codex", "gateway.example", "codex"),
        ("openai-responses", "127.0.0.1", "openai-responses"),
        ("claude", "api.anthropic.com", "claude"),
    ],
)
def test_openai_s_own_host_knows_more_paths(kind: str, host: str, provider: str) -> None:
    assert provider_at(kind, host) == provider


@pytest.mark.parametrize(
    ("provider", "host", "dialect"),
    [
        (
            "openai-compatibility",
            "api.openai.com",
            Dialect(
                max_tokens_key="max_completion_tokens",
                developer_role=True,
                custom_tools=True,
                tool_images=False,
                reasoning_with_tools=False,
            ),
        ),
        ("openai-compatibility", "api.deepseek.com", Dialect(custom_tools=False, replays_reasoning=True)),
        ("openai-compatibility", "api.moonshot.ai", Dialect(custom_tools=False, replays_reasoning=True)),
        ("openai-compatibility", "api.moonshot.cn", Dialect(custom_tools=False, replays_reasoning=True)),
        ("openai-compatibility", "api.kimi.com", Dialect(custom_tools=False, replays_reasoning=True)),
        ("openai-compatibility", "openrouter.ai", Dialect(custom_tools=False)),
        ("openai-compatibility", "127.0.0.1", Dialect(custom_tools=False)),
        ("openai-responses", "127.0.0.1", Dialect(custom_tools=False)),
        ("openai", "api.openai.com", Dialect()),
        ("codex", "gateway.example", Dialect()),
        ("gemini", "generativelanguage.googleapis.com", Dialect()),
        ("vertex", "aiplatform.googleapis.com", Dialect()),
        ("claude", "api.deepseek.com", Dialect()),
    ],
)
def test_a_host_has_its_dialect_of_a_format(provider: str, host: str, dialect: Dialect) -> None:
    assert dialect_at(provider, host) == dialect


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


@pytest.mark.parametrize("provider", ["gemini", "vertex"])
@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("gemini-3.8-flash", "gemini-3.8-flash"),
        ("a/b", "a%2Fb"),
        ("../../v1/files", "..%2F..%2Fv1%2Ffiles"),
        ("..", ".."),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a:b", "a%3Ab"),
        ("a b%20", "a%20b%2520"),
        ("{model}", "%7Bmodel%7D"),
        ("é\r\n", "%C3%A9%0D%0A"),
        ("\ud800", "%3F"),
    ],
)
def test_a_model_is_one_segment_of_the_path(provider: str, model: str, segment: str) -> None:
    text = url_for(account("http://h", provider=provider), GENERATE, b"", model=model).to_text()
    assert text.rpartition("/")[2] == f"{segment}:generateContent"


@given(st.text(max_size=40), st.booleans())
def test_no_model_leads_elsewhere(model: str, stream: bool) -> None:
    url = url_for(account("http://h/base", provider="gemini"), GENERATE, b"", model=model, stream=stream)
    assert url.path[:3] == ("base", "v1beta", "models")
    assert len(url.path) == 4
    assert url.query == ((("alt", "sse"),) if stream else ())


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", "alt=sse"),
        (b"alt=sse", "alt=sse"),
        (b"alt=json", "alt=json"),
        (b"%61lt=json", "%61lt=json"),
        (b"a=1&alt", "a=1&alt"),
        (b"$alt=sse", "$alt=sse"),
        (b"%24alt=sse", "%24alt=sse"),
        (b"a=1", "a=1&alt=sse"),
        (b"salt=1&b=alt=2", "salt=1&b=alt=2&alt=sse"),
    ],
)
def test_events_are_asked_for_unless_the_client_says_how(query: bytes, asked: str) -> None:
    url = url_for(account(provider="gemini"), GENERATE, query, model="m", stream=True)
    assert url.to_text() == f"https://api.example/v1beta/models/m:streamGenerateContent?{asked}"


def test_without_a_stream_no_events_are_asked_for() -> None:
    url = url_for(account(provider="gemini"), GENERATE, b"a=1", model="m")
    assert url.to_text() == "https://api.example/v1beta/models/m:generateContent?a=1"


def test_a_counter_of_tokens_does_not_stream() -> None:
    url = url_for(account(provider="gemini"), COUNT, b"", model="m", stream=True)
    assert url.to_text() == "https://api.example/v1beta/models/m:countTokens"


def test_urls_are_remembered_one_by_one() -> None:
    def texts() -> list[str]:
        return [
            url_for(account(provider=provider), operation, query, model=model, stream=stream).to_text()
            for provider in ("gemini", "vertex")
            for operation in (GENERATE, COUNT)
            for query in (b"", b"a=1")
            for model in ("m", "n")
            for stream in (False, True)
        ]

    first = texts()
    assert texts() == first
    assert len(set(first)) == 2 * (4 * 2 + 4)  # counting is the same, streamed or not


def test_a_url_whose_path_names_no_model_is_the_same_for_all() -> None:
    def of(model: str) -> SettledURL:
        return url_for(account(), GENERATE, b"", model=model)

    assert of("a") is of("b")


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
        b"openai-organization",
        b"openai-project",
        b"chatgpt-account-id",
        b"x-goog-user-project",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-never-heard-of",
        b"x-cliproxy-losses",
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


@pytest.mark.parametrize(
    ("provider", "name", "value"),
    [
        ("claude", b"x-api-key", KEY.encode()),
        ("gemini", b"x-goog-api-key", KEY.encode()),
        ("vertex", b"x-goog-api-key", KEY.encode()),
        ("openai", b"authorization", b"Bearer " + KEY.encode()),
        ("codex", b"authorization", b"Bearer " + KEY.encode()),
        ("openai-responses", b"authorization", b"Bearer " + KEY.encode()),
        ("openai-compatibility", b"authorization", b"Bearer " + KEY.encode()),
    ],
)
def test_a_key_goes_where_its_vendor_documents_it(provider: str, name: bytes, value: bytes) -> None:
    asked = account(provider=provider)
    passed = outgoing_headers((), asked, USER_AGENT).lines
    translated = translated_headers(asked, USER_AGENT, stream=True).lines
    for lines in (passed, translated):
        assert [line for line in lines if KEY.encode() in line[1]] == [(name, value)]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_a_key_none_is_sent(provider: str) -> None:
    asked = account(provider=provider, key="")
    client = ((b"authorization", b"Bearer theirs"), (b"x-api-key", b"theirs"), (b"x-goog-api-key", b"theirs"))
    for lines in (outgoing_headers(client, asked, b"").lines, translated_headers(asked, b"", stream=False).lines):
        assert not dict(lines).keys() & {b"authorization", b"x-api-key", b"x-goog-api-key"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_body_is_said_to_be_json(provider: str) -> None:
    lines = outgoing_headers((), account(provider=provider), USER_AGENT).lines
    assert dict(lines)[b"content-type"] == b"application/json"


# -- headers out, of a translated request -------------------------------------------------------------------------


def test_a_translated_request_has_our_headers_alone() -> None:
    assert translated_headers(account(provider="openai-compatibility"), USER_AGENT, stream=True).lines == (
        (b"content-type", b"application/json"),
        (b"accept", b"text/event-stream"),
        (b"user-agent", USER_AGENT),
        (b"authorization", b"Bearer " + KEY.encode()),
    )


def test_a_translated_request_without_a_stream_accepts_json() -> None:
    lines = translated_headers(account(), USER_AGENT, stream=False).lines
    assert [value for name, value in lines if name == b"accept"] == [b"application/json"]


def test_a_translated_request_has_what_the_vendor_requires() -> None:
    lines = translated_headers(account(), USER_AGENT, stream=False).lines
    assert [value for name, value in lines if name == b"anthropic-version"] == [b"2023-06-01"]


def test_an_accounts_headers_win_in_a_translated_request_too() -> None:
    headers = {"User-Agent": "theirs", "Anthropic-Version": "2099-01-01", "X-Api-Key": "special", "Connection": "x"}
    lines = translated_headers(account(headers=headers), USER_AGENT, stream=False).lines
    assert dict(lines) == {
        b"content-type": b"application/json",
        b"accept": b"application/json",
        b"user-agent": b"theirs",
        b"anthropic-version": b"2099-01-01",
        b"x-api-key": b"special",
    }


def test_no_header_of_a_translated_request_stands_twice() -> None:
    headers = {"Accept": "a", "Content-Type": "b", "USER-AGENT": "c", "Authorization": "d"}
    lines = translated_headers(account(bearer=True, headers=headers), USER_AGENT, stream=False).lines
    assert len(lines) == len(dict(lines))


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


@pytest.mark.parametrize("name", [b"X-Request-Id", b"Request-Id"])
def test_of_another_vendor_s_answer_the_wait_and_the_request_id_are_shown(name: bytes) -> None:
    upstream = Headers({b"Retry-After": [b"3"], name: [b"req_1"], b"X-RateLimit-Limit": [b"1"]})
    assert translated_returned_headers(upstream) == [(b"retry-after", b"3"), (b"x-upstream-request-id", b"req_1")]


@pytest.mark.parametrize(
    "line",
    [
        (b"content-type", b"text/event-stream"),
        (b"content-length", b"1"),
        (b"content-encoding", b"gzip"),
        (b"anthropic-ratelimit-requests-remaining", b"7"),
        (b"openai-processing-ms", b"7"),
        (b"set-cookie", b"a=b"),
        (b"cache-control", b"no-cache"),
    ],
)
def test_nothing_else_of_another_vendor_s_answer_is_shown(line: Line) -> None:
    assert translated_returned_headers(HeaderLines((line,))) == []


def test_an_answer_with_two_request_ids_is_named_by_one() -> None:
    upstream = HeaderLines(((b"request-id", b"b"), (b"x-request-id", b"a"), (b"x-request-id", b"c")))
    assert translated_returned_headers(upstream) == [(b"x-upstream-request-id", b"a")]
