"""Bodies on their way to somebody else: as they arrive, or out of a file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Coroutine
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from twisted.web.server import Request
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cliproxy.errors import TooLarge
from cliproxy.web.channel import LimitedSite
from cliproxy.web.uploads import PIECE_BYTES, SMALL_BODY_BYTES, ArrivingBody, StoredBody, Unwanted, body_of
from tests.support.reactor import until
from tests.support.uploads import LARGE, Door, Taker, Uploader, answer, foreign

Test = Callable[[], Coroutine[Deferred[object], object, None]]

MIB = 1024 * 1024
on_the_reactor = cast("Callable[[Test], Test]", pytest_twisted.ensureDeferred)


class Socket:
    """A client's socket: whether it is read."""

    reads = True

    def stop_reading(self) -> None:
        assert self.reads
        self.reads = False

    def read_on(self) -> None:
        assert not self.reads
        self.reads = True


class Arrival:
    """A body and the socket that it comes from."""

    def __init__(self, length: int | None = None) -> None:
        self.socket = Socket()
        self.body = ArrivingBody(length, self.socket)

    def read(self, *pieces: bytes) -> Arrival:
        """One read has these pieces of it."""
        for piece in pieces:
            self.body.came(piece)
        self.body.hand_on()
        return self

    def end(self, *pieces: bytes) -> Arrival:
        """The same, and it is the last."""
        for piece in pieces:
            self.body.came(piece)
        self.body.ended()
        self.body.hand_on()
        return self


GONE = Failure(ConnectionLost())


# -- bodies that arrive


def test_they_are_body_producers() -> None:
    assert verifyObject(IBodyProducer, Arrival().body)
    assert verifyObject(IBodyProducer, StoredBody(BytesIO(), 0))


@pytest.mark.parametrize(("said", "length"), [(70_000, 70_000), (None, UNKNOWN_LENGTH)])
def test_their_length_is_what_the_client_said(said: int | None, length: object) -> None:
    assert Arrival(said).body.length == length


def test_what_was_there_is_given_at_once() -> None:
    arrival = Arrival().read(b"a", b"b")
    assert Taker(arrival.body).taken == [b"ab"]


def test_a_body_that_was_there_has_been_given_at_once() -> None:
    taker = Taker(Arrival().end(b"a").body)
    assert (taker.taken, taker.outcomes) == ([b"a"], [None])


def test_an_empty_body_is_given_too() -> None:
    taker = Taker(Arrival().end().body)
    assert (taker.taken, taker.outcomes) == ([], [None])


def test_a_full_taker_is_given_no_more_and_the_socket_not_read() -> None:
    arrival = Arrival()
    taker = Taker(arrival.body, full=True)
    arrival.read(b"a")
    assert not arrival.socket.reads
    arrival.read(b"b")  # TLS may have had it
    assert taker.taken == [b"a"]
    taker.body.resumeProducing()
    assert taker.taken == [b"a", b"b"]
    assert not arrival.socket.reads


def test_it_may_be_full_before_it_takes_anything() -> None:
    arrival = Arrival()
    arrival.body.pauseProducing()
    taker = Taker(arrival.body)
    arrival.read(b"a")
    assert taker.taken == []
    arrival.body.resumeProducing()
    assert taker.taken == [b"a"]


def test_what_is_left_comes_before_the_end() -> None:
    arrival = Arrival()
    taker = Taker(arrival.body, full=True)
    arrival.read(b"a").end(b"b")
    assert (taker.outcomes, arrival.socket.reads) == ([], True)
    taker.body.resumeProducing()
    assert (taker.taken, taker.outcomes) == ([b"a", b"b"], [None])


def test_a_taker_that_is_full_with_the_last_of_it_has_it_all() -> None:
    taker = Taker(Arrival().end(b"a").body, full=True)
    assert taker.outcomes == [None]


class Restless(Taker):
    """Is full and has room again within each write."""

    def write(self, data: bytes) -> None:
        super().write(data)
        self.body.pauseProducing()
        self.body.resumeProducing()


def test_a_taker_may_resume_while_it_is_written_to() -> None:
    arrival = Arrival()
    taker = Restless(arrival.body)
    arrival.read(b"a").end(b"b")
    assert (taker.taken, taker.outcomes, arrival.socket.reads) == ([b"a", b"b"], [None], True)


