"""Stop sequences that the target does not know."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Citation, Json, Text, Thinking
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Limits
from cliproxy.translate.stops import StopScanner, fit_stops
from tests.support.fitting import LENIENT, STRICT, apply_whole, call, fed, request, text_of, told

OPENED = Opened(0, Text(""))
END: list[Event] = [Closed(0), Finished(Stop.END), Ended()]


def deltas(*pieces: str) -> list[Event]:
    return [Delta(0, piece) for piece in pieces]


def after(stops: Sequence[str], *pieces: str) -> list[Event]:
    """What is told of a text's pieces, up to the end of the reply."""
    return fed(StopScanner(stops), OPENED, *deltas(*pieces), *END)[1:]


# -- requests


def test_stop_sequences_that_the_target_takes_stay() -> None:
    asked = attrs.evolve(request(), stop=("a", "b", "c", "d"))
    assert fit_stops(asked, LENIENT, Losses()) == (asked, None)


@pytest.mark.parametrize(("limits", "stop"), [(STRICT, ("a",)), (LENIENT, ("a", "b", "c", "d", "e"))])
def test_more_than_it_takes_are_looked_for_here(limits: Limits, stop: tuple[str, ...]) -> None:
    losses = Losses()
    fitted, scanner = fit_stops(attrs.evolve(request(), stop=stop), limits, losses)
    assert fitted.stop == ()
    assert scanner is not None
    assert told(losses) == [("stop", "emulated")]


def test_an_empty_stop_sequence_stops_nothing() -> None:
    fitted, scanner = fit_stops(attrs.evolve(request(), stop=("",)), STRICT, Losses())
    assert fitted.stop == ()
    assert scanner is None


# -- a match


def test_the_reply_ends_before_the_stop_sequence() -> None:
    assert after(["END"], "one END two") == [
        Delta(0, "one "),
        Closed(0),
        Finished(Stop.SEQUENCE, "END"),
        Ended(),
    ]


def test_a_stop_sequence_is_found_across_pieces() -> None:
    assert after(["END"], "one E", "N", "D two") == [
        Delta(0, "one "),
        Closed(0),
        Finished(Stop.SEQUENCE, "END"),
        Ended(),
    ]


def test_a_stop_sequence_at_the_beginning_leaves_an_empty_part() -> None:
    assert after(["END"], "END") == [Closed(0), Finished(Stop.SEQUENCE, "END"), Ended()]


def test_the_first_of_several_counts() -> None:
    assert Finished(Stop.SEQUENCE, "two") in after(["three", "two"], "one two three")


def test_the_one_whose_last_character_comes_first_counts() -> None:
    assert after(["abc", "b"], "xabc")[:3] == [Delta(0, "xa"), Closed(0), Finished(Stop.SEQUENCE, "b")]


def test_of_two_that_end_together_the_longer_counts() -> None:
    assert after(["b", "ab"], "xab")[:3] == [Delta(0, "x"), Closed(0), Finished(Stop.SEQUENCE, "ab")]


def test_after_the_match_nothing_is_told() -> None:
    scanner = StopScanner(["END"])
    fed(scanner, OPENED, Delta(0, "END"))
    assert scanner.done
    assert fed(scanner, Delta(0, "x"), Closed(0), Opened(1, Text("")), Used(Usage()), Ended(), Failed(502, "x")) == []


def test_open_parts_are_closed_in_their_order() -> None:
    events = fed(StopScanner(["END"]), Opened(0, call("1")), Opened(1, Text("")), Delta(1, "END"))
    assert events[2:] == [Closed(0), Closed(1), Finished(Stop.SEQUENCE, "END"), Ended()]


@pytest.mark.parametrize("before", [Started(usage=Usage(input=5)), Used(Usage(input=5))])
def test_what_is_known_of_the_usage_is_told(before: Event) -> None:
    events = fed(StopScanner(["END"]), before, OPENED, Delta(0, "END"))
    assert events[-2:] == [Used(Usage(input=5)), Ended()]


# -- what waits


def test_a_piece_that_begins_no_stop_sequence_is_the_same_object() -> None:
    scanner = StopScanner(["END"])
    fed(scanner, OPENED)
    piece = Delta(0, "nothing of it")
    assert scanner.feed(piece)[0] is piece


def test_only_what_may_begin_one_waits() -> None:
    scanner = StopScanner(["END"])
    fed(scanner, OPENED)
    assert fed(scanner, Delta(0, "the E")) == [Delta(0, "the ")]
    assert fed(scanner, Delta(0, "N")) == []
    assert fed(scanner, Delta(0, "E")) == [Delta(0, "EN")]


