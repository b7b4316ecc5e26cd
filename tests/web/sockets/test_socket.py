"""One WebSocket: messages, pings, backpressure, and how it closes."""

from __future__ import annotations

import pytest
from twisted.internet.interfaces import IPushProducer
from twisted.logger import LogEvent, LogLevel
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from zope.interface.verify import verifyClass

from cliproxy.config.schema import KIB, Listening
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from cliproxy.web.sockets.socket import CLOSE_SECONDS, PING_SECONDS, WebSocket
from tests.support.house import SOCKET_BYTES, Daemon, logged
from tests.support.sockets import SocketClient, connect, create, created, daemon, delta, whole


@pytest.fixture
def to() -> Daemon:
    return daemon()


@pytest.fixture
def client(to: Daemon) -> SocketClient:
    return connect(to)


def test_it_is_a_push_producer() -> None:
    assert verifyClass(IPushProducer, WebSocket)


# -- messages


def test_a_message_may_come_in_fragments(to: Daemon, client: SocketClient) -> None:
    text = create().decode()
    client.send(TextMessage(text[:9], message_finished=False)).send(TextMessage(text[9:]))
    assert len(to.upstream.asked) == 1


def test_a_message_may_come_byte_by_byte(to: Daemon, client: SocketClient) -> None:
    for byte in client.framed(create("☕")):
        client.feed(bytes((byte,)))
    assert len(to.upstream.asked) == 1


def test_a_ping_may_come_between_fragments(to: Daemon, client: SocketClient) -> None:
    text = create().decode()
    client.send(TextMessage(text[:9], message_finished=False)).send(Ping(b"here?")).send(TextMessage(text[9:]))
    assert (len(to.upstream.asked), client.look().pongs) == (1, [b"here?"])


def test_a_message_may_be_as_large_as_a_body() -> None:
    to = daemon(listening=Listening(body_limit_bytes=KIB))
    frame = create()
    connect(to).send(frame + b" " * (KIB - len(frame)))
    assert len(to.upstream.asked) == 1


def test_a_larger_message_closes_with_1009() -> None:
    """Codex tries for ever if it is cut instead."""
    to = daemon(listening=Listening(body_limit_bytes=KIB))
    client = connect(to).send(b" " * (KIB + 1))
    assert client.code == 1009


def test_fragments_count_together() -> None:
    to = daemon(listening=Listening(body_limit_bytes=KIB))
    client = connect(to)
    for _ in range(3):
        client.send(TextMessage(" " * 400, message_finished=False))
    assert client.code == 1009


def test_the_limit_is_one_of_bytes() -> None:
    to = daemon(listening=Listening(body_limit_bytes=KIB))
    client = connect(to).send("☕".encode() * 400)
    assert client.code == 1009


def test_the_rest_of_a_message_that_is_too_large_is_not_answered() -> None:
    to = daemon(listening=Listening(body_limit_bytes=KIB))
    client = connect(to)
    client.send(TextMessage(" " * 2000, message_finished=False)).send(TextMessage(create().decode()))
    assert (client.code, client.kinds, to.upstream.asked) == (1009, [], [])


def test_binary_messages_close_with_1003(client: SocketClient) -> None:
    assert client.send(BytesMessage(b"{}")).code == 1003


def test_broken_utf_8_closes_with_1007(client: SocketClient) -> None:
    client.feed(b"\x81\x81\0\0\0\0\xff")
    assert client.code == 1007


def test_an_unmasked_frame_closes_with_1002(client: SocketClient) -> None:
    client.feed(b"\x81\x02{}")
    assert client.code == 1002


def test_nothing_is_read_after_bytes_that_are_no_frame(to: Daemon, client: SocketClient) -> None:
    client.feed(b"\x81\x02{}")
    client.ask()
    assert to.upstream.asked == []


