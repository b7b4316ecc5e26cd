"""One connection: the bytes of a request, an answer handed on, and every way in which it may end."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface.verify import verifyObject

from cliproxy.upstream.answers import Garbage
from cliproxy.upstream.bodies import WrongLength
from cliproxy.upstream.handover import BodyTransport, RawTransport
from cliproxy.upstream.http1 import MAX_SURELY_SENT_BYTES, Http1Connection, Http1Response, State
from tests.support.arriving import Arriving
from tests.support.streams import cut
from tests.support.upstream import LAST_CHUNK, OK, STREAM, Peer, Receiver, chunk, error_in

HEAD, BODY = b"POST / HTTP/1.1\r\n\r\n", b'{"a":1}'
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Wire:
    """A connection with its peer, and what the pool hears of it."""

    def __init__(self, secure: bool = False) -> None:
        self.heard: list[str] = []
        self.connection = Http1Connection(
            secure,
            lambda idle: self.note("idle", idle),
            lambda closed: self.note("closed", closed),
            lambda closing: self.note("closing", closing),
        )
        self.ready: list[object] = []
        self.connection.ready.addBoth(self.ready.append)
        self.peer = Peer(self.connection)
        self.outcomes: list[object] = []

    def note(self, word: str, connection: Http1Connection) -> None:
        assert connection is self.connection
        self.heard.append(word)

    def ask(self, *, bodyless: bool = False) -> Deferred[IResponse]:
        self.outcomes.clear()
        asked = self.connection.ask(HEAD, BODY, bodyless)
        asked.addBoth(self.outcomes.append)
        return asked

    def asked(self, *pieces: bytes) -> Wire:
        """A request, and what comes back."""
        self.ask()
        self.peer.say(*pieces)
        return self

    def upload(self, body: Arriving, *, upgrade: bool = False) -> Deferred[IResponse]:
        """A request whose body is still arriving."""
        asked = self.connection.ask(HEAD, body, bodyless=False, upgrade=upgrade)
        asked.addBoth(self.outcomes.append)
        return asked

    def switched(self, *pieces: bytes) -> Wire:
        """A request for another protocol, a 101, and what comes behind it."""
        self.connection.ask(HEAD, b"", bodyless=False, upgrade=True).addBoth(self.outcomes.append)
        assert self.peer.heard == HEAD
        self.peer.say(*(pieces or [SWITCH]))
        return self

    @property
    def response(self) -> IResponse:
        (response,) = self.outcomes
        assert isinstance(response, Http1Response)
        return response

    @property
    def error(self) -> BaseException:
        return error_in(self.outcomes)

    def deliver(self, receiver: Receiver | None = None) -> Receiver:
        receiver = receiver or Receiver()
        self.response.deliverBody(receiver)
        return receiver


def transport_of(receiver: Receiver) -> BodyTransport:
    assert isinstance(receiver.transport, BodyTransport)
    return receiver.transport


def raw_of(receiver: Receiver) -> RawTransport:
    assert isinstance(receiver.transport, RawTransport)
    return receiver.transport


def only_reason(error: BaseException) -> BaseException | None:
    assert isinstance(error, (ResponseFailed, ResponseNeverReceived, RequestGenerationFailed))
    (reason,) = error.reasons
    assert isinstance(reason, Failure)
    return reason.value


# -- connecting ---------------------------------------------------------------------------------------------------


def test_without_tls_it_is_ready_when_connected() -> None:
    wire = Wire()
    assert wire.ready == [wire.connection]
    assert wire.connection.state is State.IDLE


def test_with_tls_it_is_ready_after_the_handshake_which_proves_the_name() -> None:
    wire = Wire(secure=True)
    assert wire.ready == []
    IHandshakeListener(wire.connection).handshakeCompleted()
    assert wire.ready == [wire.connection]


def test_a_handshake_that_fails_fails_the_connection() -> None:
    wire = Wire(secure=True)
    wire.peer.close(ValueError("the certificate"))
    (failure,) = wire.ready
    assert isinstance(failure, Failure)
    assert failure.check(ValueError)
    assert wire.connection.state is State.CLOSED


def test_cancelling_during_the_handshake_cuts_the_connection() -> None:
    wire = Wire(secure=True)
    wire.connection.ready.cancel()
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    (failure,) = wire.ready
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)


def test_bytes_before_the_handshake_is_done_cut_it() -> None:
    assert Wire(secure=True).peer.say(OK).cut


# -- asking -------------------------------------------------------------------------------------------------------


def test_head_and_body_leave_at_once_and_as_they_are() -> None:
    wire = Wire()
    wire.ask()
    assert wire.peer.heard == HEAD + BODY


def test_the_answer_comes_with_its_head() -> None:
    wire = Wire().asked(STREAM[:40])
    assert wire.outcomes == []
    wire.peer.say(STREAM[40:])
    assert verifyObject(IResponse, wire.response)
    assert (wire.response.code, wire.response.phrase, wire.response.version) == (200, b"OK", (b"HTTP", 1, 1))
    assert wire.response.headers.getRawHeaders(b"content-type") == [b"text/event-stream"]
    assert wire.response.length is UNKNOWN_LENGTH


def test_the_answer_has_a_length_where_its_head_names_one() -> None:
    assert Wire().asked(OK).response.length == 2


def test_interim_answers_are_nobodys() -> None:
    assert Wire().asked(b"HTTP/1.1 100 Continue\r\n\r\n", OK).response.code == 200


def test_an_answer_without_a_body_ends_at_once() -> None:
    receiver = Wire().asked(b"HTTP/1.1 204 No Content\r\n\r\n").deliver()
    assert (receiver.pieces, type(receiver.ending)) == ([], ResponseDone)


def test_an_answer_to_head_ends_with_its_head() -> None:
    wire = Wire()
    wire.ask(bodyless=True)
    wire.peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    assert isinstance(wire.deliver().ending, ResponseDone)
    assert wire.connection.state is State.IDLE


def test_a_connection_lost_without_a_byte_is_an_answer_never_received() -> None:
    wire = Wire().asked()
    wire.peer.close(reason := ConnectionLost())
    assert isinstance(wire.error, ResponseNeverReceived)
    assert only_reason(wire.error) is reason


@pytest.mark.parametrize("piece", [b"H", STREAM[:-1], b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_connection_lost_in_the_head_is_a_failed_answer(piece: bytes) -> None:
    wire = Wire().asked(piece)
    wire.peer.close()
    assert type(wire.error) is ResponseFailed


def test_garbage_instead_of_a_head_cuts_the_connection_and_fails_the_answer() -> None:
    wire = Wire().asked(b"SSH-2.0-OpenSSH\r\n")
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert isinstance(only_reason(wire.error), Garbage)


def test_cancelling_cuts_the_connection_and_the_answer_stays_cancelled_when_it_closes() -> None:
    wire = Wire()
    wire.ask().cancel()
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert isinstance(wire.error, CancelledError)
    assert wire.heard == ["closed"]


def test_what_comes_after_cancelling_is_dropped() -> None:
    wire = Wire()
    wire.ask().cancel()
    wire.peer.say(OK)
    assert isinstance(wire.error, CancelledError)
    assert wire.heard == []


# -- the body -----------------------------------------------------------------------------------------------------


def test_nothing_is_read_from_the_head_to_the_delivery() -> None:
    wire = Wire().asked(STREAM + chunk(b"early"))
    assert not wire.peer.read_from
    receiver = wire.deliver()
    assert receiver.pieces == [b"early"]
    assert wire.peer.read_from


def test_a_short_answer_that_came_whole_needs_no_pause() -> None:
    wire = Wire().asked(OK)
    assert wire.peer.read_from
    assert wire.deliver().pieces == [b"{}"]


def test_the_body_is_handed_on_once_for_each_read() -> None:
    wire = Wire().asked(STREAM)
    receiver = wire.deliver()
    wire.peer.say(chunk(b"a") + chunk(b"b") + chunk(b"c"), chunk(b"d"), b"1\r", b"\ne\r\n" + LAST_CHUNK)
    assert receiver.pieces == [b"abc", b"d", b"e"]
    assert isinstance(receiver.ending, ResponseDone)


def test_a_receiver_may_pause_and_resume_the_socket() -> None:
    wire = Wire().asked(STREAM)
    transport = transport_of(wire.deliver())
    assert verifyObject(IPushProducer, transport)
    transport.pauseProducing()
    assert not wire.peer.read_from
    transport.resumeProducing()
    assert wire.peer.read_from


def test_a_pause_wished_for_during_delivery_is_kept() -> None:
    wire = Wire().asked(STREAM + chunk(b"early"))
    wire.deliver(Receiver(lambda receiver: transport_of(receiver).pauseProducing()))
    assert not wire.peer.read_from


def test_stopping_cuts_the_connection_and_nothing_more_is_told() -> None:
    wire = Wire().asked(STREAM)
    receiver = wire.deliver(Receiver(lambda receiver: transport_of(receiver).stopProducing()))
    wire.peer.say(chunk(b"a"), chunk(b"b") + LAST_CHUNK)
    assert (wire.peer.cut, receiver.pieces, receiver.endings) == (True, [b"a"], [])
    wire.peer.close(ConnectionAborted())
    assert isinstance(only_reason(receiver.ending), ConnectionAborted)


def test_a_body_is_delivered_only_once() -> None:
    wire = Wire().asked(OK)
    wire.deliver()
    wire.asked(STREAM)
    first = wire.response
    first.deliverBody(Receiver())
    with pytest.raises(RuntimeError, match="already"):
        first.deliverBody(Receiver())


def test_the_end_is_told_after_the_connection_can_be_used_again() -> None:
    wire = Wire().asked(STREAM)

    class Asking(Receiver):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            super().connectionLost(reason)
            wire.ask()

    receiver = wire.deliver(Asking())
    assert wire.peer.heard == HEAD + BODY
    wire.peer.say(chunk(b"a") + LAST_CHUNK)
    assert isinstance(receiver.ending, ResponseDone)
    assert wire.heard == ["idle"]
    assert wire.peer.heard == HEAD + BODY
    wire.peer.say(OK)
    assert wire.deliver().pieces == [b"{}"]


def test_a_receiver_has_no_hold_on_the_connection_once_its_body_is_over() -> None:
    wire = Wire().asked(OK)
    transport = transport_of(wire.deliver())
    wire.asked(STREAM)
    second = wire.deliver()
    transport.pauseProducing()
    transport.stopProducing()
    assert (wire.peer.read_from, wire.peer.cut) == (True, False)
    wire.peer.say(chunk(b"for the second"))
    assert second.pieces == [b"for the second"]


def test_a_pause_ends_with_the_body() -> None:
    wire = Wire().asked(STREAM)
    receiver = wire.deliver()
    transport_of(receiver).pauseProducing()
    wire.peer.say(chunk(b"was under way") + LAST_CHUNK)
    assert (wire.peer.read_from, wire.connection.state) == (True, State.IDLE)


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK + b"bytes behind the end",
        OK + OK,
    ],
)
def test_a_connection_that_cannot_be_used_again_is_cut_at_the_bodys_end(answer: bytes) -> None:
    wire = Wire().asked(answer)
    receiver = wire.deliver()
    assert (receiver.pieces, type(receiver.ending)) == ([b"{}"], ResponseDone)
    assert (wire.peer.cut, wire.heard) == (True, [])


def test_bytes_behind_the_end_of_an_answer_that_waits_spoil_the_connection_only() -> None:
    wire = Wire().asked(OK, b"rubbish")
    assert isinstance(wire.deliver().ending, ResponseDone)
    assert (wire.peer.cut, wire.heard) == (True, [])


def test_a_connection_cut_by_the_receiver_of_the_last_bytes_is_not_used_again() -> None:
    wire = Wire().asked(OK)
    wire.deliver(Receiver(lambda receiver: transport_of(receiver).stopProducing()))
    assert wire.peer.cut
    assert "idle" not in wire.heard


def test_bytes_on_an_idle_connection_cut_it_and_nobody_gets_it_meanwhile() -> None:
    wire = Wire()
    wire.peer.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert (wire.peer.cut, wire.heard) == (True, ["closed"])


@pytest.mark.parametrize("so_far", [chunk(b"a"), b"5\r\nab", chunk(b"a") + b"0\r\n"])
def test_a_body_that_is_cut_is_a_failed_answer(so_far: bytes) -> None:
    wire = Wire().asked(STREAM)
    receiver = wire.deliver()
    wire.peer.say(so_far)
    wire.peer.close(reason := ConnectionDone())
    assert only_reason(receiver.ending) is reason


def test_a_body_short_of_its_length_is_a_failed_answer() -> None:
    wire = Wire().asked(OK[:-1])
    receiver = wire.deliver()
    wire.peer.close()
    assert (receiver.pieces, type(receiver.ending)) == ([b"{"], ResponseFailed)


def test_where_only_closing_ends_a_body_a_clean_end_is_taken_with_a_grain_of_salt() -> None:
    wire = Wire().asked(TO_THE_END)
    receiver = wire.deliver()
    wire.peer.say(b"all")
    wire.peer.close(ConnectionDone())
    assert (receiver.pieces, type(receiver.ending)) == ([b"all"], PotentialDataLoss)


def test_where_only_closing_ends_a_body_an_unclean_end_is_a_failure() -> None:
    wire = Wire().asked(TO_THE_END)
    receiver = wire.deliver()
    wire.peer.close(ConnectionLost())
    assert isinstance(receiver.ending, ResponseFailed)


def test_garbage_in_a_body_comes_after_what_was_good_of_it() -> None:
    wire = Wire().asked(STREAM)
    receiver = wire.deliver()
    wire.peer.say(chunk(b"good") + b"zz\r\n")
    assert receiver.pieces == [b"good"]
    assert isinstance(only_reason(receiver.ending), Garbage)
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert len(receiver.endings) == 1


def test_a_connection_lost_before_the_delivery_is_told_at_the_delivery() -> None:
    wire = Wire().asked(STREAM + chunk(b"early"))
    wire.peer.close(ConnectionLost())
    receiver = wire.deliver()
    assert (receiver.pieces, type(receiver.ending)) == ([b"early"], ResponseFailed)


def test_a_whole_answer_outlives_its_connection() -> None:
    wire = Wire().asked(OK)
    wire.peer.close(ConnectionLost())
    receiver = wire.deliver()
    assert (receiver.pieces, type(receiver.ending)) == ([b"{}"], ResponseDone)
    assert wire.heard == ["closed"]


@pytest.mark.parametrize("answer", [STREAM + chunk(b"early"), OK])
def test_an_answer_that_nobody_takes_cuts_its_connection(answer: bytes) -> None:
    wire = Wire()
    wire.connection.ask(HEAD, BODY, False).addCallback(lambda _: None)
    wire.peer.say(answer)
    gc.collect()
    assert wire.peer.cut


def test_a_receiver_that_fails_at_the_delivery_cuts_the_connection() -> None:
    def fail(_: Receiver) -> None:
        raise ValueError("not today")

    wire = Wire().asked(STREAM + chunk(b"early"))
    with pytest.raises(ValueError, match="not today"):
        wire.deliver(Receiver(fail))
    assert wire.peer.cut


def test_a_receiver_that_fails_later_hears_the_end_when_twisted_has_closed_the_connection() -> None:
    def fail(_: Receiver) -> None:
        raise ValueError("not today")

    wire = Wire().asked(STREAM)
    receiver = wire.deliver(Receiver(fail))
    with pytest.raises(ValueError, match="not today"):
        wire.peer.say(chunk(b"a"))
    wire.peer.close(reason := ValueError("not today"))
    assert only_reason(receiver.ending) is reason


def test_a_connection_that_closes_within_the_cut_ends_the_body_once() -> None:
    wire = Wire().asked(STREAM)

    def stop(receiver: Receiver) -> None:
        transport_of(receiver).stopProducing()
        wire.peer.close(ConnectionAborted())

    receiver = wire.deliver(Receiver(stop))
    wire.peer.say(chunk(b"a") + LAST_CHUNK)
    assert len(receiver.endings) == 1
    assert wire.heard == ["closed"]


def test_an_answer_does_not_print_its_headers() -> None:
    wire = Wire().asked(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: hunter2\r\n\r\n"))
    assert "hunter2" not in repr(wire.response)


# -- a body that is still arriving ----------------------------------------------------------------------------------


def test_a_body_that_is_still_arriving_follows_the_head_as_it_comes() -> None:
    wire = Wire()
    wire.upload(body := Arriving(5))
    assert wire.peer.heard == HEAD
    body.give(b"abc")
    assert wire.peer.heard == b"abc"
    body.give(b"de").end()
    assert wire.peer.heard == b"de"


def test_the_answer_to_a_whole_body_leaves_the_connection_to_the_next_request() -> None:
    wire = Wire()
    wire.upload(Arriving(3, b"abc"))
    wire.peer.say(OK)
    assert wire.deliver().pieces == [b"{}"]
    assert (wire.heard, wire.connection.state) == (["idle"], State.IDLE)
    wire.asked(OK)
    assert wire.deliver().pieces == [b"{}"]


def test_a_body_that_fails_cuts_the_connection_and_fails_the_request_at_once() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    body.give(b"abc").fail(error := ValueError("gone"))
    assert only_reason(wire.error) is error
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert wire.heard == ["closed"]


@pytest.mark.parametrize("pieces", [[b"abcd"], [b"ab"], [b"ab", b"cd"]])
def test_a_body_of_another_length_than_promised_cuts_the_connection(pieces: list[bytes]) -> None:
    wire = Wire()
    wire.upload(body := Arriving(3, *pieces))
    assert isinstance(only_reason(wire.error), WrongLength)
    assert wire.peer.cut
    assert len(wire.peer.heard) <= len(HEAD) + 3
    assert body.told.count("stop") == (sum(map(len, pieces)) > 3)


def test_cancelling_stops_the_body_and_cuts_the_connection() -> None:
    wire = Wire()
    wire.upload(body := Arriving()).cancel()
    assert (wire.peer.cut, body.told) == (True, ["begin", "stop"])
    wire.peer.close(ConnectionAborted())
    assert isinstance(wire.error, CancelledError)


def test_a_connection_lost_in_the_middle_of_a_body_stops_it() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.close(ConnectionLost())
    assert body.told == ["begin", "stop"]
    assert isinstance(wire.error, ResponseNeverReceived)


def test_garbage_in_the_middle_of_a_body_stops_it() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.say(b"rubbish")
    assert (wire.peer.cut, body.told) == (True, ["begin", "stop"])


def test_an_answer_that_comes_before_the_whole_body_is_handed_on_and_the_body_goes_on() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.say(STREAM)
    receiver = wire.deliver()
    assert wire.peer.heard == HEAD
    body.give(b"abc")
    wire.peer.say(chunk(b"early"))
    assert (wire.peer.heard, receiver.pieces) == (chunk(b"abc"), [b"early"])


def test_when_an_early_answer_is_over_the_body_is_stopped_and_the_connection_cut() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.say(OK)
    assert not body.stopped
    assert isinstance(wire.deliver().ending, ResponseDone)
    assert (body.told, wire.peer.cut, wire.heard) == (["begin", "stop"], True, [])


def test_a_connection_whose_answer_came_early_is_not_used_again_even_if_the_body_was_sent_then() -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.say(STREAM)
    receiver = wire.deliver()
    body.end()
    wire.peer.say(LAST_CHUNK)
    assert isinstance(receiver.ending, ResponseDone)
    assert (body.stopped, wire.peer.cut, wire.heard) == (False, True, [])


@pytest.mark.parametrize("head", [STREAM, TO_THE_END])
def test_a_body_that_fails_behind_an_early_answer_breaks_that(head: bytes) -> None:
    wire = Wire()
    wire.upload(body := Arriving())
    wire.peer.say(head)
    receiver = wire.deliver()
    body.fail(error := ConnectionDone())
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    broken = only_reason(receiver.ending)
    assert broken is not None
    assert only_reason(broken) is error


@pytest.mark.parametrize(("more", "reused"), [(0, True), (1, False)])
def test_an_error_to_a_large_body_leaves_a_connection_that_is_not_used_again(more: int, reused: bool) -> None:
    wire = Wire()
    wire.upload(Arriving(None, b"x" * (MAX_SURELY_SENT_BYTES + more)))
    wire.peer.say(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}")
    wire.deliver()
    assert ("idle" in wire.heard) is reused


def test_an_idle_connection_has_no_hold_on_the_last_body() -> None:
    wire = Wire()
    wire.upload(body := Arriving(3, b"abc"))
    wire.peer.say(OK)
    wire.deliver()
    wire.peer.close()
    assert not body.stopped


# -- another protocol ---------------------------------------------------------------------------------------------


def test_a_switch_that_was_asked_for_is_an_answer_and_nothing_is_read_until_it_is_taken() -> None:
    wire = Wire().switched()
    assert (wire.response.code, wire.response.phrase) == (101, b"Switching Protocols")
    assert wire.response.headers.getRawHeaders(b"upgrade") == [b"websocket"]
    assert wire.response.length is UNKNOWN_LENGTH
    assert not wire.peer.read_from
    wire.deliver()
    assert wire.peer.read_from


def test_what_came_behind_the_head_is_handed_on_first_and_then_each_read() -> None:
    wire = Wire().switched(SWITCH[:30], SWITCH[30:] + b"a\r\n")
    receiver = wire.deliver()
    wire.peer.say(b"b", OK, b"\x00" * 200_000)
    assert receiver.pieces == [b"a\r\n", b"b", OK, b"\x00" * 200_000]
    assert receiver.endings == []


def test_what_tls_still_held_before_the_connection_is_taken_is_not_lost() -> None:
    wire = Wire().switched(SWITCH + b"a")
    wire.peer.say(b"b", b"c")
    assert wire.deliver().pieces == [b"abc"]


def test_what_the_new_protocol_writes_is_sent_and_its_producer_is_the_sockets() -> None:
    wire = Wire().switched()
    raw = raw_of(wire.deliver())
    raw.write(b"a")
    raw.registerProducer(producer := Arriving(), True)
    assert (wire.peer.heard, wire.peer.transport.producer) == (b"a", producer)


def test_the_new_protocol_may_pause_and_resume_the_socket() -> None:
    wire = Wire().switched()
    raw = raw_of(wire.deliver())
    raw.pauseProducing()
    assert not wire.peer.read_from
    raw.resumeProducing()
    assert wire.peer.read_from


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
def test_the_end_of_the_connection_is_the_new_protocols_end(reason: Exception) -> None:
    wire = Wire().switched()
    receiver = wire.deliver()
    raw = raw_of(receiver)
    wire.peer.close(reason)
    assert receiver.ending is reason
    raw.write(b"too late")
    assert (wire.peer.heard, wire.heard) == (b"", ["closed"])


def test_a_connection_lost_before_it_is_taken_is_told_with_what_came_of_it() -> None:
    wire = Wire().switched(SWITCH + b"a")
    wire.peer.close(reason := ConnectionDone())
    receiver = wire.deliver()
    assert (receiver.pieces, receiver.ending) == ([b"a"], reason)


def test_leaving_sends_what_was_written_and_drops_what_still_comes() -> None:
    wire = Wire().switched()
    receiver = wire.deliver()
    raw = raw_of(receiver)
    raw.pauseProducing()
    raw.write(b"goodbye")
    raw.loseConnection()
    assert (wire.peer.heard, wire.peer.cut, wire.peer.transport.disconnecting) == (b"goodbye", False, True)
    assert (wire.heard, wire.connection.state, wire.peer.read_from) == (["closing"], State.CLOSING, True)
    wire.peer.say(b"more")
    raw.pauseProducing()
    assert (receiver.pieces, receiver.endings, wire.peer.cut) == ([], [], False)
    wire.peer.close()
    assert (len(receiver.endings), wire.heard) == (1, ["closing", "closed"])


def test_a_connection_that_does_not_close_can_still_be_cut() -> None:
    wire = Wire().switched()
    receiver = wire.deliver()
    raw_of(receiver).loseConnection()
    wire.connection.abort()
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert len(receiver.endings) == 1


def test_cutting_drops_what_still_comes() -> None:
    wire = Wire().switched()
    receiver = wire.deliver(Receiver(lambda receiver: raw_of(receiver).abortConnection()))
    wire.peer.say(b"a", b"b")
    assert (receiver.pieces, wire.peer.cut) == ([b"a"], True)
    wire.peer.close(ConnectionAborted())
    assert (len(receiver.endings), wire.heard) == (1, ["closed"])


def test_leaving_after_cutting_changes_nothing() -> None:
    wire = Wire().switched()
    raw = raw_of(wire.deliver())
    wire.connection.abort()
    raw.loseConnection()
    assert wire.heard == []


def test_closing_is_for_connections_that_switched() -> None:
    wire = Wire().asked()
    wire.connection.close()
    assert (wire.connection.state, wire.heard) == (State.ASKED, [])


def test_a_switch_that_nobody_takes_cuts_the_connection() -> None:
    wire = Wire()
    wire.connection.ask(HEAD, b"", False, True).addCallback(lambda _: None)
    wire.peer.say(SWITCH)
    gc.collect()
    assert wire.peer.cut


def test_cancelling_before_the_switch_cuts_the_connection() -> None:
    wire = Wire()
    asked = wire.connection.ask(HEAD, b"", False, True).addBoth(wire.outcomes.append)
    asked.cancel()
    wire.peer.say(SWITCH)
    assert wire.peer.cut
    assert isinstance(wire.error, CancelledError)


def test_another_answer_than_a_switch_is_an_ordinary_one() -> None:
    wire = Wire().switched(OK)
    receiver = wire.deliver()
    assert (receiver.pieces, type(receiver.ending), wire.heard) == ([b"{}"], ResponseDone, ["idle"])
    assert transport_of(receiver)


def test_a_switch_that_nobody_asked_for_is_garbage() -> None:
    wire = Wire().asked(SWITCH)
    assert wire.peer.cut
    wire.peer.close(ConnectionAborted())
    assert isinstance(only_reason(wire.error), Garbage)


def test_the_next_request_of_a_connection_does_not_ask_for_another_protocol() -> None:
    wire = Wire().switched(OK)
    wire.deliver()
    assert wire.asked(SWITCH).peer.cut
    wire.peer.close()
    assert isinstance(only_reason(wire.error), Garbage)


def test_a_switch_behind_a_whole_body_is_an_answer() -> None:
    wire = Wire()
    wire.upload(Arriving(3, b"abc"), upgrade=True)
    wire.peer.say(SWITCH + b"a")
    assert wire.deliver().pieces == [b"a"]


def test_a_switch_in_the_middle_of_a_body_is_garbage() -> None:
    wire = Wire()
    wire.upload(body := Arriving(), upgrade=True)
    wire.peer.say(SWITCH)
    assert (wire.peer.cut, body.stopped) == (True, True)
    wire.peer.close(ConnectionAborted())
    assert isinstance(only_reason(wire.error), Garbage)


# -- laws ---------------------------------------------------------------------------------------------------------

REACTIONS: st.SearchStrategy[Callable[[Receiver], None]] = st.sampled_from(
    [
        lambda _: None,
        lambda receiver: transport_of(receiver).pauseProducing(),
        lambda receiver: transport_of(receiver).resumeProducing(),
        lambda receiver: transport_of(receiver).stopProducing(),
    ]
)
SAID = st.sampled_from(
    [
        OK,
        OK + OK,
        OK[:-1],
        STREAM + chunk(b"abc") + chunk(b"de") + LAST_CHUNK,
        STREAM + chunk(b"abc") + b"zz",
        TO_THE_END + b"abc",
        b"HTTP/1.1 103 Early\r\n\r\n" + OK,
        b"rubbish",
    ]
)


@given(SAID, st.lists(st.integers(0, 200), max_size=6), REACTIONS, st.booleans())
def test_every_request_ends_exactly_once_and_is_idle_only_if_sound(
    raw: bytes, places: list[int], reaction: Callable[[Receiver], None], at_once: bool
) -> None:
    wire = Wire()
    receiver = Receiver(reaction)
    asked = wire.connection.ask(HEAD, BODY, False)
    if at_once:
        asked.addCallback(lambda response: response.deliverBody(receiver))
    wire.peer.say(*cut(raw, places))
    if not at_once:
        asked.addCallback(lambda response: response.deliverBody(receiver))
    asked.addErrback(wire.outcomes.append)
    assert wire.heard.count("idle") <= 1
    assert not (wire.connection.state is State.IDLE and wire.peer.cut and "closed" not in wire.heard)
    wire.peer.close()
    assert len(receiver.endings) + len(wire.outcomes) == 1
    assert wire.heard[-1] == "closed"


@given(st.lists(st.integers(0, 120), max_size=6))
def test_however_an_answer_is_split_the_receiver_hears_the_same(places: list[int]) -> None:
    raw = STREAM + chunk(b"abc") + chunk(b"de") + LAST_CHUNK
    wire = Wire()
    receiver = Receiver()
    wire.connection.ask(HEAD, BODY, False).addCallback(lambda response: response.deliverBody(receiver))
    wire.peer.say(*cut(raw, places))
    assert (b"".join(receiver.pieces), type(receiver.ending)) == (b"abcde", ResponseDone)
    assert (wire.heard, wire.peer.read_from) == (["idle"], True)


@pytest.mark.parametrize(("body_bytes", "reused"), [(64 * 1024, True), (64 * 1024 + 1, False)])
def test_an_error_before_a_large_request_was_read_leaves_a_connection_that_is_not_used_again(
    body_bytes: int, reused: bool
) -> None:
    wire = Wire()
    wire.connection.ask(HEAD, b"x" * body_bytes, False).addBoth(wire.outcomes.append)
    wire.peer.say(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}")
    assert wire.deliver().pieces == [b"{}"]
    assert ("idle" in wire.heard) is reused


UPLOADED = ["give", "end", "fail", "say", "take", "cancel", "close", "switch"]


@given(st.lists(st.sampled_from(UPLOADED), max_size=10), st.booleans())
def test_whatever_happens_to_a_request_with_a_body_both_end_once_and_nothing_is_left(
    events: list[str], upgrade: bool
) -> None:
    wire = Wire()
    body, receiver = Arriving(), Receiver()
    asked = wire.upload(body, upgrade=upgrade)
    said = iter([STREAM, chunk(b"a"), LAST_CHUNK])
    ended = taken = closed = False
    for event in events:
        if event == "give":
            body.give(b"abc")
        elif event in ("end", "fail") and not ended:
            ended = not body.stopped
            if event == "end":
                body.end()
            else:
                body.fail(ValueError("gone"))
        elif event in ("say", "switch") and not (closed or wire.peer.cut):
            wire.peer.say(SWITCH if event == "switch" else next(said, b"rubbish"))
        elif event == "take" and not taken and wire.outcomes and isinstance(wire.outcomes[0], Http1Response):
            taken = True
            wire.deliver(receiver)
        elif event == "cancel":
            asked.cancel()
        elif event == "close" and not closed:
            closed = True
            wire.peer.close()
    if not closed:
        wire.peer.close(ConnectionAborted() if wire.peer.cut else ConnectionLost())
    assert len(wire.outcomes) == 1
    assert len(receiver.endings) == taken
    assert ended or body.told.count("stop") == 1
    assert body.told.count("stop") <= 1
    assert wire.peer.transport.producer is None
    assert wire.heard[-1] == "closed"
    wire.outcomes.clear()
