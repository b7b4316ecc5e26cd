"""Who may pass: no browser page of somebody else's, and of programs those with a client key.

A daemon on loopback is reached by every page that its user opens. A page can name it by a host of its own (DNS
rebinding), or post to it without reading the answer. Both betray themselves in headers that no page can change: `Host`,
`Origin`, `Sec-Fetch-Site`. Whoever betrays nothing is no page, and needs a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.server import Request

from cliproxy.config.schema import Access
from cliproxy.errors import BadRequest, ProxyError, Refused, Unauthenticated
from cliproxy.modules import Pages
from cliproxy.secret import Secret
from cliproxy.web.callers import as_address, forwarded_for, is_local

KEY_PARAMETERS: Final = (b"key", b"auth_token")
"""Query parameters that hold a client key; they go no further than this room."""
_KEY_HEADERS: Final = (b"X-Goog-Api-Key", b"X-Api-Key")
_HOST: Final = re.compile(
    r"(?:(?P<name>[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?)|\[(?P<ipv6>[0-9a-f:.]+)\])(?::[0-9]{0,5})?", re.ASCII
)
"""A name or an address, and a port: no user, no path, no label longer than DNS has. In lower case."""
LEAST_FOUND_BYTES: Final = 8
"""A shorter client key may stand in any text by chance."""
_SEPARATORS: Final = re.compile(rb"([&;])")
"""Of a query's pairs. The semicolon too, as older servers read it, and Twisted does."""
_SAME: Final = frozenset({b"same-origin", b"none"})


class Gate:
    """One configuration's rules. Immutable."""

    def __init__(self, access: Access) -> None:
        self._keys = access.api_keys
        self._digests = tuple(key.digest() for key in access.api_keys)
        texts = [key.reveal().encode() for key in access.api_keys]
        self._long = tuple(text for text in texts if len(text) >= LEAST_FOUND_BYTES)
        self._short = frozenset(text for text in texts if len(text) < LEAST_FOUND_BYTES)
        self._hosts = frozenset(host.lower() for host in access.allowed_hosts)
        self._origins = frozenset(origin.lower() for origin in access.allowed_origins)
        self._proxies = tuple(ip_network(text, strict=False) for text in access.trusted_proxies)

    def refuse_pages(self, request: Request, pages: Pages = Pages.AS_CONFIGURED) -> bytes | None:
        """Raise `Refused` for what a foreign page could have sent. Gives the origin, if it is an allowed one."""
        host = self._host_of(request)
        origin = request.getHeader(b"Origin")
        if pages is not Pages.AS_CONFIGURED:
            self._refuse_all_pages(request, host, origin, pages)
            return None
        if origin is not None:
            text = origin.decode("latin-1").lower()
            if text in self._origins:
                return origin
            if text != _own_origin(request, host):
                raise Refused(f"Pages of the origin {text!r} are not served; see allowed-origins.")
        site = request.getHeader(b"Sec-Fetch-Site")
        if site is not None and site.lower() not in _SAME:
            raise Refused("Requests from another site's page are not served; see allowed-origins.")
        return None

    def _refuse_all_pages(self, request: Request, host: str, origin: bytes | None, pages: Pages) -> None:
        if origin is not None and origin.decode("latin-1").lower() != _own_origin(request, host):
            raise Refused("Pages of other origins are not served here, whatever allowed-origins says.")
        site = request.getHeader(b"Sec-Fetch-Site")
        if site is None or site.lower() in _SAME:
            return
        if pages is not Pages.NAVIGATION or origin is not None or not _is_navigation(request):
            raise Refused("Requests from another site's page are not served here, whatever allowed-origins says.")

    @property
    def asks_for_keys(self) -> bool:
        """Whether client keys are configured."""
        return bool(self._digests)

    def admit(self, request: Request) -> None:
        """Raise `Unauthenticated` or `Refused` unless the caller may use the models."""
        if not self._digests:
            if not is_local(request, self._proxies):
                raise Refused("No api-keys are configured, so only programs on this machine are served.")
            return
        given = False
        for key in filter(None, _presented(request)):
            given = True
            if self._is_known(key):
                return
        if given:
            raise Unauthenticated("The API key is not one of this proxy's api-keys.")
        raise Unauthenticated("No API key was given: send it as `Authorization: Bearer …` or `x-api-key: …`.")

    def knows(self, request: Request) -> bool:
        """Whether `admit` would let the caller pass."""
        try:
            self.admit(request)
        except ProxyError:
            return False
        return True

    def key_of(self, request: Request) -> Secret | None:
        """The first of our keys that the caller shows."""
        for key in filter(None, _presented(request)):
            digest = hashlib.sha256(key).digest()
            for configured, secret in zip(self._digests, self._keys, strict=True):
                if hmac.compare_digest(configured, digest):
                    return secret
        return None

    def holds_key(self, text: bytes) -> bool:
        """Whether one of our keys stands in a text, percent-encoded or not. A short one counts only as all of it."""
        plain = unquote_to_bytes(text)
        if not self._short.isdisjoint((text.strip(), plain.strip())):
            return True
        return any(key in text or key in plain for key in self._long)

    def without_own_keys(self, uri: bytes) -> bytes:
        """A URI without the pairs of its query that hold one of our keys. Every other byte stays."""
        path, mark, query = uri.partition(b"?")
        if not (self._short or self.holds_key(query)):
            return uri
        pieces = _SEPARATORS.split(query)  # a pair, a separator, a pair …
        pairs = tuple(zip((b"", *pieces[1::2]), pieces[::2], strict=True))
        kept = [(separator, pair) for separator, pair in pairs if not self._stands_in(pair)]
        rest = b"".join(separator + pair for separator, pair in kept)
        if self.holds_key(rest):  # one with such a separator in it stands in no single pair
            return path
        if len(kept) == len(pairs):
            return uri
        return path + mark + rest[len(kept[0][0]) :] if kept else path

    def _stands_in(self, pair: bytes) -> bool:
        return self.holds_key(pair) or self.holds_key(pair.partition(b"=")[2])

    def is_local(self, request: Request) -> bool:
        """Whether the peer is this machine, or forwards for it as a trusted proxy. See `callers.is_local`."""
        return is_local(request, self._proxies, heeds_strangers=False)

    def forwarded_for(self, request: Request) -> bytes:
        """For X-Forwarded-For."""
        return forwarded_for(request, self._proxies)

    def _is_known(self, key: bytes) -> bool:
        """Compare with every key there is, in a time that tells nothing of which letters were right."""
        digest = hashlib.sha256(key).digest()
        known = False
        for configured in self._digests:
            known |= hmac.compare_digest(configured, digest)
        return known

    def _host_of(self, request: Request) -> str:
        """The Host header's name. Raises `Refused` for one that is neither loopback's nor allowed."""
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if len(hosts) > 1:
            raise BadRequest("The request has more than one Host header.")
        if not hosts:
            if request.clientproto == b"HTTP/1.1":
                raise BadRequest("The request has no Host header.")
            return ""
        host = hosts[0].decode("latin-1").lower()
        parts = _HOST.fullmatch(host)
        if parts is None:
            raise BadRequest("The Host header is malformed.")
        name = (parts["name"] or parts["ipv6"]).rstrip(".")
        if not (_is_loopback(name) or name in self._hosts or _is_own_address(request, name)):
            raise Refused(f"The host {name!r} is not served; see allowed-hosts.")
        return host


