"""The table of providers, and what leaves for them: paths and headers. The only place that reveals a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs
from twisted.web.http_headers import Headers

from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line

_JSON: Final = b"application/json"
_EVENTS: Final = b"text/event-stream"
_JSON_BODY: Final[Mapping[bytes, bytes]] = MappingProxyType({b"content-type": _JSON})


@attrs.frozen
class Provider:
    """One kind of upstream. Paths stand below the base URL; in them `{model}` is the model's name."""

    format: str
    """A row of `FORMATS`."""
    paths: Mapping[Operation, str]
    stream_paths: Mapping[Operation, str] = attrs.field(factory=dict)
    """Where an answer is asked for as a stream, if not there. What stands behind a `?` is added to the client's query,
    unless that speaks of it already.
    """
    key_header: bytes | None = None
    """Where the key goes when it is not a bearer token. None: it always is."""
    own_host: str | None = None
    """The one host that takes the key in that header, while others with its wire format want a bearer token. None:
    they do as the vendor does."""
    required: Mapping[bytes, bytes] = _JSON_BODY
    """Headers without which the vendor refuses a request: sent where the client, a bare curl say, sent none."""
    streams: frozenset[Operation] = frozenset()
    """What is answered as a stream whatever the client wants, so that a stream must be accepted."""
    dialect: Dialect = attrs.field(factory=Dialect)
    """Of those that `dialect_at` does not know better."""


CODEX_BACKEND: Final = Dialect(
    backend="codex",
    refuses=frozenset(
        {
            *("temperature", "top_p", "max_output_tokens", "max_completion_tokens", "response_format", "truncation"),
            *("prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint", "context_management"),
            *("user", "safety_identifier", "metadata", "store"),
        }
    ),
)
CODE_ASSIST: Final = Dialect(backend="code-assist", json_schema=False)


PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {
        "claude": Provider(
            format="anthropic",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "v1/messages",
                    Operation.COUNT_TOKENS: "v1/messages/count_tokens",
                }
            ),
            key_header=b"x-api-key",
            own_host="api.anthropic.com",
            required=MappingProxyType({b"anthropic-version": b"2023-06-01", **_JSON_BODY}),
        ),
        "gemini": Provider(
            format="gemini",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "v1beta/models/{model}:generateContent",
                    Operation.COUNT_TOKENS: "v1beta/models/{model}:countTokens",
                }
            ),
            stream_paths=MappingProxyType(
                {Operation.GENERATE: "v1beta/models/{model}:streamGenerateContent?alt=sse"},
            ),
            key_header=b"x-goog-api-key",
        ),
        "vertex": Provider(
            format="gemini",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "v1/publishers/google/models/{model}:generateContent",
                    Operation.COUNT_TOKENS: "v1/publishers/google/models/{model}:countTokens",
                }
            ),
            stream_paths=MappingProxyType(
                {Operation.GENERATE: "v1/publishers/google/models/{model}:streamGenerateContent?alt=sse"},
            ),
            key_header=b"x-goog-api-key",
        ),
        # Its base URL, `vertex.vertex_base_url`, names project and location; the key is an access token.
        "vertex-project": Provider(
            format="gemini",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "publishers/google/models/{model}:generateContent",
                    Operation.COUNT_TOKENS: "publishers/google/models/{model}:countTokens",
                }
            ),
            stream_paths=MappingProxyType(
                {Operation.GENERATE: "publishers/google/models/{model}:streamGenerateContent?alt=sse"},
            ),
        ),
        "code-assist": Provider(
            format="gemini",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "v1internal:generateContent",
                    Operation.COUNT_TOKENS: "v1internal:countTokens",
                }
            ),
            stream_paths=MappingProxyType({Operation.GENERATE: "v1internal:streamGenerateContent?alt=sse"}),
            dialect=CODE_ASSIST,
        ),
        "openai": Provider(
            format="openai-responses",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: "responses",
                    Operation.COUNT_TOKENS: "responses/input_tokens",
                    Operation.COMPACT: "responses/compact",
                }
            ),
        ),
        "codex": Provider(
            format="openai-responses",
            paths=MappingProxyType({Operation.GENERATE: "responses", Operation.COMPACT: "responses/compact"}),
        ),
        "codex-backend": Provider(
            format="openai-responses",
            paths=MappingProxyType({Operation.GENERATE: "responses", Operation.COMPACT: "responses/compact"}),
            streams=frozenset({Operation.GENERATE}),
            dialect=CODEX_BACKEND,
        ),
        "openai-responses": Provider(
            format="openai-responses",
            paths=MappingProxyType({Operation.GENERATE: "responses"}),
            dialect=Dialect(custom_tools=False),
        ),
        "openai-compatibility": Provider(
            format="openai-chat",
            paths=MappingProxyType({Operation.GENERATE: "chat/completions"}),
            dialect=Dialect(custom_tools=False),
        ),
    }
)

