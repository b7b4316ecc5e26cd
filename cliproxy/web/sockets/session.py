"""One client's responses over one WebSocket, one at a time, and the conversation that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final, Protocol

import orjson
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.ask import Ask
from cliproxy.conversation.events import Ended, Finished, Started, Stop, Used
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.usage import Usage
from cliproxy.errors import BadRequest, ClientMistake, ProxyError, TooLarge
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_responses import CODEC, OPENAI_RESPONSES
from cliproxy.formats.wire import Operation, Peek
from cliproxy.observe.requests import new_request_id
from cliproxy.routing.sessions import session_of
from cliproxy.streaming.outlet import Outlet
from cliproxy.web.sockets import complaints
from cliproxy.web.sockets.creates import Create, read_frame
from cliproxy.web.sockets.history import History
from cliproxy.web.sockets.sink import FrameSink, in_lane
from cliproxy.web.sockets.socket import INTERNAL_ERROR, SERVICE_RESTART, WebSocket

NOT_FOUND: Final = "previous_response_not_found"
"""The code by which clients know that they must send the whole conversation again."""
_STREAM: Final = ((b"content-type", b"text/event-stream"),)


class Server(Protocol):
    """What is behind the door."""

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        """Serve one request, to the end of its reply."""

    @property
    def body_limit(self) -> int:
        """In bytes."""


class PreviousNotFound(ClientMistake):
    """A response that this connection does not know, or no more."""


class Session:
    """State: the response that is under way, the conversations so far, and whether the daemon stops."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        socket: WebSocket,
        server: Server,
        admit: Callable[[], None],
        headers: Sequence[tuple[bytes, bytes]],
        query: bytes,
        wall: Callable[[], float],
    ) -> None:
        """`headers` and `query`: the handshake's, which count for every request. `admit`: raises `ProxyError` if the
        client's key is no more one of the proxy's.
        """
        self._socket = socket
        self._server = server
        self._admit = admit
        self._headers = headers
        self._query = query
        self._wall = wall
        self._history = History(server.body_limit)
        self._sink: FrameSink | None = None
        self._served: Deferred[None] | None = None
        self._asked: Sequence[bytes] = ()
        """The conversation up to the response that is under way."""
        self._draining = False

    # -- the socket's side

    def heard(self, message: bytes) -> None:
        """A frame: serve what it asks for, or tell why not. The connection stays of use."""
        try:
            create = read_frame(message)
        except ProxyError as error:
            self._socket.send(complaints.told(error, new_request_id()))
            return
        if create is None:
            return
        try:
            self._begin(create)
        except PreviousNotFound as error:
            self._complain(create, complaints.told(error, new_request_id(), NOT_FOUND, "previous_response_id"))
        except ProxyError as error:
            self._complain(create, complaints.told(error, new_request_id()))

    def full(self) -> None:
        """The client does not read: neither shall we from upstream."""
        if self._sink is not None:
            self._sink.pause()

    def free(self) -> None:
        """The client reads again."""
        if self._sink is not None:
            self._sink.resume()

    def drain(self) -> None:
        """The daemon stops: end with the response that is under way."""
        self._draining = True
        if self._sink is None:
            self._socket.close(SERVICE_RESTART, "The proxy is shutting down.")

    def left(self) -> None:
        """The client is gone: nobody wants what is under way."""
        sink, served = self._sink, self._served
        self._sink = self._served = None
        if sink is not None:
            sink.abandon()
        if served is not None:
            served.cancel()

    # -- a response

    def _begin(self, create: Create) -> None:
        self._admit()
        if self._sink is not None:
            raise BadRequest("A response is under way on this connection, which takes one at a time.")
        earlier = self._earlier(create)
        body = create.body(earlier)
        if len(body) > self._server.body_limit:
            limit = self._server.body_limit
            raise TooLarge(f"The conversation is larger than {limit} bytes, the body-limit of this proxy.")
        peek = OPENAI_RESPONSES.peek(body)
        self._asked = (*earlier, create.items)
        sink = FrameSink(self._socket, create, new_request_id(), self._ended)
        if not create.generates:
            self._warm_up(sink, body, peek.model)
            return
        self._sink = sink
        try:
            served = self._server.serve_into(self._ask(sink, body, peek), sink)
        except ProxyError as error:
            sink.refuse(error)
            return
        self._served = served if self._sink is sink else None
        served.addCallbacks(lambda _: sink.finish(), self._failed, errbackArgs=(sink,))

    def _ask(self, sink: FrameSink, body: bytes, peek: Peek) -> Ask:
        return Ask(
            request_id=sink.request_id,
            wire=OPENAI_RESPONSES,
            operation=Operation.GENERATE,
            model=peek.model,
            stream=True,
            body=body,
            headers=self._headers,
            query=self._query,
            find_session=partial(session_of, self._headers, peek),
        )

    def _earlier(self, create: Create) -> Sequence[bytes]:
        """The conversation that is continued."""
        if create.previous is None:
            return ()
        earlier = self._history.find(create.previous)
        if earlier is None:
            raise PreviousNotFound(f"Previous response with id {create.previous!r} not found.")
        return earlier

    def _warm_up(self, sink: FrameSink, body: bytes, model: str) -> None:
        """Answer with an empty response: no upstream is asked for one that is to say nothing."""
        request = CODEC.decode_request(orjson.loads(body), Losses())
        seed = sink.request_id.removeprefix("req_")
        encoder = CODEC.reply_encoder(Framing(request, model, seed, created=int(self._wall())))
        sink.head(200, _STREAM)
        for event in (Started(), Used(Usage()), Finished(Stop.END), Ended()):
            sink.write(encoder.feed(event))

    def _ended(self, sink: FrameSink) -> None:
        """The client has been told the end of a response; its exchange may take a moment more."""
        self._sink = self._served = None
        if sink.output.response_id:
            self._history.keep(sink.output.response_id, (*self._asked, sink.output.conversation()))
        if self._draining:
            self._socket.close(SERVICE_RESTART, "The proxy is shutting down.")

    def _failed(self, failure: Failure, sink: FrameSink) -> None:
        error = failure.value
        if isinstance(error, ProxyError):
            sink.refuse(error)
            return
        if sink.closed and isinstance(error, CancelledError):
            return
        self._log.failure("{request_id}: unexpected", failure, request_id=sink.request_id)
        if not sink.closed:
            self._socket.close(INTERNAL_ERROR, f"The proxy failed; its log has the reason under {sink.request_id}.")

    def _complain(self, create: Create, payload: bytes) -> None:
        self._socket.send(in_lane(payload, create.stream_id))
