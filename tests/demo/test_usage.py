from __future__ import annotations

from cliproxy.demo.usage import Prompt, prompt_of, tokens_of


def test_four_bytes_are_a_token() -> None:
    assert [tokens_of(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_the_cache_never_gives_more_than_there_is() -> None:
    assert prompt_of(9, 80) == Prompt(3, 2)
