"""Members of account files, one by one: a value, or a sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logins import fields
from cliproxy.logins.fields import claims, first_moment, members, moment, rfc3339
from cliproxy.logins.stored import FileUnusable
from tests.support.account_files import jwt

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_dashes_are_taken_for_underscores() -> None:
    assert members(b'{"excluded-models": ["a"]}')["excluded_models"] == ["a"]


def test_underscores_outrank_dashes() -> None:
    assert members(b'{"proxy_url": "a", "proxy-url": "b"}')["proxy_url"] == "a"


def test_a_byte_order_mark_is_no_matter() -> None:
    assert members(b'\xef\xbb\xbf{"type": "claude"}') == {"type": "claude"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"{", "it is not JSON"),
        (b"[]", "it is no JSON object"),
        (b'{"a": NaN}', "it is not JSON"),
    ],
)
def test_what_is_no_object_says_so(content: bytes, sentence: str) -> None:
    with pytest.raises(FileUnusable, match=sentence):
        members(content)


def test_a_sentence_tells_nothing_of_what_stands_there() -> None:
    with pytest.raises(FileUnusable) as unusable:
        fields.secret({"access_token": "my secret"}, "access_token")
    assert str(unusable.value) == "`access_token` holds a character that cannot be sent"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\0", "a\x1b[31m", "a\u2028b"])
def test_a_control_character_is_refused(value: str) -> None:
    with pytest.raises(FileUnusable, match="control character"):
        fields.text({"email": value}, "email")


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(FileUnusable, match="no text"):
        fields.text({"email": value}, "email")


def test_a_number_may_stand_for_a_text() -> None:
    assert fields.text({"account_id": 12345}, "account_id") == "12345"


def test_an_endless_text_is_refused() -> None:
    with pytest.raises(FileUnusable, match="longer than"):
        fields.text({"email": "x" * 20_000}, "email")


def test_a_note_is_made_one_line() -> None:
    assert fields.note({"note": "first\n  second\x1b"}, "note") == "first second"


@pytest.mark.parametrize("value", ["evil.example/#", "a b", "a@b", "us-central1.", "A"])
def test_a_part_of_an_address_holds_nothing_else(value: str) -> None:
    with pytest.raises(FileUnusable):
        fields.segment({"location": value}, "location", re.compile("[a-z0-9-]+"))


@pytest.mark.parametrize(
    "value", ["https://x.ai/token", "http://127.0.0.1:1/t", "http://[::1]/t", "http://localhost/t"]
)
def test_tokens_are_fetched_over_tls_or_on_loopback(value: str) -> None:
    assert fields.address({"u": value}, "u", plain=False) == value


@pytest.mark.parametrize(
    "value",
    ["http://x.ai/token", "ftp://x.ai", "https://", "https://me:pw@x.ai", "https://x.ai:99999", "https://[x", "x.ai"],
)
def test_nowhere_else(value: str) -> None:
    with pytest.raises(FileUnusable, match="no https URL"):
        fields.address({"u": value}, "u", plain=False)


@pytest.mark.parametrize(
    ("value", "read"), [(True, True), (None, False), ("true", True), (" False", False), ("", False)]
)
def test_a_flag_is_read(value: object, read: bool) -> None:
    assert fields.flag({"disabled": value}, "disabled") is read


@pytest.mark.parametrize("value", [1, "yes", [], {}])
def test_a_doubtful_flag_is_refused(value: object) -> None:
    with pytest.raises(FileUnusable, match="neither true nor false"):
        fields.flag({"disabled": value}, "disabled")


@pytest.mark.parametrize(("value", "read"), [(5, 5), ("5", 5), (5.0, 5), (None, 1), ("", 1), (-3, 0), (1e300, 9)])
def test_a_whole_number_is_read_within_its_limits(value: object, read: int) -> None:
    assert fields.whole({"weight": value}, "weight", 1, 0, 9) == read


@pytest.mark.parametrize("value", [True, 1.5, "x", "9" * 5000, [], float("inf")])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(FileUnusable, match="no whole number"):
        fields.whole({"weight": value}, "weight", 1, 0, 9)


@pytest.mark.parametrize("value", [["a", " b", "a", ""], "a, b,"])
def test_a_list_may_stand_between_commas(value: object) -> None:
    assert fields.listed({"excluded_models": value}, "excluded_models") == ("a", "b")


def test_headers_are_read() -> None:
    assert fields.headers({"headers": {"X-A": " 1 "}}, "headers") == {"X-A": "1"}


@pytest.mark.parametrize("value", [{"X A": "1"}, {"X": "a\r\nb"}, {"X": 1.5}, {"X": "é"}, [1], {"": "a"}])
def test_headers_that_cannot_be_sent_are_refused(value: object) -> None:
    with pytest.raises(FileUnusable):
        fields.headers({"headers": value}, "headers")


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T12:00:00.000000000Z",
        "2026-01-31 12:00:00",
        "1769860800",
        1769860800,
        1769860800000,
        1769860800.0,
    ],
)
def test_a_time_is_read_however_it_is_told(value: object) -> None:
    assert moment(value) == 1769860800.0


@pytest.mark.parametrize(
    "value", ["0001-01-01T00:00:00Z", "soon", "", 0, -1, True, None, [], 10**400, float("nan"), float("inf"), "1e400"]
)
def test_no_sensible_time_is_none(value: object) -> None:
    assert moment(value) is None


def test_the_first_name_that_says_something_counts() -> None:
    assert first_moment({"expired": "?", "expiresAt": 5, "expires": 6}, fields.EXPIRY) == 5.0


def test_a_time_is_told_as_it_is_read() -> None:
    assert rfc3339(1769860800.9) == "2026-01-31T12:00:00Z"


def test_a_time_beyond_the_calendar_is_its_end() -> None:
    assert rfc3339(1e300) == "9999-12-31T23:59:59Z"


def test_the_claims_of_a_token_are_read() -> None:
    assert claims(jwt(exp=5)) == {"exp": 5}


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "..", "a.W10.c", "a.é.c", "sk-ant-oat01-abc"])
def test_other_tokens_claim_nothing(token: str) -> None:
    assert claims(token) == {}


@given(value=json_values)
def test_whatever_stands_there_no_reader_raises_anything_else(value: object) -> None:
    found = {"x": value}
    readers = [
        lambda: fields.text(found, "x"),
        lambda: fields.note(found, "x"),
        lambda: fields.secret(found, "x"),
        lambda: fields.address(found, "x", plain=True),
        lambda: fields.flag(found, "x"),
        lambda: fields.whole(found, "x", 0, 0, 9),
        lambda: fields.listed(found, "x"),
        lambda: fields.headers(found, "x"),
        lambda: moment(value),
    ]
    for reader in readers:
        try:
            reader()
        except FileUnusable:
            pass
