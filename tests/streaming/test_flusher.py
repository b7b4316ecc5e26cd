"""The loop that flushes all streams."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent

from cliproxy.streaming.flusher import Flusher


class Stream:
    """Counts its flushes."""

    def __init__(self) -> None:
        self.flushes = 0

    def flush(self) -> None:
        self.flushes += 1


class Failing(Stream):
    def flush(self) -> None:
        raise RuntimeError("this one fails")


def test_whoever_waits_is_flushed_at_the_tick() -> None:
    clock, stream = Clock(), Stream()
    Flusher(clock, 0.01).add(stream)
    clock.advance(0.0099)
    assert stream.flushes == 0
    clock.advance(0.0001)
    assert stream.flushes == 1


def test_whoever_waits_twice_is_flushed_once() -> None:
    clock, stream = Clock(), Stream()
    flusher = Flusher(clock, 0.01)
    flusher.add(stream)
    flusher.add(stream)
    clock.pump([0.01] * 5)
    assert stream.flushes == 1


def test_one_timer_serves_all() -> None:
    clock, streams = Clock(), [Stream() for _ in range(100)]
    flusher = Flusher(clock, 0.01)
    for stream in streams:
        flusher.add(stream)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0.01)
    assert {stream.flushes for stream in streams} == {1}


def test_it_sets_no_timer_before_anybody_waits() -> None:
    clock = Clock()
    Flusher(clock, 0.01)
    assert clock.getDelayedCalls() == []


def test_it_stops_when_a_tick_finds_nobody() -> None:
    clock = Clock()
    Flusher(clock, 0.01).add(Stream())
    clock.pump([0.01, 0.01])
    assert clock.getDelayedCalls() == []


def test_it_starts_again_after_a_rest() -> None:
    clock, stream = Clock(), Stream()
    flusher = Flusher(clock, 0.01)
    for _ in range(2):
        flusher.add(stream)
        clock.pump([0.01, 0.01, 5])
    assert stream.flushes == 2


def test_whoever_is_discarded_is_not_flushed() -> None:
    clock, stream = Clock(), Stream()
    flusher = Flusher(clock, 0.01)
    flusher.add(stream)
    flusher.discard(stream)
    flusher.discard(stream)
    clock.pump([0.01, 0.01])
    assert stream.flushes == 0
    assert clock.getDelayedCalls() == []


def test_a_stream_that_fails_costs_the_others_nothing(failures: list[LogEvent]) -> None:
    clock, stream = Clock(), Stream()
    flusher = Flusher(clock, 0.01)
    flusher.add(Failing())
    flusher.add(stream)
    clock.advance(0.01)
    assert stream.flushes == 1
    assert str(failures.pop()["log_failure"].value) == "this one fails"
    flusher.add(stream)
    clock.advance(0.01)
    assert stream.flushes == 2
