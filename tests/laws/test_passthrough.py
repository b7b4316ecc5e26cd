"""Same format in and out: the bytes pass, whole events at a time, up to the one terminator, and nothing after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.faults import BAD_LINE, NOISE
from cliproxy.demo.script import DIRECTIVES
from cliproxy.errors import Broken, Reported
from cliproxy.formats import sse
from tests.support.grammar import check_stream
from tests.support.streams import (
    COMMENT,
    DELTA,
    ERROR,
    MESSAGE_START,
    MESSAGE_STOP,
    PING,
    SCRIPTS,
    SOUND,
    cut,
    read,
    spoilt,
)

GARBAGE = (
    b"<html>502</html>\n\n",
    b"data: {broken\n\n",
    b"data: [1]\n\n",
    b"data:\n\n",
    b"\x00\xff\n\n",
    b"\xff\xfe" + NOISE + b"\n\n",
)
UNFINISHED = (b'data: {"type":"content_block_delta"', b'event: message_stop\ndata: {"type":"message_stop"}\n')
EVENTS = (MESSAGE_START, PING, DELTA, MESSAGE_STOP, ERROR, COMMENT)

places = st.lists(st.integers(min_value=0, max_value=100_000), max_size=6)
whole_events = st.lists(st.sampled_from((*EVENTS, *GARBAGE)), max_size=12)
mixtures = st.lists(st.sampled_from((*EVENTS, *GARBAGE, *UNFINISHED)), max_size=12)


def terminators(told: bytes) -> int:
    return told.count(b'"type":"message_stop"') + told.count(b'"type":"error"')


def test_every_directive_of_the_demo_is_in_some_recorded_stream() -> None:
    assert {name for name in DIRECTIVES if any(f"[[{name}" in script for script in SCRIPTS)} == set(DIRECTIVES)


@pytest.mark.parametrize("raw", SOUND)
def test_a_recorded_stream_passes_byte_for_byte(raw: bytes) -> None:
    outcome = read([raw])
    assert (outcome.told, outcome.complete, outcome.trouble) == (raw, True, None)


@given(st.sampled_from(SOUND), places)
def test_a_recorded_stream_passes_byte_for_byte_in_pieces(raw: bytes, places: list[int]) -> None:
    outcome = read(cut(raw, places))
    assert (outcome.told, outcome.complete, outcome.trouble) == (raw, True, None)


@given(st.sampled_from(SOUND), mixtures, places)
def test_after_the_terminator_nothing_is_told(raw: bytes, more: list[bytes], places: list[int]) -> None:
    outcome = read(cut(raw + b"".join(more), places))
    assert (outcome.told, outcome.last_words) == (raw, b"")


@given(mixtures, places)
def test_there_is_at_most_one_terminator(events: list[bytes], places: list[int]) -> None:
    outcome = read(cut(b"".join(events), places))
    assert terminators(outcome.told + outcome.last_words) == 1


@given(mixtures, places)
def test_what_is_told_is_the_beginning_of_what_came_and_whole_events(events: list[bytes], places: list[int]) -> None:
    raw = b"".join(events)
    told = read(cut(raw, places)).told
    assert raw.startswith(told)
    assert b"".join(sse.each(told)) == told
    assert not told or told.endswith(b"\n\n")


@given(whole_events, places)
def test_no_garbage_is_told(events: list[bytes], places: list[int]) -> None:
    told = read(cut(b"".join(events), places)).told
    assert all(event in EVENTS for event in sse.each(told))


@given(st.binary(max_size=200), places)
def test_noise_raises_nothing_and_is_trouble_in_the_end(raw: bytes, places: list[int]) -> None:
    outcome = read(cut(raw, places))
    assert outcome.trouble is not None
    assert not outcome.complete


@pytest.mark.parametrize("fault", ["cut", "malformed", "error"])
def test_a_stream_that_breaks_ends_with_one_error_by_the_rules_of_its_grammar(fault: str) -> None:
    outcome = read([spoilt(fault)])
    assert check_stream(outcome.told + outcome.last_words).error is not None


def test_an_error_after_content_passes_byte_for_byte() -> None:
    raw = spoilt("error")
    outcome = read([raw])
    assert (outcome.told, outcome.complete, outcome.trouble, outcome.last_words) == (raw, True, None, b"")


def test_an_error_before_content_is_trouble_and_is_not_told() -> None:
    outcome = read([spoilt("error-first")])
    assert outcome.trouble is Reported
    assert terminators(outcome.told) == 0
    assert not outcome.proven


def test_of_a_malformed_event_and_what_follows_nothing_is_told() -> None:
    raw = spoilt("malformed")
    outcome = read([raw])
    assert outcome.told == raw[: raw.index(BAD_LINE)]
    assert (outcome.trouble, outcome.why) == (Broken, "The upstream sent an event that is not a JSON object.")


@pytest.mark.parametrize("fault", ["garbage", "gzip-bare", "gzip-bad", "empty"])
def test_of_a_body_that_is_no_stream_nothing_is_told(fault: str) -> None:
    outcome = read([spoilt(fault)])
    assert (outcome.told, outcome.proven, outcome.complete) == (b"", False, False)
    assert outcome.trouble is not None
