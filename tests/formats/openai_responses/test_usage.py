from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats.openai_responses.usage import (
    count,
    read_count,
    read_usage,
    usage_in,
    write_count,
    write_tool_usage,
    write_usage,
)


def test_the_parts_of_the_sums_are_told_apart() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    }
    assert read_usage({"usage": usage}) == Usage(input=30, cache_read=60, cache_write_5m=10, output=30, reasoning=20)


def test_nothing_is_negative() -> None:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 9},
    }
    assert read_usage({"usage": usage}) == Usage(cache_read=5, reasoning=5)


def test_searches_are_counted() -> None:
    told = read_usage({"usage": {}, "tool_usage": {"web_search": {"num_requests": 2}}})
    assert told == Usage(searches=2)


def test_no_usage_is_none() -> None:
    assert read_usage({"usage": None}) is None


def test_the_sums_are_written_with_their_parts() -> None:
    assert write_usage(
        Usage(input=40, cache_read=22000, cache_write_5m=3, cache_write_1h=1, output=3, reasoning=1)
    ) == {
        "input_tokens": 22044,
        "input_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 4},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 22048,
    }


def test_usage_that_nobody_told_is_null() -> None:
    assert write_usage(None) is None


def test_searches_are_written_beside_the_usage() -> None:
    tools = write_tool_usage(Usage(searches=2))["tool_usage"]
    assert isinstance(tools, dict)
    assert tools["web_search"] == {"num_requests": 2}


def test_without_searches_nothing_is_written_beside_it() -> None:
    assert write_tool_usage(Usage()) == {}


@pytest.mark.parametrize("value", ["3", None, True, -1, 1.5])
def test_what_is_no_number_counts_nothing(value: Json) -> None:
    assert count(value) == 0


def test_an_answer_of_the_counter_is_read() -> None:
    assert read_count({"object": "response.input_tokens", "input_tokens": 11}) == 11


def test_another_answer_is_none() -> None:
    assert read_count({"input_tokens": "11"}) is None


def test_an_answer_of_the_counter_is_written() -> None:
    assert write_count(11) == b'{"object":"response.input_tokens","input_tokens":11}'


FIGURES = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 2}


def test_the_event_with_the_response_tells_its_usage() -> None:
    told = {"type": "response.completed", "response": {"usage": FIGURES}}
    assert usage_in(told, Usage(1)) == Usage(3, cache_read=6, output=2)


def test_a_whole_response_tells_it_too() -> None:
    assert usage_in({"object": "response", "usage": FIGURES}, Usage()) == Usage(3, cache_read=6, output=2)


@pytest.mark.parametrize(
    "event", [{}, {"response": None}, {"response": {"usage": None}}, {"usage": 4}, {"response": 4}]
)
def test_an_event_that_tells_nothing_changes_nothing(event: dict[str, object]) -> None:
    assert usage_in(event, Usage(5)) == Usage(5)
