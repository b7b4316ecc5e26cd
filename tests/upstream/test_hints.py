"""`Retry-After`, as upstreams write it and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.upstream.hints import retry_after

NOW = 1_445_412_000.0
"""Eight minutes before the date of the examples below."""


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
    rb"(Mon, )?[0-9]{1,3} (Jan|Feb|Dec|Foo) [0-9]{1,6} [0-9]{1,2}:[0-9]{1,3}(:[0-9]{1,2})?( (GMT|[+-][0-9]{1,6}))?",
    fullmatch=True,
)


@given(st.one_of(st.binary(max_size=40), DATES))
def test_no_value_raises_or_gives_anything_but_seconds(value: bytes) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
