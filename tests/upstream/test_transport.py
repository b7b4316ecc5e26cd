"""The door out: what treq must not do, and every foreign error as one of ours."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import attrs
import pytest
from hyperlink import EncodedURL
from OpenSSL.SSL import Error as SSLError
from service_identity import VerificationError
from twisted.internet.address import HostnameAddress
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
    NoRouteError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.config.schema import Proxy
from cliproxy.demo.agent import DemoAgent
from cliproxy.demo.settings import DemoSettings
from cliproxy.errors import BadRequest, Broken, ProxyError, TimedOut, Unreachable, UploadTooSlow
from cliproxy.formats.wire import Operation
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account, Way
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.answers import Garbage
from cliproxy.upstream.bodies import WrongLength
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.handover import RawTransport
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.transport import Answer, Outgoing, Transport
from cliproxy.upstream.urls import SettledURL, url_at, url_for
from tests.support.arriving import Arriving
from tests.support.upstream import LAST_CHUNK, OK, STREAM, Dialler, Names, Peer, Receiver, chunk, error_in

KEY = b"sk-ant-0123456789abcdef"
FIRST_BYTE_SECONDS = 600.0
CONNECT_SECONDS = 10.0
PROXY = Proxy("http", "proxy.example", 3128, Secret("somebody"), Secret("hunter2-hunter2-hunter2"))


def url(base: str = "http://api.example") -> SettledURL:
    account = Account("a", "claude", EncodedURL.from_text(base), Secret(KEY.decode()), bearer=False)
    return url_for(account, Operation.GENERATE, b"beta=true")


def outgoing(way: Way = "direct", base: str = "http://api.example", body: bytes = b"{}") -> Outgoing:
    return Outgoing("POST", url(base), HeaderLines([(b"x-api-key", KEY), (b"x-app", b"cli")]), body, way)


def errand(
    *lines: tuple[bytes, bytes],
    method: str = "GET",
    target: bytes = b"/api/user?a=1",
    body: bytes | IBodyProducer = b"",
    base: str = "http://amp.example",
) -> Outgoing:
    """A request that is passed on."""
    where = url_at(EncodedURL.from_text(base), target)
    return Outgoing(method, where, HeaderLines(lines), body, as_it_is=True)


class Sent:
    """A request, with what came of it."""

    def __init__(self, asked: Deferred[Answer]) -> None:
        self.deferred = asked
        self.outcomes: list[object] = []
        asked.addBoth(self.outcomes.append)

    @property
    def answer(self) -> Answer:
        (answer,) = self.outcomes
        assert isinstance(answer, Answer)
        return answer

    @property
    def error(self) -> BaseException:
        return error_in(self.outcomes)


class Door:
    """A transport over agents of ours whose connections are in the test's hands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dialler = Dialler()
        self.agents: dict[Way, PooledAgent] = {}
        self.transport = Transport(self.clock, self.make_agent, FIRST_BYTE_SECONDS)

    def make_agent(self, way: Way) -> PooledAgent:
        assert way not in self.agents
        self.agents[way] = PooledAgent(self.clock, self.dialler, CONNECT_SECONDS)
        return self.agents[way]

    def send(self, request: Outgoing | None = None) -> Sent:
        return Sent(self.transport.send(request or outgoing()))

    def accept(self) -> Peer:
        return self.dialler.last.accept()

    def idle(self, request: Outgoing | None = None) -> Peer:
        """A connection that has carried a request and waits for another."""
        sent = self.send(request)
        peer = self.accept().say(OK)
        sent.answer.deliver(Receiver())
        assert peer.heard
        return peer


@pytest.fixture
def door() -> Door:
    return Door()


# -- requests -----------------------------------------------------------------------------------------------------


