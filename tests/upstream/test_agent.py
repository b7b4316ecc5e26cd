"""The agent: which connection a request goes to, what becomes of it afterwards, and that nothing is left behind."""

from __future__ import annotations

import pytest
from hyperlink import EncodedURL
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHandshakeListener, IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface.verify import verifyObject

from cliproxy.upstream.agent import CLOSING_SECONDS, IDLE_SECONDS, MAX_IDLE, SWEEP_SECONDS, PooledAgent
from cliproxy.upstream.bodies import BytesProducer
from cliproxy.upstream.handover import RawTransport
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.http1 import Http1Response
from cliproxy.upstream.urls import url_at
from tests.support.arriving import Arriving
from tests.support.upstream import LAST_CHUNK, OK, STREAM, Dialler, Peer, Receiver, error_in

CONNECT_SECONDS = 10.0
URI = b"http://api.example/v1/messages"
UPGRADE = HeaderLines([(b"connection", b"Upgrade"), (b"upgrade", b"websocket")])
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Request:
    """One request, with what came of it."""

    def __init__(self, asked: Deferred[IResponse]) -> None:
        self.deferred = asked
        self.outcomes: list[object] = []
        asked.addBoth(self.outcomes.append)

    def take(self) -> Receiver:
        """Take the body of its answer."""
        (response,) = self.outcomes
        assert isinstance(response, Http1Response)
        response.deliverBody(receiver := Receiver())
        return receiver

    @property
    def error(self) -> BaseException:
        return error_in(self.outcomes)


class Pooled:
    """An agent whose connections are in the test's hands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dialler = Dialler()
        self.agent = PooledAgent(self.clock, self.dialler, CONNECT_SECONDS)

    def ask(self, uri: bytes = URI, method: bytes = b"POST", headers: Headers | None = None) -> Request:
        body = BytesProducer(b"{}") if method == b"POST" else None
        return Request(self.agent.request(method, uri, headers, body))

    def upload(self, body: Arriving, uri: bytes = URI) -> Request:
        """A request whose body is still arriving."""
        return Request(self.agent.request(b"POST", uri, None, body))

    def switched(self) -> tuple[Peer, Receiver]:
        """A connection that is another protocol's."""
        request = self.ask(method=b"GET", headers=UPGRADE)
        peer = self.accept().say(SWITCH)
        return peer, request.take()

    def accept(self) -> Peer:
        """The connection that was last asked for is there."""
        return self.dialler.last.accept()

    def idle(self, uri: bytes = URI) -> Peer:
        """A connection that has carried a request and waits for another."""
        request = self.ask(uri)
        peer = self.accept().say(OK)
        request.take()
        assert peer.heard
        return peer

    def several_idle(self, count: int) -> list[Peer]:
        """As many, in the order in which they became idle."""
        requests, peers = [], []
        for _ in range(count):
            requests.append(self.ask())
            peers.append(self.accept())
        for request, peer in zip(requests, peers, strict=True):
            peer.say(OK)
            request.take()
            assert peer.heard
        return peers

    def advance(self, seconds: float) -> None:
        """In steps, as a reactor's time goes."""
        for _ in range(int(seconds)):
            self.clock.advance(1)


@pytest.fixture
def pooled() -> Pooled:
    return Pooled()


# -- what is sent -------------------------------------------------------------------------------------------------


def test_it_is_an_agent(pooled: Pooled) -> None:
    assert verifyObject(IAgent, pooled.agent)


