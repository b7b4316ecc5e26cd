"""The demo as an `IAgent`: requests are answered in the process, without a socket, in Twisted's own conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IDelayedCall, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IClientRequest, IResponse
from zope.interface import implementer

from cliproxy.demo.answer import Demo
from cliproxy.demo.play import Player, Timer
from cliproxy.demo.replies import DemoRequest, End, phrase_of
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings


@implementer(IAgent)
class DemoAgent:
    """Answers every request from the demo, whatever host its URI names. State: the faults still owed."""

    def __init__(self, clock: Timer, settings: DemoSettings) -> None:
        self._clock = clock
        self._demo = Demo(settings)

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Fires with the response in a later turn of the reactor; cancelling it ends whatever is under way."""
        sent = _Sent(method, uri, headers or Headers())
        return _Exchange(self._clock, self._demo, sent).begin(bodyProducer)


@implementer(IClientRequest)
@attrs.frozen
class _Sent:
    """The request, as its response tells of it."""

    method: bytes
    absoluteURI: bytes
    headers: Headers = attrs.field(repr=False)


class _Exchange:
    """One request and its answer: the player's target, and behind `_Transport` the body's source.

    State: what is under way now (the upload, a call, the player), and the protocol that takes the body.
    """

    def __init__(self, clock: Timer, demo: Demo, sent: _Sent) -> None:
        self._clock = clock
        self._demo = demo
        self._sent = sent
        self._answered: Deferred[IResponse] = Deferred(self._cancel)
        self._upload: IBodyProducer | None = None
        self._call: IDelayedCall | None = None
        self._player: Player | None = None
        self._protocol: IProtocol | None = None
        self._over = False

    def begin(self, upload: IBodyProducer | None) -> Deferred[IResponse]:
        body = _Body()
        if upload is None:
            self._uploaded(None, body)
        else:
            self._upload = upload
            done = maybeDeferred(upload.startProducing, body)
            done.addCallbacks(self._uploaded, self._upload_failed, callbackArgs=(body,))
        return self._answered

    def _uploaded(self, _: object, body: _Body) -> None:
        self._upload = None
        if not self._over:
            self._call = self._clock.callLater(0, self._ask, body)

    def _upload_failed(self, failure: Failure) -> None:
        self._upload = None
        if not self._over:
            self._over = True
            self._answered.errback(Failure(RequestGenerationFailed([failure])))

    def _ask(self, body: _Body) -> None:
        self._call = None
        reply = self._demo.answer(_request_of(self._sent, bytes(body.received)))
        if self._sent.method == b"HEAD":
            reply = attrs.evolve(reply, steps=[End()])
        self._player = Player(reply, self._clock, self)
        self._player.start()

    def _cancel(self, _: Deferred[IResponse]) -> None:
        self._over = True
        if self._upload is not None:
            self._upload.stopProducing()
        if self._call is not None:
            self._call.cancel()
        if self._player is not None:
            self._player.stop()

    # -- the response's side

    def deliver(self, protocol: IProtocol) -> None:
        """Connect the protocol; its first bytes come in a later turn of the reactor."""
        if self._protocol is not None:
            raise RuntimeError("the body has been delivered to another protocol already")
        self._protocol = protocol
        # A body's protocol gets a push producer where the type says transport; twisted.web.client does the same.
        protocol.makeConnection(cast(ITransport, _Transport(self)))
        self.resume()

    def pause(self) -> None:
        if self._player is not None:
            self._player.pause()

    def resume(self) -> None:
        if self._player is not None and not self._over:
            self._player.resume()

    def drop(self, reason: type[ConnectionDone | ConnectionAborted]) -> None:
        """The client wants no more: the protocol is told so in the next turn of the reactor."""
        if self._over:
            return
        self._over = True
        if self._player is not None:
            self._player.stop()
        self._clock.callLater(0, self._lose, Failure(ResponseFailed([Failure(reason())])))

    def _lose(self, reason: Failure) -> None:
        if self._protocol is not None:
            self._protocol.connectionLost(reason)

    # -- the player's side

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.pause()
        self._answered.callback(_Response(self, self._sent, status, headers))

    def write(self, body: bytes) -> None:
        if self._protocol is not None:
            self._protocol.dataReceived(body)

    def end(self) -> None:
        self._over = True
        self._lose(Failure(ResponseDone()))

    def cut(self) -> None:
        self._over = True
        self._lose(Failure(ResponseFailed([Failure(ConnectionLost())])))


@implementer(IResponse)
class _Response:
    """The head of an answer. Holds no state but the response that a redirect may put before it."""

    version = (b"HTTP", 1, 1)
    previousResponse: IResponse | None = None

    def __init__(self, exchange: _Exchange, sent: _Sent, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self._exchange = exchange
        self.request = sent
        self.code = status
        self.phrase = phrase_of(status)
        self.headers = Headers()
        for name, value in headers:
            self.headers.addRawHeader(name, value)
        length = dict(headers).get("content-length")
        self.length = 0 if sent.method == b"HEAD" else int(length) if length is not None else UNKNOWN_LENGTH

    def deliverBody(self, protocol: IProtocol) -> None:
        self._exchange.deliver(protocol)

    def setPreviousResponse(self, response: IResponse) -> None:
        self.previousResponse = response


@implementer(IPushProducer)
class _Transport:
    """What a body's protocol holds: pause, resume, and three ways to leave."""

    disconnecting = False

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def pauseProducing(self) -> None:
        self._exchange.pause()

    def resumeProducing(self) -> None:
        self._exchange.resume()

    def stopProducing(self) -> None:
        self._exchange.drop(ConnectionDone)

    def loseConnection(self) -> None:
        self._exchange.drop(ConnectionDone)

    def abortConnection(self) -> None:
        self._exchange.drop(ConnectionAborted)


@implementer(IConsumer)
class _Body:
    """Takes a request's body. Of one that is too large it keeps a byte over the limit, which is enough to refuse it."""

    def __init__(self) -> None:
        self.received = bytearray()

    def write(self, data: bytes) -> None:
        self.received += data[: MAX_BODY_BYTES + 1 - len(self.received)]

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Nothing to hold back: the body is small and memory takes it at once."""

    def unregisterProducer(self) -> None:
        """As little to do as for registering."""


def _request_of(sent: _Sent, body: bytes) -> DemoRequest:
    uri = urlsplit(sent.absoluteURI.decode("latin-1"))
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1") for name, values in sent.headers.getAllRawHeaders()
    }
    return DemoRequest(sent.method.decode("latin-1"), uri.path, uri.query, headers, body)
