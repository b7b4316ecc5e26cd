"""The upstream's end of a reply: when it has proved good, how it flows, how it ends."""

from __future__ import annotations

import gzip
import zlib

import pytest
from twisted.internet.interfaces import IPushProducer
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.web.http import PotentialDataLoss
from zope.interface.verify import verifyObject

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, TimedOut, Unavailable, UpstreamTrouble
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.formats.wire import SILENT_HEARTBEAT
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from cliproxy.streaming.pump import LINGER_SECONDS, MAX_FIGURE, Phase
from cliproxy.translate.readers import PassedBody
from tests.support.ends import IDLE_SECONDS, Reply
from tests.support.house import BLOCK, OVERLOADED, PING, START, STOP, WHOLE, delta, logged


def streaming() -> Reply:
    """A stream that has begun to flow."""
    return Reply().deliver(START + BLOCK).flow()


def body(may_be_empty: bool = False) -> Reply:
    """A reply that is no stream."""
    return Reply(PassedBody(may_be_empty))


def trouble_before(reply: Reply) -> UpstreamTrouble:
    """What broke a reply before it had proved good."""
    (proof,) = reply.proofs
    assert isinstance(proof, Failure)
    assert isinstance(proof.value, UpstreamTrouble)
    assert reply.caller.raw == b""
    assert reply.end.timers <= 1  # the receiver hears of its own cut in the next turn
    return proof.value


def test_it_is_a_push_producer() -> None:
    assert verifyObject(IPushProducer, Reply().pump)


# -- before it has proved good


def test_a_stream_that_only_opens_proves_nothing() -> None:
    reply = Reply().deliver(START, PING, b": a comment\n\n")
    assert reply.proofs == []
    assert reply.pump.phase is Phase.PROBING


def test_the_first_content_proves_a_stream_good() -> None:
    assert Reply().deliver(START, BLOCK).proofs == [None]


def test_what_came_before_the_proof_is_told_with_it() -> None:
    reply = Reply().deliver(START, PING, BLOCK).flow()
    assert reply.caller.body == START + PING + BLOCK


def test_a_cut_before_the_proof_is_trouble_that_nobody_heard_of() -> None:
    reply = Reply().deliver(START)
    reply.upstream.cut()
    assert isinstance(trouble_before(reply), Broken)
    assert reply.pump.phase is Phase.BROKEN


def test_an_end_before_the_proof_is_trouble() -> None:
    reply = Reply().deliver(START)
    reply.upstream.end()
    assert isinstance(trouble_before(reply), Broken)


def test_an_empty_stream_is_trouble() -> None:
    reply = Reply().deliver()
    reply.upstream.end()
    assert "empty" in trouble_before(reply).message


def test_an_error_event_before_the_proof_is_trouble_and_cuts_the_upstream() -> None:
    reply = Reply().deliver(START, OVERLOADED)
    assert trouble_before(reply).status == 529
    assert reply.upstream.stopped


def test_silence_before_the_proof_is_trouble() -> None:
    reply = Reply().deliver(START)
    reply.clock.advance(IDLE_SECONDS)
    assert isinstance(trouble_before(reply), TimedOut)
    assert reply.upstream.stopped


@pytest.mark.parametrize(
    "noise", [bytes(range(256)) + b"\n\n", b"<html><body>Bad gateway</body></html>\n\n", b"data: {\n\n"]
)
def test_garbage_before_the_proof_is_trouble(noise: bytes) -> None:
    reply = Reply().deliver(START, noise)
    assert isinstance(trouble_before(reply), Broken)
    assert reply.upstream.stopped


def test_a_body_is_proved_good_by_its_end() -> None:
    reply = body().deliver(b'{"a":', b"1}")
    assert reply.proofs == []
    reply.upstream.end()
    reply.flow()
    assert reply.caller.body == b'{"a":1}'
    assert reply.outcomes == [None]


def test_a_long_body_is_proved_good_by_its_beginning() -> None:
    assert body().deliver(bytes(16 * 1024 - 1), b"1").proofs == [None]


