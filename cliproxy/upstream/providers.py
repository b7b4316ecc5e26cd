"""The table of providers, and what leaves for them: paths and headers. The only place that reveals a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import attrs
from hyperlink import EncodedURL
from twisted.web.http_headers import Headers

from cliproxy.formats.wire import Operation
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line


@attrs.frozen
class Provider:
    """One kind of upstream."""

    format: str
    """A row of `FORMATS`."""
    paths: Mapping[Operation, tuple[str, ...]]
    """Segments below the base URL."""
    key_header: bytes
    """Where the key goes when it is not a bearer token."""
    own_host: str
    """The vendor's host, which takes the key in that header."""
    required: Mapping[bytes, bytes]
    """Headers without which the vendor refuses a request: sent where the client, a bare curl say, sent none."""


PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {
        "claude": Provider(
            format="anthropic",
            paths=MappingProxyType(
                {
                    Operation.GENERATE: ("v1", "messages"),
                    Operation.COUNT_TOKENS: ("v1", "messages", "count_tokens"),
                }
            ),
            key_header=b"x-api-key",
            own_host="api.anthropic.com",
            required=MappingProxyType({b"anthropic-version": b"2023-06-01", b"content-type": b"application/json"}),
        ),
    }
)

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
    # who the client is and how it came here is nobody's business upstream
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"origin",
    b"referer",
}
_NOT_FORWARDED_BEGINNINGS: Final = (b"proxy-", b"x-forwarded-", b"sec-")

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


_settle: Final = lru_cache(maxsize=256)(SettledURL.settle)


def url_for(account: Account, operation: Operation, query: bytes) -> SettledURL:
    """Where an operation is asked of an account, with the client's query."""
    settle = _settle if len(query) <= MAX_REMEMBERED_QUERY_BYTES else SettledURL.settle
    return settle(account.base_url, PROVIDERS[account.provider].paths[operation], query)


def outgoing_headers(client: Sequence[Line], account: Account, user_agent: bytes) -> HeaderLines:
    """What is sent upstream: the client's end-to-end headers, the account's own over them, and its key.

    `user_agent` is ours, sent where the client named none. The body is known to be JSON; a Content-Type that says
    otherwise, as curl's does by default, is not believed.
    """
    provider = PROVIDERS[account.provider]
    named = _named_by_connection(client)
    own = {name.lower().encode("ascii"): value.encode() for name, value in account.headers.items()}
    for name in _NOT_FOR_ACCOUNTS & own.keys():
        del own[name]
    key = account.key.reveal().encode()
    if account.bearer:
        own.setdefault(b"authorization", b"Bearer " + key)
    else:
        own.setdefault(provider.key_header, key)
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


def _named_by_connection(lines: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower() for name, value in lines if name == b"connection" for token in value.split(b",")
    )
