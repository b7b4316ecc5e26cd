"""Usage: parts that do not overlap, and the sums that vendors make of them."""

from __future__ import annotations

from cliproxy.conversation.usage import Usage

USAGE = Usage(input=13, cache_read=22000, cache_write_5m=20, cache_write_1h=11, output=4, reasoning=7)


def test_the_prompt_is_everything_that_was_read() -> None:
    assert USAGE.prompt == 13 + 22000 + 20 + 11


def test_the_completion_holds_the_reasoning() -> None:
    assert USAGE.completion == 11


def test_both_lifetimes_are_written_to_the_cache() -> None:
    assert USAGE.cache_write == 31


def test_the_total_is_both() -> None:
    assert USAGE.total == 22044 + 11