def test_an_empty_body_is_trouble() -> None:
    reply = body().deliver()
    reply.upstream.end()
    assert isinstance(trouble_before(reply), Broken)


def test_gzip_of_nothing_is_an_empty_body() -> None:
    reply = body().deliver(gzip.compress(b""))
    reply.upstream.end()
    assert "empty" in trouble_before(reply).message


def test_a_slow_body_is_told_as_it_comes_once_patience_is_over() -> None:
    reply = body().deliver(b"some", patience=15)
    reply.clock.advance(15)
    reply.flow()
    assert reply.caller.body == b"some"


def test_patience_that_ends_before_the_first_byte_tells_that_byte_at_once() -> None:
    reply = body().deliver(patience=15)
    reply.clock.advance(20)
    assert reply.proofs == []
    reply.upstream.say(b"1")
    assert reply.proofs == [None]


def test_a_body_that_is_all_there_sets_no_timer() -> None:
    reply = body()
    reply.upstream.say(b"{}")
    reply.upstream.end()
    reply.deliver(patience=15)
    assert reply.end.timers == 0
    assert reply.flow().caller.body == b"{}"


def test_a_body_without_length_ends_well_when_its_connection_closes() -> None:
    reply = body().deliver(b"{}")
    reply.upstream.end(PotentialDataLoss())
    assert reply.flow().outcomes == [None]


# -- as it flows


def test_whole_events_pass_and_halves_wait() -> None:
    reply = streaming()
    reply.clock.advance(1)
    reply.upstream.say(delta("Hello")[:20])
    assert reply.caller.body == START + BLOCK
    reply.upstream.say(delta("Hello")[20:])
    assert reply.caller.body == START + BLOCK + delta("Hello")


def test_the_end_of_the_message_is_told_at_once() -> None:
    reply = streaming()
    reply.upstream.say(delta("Hello"), STOP)
    assert reply.caller.body == START + BLOCK + delta("Hello") + STOP


def test_the_end_of_the_body_ends_the_reply() -> None:
    reply = streaming()
    reply.upstream.say(STOP)
    reply.upstream.end()
    assert reply.caller.ended
    assert reply.outcomes == [None]
    assert reply.pump.phase is Phase.ENDED


def test_an_upstream_that_stays_after_the_message_is_cut() -> None:
    reply = streaming()
    reply.upstream.say(STOP)
    reply.clock.advance(LINGER_SECONDS)
    assert reply.caller.ended
    assert reply.upstream.stopped
    assert reply.outcomes == [None]


def test_an_upstream_that_talks_after_the_message_is_not_listened_to() -> None:
    reply = streaming()
    reply.upstream.say(STOP)
    for _ in range(10):
        reply.upstream.say(delta("and"), STOP, OVERLOADED)
        reply.clock.advance(LINGER_SECONDS / 8)
    assert reply.caller.body == START + BLOCK + STOP
    assert reply.caller.ended


def test_a_cut_after_the_message_is_no_trouble() -> None:
    reply = streaming()
    reply.upstream.say(STOP)
    reply.upstream.cut()
    assert reply.caller.body == START + BLOCK + STOP
    assert reply.outcomes == [None]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda reply: reply.upstream.cut(), "cut the connection"),
        (lambda reply: reply.upstream.end(), "before the message was complete"),
        (lambda reply: reply.clock.advance(IDLE_SECONDS), "fell silent for 120 s"),
        (lambda reply: reply.upstream.say(bytes(range(256)) + b"\n\n"), "not an event stream"),
        (lambda reply: reply.upstream.say(b"a: [1]\n\n"), "not a JSON object"),
        (lambda reply: reply.upstream.say(b"<html>\n\n"), "not an event stream"),
        (lambda reply: reply.upstream.say(b"x" * (17 << 20)), "more than"),
    ],
    ids=["cut", "end", "silence", "noise", "no object", "html", "endless event"],
)
def test_whatever_breaks_a_stream_is_told_as_its_last_event(spoil: object, why: str) -> None:
    reply = streaming()
    reply.upstream.say(delta("Hello"), delta("half")[:30])
    assert callable(spoil)
    spoil(reply)
    told = reply.caller.body
    good = START + BLOCK + delta("Hello")
    assert told.startswith(good + b"event: error\ndata: ")
    assert told.endswith(b"\n\n")
    assert told.count(b"\n\n") == good.count(b"\n\n") + 1
    assert why in reply.trouble
    assert reply.caller.ended
    assert reply.pump.phase is Phase.BROKEN
    reply.clock.advance(0)
    reply.clock.pump([0.01, 0.01])
    assert reply.end.timers == 0