def test_host_and_length_are_added_and_the_lines_stay_in_their_order(pooled: Pooled) -> None:
    pooled.ask(headers=HeaderLines([(b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", b"3")]))
    assert pooled.accept().heard == (
        b"POST /v1/messages HTTP/1.1\r\nHost: api.example\r\nx-b: 1\r\nx-a: 2\r\nx-b: 3\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_host_that_is_given_is_the_only_one(pooled: Pooled) -> None:
    pooled.ask(headers=HeaderLines([(b"host", b"other.example")]))
    assert pooled.accept().heard.lower().count(b"host: ") == 1


@pytest.mark.parametrize(
    ("uri", "where", "host", "target"),
    [
        (b"https://api.example/v1?beta=true", (True, "api.example", 443), b"api.example", b"/v1?beta=true"),
        (b"https://api.example:8443/", (True, "api.example", 8443), b"api.example:8443", b"/"),
        (b"http://api.example", (False, "api.example", 80), b"api.example", b"/"),
        (b"http://127.0.0.1:99/a;b=c?d?e=%2F", (False, "127.0.0.1", 99), b"127.0.0.1:99", b"/a;b=c?d?e=%2F"),
        (b"http://[::1]:99/a?", (False, "::1", 99), b"[::1]:99", b"/a?"),
        (b"http://api.example//a;?;", (False, "api.example", 80), b"api.example", b"//a;?;"),
        (b"http://api.example?a=/b", (False, "api.example", 80), b"api.example", b"/?a=/b"),
        (b"http://api.example/a#b", (False, "api.example", 80), b"api.example", b"/a"),
        (b"https://[2001:db8::80]/a", (True, "2001:db8::80", 443), b"[2001:db8::80]", b"/a"),
    ],
)
def test_a_uri_tells_where_to_connect_and_what_to_ask(
    pooled: Pooled, uri: bytes, where: tuple[bool, str, int], host: bytes, target: bytes
) -> None:
    pooled.ask(uri, b"GET")
    peer = pooled.accept()
    if where[0]:
        IHandshakeListener(peer.connection).handshakeCompleted()
    assert pooled.dialler.last.where == where
    assert peer.heard == b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host)


TARGETS = st.text("/.;?%:@&=[]aZ0~", max_size=40).map(lambda text: b"/" + text.encode())


@given(TARGETS)
def test_a_target_is_sent_letter_by_letter(target: bytes) -> None:
    pooled = Pooled()
    pooled.ask(url_at(EncodedURL.from_text("http://api.example"), target).to_text().encode(), b"GET")
    assert pooled.accept().heard == b"GET %b HTTP/1.1\r\nHost: api.example\r\n\r\n" % target


def test_what_is_no_absolute_uri_is_refused(pooled: Pooled) -> None:
    with pytest.raises(ValueError, match="absolute"):
        pooled.ask(b"/v1/messages")


def test_twisteds_own_headers_do_as_well(pooled: Pooled) -> None:
    pooled.ask(method=b"GET", headers=Headers({b"a": [b"1", b"2"], b"host": [b"other.example"]}))
    assert pooled.accept().heard == b"GET /v1/messages HTTP/1.1\r\nA: 1\r\nA: 2\r\nHost: other.example\r\n\r\n"


def test_what_asks_for_another_protocol_goes_out_as_given(pooled: Pooled) -> None:
    pooled.ask(method=b"GET", headers=UPGRADE)
    assert pooled.accept().heard.endswith(b"Host: api.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")


def test_asking_for_another_protocol_is_a_matter_of_this_connection_even_if_that_was_not_said(pooled: Pooled) -> None:
    pooled.ask(method=b"GET", headers=HeaderLines([(b"upgrade", b"websocket")]))
    assert b"\r\nConnection: Upgrade\r\n" in pooled.accept().heard


@pytest.mark.parametrize(
    ("length", "framing"), [(None, b"Transfer-Encoding: chunked"), (5, b"Content-Length: 5"), (0, b"Content-Length: 0")]
)
def test_a_body_that_is_still_arriving_is_framed_by_its_length_if_that_is_known(
    pooled: Pooled, length: int | None, framing: bytes
) -> None:
    pooled.upload(Arriving(length))
    assert pooled.accept().heard == b"POST /v1/messages HTTP/1.1\r\nHost: api.example\r\n" + framing + b"\r\n\r\n"


def test_a_post_without_a_body_says_so(pooled: Pooled) -> None:
    pooled.agent.request(b"POST", URI)
    assert b"\r\nContent-Length: 0\r\n\r\n" in pooled.accept().heard


def test_an_answer_to_head_has_no_body(pooled: Pooled) -> None:
    request = pooled.ask(method=b"HEAD")
    pooled.accept().say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    request.take()
    assert pooled.agent.idle == 1


# -- which connection ---------------------------------------------------------------------------------------------


def test_a_connection_is_used_again(pooled: Pooled) -> None:
    peer = pooled.idle()
    request = pooled.ask()
    assert peer.heard.startswith(b"POST ")
    peer.say(OK)
    assert request.take().pieces == [b"{}"]
    assert len(pooled.dialler.dials) == 1


def test_the_one_used_last_is_used_first(pooled: Pooled) -> None:
    first, last = pooled.several_idle(2)
    pooled.ask()
    assert (first.heard, last.heard[:4]) == (b"", b"POST")


def test_a_connection_in_use_is_nobody_elses(pooled: Pooled) -> None:
    pooled.ask()
    pooled.accept().say(STREAM)
    pooled.ask()
    assert len(pooled.dialler.dials) == 2


def test_an_answer_that_waits_for_its_receiver_keeps_its_connection(pooled: Pooled) -> None:
    request = pooled.ask()
    pooled.accept().say(OK)
    assert pooled.agent.idle == 0
    request.take()
    assert pooled.agent.idle == 1


@pytest.mark.parametrize("other", [b"https://api.example/", b"http://api.example:81/", b"http://b.example/"])
def test_another_origin_has_connections_of_its_own(pooled: Pooled, other: bytes) -> None:
    pooled.idle()
    pooled.ask(other)
    assert len(pooled.dialler.dials) == 2


def test_the_end_of_an_answer_finds_its_connection_idle_already(pooled: Pooled) -> None:
    class Following(Receiver):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            pooled.ask()

    request = pooled.ask()
    peer = pooled.accept().say(OK)
    assert peer.heard
    (response,) = request.outcomes
    assert isinstance(response, Http1Response)
    response.deliverBody(Following())
    assert peer.heard.startswith(b"POST ")


def test_an_idle_connection_that_its_peer_closes_is_forgotten(pooled: Pooled) -> None:
    peer = pooled.idle()
    peer.close()
    assert pooled.agent.idle == 0
    pooled.ask()
    assert len(pooled.dialler.dials) == 2


def test_an_idle_connection_on_which_something_comes_is_not_used_even_before_it_has_closed(pooled: Pooled) -> None:
    peer = pooled.idle().say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert peer.cut
    pooled.ask()
    assert (peer.heard, len(pooled.dialler.dials)) == (b"", 2)


def test_a_connection_that_was_cut_by_its_receiver_is_not_used_again(pooled: Pooled) -> None:
    request = pooled.ask()
    peer = pooled.accept().say(OK)
    (response,) = request.outcomes
    assert isinstance(response, Http1Response)
    response.deliverBody(Receiver(lambda receiver: IPushProducer(receiver.transport).stopProducing()))
    assert (peer.cut, pooled.agent.idle) == (True, 0)


def test_no_more_than_the_limit_wait(pooled: Pooled) -> None:
    peers = pooled.several_idle(MAX_IDLE + 2)
    assert pooled.agent.idle == MAX_IDLE
    assert [peer.cut for peer in peers] == [False] * MAX_IDLE + [True] * 2


# -- growing old --------------------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed_after_its_time(pooled: Pooled) -> None:
    peer = pooled.idle()
    pooled.advance(IDLE_SECONDS - 1)
    assert not peer.cut
    pooled.advance(SWEEP_SECONDS + 1)
    assert (peer.cut, pooled.agent.idle) == (True, 0)


def test_use_makes_a_connection_young(pooled: Pooled) -> None:
    peer = pooled.idle()
    pooled.advance(IDLE_SECONDS - SWEEP_SECONDS)
    request = pooled.ask()
    peer.say(OK)
    request.take()
    pooled.advance(IDLE_SECONDS - 1)
    assert not peer.cut


def test_a_connection_in_use_does_not_grow_old(pooled: Pooled) -> None:
    peer = pooled.idle()
    request = pooled.ask()
    pooled.advance(10 * IDLE_SECONDS)
    assert (peer.cut, request.outcomes) == (False, [])


def test_without_idle_connections_no_call_is_pending(pooled: Pooled) -> None:
    pooled.idle()
    pooled.idle(b"http://b.example/").close()
    assert len(pooled.clock.getDelayedCalls()) == 1
    pooled.advance(IDLE_SECONDS + 2 * SWEEP_SECONDS)
    assert pooled.clock.getDelayedCalls() == []


# -- retiring -----------------------------------------------------------------------------------------------------


def test_retiring_closes_what_is_idle_and_leaves_no_call(pooled: Pooled) -> None:
    peers = pooled.several_idle(2)
    pooled.agent.retire()
    assert all(peer.cut for peer in peers)
    assert (pooled.agent.idle, pooled.clock.getDelayedCalls()) == (0, [])


def test_a_request_under_way_ends_in_peace_when_the_agent_retires(pooled: Pooled) -> None:
    request = pooled.ask()
    peer = pooled.accept().say(STREAM)
    pooled.agent.retire()
    receiver = request.take()
    assert not peer.cut
    peer.say(LAST_CHUNK)
    assert len(receiver.endings) == 1
    assert (peer.cut, pooled.agent.idle, pooled.clock.getDelayedCalls()) == (True, 0, [])


def test_a_retired_agent_still_answers(pooled: Pooled) -> None:
    pooled.agent.retire()
    peer = pooled.idle()
    assert (peer.cut, pooled.agent.idle) == (True, 0)


# -- once more ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
def test_a_stale_connection_costs_a_second_try_on_a_new_one(pooled: Pooled, reason: Exception) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    sent = stale.heard
    stale.close(reason)
    peer = pooled.accept()
    assert peer.heard == sent
    peer.say(OK)
    assert request.take().pieces == [b"{}"]


def test_a_second_try_takes_a_new_connection_and_not_another_stale_one(pooled: Pooled) -> None:
    other, stale = pooled.several_idle(2)
    pooled.ask()
    stale.close()
    assert (len(pooled.dialler.dials), other.heard) == (3, b"")


def test_there_is_no_third_try(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    stale.close()
    pooled.accept().close()
    assert isinstance(request.error, ResponseNeverReceived)
    assert len(pooled.dialler.dials) == 2


def test_a_fresh_connection_gets_no_second_try(pooled: Pooled) -> None:
    request = pooled.ask()
    pooled.accept().close()
    assert isinstance(request.error, ResponseNeverReceived)
    assert len(pooled.dialler.dials) == 1


def test_after_a_byte_of_the_answer_there_is_no_second_try(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    stale.say(b"H").close()
    assert type(request.error) is ResponseFailed
    assert len(pooled.dialler.dials) == 1


def test_a_connection_that_fails_otherwise_gets_no_second_try(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    stale.close(OSError("out of paper"))
    assert isinstance(request.error, ResponseNeverReceived)
    assert len(pooled.dialler.dials) == 1


def test_cancelling_is_no_reason_for_a_second_try(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    request.deferred.cancel()
    stale.close(ConnectionAborted())
    assert isinstance(request.error, CancelledError)
    assert len(pooled.dialler.dials) == 1


def test_the_second_try_can_be_cancelled(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask()
    stale.close()
    request.deferred.cancel()
    assert isinstance(request.error, CancelledError)
    assert pooled.dialler.last.cancelled


# -- bodies that are still arriving -------------------------------------------------------------------------------


def test_a_body_that_could_not_be_repeated_goes_to_a_new_connection(pooled: Pooled) -> None:
    idle = pooled.idle()
    pooled.upload(Arriving())
    assert (idle.heard, len(pooled.dialler.dials)) == (b"", 2)


def test_behind_the_answer_to_an_upload_its_connection_is_kept(pooled: Pooled) -> None:
    request = pooled.upload(Arriving(3, b"abc"))
    pooled.accept().say(OK)
    request.take()
    assert pooled.agent.idle == 1


def test_a_body_begins_when_there_is_a_connection(pooled: Pooled) -> None:
    pooled.upload(body := Arriving(), b"https://api.example/")
    peer = pooled.accept()
    assert body.told == []
    IHandshakeListener(peer.connection).handshakeCompleted()
    assert body.told == ["begin"]


def test_a_body_for_which_there_is_no_connection_is_stopped(pooled: Pooled) -> None:
    request = pooled.upload(body := Arriving())
    pooled.dialler.last.fail(DNSLookupError("nope"))
    assert isinstance(request.error, DNSLookupError)
    assert body.told == ["stop"]


def test_a_body_whose_connection_does_not_come_in_time_is_stopped(pooled: Pooled) -> None:
    request = pooled.upload(body := Arriving())
    pooled.clock.advance(CONNECT_SECONDS)
    assert isinstance(request.error, ConnectTimeout)
    assert body.told == ["stop"]


def test_cancelling_while_connecting_stops_the_body(pooled: Pooled) -> None:
    request = pooled.upload(body := Arriving())
    request.deferred.cancel()
    assert isinstance(request.error, CancelledError)
    assert (body.told, pooled.clock.getDelayedCalls()) == (["stop"], [])


def test_cancelling_in_the_tls_handshake_stops_the_body(pooled: Pooled) -> None:
    request = pooled.upload(body := Arriving(), b"https://api.example/")
    peer = pooled.accept()
    request.deferred.cancel()
    peer.close(ConnectionAborted())
    assert isinstance(request.error, CancelledError)
    assert (body.told, peer.cut) == (["stop"], True)


def test_a_connection_that_closes_without_an_answer_gets_no_second_body(pooled: Pooled) -> None:
    request = pooled.upload(body := Arriving(3, b"abc"))
    pooled.accept().close()
    assert isinstance(request.error, ResponseNeverReceived)
    assert (len(pooled.dialler.dials), body.told) == (1, ["begin"])


# -- other protocols ----------------------------------------------------------------------------------------------


def test_a_connection_that_switched_is_never_idle(pooled: Pooled) -> None:
    peer, receiver = pooled.switched()
    peer.close()
    assert (len(receiver.endings), pooled.agent.idle) == (1, 0)


def test_a_stale_connection_costs_a_request_for_another_protocol_a_second_try(pooled: Pooled) -> None:
    stale = pooled.idle()
    request = pooled.ask(method=b"GET", headers=UPGRADE)
    stale.close()
    pooled.accept().say(SWITCH)
    request.take()


def test_a_connection_that_switched_lives_on_when_the_agent_retires(pooled: Pooled) -> None:
    peer, _ = pooled.switched()
    pooled.agent.retire()
    pooled.advance(1000)
    assert not peer.cut


def leave(receiver: Receiver) -> None:
    assert isinstance(receiver.transport, RawTransport)
    receiver.transport.loseConnection()


def test_a_peer_that_does_not_take_the_last_bytes_is_cut(pooled: Pooled) -> None:
    peer, receiver = pooled.switched()
    leave(receiver)
    pooled.clock.advance(CLOSING_SECONDS - 1)
    assert not peer.cut
    pooled.clock.advance(1)
    assert (peer.cut, pooled.clock.getDelayedCalls()) == (True, [])
    peer.close(ConnectionAborted())
    assert len(receiver.endings) == 1


def test_a_peer_that_does_leaves_no_call(pooled: Pooled) -> None:
    peer, receiver = pooled.switched()
    leave(receiver)
    peer.close()
    assert (pooled.clock.getDelayedCalls(), len(receiver.endings)) == ([], 1)


# -- connecting ---------------------------------------------------------------------------------------------------


def test_a_failed_connect_is_told_as_it_is(pooled: Pooled) -> None:
    request = pooled.ask()
    pooled.dialler.last.fail(DNSLookupError("nope"))
    assert isinstance(request.error, DNSLookupError)
    assert pooled.clock.getDelayedCalls() == []


def test_a_connect_that_takes_too_long_is_given_up(pooled: Pooled) -> None:
    request = pooled.ask()
    pooled.clock.advance(CONNECT_SECONDS)
    assert isinstance(request.error, ConnectTimeout)
    assert pooled.dialler.last.cancelled
    assert pooled.clock.getDelayedCalls() == []


def test_the_time_to_connect_includes_the_tls_handshake(pooled: Pooled) -> None:
    request = pooled.ask(b"https://api.example/")
    pooled.clock.advance(CONNECT_SECONDS - 1)
    peer = pooled.accept()
    pooled.clock.advance(1)
    assert isinstance(request.error, ConnectTimeout)
    assert peer.cut
    peer.close(ConnectionAborted())
    assert (peer.heard, pooled.clock.getDelayedCalls()) == (b"", [])


def test_a_connection_in_time_leaves_no_call(pooled: Pooled) -> None:
    pooled.ask(b"https://api.example/")
    peer = pooled.accept()
    assert peer.heard == b""
    IHandshakeListener(peer.connection).handshakeCompleted()
    assert peer.heard.startswith(b"POST ")
    assert pooled.clock.getDelayedCalls() == []


def test_cancelling_while_connecting_stops_that(pooled: Pooled) -> None:
    request = pooled.ask()
    request.deferred.cancel()
    assert isinstance(request.error, CancelledError)
    assert pooled.dialler.last.cancelled
    assert pooled.clock.getDelayedCalls() == []


def test_cancelling_in_the_tls_handshake_cuts_the_connection(pooled: Pooled) -> None:
    request = pooled.ask(b"https://api.example/")
    peer = pooled.accept()
    request.deferred.cancel()
    peer.close(ConnectionAborted())
    assert isinstance(request.error, CancelledError)
    assert (peer.cut, pooled.clock.getDelayedCalls()) == (True, [])


@pytest.mark.parametrize("so_far", [b"", b"HTTP/1.1 200"])
def test_cancelling_before_the_head_is_whole_cuts_the_connection(pooled: Pooled, so_far: bytes) -> None:
    request = pooled.ask()
    peer = pooled.accept().say(so_far)
    request.deferred.cancel()
    peer.close(ConnectionAborted())
    assert isinstance(request.error, CancelledError)
    assert (peer.cut, pooled.agent.idle) == (True, 0)


def test_an_answer_that_nobody_takes_does_not_keep_its_connection(pooled: Pooled) -> None:
    request = pooled.ask()
    peer = pooled.accept().say(STREAM)
    request.outcomes.clear()
    assert (peer.cut, pooled.agent.idle) == (True, 0)


def test_what_is_not_a_host_name_cannot_be_resolved() -> None:
    def refuse(secure: bool, host: str, port: int) -> IStreamClientEndpoint:
        raise ValueError(f"invalid hostname: {host}")

    request = Request(PooledAgent(Clock(), refuse, CONNECT_SECONDS).request(b"GET", b"http://a_b/"))
    assert isinstance(request.error, DNSLookupError)


# -- laws ---------------------------------------------------------------------------------------------------------


class PoolMachine(RuleBasedStateMachine):
    """Requests come and go in any order; every connection is in use, idle or closed, and never two of these."""

    def __init__(self) -> None:
        super().__init__()
        self.pooled = Pooled()
        self.asked: list[tuple[Request, Peer]] = []
        self.peers: list[Peer] = []

    @rule()
    def ask(self) -> None:
        before = len(self.pooled.dialler.dials)
        request = self.pooled.ask()
        if len(self.pooled.dialler.dials) > before:
            self.peers.append(self.pooled.accept())
        (peer,) = [peer for peer in self.peers if peer.heard]
        self.asked.append((request, peer))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 9), answer=st.sampled_from([OK, OK + b"x", STREAM + LAST_CHUNK]))
    def answer(self, which: int, answer: bytes) -> None:
        request, peer = self.asked.pop(which % len(self.asked))
        peer.say(answer)
        assert len(request.take().endings) == 1

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        request, peer = self.asked.pop(which % len(self.asked))
        request.deferred.cancel()
        assert peer.cut

    @precondition(lambda self: self.peers)
    @rule(which=st.integers(0, 9))
    def close(self, which: int) -> None:
        peer = self.peers[which % len(self.peers)]
        if peer.connection not in [asked.connection for _, asked in self.asked]:
            self.peers.remove(peer)
            peer.close(ConnectionAborted() if peer.cut else ConnectionDone())

    @rule(seconds=st.sampled_from([1, 10, 40]))
    def time_passes(self, seconds: int) -> None:
        self.pooled.advance(seconds)

    @invariant()
    def every_connection_is_accounted_for(self) -> None:
        alive = [peer for peer in self.peers if not peer.cut]
        assert self.pooled.agent.idle == len(alive) - len(self.asked)

    def teardown(self) -> None:
        self.pooled.agent.retire()
        for request, _ in self.asked:
            request.deferred.cancel()
        assert all(peer.cut for peer in self.peers)
        assert self.pooled.clock.getDelayedCalls() == []


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
