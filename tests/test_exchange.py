"""The story of one request, told through the doors: who is asked, who is asked next, and what the client hears."""

from __future__ import annotations

import gzip

import attrs
import orjson
import pytest
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.logger import LogEvent, LogLevel

from cliproxy.asking import ERROR_BODY_SECONDS, MAX_ERROR_BODY_BYTES
from cliproxy.config.schema import Config, Model, Streaming
from cliproxy.exchange import Exchange
from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    JSON,
    LIMITED,
    MODEL,
    OVERLOADED,
    PING,
    START,
    WHOLE,
    Caller,
    Daemon,
    delta,
    error_event,
    key,
    logged,
    refuse,
    request,
    serve,
)

MESSAGE = b'{ "id":"msg_1", "type":"message",\t"content":[] }'
RETRIED = (401, 402, 403, 408, 429, 500, 502, 503, 504, 520, 529)
MISTAKES = (400, 404, 409, 413, 422)


# -- what is asked


def test_a_body_in_the_same_format_goes_out_byte_for_byte() -> None:
    daemon = Daemon()
    daemon.stream()
    assert daemon.upstream.last.body == request(stream=True)


def test_only_the_bytes_of_an_aliased_model_change() -> None:
    aliased = key(0, models=(Model("claude-opus-4-5", "opus"),))
    daemon = Daemon(config=Config(claude_keys=(aliased,)))
    daemon.stream("opus")
    assert daemon.upstream.last.body == request(stream=True, model="claude-opus-4-5")


def test_the_client_gets_the_model_as_it_asked_for_it() -> None:
    aliased = key(0, models=(Model("claude-opus-4-5", "opus"),))
    daemon = Daemon(config=Config(claude_keys=(aliased,)))
    client = daemon.stream("opus")
    serve(daemon.upstream.last)
    assert client.body == WHOLE.replace(b'"model":"claude-opus-4-5"', b'"model":"opus"') != WHOLE


def test_the_key_is_the_credentials_and_the_query_the_clients() -> None:
    daemon = Daemon()
    daemon.caller().ask(request(stream=False), "X-Api-Key: of-the-client", path="/v1/messages?beta=true")
    asked = daemon.upstream.last
    assert asked.uri == "https://api.anthropic.com/v1/messages?beta=true"
    assert asked.headers.getRawHeaders(b"x-api-key") == [b"sk-ant-upstream-key-0"]


def test_an_unknown_model_is_not_found_and_the_nearest_are_named() -> None:
    daemon = Daemon(config=Config(claude_keys=(key(0, models=(Model("claude-opus-4-5", "claude-opus-4-5"),)),)))
    client = daemon.stream("claude-opus-45")
    assert client.status == 404
    assert "claude-opus-4-5" in client.error["message"]
    assert daemon.upstream.asked == []
    client.leave()
    daemon.assert_quiet()


# -- a reply that is told


def test_a_whole_stream_passes_byte_for_byte() -> None:
    daemon = Daemon()
    client = daemon.stream()
    serve(daemon.upstream.last)
    assert client.status == 200
    assert client.body == WHOLE
    assert client.ended
    client.leave()
    daemon.assert_quiet()


def test_a_whole_message_passes_byte_for_byte_with_its_length() -> None:
    daemon = Daemon()
    client = daemon.whole()
    daemon.upstream.last.answer(200, JSON, ("Content-Length", str(len(MESSAGE))), ("Request-Id", "req_up"))
    daemon.upstream.last.say(MESSAGE[:10])
    assert not client.told
    daemon.upstream.last.say(MESSAGE[10:])
    daemon.upstream.last.end()
    assert client.body == MESSAGE
    assert client.headers["content-length"] == str(len(MESSAGE))
    assert client.headers["request-id"] == "req_up"
    client.leave()
    daemon.assert_quiet()


