"""The talk with a forward proxy before a tunnel opens: HTTP CONNECT and SOCKS5, as machines that know no sockets.

The proxy resolves the upstream's name; nothing is looked up here.
"""

from __future__ import annotations

import base64
import enum
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, Final, Protocol

from cliproxy.errors import Unreachable
from cliproxy.secret import Secret

USER_AGENT: Final = "cliproxy"
"""How a CONNECT request names its sender."""
HEAD_LIMIT_BYTES: Final = 16 * 1024
"""For all that a CONNECT proxy says before the tunnel opens, interim answers included. Real heads stay below 1 KiB."""
NAME_LIMIT_BYTES: Final = 255
"""SOCKS5 has one byte for the length of a host, a user name or a password; DNS names end at 253."""

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
"""Nothing in it can end a line or a field of a CONNECT request. Internationalised names come in their ASCII form."""


class Handshake(Protocol):
    """The talk with a proxy before the tunnel opens. Every refusal raises `Unreachable`, and then nothing more is read.

    After `done` the caller takes over: it reads `rest` once and feeds nothing more.
    """

    @property
    def done(self) -> bool:
        """Whether the tunnel is open."""

    @property
    def rest(self) -> bytes:
        """What came after the handshake: the first bytes of the tunnelled protocol, empty before `done`."""

    def begin(self) -> bytes:
        """The first bytes to send."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the proxy, in pieces of any size; give the next bytes to send, often none."""


def _address_or_name(host: str, port: int) -> IPv4Address | IPv6Address | str:
    """The host as an IP address, or as a name that is safe to send; `Unreachable` for what no proxy could reach."""
    if not host:
        raise Unreachable("The upstream's host is empty.")
    if len(host) > NAME_LIMIT_BYTES:
        raise Unreachable(f"The upstream's host is longer than {NAME_LIMIT_BYTES} bytes.")
    if not 0 < port < 1 << 16:
        raise Unreachable(f"The upstream's port {port} is not between 1 and 65535.")
    try:
        address = ip_address(host)
    except ValueError:
        if _HOST_NAME.fullmatch(host) is None:
            raise Unreachable(f"The upstream's host {host!r} is not a host name.") from None
        return host
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise Unreachable(f"The upstream's host {host!r} names a network interface, which a proxy cannot share.")
    return address


def _octets(secret: Secret | None) -> bytes:
    # Lone surrogates pass: the proxy refuses them anyway, and an encoding error would carry the text.
    return b"" if secret is None else secret.reveal().encode(errors="surrogatepass")


# -- HTTP CONNECT (RFC 9110, section 9.3.6) -----------------------------------------------------------------------


class _Connecting(enum.Enum):
    """Where a `ConnectHandshake` stands in the proxy's answer."""

    STATUS_LINE = enum.auto()
    INTERIM_FIELDS = enum.auto()
    FINAL_FIELDS = enum.auto()
    DONE = enum.auto()
    REFUSED = enum.auto()


_AFTER_BLANK_LINE: Final = {
    _Connecting.INTERIM_FIELDS: _Connecting.STATUS_LINE,
    _Connecting.FINAL_FIELDS: _Connecting.DONE,
}
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_PROXY_AUTHENTICATION_REQUIRED: Final = 407


