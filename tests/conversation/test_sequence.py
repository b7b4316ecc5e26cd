"""Interleaved parts become sequential, and nothing waits that need not."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import Closed, Delta, Ended, Event, Failed, Finished, Opened, Started, Stop, Used
from cliproxy.conversation.parts import Text, ToolCall
from cliproxy.conversation.reply import fold
from cliproxy.conversation.sequence import Sequencer
from cliproxy.conversation.usage import Usage
from tests.support.events import check_events


def sequenced(events: Iterable[Event]) -> list[Event]:
    sequencer = Sequencer()
    return [told for event in events for told in sequencer.feed(event)]


def call(number: int) -> Opened:
    return Opened(number, ToolCall(f"c{number}", "tool"))


def test_what_is_sequential_passes_at_once() -> None:
    events: list[Event] = [Started(), Opened(0, Text("")), Delta(0, "a"), Closed(0), Finished(Stop.END), Ended()]
    assert sequenced(events) == events


def test_the_open_part_flows_while_another_waits() -> None:
    sequencer = Sequencer()
    sequencer.feed(call(0))
    assert sequencer.feed(call(1)) == ()
    assert sequencer.feed(Delta(0, "x")) == (Delta(0, "x"),)


def test_a_waiting_part_follows_when_the_open_one_closes() -> None:
    told = sequenced([call(0), call(1), Delta(1, "b"), Delta(0, "a"), Closed(0), Delta(1, "c"), Closed(1)])
    assert told == [call(0), Delta(0, "a"), Closed(0), call(1), Delta(1, "b"), Delta(1, "c"), Closed(1)]


def test_a_part_that_closed_while_it_waited_is_told_whole() -> None:
    told = sequenced([call(0), call(1), Closed(1), call(2), Closed(0), Delta(2, "x"), Closed(2)])
    assert told == [call(0), Closed(0), call(1), Closed(1), call(2), Delta(2, "x"), Closed(2)]


def test_usage_does_not_wait() -> None:
    sequencer = Sequencer()
    sequencer.feed(call(0))
    assert sequencer.feed(Used(Usage())) == (Used(Usage()),)


def test_a_failure_ends_the_waiting() -> None:
    told = sequenced([call(0), call(1), Delta(1, "b"), Failed(500, "broken")])
    assert told == [call(0), Failed(500, "broken")]


@st.composite
def interleaved(draw: st.DrawFn) -> list[Event]:
    """Any interleaving of some parts, each with its own events in order."""
    count = draw(st.integers(1, 5))
    queues: list[list[Event]] = [
        [
            call(number),
            *(Delta(number, text) for text in draw(st.lists(st.sampled_from("abc"), max_size=3))),
            Closed(number),
        ]
        for number in range(count)
    ]
    events: list[Event] = [Started()]
    opened = 0
    while any(queues):
        number = draw(st.sampled_from([n for n, queue in enumerate(queues) if queue and n <= opened]))
        event = queues[number].pop(0)
        opened += isinstance(event, Opened)
        events.append(event)
    return [*events, Finished(Stop.TOOLS), Ended()]


@given(interleaved())
def test_sequencing_keeps_the_reply_and_its_grammar(events: list[Event]) -> None:
    told = sequenced(events)
    check_events(told)
    assert fold(told) == fold(events)


@given(interleaved())
def test_no_two_parts_overlap(events: list[Event]) -> None:
    open_parts = 0
    for event in sequenced(events):
        open_parts += isinstance(event, Opened) - isinstance(event, Closed)
        assert open_parts <= 1
