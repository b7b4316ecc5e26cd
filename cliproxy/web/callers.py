"""Who calls: in which words an error is told, from where, and under which request id."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from twisted.internet.address import UNIXAddress
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.gemini import GEMINI
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.formats.wire import Complaint, WireFormat
from cliproxy.observe.requests import HEADER

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ErrorBody = Callable[[Complaint], bytes]

_ANTHROPIC_PATH: Final = b"/v1/messages"
_GEMINI_PATH: Final = b"/v1beta/"
_GEMINI_ACTIONS: Final = (b":generateContent", b":streamGenerateContent", b":countTokens")
"""Below `/v1/`, where other formats are asked too."""
_FORWARDING_HEADERS: Final = (b"X-Forwarded-For", b"Forwarded", b"X-Real-Ip")


MAX_REMEMBERED_ADDRESS: Final = 64
"""Characters. The same few are asked about with each request; whatever is longer is a stranger's, and none."""


def is_anthropic(headers: Headers) -> bool:
    """Whether an Anthropic client calls: it names the API's version, or is a `claude` program by its User-Agent."""
    if headers.hasHeader(b"Anthropic-Version"):
        return True
    return any(agent.lower().startswith(b"claude") for agent in headers.getRawHeaders(b"User-Agent", []))


def is_google(headers: Headers) -> bool:
    """Whether one of Google's SDKs calls: its key stands in a header of its own."""
    return headers.hasHeader(b"X-Goog-Api-Key") or headers.hasHeader(b"X-Goog-Api-Client")


def wire_for(path: bytes, headers: Headers) -> WireFormat:
    """The format of this caller's errors: its own where that is known, else OpenAI's, which most tools read."""
    if _ANTHROPIC_PATH in path or is_anthropic(headers):
        return ANTHROPIC
    if _GEMINI_PATH in path or path.endswith(_GEMINI_ACTIONS) or is_google(headers):
        return GEMINI
    return OPENAI_CHAT


def error_body_for(path: bytes, headers: Headers) -> ErrorBody:
    """The words for this caller's errors."""
    return wire_for(path, headers).error_body


def request_id(request: Request) -> str:
    """The id that the request was given at the door."""
    return request.responseHeaders.getRawHeaders(HEADER, [b""])[0].decode("ascii")


def is_local(request: Request, trusted: tuple[Network, ...], *, heeds_strangers: bool = True) -> bool:
    """Whether the client sits on this machine: a loopback peer, or a Unix socket's, and nobody for whom that forwards.

    A trusted proxy is taken at its word. One elsewhere has a loopback of its own, so that nobody behind it is local. Of
    any other peer that says it forwards nothing is known: if `heeds_strangers` it is not local, since a web server on
    this very machine may speak for the whole internet; else the connection alone counts, whatever is written in it.
    """
    peer = request.getClientAddress()
    address = None if isinstance(peer, UNIXAddress) else as_address(peer.host)
    local = isinstance(peer, UNIXAddress) or (address is not None and address.is_loopback)
    if not local or not any(request.requestHeaders.hasHeader(name) for name in _FORWARDING_HEADERS):
        return local
    if address is None or not any(address in network for network in trusted):
        return not heeds_strangers
    client = _forwarded_for(request.requestHeaders, trusted)
    return client is not None and client.is_loopback


def forwarded_for(request: Request, trusted: tuple[Network, ...]) -> bytes:
    """For X-Forwarded-For: the peer, and before it whom it forwards for, if it is believed."""
    peer = request.getClientAddress()
    address = None if isinstance(peer, UNIXAddress) else as_address(peer.host)
    if address is None:
        return b"unknown"  # RFC 7239, section 6; behind a Unix socket
    chain = [str(address).encode("ascii")]
    if any(address in network for network in trusted):
        chain[:0] = request.requestHeaders.getRawHeaders(b"X-Forwarded-For", [])
    return b", ".join(chain)


def _forwarded_for(headers: Headers, trusted: tuple[Network, ...]) -> Address | None:
    """The nearest address in X-Forwarded-For that is not a trusted proxy's, else the farthest; None if it is none."""
    address = None
    for entry in reversed(b",".join(headers.getRawHeaders(b"X-Forwarded-For", [])).decode("latin-1").split(",")):
        address = as_address(entry.strip())
        if address is None or not any(address in network for network in trusted):
            break
    return address


def as_address(text: str) -> Address | None:
    """The IP address that a text is, IPv4 if it is mapped into IPv6; None for any other text."""
    return _parse_remembered(text) if len(text) <= MAX_REMEMBERED_ADDRESS else _parse(text)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_parse_remembered: Final = lru_cache(maxsize=256)(_parse)
