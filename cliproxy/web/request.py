"""A request as our server receives it: its body kept in memory up to the limit, or handed on as it arrives.

Twisted would keep it in a file, of any size, and so let anybody fill the disk.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

from twisted.web.http import parse_qs
from twisted.web.server import Request

from cliproxy.web.gate import Gate
from cliproxy.web.uploads import SMALL_BODY_BYTES, ArrivingBody

if TYPE_CHECKING:
    from cliproxy.web.channel import LimitedChannel

MAX_WASTE_BYTES: Final = 256 * 1024 * 1024
"""A body that nobody wants is read and dropped, so that the client comes to read the answer, but no more than that."""
MAX_STRANGERS_BODY_BYTES: Final = 64 * 1024
"""Of a caller without a key no more is kept; whoever would fill the memory shall need one. It is refused anyway."""


class Guarded(Protocol):
    """A resource with a gate before it."""

    gate: Gate

    def takes_early(self, method: bytes, path: bytes) -> bool:
        """Whether what is asked there is served before its body has come."""


class LimitedRequest(Request):
    """Keeps its body in memory, and no more of it than the limit; or hands it on as it arrives, and keeps nothing."""

    defaultContentType = None
    """Twisted's is text/html, which no answer of an API is."""
    oversize = False
    arriving: ArrivingBody | None = None
    """The body of a request that is served before it has come."""
    content: BytesIO
    channel: LimitedChannel
    _received = 0
    _limit = 0
    _begun = False

    def gotLength(self, length: int | None) -> None:
        """The head is whole: prepare for the body. In memory, since a temporary file costs more than it saves."""
        self.content = BytesIO()
        self._limit = limit = self.channel.site.body_limit
        if (length is None or length > SMALL_BODY_BYTES or length > limit) and self._is_early():
            self.arriving = ArrivingBody(length, self.channel)
            return
        if (length is None or length > MAX_STRANGERS_BODY_BYTES) and not self._is_known():
            self._limit = MAX_STRANGERS_BODY_BYTES
        self.oversize = length is not None and length > self._limit

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body, or drop it if there is too much."""
        if self.arriving is not None:
            self.arriving.came(data)
            return
        self._received += len(data)
        if self._received > self._limit:
            self.oversize = True
            self.content.seek(0)
            self.content.truncate()
        if not self.oversize:
            self.content.write(data)
        elif self._received > MAX_WASTE_BYTES:
            self.channel.cut()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Serve it. Called when the body is whole, and for one that is served early, before that: once is enough."""
        if not self._begun:
            self._begun = True
            Request.requestReceived(self, command, path, version)

    def _is_early(self) -> bool:
        """Whether it is served before its body has come."""
        channel = self.channel
        return channel.site.doors.takes_early(channel.method, channel.target.partition(b"?")[0])

    def _is_known(self) -> bool:
        """Whether the head shows a key that the gate knows. Twisted reads the query only when the body is there."""
        query = self.channel.target.partition(b"?")[2]
        self.args = parse_qs(query, True) if query else {}
        return self.channel.site.doors.gate.knows(self)

    def process(self) -> None:
        """A target of another form than a path (`*`, `http://…`) is made one, at which nothing is found."""
        if not self.path.startswith(b"/"):
            self.path = b"/" + self.path
        Request.process(self)