class Sated(Taker):
    """Wants no more as soon as it has something."""

    def write(self, data: bytes) -> None:
        super().write(data)
        self.body.stopProducing()


def test_a_taker_may_stop_while_it_is_written_to() -> None:
    arrival = Arrival()
    taker = Sated(arrival.body)
    arrival.read(b"a").end(b"b")
    assert (taker.taken, taker.outcomes, arrival.body.wasted) == ([b"a"], [], 1)


def test_the_rest_of_what_was_stopped_is_read_and_dropped() -> None:
    arrival = Arrival()
    taker = Taker(arrival.body, full=True)
    arrival.read(b"a").read(b"bc")
    taker.body.stopProducing()
    assert arrival.socket.reads
    arrival.read(b"def").end()
    assert (taker.taken, taker.outcomes, arrival.body.wasted) == ([b"a"], [], 5)


def test_a_cancelled_taker_is_given_no_more() -> None:
    arrival = Arrival()
    taker = Taker(arrival.body)
    taker.done.cancel()
    arrival.end(b"a")
    assert taker.taken == []
    assert isinstance(taker.trouble, CancelledError)


@pytest.mark.parametrize("full", [False, True])
def test_a_body_that_breaks_off_is_told_at_once(full: bool) -> None:
    arrival = Arrival()
    taker = Taker(arrival.body, full)
    arrival.read(b"a").read(b"b").body.broke(GONE)
    assert taker.trouble is GONE.value


def test_the_socket_of_a_body_that_broke_off_is_left_alone() -> None:
    arrival = Arrival()
    taker = Taker(arrival.body, full=True)
    arrival.read(b"a").body.broke(GONE)
    taker.body.resumeProducing()
    taker.body.stopProducing()
    assert not arrival.socket.reads


def test_a_body_that_broke_off_cannot_be_taken() -> None:
    arrival = Arrival().read(b"a")
    arrival.body.broke(GONE)
    taker = Taker(arrival.body)
    assert (taker.taken, taker.trouble) == ([], GONE.value)


def test_a_whole_body_does_not_break_off() -> None:
    arrival = Arrival().end(b"a")
    arrival.body.broke(GONE)
    assert Taker(arrival.body).outcomes == [None]


def test_a_body_is_taken_once() -> None:
    arrival = Arrival()
    Taker(arrival.body)
    assert isinstance(Taker(arrival.body).trouble, Unwanted)


def test_a_body_that_was_stopped_before_is_not_taken() -> None:
    arrival = Arrival()
    arrival.body.stopProducing()
    assert isinstance(Taker(arrival.body).trouble, Unwanted)


@given(st.lists(st.binary(min_size=1, max_size=9) | st.sampled_from(["full", "room", "take", "end"]), max_size=30))
def test_all_that_comes_is_given_in_order_however_it_is_taken(steps: list[bytes | str]) -> None:
    arrival, takers, sent, ended = Arrival(), list[Taker](), b"", False
    for step in [*steps, "take", "room", "end"]:
        if isinstance(step, bytes):
            sent += b"" if ended else step
            arrival.read(*([] if ended else [step]))
        elif step == "take" and not takers:
            takers.append(Taker(arrival.body))
        elif step == "end" and not ended:
            ended = True
            arrival.end()
        elif step == "full":
            arrival.body.pauseProducing()
        elif step == "room":
            arrival.body.resumeProducing()
        assert arrival.socket.reads is arrival.body.reading
    assert (takers[0].content, takers[0].outcomes, arrival.socket.reads) == (sent, [None], True)


# -- bodies in files


def stored(content: bytes) -> tuple[StoredBody, BinaryIO]:
    file = BytesIO(content)
    return StoredBody(file, len(content)), file


def test_a_file_is_given_in_pieces() -> None:
    taker = Taker(stored(LARGE)[0])
    assert (taker.content, taker.outcomes) == (LARGE, [None])
    assert {len(piece) for piece in taker.taken} == {PIECE_BYTES}


