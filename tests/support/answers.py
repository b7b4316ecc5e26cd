"""A door out that is in the test's hands: what is sent is kept, and what comes back was said before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from cliproxy.upstream.transport import Answer, Outgoing


@attrs.frozen
class Said:
    """An answer. `whole`: its body comes to an end; if not, it stops in the middle of it, without one."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    whole: bool = True


def said(status: int = 200, /, **document: object) -> Said:
    """A JSON answer."""
    return Said(status, json.dumps(document).encode())


class Response:
    """As much of an `IResponse` as an `Answer` needs."""

    length = -1

    def __init__(self, said: Said) -> None:
        self._said = said

    def deliverBody(self, receiver: IProtocol) -> None:
        receiver.makeConnection(StringTransport())
        receiver.dataReceived(self._said.body)
        if self._said.whole:
            receiver.connectionLost(Failure(ResponseDone()))


class Sent:
    """One request as it left."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.method = outgoing.method
        self.url = outgoing.url.to_text()
        self.way = outgoing.way
        assert isinstance(outgoing.body, bytes)
        self.body = outgoing.body
        self._headers = outgoing.headers

    def header(self, name: str) -> str:
        """Empty if it was not sent."""
        values = self._headers.getRawHeaders(name.encode()) or [b""]
        return values[0].decode()

    @property
    def fields(self) -> dict[str, object]:
        """Of the body, by its type."""
        if self.header("content-type") == "application/json":
            document: dict[str, object] = json.loads(self.body)
            return document
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))


class FakeSender:
    """Says the given answers in turn; an exception among them is how the request fails, None lets it wait for ever."""

    def __init__(self, *answers: Said | Exception | None) -> None:
        self.answers = list(answers)
        self.sent: list[Sent] = []
        self.cancelled = 0

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        self.sent.append(Sent(outgoing))
        if not self.answers:
            return fail(ConnectionDone("nothing more was to be sent"))
        answer = self.answers.pop(0)
        if answer is None:
            return Deferred(self._cancel)
        if isinstance(answer, Exception):
            return fail(answer)
        headers = Headers({name: [value] for name, value in answer.headers.items()})
        return succeed(Answer(answer.status, headers, cast(IResponse, Response(answer))))

    def _cancel(self, _: Deferred[Answer]) -> None:
        self.cancelled += 1
