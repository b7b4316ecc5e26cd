"""Moments and spans of time, as upstreams write them and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.upstream.hints import MAX_AHEAD_SECONDS, amount, moment, retry_after

NOW = 1_445_412_000.0
"""Eight minutes before the date of the examples below: 2015-10-21, 07:20:00 UTC."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120.0),
        (b" 5 ", 5.0),
        (b"0.25", 0.25),
        (b"0", 0.0),
        (b"-5", 0.0),
        (b"Wed, 21 Oct 2015 07:28:00 GMT", 480.0),
        (b"Wednesday, 21-Oct-15 07:28:00 GMT", 480.0),
        (b"Wed, 21 Oct 2015 07:28:00", 480.0),
        (b"Wed, 21 Oct 2015 09:28:00 +0200", 480.0),
        (b"Tue, 20 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_seconds_and_dates_are_understood(value: bytes, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", [None, b"", b"soon", b"nan", b"inf", b"-inf", b"1e999", b"9" * 400, b"\xff"])
def test_what_says_nothing_is_no_hint(value: bytes | None) -> None:
    assert retry_after(value, NOW) is None


DATES = st.from_regex(
    rb"(Mon, )?[0-9]{1,3} (Jan|Feb|Dec|Foo) [0-9]{1,24} [0-9]{1,2}:[0-9]{1,3}(:[0-9]{1,2})?( (GMT|[+-][0-9]{1,24}))?",
    fullmatch=True,
)


@given(st.one_of(st.binary(max_size=40), DATES))
def test_no_value_raises_or_gives_anything_but_seconds(value: bytes) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    "value", [b"Wed, 21 Oct 99999999999 07:28:00 GMT", b"Wed, 21 Oct 2015 07:28:00 +99999999999999999999"]
)
def test_a_date_out_of_all_bounds_is_no_hint(value: bytes) -> None:
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [(b"0.94", 0.94), ("4000", 4000.0), (3, 3.0), (2.5, 2.5), (b" 7 ", 7.0), (b"0", 0.0)],
)
def test_an_amount_is_a_number_or_a_text_of_one(value: object, number: float) -> None:
    assert amount(value) == number


@pytest.mark.parametrize(
    "value", [None, True, b"", b"nan", b"inf", b"-1", -1, float("nan"), 10**400, b"soon", b"\xff", [], {}, b"1 2"]
)
def test_what_is_no_amount_is_none(value: object) -> None:
    assert amount(value) is None


def test_an_amount_has_no_sign() -> None:
    assert str(amount(b"-0.0")) == "0.0"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"34", 34.0),
        (34, 34.0),
        (602705, 602705.0),
        ("34.07s", 34.07),
        (b"1s", 1.0),
        (b"120ms", 0.12),
        (b"6m0s", 360.0),
        (b"2m59.56s", 179.56),
        ("161h39m41.300432511s", 581981.300432511),
        (b"1d", 86400.0),
        (b"1445412480", 480.0),
        (1445412480, 480.0),
        (b"1445412480000", 480.0),
        (b"2015-10-21T07:28:00Z", 480.0),
        ("2015-10-21T07:28:00.5+00:00", 480.5),
        ("2015-10-21T09:28:00+02:00", 480.0),
        ("2015-10-21T07:28:00", 480.0),
    ],
)
def test_a_moment_is_understood_in_every_spelling(value: object, seconds: float) -> None:
    at = moment(value, NOW)
    assert at is not None
    assert at - NOW == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"0",
        b"0s",
        b"soon",
        b"s",
        b"1.5.2s",
        b"5 minutes",
        b"nan",
        b"-5",
        b"1445411999",
        b"2015-10-21T07:19:59Z",
        b"9999-12-31T23:59:59Z",
        b"0001-01-01T00:00:00+14:00",
        b"99999-01-01T00:00:00Z",
        b"1" * 30,
        b"9" * 60 + b"d",
        b"1s" * 40,
        10**400,
        True,
        [1],
    ],
)
def test_what_is_past_or_too_far_or_no_moment_is_none(value: object) -> None:
    assert moment(value, NOW) is None


@given(
    st.one_of(st.binary(max_size=40), st.text(max_size=40), st.integers(), st.floats(), st.from_regex(r"[0-9.dhms]*"))
)
def test_no_moment_raises_or_is_out_of_bounds(value: object) -> None:
    at = moment(value, NOW)
    assert at is None or 0 < at - NOW <= MAX_AHEAD_SECONDS
