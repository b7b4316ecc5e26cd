"""The format as a whole."""

from __future__ import annotations

import re

import pytest

from cliproxy.formats.gemini import CODEC, GEMINI


def test_the_format_has_its_name() -> None:
    assert GEMINI.name == "gemini"


def test_a_stream_has_no_end_mark() -> None:
    assert GEMINI.end_mark is None


def test_the_heartbeat_is_no_comment() -> None:
    assert GEMINI.heartbeat == b"\n"


@pytest.mark.parametrize("name", ["read_file", "mcp__a.b:c-d", "_x"])
def test_names_that_google_bears(name: str) -> None:
    assert re.fullmatch(CODEC.limits.name_pattern, name)


@pytest.mark.parametrize("name", ["", "1st", "a b", "é"])
def test_names_that_google_does_not_bear(name: str) -> None:
    assert not re.fullmatch(CODEC.limits.name_pattern, name)


def test_five_stops_are_borne() -> None:
    assert CODEC.limits.stops == 5


def test_a_count_can_be_answered() -> None:
    assert CODEC.encode_count is not None
    assert CODEC.encode_count(3) == b'{"totalTokens":3}'