class ConnectHandshake:
    """Asks an HTTP proxy for a tunnel with CONNECT, with Basic credentials where there are any.

    Raises `Unreachable` at once for a host, port or user name that cannot be sent, ValueError for such a `user_agent`.
    Changes: state, buffer and what is left of the limit.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: Secret | None = None,
        password: Secret | None = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        target = _address_or_name(host, port)
        if not (user_agent.isascii() and user_agent.isprintable()):
            raise ValueError("a User-Agent is printable ASCII")
        if b":" in _octets(username):
            raise Unreachable("The proxy's user name holds a colon, which HTTP Basic credentials cannot carry.")
        self._authority = f"[{target}]:{port}" if isinstance(target, IPv6Address) else f"{target}:{port}"
        self._username = username
        self._password = password
        self._user_agent = user_agent
        self._state = _Connecting.STATUS_LINE
        self._buffer = bytearray()
        self._allowed_bytes = HEAD_LIMIT_BYTES

    @property
    def done(self) -> bool:
        """Whether the proxy has answered 2xx and ended its header block."""
        return self._state is _Connecting.DONE

    @property
    def rest(self) -> bytes:
        """The bytes after the header block of the 2xx."""
        return bytes(self._buffer) if self.done else b""

    def begin(self) -> bytes:
        """The whole request."""
        request = f"CONNECT {self._authority} HTTP/1.1\r\nHost: {self._authority}\r\nUser-Agent: {self._user_agent}\r\n"
        if self._has_credentials:
            pair = base64.b64encode(_octets(self._username) + b":" + _octets(self._password)).decode("ascii")
            request += f"Proxy-Authorization: Basic {pair}\r\n"
        return f"{request}\r\n".encode("ascii")

    def feed(self, data: bytes) -> bytes:
        """Read the answer line by line. CONNECT has nothing more to say, so there is never anything to send."""
        if self._state is _Connecting.REFUSED:
            return b""
        self._buffer += data
        try:
            while not self.done and (line := self._next_line()) is not None:
                self._state = self._after(line)
        except Unreachable:
            self._state = _Connecting.REFUSED
            self._buffer.clear()
            raise
        return b""

    @property
    def _has_credentials(self) -> bool:
        return bool(self._username or self._password)

    def _next_line(self) -> bytes | None:
        """Without its end, which may be a bare LF; None if it is not complete yet."""
        end = self._buffer.find(b"\n", 0, self._allowed_bytes)
        if end < 0:
            if len(self._buffer) > self._allowed_bytes:
                raise Unreachable(f"The proxy's answer to CONNECT has a head of over {HEAD_LIMIT_BYTES} bytes.")
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._allowed_bytes -= end + 1
        return line

    def _after(self, line: bytes) -> _Connecting:
        if self._state is _Connecting.STATUS_LINE:
            return self._judge(line)
        return self._state if line else _AFTER_BLANK_LINE[self._state]

    def _judge(self, status_line: bytes) -> _Connecting:
        match = _STATUS_LINE.fullmatch(status_line)
        if match is None:
            raise Unreachable("The proxy's answer to CONNECT is not HTTP/1.")
        status = int(match[1])
        if status < 200:
            return _Connecting.INTERIM_FIELDS
        if status < 300:
            return _Connecting.FINAL_FIELDS
        # The reason phrase is not told: a proxy may repeat in it what it was sent, credentials too.
        if status == _PROXY_AUTHENTICATION_REQUIRED:
            given = ", and did not take those it was given" if self._has_credentials else ""
            raise Unreachable(f"The proxy wants credentials{given}: it answered {status}.")
        raise Unreachable(f"The proxy refused a tunnel to {self._authority}: it answered {status}.")


# -- SOCKS5 (RFC 1928, RFC 1929) ----------------------------------------------------------------------------------


class _Greeting(enum.Enum):
    """What a `Socks5Handshake` reads next."""

    METHOD = enum.auto()
    SIGN_IN = enum.auto()
    REPLY = enum.auto()
    BOUND_TYPE = enum.auto()
    BOUND_NAME_LENGTH = enum.auto()
    BOUND_ADDRESS = enum.auto()
    DONE = enum.auto()
    REFUSED = enum.auto()


_SOCKS_VERSION: Final = 5
_SIGN_IN_VERSION: Final = 1
_NO_SIGN_IN: Final = 0
_USERNAME_PASSWORD: Final = 2
_NO_ACCEPTABLE_METHOD: Final = 0xFF
_CONNECT: Final = 1
_IPV4: Final = 1
_NAME: Final = 3
_IPV6: Final = 4
_PORT_BYTES: Final = 2
_BOUND_ADDRESS_BYTES: Final[Mapping[int, int]] = {_IPV4: 4, _IPV6: 16}
_REFUSALS: Final[Mapping[int, str]] = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


class Socks5Handshake:
    """Asks a SOCKS5 proxy for a connection, with user name and password where there are any.

    Raises `Unreachable` at once for a host, port or credential that cannot be sent. Changes: state and buffer.
    """

    def __init__(self, host: str, port: int, username: Secret | None = None, password: Secret | None = None) -> None:
        self._target = _address_or_name(host, port)
        self._port = port
        if max(len(_octets(username)), len(_octets(password))) > NAME_LIMIT_BYTES:
            raise Unreachable(f"SOCKS5 carries user names and passwords of up to {NAME_LIMIT_BYTES} bytes only.")
        self._username = username
        self._password = password
        self._methods = bytes([_NO_SIGN_IN, _USERNAME_PASSWORD] if username or password else [_NO_SIGN_IN])
        self._buffer = bytearray()
        self._state = _Greeting.METHOD
        self._expected_bytes = 2

    @property
    def done(self) -> bool:
        """Whether the proxy has reported success, with the whole address that it reports along."""
        return self._state is _Greeting.DONE

    @property
    def rest(self) -> bytes:
        """The bytes after the proxy's reply."""
        return bytes(self._buffer) if self.done else b""

    def begin(self) -> bytes:
        """The greeting: our version and the ways to sign in that we have."""
        return bytes([_SOCKS_VERSION, len(self._methods)]) + self._methods

    def feed(self, data: bytes) -> bytes:
        """Read as many whole messages as have come, and give what they ask for: the sign-in or the request."""
        if self._state is _Greeting.REFUSED:
            return b""
        self._buffer += data
        answer = bytearray()
        try:
            while not self.done and len(self._buffer) >= self._expected_bytes:
                message = bytes(self._buffer[: self._expected_bytes])
                del self._buffer[: self._expected_bytes]
                answer += self._STEPS[self._state](self, message)
        except Unreachable:
            self._state = _Greeting.REFUSED
            self._buffer.clear()
            raise
        return bytes(answer)

    def _expect(self, state: _Greeting, length: int) -> None:
        self._state = state
        self._expected_bytes = length

    def _read_method(self, message: bytes) -> bytes:
        version, method = message
        if version != _SOCKS_VERSION:
            raise Unreachable(f"The proxy does not speak SOCKS5: it answered with version {version}.")
        if method == _NO_ACCEPTABLE_METHOD:
            offered = "does not take a user name and password" if len(self._methods) > 1 else "wants credentials"
            raise Unreachable(f"The SOCKS proxy {offered}.")
        if method not in self._methods:
            raise Unreachable(f"The SOCKS proxy chose a way to sign in that was not offered: {method}.")
        if method == _NO_SIGN_IN:
            return self._request()
        self._expect(_Greeting.SIGN_IN, 2)
        fields = (_octets(self._username), _octets(self._password))
        return bytes([_SIGN_IN_VERSION]) + b"".join(bytes([len(field)]) + field for field in fields)

    def _read_sign_in(self, message: bytes) -> bytes:
        version, status = message
        if version != _SIGN_IN_VERSION:
            raise Unreachable(f"The SOCKS proxy answered the sign-in with version {version} instead of 1.")
        if status != 0:
            raise Unreachable("The SOCKS proxy refused the credentials.")
        return self._request()

    def _request(self) -> bytes:
        self._expect(_Greeting.REPLY, 2)
        if isinstance(self._target, str):
            name = self._target.encode("ascii")
            address = bytes([_NAME, len(name)]) + name
        else:
            address = bytes([_IPV4 if self._target.version == 4 else _IPV6]) + self._target.packed
        return bytes([_SOCKS_VERSION, _CONNECT, 0]) + address + self._port.to_bytes(_PORT_BYTES)

    def _read_reply(self, message: bytes) -> bytes:
        version, code = message
        if version != _SOCKS_VERSION:
            raise Unreachable(f"The SOCKS proxy replied with version {version} instead of 5.")
        if code != 0:
            why = _REFUSALS.get(code, "a code that SOCKS5 does not define")
            raise Unreachable(f"The SOCKS proxy did not connect to {self._target} port {self._port}: {why} ({code}).")
        self._expect(_Greeting.BOUND_TYPE, 2)
        return b""

    def _read_bound_type(self, message: bytes) -> bytes:
        reserved, kind = message
        if reserved != 0:
            raise Unreachable("The SOCKS proxy's reply has a reserved byte that is not zero.")
        if kind == _NAME:
            self._expect(_Greeting.BOUND_NAME_LENGTH, 1)
        elif kind in _BOUND_ADDRESS_BYTES:
            self._expect(_Greeting.BOUND_ADDRESS, _BOUND_ADDRESS_BYTES[kind] + _PORT_BYTES)
        else:
            raise Unreachable(f"The SOCKS proxy's reply has an address of unknown type {kind}.")
        return b""

    def _read_bound_name_length(self, message: bytes) -> bytes:
        self._expect(_Greeting.BOUND_ADDRESS, message[0] + _PORT_BYTES)
        return b""

    def _read_bound_address(self, message: bytes) -> bytes:
        # Where the proxy connects from is of no use here.
        self._expect(_Greeting.DONE, 0)
        return b""

    _STEPS: ClassVar[Mapping[_Greeting, Callable[[Socks5Handshake, bytes], bytes]]] = {
        _Greeting.METHOD: _read_method,
        _Greeting.SIGN_IN: _read_sign_in,
        _Greeting.REPLY: _read_reply,
        _Greeting.BOUND_TYPE: _read_bound_type,
        _Greeting.BOUND_NAME_LENGTH: _read_bound_name_length,
        _Greeting.BOUND_ADDRESS: _read_bound_address,
    }