def test_each_piece_waits_for_room() -> None:
    taker = Taker(stored(LARGE)[0], full=True)
    for number in range(1, len(LARGE) // PIECE_BYTES + 1):
        assert (len(taker.taken), taker.outcomes) == (number, [])
        taker.body.resumeProducing()
    assert (taker.content, taker.outcomes) == (LARGE, [None])


def test_a_file_is_taken_by_who_resumes_while_written_to() -> None:
    taker = Restless(stored(LARGE)[0])
    assert (taker.content, taker.outcomes) == (LARGE, [None])


def test_no_more_of_a_file_is_given_to_who_stops() -> None:
    taker = Sated(stored(LARGE)[0])
    taker.body.resumeProducing()
    assert (len(taker.taken), taker.outcomes) == (1, [])


def test_no_more_of_a_file_is_given_to_who_is_cancelled() -> None:
    taker = Taker(stored(LARGE)[0], full=True)
    taker.done.cancel()
    taker.body.resumeProducing()
    assert len(taker.taken) == 1
    assert isinstance(taker.trouble, CancelledError)


def test_a_file_that_was_closed_breaks_off() -> None:
    """A server closes it when the client leaves."""
    body, file = stored(LARGE)
    taker = Taker(body, full=True)
    file.close()
    body.resumeProducing()
    assert isinstance(taker.trouble, ValueError)


def test_a_file_is_taken_once() -> None:
    body, _ = stored(LARGE)
    Taker(body)
    assert isinstance(Taker(body).trouble, Unwanted)


# -- the body of a request


def test_a_body_that_is_in_memory_is_bytes() -> None:
    with foreign(LARGE[:SMALL_BODY_BYTES]) as request:
        assert body_of(request) == LARGE[:SMALL_BODY_BYTES]


def test_it_may_be_asked_for_again() -> None:
    with foreign(b"{}") as request:
        assert [body_of(request), body_of(request)] == [b"{}", b"{}"]


def test_a_request_without_a_body_has_an_empty_one() -> None:
    with foreign(b"") as request:
        assert body_of(request) == b""


def test_a_large_body_of_another_server_is_read_out_of_its_file() -> None:
    with foreign(LARGE) as request:
        body = body_of(request)
        assert isinstance(body, StoredBody)
        assert (body.length, Taker(body).content) == (len(LARGE), LARGE)


def test_a_small_one_in_a_file_is_bytes() -> None:
    with foreign(b"") as request, TemporaryFile() as file:
        file.write(b"{}")
        request.content = file
        assert body_of(request) == b"{}"


def test_a_body_that_is_gone_is_empty() -> None:
    with foreign(b"") as request:
        answer(request)
        assert body_of(request) == b""


def test_a_body_that_was_dropped_is_too_large() -> None:
    client = Uploader(body_limit=10)
    client.feed(b"POST /else HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n" + bytes(11))
    with pytest.raises(TooLarge):
        body_of(client.request)


# -- a real socket


@implementer(IPushProducer)
class Source(Protocol):
    """A client that writes a large body as fast as its socket takes it."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.came = b""
        self.full = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        head = b"POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (self.left * PIECE_BYTES)
        self.transport.write(head)
        IConsumer(self.transport).registerProducer(self, True)
        self.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        assert self.transport is not None
        self.full = False
        while self.left and not self.full:
            self.left -= 1
            self.transport.write(bytes(PIECE_BYTES))
        if not self.left:
            IConsumer(self.transport).unregisterProducer()

    def stopProducing(self) -> None:
        self.left = 0


class Slow(Taker):
    """Takes a turn of the reactor for each piece, and keeps nothing but the number of bytes."""

    count = 0

    def write(self, data: bytes) -> None:
        self.count += len(data)
        self.body.pauseProducing()
        reactor.callLater(0, self.body.resumeProducing)


@pytest.mark.real
@on_the_reactor
async def test_a_large_upload_to_a_slow_taker_takes_no_memory() -> None:
    door = Door()
    takers: list[Slow] = []

    def serve(request: Request) -> None:
        body = body_of(request)
        assert not isinstance(body, bytes)
        takers.append(Slow(body))
        takers[0].done.addCallback(lambda _: answer(request))

    door.serve = serve
    site = LimitedSite(door, reactor, MIB)
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    tracemalloc.start()
    try:
        source: Source = await connectProtocol(
            TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Source(20 * MIB // PIECE_BYTES)
        )
        assert await until(lambda: source.came.endswith(b"{}"), reactor, 30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        closed: Deferred[None] = site.close()
        await port.stopListening()
        await closed
    assert takers[0].count == 20 * MIB
    assert peak < 2 * MIB
