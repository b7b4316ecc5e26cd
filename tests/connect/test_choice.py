"""Which model a client is set to."""

from __future__ import annotations

from cliproxy.connect.choice import best, small


def test_the_first_pattern_that_fits_any_decides() -> None:
    assert best(["gpt-5.5", "claude-opus-4-8"], ["claude-*", "gpt-*"]) == "claude-opus-4-8"


def test_a_newer_version_is_better() -> None:
    assert best(["claude-sonnet-4-5", "claude-sonnet-5", "claude-sonnet-4"], ["claude-*"]) == "claude-sonnet-5"


def test_a_date_is_no_version() -> None:
    assert best(["claude-sonnet-4-20250514", "claude-sonnet-4-5"], ["claude-*"]) == "claude-sonnet-4-5"


def test_a_size_is_no_version() -> None:
    assert best(["gpt-oss-120b", "gpt-5.5"], ["gpt-*"]) == "gpt-5.5"


def test_a_large_model_is_better_than_a_newer_small_one() -> None:
    assert best(["gemini-2.5-pro", "gemini-3.7-flash"], ["gemini-*"]) == "gemini-2.5-pro"


def test_where_nothing_fits_the_first_that_is_served_does() -> None:
    assert best(["mine", "other"], ["claude-*"]) == "mine"


def test_of_nothing_nothing_is_chosen() -> None:
    assert best([], ["claude-*"]) == ""


def test_the_small_model_is_of_the_same_family() -> None:
    served = ["gpt-5.4-mini", "claude-haiku-4-5", "claude-haiku-3", "claude-sonnet-5"]
    assert small(served, "claude-sonnet-5") == "claude-haiku-4-5"


def test_a_family_is_a_whole_word() -> None:
    assert small(["other-mini"], "o3") == "o3"


def test_without_a_small_one_the_model_itself_does() -> None:
    assert small(["gemini-2.5-pro"], "gemini-2.5-pro") == "gemini-2.5-pro"


def test_without_a_model_there_is_no_small_one() -> None:
    assert small([], "") == ""