def test_a_long_message_is_told_in_pieces_with_its_length() -> None:
    daemon = Daemon()
    client = daemon.whole()
    piece = b"x" * 16 * 1024
    daemon.upstream.last.answer(200, JSON, ("Content-Length", str(3 * len(piece))))
    daemon.upstream.last.say(piece)
    assert client.body == piece
    assert client.headers["content-length"] == str(3 * len(piece))
    daemon.upstream.last.say(piece, piece)
    daemon.upstream.last.end()
    assert client.body == piece * 3
    assert client.ended


def test_a_long_message_that_is_cut_cuts_the_client() -> None:
    daemon = Daemon()
    client = daemon.whole()
    piece = b"x" * 16 * 1024
    daemon.upstream.last.answer(200, JSON, ("Content-Length", str(3 * len(piece)))).say(piece).cut()
    assert client.was_cut
    assert not client.ended
    daemon.assert_quiet()
    assert daemon.cooling() == [60]


def test_a_message_that_takes_its_time_is_told_as_it_comes() -> None:
    daemon = Daemon()
    client = daemon.whole()
    daemon.upstream.last.answer(200, JSON).say(MESSAGE[:5])
    daemon.pass_time(14)
    assert not client.told
    daemon.pass_time(1)
    assert client.body == MESSAGE[:5]


def test_an_answer_has_no_header_that_nobody_sent() -> None:
    daemon = Daemon()
    client = daemon.whole()
    daemon.upstream.last.answer(200, JSON, body=MESSAGE, end=True)
    assert client.headers.keys() == {"server", "date", "x-request-id", "content-type", "transfer-encoding"}


@pytest.mark.parametrize("announced", [(("Content-Encoding", "gzip"),), ()])
def test_gzip_is_undone(announced: tuple[tuple[str, str], ...]) -> None:
    daemon = Daemon()
    client = daemon.whole()
    packed = gzip.compress(MESSAGE)
    length = ("Content-Length", str(len(packed)))
    daemon.upstream.last.answer(200, JSON, length, *announced, body=packed, end=True)
    assert client.body == MESSAGE
    assert "content-encoding" not in client.headers
    assert "content-length" not in client.headers


@pytest.mark.parametrize("announced", [(("Content-Encoding", "gzip"),), ()])
def test_a_stream_in_gzip_is_undone(announced: tuple[tuple[str, str], ...]) -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM, *announced, body=gzip.compress(WHOLE), end=True)
    assert client.body == WHOLE
    assert "content-encoding" not in client.headers


def test_what_is_no_gzip_passes_unchanged_with_its_headers_and_a_warning() -> None:
    daemon = Daemon()
    client = daemon.whole()
    bad = gzip.compress(b"")[:10] + b"\xff" * 40
    lines = (("Content-Encoding", "gzip"), ("Content-Length", str(len(bad))))
    with logged() as events:
        daemon.upstream.last.answer(200, JSON, *lines, body=bad, end=True)
    assert client.body == bad
    assert client.headers["content-encoding"] == "gzip"
    assert [event["log_level"] for event in events] == [LogLevel.warn]


@pytest.mark.parametrize("kind", [JSON, EVENT_STREAM])
def test_a_coding_that_cannot_be_seen_through_passes_with_its_header(kind: tuple[str, str]) -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, kind, ("Content-Encoding", "br"), body=b"\x0b\x02\x80hi\x03", end=True)
    assert client.body == b"\x0b\x02\x80hi\x03"
    assert client.headers["content-encoding"] == "br"


# -- a client's mistake


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", MISTAKES)
def test_a_clients_mistake_is_told_at_once_and_cools_nobody(status: int, stream: bool) -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream() if stream else daemon.whole()
    refuse(daemon.upstream.last, status, ("Request-Id", "req_up"))
    assert client.status == status
    assert client.body == LIMITED
    assert client.headers["request-id"] == "req_up"
    assert client.headers["content-type"] == "application/json"
    assert len(daemon.upstream.asked) == 1
    assert daemon.cooling() == [0, 0]
    client.leave()
    daemon.assert_quiet()


