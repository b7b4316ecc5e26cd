"""Parsing one HTTP/1.1 answer, sans-IO. `httptools` (Node's llhttp) does the work; this keeps what it found."""

from __future__ import annotations

from typing import Final

import attrs
import httptools

MAX_HEAD_BYTES: Final = 64 * 1024
"""Without a byte of body among them, give or take a read: for a head, interim ones included, and for what frames a
chunked body. Far more than any provider sends; Node's own limit for a head is 16 KiB."""

_WITHOUT_BODY: Final = frozenset({204, 304})


class Garbage(Exception):
    """The bytes are no HTTP/1.1 answer."""


@attrs.frozen
class Head:
    """An answer's head: status, reason phrase, and the header lines in their order, names in lower case."""

    status: int
    phrase: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    length: int | None
    """Of the body in bytes, where the head names it."""
    framed: bool
    """Whether the body marks its own end; if not, closing the connection ends it."""


class AnswerParser:
    """Fed bytes, it holds the head once that is whole, the body bytes not yet taken, and whether the end has come.

    `bodyless`: the answer has no body whatever its head says, as one to HEAD. Interim answers (1xx) are passed over.
    `upgrade`: another protocol was asked for, so that a 101 is an answer; what comes behind its head is taken as a body
    that has no end.
    """

    def __init__(self, bodyless: bool = False, upgrade: bool = False) -> None:
        self.head: Head | None = None
        self.whole = False
        self.switched = False
        """The answer is a 101: what follows is another protocol's."""
        self.reusable = False
        """Once whole: the connection may carry another request."""
        self.received = 0
        """Bytes so far."""
        self._bodyless = bodyless
        self._upgrade = upgrade
        self._barren = 0
        """Bytes since the last that belonged to the body."""
        self._flaw = ""
        self._lines: list[tuple[bytes, bytes]] = []
        self._phrase = b""
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, chunk: bytes) -> None:
        """Parse some bytes. Raises `Garbage`. What follows a whole answer is dropped, and spoils the connection."""
        if self.whole:
            self.reusable = False
            return
        self.received += len(chunk)
        self._barren += len(chunk)
        try:
            self._parser.feed_data(chunk)
        except httptools.HttpParserUpgrade as switch:
            if self.switched:
                self.take_raw(chunk[switch.args[0] :])
            else:
                self._spoil("the answer switches protocols, which nobody asked for")
        except httptools.HttpParserError as error:
            self._spoil(str(error))
        if self._flaw:
            raise Garbage(self._flaw)
        if self._barren > MAX_HEAD_BYTES and not (self.whole or self.switched):
            raise Garbage(f"there are more than {MAX_HEAD_BYTES} bytes without any of the body")

    def take_raw(self, chunk: bytes) -> None:
        """Have some bytes of the other protocol wait to be taken."""
        if chunk:
            self._body.append(chunk)

    def take_body(self) -> bytes:
        """The body bytes that came since the last call."""
        if not self._body:
            return b""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return body

    # -- called by httptools from within feed_data; an exception here would be wrapped and lost

    def on_message_begin(self) -> None:
        """Another answer begins; behind a whole one nobody asked for it."""
        self._lines.clear()
        self._phrase = b""
        if self.whole:
            self.reusable = False

    def on_status(self, phrase: bytes) -> None:
        """A part of the reason phrase."""
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self._lines.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole; that of an interim answer does not count."""
        status = self._parser.get_status_code()
        if status < 100:
            self._spoil("the answer has a status that is none")
        if status == 101 and self._upgrade and self.head is None and self._parser.should_upgrade():
            self.switched = True
            self.head = Head(status, self._phrase, tuple(self._lines), None, framed=False)
        if status < 200 or self.head is not None or self._flaw:
            return
        length: int | None = None
        framed = False
        for name, value in self._lines:
            if name == b"content-length":
                length, framed = int(value), True
            elif name == b"transfer-encoding":
                framed = True
                if value.strip().lower() != b"chunked":
                    self._flaw = "the answer has a transfer coding that nobody asked for"
                    return
        without_body = self._bodyless or status in _WITHOUT_BODY
        self.head = Head(
            status, self._phrase, tuple(self._lines), 0 if without_body else length, framed or without_body
        )
        if self._bodyless:
            self._end()

    def on_body(self, piece: bytes) -> None:
        """Some bytes of the body, without their framing."""
        if self.whole:
            self.reusable = False
        else:
            self._body.append(piece)
            self._barren = 0

    def on_message_complete(self) -> None:
        """The answer, or an interim one, is whole."""
        if self.head is not None and not (self.whole or self.switched):
            self._end()

    def _spoil(self, flaw: str) -> None:
        """Note what is wrong; behind a whole answer it is wrong only with the connection."""
        if self.whole:
            self.reusable = False
        else:
            self._flaw = flaw

    def _end(self) -> None:
        self.whole = True
        self.reusable = bool(self._parser.should_keep_alive())
