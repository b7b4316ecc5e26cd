"""Bodies on their way: how they are framed, held to their length, paused, and how they end."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer, IResponse
from zope.interface.verify import verifyObject

from cliproxy.upstream.bodies import BytesProducer, TimedBody, Upload, WrongLength, length_of
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.http1 import Http1Response
from tests.support.arriving import Arriving
from tests.support.upstream import LAST_CHUNK, chunk


class Sending:
    """A body that is being sent."""

    def __init__(self, body: Arriving) -> None:
        self.body = body
        self.socket = StringTransport()
        self.failures: list[Failure] = []
        self.upload = Upload(body, self.socket, self.failures.append)
        self.upload.begin()

    @property
    def sent(self) -> bytes:
        sent: bytes = self.socket.value()
        return sent

    @property
    def error(self) -> BaseException:
        (failure,) = self.failures
        assert failure.value is not None
        return failure.value


def arriving(length: int | None = None) -> Sending:
    return Sending(Arriving(length))


# -- sending ------------------------------------------------------------------------------------------------------


def test_it_is_a_consumer_and_a_producer() -> None:
    upload = arriving().upload
    assert verifyObject(IConsumer, upload)
    assert verifyObject(IPushProducer, upload)


def test_a_body_of_known_length_goes_as_it_comes() -> None:
    sending = arriving(5)
    sending.body.give(b"abc")
    assert sending.sent == b"abc"
    sending.body.give(b"de").end()
    assert (sending.sent, sending.upload.over, sending.upload.sent) == (b"abcde", True, 5)


def test_a_body_of_unknown_length_goes_in_chunks() -> None:
    sending = arriving()
    sending.body.give(b"abc", b"d" * 20).end()
    assert sending.sent == chunk(b"abc") + chunk(b"d" * 20) + LAST_CHUNK
    assert sending.upload.sent == 23


def test_an_empty_piece_is_not_the_last_chunk() -> None:
    sending = arriving()
    sending.body.give(b"", b"abc", b"")
    assert sending.sent == chunk(b"abc")


@pytest.mark.parametrize(("length", "sent"), [(0, b""), (None, LAST_CHUNK)])
def test_a_body_may_be_empty(length: int | None, sent: bytes) -> None:
    sending = arriving(length)
    sending.body.end()
    assert (sending.sent, sending.upload.over, sending.failures) == (sent, True, [])


def test_a_body_may_be_sent_before_begin_returns() -> None:
    sending = Sending(Arriving(3, b"a", b"bc"))
    assert (sending.sent, sending.upload.over, sending.failures) == (b"abc", True, [])


def test_the_socket_has_no_producer_any_more_when_the_body_is_sent() -> None:
    sending = arriving()
    assert sending.socket.producer is sending.upload
    sending.body.end()
    assert sending.socket.producer is None


def test_a_body_is_paused_and_resumed_as_the_socket_fills_and_empties() -> None:
    sending = arriving()
    assert (sending.socket.producer, sending.socket.streaming) == (sending.upload, True)
    sending.upload.pauseProducing()
    sending.upload.resumeProducing()
    assert sending.body.told == ["begin", "pause", "resume"]


def test_a_body_that_is_over_is_not_paused() -> None:
    sending = arriving()
    sending.body.end()
    sending.upload.pauseProducing()
    sending.upload.resumeProducing()
    assert sending.body.told == ["begin"]


def test_a_body_that_registers_itself_changes_nothing() -> None:
    sending = arriving()
    sending.upload.registerProducer(sending.body, True)
    sending.upload.unregisterProducer()
    assert sending.socket.producer is sending.upload


def test_a_body_for_a_socket_that_is_closed_is_stopped_and_not_begun() -> None:
    class Closed(StringTransport):
        def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
            super().registerProducer(producer, streaming)
            producer.stopProducing()

    body = Arriving()
    Upload(body, Closed(), lambda _: None).begin()
    assert body.told == ["stop"]


# -- failing ------------------------------------------------------------------------------------------------------


def test_nothing_beyond_the_promised_length_is_sent() -> None:
    sending = arriving(3)
    sending.body.give(b"ab", b"cd", b"e")
    assert sending.sent == b"ab"
    assert isinstance(sending.error, WrongLength)
    assert sending.body.stopped


def test_a_body_that_ends_short_of_its_length_is_a_failure() -> None:
    sending = arriving(3)
    sending.body.give(b"ab").end()
    assert isinstance(sending.error, WrongLength)


def test_a_body_that_fails_has_no_last_chunk() -> None:
    sending = arriving()
    sending.body.give(b"ab").fail(error := ValueError("gone"))
    assert (sending.sent, sending.error, sending.socket.producer) == (chunk(b"ab"), error, None)


def test_a_body_that_cannot_begin_is_a_failure() -> None:
    class Unbeginnable(Arriving):
        def startProducing(self, consumer: IConsumer) -> Deferred[None]:
            raise ValueError("not today")

    assert isinstance(Sending(Unbeginnable()).error, ValueError)


def test_a_body_that_failed_before_it_began_is_a_failure() -> None:
    class Failed(Arriving):
        def startProducing(self, consumer: IConsumer) -> Deferred[None]:
            return fail(CancelledError())

    assert isinstance(Sending(Failed()).error, CancelledError)


def test_a_body_is_stopped_once_and_nobody_is_told_of_a_failure() -> None:
    sending = arriving()
    sending.upload.stopProducing()
    sending.upload.stopProducing()
    assert (sending.body.told, sending.failures) == (["begin", "stop"], [])


def test_nothing_of_a_stopped_body_is_sent() -> None:
    sending = arriving()
    sending.upload.stopProducing()
    sending.body.give(b"abc")
    assert sending.sent == b""


@pytest.mark.parametrize("fails", [False, True])
def test_a_stopped_body_that_ends_all_the_same_harms_nobody(fails: bool) -> None:
    class Stubborn(Arriving):
        stopped = False

    sending = Sending(Stubborn(5))
    sending.upload.stopProducing()
    if fails:
        sending.body.fail(ValueError("gone"))
    else:
        sending.body.end()
    assert (sending.sent, sending.failures) == (b"", [])


@given(
    st.lists(st.sampled_from(["give", "empty", "end", "fail", "stop", "pause", "resume"]), max_size=12), st.booleans()
)
def test_whatever_happens_a_body_ends_once(events: list[str], chunked: bool) -> None:
    sending = arriving(None if chunked else 4)
    body, ended = sending.body, False
    for event in events:
        if event == "give":
            body.give(b"ab")
        elif event == "empty":
            body.give(b"")
        elif event == "stop":
            sending.upload.stopProducing()
        elif event == "pause":
            sending.upload.pauseProducing()
        elif event == "resume":
            sending.upload.resumeProducing()
        elif not (ended or body.stopped):
            ended = True
            if event == "end":
                body.end()
            else:
                body.fail(ValueError("gone"))
    assert body.told.count("stop") <= 1
    assert len(sending.failures) <= 1
    assert sending.upload.over == bool(ended or body.stopped)
    assert sending.upload.over == (sending.socket.producer is None)
    assert (sending.sent[-5:] == LAST_CHUNK) == (chunked and ended and not body.stopped and not sending.failures)
    assert chunked or len(sending.sent) <= 4


# -- bodies that are all there ------------------------------------------------------------------------------------


def test_bytes_can_be_produced_like_any_other_body() -> None:
    body = BytesProducer(b"abc")
    assert verifyObject(IBodyProducer, body)
    socket = StringTransport()
    done: list[None] = []
    body.startProducing(socket).addCallback(done.append)
    body.pauseProducing()
    body.resumeProducing()
    body.stopProducing()
    assert (socket.value(), body.length, done) == (b"abc", 3, [None])


def test_a_length_is_known_or_not() -> None:
    assert length_of(Arriving(0)) == 0
    assert Arriving().length is UNKNOWN_LENGTH
    assert length_of(Arriving()) is None


# -- bodies that are waited for -----------------------------------------------------------------------------------


class Timed:
    """A timed body, and the request that it goes with."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.body = Arriving(100)
        self.timed = TimedBody(self.body, self.clock)
        self.asked: Deferred[IResponse] = Deferred()
        self.outcomes: list[object] = []

        def too_late(_: object, seconds: float) -> IResponse:
            raise TimeoutError(f"{seconds:g} s")

        self.timed.watch(self.asked, 10.0, too_late)
        self.asked.addBoth(self.outcomes.append)

    @property
    def given_up(self) -> bool:
        return any(isinstance(outcome, Failure) and outcome.check(TimeoutError) for outcome in self.outcomes)


