"""The only door out: treq over an agent for each proxy setting. Foreign errors become ours here.

treq brings the request together. What it would do beyond that is switched off, each for a reason: cookies (one jar
would carry an account's cookies into another's requests), redirects (they would carry the key along), buffering, and
decoding (a broken gzip body must still be handed on; see `streaming.inflate`).
"""

from __future__ import annotations

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
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IConsumer, IProtocol, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.errors import Broken, TimedOut, Unreachable, UpstreamTrouble
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.answers import Garbage

if TYPE_CHECKING:
    from treq._types import _ITreqReactor
    from treq.response import _Response

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
    body: bytes = attrs.field(repr=False)
    way: Way = "direct"


@attrs.frozen
class Answer:
    """An answer whose head has come; the body waits for `deliver`."""

    status: int
    headers: Headers
    _response: IResponse = attrs.field(repr=False)

    def deliver(self, receiver: IProtocol) -> None:
        """Hand the body to `receiver`, as `IResponse.deliverBody` does."""
        self._response.deliverBody(receiver)

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
        self._clients: dict[Way, HTTPClient] = {}
        self._agents: list[IAgent] = []
        self._retired = False
        self._cookies = NoCookies()

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """Fires with the answer once its head has come, or fails with `UpstreamTrouble`.

        Cancelling cuts the connection, in whatever phase the request is.
        """
        asked = self._client(outgoing.way).request(
            outgoing.method,
            outgoing.url,
            headers=outgoing.headers,
            data=outgoing.body or None,
            cookies=self._cookies,
            allow_redirects=False,
            unbuffered=True,
            reactor=cast("_ITreqReactor", self._clock),  # without one treq would take the global reactor
        )
        asked.addTimeout(self._first_byte_seconds, self._clock, _silent)
        host = outgoing.url.host
        answered = cast("Deferred[IResponse]", asked).addCallbacks(_answer, lambda failure: _ours(failure, host))
        return _cancellable(answered)

    def retire(self) -> None:
        """Keep no connection any longer than the request it carries."""
        self._retired = True
        for agent in self._agents:
            _retire(agent)

    def _client(self, way: Way) -> HTTPClient:
        client = self._clients.get(way)
        if client is None:
            agent = self._make_agent(way)
            self._agents.append(agent)
            if self._retired:  # by an exchange that goes on, and now tries another credential
                _retire(agent)
            client = self._clients[way] = HTTPClient(UndecodedAgent(agent), self._cookies, BytesProducer)
        return client


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


def _silent(_: object, seconds: float) -> _Response:
    raise TimedOut(f"The upstream sent no answer within {seconds:g} s.")


def _answer(response: IResponse) -> Answer:
    headers = response.headers
    headers.removeHeader(b"Content-Encoding")  # treq leaves an empty one where there was none
    veiled = headers.getRawHeaders(VEILED)
    if veiled:
        headers.setRawHeaders(b"Content-Encoding", veiled)
        headers.removeHeader(VEILED)
    return Answer(response.code, headers, response)


def _ours(failure: Failure, host: str) -> Answer:
    """Raise the failure as one of our errors; what is nobody's fault (cancelling) stays as it is."""
    if failure.check(UpstreamTrouble):
        failure.raiseException()
    error = failure.value
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


@implementer(IBodyProducer)
class BytesProducer:
    """A body that is all there: our agent writes `content` with the head; others may have it produced."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write everything at once."""
        consumer.write(self.content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:
        """Nothing is left to resume."""

    def stopProducing(self) -> None:
        """Nothing is left to stop."""


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