def test_a_clients_mistake_is_told_in_the_stream_if_its_head_is_out() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.pass_time(15)
    refuse(daemon.upstream.last, 400)
    assert client.body.startswith(b"\nevent: error\ndata: ")
    assert b"Slow down" in client.body
    assert client.ended
    assert daemon.cooling() == [0, 0]
    client.leave()
    daemon.assert_quiet()


# -- another credential


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", RETRIED)
def test_trouble_moves_to_the_next_credential(status: int, stream: bool) -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream() if stream else daemon.whole()
    refuse(daemon.upstream.asked[0], status)
    assert not client.told
    serve(daemon.upstream.asked[1])
    assert client.status == 200
    assert client.body == WHOLE
    keys = {key for asked in daemon.upstream.asked for key in asked.headers.getRawHeaders(b"x-api-key", [])}
    assert keys == {b"sk-ant-upstream-key-0", b"sk-ant-upstream-key-1"}
    assert daemon.cooling().count(0) == 1


@pytest.mark.parametrize("reason", [None, ConnectError(), DNSLookupError()])
def test_no_answer_moves_to_the_next_credential(reason: Exception | None) -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.upstream.asked[0].fail(reason)
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE


def test_a_host_that_nobody_reaches_is_not_tried_with_every_key() -> None:
    """With thousands of accounts at one host, a request was thought to be served if only all of them were asked."""
    daemon = Daemon(keys=10)
    client = daemon.stream()
    for number in range(3):
        daemon.upstream.asked[number].fail(ConnectError())
    assert len(daemon.upstream.asked) == 3
    assert client.status == 502


def test_keys_of_another_host_are_tried_all_the_same() -> None:
    elsewhere = key(9, base_url="https://elsewhere.example")
    daemon = Daemon(config=Config(claude_keys=(*(key(number) for number in range(5)), elsewhere)))
    client = daemon.stream()
    for number in range(3):
        daemon.upstream.asked[number].fail(ConnectError())
    serve(daemon.upstream.asked[3])
    assert "elsewhere.example" in daemon.upstream.asked[3].uri
    assert client.body == WHOLE


@pytest.mark.parametrize(
    "body", [b"", START, START + PING + OVERLOADED, b"<html>Bad gateway</html>\n\n", b"\x00\xff" * 40 + b"\n\n"]
)
def test_a_stream_that_breaks_before_content_moves_to_the_next_credential(body: bytes) -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.upstream.asked[0].answer(200, EVENT_STREAM, body=body, end=True)
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE
    assert daemon.cooling().count(0) == 1


def test_an_upstream_that_never_answers_moves_to_the_next_credential() -> None:
    daemon = Daemon(keys=2)
    client = daemon.whole()
    daemon.pass_time(600)
    assert daemon.upstream.asked[0].cancelled
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE


def test_nobody_is_asked_twice_in_one_round() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    refuse(daemon.upstream.asked[0], 500)
    refuse(daemon.upstream.asked[1], 500)
    assert len(daemon.upstream.asked) == 2
    assert client.ended


def test_the_last_real_answer_is_told_if_everybody_failed() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    refuse(daemon.upstream.asked[0], 500)
    refuse(daemon.upstream.asked[1], 429, ("Retry-After", "7"), ("Anthropic-Ratelimit-Requests-Limit", "5"))
    assert client.status == 429
    assert client.body == LIMITED
    assert client.headers["retry-after"] == "7"
    assert client.headers["anthropic-ratelimit-requests-limit"] == "5"
    client.leave()
    daemon.assert_quiet()


def test_no_answer_at_all_is_a_bad_gateway() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.fail(ConnectError())
    assert client.status == 502
    assert "api.anthropic.com" in client.error["message"]
    client.leave()
    daemon.assert_quiet()


