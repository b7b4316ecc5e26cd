"""The table of providers, and what leaves for them: paths and headers. The only place that reveals a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import attrs
from hyperlink import EncodedURL
from twisted.web.http_headers import Headers

from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line

_JSON: Final = b"application/json"
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
    dialect: Dialect = attrs.field(factory=Dialect)
    """Of those that `dialect_at` does not know better."""


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


def dialect_at(provider: str, host: str) -> Dialect:
    """How a provider's upstream at a host differs from others of its format."""
    row = PROVIDERS[provider]
    return _DIALECTS.get((row.format, host), row.dialect)


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
_URI_LETTERS: Final = "!$&'()*+,-./:;=?@_~%"
"""What may stand in a path or query (RFC 3986) beside letters and digits; % since the text is encoded already."""
MAX_REMEMBERED_QUERY_BYTES: Final = 128
"""Clients send the same few short queries over and over; a long one is a stranger's, and not worth the memory."""
_REQUEST_IDS: Final = (b"x-request-id", b"request-id")
"""OpenAI's and Anthropic's; the first that is there names the request."""
_GZIP: Final = frozenset({b"gzip", b"x-gzip"})


class SettledURL(EncodedURL):
    """A URL whose text is known.

    treq asks for it with every request, and a plain URL then checks its host by IDNA's tables and joins its parts anew.
    """

    _text: str

    def to_uri(self) -> SettledURL:
        """It is one."""
        return self

    def to_text(self, with_password: bool = False) -> str:
        """The text it was made of."""
        return self._text

    @classmethod
    def settle(cls, base: EncodedURL, path: Sequence[str], query: bytes) -> SettledURL:
        """The URL below `base`. What no URI may hold is percent-encoded, byte by byte; all else stays as it is."""
        text = quote(base.child(*path).to_text(), safe=_URI_LETTERS + "[]")
        if query:
            text += "?" + quote(query, safe=_URI_LETTERS)
        url = EncodedURL.from_text(text)
        settled = cls(url.scheme, url.host, url.path, url.query, url.fragment, url.port, url.rooted, url.userinfo)
        settled._text = text
        return settled


def url_for(
    account: Account, operation: Operation, query: bytes = b"", *, model: str = "", stream: bool = False
) -> SettledURL:
    """Where an operation is asked of an account, with the client's query. Raises `KeyError` if it has no path there."""
    provider = PROVIDERS[account.provider]
    path = provider.stream_paths.get(operation) if stream else None
    if path is None:
        path = provider.paths[operation]
    settle = _settle_remembered if len(query) <= MAX_REMEMBERED_QUERY_BYTES else _settle
    return settle(account.base_url, path, model if "{model}" in path else "", query)


def _settle(base: EncodedURL, path: str, model: str, query: bytes) -> SettledURL:
    where, _, wanted = path.partition("?")
    # Whatever the client calls its model, it is one segment: neither a slash nor a question mark leads elsewhere.
    segments = where.replace("{model}", quote(model, safe="", errors="replace")).split("/")
    return SettledURL.settle(base, segments, _with(query, wanted.encode()))


_settle_remembered: Final = lru_cache(maxsize=256)(_settle)


def _with(query: bytes, wanted: bytes) -> bytes:
    """A query and what is wanted in it; Google takes its own parameters under `$name` too."""
    if not wanted:
        return query
    name = wanted.partition(b"=")[0]
    said = {unquote_to_bytes(part.partition(b"=")[0]) for part in query.split(b"&")}
    if said & {name, b"$" + name}:
        return query
    return b"&".join(filter(None, (query, wanted)))


def outgoing_headers(client: Sequence[Line], account: Account, user_agent: bytes) -> HeaderLines:
    """What is sent upstream: the client's end-to-end headers, the account's own over them, and its key.

    `user_agent` is ours, sent where the client named none. The body is known to be JSON; a Content-Type that says
    otherwise, as curl's does by default, is not believed.
    """
    provider = PROVIDERS[account.provider]
    named = _named_by_connection(client)
    own = _own_headers(account, provider)
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


def translated_headers(account: Account, user_agent: bytes, *, stream: bool) -> HeaderLines:
    """What is sent with a request that was translated: nothing of the client's, whose vendor's headers mean nothing to
    another vendor.
    """
    provider = PROVIDERS[account.provider]
    ours = {
        b"content-type": _JSON,
        b"accept": b"text/event-stream" if stream else _JSON,
        b"user-agent": user_agent,
    }
    return HeaderLines((ours | dict(provider.required) | _own_headers(account, provider)).items())


def _own_headers(account: Account, provider: Provider) -> dict[bytes, bytes]:
    """The account's headers, and its key unless they say it in their own way."""
    own = {name.lower().encode("ascii"): value.encode() for name, value in account.headers.items()}
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