def test_broken_utf_8_of_an_upstream_breaks_its_response_and_no_frame(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x") + b'data: {"type":"x","delta":"\xff"}\n\n')
    assert client.kinds[-1] == "response.failed"


# -- pings


def test_a_quiet_client_is_pinged(to: Daemon, client: SocketClient) -> None:
    to.pass_time(PING_SECONDS)
    assert client.look().pings == 1


def test_a_client_that_says_something_is_not(to: Daemon, client: SocketClient) -> None:
    to.pass_time(PING_SECONDS - 1)
    client.send(Ping())
    to.pass_time(PING_SECONDS - 1)
    assert client.look().pings == 0


def test_a_client_that_waits_for_its_response_is_pinged_too(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.pass_time(PING_SECONDS)
    assert (client.look().pings, client.events) == (1, [])


def test_a_client_that_answers_stays(to: Daemon, client: SocketClient) -> None:
    for _ in range(10):
        to.pass_time(PING_SECONDS)
        client.send(Ping().response())
    assert not client.caller.was_cut


def test_a_client_that_answers_nothing_for_a_minute_is_cut(to: Daemon, client: SocketClient) -> None:
    to.pass_time(PING_SECONDS + 59)
    assert not client.caller.was_cut
    to.pass_time(1)
    assert client.caller.was_cut


def test_who_is_cut_for_silence_cancels_its_request(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.pass_time(PING_SECONDS + 61)
    assert to.upstream.last.cancelled


def test_no_heartbeat_of_http_comes_over_a_socket(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.pass_time(29)
    to.upstream.last.answer(body=whole("resp_1"))
    assert client.kinds[0] == "response.created"


def test_after_long_silence_another_credential_may_still_try() -> None:
    """Over HTTP status 200 is out by then; here nothing is."""
    to = daemon(keys=2)
    client = connect(to).ask()
    to.pass_time(20)
    to.upstream.last.answer(503, body=b"{}", end=True)
    to.upstream.last.answer(body=whole("resp_2"))
    assert client.kinds[-1] == "response.completed"


# -- backpressure


def test_a_client_that_does_not_read_pauses_the_upstream(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    client.caller.stop_reading()
    assert to.upstream.last.is_paused


def test_what_the_upstream_says_first_pauses_it_when_the_client_does_not_read(to: Daemon, client: SocketClient) -> None:
    client.caller.stop_reading()
    client.feed(client.framed(create()))
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    assert to.upstream.last.is_paused


def test_a_full_socket_pauses_the_upstream_again(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    client.caller.transport.reads = False
    to.upstream.last.say(delta("x" * SOCKET_BYTES), delta("y"))
    assert to.upstream.last.is_paused


def test_a_client_that_reads_again_resumes_the_upstream(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    client.caller.stop_reading()
    client.caller.read()
    assert not to.upstream.last.is_paused


def test_nothing_is_read_from_a_client_that_does_not_read(client: SocketClient) -> None:
    """Else its pings would have us gather answers without end."""
    client.caller.stop_reading()
    assert client.caller.transport.producerState == "paused"
    client.caller.read()
    assert client.caller.transport.producerState == "producing"


def test_a_client_that_does_not_read_is_not_pinged(to: Daemon, client: SocketClient) -> None:
    client.caller.stop_reading()
    to.pass_time(300)
    assert (client.look().pings, client.caller.was_cut) == (0, False)


def test_a_client_that_never_reads_again_is_cut(to: Daemon, client: SocketClient) -> None:
    client.caller.stop_reading()
    to.pass_time(MAX_STALL_SECONDS + PING_SECONDS)
    assert client.caller.was_cut


# -- the end


def test_a_client_that_closes_is_answered_with_its_code(client: SocketClient) -> None:
    assert client.send(CloseConnection(1000)).code == 1000


def test_a_client_that_closes_without_a_code_is_answered(client: SocketClient) -> None:
    client.feed(b"\x88\x80\0\0\0\0")
    assert client.look().close is not None


def test_the_connection_ends_behind_a_close(client: SocketClient) -> None:
    client.send(CloseConnection(1000))
    assert client.caller.transport.disconnecting


def test_a_client_that_closes_cancels_its_request(to: Daemon, client: SocketClient) -> None:
    client.ask().send(CloseConnection(1001))
    assert to.upstream.last.cancelled


def test_a_client_that_is_gone_cancels_its_request(to: Daemon, client: SocketClient) -> None:
    client.ask().leave()
    assert to.upstream.last.cancelled
    to.assert_quiet()


def test_a_client_that_is_gone_cuts_its_stream(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    client.leave()
    assert to.upstream.last.stopped
    to.assert_quiet()


def test_our_close_waits_for_the_clients(to: Daemon, client: SocketClient) -> None:
    """A client in the midst of sending would not read why it is closed, if the connection ended at once."""
    client.send(BytesMessage(b""))
    assert not client.caller.transport.disconnecting
    client.answer_close()
    assert client.caller.transport.disconnecting


def test_our_close_does_not_wait_for_ever(to: Daemon, client: SocketClient) -> None:
    client.send(BytesMessage(b""))
    to.pass_time(CLOSE_SECONDS)
    assert client.caller.was_cut


def test_a_close_that_is_not_taken_is_cut(to: Daemon, client: SocketClient) -> None:
    client.send(CloseConnection(1000))
    to.pass_time(CLOSE_SECONDS)
    assert client.caller.was_cut


def test_a_close_of_ours_cancels_the_request(to: Daemon, client: SocketClient) -> None:
    client.ask().send(BytesMessage(b""))
    to.clock.advance(0)
    assert to.upstream.last.cancelled


def test_a_socket_that_is_closing_answers_no_pings(client: SocketClient) -> None:
    client.send(BytesMessage(b"")).send(Ping(b"?"))
    assert client.look().pongs == []


def test_garbage_instead_of_an_answer_to_our_close_ends_the_connection(client: SocketClient) -> None:
    client.send(BytesMessage(b""))
    client.feed(b"\x81\x02{}")
    assert client.caller.transport.disconnecting


def test_no_timer_outlives_the_connection(to: Daemon, client: SocketClient) -> None:
    client.send(BytesMessage(b""))
    client.leave()
    to.assert_quiet()


def test_a_mistake_of_ours_closes_with_1011(
    client: SocketClient, monkeypatch: pytest.MonkeyPatch, failures: list[LogEvent]
) -> None:
    monkeypatch.setattr("cliproxy.web.sockets.session.read_frame", lambda _: 1 / 0)
    assert client.ask().code == 1011
    assert failures.pop()["log_failure"].check(ZeroDivisionError)


def test_the_log_tells_when_a_socket_opens_and_closes(to: Daemon) -> None:
    with logged(LogLevel.debug) as events:
        connect(to).leave()
    told = [event["log_format"] for event in events if event["log_namespace"].endswith("WebSocket")]
    assert told == ["{name}: a WebSocket is open", "{name}: the WebSocket is closed"]


def test_a_daemon_that_stops_closes_what_is_left_with_1012(to: Daemon, client: SocketClient) -> None:
    closed = to.site.close()
    client.answer_close()
    client.leave()
    assert (client.code, closed.called) == (1012, True)


def test_a_stopped_daemon_cuts_who_does_not_answer(to: Daemon, client: SocketClient) -> None:
    closed = to.site.close()
    to.pass_time(6)
    assert closed.called


def test_both_sides_agree_on_the_frames() -> None:
    """The tests' own client is wsproto too: here is a frame of RFC 6455, section 5.7, read by it."""
    wire = Connection(ConnectionType.SERVER)
    wire.receive_data(bytes.fromhex("818537fa213d7f9f4d5158"))
    (event,) = wire.events()
    assert isinstance(event, TextMessage)
    assert event.data == "Hello"