def test_an_error_answer_whose_body_does_not_end_is_not_waited_for() -> None:
    daemon = Daemon(keys=2)
    daemon.stream()
    daemon.upstream.asked[0].answer(529, JSON, body=b'{"typ')
    daemon.pass_time(ERROR_BODY_SECONDS)
    assert daemon.upstream.asked[0].stopped
    assert len(daemon.upstream.asked) == 2


def test_an_error_answer_without_bound_is_cut() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(500, ("Content-Type", "text/html"), body=bytes(MAX_ERROR_BODY_BYTES + 1))
    assert daemon.upstream.last.stopped
    assert len(client.body) == MAX_ERROR_BODY_BYTES


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    daemon = Daemon()
    client = daemon.stream()
    refuse(daemon.upstream.last, status, ("Location", "https://elsewhere.example/"), body=b"")
    assert len(daemon.upstream.asked) == 1
    assert client.status == 503
    assert "redirects" in client.error["message"]
    assert "location" not in client.headers


# -- cooling


@pytest.mark.parametrize(
    ("hint", "seconds"), [("30", 30), ("540", 540), ("2592000", 600), ("Fri, 01 Jan 2027 00:00:00 GMT", 600)]
)
def test_retry_after_is_honoured_and_capped(hint: str, seconds: int) -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", hint))
    assert daemon.cooling() == [seconds]


@pytest.mark.parametrize("hint", ["soon", "-5", "nan", "inf", "", "99999999", "Wed, 01 Jan 2400 00:00:00 GMT"])
def test_a_retry_after_that_says_nothing_is_passed_over(hint: str) -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", hint))
    assert daemon.cooling() == [1]


def test_a_cooling_credential_is_not_asked() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "30"))
    daemon.stream()
    assert len(daemon.upstream.asked) == 1
    daemon.pass_time(30)
    daemon.stream()
    assert len(daemon.upstream.asked) == 2


@pytest.mark.parametrize(
    ("status", "told", "seconds"),
    [(429, 429, "61"), (529, 529, "1"), (500, 503, "1"), (401, 503, "540")],
)
def test_when_all_cool_the_status_is_the_last_answers(status: int, told: int, seconds: str) -> None:
    """Passing trouble is tried again soon where there is nobody else, whatever the upstream said of it."""
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, status, ("Retry-After", "61"))
    client = daemon.stream()
    assert len(daemon.upstream.asked) == 1
    assert client.status == told
    assert client.headers["retry-after"] == seconds
    client.leave()


def test_a_success_forgets_what_was_held_against_a_credential() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 500)
    daemon.pass_time(2)
    daemon.stream()
    serve(daemon.upstream.last)
    assert daemon.failures() == [0]


def test_a_broken_reply_is_held_against_its_credential() -> None:
    daemon = Daemon()
    daemon.stream()
    daemon.upstream.last.answer().say(START + BLOCK).cut()
    assert daemon.cooling() == [60]


# -- heartbeats


def test_a_client_that_waits_gets_a_head_and_beats() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.pass_time(14)
    assert not client.told
    daemon.pass_time(1)
    assert client.status == 200
    assert client.body == b"\n"
    daemon.pass_time(15)
    assert client.body == b"\n\n"


def test_a_client_that_waits_between_events_is_pinged() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer().say(START + BLOCK)
    daemon.pass_time(15)
    assert client.body == START + BLOCK + b'event: ping\ndata: {"type": "ping"}\n\n'


def test_a_reply_behind_a_beat_is_told_whole() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.pass_time(15)
    serve(daemon.upstream.last)
    assert client.body == b"\n" + WHOLE
    assert client.ended


def test_another_credential_is_asked_behind_a_beat() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.pass_time(15)
    refuse(daemon.upstream.asked[0], 529)
    serve(daemon.upstream.asked[1])
    assert client.body == b"\n" + WHOLE


