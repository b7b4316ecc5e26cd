from __future__ import annotations

import pytest

from cliproxy.conversation.usage import Usage
from cliproxy.formats.openai_chat.usage import decode_usage, encode_usage, usage_in


def test_the_prompt_holds_what_the_cache_gave_and_took() -> None:
    told = {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}}
    assert decode_usage(told) == Usage(input=10, cache_read=60, cache_write_5m=30)


def test_the_completion_holds_the_reasoning() -> None:
    told = {"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}
    assert decode_usage(told) == Usage(output=10, reasoning=40)


def test_reasoning_beside_the_completion_is_seen_by_the_total() -> None:
    told = {
        "prompt_tokens": 7,
        "completion_tokens": 10,
        "total_tokens": 57,
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    assert decode_usage(told) == Usage(input=7, output=10, reasoning=40)


@pytest.mark.parametrize("key", ["prompt_cache_hit_tokens", "cached_tokens"])
def test_cached_tokens_may_stand_beside_the_others(key: str) -> None:
    assert decode_usage({"prompt_tokens": 10, key: 4}) == Usage(input=6, cache_read=4)


def test_figures_that_contradict_each_other_are_never_negative() -> None:
    told = {
        "prompt_tokens": 5,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    assert decode_usage(told) == Usage(cache_read=9, reasoning=9)


@pytest.mark.parametrize(("value", "count"), [("12", 12), (12.0, 12), (-3, 0), (None, 0), (True, 0), ("x", 0), ([], 0)])
def test_counts_of_other_types_are_read_if_they_can_be(value: object, count: int) -> None:
    assert decode_usage({"prompt_tokens": value}) == Usage(input=count)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"total_tokens": 3}])
def test_what_holds_no_counts_is_no_usage(value: object) -> None:
    assert decode_usage(value) is None


def test_every_figure_is_written() -> None:
    usage = Usage(input=13, cache_read=22000, cache_write_5m=30, cache_write_1h=1, output=3, reasoning=1)
    assert encode_usage(usage) == {
        "prompt_tokens": 22044,
        "completion_tokens": 4,
        "total_tokens": 22048,
        "prompt_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 31},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_a_chunk_tells_the_usage_of_all() -> None:
    assert usage_in({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}, Usage(1)) == Usage(
        7, output=2
    )


def test_the_choice_that_ends_may_tell_it() -> None:
    chunk = {"choices": [{"finish_reason": "stop", "usage": {"prompt_tokens": 7}}], "usage": None}
    assert usage_in(chunk, Usage()) == Usage(7)


@pytest.mark.parametrize(
    "chunk", [{}, {"usage": None}, {"usage": {}}, {"usage": 3, "choices": 4}, {"choices": [5, {"usage": "x"}]}]
)
def test_a_chunk_that_tells_nothing_changes_nothing(chunk: dict[str, object]) -> None:
    assert usage_in(chunk, Usage(5)) == Usage(5)
