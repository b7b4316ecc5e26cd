"""Heartbeats."""

from __future__ import annotations

from cliproxy.config.schema import Streaming
from cliproxy.streaming.heart import Heart
from tests.support.ends import ClientEnd


class Beating:
    """A client that waits for a stream."""

    def __init__(self, keepalive: float = 10.0, commit: float = 15.0) -> None:
        self.end = ClientEnd()
        self.clock, self.sink, self.caller = self.end.clock, self.end.sink, self.end.caller
        self.beat = b"\n"
        settings = Streaming(keepalive_seconds=keepalive, commit_seconds=commit)
        self.heart = Heart(self.sink, self.clock, settings, lambda: self.beat)
        self.heart.start()


def test_silence_is_kept_until_the_commit() -> None:
    beating = Beating()
    beating.clock.advance(14.9)
    assert not beating.sink.head_sent
    assert beating.caller.raw == b""


def test_the_commit_sends_the_head_with_a_beat() -> None:
    beating = Beating()
    beating.clock.advance(15)
    assert beating.caller.status == 200
    assert beating.caller.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert beating.caller.headers["x-accel-buffering"] == "no"
    assert beating.caller.body == b"\n"


def test_beats_follow_at_the_interval() -> None:
    beating = Beating()
    beating.clock.pump([15, 10, 10])
    assert beating.caller.body == b"\n\n\n"


def test_there_is_no_beat_while_the_reply_flows() -> None:
    beating = Beating()
    beating.sink.head(200, [])
    for _ in range(50):
        beating.sink.write(b"x")
        beating.clock.advance(1)
    assert beating.caller.body == b"x" * 50


def test_a_beat_comes_an_interval_after_the_last_write() -> None:
    beating = Beating()
    beating.clock.advance(15)
    beating.clock.advance(9)
    beating.sink.write(b"x")
    beating.clock.advance(9.9)
    assert beating.caller.body == b"\nx"
    beating.clock.advance(0.1)
    assert beating.caller.body == b"\nx\n"


def test_a_beat_is_what_may_be_told_just_then() -> None:
    beating = Beating()
    beating.clock.advance(15)
    beating.beat = b"event: ping\n\n"
    beating.clock.advance(10)
    assert beating.caller.body == b"\nevent: ping\n\n"


def test_zero_turns_them_off() -> None:
    beating = Beating(keepalive=0)
    assert beating.end.timers == 0


def test_the_end_leaves_no_timer() -> None:
    beating = Beating()
    beating.heart.stop()
    assert beating.end.timers == 0


def test_a_client_that_left_gets_no_beat() -> None:
    beating = Beating()
    beating.caller.leave()
    beating.clock.advance(15)
    assert not beating.sink.head_sent
    assert beating.end.timers == 0


def test_a_client_that_does_not_read_does_not_have_beats_piled_up() -> None:
    """Each beat was gathered and left `last_write` as it was, so the next one was due at once."""
    beating = Beating()
    beating.clock.advance(15)
    beating.caller.stop_reading()
    for _ in range(100):
        beating.clock.advance(1)
    beating.caller.read()
    assert beating.caller.body == b"\n"
    beating.clock.pump([1] * 10)
    assert beating.caller.body == b"\n\n"


def test_a_start_while_it_beats_changes_nothing() -> None:
    beating = Beating()
    beating.clock.advance(10)
    beating.heart.start()
    beating.clock.advance(5)
    assert beating.caller.body == b"\n"


def test_stopped_and_started_again_it_counts_from_the_request() -> None:
    beating = Beating()
    beating.clock.advance(10)
    beating.heart.stop()
    beating.clock.advance(2)
    beating.heart.start()
    beating.clock.advance(2.9)
    assert beating.caller.raw == b""
    beating.clock.advance(0.1)
    assert beating.caller.body == b"\n"


def test_started_again_after_the_commit_is_due_it_commits_in_the_next_turn() -> None:
    beating = Beating()
    beating.heart.stop()
    beating.clock.advance(60)
    beating.heart.start()
    assert beating.caller.raw == b""
    beating.clock.advance(0)
    assert beating.caller.body == b"\n"