def test_the_last_real_answer_is_told_as_an_event_behind_a_beat() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.pass_time(15)
    refuse(daemon.upstream.last, 429)
    _, name, payload, *_ = client.body.split(b"\n")
    assert name == b"event: error"
    assert orjson.loads(payload[6:])["error"] == {"type": "rate_limit_error", "message": "Slow down"}
    assert client.ended
    client.leave()
    daemon.assert_quiet()


def test_no_beat_is_a_ping_before_the_message_has_begun_for_the_client() -> None:
    """A reply that had opened, and broken, left its ping to the next attempt's waiting."""
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.pass_time(10)
    daemon.upstream.asked[0].answer(200, EVENT_STREAM, body=START + PING, end=True)
    daemon.pass_time(40)
    assert client.body == b"\n\n\n"


def test_beats_go_on_when_an_answer_that_was_no_stream_is_followed_by_another_attempt() -> None:
    """The first one stopped them for good, and the client of a slow second one heard nothing."""
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.upstream.asked[0].answer(200, JSON, end=True)
    assert len(daemon.upstream.asked) == 2
    daemon.pass_time(15)
    assert client.body == b"\n"


def test_an_answer_that_is_no_stream_gets_no_beats() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, JSON, body=MESSAGE)
    daemon.pass_time(60)
    daemon.upstream.last.end()
    assert client.body == MESSAGE
    assert client.headers["content-type"] == "application/json"


def test_zero_turns_beats_off() -> None:
    daemon = Daemon(config=Config(streaming=Streaming(keepalive_seconds=0)))
    client = daemon.stream()
    daemon.pass_time(100)
    assert not client.told
    daemon.upstream.last.answer().say(START + BLOCK)
    daemon.pass_time(100)
    assert client.body == START + BLOCK


def test_a_client_that_asked_for_no_stream_gets_no_beats() -> None:
    daemon = Daemon()
    client = daemon.whole()
    daemon.pass_time(100)
    assert not client.told


# -- reloading and shutting down


def test_a_reload_does_not_touch_what_is_under_way() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.house.configure(attrs.evolve(daemon.config, claude_keys=(key(9),)))
    refuse(daemon.upstream.asked[0], 500)
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE
    daemon.stream()
    assert daemon.upstream.last.headers.getRawHeaders(b"x-api-key") == [b"sk-ant-upstream-key-9"]


def drain(daemon: Daemon) -> list[object]:
    """Begin to shut down; what it gives when it is done."""
    done: list[object] = []
    daemon.house.drain().addBoth(done.append)
    return done


def test_with_nothing_under_way_draining_is_done_at_once() -> None:
    assert drain(Daemon()) == [None]


def test_draining_waits_for_what_is_under_way() -> None:
    daemon = Daemon()
    client = daemon.stream()
    done = drain(daemon)
    daemon.pass_time(29)
    assert done == []
    serve(daemon.upstream.last)
    assert client.body.endswith(WHOLE)
    assert done == [None]
    client.leave()
    daemon.assert_quiet()


def test_while_draining_nothing_more_is_taken() -> None:
    daemon = Daemon()
    daemon.stream()
    drain(daemon)
    client = daemon.stream()
    assert client.status == 503
    assert client.headers["retry-after"] == "1"
    assert len(daemon.upstream.asked) == 1


def test_after_the_grace_a_request_without_a_head_is_told_an_error() -> None:
    daemon = Daemon()
    client = daemon.whole()
    done = drain(daemon)
    daemon.pass_time(30)
    assert client.status == 503
    assert "shutting down" in client.error["message"]
    assert done == [None]
    assert daemon.upstream.last.cancelled
    assert daemon.cooling() == [0]
    client.leave()
    daemon.assert_quiet()


def ended_by_grace(client: Caller, daemon: Daemon) -> bytes:
    """What a client has that was cut short."""
    done = drain(daemon)
    daemon.pass_time(30.5)
    assert done == [None]
    assert daemon.cooling() == [0]
    client.leave()
    daemon.assert_quiet()
    return client.body