def test_an_error_event_of_the_upstream_passes_and_is_the_end() -> None:
    reply = streaming()
    reply.upstream.say(OVERLOADED, delta("more"), STOP)
    reply.upstream.end()
    assert reply.caller.body == START + BLOCK + OVERLOADED
    assert reply.caller.ended


def test_gzip_that_breaks_midway_is_told() -> None:
    stream = zlib.compressobj(wbits=31)
    reply = Reply().deliver(stream.compress(START + BLOCK) + stream.flush(zlib.Z_SYNC_FLUSH)).flow()
    reply.upstream.say(b"\xff" * 50)
    assert "gzip" in reply.trouble
    assert reply.caller.body.startswith(START + BLOCK + b"event: error\n")


def test_gzip_that_breaks_at_the_end_of_what_came_at_once_is_told() -> None:
    """It had proved good within the delivery, and was then broken for a second time, by an `AlreadyCalledError`."""
    reply = Reply()
    reply.upstream.say(gzip.compress(START + BLOCK + delta("Hello"))[:-8])
    reply.upstream.end()
    reply.deliver().flow()
    assert reply.caller.body.startswith(START + BLOCK + delta("Hello") + b"event: error\n")
    assert reply.caller.ended
    assert "gzip" in reply.trouble


def test_a_cut_within_what_came_at_once_is_told() -> None:
    reply = Reply()
    reply.upstream.say(START + BLOCK)
    reply.upstream.cut()
    reply.deliver().flow()
    assert reply.caller.body.startswith(START + BLOCK + b"event: error\n")
    assert "cut the connection" in reply.trouble


def test_a_body_that_is_cut_cuts_the_client() -> None:
    reply = body().deliver(bytes(20_000)).flow()
    reply.upstream.cut()
    assert reply.caller.was_cut
    assert not reply.caller.ended
    assert reply.outcomes == []
    reply.clock.advance(0)
    assert "cut the connection" in reply.trouble


def test_what_was_not_gzip_is_told_with_a_warning() -> None:
    bad = gzip.compress(b"")[:10] + b"\xff" * 100
    reply = body().deliver(bad)
    with logged() as events:
        reply.upstream.end()
    reply.flow()
    assert reply.caller.body == bad
    assert not reply.pump.plain
    assert [event["log_level"] for event in events] == [LogLevel.warn]


# -- heartbeats


def test_the_beat_is_silent_until_something_has_been_told() -> None:
    """A reply that had opened and then broke left a ping to be told before the next one's opening."""
    reply = Reply().deliver(START)
    assert reply.pump.heartbeat == SILENT_HEARTBEAT
    reply.upstream.cut()
    assert reply.pump.heartbeat == SILENT_HEARTBEAT
    assert trouble_before(reply)


def test_the_beat_is_the_formats_own_while_it_flows() -> None:
    assert streaming().pump.heartbeat == ANTHROPIC.heartbeat


def test_there_is_no_beat_after_the_message() -> None:
    reply = streaming()
    reply.upstream.say(STOP)
    assert reply.pump.heartbeat == b""


# -- a client that does not read


def test_a_client_that_does_not_read_pauses_the_upstream() -> None:
    reply = streaming()
    reply.caller.stop_reading()
    assert reply.upstream.is_paused
    reply.caller.read()
    assert not reply.upstream.is_paused


