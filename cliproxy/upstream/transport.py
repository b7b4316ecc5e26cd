"""The only door out: treq over an agent for each proxy setting. Foreign errors become ours here.

treq brings the request together. What it would do beyond that is switched off, each for a reason: cookies (one jar
would carry an account's cookies into another's requests), redirects (they would carry the key along), buffering, and
decoding (a broken gzip body must still be handed on; see `streaming.inflate`).

A request that is passed on as it is goes to the agent without treq, which would write its method in capitals and have a
word on its codings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.cookiejar import Cookie
from typing import TYPE_CHECKING, Final, cast, runtime_checkable
from typing import Protocol as Seam
from urllib.request import Request as StdlibRequest

import attrs
from hyperlink import EncodedURL
from OpenSSL.SSL import Error as SSLError
from service_identity import VerificationError
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.errors import BadRequest, Broken, TimedOut, Unreachable, UpstreamTrouble
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.answers import Garbage
from cliproxy.upstream.bodies import BytesProducer, TimedBody, WrongLength
from cliproxy.upstream.headers import HeaderLines

if TYPE_CHECKING:
    from treq._types import _DataType, _ITreqReactor

VEILED: Final = b"X-Cliproxy-Content-Encoding"
"""Content-Encoding under another name, while the answer passes through treq, which would decode it."""

AgentMaker = Callable[[Way], IAgent]
"""Makes the agent for one way out; one that keeps connections is a `Retiring` too."""


@attrs.frozen
class Outgoing:
    """A request as it leaves."""

    method: str
    url: EncodedURL
    headers: Headers = attrs.field(repr=False)
    body: bytes | IBodyProducer = attrs.field(repr=False)
    """All of it, or what gives it as it arrives, once. That is stopped when nobody takes the rest, begun or not."""
    way: Way = "direct"
    as_it_is: bool = False
    """Passed on: any method, the headers line by line, and no other `Accept-Encoding` than is among them, if one is.

    What frames the body is ours all the same: Content-Length and Transfer-Encoding are left out. So is a Host, if it is
    not among them. With an `Upgrade` the answer may be a 101.
    """


@attrs.frozen
class Answer:
    """An answer whose head has come; the body waits for `deliver`.

    The body of a 101 is the connection itself: its receiver is handed what comes of the upstream, and has a transport
    that writes to it.
    """

    status: int
    headers: Headers
    _response: IResponse = attrs.field(repr=False)

    def deliver(self, receiver: IProtocol) -> None:
        """Hand the body to `receiver`, as `IResponse.deliverBody` does."""
        self._response.deliverBody(receiver)

    @property
    def phrase(self) -> bytes:
        """Of the status, as it came: `Not Found`."""
        return cast(bytes, self._response.phrase)

    @property
    def length(self) -> int | None:
        """Of the body in bytes, where the head names it."""
        length = self._response.length
        return length if isinstance(length, int) else None


@runtime_checkable
class Retiring(Seam):
    """An agent that keeps connections."""

    def retire(self) -> None:
        """Keep none any longer than the request it carries."""


class Transport:
    """Sends requests. State: an agent for each way out that was used, and whether they may keep connections."""

    def __init__(self, clock: IReactorTime, make_agent: AgentMaker, first_byte_seconds: float) -> None:
        self._clock = clock
        self._make_agent = make_agent
        self._first_byte_seconds = first_byte_seconds
        self._ways: dict[Way, _WayOut] = {}
        self._retired = False
        self._cookies = NoCookies()

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """Fires with the answer once its head has come, or fails with `UpstreamTrouble`.

        Fails with `BadRequest` if what is to be passed on is no HTTP, or has not the length that it says; and if its
        body fails otherwise, with that failure. Cancelling cuts the connection, in whatever phase the request is.
        """
        body = outgoing.body
        if isinstance(body, bytes):
            asked = self._ask(outgoing, body or None)
            asked.addTimeout(self._first_byte_seconds, self._clock, _silent)
        else:
            timed = TimedBody(body, self._clock)
            asked = self._ask(outgoing, timed)
            timed.watch(asked, self._first_byte_seconds, _silent)
        host = outgoing.url.host
        answer = _answer if outgoing.as_it_is else _unveiled
        return _cancellable(asked.addCallbacks(answer, lambda failure: _ours(failure, host)))

    def retire(self) -> None:
        """Keep no connection any longer than the request it carries."""
        self._retired = True
        for way in self._ways.values():
            _retire(way.agent)

    def _ask(self, outgoing: Outgoing, body: bytes | IBodyProducer | None) -> Deferred[IResponse]:
        way = self._way(outgoing.way)
        if outgoing.as_it_is:
            return _passed_on(way.agent, outgoing, body)
        asked = way.client.request(
            outgoing.method,
            outgoing.url,
            headers=outgoing.headers,
            data=cast("_DataType", body),
            cookies=self._cookies,
            allow_redirects=False,
            unbuffered=True,
            reactor=cast("_ITreqReactor", self._clock),  # without one treq would take the global reactor
        )
        return cast("Deferred[IResponse]", asked)

    def _way(self, name: Way) -> _WayOut:
        way = self._ways.get(name)
        if way is None:
            agent = self._make_agent(name)
            if self._retired:  # by an exchange that goes on, and now tries another credential
                _retire(agent)
            client = HTTPClient(UndecodedAgent(agent), self._cookies, _producer)
            way = self._ways[name] = _WayOut(agent, client)
        return way


@attrs.frozen
class _WayOut:
    """An agent, and treq over it."""

    agent: IAgent
    client: HTTPClient


def _retire(agent: IAgent) -> None:
    if isinstance(agent, Retiring):
        agent.retire()


def _cancellable(answered: Deferred[Answer]) -> Deferred[Answer]:
    """The same, but what ends because it was cancelled ends as cancelled.

    Twisted's endpoints end a cancelled look-up as a failed one, and a cancelled connect with an error of its own.
    """

    cancelled = False

    def cancel(_: Deferred[Answer]) -> None:
        nonlocal cancelled
        cancelled = True
        answered.cancel()

    def failed(failure: Failure) -> None:
        cancellable.errback(CancelledError() if cancelled else failure)

    cancellable: Deferred[Answer] = Deferred(cancel)
    answered.addCallbacks(cancellable.callback, failed)
    return cancellable


def _silent(_: object, seconds: float) -> IResponse:
    raise TimedOut(f"The upstream sent no answer within {seconds:g} s.")


def _producer(body: bytes | IBodyProducer) -> IBodyProducer:
    return BytesProducer(body) if isinstance(body, bytes) else body


_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A method or a header's name (RFC 9110)."""
_LINE_ENDS: Final = re.compile(rb"[\r\n\0]")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