def test_after_the_grace_a_stream_is_told_an_error_event() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer().say(START + BLOCK, delta("half")[:30])
    told = ended_by_grace(client, daemon)
    good, _, last = told.rpartition(b"event: error\n")
    assert good.startswith(START + BLOCK)
    assert b"shutting down" in last
    assert last.endswith(b"\n\n")
    assert client.ended


def test_after_the_grace_a_stream_that_only_beats_is_told_an_error_event() -> None:
    daemon = Daemon()
    client = daemon.stream()
    told = ended_by_grace(client, daemon)
    assert told.startswith((b"\nevent: error\n", b"\n\nevent: error\n"))
    assert client.ended


def test_after_the_grace_a_message_that_is_half_told_is_cut() -> None:
    """An error event was written into the JSON, and the reply ended as if it were whole."""
    daemon = Daemon()
    client = daemon.whole()
    daemon.upstream.last.answer(200, JSON).say(b"x" * 20_000)
    assert ended_by_grace(client, daemon) == b"x" * 20_000
    assert client.was_cut
    assert not client.ended


def test_after_the_grace_a_stream_whose_message_is_whole_just_ends() -> None:
    """It was told an error behind `message_stop`."""
    daemon = Daemon(config=Config(shutdown_grace_seconds=0.5))
    client = daemon.stream()
    daemon.upstream.last.answer().say(WHOLE)
    drain(daemon)
    daemon.pass_time(0.6)
    assert client.body == WHOLE
    assert client.ended


def test_after_the_grace_nobody_else_is_asked() -> None:
    daemon = Daemon(keys=3, config=Config(shutdown_grace_seconds=1))
    client = daemon.whole()
    daemon.upstream.last.answer(500, JSON, body=b"{")
    done = drain(daemon)
    daemon.pass_time(1)
    assert done == [None]
    assert client.status == 503
    assert len(daemon.upstream.asked) == 1


def test_an_error_told_in_a_stream_keeps_its_kind() -> None:
    daemon = Daemon()
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM, body=START + error_event("rate_limit_error", "Enough"), end=True)
    assert client.status == 429
    assert client.error == {"type": "rate_limit_error", "message": "Enough"}


def test_models_are_told_apart_when_they_cool() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "30"))
    daemon.stream("claude-haiku-4-5")
    assert len(daemon.upstream.asked) == 2
    assert daemon.cooling(MODEL) == [30]
    assert daemon.cooling("claude-haiku-4-5") == [0]


def test_an_error_that_is_called_a_stream_is_a_stream_was_wrong() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.upstream.last.answer(400, EVENT_STREAM, body=LIMITED, end=True)
    assert (client.status, client.body) == (400, LIMITED)
    assert daemon.cooling() == [0, 0]


def test_a_clients_mistake_that_is_told_inside_a_stream_is_no_trouble() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM, body=error_event("invalid_request_error", "Alas."), end=True)
    assert (client.status, client.error["message"]) == (400, "Alas.")
    assert daemon.cooling() == [0, 0]


def test_a_mistake_of_ours_behind_the_head_cuts_the_client_and_the_upstream(failures: list[LogEvent]) -> None:
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last
    asked.answer(200, EVENT_STREAM, body=WHOLE[:-40])
    assert client.status == 200
    assert len(daemon.house._exchanges._running) == 1
    (exchange,) = daemon.house._exchanges._running
    assert isinstance(exchange, Exchange)
    assert exchange._pump is not None
    exchange._pump.done.errback(ZeroDivisionError())
    assert client.was_cut
    assert asked.over
    assert failures.pop()["log_failure"].type is ZeroDivisionError
    client.leave()
    failures.clear()


def test_draining_twice_is_draining_once() -> None:
    daemon = Daemon()
    daemon.stream()
    assert daemon.house.drain() is not None
    daemon.house.drain()
    serve(daemon.upstream.last)
    assert daemon.house._exchanges.running == 0