def test_a_timed_body_is_one_and_passes_all_on() -> None:
    timed = Timed()
    socket = StringTransport()
    assert verifyObject(IBodyProducer, timed.timed)
    assert timed.timed.length == 100
    timed.timed.startProducing(socket)
    timed.timed.registerProducer(timed.body, True)
    timed.timed.unregisterProducer()
    timed.body.give(b"abc")
    timed.timed.pauseProducing()
    timed.timed.resumeProducing()
    timed.timed.stopProducing()
    assert (socket.value(), timed.body.told) == (b"abc", ["begin", "pause", "resume", "stop"])


def test_without_a_piece_or_an_answer_the_request_is_given_up() -> None:
    timed = Timed()
    timed.clock.advance(10)
    assert timed.given_up
    assert timed.clock.getDelayedCalls() == []


def test_each_piece_puts_that_off() -> None:
    timed = Timed()
    timed.timed.startProducing(StringTransport())
    for _ in range(5):
        timed.clock.advance(9)
        timed.body.give(b"a")
    assert not timed.given_up
    timed.clock.pump([1] * 10)
    assert timed.given_up


ANSWER = Http1Response(200, b"OK", HeaderLines(), 0, None)


@pytest.mark.parametrize("outcome", [ANSWER, Failure(ValueError("no"))])
def test_an_answer_or_a_failure_leaves_no_call(outcome: IResponse | Failure) -> None:
    timed = Timed()
    timed.asked.callback(outcome)
    assert timed.outcomes == [outcome]
    assert timed.clock.getDelayedCalls() == []


def test_an_answer_that_is_there_already_needs_no_call() -> None:
    clock = Clock()
    TimedBody(Arriving(), clock).watch(succeed(cast(IResponse, ANSWER)), 10.0, lambda *_: pytest.fail("it is not late"))
    assert clock.getDelayedCalls() == []
