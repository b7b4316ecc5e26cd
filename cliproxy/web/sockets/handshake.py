"""Whether a request asks for a WebSocket, and the answer that makes it one (RFC 6455, section 4)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from twisted.web.server import Request
from wsproto.utilities import generate_accept_token

from cliproxy.errors import UpgradeRequired
from cliproxy.observe.requests import HEADER

VERSION: Final = b"13"
_NONCE_BYTES: Final = 16


def check(request: Request) -> bytes:
    """The client's nonce. Raises `UpgradeRequired`, which clients take for a sign to use HTTP."""
    if request.method != b"GET" or request.clientproto != b"HTTP/1.1":
        raise UpgradeRequired("This path is a WebSocket for GET with HTTP/1.1; POST gives the same over HTTP.")
    if b"websocket" not in _tokens(request, b"Upgrade") or b"upgrade" not in _tokens(request, b"Connection"):
        raise UpgradeRequired("GET opens a WebSocket here, for which an Upgrade header is needed; or use POST.")
    if request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Version") != [VERSION]:
        raise UpgradeRequired("Of the WebSocket protocol only version 13 is spoken here.")
    nonces = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Key", [])
    if len(nonces) != 1 or not _is_nonce(nonces[0]):
        raise UpgradeRequired("The WebSocket handshake needs one Sec-WebSocket-Key of 16 bytes in Base64.")
    return nonces[0]


def answer(nonce: bytes, request_id: str) -> bytes:
    """The head of the answer, behind which frames follow. No extension is taken."""
    lines = (
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + generate_accept_token(nonce),
        HEADER + b": " + request_id.encode("ascii"),
    )
    return b"\r\n".join((*lines, b"", b""))


def _tokens(request: Request, name: bytes) -> set[bytes]:
    lines = b",".join(request.requestHeaders.getRawHeaders(name, []))
    return {token.strip().lower() for token in lines.split(b",")}


def _is_nonce(text: bytes) -> bool:
    try:
        return len(b64decode(text, validate=True)) == _NONCE_BYTES
    except binascii.Error:
        return False
