"""Tokens as this wire counts them."""

from __future__ import annotations

import pytest

from cliproxy.conversation.usage import Usage
from cliproxy.formats.gemini.usage import read_usage, usage_in, written_usage


def test_the_cache_is_taken_out_of_the_prompt_and_thoughts_are_apart() -> None:
    usage = read_usage(
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 60,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 5,
            "toolUsePromptTokenCount": 3,
        }
    )
    assert usage == Usage(input=43, cache_read=60, output=7, reasoning=5)


def test_usage_is_read_in_snake_case_too() -> None:
    assert read_usage({"prompt_token_count": 4, "candidates_token_count": 2}) == Usage(input=4, output=2)


def test_a_cache_that_gave_more_than_the_prompt_leaves_nothing_below_zero() -> None:
    assert read_usage({"promptTokenCount": 5, "cachedContentTokenCount": 9}) == Usage(cache_read=5)


def test_nonsense_counts_as_nothing() -> None:
    assert read_usage({"promptTokenCount": "x", "candidatesTokenCount": -4, "thoughtsTokenCount": []}) == Usage()


def test_the_sums_are_googles() -> None:
    usage = Usage(input=10, cache_read=5, cache_write_5m=2, output=7, reasoning=3)
    assert written_usage(usage) == {
        "promptTokenCount": 17,
        "cachedContentTokenCount": 5,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 27,
    }


def test_what_is_nought_is_not_told_beside_the_sums() -> None:
    assert written_usage(Usage(input=1)) == {"promptTokenCount": 1, "candidatesTokenCount": 0, "totalTokenCount": 1}


@pytest.mark.parametrize("name", ["usageMetadata", "usage_metadata"])
def test_a_chunk_tells_the_usage_so_far(name: str) -> None:
    assert usage_in({name: {"promptTokenCount": 9, "cachedContentTokenCount": 6}}, Usage(1)) == Usage(3, cache_read=6)


@pytest.mark.parametrize("chunk", [{}, {"usageMetadata": None}, {"usageMetadata": 4}, {"usageMetadata": []}])
def test_a_chunk_that_tells_nothing_changes_nothing(chunk: dict[str, object]) -> None:
    assert usage_in(chunk, Usage(5)) == Usage(5)
