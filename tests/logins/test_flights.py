"""A flight is shared, and ends for all who wait."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from cliproxy.logins.flights import Flight


def outcomes(*waiting: Deferred[None]) -> list[object]:
    """What each has come to so far."""
    got: list[object] = []
    for each in waiting:
        each.addCallbacks(got.append, lambda failure: got.append(failure.type))
    return got


def test_all_who_wait_hear_of_its_end() -> None:
    flight = Flight()
    got = outcomes(flight.ended(), flight.ended())
    flight.land()
    assert got == [None, None]


def test_who_gives_up_leaves_the_others_waiting() -> None:
    flight = Flight()
    impatient = flight.ended()
    got = outcomes(impatient, flight.ended())
    impatient.cancel()
    flight.land()
    assert got == [CancelledError, None]


def test_who_hears_of_the_end_may_make_others_give_up() -> None:
    flight = Flight()
    first, second = flight.ended(), flight.ended()
    first.addCallback(lambda _: second.cancel())
    got = outcomes(second)
    flight.land()
    assert got == [CancelledError]


def test_it_is_called_off_before_the_token_is_sent() -> None:
    flight = Flight(running=Deferred())
    assert flight.running is not None
    got = outcomes(flight.running)
    flight.call_off()
    assert got == [CancelledError]


def test_it_is_not_called_off_after_that() -> None:
    flight = Flight(running=Deferred())
    assert flight.running is not None
    got = outcomes(flight.running)
    flight.send()
    flight.call_off()
    assert got == []


def test_before_its_turn_there_is_nothing_to_call_off() -> None:
    flight = Flight()
    flight.call_off()
    assert not flight.sent