def test_what_waits_is_told_when_the_part_closes() -> None:
    assert after(["END"], "the EN") == [Delta(0, "the "), Delta(0, "EN"), *END]


def test_what_waits_is_told_before_a_failure() -> None:
    events = fed(StopScanner(["END"]), OPENED, Delta(0, "EN"), Failed(502, "gone"))
    assert events == [OPENED, Delta(0, "EN"), Failed(502, "gone")]


def test_a_reply_without_a_match_is_the_upstreams() -> None:
    events: list[Event] = [Started("id"), OPENED, Delta(0, "all"), *END]
    assert fed(StopScanner(["END"]), *events) == events


# -- where it looks


@pytest.mark.parametrize("part", [Thinking(""), call("1", arguments="")])
def test_thinking_and_calls_are_not_looked_through(part: Thinking) -> None:
    events: list[Event] = [Opened(0, part), Delta(0, "END"), *END]
    assert fed(StopScanner(["END"]), *events) == events


def test_a_stop_sequence_does_not_reach_over_two_parts() -> None:
    events = fed(StopScanner(["END"]), OPENED, Delta(0, "EN"), Closed(0), Opened(1, Text("")), Delta(1, "D"), Closed(1))
    assert (text_of(events, 0), text_of(events, 1)) == ("EN", "D")


def test_a_citation_passes_until_the_match() -> None:
    cited = Cited(0, Citation("https://example.com"))
    events = fed(StopScanner(["END"]), OPENED, Delta(0, "x"), cited, Delta(0, "END"), cited)
    assert events.count(cited) == 1


def test_each_choice_has_its_own_end() -> None:
    scanner = StopScanner(["END"], choices=2)
    events = fed(
        scanner,
        Opened(0, Text(""), 0),
        Opened(1, Text(""), 1),
        Delta(0, "a END"),
        Delta(1, "b"),
        Delta(0, "more"),
        Opened(2, Text(""), 0),
        Closed(0),
        Closed(1),
        Finished(Stop.END, choice=0),
        Finished(Stop.END, choice=1),
        Ended(),
    )
    assert events[2:] == [
        Delta(0, "a "),
        Closed(0),
        Finished(Stop.SEQUENCE, "END", choice=0),
        Delta(1, "b"),
        Closed(1),
        Finished(Stop.END, choice=1),
        Ended(),
    ]


def test_the_last_choice_to_match_ends_the_reply() -> None:
    scanner = StopScanner(["END"], choices=2)
    fed(scanner, Opened(0, Text(""), 0), Closed(0), Finished(Stop.END, choice=0), Opened(1, Text(""), 1))
    assert fed(scanner, Delta(1, "END"))[-1] == Ended()
    assert scanner.done


def test_a_whole_reply_is_cut_too() -> None:
    reply = Reply(choices=(Choice((Text("one END two"),)),), usage=Usage(output=9))
    assert apply_whole([StopScanner(["END"])], reply) == Reply(
        choices=(Choice((Text("one "),), Stop.SEQUENCE, "END"),), usage=Usage(output=9)
    )


# -- log probabilities


def tokens(*texts: str) -> list[Json]:
    return [{"token": text, "logprob": -1.0} for text in texts]


def test_log_probabilities_wait_with_their_text() -> None:
    scanner = StopScanner(["END"])
    fed(scanner, OPENED)
    assert fed(scanner, Delta(0, "the EN", tokens("the", " ", "EN"))) == [Delta(0, "the ", tokens("the", " "))]
    assert fed(scanner, Delta(0, "E", tokens("E")), Closed(0))[:2] == [
        Delta(0, "EN", tokens("EN")),
        Delta(0, "E", tokens("E")),
    ]


def test_log_probabilities_behind_the_match_are_not_told() -> None:
    events = fed(StopScanner(["END"]), OPENED, Delta(0, "a END b", tokens("a ", "END", " b")))
    assert events[1] == Delta(0, "a ", tokens("a "))


def test_a_token_that_is_half_told_is_told_once() -> None:
    events = fed(StopScanner(["END"]), OPENED, Delta(0, "theE", tokens("theE")), Delta(0, "x", tokens("x")))
    assert events[1:] == [Delta(0, "the", tokens("theE")), Delta(0, "Ex", tokens("x"))]


# -- a law


def plainly(stops: Sequence[str], text: str) -> str:
    """The text before the stop sequence that is whole first, one character after another."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(map(len, found))]
    return text


@given(
    st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.text(st.sampled_from("abc"), min_size=1, max_size=5), max_size=8),
)
def test_the_text_is_cut_where_it_should_be_however_it_comes(stops: list[str], pieces: list[str]) -> None:
    assert text_of(after(stops, *pieces)) == plainly(stops, "".join(pieces))
