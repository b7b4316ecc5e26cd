"""Stages, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from cliproxy.conversation.events import Closed, Delta, Ended, Event, Finished, Opened, Started, Stop
from cliproxy.conversation.parts import Text
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.usage import Usage
from cliproxy.translate.stages import apply
from tests.support.fitting import apply_whole


class Marks:
    """Adds a letter to every delta."""

    def __init__(self, letter: str) -> None:
        self._letter = letter

    def feed(self, event: Event) -> Sequence[Event]:
        return (Delta(event.index, event.text + self._letter),) if isinstance(event, Delta) else (event,)


class Doubles:
    """Tells every delta twice."""

    def feed(self, event: Event) -> Sequence[Event]:
        return (event, event) if isinstance(event, Delta) else (event,)


class Swallows:
    """Tells nothing."""

    def feed(self, event: Event) -> Sequence[Event]:
        return ()


def test_without_stages_the_events_are_told_as_they_are() -> None:
    events = (Delta(0, "a"), Closed(0))
    assert apply((), events) is events


def test_the_first_stage_comes_first() -> None:
    assert list(apply([Marks("1"), Marks("2")], [Delta(0, "a")])) == [Delta(0, "a12")]


def test_a_stage_sees_each_event_that_the_one_before_tells() -> None:
    assert list(apply([Doubles(), Marks("!")], [Delta(0, "a")])) == [Delta(0, "a!"), Delta(0, "a!")]


def test_several_events_keep_their_order() -> None:
    events: list[Event] = [Delta(0, "a"), Delta(0, "b"), Closed(0)]
    assert list(apply([Marks("!")], events)) == [Delta(0, "a!"), Delta(0, "b!"), Closed(0)]


def test_what_a_stage_swallows_no_later_one_sees() -> None:
    assert list(apply([Swallows(), Doubles()], [Delta(0, "a")])) == []


def test_a_whole_reply_goes_through_the_stages() -> None:
    reply = Reply("id", "model", (Choice((Text("a"),), Stop.END),), Usage(input=1))
    assert apply_whole([Marks("!")], reply) == Reply("id", "model", (Choice((Text("a!"),), Stop.END),), Usage(input=1))


def test_without_stages_a_whole_reply_is_the_same_object() -> None:
    reply = Reply(choices=(Choice((Text("a"),)),))
    assert apply_whole((), reply) == reply


def test_a_whole_reply_ends_where_a_stage_ends_it() -> None:
    class Ends:
        def feed(self, event: Event) -> Sequence[Event]:
            if isinstance(event, Delta):
                return (Delta(0, "short"), Closed(0), Finished(Stop.SEQUENCE, "x"), Ended())
            return (event,) if isinstance(event, Started | Opened) else ()

    reply = Reply(choices=(Choice((Text("a longer one"),)),))
    assert apply_whole([Ends()], reply).choices == (Choice((Text("short"),), Stop.SEQUENCE, "x"),)
