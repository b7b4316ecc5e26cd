"""Which model is asked for in place of one that Amp names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.mappings import MAX_MATCHED_CHARACTERS, MAX_REPETITIONS, Mappings
from cliproxy.config.schema import ModelMapping
from cliproxy.formats.requests import MAX_MODEL_CHARACTERS


def find(asked: str, *entries: tuple[str, str] | ModelMapping, serves: str | None = None) -> str | None:
    """By this table; `serves`: the one model that is served, or any."""
    mappings = Mappings([entry if isinstance(entry, ModelMapping) else ModelMapping(*entry) for entry in entries])
    return mappings.find(asked, lambda name: serves is None or name == serves)


def by_pattern(pattern: str, target: str) -> ModelMapping:
    return ModelMapping(pattern, target, regex=True)


def why_left_out(*entries: ModelMapping) -> list[str]:
    return [left_out.why for left_out in Mappings(entries).left_out]


# -- names


def test_a_mapped_name_is_found() -> None:
    assert find("claude-opus-4-5", ("claude-opus-4-5", "gpt-5")) == "gpt-5"


def test_another_name_is_not() -> None:
    assert find("claude-opus-4-6", ("claude-opus-4-5", "gpt-5")) is None


def test_an_empty_table_has_none() -> None:
    assert find("claude-opus-4-5") is None


@pytest.mark.parametrize("asked", ["", "  "])
def test_nothing_asked_for_is_nothing_found(asked: str) -> None:
    assert find(asked, by_pattern(".*", "gpt-5")) is None


def test_case_does_not_matter() -> None:
    assert find("Claude-OPUS-4-5", ("cLaude-opus-4-5", "GPT-5")) == "GPT-5"


def test_names_are_trimmed() -> None:
    assert find(" claude-opus-4-5\n", ("\tclaude-opus-4-5 ", " gpt-5 ")) == "gpt-5"


def test_a_target_that_nobody_serves_is_none() -> None:
    assert find("claude-opus-4-5", ("claude-opus-4-5", "gpt-5"), serves="gpt-6") is None


def test_a_target_is_served_by_its_name_without_the_suffix() -> None:
    assert find("a", ("a", "gpt-5(high)"), serves="gpt-5") == "gpt-5(high)"


def test_a_target_may_be_served_as_it_is_written() -> None:
    assert find("a", ("a", "gpt-5(preview)"), serves="gpt-5(preview)") == "gpt-5(preview)"


def test_of_two_mappings_of_one_name_the_first_is_taken() -> None:
    assert find("a", ("a", "first"), ("A", "second")) == "first"


@pytest.mark.parametrize("entry", [("", "gpt-5"), ("  ", "gpt-5"), ("a", ""), ("a", " \t")])
def test_a_mapping_without_a_name_is_left_out(entry: tuple[str, str]) -> None:
    assert find(entry[0] or "a", entry) is None


def test_the_others_stay_when_one_is_left_out() -> None:
    assert find("a", ("", "x"), by_pattern("(", "x"), ("a", "gpt-5")) == "gpt-5"


def test_another_table_is_another_answer() -> None:
    old = [ModelMapping("a", "x")]
    mappings = Mappings(old)
    old[0] = ModelMapping("a", "y")
    assert mappings.find("a", lambda _: True) == "x"
    assert Mappings(old).find("a", lambda _: True) == "y"


def test_a_longer_name_than_any_model_has_is_not_looked_up() -> None:
    name = "a" * (MAX_MODEL_CHARACTERS + 1)
    assert find(name, (name, "gpt-5")) is None


def test_a_longer_target_than_any_model_has_is_left_out() -> None:
    assert find("a", ("a", "b(" + "9" * 5000 + ")")) is None


# -- suffixes


@pytest.mark.parametrize("suffix", ["(8192)", "(high)", "(none)", "(auto)", "(-1)", "(whatever)"])
def test_the_suffix_that_was_asked_for_is_carried(suffix: str) -> None:
    assert find("claude-opus-4-5" + suffix, ("claude-opus-4-5", "gpt-5"), serves="gpt-5") == "gpt-5" + suffix


def test_the_targets_own_suffix_wins() -> None:
    assert find("a(high)", ("a", "gpt-5(low)")) == "gpt-5(low)"


def test_a_suffix_is_carried_to_what_a_pattern_found() -> None:
    assert find("claude-opus-4-5(high)", by_pattern("^claude-opus", "gpt-5")) == "gpt-5(high)"


@pytest.mark.parametrize("asked", ["a()", "a( )", "a ()"])
def test_an_empty_suffix_is_dropped(asked: str) -> None:
    assert find(asked, ("a", "gpt-5")) == "gpt-5"


def test_an_empty_suffix_of_the_target_does_not_win() -> None:
    assert find("a(high)", ("a", "gpt-5()")) == "gpt-5(high)"


@pytest.mark.parametrize("asked", ["a(high", "a)", "a(high)x", "(high)"])
def test_an_incomplete_suffix_is_part_of_the_name(asked: str) -> None:
    assert find(asked, ("a", "gpt-5")) is None
    assert find(asked, (asked, "gpt-5")) == "gpt-5"


def test_an_incomplete_suffix_of_the_target_is_part_of_its_name() -> None:
    assert find("a(high)", ("a", "gpt-5(low"), serves="gpt-5(low") == "gpt-5(low(high)"


def test_a_name_is_found_with_its_suffix_first() -> None:
    entries = ("a", "plain"), ("a(high)", "thinker")
    assert find("A(High)", *entries) == "thinker(High)"
    assert find("a(low)", *entries) == "plain(low)"


# -- patterns


@pytest.mark.parametrize("asked", ["claude-opus-4-5", "x-CLAUDE-Opus-4-1", "claude-opus-4"])
def test_a_pattern_is_found_anywhere_whatever_the_case(asked: str) -> None:
    assert find(asked, by_pattern(r"claude-opus-\d", "gpt-5")) == "gpt-5"


def test_a_pattern_does_not_see_the_suffix() -> None:
    assert find("claude-opus(high)", by_pattern("high", "gpt-5")) is None
    assert find("claude-opus(high)", by_pattern("opus$", "gpt-5")) == "gpt-5(high)"


def test_patterns_are_tried_in_order() -> None:
    assert find("claude-opus", by_pattern("haiku", "a"), by_pattern("opus", "b"), by_pattern("claude", "c")) == "b"


def test_a_name_goes_before_patterns_wherever_it_stands() -> None:
    assert find("claude-opus", by_pattern("claude", "by-pattern"), ("claude-opus", "by-name")) == "by-name"


def test_the_first_that_fits_decides() -> None:
    entries = by_pattern("opus", "gone"), by_pattern("claude", "here")
    assert find("claude-opus", *entries, serves="here") is None


def test_a_name_is_no_pattern() -> None:
    assert find("claude-opus", ("claude-.*", "gpt-5")) is None


def test_a_pattern_is_no_name() -> None:
    assert find("gpt-4.1", by_pattern("^gpt-4.1$", "x")) == "x"
    assert find("^gpt-4.1$", by_pattern("^gpt-4.1$", "x")) is None


def test_a_target_of_a_pattern_is_no_template() -> None:
    assert find("claude-opus", by_pattern("(opus)", r"x-\1")) == r"x-\1"


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a**", "(?P<", "a{99999999999999999999}", "(" * 1000])
def test_a_pattern_that_is_none_is_left_out(pattern: str) -> None:
    (why,) = why_left_out(by_pattern(pattern, "gpt-5"))
    assert why.startswith("has a pattern that is none: ")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(?:a*)*$",
        "((a+)b?)+$",
        "(a|aa)+$",
        "(a?){60}a{60}",
        "(a{1,9}){1,9}$",
        "(?P<x>a+)*?b",
        r"([\])a]+)+$",
        ".*a" * (MAX_REPETITIONS + 1),
    ],
)
def test_a_pattern_that_may_take_for_ever_is_left_out(pattern: str) -> None:
    assert why_left_out(by_pattern(pattern, "gpt-5")) == ["has a pattern that may take for ever"]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^claude-(opus|sonnet)-4-\d+$",
        r"^claude-.*-4(\.\d)?(-\d{8})?$",
        r"(?i)opus",
        r"gpt-[4-5]{1}(-mini)*$",
        r"[)(+*]+",
        r"\(a\+\)\+",
        r"^(?!claude).*$",
        r"a{}{b",
    ],
)
def test_a_pattern_as_people_write_them_stays(pattern: str) -> None:
    assert why_left_out(by_pattern(pattern, "gpt-5")) == []


def test_a_slow_pattern_that_stays_ends() -> None:
    assert find("a" * MAX_MATCHED_CHARACTERS, by_pattern("a.*a.*a.*x", "gpt-5")) is None


def test_patterns_are_not_tried_on_a_name_that_no_model_has() -> None:
    assert find("a" * MAX_MATCHED_CHARACTERS, by_pattern("^a+$", "gpt-5")) == "gpt-5"
    assert find("a" * (MAX_MATCHED_CHARACTERS + 1), by_pattern("^a+$", "gpt-5")) is None


def test_why_a_mapping_is_left_out_is_said_of_each() -> None:
    sound, blank, broken = ModelMapping("a", "b"), ModelMapping("", "b"), by_pattern("(", "b")
    assert [left_out.mapping for left_out in Mappings([sound, blank, broken]).left_out] == [blank, broken]


# -- laws


NAMES = st.text("ab()-", max_size=8)


@given(asked=NAMES, entries=st.lists(st.tuples(NAMES, NAMES, st.booleans()), max_size=4))
def test_what_is_found_is_a_target_with_a_suffix_at_the_most(asked: str, entries: list[tuple[str, str, bool]]) -> None:
    mappings = [ModelMapping(*entry) for entry in entries]
    found = Mappings(mappings).find(asked, lambda _: True)
    targets = [mapping.target.removesuffix("()").strip() for mapping in mappings]
    assert found is None or any(found.startswith(target) for target in targets)


@given(asked=NAMES, entries=st.lists(st.tuples(NAMES, NAMES, st.booleans()), max_size=4))
def test_where_nobody_serves_anything_nothing_is_found(asked: str, entries: list[tuple[str, str, bool]]) -> None:
    assert Mappings([ModelMapping(*entry) for entry in entries]).find(asked, lambda _: False) is None
