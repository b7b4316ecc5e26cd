"""Texts that name a place in the network: hosts, URLs, proxies, origins. Each raises `Unfit` and repeats nothing.

A URL may hold a password, and so may one that is written wrongly; only the rule that it breaks is told.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from cliproxy.config.readers import Unfit
from cliproxy.config.schema import DIRECT, Proxy, ProxyScheme
from cliproxy.secret import Secret

_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_PRINTED: Final = re.compile(r"[!-~]+", re.ASCII)

_CUSTOMARY_PORT: Final[dict[str, int]] = {"http": 80, "https": 443, "socks5": 1080}
_PROXY_SCHEMES: Final[dict[str, ProxyScheme]] = {
    "http": "http",
    "https": "https",
    "socks5": "socks5",
    "socks5h": "socks5",  # names are always looked up by the proxy, so that both mean the same
}
_NO_PROXY: Final = frozenset({"direct", "none"})


def proxy_or_direct(written: str) -> Proxy | Literal["direct"]:
    """`proxy-url` of a credential."""
    return DIRECT if written.lower() in _NO_PROXY else _proxy(written)


def proxy_or_none(written: str) -> Proxy | None:
    """The global `proxy-url`."""
    return None if written.lower() in _NO_PROXY else _proxy(written)


def _proxy(written: str) -> Proxy:
    expected = "expected a URL such as http://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT"
    parts, host, port = _split(written, expected)
    scheme = _PROXY_SCHEMES.get(parts.scheme)
    if scheme is None:
        raise Unfit(f"{expected}; the scheme is none of http, https, socks5")
    if parts.path not in ("", "/") or "?" in written or "#" in written:
        raise Unfit(f"{expected}; write %2F, %3F and %23 for / ? # in a password")
    try:
        username, password = (None if part is None else _decoded(part) for part in (parts.username, parts.password))
    except UnicodeDecodeError:
        raise Unfit(f"{expected}; what % stands for is not UTF-8") from None
    return Proxy(scheme, host, port or _CUSTOMARY_PORT[scheme], username, password)


def _decoded(part: str) -> Secret:
    return Secret(unquote(part, errors="strict"))


def base_url(written: str) -> str:
    """An upstream's URL, without trailing slashes."""
    expected = "expected a URL such as https://HOST/PATH"
    parts, host, port = _split(written, expected)
    if parts.scheme not in ("http", "https"):
        raise Unfit(f"{expected}; the scheme is neither http nor https")
    if "@" in parts.netloc:
        raise Unfit(f"{expected}; user name and password have no place in it")
    if "?" in written or "#" in written:
        raise Unfit(f"{expected}; query and fragment have no place in it")
    return f"{parts.scheme}://{_authority(host, port)}{parts.path.rstrip('/')}"


def origin(written: str) -> str:
    """A web origin as browsers write it: lower case, and without its scheme's own port."""
    expected = "expected an origin, SCHEME://HOST or SCHEME://HOST:PORT, and nothing behind it"
    parts, host, port = _split(written, expected)
    if not _SCHEME.fullmatch(parts.scheme) or "@" in written or written.count("/") != 2 or set("?#") & set(written):
        raise Unfit(expected)
    return f"{parts.scheme}://{_authority(host, None if port == _CUSTOMARY_PORT.get(parts.scheme) else port)}"


def host_name(written: str) -> str:
    """A name or address before the port of a Host header: lower case, without IPv6's brackets and a last dot."""
    bare = written[1:-1] if written.startswith("[") and written.endswith("]") else written
    if (":" in bare) == (bare is written):
        raise Unfit("expected a host name without port; an IPv6 address stands in brackets")
    return _host(bare.lower(), "expected a host name without port").rstrip(".")


def listening_host(written: str) -> str:
    """An address of this machine, IPv6 with or without brackets."""
    bare = written[1:-1] if written.startswith("[") and written.endswith("]") else written
    return _host(bare.lower(), 'expected an address of this machine such as 127.0.0.1, or "" for all')


def network(written: str) -> str:
    """An IP address or network."""
    try:
        ipaddress.ip_network(written)
    except ValueError:
        raise Unfit("expected an IP address, or a network such as 10.0.0.0/8 with no bit behind its length") from None
    return written


def _split(written: str, expected: str) -> tuple[SplitResult, str, int | None]:
    if not _PRINTED.fullmatch(written):
        raise Unfit(f"{expected}; it holds a space or a letter beyond ASCII")
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Unfit(f"{expected}; host or port is malformed") from None
    if not host:
        raise Unfit(f"{expected}; there is no host")
    if port == 0:
        raise Unfit(f"{expected}; port 0 is none")
    return parts, _host(host, expected), port


def _host(bare: str, expected: str) -> str:
    if ":" in bare:
        try:
            return str(ipaddress.IPv6Address(bare))
        except ValueError:
            raise Unfit(f"{expected}; the IPv6 address is malformed") from None
    if not _NAME.fullmatch(bare) or ".." in bare:
        raise Unfit(f"{expected}; the host is malformed")
    return bare


def _authority(host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"
