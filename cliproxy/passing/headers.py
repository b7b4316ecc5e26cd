"""What changes of a request and its answer on the way through: hop-by-hop, credential and forwarding headers, no more.

Of the forwarding headers, the client's say where it sits and through what it came; in their place goes one
X-Forwarded-For with as much of that as is believed. `Via` names no addresses: it is kept and grows by one entry, as
RFC 9110 (7.6.3) wants of a gateway, and so betrays a daemon that is its own upstream.

Of an answer's headers, those about the host that it came of are not told of ours: Strict-Transport-Security would keep
a browser from the plain HTTP of everything else on this machine, and Alt-Svc would lead it to a port that is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from twisted.web.http_headers import Headers

from cliproxy.secret import Secret

Line = tuple[bytes, bytes]
HoldsKey = Callable[[bytes], bool]
"""Whether one of the daemon's client keys stands in a text."""

VIA: Final = b"1.1 cliproxy"
MAX_ROUNDS: Final = 4
"""Daemons that stand behind each other. One that is its own upstream would pass a request on without end."""

_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
"""RFC 9110, 7.6.1; beside these, `Proxy-*` and whatever Connection lists."""
_OF_THE_SENDER: Final = frozenset({b"host", b"content-length", b"expect"})
_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key"})
_FORWARDING: Final = frozenset({b"forwarded", b"x-real-ip"})
"""Beside `X-Forwarded-*`."""
_OF_THE_HOST: Final = frozenset({b"strict-transport-security", b"alt-svc"})
_CLEARTEXT_HTTP2: Final = b"h2c"
"""Behind such an upgrade a client could ask anything, with whatever headers. It is left out; servers may do so, too."""


def request_lines(
    headers: Headers, holds_key: HoldsKey, forwarded_for: bytes, key: Secret | None, upgrade: bytes | None
) -> list[Line]:
    """The header lines that leave, names in lower case. `key`: the upstream's; `upgrade`: see `upgrade_of`."""
    lines = [
        (name, value)
        for name, value in _end_to_end(headers)
        if not (name in _OF_THE_SENDER or name in _CREDENTIALS or _is_forwarding(name) or holds_key(value))
    ]
    lines += ((b"x-forwarded-for", forwarded_for), (b"via", VIA))
    if upgrade is not None and not holds_key(upgrade):
        lines.append((b"upgrade", upgrade))
    if key is not None:
        shown = key.reveal().encode("ascii")
        lines += ((b"x-api-key", shown), (b"authorization", b"Bearer " + shown))
    return lines


def upgrade_of(headers: Headers) -> bytes | None:
    """The protocol that a message switches to or offers to, where its Connection says so too."""
    offered = b", ".join(headers.getRawHeaders(b"upgrade", []))
    if b"upgrade" not in _tokens(headers, b"connection") or not offered.strip():
        return None
    return None if _CLEARTEXT_HTTP2 in _tokens(headers, b"upgrade") else offered


def goes_round(headers: Headers) -> bool:
    """Whether a request has come through so many of us that it will come back for ever."""
    entries = b",".join(headers.getRawHeaders(b"via", [])).split(b",")
    return sum(entry.strip() == VIA for entry in entries) >= MAX_ROUNDS


def response_lines(headers: Headers) -> list[Line]:
    """An answer's header lines for the client, without those that frame its body."""
    return [
        (name, value)
        for name, value in _end_to_end(headers)
        if not (name == b"content-length" or name in _OF_THE_HOST or name.startswith(b"access-control-"))
    ]


def announced_length(headers: Headers) -> int | None:
    """What Content-Length says, which after HEAD and with 304 is the length of a body that does not come."""
    lengths = set(headers.getRawHeaders(b"content-length", []))
    if len(lengths) != 1:
        return None
    (length,) = lengths
    return int(length) if length.isdigit() and len(length) < 19 else None


def switching_head(headers: Headers, protocol: bytes) -> bytes:
    """The head of a 101 for the client, as the upstream's was."""
    lines = [(b"connection", b"Upgrade"), (b"upgrade", protocol), *response_lines(headers)]
    told = (b"%b: %b" % line for line in lines)
    return b"\r\n".join((b"HTTP/1.1 101 Switching Protocols", *told, b"", b""))


def _end_to_end(headers: Headers) -> Iterator[Line]:
    listed = _tokens(headers, b"connection")
    for given, values in headers.getAllRawHeaders():
        name = given.lower()
        if not (name in _HOP_BY_HOP or name in listed or name.startswith(b"proxy-")):
            yield from ((name, value) for value in values)


def _is_forwarding(name: bytes) -> bool:
    return name in _FORWARDING or name.startswith(b"x-forwarded-")


def _tokens(headers: Headers, name: bytes) -> frozenset[bytes]:
    listed = b",".join(headers.getRawHeaders(name, [])).split(b",")
    return frozenset(token.strip().lower() for token in listed)
