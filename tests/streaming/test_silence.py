"""The timer for silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from cliproxy.streaming.silence import Silence


class Listening:
    """A silence, and when it went off."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.over: list[tuple[float, float]] = []
        self.silence = Silence(self.clock, self._over)

    def _over(self, seconds: float) -> None:
        self.over.append((self.clock.seconds(), seconds))


def test_it_goes_off_after_its_time() -> None:
    listening = Listening()
    listening.silence.start(5)
    listening.clock.advance(5)
    assert listening.over == [(5, 5)]


def test_it_goes_off_once() -> None:
    listening = Listening()
    listening.silence.start(5)
    listening.clock.pump([5, 5, 5])
    assert len(listening.over) == 1
    assert not listening.silence.running


def test_a_touch_begins_the_time_anew() -> None:
    listening = Listening()
    listening.silence.start(5)
    listening.clock.advance(4)
    listening.silence.touch()
    listening.clock.pump([1, 3.9])
    assert listening.over == []
    listening.clock.advance(0.1)
    assert listening.over == [(9, 5)]


def test_a_touch_sets_no_timer() -> None:
    listening = Listening()
    listening.silence.start(5)
    for _ in range(100):
        listening.silence.touch()
    assert len(listening.clock.getDelayedCalls()) == 1


def test_a_touch_of_one_that_has_stopped_starts_nothing() -> None:
    listening = Listening()
    listening.silence.touch()
    assert listening.clock.getDelayedCalls() == []


def test_stopped_it_leaves_nothing_behind() -> None:
    listening = Listening()
    listening.silence.start(5)
    listening.silence.stop()
    listening.silence.stop()
    assert listening.clock.getDelayedCalls() == []


def test_another_start_changes_the_length() -> None:
    listening = Listening()
    listening.silence.start(5)
    listening.silence.start(1)
    listening.clock.advance(1)
    assert listening.over == [(1, 1)]
    assert listening.clock.getDelayedCalls() == []


def test_it_may_be_started_again_when_it_goes_off() -> None:
    clock = Clock()
    over: list[float] = []

    def again(seconds: float) -> None:
        over.append(clock.seconds())
        silence.start(seconds)

    silence = Silence(clock, again)
    silence.start(2)
    clock.pump([1] * 6)
    assert over == [2, 4, 6]


@given(st.lists(st.floats(0.001, 20), max_size=30), st.floats(0.01, 10))
def test_it_never_goes_off_early(waits: list[float], length: float) -> None:
    listening = Listening()
    listening.silence.start(length)
    touched = 0.0
    for wait in waits:
        listening.clock.advance(wait)
        if listening.over:
            break
        touched = listening.clock.seconds()
        listening.silence.touch()
    listening.clock.advance(length + 1)
    ((_, seconds),) = listening.over
    assert seconds == length
    assert listening.over[0][0] >= touched + length
