"""The page that a provider sends the browser back to: a server on loopback, for one path, while one login waits.

Written on a protocol rather than on a web server: it reads a head and no body, answers, and closes. Whatever page a
person has open may send requests here, so a request counts for nothing unless its host is loopback and its state is
the login's.
"""

from __future__ import annotations

import errno
import html
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import urlsplit

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IReactorTime,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cliproxy.logins.machine import Reception
from cliproxy.logins.pasted import Callback, Unreadable, read_query

MAX_HEAD_BYTES: Final = 32 * 1024
SECONDS: Final = 10.0
"""For a request to come, and for its answer to go."""
MAX_VISITORS: Final = 32
"""At once; browsers open two or three, in advance."""
LOOPBACK: Final = ("127.0.0.1", "::1")
HOSTS: Final = frozenset({"localhost", *LOOPBACK})
_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
"""This machine has no IPv6, which is no trouble."""


class PortBusy(Exception):
    """The port cannot be listened at; the message is one sentence."""


@attrs.frozen
class Page:
    """An answer: a status, and a sentence for whoever sits before the browser."""

    status: HTTPStatus
    sentence: str

    def encoded(self) -> bytes:
        """All of it. It loads nothing, runs nothing, tells the next page nothing, and is not kept."""
        title = "cliproxy"
        body = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<body><h1>{title}</h1><p>{html.escape(self.sentence)}</p></body></html>\n"
        ).encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Content-Type: text/html; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            "Referrer-Policy: no-referrer",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: GET")
        return "\r\n".join((*lines, "", "")).encode() + body


PAGES: Final = {
    Reception.TAKEN: Page(HTTPStatus.OK, "The login goes on in your terminal. You may close this page."),
    Reception.DENIED: Page(HTTPStatus.BAD_REQUEST, "The provider refused the login. Your terminal says why."),
    Reception.WRONG_STATE: Page(
        HTTPStatus.BAD_REQUEST,
        "This belongs to another login, so it was not used. Open the address that your terminal shows.",
    ),
    Reception.NOT_WANTED: Page(HTTPStatus.GONE, "This login is over already. Your terminal says how it ended."),
}


def read_visit(head: bytes, path: str) -> Callback | Page:
    """What a browser brings, or the page that sends it away. `head`: up to the empty line."""
    request_line, *lines = head.decode("latin-1").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return Page(HTTPStatus.BAD_REQUEST, "That is no HTTP request.")
    method, target, _ = words
    if not _is_loopback([line for line in lines if line.lower().startswith("host:")]):
        return Page(HTTPStatus.FORBIDDEN, "This address serves nobody under that name.")
    if method != "GET":
        return Page(HTTPStatus.METHOD_NOT_ALLOWED, "This address takes GET only.")
    found, _, query = target.partition("?")
    if found != path:
        return Page(HTTPStatus.NOT_FOUND, "There is nothing here.")
    try:
        return read_query(query)
    except Unreadable as unreadable:
        return Page(HTTPStatus.BAD_REQUEST, f"{unreadable} Open the address that your terminal shows.")


def _is_loopback(lines: list[str]) -> bool:
    """Whether there is one Host, of whatever port: a tunnel may bring it from another."""
    if len(lines) != 1:
        return False
    host = lines[0].partition(":")[2].strip()
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname in HOSTS and parts.netloc == host and parts.username is None
    except ValueError:
        return False


class _Visit(Protocol):
    """One connection: a request, an answer, the end. State: what came so far, and whether it was answered."""

    def __init__(self, server: CallbackServer) -> None:
        self._server = server
        self._head = b""
        self._end: IDelayedCall | None = None
        self.answered = False

    def connectionMade(self) -> None:
        """Wait, but not for ever."""
        self._end = self._server.clock.callLater(SECONDS, self.cut)

    def dataReceived(self, data: bytes) -> None:
        """Gather the head. What follows it nobody reads."""
        if self.answered:
            return
        self._head += data
        head, end, _ = self._head.partition(b"\r\n\r\n")
        if end:
            self._answer(head)
        elif len(self._head) > MAX_HEAD_BYTES:
            self.cut()

    def _answer(self, head: bytes) -> None:
        self.answered = True  # first: a login that ends by this request must not cut its answer off
        found = read_visit(head, self._server.path) if len(head) <= MAX_HEAD_BYTES else None
        if found is None:
            self.cut()
            return
        page = found if isinstance(found, Page) else PAGES[self._server.receive(found)]
        if self.transport is not None:
            self.transport.write(page.encoded())
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone."""
        if self._end is not None and self._end.active():
            self._end.cancel()
        self._server.visits.discard(self)

    def cut(self) -> None:
        """End it, whatever is under way."""
        cast(ITCPTransport, self.transport).abortConnection()


class CallbackServer(Factory):
    """Listens on loopback, IPv4 and IPv6, between `open` and `close`. State: its ports and its visitors."""

    noisy = False

    def __init__(self, reactor: IReactorTime, path: str, receive: Callable[[Callback], Reception]) -> None:
        self.clock = reactor
        self.path = path
        self.receive = receive
        self.visits: set[_Visit] = set()
        self._ports: list[IListeningPort] = []

    async def open(self, port: int) -> int:
        """Listen; gives the number of the port, which may be asked for as 0. Raises `PortBusy`.

        A port that is somebody else's on one of the two addresses is busy: the browser might go there.
        """
        for address in LOOPBACK:
            try:
                listening: IListeningPort = await _endpoint(self.clock, address, port).listen(self)
            except CannotListenError as error:
                if self._ports and getattr(error.socketError, "errno", None) in _NO_SUCH_ADDRESS:
                    continue
                self.close()
                raise PortBusy(f"Port {port} cannot be listened at: {_reason(error)}.") from None
            self._ports.append(listening)
            port = _number(listening)
        return port

    def buildProtocol(self, addr: IAddress | None) -> _Visit | None:
        """A visitor, unless there are too many."""
        if len(self.visits) >= MAX_VISITORS:
            return None
        visit = _Visit(self)
        self.visits.add(visit)
        return visit

    def close(self) -> Deferred[None]:
        """Listen no more; visitors that have not been answered will not be."""
        for visit in tuple(self.visits):
            if not visit.answered:
                visit.cut()
        ports, self._ports = self._ports, []
        stopped = [maybeDeferred(port.stopListening) for port in ports]
        return gatherResults(stopped, consumeErrors=True).addCallback(lambda _: None)


def _reason(error: CannotListenError) -> str:
    strerror = getattr(error.socketError, "strerror", None)
    return strerror[:1].lower() + strerror[1:] if isinstance(strerror, str) and strerror else "it is taken"


def _endpoint(reactor: IReactorTime, address: str, port: int) -> IStreamServerEndpoint:
    if ":" in address:
        return TCP6ServerEndpoint(reactor, port, interface=address)
    return TCP4ServerEndpoint(reactor, port, interface=address)


def _number(listening: IListeningPort) -> int:
    address = listening.getHost()
    assert isinstance(address, IPv4Address | IPv6Address)
    return address.port
