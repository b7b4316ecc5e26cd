"""What leaves for a provider and what is shown of what returns: every header by name, and the URL letter by letter."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
from hyperlink import EncodedURL
from twisted.web.http_headers import Headers

from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line
from cliproxy.upstream.providers import (
    CLAUDE_LOGIN_BETAS,
    CODEX_ACCOUNT_HEADER,
    PROVIDERS,
    dialect_at,
    outgoing_headers,
    provider_at,
    returned_headers,
    translated_headers,
    translated_returned_headers,
)
from cliproxy.upstream.urls import url_for

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
PROJECT = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"
CODE_ASSIST_HOST = "https://cloudcode-pa.googleapis.com"
CHATGPT = "https://chatgpt.com/backend-api/codex"

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
    ("vertex-project", PROJECT, GENERATE, False, f"{PROJECT}/publishers/google/models/m-1:generateContent"),
    (
        "vertex-project",
        PROJECT,
        GENERATE,
        True,
        f"{PROJECT}/publishers/google/models/m-1:streamGenerateContent?alt=sse",
    ),
    ("vertex-project", PROJECT, COUNT, False, f"{PROJECT}/publishers/google/models/m-1:countTokens"),
    ("code-assist", CODE_ASSIST_HOST, GENERATE, False, f"{CODE_ASSIST_HOST}/v1internal:generateContent"),
    ("code-assist", CODE_ASSIST_HOST, GENERATE, True, f"{CODE_ASSIST_HOST}/v1internal:streamGenerateContent?alt=sse"),
    ("code-assist", CODE_ASSIST_HOST, COUNT, False, f"{CODE_ASSIST_HOST}/v1internal:countTokens"),
    ("codex-backend", CHATGPT, GENERATE, False, f"{CHATGPT}/responses"),
    ("codex-backend", CHATGPT, GENERATE, True, f"{CHATGPT}/responses"),
    ("codex-backend", CHATGPT, COMPACT, False, f"{CHATGPT}/responses/compact"),
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
        ("vertex-project", "gemini"),
        ("code-assist", "gemini"),
        ("codex-backend", "openai-responses"),
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


def test_code_assist_is_asked_for_a_project() -> None:
    assert dialect_at("code-assist", "cloudcode-pa.googleapis.com", "p-1").project == "p-1"


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "code-assist"])
def test_nobody_else_is(provider: str) -> None:
    assert dialect_at(provider, "h.example", "p-1") == dialect_at(provider, "h.example")


@pytest.mark.parametrize(("provider", "backend"), [("codex-backend", "codex"), ("code-assist", "code-assist")])
def test_a_vendors_own_backend_is_one_wherever_it_stands(provider: str, backend: str) -> None:
    assert dialect_at(provider, "gateway.example").backend == backend


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


# -- logins -------------------------------------------------------------------------------------------------------

BETA = b"oauth-2025-04-20"


def claude_login(**headers: str) -> Account:
    return attrs.evolve(account(bearer=True, headers=headers), betas=CLAUDE_LOGIN_BETAS)


def values(lines: HeaderLines, name: bytes) -> list[bytes]:
    return [value for own, value in lines.lines if own == name]


@pytest.mark.parametrize(
    ("client", "told"),
    [
        ((), [BETA]),
        ((b"a",), [b"a," + BETA]),
        ((b"b, a",), [b"b,a," + BETA]),
        ((b"a", b"b"), [b"a,b," + BETA]),
        ((b"",), [BETA]),
        ((b"a, " + BETA + b" ,b",), [b"a, " + BETA + b" ,b"]),
        ((b"a", BETA), [b"a", BETA]),
    ],
)
def test_a_claude_login_names_its_beta_behind_the_clients(client: tuple[bytes, ...], told: list[bytes]) -> None:
    lines = [(b"anthropic-beta", value) for value in client]
    assert values(outgoing_headers(lines, claude_login(), USER_AGENT), b"anthropic-beta") == told


def test_an_owners_betas_stand_above_the_clients() -> None:
    owned = claude_login(**{"Anthropic-Beta": "c"})
    sent_lines = outgoing_headers([(b"anthropic-beta", b"a")], owned, USER_AGENT)
    assert values(sent_lines, b"anthropic-beta") == [b"c," + BETA]


@pytest.mark.parametrize(("headers", "told"), [({}, BETA), ({"Anthropic-Beta": "c"}, b"c," + BETA)])
def test_a_translated_request_names_the_beta_too(headers: Mapping[str, str], told: bytes) -> None:
    lines = translated_headers(claude_login(**headers), USER_AGENT, stream=True)
    assert values(lines, b"anthropic-beta") == [told]


def test_a_key_names_no_beta() -> None:
    assert values(outgoing_headers((), account(), USER_AGENT), b"anthropic-beta") == []


def test_a_claude_login_is_a_bearer_token_with_the_version_that_the_vendor_requires() -> None:
    lines = outgoing_headers((), claude_login(), USER_AGENT)
    assert values(lines, b"authorization") == [b"Bearer " + KEY.encode()]
    assert values(lines, b"anthropic-version") == [b"2023-06-01"]
    assert values(lines, b"x-api-key") == []


def codex_login(**headers: str) -> Account:
    required = {CODEX_ACCOUNT_HEADER: b"account-1"}
    return attrs.evolve(account(provider="codex-backend", bearer=True, headers=headers), required=required)


def test_an_accounts_protocol_is_its_own_and_not_the_clients() -> None:
    lines = outgoing_headers([(CODEX_ACCOUNT_HEADER, b"another")], codex_login(), USER_AGENT)
    assert values(lines, CODEX_ACCOUNT_HEADER) == [b"account-1"]


def test_an_accounts_protocol_goes_with_a_translated_request_too() -> None:
    lines = translated_headers(codex_login(), USER_AGENT, stream=True)
    assert values(lines, CODEX_ACCOUNT_HEADER) == [b"account-1"]


def test_what_an_owner_wrote_stands_above_the_protocol() -> None:
    lines = outgoing_headers((), codex_login(**{"ChatGPT-Account-Id": "account-2"}), USER_AGENT)
    assert values(lines, CODEX_ACCOUNT_HEADER) == [b"account-2"]


def test_where_streams_are_all_there_is_they_are_accepted() -> None:
    lines = outgoing_headers([(b"accept", b"application/json")], codex_login(), USER_AGENT)
    assert values(lines, b"accept") == [b"text/event-stream"]


def test_where_streams_are_all_there_is_a_translated_request_accepts_them() -> None:
    assert values(translated_headers(codex_login(), USER_AGENT, stream=False), b"accept") == [b"text/event-stream"]


def test_a_conversation_is_compacted_into_what_the_client_accepts() -> None:
    lines = outgoing_headers([(b"accept", b"application/json")], codex_login(), USER_AGENT, Operation.COMPACT)
    assert values(lines, b"accept") == [b"application/json"]


def test_the_headers_of_a_clients_session_are_the_clients_own() -> None:
    client = [(b"originator", b"a_client"), (b"session-id", b"s"), (b"user-agent", b"a-client/1")]
    told = outgoing_headers(client, codex_login(), USER_AGENT).lines
    assert [line for line in told if line in client] == client


@pytest.mark.parametrize("provider", ["codex-backend", "code-assist", "vertex-project", "claude"])
def test_no_header_is_made_up_of_a_client_that_is_not_there(provider: str) -> None:
    lines = outgoing_headers((), attrs.evolve(codex_login(), provider=provider, required={}), USER_AGENT).lines
    known = {b"authorization", b"accept", b"content-type", b"anthropic-version", b"user-agent"}
    assert {name for name, _ in lines} <= known
    assert (b"user-agent", USER_AGENT) in lines
