"""Where an operation is asked of an account, and where a request is passed on to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from hyperlink import EncodedURL

from cliproxy.formats.wire import Operation
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import PROVIDERS

_URI_LETTERS: Final = "!$&'()*+,-./:;=?@_~%"
"""What may stand in a path or query (RFC 3986) beside letters and digits; % since the text is encoded already."""
MAX_REMEMBERED_QUERY_BYTES: Final = 128
"""Clients send the same few short queries over and over; a long one is a stranger's, and not worth the memory."""


class SettledURL(EncodedURL):
    """A URL whose text is known.

    treq asks for it with every request, and a plain URL then checks its host by IDNA's tables and joins its parts anew.
    """

    text: str

    def to_uri(self) -> SettledURL:
        """It is one."""
        return self

    def to_text(self, with_password: bool = False) -> str:
        """The text it was made of."""
        return self.text

    @classmethod
    def settle(cls, base: EncodedURL, path: Sequence[str], query: bytes) -> SettledURL:
        """The URL below `base`. What no URI may hold is percent-encoded, byte by byte; all else stays as it is."""
        text = quote(base.child(*path).to_text(), safe=_URI_LETTERS + "[]")
        if query:
            text += "?" + quote(query, safe=_URI_LETTERS)
        return cls.of(text)

    @classmethod
    def of(cls, text: str) -> SettledURL:
        """A URL that is encoded already."""
        settled = cls.from_text(text)
        assert isinstance(settled, SettledURL)  # for a type checker: hyperlink makes one of the class that is asked
        settled.text = text
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


@lru_cache(maxsize=64)
def base_of(text: str) -> EncodedURL:
    """The base that a text is. There are as many as control planes."""
    return EncodedURL.from_text(text)


def url_at(base: EncodedURL, target: bytes) -> SettledURL:
    """Where a request is passed on to: a target, path and query, behind the path of `base`, byte for byte.

    Nothing of it is resolved, joined or decoded. What no URI may hold is percent-encoded, so that all of it stays in
    the request line; square brackets, which clients write into queries, pass. The query of `base` is dropped.
    """
    where = _beginning(base)
    slash = "" if target[:1] in (b"/", b"?", b"") else "/"  # without one it might go on with the name of the host
    return SettledURL.of(where + slash + quote(target, safe=_URI_LETTERS + "[]"))


@lru_cache(maxsize=64)
def _beginning(base: EncodedURL) -> str:
    """What stands before a target."""
    return quote(base.replace(query=(), fragment="").to_text(), safe=_URI_LETTERS + "[]").rstrip("/")


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