def test_the_upstreams_silence_is_not_counted_while_the_client_does_not_read() -> None:
    reply = streaming()
    reply.caller.stop_reading()
    reply.clock.pump([IDLE_SECONDS - 1] * 3)
    assert reply.outcomes == []


def test_the_upstreams_silence_begins_when_the_client_reads_again() -> None:
    """It counted from the last byte before the stall, so who came back a moment too late lost the reply."""
    reply = streaming()
    reply.caller.stop_reading()
    reply.clock.advance(IDLE_SECONDS - 1)
    reply.caller.read()
    reply.clock.advance(IDLE_SECONDS - 1)
    assert reply.outcomes == []
    reply.clock.advance(1)
    assert "fell silent" in reply.trouble


def test_a_client_that_never_reads_again_is_cut() -> None:
    reply = streaming()
    reply.clock.advance(7)
    reply.caller.stop_reading()
    for _ in range(int(MAX_STALL_SECONDS) - 1):
        reply.clock.advance(1)
    assert not reply.caller.was_cut
    reply.clock.advance(1)
    assert reply.caller.was_cut
    assert reply.upstream.stopped
    reply.clock.advance(0)
    assert reply.end.timers == 0


def test_a_message_that_ends_while_the_client_does_not_read_ends_the_reply() -> None:
    reply = streaming()
    reply.caller.stop_reading()
    reply.upstream.say(STOP)
    reply.clock.advance(LINGER_SECONDS)
    assert reply.caller.body == START + BLOCK + STOP
    assert reply.caller.ended


# -- ended by us


def test_abandoned_it_cuts_the_upstream_and_tells_nothing() -> None:
    reply = streaming()
    reply.pump.abandon()
    reply.pump.abandon()
    assert reply.upstream.stopped
    assert reply.pump.phase is Phase.ABANDONED
    reply.upstream.say(delta("more"))
    reply.clock.advance(0)
    assert reply.caller.body == START + BLOCK
    assert reply.end.timers == 0


def test_broken_off_a_stream_says_why() -> None:
    reply = streaming()
    assert reply.pump.break_off(Unavailable("Closing time."))
    assert b"Closing time." in reply.caller.body
    assert reply.caller.ended
    assert reply.upstream.stopped


def test_broken_off_after_its_message_a_stream_just_ends() -> None:
    """Shutting down told an error behind `message_stop`."""
    reply = streaming()
    reply.upstream.say(STOP)
    assert reply.pump.break_off(Unavailable("Closing time."))
    assert reply.caller.body == START + BLOCK + STOP
    assert reply.caller.ended
    assert reply.outcomes == [None]
    assert reply.upstream.stopped


def test_broken_off_a_body_cuts_the_client() -> None:
    """Shutting down wrote an event into the JSON and ended it well."""
    reply = body().deliver(bytes(20_000)).flow()
    assert reply.pump.break_off(Unavailable("Closing time."))
    assert reply.caller.was_cut
    assert reply.caller.body == bytes(20_000)


def test_nothing_can_be_broken_off_before_it_flows() -> None:
    reply = Reply().deliver(START)
    assert not reply.pump.break_off(Unavailable("Closing time."))
    assert reply.proofs == []


def test_the_whole_stream_in_one_read_is_told_whole() -> None:
    reply = Reply()
    reply.upstream.say(WHOLE)
    reply.upstream.end()
    reply.deliver().flow()
    assert reply.caller.body == WHOLE
    assert reply.caller.ended
    assert reply.outcomes == [None]
    assert reply.end.timers == 0


# -- what it took


def test_a_reply_under_way_says_what_it_took_so_far() -> None:
    assert Reply().deliver(WHOLE).flow().pump.usage == Usage(output=2)


def test_a_figure_that_nobody_can_mean_is_bounded() -> None:
    told = b'{"usage":{"prompt_tokens":%d,"completion_tokens":2}}' % 10**18
    reply = Reply(PassedBody(may_be_empty=False, usage_in=OPENAI_CHAT.usage_in)).deliver(told)
    reply.upstream.end()
    assert reply.pump.usage == Usage(MAX_FIGURE, output=2)
