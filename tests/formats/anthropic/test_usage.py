from __future__ import annotations

import pytest
from anthropic.types import Usage as SdkUsage

from cliproxy.conversation.usage import Usage
from cliproxy.formats.anthropic.usage import decode_count, encode_count, merged, read_usage, usage_in, write_usage


def test_input_and_cache_do_not_overlap() -> None:
    usage = read_usage(
        {
            "input_tokens": 13,
            "cache_creation_input_tokens": 31,
            "cache_read_input_tokens": 22000,
            "output_tokens": 4,
        }
    )
    assert usage == Usage(input=13, cache_read=22000, cache_write_5m=31, output=4)


def test_what_was_written_to_the_cache_is_told_by_how_long_it_stays() -> None:
    usage = read_usage(
        {
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        }
    )
    assert (usage.cache_write_5m, usage.cache_write_1h) == (10, 20)


def test_thinking_is_taken_out_of_the_output() -> None:
    usage = read_usage({"output_tokens": 100, "output_tokens_details": {"thinking_tokens": 70}})
    assert (usage.output, usage.reasoning) == (30, 70)


def test_thinking_is_never_more_than_the_output() -> None:
    usage = read_usage({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 70}})
    assert (usage.output, usage.reasoning) == (0, 5)


def test_searches_are_counted() -> None:
    assert read_usage({"server_tool_use": {"web_search_requests": 3}}).searches == 3


@pytest.mark.parametrize("value", [None, "7", -7, 1.5, [], {}])
def test_a_figure_that_is_none_counts_as_nothing(value: object) -> None:
    assert read_usage({"input_tokens": value, "cache_creation": value, "output_tokens_details": value}) == Usage()


def test_a_later_figure_replaces_an_earlier_one() -> None:
    assert merged({"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 9}) == {
        "input_tokens": 5,
        "output_tokens": 9,
    }


@pytest.mark.parametrize("nothing", [0, None])
def test_a_figure_is_not_unsaid_by_nothing(nothing: object) -> None:
    assert merged({"input_tokens": 5}, {"input_tokens": nothing}) == {"input_tokens": 5}


@pytest.mark.parametrize("later", [None, [], "x", 7])
def test_figures_that_are_no_object_change_nothing(later: object) -> None:
    assert merged({"input_tokens": 5}, later) == {"input_tokens": 5}


def test_usage_is_written_as_anthropic_sums_it() -> None:
    assert write_usage(Usage(13, 22000, 10, 21, 4, 6, 2)) == {
        "input_tokens": 13,
        "cache_creation_input_tokens": 31,
        "cache_read_input_tokens": 22000,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 21},
        "output_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 6},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }


def test_usage_comes_back_as_it_was() -> None:
    usage = Usage(13, 22000, 10, 21, 4, 6, 2)
    assert read_usage(write_usage(usage)) == usage


def test_usage_is_what_the_sdk_expects() -> None:
    assert SdkUsage.model_validate(write_usage(Usage(1, 2, 3, 4, 5, 6, 7)), strict=True).output_tokens == 11


def test_a_count_is_written() -> None:
    assert encode_count(14) == b'{"input_tokens":14}'


@pytest.mark.parametrize("document", [{}, {"input_tokens": None}, {"input_tokens": "14"}, {"input_tokens": True}])
def test_an_answer_without_a_count_has_none(document: dict[str, object]) -> None:
    assert decode_count(document) is None


def test_a_count_is_read() -> None:
    assert decode_count({"input_tokens": 2095}) == 2095


STARTED = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 70}}}


def test_the_first_event_tells_what_was_read() -> None:
    assert usage_in(STARTED, Usage()) == Usage(input=9, cache_read=70)


def test_the_last_figures_are_laid_over_the_first() -> None:
    told = {"type": "message_delta", "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 20}}}
    assert usage_in(told, Usage(input=9, cache_read=70, output=1)) == Usage(input=9, cache_read=70, reasoning=20)


def test_what_is_told_twice_is_not_counted_twice() -> None:
    """The last figures name what the cache took without saying for how long, which the first ones did."""
    known = Usage(input=9, cache_write_1h=30)
    assert usage_in({"usage": {"input_tokens": 9, "cache_creation_input_tokens": 30, "output_tokens": 2}}, known) == (
        Usage(input=9, cache_write_1h=30, output=2)
    )


def test_a_whole_message_tells_all_at_once() -> None:
    assert usage_in({"type": "message", "usage": {"input_tokens": 3, "output_tokens": 4}}, Usage()) == Usage(
        3, output=4
    )


@pytest.mark.parametrize("event", [{}, {"message": 7, "usage": None}, {"message": {"usage": [1]}}, {"usage": "many"}])
def test_an_event_that_tells_nothing_changes_nothing(event: dict[str, object]) -> None:
    assert usage_in(event, Usage(5)) == Usage(5)
