"""The demo on a socket: a `twisted.web` resource, and the site that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final, cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from cliproxy.demo.answer import Demo
from cliproxy.demo.play import Player, Timer
from cliproxy.demo.replies import DemoRequest, phrase_of
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings

CUT_SECONDS: Final = 0.02
"""An aborted connection drops what it has not sent yet; so much time is given to what goes before the cut."""


class DemoResource(Resource):
    """Answers every path below it from the demo. State: the faults still owed."""

    isLeaf = True

    def __init__(self, clock: Timer, settings: DemoSettings) -> None:
        Resource.__init__(self)
        self._clock = clock
        self._demo = Demo(settings)

    def render(self, request: Request) -> int:
        """Starts the reply, which then plays by itself."""
        reply = self._demo.answer(_request_of(request))
        target = _RequestTarget(request, self._clock)
        target.player = Player(reply, self._clock, target)
        target.player.start()
        return NOT_DONE_YET


def demo_site(clock: Timer, settings: DemoSettings) -> Site:
    """The demo alone on a port: no request log, no temporary files, no form parsing."""
    return _QuietSite(clock, settings)


class _QuietSite(Site):
    """A site that logs nothing: a log line a request would cost more than the answer."""

    noisy = False

    def __init__(self, clock: Timer, settings: DemoSettings) -> None:
        Site.__init__(self, DemoResource(clock, settings), _DemoRequest, reactor=clock, parsePOSTFormSubmission=False)

    def log(self, request: http.Request) -> None:
        """Nothing."""


class _DemoRequest(Request):
    """A request whose body stays in memory. Of one that is too large a byte over the limit is kept, to refuse it."""

    content: BytesIO

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        self.content.write(data[: MAX_BODY_BYTES + 1 - self.content.tell()])


@implementer(IPushProducer)
class _RequestTarget:
    """Plays on one request. State: its player, the call that will cut the connection, whether the client has left."""

    player: Player

    def __init__(self, request: Request, clock: Timer) -> None:
        self._request = request
        self._clock = clock
        self._cut: IDelayedCall | None = None
        request.notifyFinish().addErrback(self._left)

    def _left(self, _: Failure) -> None:
        self.player.stop()
        if self._cut is not None and self._cut.active():
            self._cut.cancel()

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self._request.setResponseCode(status, phrase_of(status))
        for name, value in headers:
            self._request.responseHeaders.setRawHeaders(name, [value])
        self._request.registerProducer(self, True)
        self._request.write(b"")

    def write(self, body: bytes) -> None:
        self._request.write(body)

    def end(self) -> None:
        self._request.unregisterProducer()
        self._request.finish()

    def cut(self) -> None:
        transport = cast(ITCPTransport, self._request.channel.transport)
        self._cut = self._clock.callLater(CUT_SECONDS, transport.abortConnection)

    def pauseProducing(self) -> None:
        self.player.pause()

    def resumeProducing(self) -> None:
        self.player.resume()

    def stopProducing(self) -> None:
        self.player.stop()


def _request_of(request: Request) -> DemoRequest:
    path, _, query = request.uri.decode("latin-1").partition("?")
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    body = request.content.read() if request.content is not None else b""
    return DemoRequest(request.method.decode("latin-1"), path, query, headers, body)