def test_a_request_leaves_with_its_own_headers_and_those_that_frame_it(door: Door) -> None:
    door.send()
    assert door.accept().heard == (
        b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\nx-api-key: " + KEY + b"\r\nx-app: cli\r\n"
        b"accept-encoding: identity\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_request_without_a_body_says_so(door: Door) -> None:
    door.send(outgoing(body=b""))
    assert door.accept().heard.endswith(b"Content-Length: 0\r\n\r\n")


def test_sending_changes_nothing_of_what_was_given(door: Door) -> None:
    headers = HeaderLines([(b"x-app", b"cli")])
    door.send(attrs.evolve(outgoing(), headers=headers))
    assert headers.lines == ((b"x-app", b"cli"),)


def test_a_cookie_is_not_sent_back(door: Door) -> None:
    sent = door.send()
    peer = door.accept().say(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n"))
    sent.answer.deliver(Receiver())
    assert peer.heard
    door.send()
    assert b"cookie" not in peer.heard.lower()


def test_a_redirect_is_an_answer_like_any_other(door: Door) -> None:
    sent = door.send()
    door.accept().say(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")
    assert sent.answer.status == 307
    assert len(door.dialler.dials) == 1


def test_each_way_out_has_an_agent_of_its_own(door: Door) -> None:
    for way in ("direct", PROXY, "direct", attrs.evolve(PROXY, password=Secret("other"))):
        door.send(outgoing(way))
    assert len(door.agents) == 3


def test_neither_key_nor_body_print() -> None:
    shown = repr(outgoing(body=b"a private thought"))
    assert KEY.decode() not in shown
    assert "private" not in shown


# -- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_has_status_headers_and_length(door: Door) -> None:
    sent = door.send()
    door.accept().say(OK)
    assert (sent.answer.status, sent.answer.length) == (200, 2)
    assert sent.answer.headers.getRawHeaders(b"content-length") == [b"2"]


def test_a_stream_has_no_length(door: Door) -> None:
    sent = door.send()
    door.accept().say(STREAM)
    assert sent.answer.length is None


def test_a_body_comes_read_by_read(door: Door) -> None:
    sent = door.send()
    peer = door.accept().say(STREAM)
    sent.answer.deliver(receiver := Receiver())
    peer.say(chunk(b"a") + chunk(b"b"), chunk(b"c") + LAST_CHUNK)
    assert receiver.pieces == [b"ab", b"c"]
    assert isinstance(receiver.ending, ResponseDone)


def test_a_gzip_body_is_not_decoded_and_still_says_that_it_is_gzip(door: Door) -> None:
    body = gzip.compress(b"{}")
    sent = door.send()
    door.accept().say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    sent.answer.deliver(receiver := Receiver())
    assert sent.answer.headers.getRawHeaders(b"content-encoding") == [b"gzip"]
    assert (b"".join(receiver.pieces), sent.answer.length) == (body, len(body))


def test_the_name_under_which_the_coding_passes_treq_is_ours_alone(door: Door) -> None:
    sent = door.send()
    door.accept().say(OK.replace(b"\r\n\r\n", b"\r\nX-Cliproxy-Content-Encoding: gzip\r\n\r\n"))
    assert not sent.answer.headers.hasHeader(b"Content-Encoding")
    assert not sent.answer.headers.hasHeader(b"X-Cliproxy-Content-Encoding")


def test_an_answer_has_the_phrase_of_its_status(door: Door) -> None:
    sent = door.send()
    door.accept().say(b"HTTP/1.1 404 Nothing Here\r\nContent-Length: 0\r\n\r\n")
    assert sent.answer.phrase == b"Nothing Here"


def test_an_answer_does_not_print_its_headers(door: Door) -> None:
    sent = door.send()
    door.accept().say(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: hunter2\r\n\r\n"))
    assert "hunter2" not in repr(sent.answer)


def test_an_answer_that_nobody_takes_cuts_its_connection(door: Door) -> None:
    sent = door.send()
    peer = door.accept().say(STREAM)
    sent.outcomes.clear()
    assert peer.cut


# -- time ---------------------------------------------------------------------------------------------------------


def test_silence_after_the_request_times_out_and_cuts_the_connection(door: Door) -> None:
    sent = door.send()
    peer = door.accept()
    door.clock.advance(FIRST_BYTE_SECONDS)
    assert isinstance(sent.error, TimedOut)
    assert sent.error.message == "The upstream sent no answer within 600 s."
    assert peer.cut
    peer.close(ConnectionAborted())
    assert door.clock.getDelayedCalls() == []


def test_a_connection_that_does_not_come_is_unreachable_sooner(door: Door) -> None:
    sent = door.send()
    door.clock.advance(CONNECT_SECONDS)
    assert isinstance(sent.error, Unreachable)
    assert sent.error.message == "The upstream api.example did not accept a connection in time."
    assert door.clock.getDelayedCalls() == []


def test_an_answer_in_time_leaves_no_call(door: Door) -> None:
    sent = door.send()
    door.accept().say(STREAM)
    assert door.clock.getDelayedCalls() == []
    sent.answer.deliver(Receiver())


# -- errors -------------------------------------------------------------------------------------------------------


@implementer(IAgent)
class Failing:
    """An agent of which every request fails so."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        return fail(self.error)


def error_for(foreign: BaseException) -> BaseException:
    return Sent(Transport(Clock(), lambda _: Failing(foreign), FIRST_BYTE_SECONDS).send(outgoing())).error


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("foreign", "kind", "sentence"),
    [
        (DNSLookupError(SECRET), Unreachable, "The name of the upstream api.example cannot be resolved."),
        (ConnectError(SECRET), Unreachable, "The upstream api.example cannot be reached."),
        (NoRouteError(SECRET), Unreachable, "The upstream api.example cannot be reached."),
        (ConnectBindError(SECRET), Unreachable, "The upstream api.example cannot be reached."),
        (ConnectionLost(SECRET), Unreachable, "The upstream api.example cannot be reached."),
        (ConnectTimeout(SECRET), Unreachable, "The upstream api.example did not accept a connection in time."),
        (VerificationError([]), Unreachable, "The certificate of the upstream api.example is for another name."),
        (
            SSLError([("ssl", "", SECRET)]),
            Unreachable,
            "TLS with the upstream api.example failed: its certificate or protocol is not accepted.",
        ),
        (
            ResponseNeverReceived([Failure(ConnectionDone(SECRET))]),
            Broken,
            "The upstream api.example closed the connection without an answer.",
        ),
        (
            ResponseFailed([Failure(ConnectionLost(SECRET))]),
            Broken,
            "The upstream api.example closed the connection without an answer.",
        ),
        (
            RequestGenerationFailed([Failure(WrongLength(SECRET))]),
            BadRequest,
            "The body of the request is not as long as the request says.",
        ),
        (RequestGenerationFailed([Failure(UploadTooSlow("It is slow."))]), UploadTooSlow, "It is slow."),
        (
            ResponseFailed([Failure(Garbage(SECRET))]),
            Broken,
            "The upstream api.example sent something that is not HTTP.",
        ),
        (Unreachable("The proxy wants credentials."), Unreachable, "The proxy wants credentials."),
    ],
)
def test_a_foreign_error_becomes_one_of_ours_in_a_sentence(
    foreign: Exception, kind: type[ProxyError], sentence: str
) -> None:
    error = error_for(foreign)
    assert type(error) is kind
    assert str(error) == sentence


@pytest.mark.parametrize("foreign", [CancelledError(), ZeroDivisionError("a bug")])
def test_what_is_nobodys_fault_stays_what_it_is(foreign: Exception) -> None:
    assert error_for(foreign) is foreign


# -- cancelling ---------------------------------------------------------------------------------------------------


def silent_names(reactor: MemoryReactorClock) -> None:
    """A name that takes its time."""
    reactor.nameResolver = Names(silent=True)


def known_names(reactor: MemoryReactorClock) -> None:
    """A name that is known, and a connection that takes its time."""
    reactor.nameResolver = Names()


@pytest.mark.parametrize("names", [silent_names, known_names])
@pytest.mark.parametrize("way", ["direct", PROXY])
@pytest.mark.parametrize("base", ["http://api.example", "https://api.example"])
def test_cancelling_while_connecting_is_no_trouble_of_the_upstreams(
    names: Callable[[MemoryReactorClock], None], way: Way, base: str
) -> None:
    reactor = MemoryReactorClock()
    names(reactor)
    connect = connector(reactor, None if way == "direct" else PROXY)
    transport = Transport(reactor, lambda _: PooledAgent(reactor, connect, CONNECT_SECONDS), FIRST_BYTE_SECONDS)
    sent = Sent(transport.send(outgoing(way, base)))
    assert len(reactor.tcpClients) == (names is known_names)
    sent.deferred.cancel()
    assert isinstance(sent.error, CancelledError)
    assert reactor.getDelayedCalls() == []


def test_an_agents_own_word_for_cancelling_is_understood() -> None:
    asked: Deferred[IResponse] = Deferred(
        lambda cancelled: cancelled.errback(ConnectingCancelledError(HostnameAddress(b"api.example", 80)))
    )

    @implementer(IAgent)
    class Waiting:
        def request(
            self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
        ) -> Deferred[IResponse]:
            return asked

    sent = Sent(Transport(Clock(), lambda _: Waiting(), FIRST_BYTE_SECONDS).send(outgoing()))
    sent.deferred.cancel()
    assert isinstance(sent.error, CancelledError)


def test_cancelling_in_the_tls_handshake_cuts_the_connection(door: Door) -> None:
    sent = door.send(outgoing(base="https://api.example"))
    peer = door.accept()
    sent.deferred.cancel()
    peer.close(ConnectionAborted())
    assert isinstance(sent.error, CancelledError)
    assert (peer.cut, door.clock.getDelayedCalls()) == (True, [])


@pytest.mark.parametrize("so_far", [b"", b"HTTP/1.1 200"])
def test_cancelling_while_waiting_for_the_answer_cuts_the_connection(door: Door, so_far: bytes) -> None:
    sent = door.send()
    peer = door.accept().say(so_far)
    sent.deferred.cancel()
    peer.close(ConnectionAborted())
    assert isinstance(sent.error, CancelledError)
    assert (peer.cut, door.clock.getDelayedCalls()) == (True, [])


def test_cancelling_after_the_answer_changes_nothing(door: Door) -> None:
    sent = door.send()
    peer = door.accept().say(STREAM)
    sent.deferred.cancel()
    assert not peer.cut
    assert sent.answer.status == 200


# -- bodies that are still arriving -------------------------------------------------------------------------------


def test_a_body_that_is_still_arriving_goes_through_treq_too(door: Door) -> None:
    door.send(attrs.evolve(outgoing(), body=(body := Arriving())))
    peer = door.accept()
    assert peer.heard.endswith(b"accept-encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n")
    body.give(b"abc").end()
    assert peer.heard == chunk(b"abc") + LAST_CHUNK


@pytest.mark.parametrize("as_it_is", [False, True])
def test_a_body_is_paused_and_resumed_by_the_upstreams_socket(door: Door, as_it_is: bool) -> None:
    door.send(attrs.evolve(outgoing(), body=(body := Arriving()), as_it_is=as_it_is))
    producer = door.accept().transport.producer
    assert producer is not None
    producer.pauseProducing()
    producer.resumeProducing()
    assert body.told == ["begin", "pause", "resume"]


@pytest.mark.parametrize("as_it_is", [False, True])
def test_a_body_that_fails_is_told_as_it_failed(door: Door, as_it_is: bool) -> None:
    sent = door.send(attrs.evolve(outgoing(), body=(body := Arriving()), as_it_is=as_it_is))
    peer = door.accept()
    body.fail(error := ZeroDivisionError("the client left"))
    assert (sent.error, peer.cut, door.clock.getDelayedCalls()) == (error, True, [])


@pytest.mark.parametrize("connected", [False, True])
def test_cancelling_stops_a_body(door: Door, connected: bool) -> None:
    sent = door.send(errand(body=(body := Arriving())))
    if connected:
        door.accept()
    sent.deferred.cancel()
    assert isinstance(sent.error, CancelledError)
    assert (body.told[-1], door.clock.getDelayedCalls()) == ("stop", [])


def test_an_upload_may_take_longer_than_the_upstream_for_its_answer(door: Door) -> None:
    sent = door.send(errand(body=(body := Arriving())))
    peer = door.accept()
    for _ in range(3):
        door.clock.advance(FIRST_BYTE_SECONDS - 1)
        body.give(b"a")
    body.end()
    peer.say(OK)
    assert sent.answer.status == 200
    assert door.clock.getDelayedCalls() == []


def test_silence_after_the_last_of_a_body_times_out(door: Door) -> None:
    sent = door.send(errand(body=(body := Arriving())))
    peer = door.accept()
    door.clock.advance(1)
    body.give(b"a").end()
    door.clock.advance(FIRST_BYTE_SECONDS - 1)
    assert sent.outcomes == []
    door.clock.advance(1)
    assert isinstance(sent.error, TimedOut)
    assert (peer.cut, door.clock.getDelayedCalls()) == (True, [])


def test_a_body_reaches_the_demo_too() -> None:
    clock = Clock()
    sent = Sent(
        Transport(clock, lambda _: DemoAgent(clock, DemoSettings()), 600.0).send(errand(body=Arriving(2, b"{}")))
    )
    clock.advance(0)
    assert sent.answer.status == 404


# -- passed on ----------------------------------------------------------------------------------------------------


def test_a_request_that_is_passed_on_leaves_as_it_is(door: Door) -> None:
    door.send(errand((b"x-a", b"1"), (b"accept-encoding", b"br, zstd"), (b"x-a", b"2"), target=b"/a//..;?b=%zz&&"))
    assert door.accept().heard == (
        b"GET /a//..;?b=%zz&& HTTP/1.1\r\nHost: amp.example\r\nx-a: 1\r\naccept-encoding: br, zstd\r\nx-a: 2\r\n\r\n"
    )


def test_nothing_is_added_that_the_client_did_not_say(door: Door) -> None:
    door.send(errand(method="POST", body=b"abc"))
    assert door.accept().heard == b"POST /api/user?a=1 HTTP/1.1\r\nHost: amp.example\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize("method", ["get", "PURGE", "M-SEARCH", "a!#$%&'*+.^_`|~9"])
def test_any_method_is_passed_on(door: Door, method: str) -> None:
    door.send(errand(method=method))
    assert door.accept().heard.startswith(method.encode() + b" /api/user?a=1 HTTP/1.1\r\n")


def test_an_answer_to_head_that_is_passed_on_has_no_body(door: Door) -> None:
    sent = door.send(errand(method="HEAD"))
    door.accept().say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    sent.answer.deliver(receiver := Receiver())
    assert (receiver.pieces, type(receiver.ending)) == ([], ResponseDone)


def test_what_frames_a_body_is_not_the_clients_to_say(door: Door) -> None:
    lines = [(b"Content-Length", b"99"), (b"transfer-encoding", b"chunked"), (b"x-a", b"1")]
    door.send(errand(*lines, method="POST", body=b"abc"))
    assert door.accept().heard.endswith(b"example\r\nx-a: 1\r\nContent-Length: 3\r\n\r\nabc")


def test_names_in_capitals_are_the_same_names(door: Door) -> None:
    door.send(attrs.evolve(errand(), headers=HeaderLines([(b"Host", b"other.example"), (b"Upgrade", b"a")])))
    assert door.accept().heard == (
        b"GET /api/user?a=1 HTTP/1.1\r\nConnection: Upgrade\r\nhost: other.example\r\nupgrade: a\r\n\r\n"
    )


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"gzip, gzip"])
def test_the_coding_of_an_answer_that_is_passed_on_is_not_touched(door: Door, coding: bytes) -> None:
    sent = door.send(errand((b"accept-encoding", b"gzip")))
    head = b"Content-Encoding: %b\r\nX-Cliproxy-Content-Encoding: mine\r\nContent-Length: 3" % coding
    door.accept().say(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nabc")
    sent.answer.deliver(receiver := Receiver())
    assert sent.answer.headers.getRawHeaders(b"content-encoding") == [coding]
    assert sent.answer.headers.getRawHeaders(b"x-cliproxy-content-encoding") == [b"mine"]
    assert (receiver.pieces, sent.answer.length) == ([b"abc"], 3)


@pytest.mark.parametrize(
    "request_",
    [
        errand(method="GET /evil HTTP/1.1\r\nX: y"),
        errand(method=""),
        errand(method="G\xc9T"),
        errand(method="\ud800"),
        errand((b"x-a", b"1\r\nX: y")),
        errand((b"x-a", b"1\n")),
        errand((b"x-a", b"\r1")),
        errand((b"x-a", b"1\x00")),
        errand((b"x-a\r\nX", b"1")),
        errand((b"x a", b"1")),
        errand((b"x-a:", b"1")),
        errand((b"", b"1")),
        errand((b"x-\xe9", b"1")),
    ],
)
def test_what_is_not_a_line_of_a_head_is_not_passed_on(door: Door, request_: Outgoing) -> None:
    sent = door.send(attrs.evolve(request_, body=(body := Arriving())))
    assert isinstance(sent.error, BadRequest)
    assert (door.dialler.dials, body.told, door.clock.getDelayedCalls()) == ([], ["stop"], [])


def test_a_value_may_hold_any_other_bytes(door: Door) -> None:
    value = bytes(range(0x80, 0x100)) + b"\t \x01"
    door.send(errand((b"x-a", value)))
    assert b"\r\nx-a: " + value + b"\r\n" in door.accept().heard


def test_both_kinds_of_requests_share_their_connections(door: Door) -> None:
    peer = door.idle()
    door.send(errand(base="http://api.example"))
    assert peer.heard.startswith(b"GET /api/user")


# -- other protocols ----------------------------------------------------------------------------------------------

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
UPGRADE = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))


@pytest.mark.parametrize("as_it_is", [False, True])
def test_a_switch_of_protocols_hands_over_the_connection(door: Door, as_it_is: bool) -> None:
    sent = door.send(attrs.evolve(errand(*UPGRADE), as_it_is=as_it_is))
    peer = door.accept()
    assert b"\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" in peer.heard
    peer.say(SWITCH + b"a")
    assert (sent.answer.status, sent.answer.phrase, sent.answer.length) == (101, b"Switching Protocols", None)
    sent.answer.deliver(receiver := Receiver())
    assert isinstance(receiver.transport, RawTransport)
    receiver.transport.write(b"b")
    peer.say(b"c")
    assert (receiver.pieces, peer.heard) == ([b"a", b"c"], b"b")


def test_silence_does_not_end_another_protocol(door: Door) -> None:
    sent = door.send(errand(*UPGRADE))
    peer = door.accept().say(SWITCH)
    sent.answer.deliver(receiver := Receiver())
    door.clock.advance(100 * FIRST_BYTE_SECONDS)
    assert (peer.cut, receiver.endings, door.clock.getDelayedCalls()) == (False, [], [])


def test_a_refused_switch_is_an_answer_like_any_other(door: Door) -> None:
    sent = door.send(errand(*UPGRADE))
    door.accept().say(b"HTTP/1.1 426 No\r\nContent-Length: 2\r\n\r\n{}")
    sent.answer.deliver(receiver := Receiver())
    assert (sent.answer.status, receiver.pieces, door.agents["direct"].idle) == (426, [b"{}"], 1)


# -- retiring -----------------------------------------------------------------------------------------------------


def test_retiring_closes_idle_connections_of_every_way(door: Door) -> None:
    peers = [door.idle(), door.idle(outgoing(PROXY))]
    door.transport.retire()
    assert [peer.cut for peer in peers] == [True, True]
    assert door.clock.getDelayedCalls() == []


def test_a_way_that_is_first_used_after_retiring_keeps_no_connection_either(door: Door) -> None:
    door.transport.retire()
    assert door.idle().cut
    assert door.clock.getDelayedCalls() == []


def test_an_agent_that_keeps_nothing_need_not_retire() -> None:
    transport = Transport(Clock(), lambda _: Failing(CancelledError()), FIRST_BYTE_SECONDS)
    Sent(transport.send(outgoing()))
    transport.retire()


def test_tls_is_asked_for_where_the_url_says_so(door: Door) -> None:
    door.send(outgoing(base="https://api.example"))
    assert door.dialler.last.where == (True, "api.example", 443)
    peer = door.accept()
    assert peer.heard == b""
    IHandshakeListener(peer.connection).handshakeCompleted()
    assert peer.heard.startswith(b"POST ")
