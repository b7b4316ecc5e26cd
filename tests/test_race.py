"""Two attempts at one thing: who is taken, and what becomes of the other."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from cliproxy.race import Race


class Track:
    """A race between runners that the test moves; results below zero do not win."""

    def __init__(self, clock: Clock, *, second: bool = True, first: Deferred[int] | None = None) -> None:
        self.cancelled: list[str] = []
        self.first = first or self.runner("first")
        self.second = self.runner("second") if second else None
        self.started = False
        self.came: list[int] = []
        self.race = Race(self.first, self.start, lambda result: result >= 0, clock, 1.0)
        self.race.result.addCallback(self.came.append)

    def runner(self, name: str) -> Deferred[int]:
        return Deferred(lambda _: self.cancelled.append(name))

    def start(self) -> Deferred[int] | None:
        self.started = True
        return self.second

    def both(self, clock: Clock) -> Deferred[int]:
        """The second one runs as well."""
        clock.advance(1.0)
        assert self.second is not None
        return self.second


def test_one_that_is_quick_runs_alone(clock: Clock) -> None:
    track = Track(clock)
    track.first.callback(7)
    clock.advance(5)
    assert (track.came, track.started) == ([7], False)
    assert clock.getDelayedCalls() == []


def test_one_that_is_done_already_runs_alone(clock: Clock) -> None:
    track = Track(clock, first=succeed(7))
    assert (track.came, clock.getDelayedCalls()) == ([7], [])


def test_after_the_time_another_joins(clock: Clock) -> None:
    track = Track(clock)
    clock.advance(0.9)
    assert not track.started
    clock.advance(0.1)
    assert track.started


def test_the_first_to_win_is_taken_and_the_other_cancelled(clock: Clock) -> None:
    track = Track(clock)
    track.both(clock).callback(8)
    assert (track.came, track.cancelled) == ([8], ["first"])


def test_one_that_does_not_win_leaves_it_to_the_other(clock: Clock) -> None:
    track = Track(clock)
    second = track.both(clock)
    track.first.callback(-1)
    assert track.came == []
    second.callback(8)
    assert (track.came, track.cancelled) == ([8], [])


def test_if_nobody_wins_the_last_is_taken(clock: Clock) -> None:
    track = Track(clock)
    track.both(clock).callback(-2)
    track.first.callback(-1)
    assert track.came == [-1]


def test_one_that_fails_alone_is_taken_at_once(clock: Clock) -> None:
    track = Track(clock)
    track.first.callback(-1)
    assert (track.came, clock.getDelayedCalls()) == ([-1], [])


def test_with_nobody_else_the_first_goes_on(clock: Clock) -> None:
    track = Track(clock, second=False)
    clock.advance(5)
    track.first.callback(7)
    assert track.came == [7]


def test_an_error_ends_it_and_cancels_the_other(clock: Clock) -> None:
    track = Track(clock)
    track.both(clock).errback(ZeroDivisionError())
    assert track.cancelled == ["first"]
    assert track.race.result.addErrback(lambda failure: failure.trap(ZeroDivisionError)).called


@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_cancelling_it_cancels_all_who_run(clock: Clock, seconds: float) -> None:
    track = Track(clock)
    clock.advance(seconds)
    trapped = track.race.result.addErrback(lambda failure: failure.trap(CancelledError))
    track.race.result.cancel()
    assert track.cancelled == (["first"] if seconds < 1 else ["first", "second"])
    assert (trapped.called, clock.getDelayedCalls()) == (True, [])


def test_another_that_cannot_be_started_ends_it(clock: Clock) -> None:
    """It was raised into the reactor, and the first went on for nobody's sake."""
    cancelled: list[str] = []

    def start() -> Deferred[int] | None:
        raise ZeroDivisionError

    first: Deferred[int] = Deferred(lambda _: cancelled.append("first"))
    race = Race(first, start, lambda _: True, clock, 1.0)
    trapped = race.result.addErrback(lambda failure: failure.trap(ZeroDivisionError))
    clock.advance(1)
    assert (trapped.called, cancelled) == (True, ["first"])


def test_what_the_cancelled_one_comes_to_is_nobodys_business(clock: Clock) -> None:
    track = Track(clock, first=Deferred(lambda runner: runner.callback(9)))
    track.both(clock).callback(8)
    assert track.came == [8]