_OPENAI: Final = "api.openai.com"
_AT_HOSTS: Final[Mapping[tuple[str, str], str]] = {
    ("codex", _OPENAI): "openai",
    ("openai-responses", _OPENAI): "openai",
}
"""Where a kind of upstream has more paths than others of it."""

_REPLAYING: Final = Dialect(custom_tools=False, replays_reasoning=True)
_DIALECTS: Final[Mapping[tuple[str, str], Dialect]] = {
    ("openai-chat", _OPENAI): Dialect(
        max_tokens_key="max_completion_tokens", developer_role=True, reasoning_with_tools=False
    ),
    **{
        ("openai-chat", host): _REPLAYING
        for host in ("api.deepseek.com", "api.moonshot.ai", "api.moonshot.cn", "api.kimi.com")
    },
}
"""By wire format and host."""


def provider_at(kind: str, host: str) -> str:
    """The row of `PROVIDERS` for a kind of upstream at a host."""
    return _AT_HOSTS.get((kind, host), kind)


def dialect_at(provider: str, host: str, project: str = "") -> Dialect:
    """How a provider's upstream at a host differs from others of its format. `project`: see `Dialect`."""
    row = PROVIDERS[provider]
    dialect = _DIALECTS.get((row.format, host), row.dialect)
    return attrs.evolve(dialect, project=project) if dialect.backend == "code-assist" else dialect


CLAUDE_LOGIN_BETAS: Final = (b"oauth-2025-04-20",)
"""Anthropic takes the token of a login only from requests that name it."""
CODEX_ACCOUNT_HEADER: Final = b"chatgpt-account-id"
"""Which of a ChatGPT login's accounts a request is for."""


HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""RFC 9110 7.6.1; beside them whatever `Connection` names, and the proxy-* headers."""

_NOT_FORWARDED: Final = HOP_BY_HOP | {
    # the proxy's own affair with each side
    b"host",
    b"content-length",
    b"content-encoding",
    b"accept-encoding",
    b"expect",
    b"x-request-id",
    # the client's key, in every place where it may stand
    b"authorization",
    b"x-api-key",
    b"x-goog-api-key",
    b"cookie",
    # whom that key belongs to, and who pays
    b"openai-organization",
    b"openai-project",
    b"chatgpt-account-id",
    b"x-goog-user-project",
    # who the client is and how it came here is nobody's business upstream
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"origin",
    b"referer",
}
_NOT_FORWARDED_BEGINNINGS: Final = (b"proxy-", b"x-forwarded-", b"x-cliproxy-", b"sec-")

_NOT_FOR_ACCOUNTS: Final = HOP_BY_HOP | {b"content-length"}
"""How a request is framed is not for `headers` of an account to say: upstream would read another body than was sent."""

_NOT_RETURNED: Final = HOP_BY_HOP | {
    # the proxy's own affair with each side
    b"content-length",
    b"date",
    b"server",
    b"x-request-id",
    # speak of the upstream's host, and would be believed of this one
    b"alt-svc",
    b"strict-transport-security",
    b"set-cookie",
    b"vary",
    b"content-security-policy",
    b"nel",
    b"report-to",
}
_NOT_RETURNED_BEGINNINGS: Final = (b"proxy-", b"access-control-")
_REQUEST_IDS: Final = (b"x-request-id", b"request-id")
"""OpenAI's and Anthropic's; the first that is there names the request."""
_GZIP: Final = frozenset({b"gzip", b"x-gzip"})


def outgoing_headers(
    client: Sequence[Line], account: Account, user_agent: bytes, operation: Operation = Operation.GENERATE
) -> HeaderLines:
    """What is sent upstream: the client's end-to-end headers, the account's own over them, and its key.

    `user_agent` is ours, sent where the client named none. The body is known to be JSON; a Content-Type that says
    otherwise, as curl's does by default, is not believed.
    """
    provider = PROVIDERS[account.provider]
    named = _named_by_connection(client)
    own = _own_headers(account, provider)
    if operation in provider.streams:
        own.setdefault(b"accept", _EVENTS)
    if account.betas:
        own |= _with_betas(client, own, account.betas)
    forwarded = [
        line
        for line in client
        if line[0] not in _NOT_FORWARDED
        and line[0] not in named
        and line[0] not in own
        and not line[0].startswith(_NOT_FORWARDED_BEGINNINGS)
        and not (line[0] == b"content-type" and b"json" not in line[1].lower())
    ]
    sent = {name for name, _ in forwarded} | own.keys()
    own |= {name: value for name, value in provider.required.items() if name not in sent}
    if b"user-agent" not in sent:
        own[b"user-agent"] = user_agent
    return HeaderLines((*forwarded, *own.items()))


def translated_headers(
    account: Account, user_agent: bytes, *, stream: bool, operation: Operation = Operation.GENERATE
) -> HeaderLines:
    """What is sent with a request that was translated: nothing of the client's, whose vendor's headers mean nothing to
    another vendor.
    """
    provider = PROVIDERS[account.provider]
    ours = {
        b"content-type": _JSON,
        b"accept": _EVENTS if stream or operation in provider.streams else _JSON,
        b"user-agent": user_agent,
    }
    own = _own_headers(account, provider)
    if account.betas:
        own |= _with_betas((), own, account.betas)
    return HeaderLines((ours | dict(provider.required) | own).items())


def _with_betas(client: Sequence[Line], own: Mapping[bytes, bytes], betas: Sequence[bytes]) -> dict[bytes, bytes]:
    """One `anthropic-beta` for all: what the client named, in its order, unless the account's owner says it otherwise;
    behind that what is missing of `betas`. Nothing if the client's own lines name them all.
    """
    told = [own[_BETAS]] if _BETAS in own else [value for name, value in client if name == _BETAS]
    named = [beta.strip() for value in told for beta in value.split(b",") if beta.strip()]
    missing = [beta for beta in betas if beta not in named]
    return {_BETAS: b",".join((*named, *missing))} if missing else {}


_BETAS: Final = b"anthropic-beta"


def _own_headers(account: Account, provider: Provider) -> dict[bytes, bytes]:
    """The account's headers, and its key unless they say it in their own way."""
    own = dict(account.required) | {
        name.lower().encode("ascii"): value.encode() for name, value in account.headers.items()
    }
    for name in _NOT_FOR_ACCOUNTS & own.keys():
        del own[name]
    key = account.key.reveal().encode()
    if key and (account.bearer or provider.key_header is None):
        own.setdefault(b"authorization", b"Bearer " + key)
    elif key and provider.key_header is not None:
        own.setdefault(provider.key_header, key)
    return own


def returned_headers(upstream: Headers, plain: bool) -> list[tuple[bytes, bytes]]:
    """What the client is shown of an answer's headers; `plain`: the body is handed on without a gzip coding."""
    lines = [(name.lower(), value) for name, values in upstream.getAllRawHeaders() for value in values]
    named = _named_by_connection(lines)
    shown = [
        (name, value)
        for name, value in lines
        if name not in _NOT_RETURNED
        and name not in named
        and not name.startswith(_NOT_RETURNED_BEGINNINGS)
        and not (plain and name == b"content-encoding" and value.strip().lower() in _GZIP)
    ]
    shown += [(b"x-upstream-request-id", value) for name, value in lines if name == b"x-request-id"]
    return shown


def translated_returned_headers(upstream: Headers) -> list[Line]:
    """What the client of another vendor is shown of an answer's headers; its type and length are told by who knows."""
    shown = [(b"retry-after", value) for value in upstream.getRawHeaders(b"retry-after", [])[:1]]
    for name in _REQUEST_IDS:
        values = upstream.getRawHeaders(name)
        if values:
            shown.append((b"x-upstream-request-id", values[0]))
            break
    return shown


def _named_by_connection(lines: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower() for name, value in lines if name == b"connection" for token in value.split(b",")
    )
