from __future__ import annotations

from io import BytesIO

import attrs
import orjson
import pytest
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, Cooperator
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, RequestGenerationFailed, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IResponse
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cliproxy.demo.agent import DemoAgent
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from tests.demo.asking import body_of
from tests.support.grammar import check_stream

URI = b"http://demo.invalid/v1/messages?beta=true"
KEYED = Headers({b"X-Api-Key": [b"k"]})


class Reading(Protocol):
    """Takes a body, and remembers how it ended."""

    def __init__(self) -> None:
        self.body = b""
        self.deliveries = 0
        self.reason: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        self.body += data
        self.deliveries += 1

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None
        assert self.reason is None, "lost twice"
        self.reason = reason.value


@implementer(IBodyProducer)
class Upload:
    """A request body whose sending the test ends."""

    length = UNKNOWN_LENGTH

    def __init__(self) -> None:
        self.done: Deferred[None] = Deferred()
        self.stopped = False
        self.consumer: IConsumer | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self.consumer = consumer
        return self.done

    def stopProducing(self) -> None:
        self.stopped = True

    def pauseProducing(self) -> None:
        raise AssertionError("nobody pauses this")

    def resumeProducing(self) -> None:
        raise AssertionError("nobody resumes this")


@attrs.define
class Call:
    """One request under way, and what became of it."""

    clock: Clock
    answered: Deferred[IResponse]
    outcome: list[IResponse | Failure] = attrs.field(factory=list)

    def response(self) -> IResponse:
        (response,) = self.outcome
        assert not isinstance(response, Failure), response
        return response


def send(body: IBodyProducer | bytes | None, settings: DemoSettings | None = None, method: bytes = b"POST") -> Call:
    clock = Clock()
    if isinstance(body, bytes):
        cooperator = Cooperator(scheduler=lambda work: clock.callLater(0, work))
        body = FileBodyProducer(BytesIO(body), cooperator=cooperator)
    answered = DemoAgent(clock, settings or DemoSettings()).request(method, URI, KEYED, body)
    call = Call(clock, answered)
    answered.addBoth(call.outcome.append)
    return call


def ask(text: str = "hello", settings: DemoSettings | None = None) -> Call:
    """A request that has been sent and, unless it stalls, answered."""
    call = send(orjson.dumps(body_of(text)), settings)
    for _ in range(5):
        call.clock.advance(0)
    return call


def read(call: Call, turns: int = 20) -> Reading:
    reading = Reading()
    call.response().deliverBody(reading)
    for _ in range(turns):
        call.clock.advance(0)
    return reading


def test_it_provides_twisteds_interfaces() -> None:
    assert verifyObject(IAgent, DemoAgent(Clock(), DemoSettings()))
    assert verifyObject(IResponse, ask().response())


def test_a_stream_is_delivered_and_ends_as_done() -> None:
    reading = read(ask("[[say:ça va]]"))
    assert check_stream(reading.body).text == "ça va"
    assert isinstance(reading.reason, ResponseDone)


def test_the_head_is_told() -> None:
    response = ask("[[fault:429]]").response()
    assert (response.code, response.phrase) == (429, b"Too Many Requests")
    assert response.headers.getRawHeaders(b"retry-after") == [b"1"]


def test_a_known_length_is_told() -> None:
    response = ask("[[fault:500]]").response()
    assert response.length == len(read(ask("[[fault:500]]")).body)


def test_a_stream_has_no_known_length() -> None:
    assert ask().response().length == UNKNOWN_LENGTH


def test_the_response_knows_its_request() -> None:
    assert ask().response().request.absoluteURI == URI


def test_a_head_request_has_no_body() -> None:
    call = send(None, method=b"HEAD")
    call.clock.advance(0)
    assert call.response().length == 0
    assert read(call).body == b""


def test_nothing_is_answered_before_the_next_turn() -> None:
    assert send(None).outcome == []


def test_nothing_is_delivered_within_deliver_body() -> None:
    assert read(ask(), turns=0).body == b""


def test_a_body_is_delivered_to_one_protocol_only() -> None:
    call = ask()
    read(call)
    with pytest.raises(RuntimeError):
        call.response().deliverBody(Reading())


def test_a_body_that_nobody_takes_leaves_no_timer() -> None:
    assert ask("[[delay:50]]").clock.getDelayedCalls() == []


def test_a_cut_fails_the_response() -> None:
    reading = read(ask("[[fault:cut]]"))
    assert isinstance(reading.reason, ResponseFailed)
    assert reading.reason.reasons[0].check(ConnectionLost)


def test_a_paused_body_waits() -> None:
    call = ask("[[deltas:200]]")
    reading = read(call, turns=1)
    assert reading.transport is not None
    reading.transport.pauseProducing()  # type: ignore[attr-defined]  # a body's transport is a push producer
    seen = reading.deliveries
    call.clock.advance(100)
    assert reading.deliveries == seen
    reading.transport.resumeProducing()  # type: ignore[attr-defined]  # as above
    assert reading.deliveries == seen
    for _ in range(20):
        call.clock.advance(0)
    assert check_stream(reading.body).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("leave", "reason"),
    [("stopProducing", ConnectionDone), ("loseConnection", ConnectionDone), ("abortConnection", ConnectionAborted)],
)
def test_whoever_leaves_is_told_so_once_and_no_timer_stays(leave: str, reason: type[Exception]) -> None:
    call = ask("[[delay:1000]]")
    reading = read(call, turns=1)
    getattr(reading.transport, leave)()
    getattr(reading.transport, leave)()
    assert reading.reason is None
    call.clock.advance(0)
    assert isinstance(reading.reason, ResponseFailed)
    assert reading.reason.reasons[0].check(reason)
    assert call.clock.getDelayedCalls() == []


def test_a_request_is_cancelled_while_it_stalls() -> None:
    call = ask("[[fault:stall-first]]")
    assert call.outcome == []
    call.answered.cancel()
    (failure,) = call.outcome
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)
    assert call.clock.getDelayedCalls() == []


def test_a_request_is_cancelled_before_it_is_asked() -> None:
    call = send(None)
    call.answered.cancel()
    assert call.clock.getDelayedCalls() == []


def test_an_upload_is_stopped_when_the_request_is_cancelled() -> None:
    upload = Upload()
    call = send(upload)
    call.answered.cancel()
    assert upload.stopped
    upload.done.callback(None)
    assert call.clock.getDelayedCalls() == []


def test_an_upload_that_fails_fails_the_request() -> None:
    upload = Upload()
    call = send(upload)
    upload.done.errback(OSError("disk"))
    (failure,) = call.outcome
    assert isinstance(failure, Failure)
    assert failure.check(RequestGenerationFailed)


def test_of_an_upload_too_large_no_more_than_the_limit_is_kept() -> None:
    upload = Upload()
    call = send(upload)
    assert upload.consumer is not None
    for _ in range(3):
        upload.consumer.write(bytes(MAX_BODY_BYTES))
    upload.done.callback(None)
    call.clock.advance(0)
    assert call.response().code == 413


def test_treq_reads_it() -> None:
    clock, models = Clock(), list[object]()

    async def get() -> None:
        client = HTTPClient(DemoAgent(clock, DemoSettings(models=("a",))))
        response = await client.get("http://demo.invalid/v1/models/a", headers=KEYED)
        models.append(await response.json())

    Deferred.fromCoroutine(get())
    for _ in range(5):
        clock.advance(0)
    (model,) = models
    assert isinstance(model, dict)
    assert model["id"] == "a"