def without_key_parameters(uri: bytes) -> bytes:
    """A URI without the query parameters for client keys, whosever they hold, in whatever way they are spelled."""
    path, _, query = uri.partition(b"?")
    kept = [
        part for part in re.split(b"[&;]", query) if unquote_to_bytes(part.partition(b"=")[0]) not in KEY_PARAMETERS
    ]
    return path + b"?" + b"&".join(kept) if any(kept) else path


def _is_navigation(request: Request) -> bool:
    """Whether a browser shows the answer to its user, in a window of its own, and to no page."""
    return (
        request.method in (b"GET", b"HEAD")
        and request.getHeader(b"Sec-Fetch-Mode") == b"navigate"
        and request.getHeader(b"Sec-Fetch-Dest") == b"document"
    )


def _presented(request: Request) -> Iterator[bytes]:
    """Every key that the request shows, in the order of the original."""
    for value in request.requestHeaders.getRawHeaders(b"Authorization", []):
        scheme, _, rest = value.strip().partition(b" ")
        yield rest.strip() if scheme.lower() == b"bearer" else value.strip()
    yield from _headers(request, _KEY_HEADERS)
    for parameter in KEY_PARAMETERS:
        yield from (request.args or {}).get(parameter, [])


def _headers(request: Request, names: Iterable[bytes]) -> Iterator[bytes]:
    for name in names:
        yield from (value.strip() for value in request.requestHeaders.getRawHeaders(name, []))


def _own_origin(request: Request, host: str) -> str:
    return f"{'https' if request.isSecure() else 'http'}://{host}"


def _is_own_address(request: Request, name: str) -> bool:
    """Whether a Host is the address that was connected to: an IP address cannot be rebound by anybody's DNS."""
    own, address = request.getHost(), as_address(name)
    return address is not None and isinstance(own, (IPv4Address, IPv6Address)) and address == as_address(own.host)


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = as_address(name)
    return address is not None and address.is_loopback
