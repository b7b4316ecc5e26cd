"""The queue alone: who is let in, in which order, and that nobody is left standing."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from cliproxy.waiting import SLACK_SECONDS, Waiting


class Room:
    """Some places, and a queue before them."""

    def __init__(self, clock: Clock, most: int = 10) -> None:
        self.queue = Waiting(clock, most)
        self.free = 0
        self.looks: list[str] = []
        self.entered: list[str] = []
        self.refused: list[str] = []

    def come(
        self,
        name: str,
        who: Hashable = None,
        *,
        same: Hashable = "m",
        seconds: float = 60,
        then: Callable[[], object] = lambda: None,
    ) -> Deferred[bool]:
        """Stand in the queue for one of the places."""

        def look() -> bool:
            self.looks.append(name)
            if not self.free:
                return False
            self.free -= 1
            return True

        def told(found: bool) -> bool:
            (self.entered if found else self.refused).append(name)
            if found:
                then()
            return found

        return Deferred.fromCoroutine(self.queue.wait(who or name, same, look, seconds)).addCallback(told)

    def leave(self, places: int = 1) -> None:
        """So many places are free."""
        self.free += places
        self.queue.stir()


@pytest.fixture
def room(clock: Clock) -> Room:
    return Room(clock)


def test_who_waits_is_let_in_when_there_is_room(room: Room) -> None:
    room.come("a")
    assert room.entered == []
    room.leave()
    assert room.entered == ["a"]
    assert len(room.queue) == 0


def test_there_are_as_many_let_in_as_there_is_room_for(room: Room) -> None:
    for name in "abc":
        room.come(name)
    room.leave(2)
    assert (room.entered, room.free, len(room.queue)) == (["a", "b"], 0, 1)


def test_each_conversation_in_turn(room: Room) -> None:
    for name in ("a1", "a2", "a3", "b1", "c1"):
        room.come(name, name[0])
    for _ in range(5):
        room.leave()
    assert room.entered == ["a1", "b1", "c1", "a2", "a3"]


def test_all_turns_are_fair_when_there_is_much_room_at_once(room: Room) -> None:
    for name in ("a1", "a2", "b1"):
        room.come(name, name[0])
    room.leave(2)
    assert room.entered == ["a1", "b1"]


def test_who_finds_nothing_keeps_its_place(room: Room) -> None:
    room.come("a")
    room.come("b")
    room.queue.stir()
    room.leave()
    assert room.entered == ["a"]


def test_of_those_who_want_the_same_one_looks(room: Room) -> None:
    for name in "abc":
        room.come(name)
    room.queue.stir()
    assert room.looks == ["a"]


def test_those_who_want_something_else_look_as_well(room: Room) -> None:
    room.come("a", same=("m", frozenset({"tried"})))
    room.come("b", same=("m", frozenset()))
    room.queue.stir()
    assert room.looks == ["a", "b"]


def test_who_waits_for_too_long_is_told_that_there_is_nothing(room: Room, clock: Clock) -> None:
    room.come("a", seconds=5)
    clock.advance(5)
    assert (room.refused, len(room.queue)) == (["a"], 0)
    assert clock.getDelayedCalls() == []


def test_no_time_at_all_is_over_at_once(room: Room, clock: Clock) -> None:
    room.come("a", seconds=-1)
    clock.advance(0)
    assert room.refused == ["a"]


def test_who_leaves_is_let_in_no_more(room: Room, clock: Clock) -> None:
    gone = room.come("a")
    room.come("b")
    gone.addErrback(lambda failure: failure.trap(CancelledError))
    gone.cancel()
    room.leave()
    assert (room.entered, len(room.queue)) == (["b"], 0)
    assert clock.getDelayedCalls() == []


def test_what_one_makes_room_for_as_it_enters_lets_in_the_next(room: Room) -> None:
    room.come("a", then=room.leave)
    room.come("b")
    room.leave()
    assert room.entered == ["a", "b"]


def test_who_comes_back_as_it_is_let_in_stands_behind(room: Room) -> None:
    room.come("a1", "a", then=lambda: room.come("a2", "a"))
    room.come("b")
    room.leave()
    room.leave()
    assert room.entered == ["a1", "b"]


def test_it_is_full_when_as_many_wait_as_may(clock: Clock) -> None:
    room = Room(clock, most=2)
    room.come("a")
    assert not room.queue.is_full
    room.come("b")
    assert room.queue.is_full


def test_sleepers_take_a_place_and_nothing_else(room: Room, clock: Clock) -> None:
    slept = Deferred.fromCoroutine(room.queue.sleep("s", 3))
    room.leave()
    assert (len(room.queue), slept.called) == (1, False)
    clock.advance(3 + SLACK_SECONDS)
    assert (len(room.queue), slept.called) == (0, True)


# -- looks without news


def test_a_time_may_be_set_for_the_next_look(room: Room, clock: Clock) -> None:
    room.come("a")
    room.queue.stir_in(5)
    clock.advance(5 + SLACK_SECONDS)
    assert room.looks == ["a"]


def test_the_earliest_such_time_counts(room: Room, clock: Clock) -> None:
    room.come("a")
    for seconds in (5, 2, 9):
        room.queue.stir_in(seconds)
    clock.advance(2 + SLACK_SECONDS)
    assert room.looks == ["a"]
    clock.advance(10)
    assert room.looks == ["a"]


def test_a_look_may_set_the_time_of_the_next(room: Room, clock: Clock) -> None:
    looked: list[float] = []

    def look() -> bool:
        looked.append(clock.seconds())
        room.queue.stir_in(0)
        return False

    Deferred.fromCoroutine(room.queue.wait("a", "m", look, 1))
    room.queue.stir()
    clock.pump([0.001] * 100)
    assert 5 <= len(looked) <= 12


def test_with_nobody_left_no_time_is_set(room: Room, clock: Clock) -> None:
    room.come("a", seconds=1)
    room.queue.stir_in(100)
    clock.advance(1)
    assert clock.getDelayedCalls() == []


def test_once_closed_it_lets_nobody_in(room: Room, clock: Clock) -> None:
    room.come("a", seconds=5)
    room.queue.close()
    room.leave()
    clock.advance(5)
    assert room.refused == ["a"]
