"""Numbers, times, foreign texts and columns, as a person reads them."""

from __future__ import annotations

import re
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.management.wording import (
    amount,
    clock,
    columns,
    duration,
    fitted,
    moment,
    percent,
    plain,
    plural,
    unbroken,
    wrapped,
)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7800, "2 h 10 min"),
        (3 * 86_400 + 4 * 3600 + 59, "3 d 4 h"),
        (10_000 * 86_400, "10,000 d"),
        (float("inf"), "for ever"),
        (float("nan"), "0 s"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@given(seconds=st.floats(min_value=0, max_value=1e9))
def test_a_duration_has_one_or_two_parts(seconds: float) -> None:
    assert re.fullmatch(r"[\d,]+ (d|h|min|s)( \d+ (h|min|s))?", duration(seconds))


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0"), (950, "950"), (12_345, "12.3 k"), (120_400, "120 k"), (1_234_567, "1.2 M"), (float("nan"), "?")],
)
def test_an_amount_has_three_digits(number: float, told: str) -> None:
    assert amount(number) == told


@pytest.mark.parametrize(("part", "told"), [(0.434, "43 %"), (1.0, "100 %"), (float("inf"), "?")])
def test_a_part_is_told_in_percent(part: float, told: str) -> None:
    assert percent(part) == told


def test_a_moment_is_told_to_the_second() -> None:
    assert moment(1_800_000_000.9, UTC) == "2027-01-15 08:00:00"


def test_a_time_is_told_to_the_millisecond() -> None:
    assert clock(1_800_000_000.25, UTC) == "08:00:00.250"


@pytest.mark.parametrize("at", [1e30, float("nan"), float("inf")])
def test_a_time_that_is_none_is_not_told(at: float) -> None:
    assert (moment(at), clock(at)) == ("?", "?")


@pytest.mark.parametrize(("count", "told"), [(0, "0 moves"), (1, "1 move"), (4000, "4,000 moves")])
def test_a_count_has_its_noun(count: int, told: str) -> None:
    assert plural(count, "move") == told


# -- what others wrote ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain, “quoted” — and näive", "plain, “quoted” — and näive"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("one\ntwo\rthree\ttabs", r"one\ntwo\rthree\ttabs"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("no\u00a0break", r"no\xa0break"),
    ],
)
def test_what_a_terminal_could_obey_is_spelled_out(text: str, told: str) -> None:
    assert plain(text) == told


@given(text=st.text(st.characters(codec=None)))
def test_whatever_was_written_can_be_printed(text: str) -> None:
    assert plain(text).isprintable()


def test_a_long_text_is_cut() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "…"


# -- lines ---------------------------------------------------------------------------------------------------------


def test_a_long_name_loses_its_middle() -> None:
    assert fitted("claude-somebody@example.org.json", 11) == "claud….json"


def test_a_name_that_fits_is_kept() -> None:
    assert fitted("a.json", 6) == "a.json"


def test_a_paragraph_is_wrapped_and_cut() -> None:
    assert wrapped("one two three four", 12, 2, most_lines=2) == ["  one two", "    three …"]


def test_what_shall_not_be_broken_stays_on_its_line() -> None:
    assert wrapped(f"one {unbroken('two three')}", 12, 0) == ["one", "  two three"]


def test_cells_stand_below_each_other() -> None:
    assert columns([("NAME", "N", "STATE"), ("a-long-name.json", "12", "ready")], 80, frozenset({1})) == [
        "NAME               N  STATE",
        "a-long-name.json  12  ready",
    ]


def test_the_first_column_gives_way() -> None:
    assert columns([("claude-somebody@example.org.json", "x" * 20)], 40) == [f"claude-so…org.json  {'x' * 20}"]


def test_no_rows_are_no_lines() -> None:
    assert columns([], 80) == []