def _passed_on(agent: IAgent, outgoing: Outgoing, body: bytes | IBodyProducer | None) -> Deferred[IResponse]:
    """Sent without treq. Nothing of it is trusted to be one line of a head unless it is seen to be."""
    producer = None if body is None else _producer(body)
    method = outgoing.method.encode("utf-8", "replace")
    lines = [
        (name.lower(), value)
        for name, values in outgoing.headers.getAllRawHeaders()
        for value in values
        if name.lower() not in _FRAMING
    ]
    if not (_TOKEN.fullmatch(method) and all(map(_is_line, lines))):
        if producer is not None:
            producer.stopProducing()
        return fail(BadRequest("The method or a header of the request is no valid HTTP, and is not passed on."))
    return agent.request(method, outgoing.url.to_text().encode("ascii"), HeaderLines(lines), producer)


def _is_line(line: tuple[bytes, bytes]) -> bool:
    name, value = line
    return _TOKEN.fullmatch(name) is not None and _LINE_ENDS.search(value) is None


def _answer(response: IResponse) -> Answer:
    return Answer(response.code, response.headers, response)


def _unveiled(response: IResponse) -> Answer:
    headers = response.headers
    headers.removeHeader(b"Content-Encoding")  # treq leaves an empty one where there was none
    veiled = headers.getRawHeaders(VEILED)
    if veiled:
        headers.setRawHeaders(b"Content-Encoding", veiled)
        headers.removeHeader(VEILED)
    return _answer(response)


def _ours(failure: Failure, host: str) -> Answer:
    """Raise the failure as one of our errors; what is nobody's fault (cancelling) stays as it is."""
    if failure.check(UpstreamTrouble):
        failure.raiseException()
    error = failure.value
    if isinstance(error, RequestGenerationFailed):
        (reason,) = error.reasons
        if reason.check(WrongLength):
            raise BadRequest("The body of the request is not as long as the request says.")
        reason.raiseException()
    if isinstance(error, (ResponseNeverReceived, ResponseFailed)):
        if any(reason.check(Garbage) for reason in error.reasons):
            raise Broken(f"The upstream {host} sent something that is not HTTP.")
        raise Broken(f"The upstream {host} closed the connection without an answer.")
    for kinds, sentence in _NOT_CONNECTED:
        if failure.check(*kinds):
            raise Unreachable(sentence.format(host=host))
    failure.raiseException()
    raise AssertionError("raiseException has raised")


_NOT_CONNECTED: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((DNSLookupError,), "The name of the upstream {host} cannot be resolved."),
    ((VerificationError,), "The certificate of the upstream {host} is for another name."),
    ((SSLError,), "TLS with the upstream {host} failed: its certificate or protocol is not accepted."),
    ((ConnectTimeout,), "The upstream {host} did not accept a connection in time."),
    ((ConnectError, ConnectionClosed), "The upstream {host} cannot be reached."),
)


class NoCookies(IndexableCookieJar):
    """A jar that takes and gives nothing."""

    def add_cookie_header(self, request: StdlibRequest) -> None:
        """None are sent."""

    def extract_cookies(self, response: object, request: StdlibRequest) -> None:
        """None are kept."""

    def set_cookie(self, cookie: Cookie) -> None:
        """None are kept."""

    def __iter__(self) -> Iterator[Cookie]:
        return iter(())


@implementer(IAgent)
class UndecodedAgent:
    """Keeps treq from asking for gzip and from decoding it."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See `IAgent.request`."""
        plain = headers or Headers()
        plain.setRawHeaders(b"accept-encoding", [b"identity"])
        return self._agent.request(method, uri, plain, bodyProducer).addCallback(_veil)


def _veil(response: IResponse) -> IResponse:
    coding = cast(Headers, response.headers).getRawHeaders(b"Content-Encoding")
    if coding:
        response.headers.setRawHeaders(VEILED, coding)
        response.headers.removeHeader(b"Content-Encoding")
    else:
        response.headers.removeHeader(VEILED)
    return response
