from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing import catalogue as catalogue_module
from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId, ModelName, Offer, Terms, matches

ONE, TWO = CredentialId("one"), CredentialId("two")
texts = st.text("ab*[?]!\\.^$\n", max_size=8)


def offer(credential: str = "one", /, *names: str, **fields: object) -> Offer:
    models = {name: ModelName(name) for name in names}
    return Offer(CredentialId(credential), models, **fields)  # type: ignore[arg-type]  # checked as it runs


# -- patterns


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*", ""),
        ("*", "anything"),
        ("claude-*", "claude-"),
        ("claude-*", "claude-x"),
        ("claude-*", "claude-a\nb"),
        ("*-latest", "a-latest"),
        ("a*b*c", "abc"),
        ("a*b*c", "axbxbxc"),
        ("*b*", "abc"),
        ("**", "x"),
        ("a**a", "aa"),
        ("gpt[1]", "gpt[1]"),
        ("what?", "what?"),
        ("", ""),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("claude-*", "claude"),
        ("claude-*", "Claude-x"),
        ("claude-*", "xclaude-x"),
        ("a*a", "a"),
        ("a*b*c", "acb"),
        ("ab*b", "ab"),
        ("*b*b*", "b"),
        ("gpt[1]", "gpt1"),
        ("what?", "whatx"),
        ("[!a]", "b"),
        ("x", ""),
        ("", "x"),
    ],
)
def test_nothing_but_a_star_is_special(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


@given(texts, texts)
def test_a_pattern_is_what_a_regular_expression_says(pattern: str, name: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, name) == (re.fullmatch(expression, name, re.DOTALL) is not None)


def test_many_stars_take_no_time() -> None:
    before = time.process_time()
    assert not matches("*a" * 50 + "*b", "a" * 100_000)
    assert time.process_time() - before < 1


# -- what one credential serves


def test_a_name_is_served_as_the_upstream_calls_it() -> None:
    assert Offer(ONE, {"fast": ModelName("claude-haiku-4-5")}).serves("fast") == "claude-haiku-4-5"


def test_behind_an_alias_the_upstream_name_is_not_served() -> None:
    assert Offer(ONE, {"fast": ModelName("claude-haiku-4-5")}).serves("claude-haiku-4-5") is None


def test_a_name_that_fits_a_pattern_is_served_as_it_is() -> None:
    assert offer(patterns=("claude-*",)).serves("claude-next") == "claude-next"


@pytest.mark.parametrize("name", ["*", "claude*", "claud?-x", "[c]laude-x", "", "\n", "CLAUDE-x", " claude-x"])
def test_what_a_client_asks_for_is_never_a_pattern(name: str) -> None:
    assert offer("one", "claude-x", patterns=("claude-*",), prefix="team").serves(name) is None


@pytest.mark.parametrize("name", ["claude-*", "claude-[x]", "claude-?", "claude-\\"])
def test_a_name_that_looks_like_a_pattern_is_a_name(name: str) -> None:
    assert offer(patterns=("claude-*",)).serves(name) == name
    assert offer(patterns=("claude-*",), excluded=("claude-x",)).serves(name) == name
    assert offer("one", "claude-x", name).serves(name) == name


def test_with_a_prefix_the_name_is_served_with_and_without_it() -> None:
    team = offer("one", "m", prefix="team", patterns=("claude-*",))
    assert [team.serves(name) for name in ("m", "team/m", "claude-x", "team/claude-x")] == [
        "m",
        "m",
        "claude-x",
        "claude-x",
    ]


@pytest.mark.parametrize("name", ["other/m", "/m", "team/", "team", "team/team/m", "TEAM/m", "teamm"])
def test_of_prefixes_only_one_s_own_is_taken_off_and_only_once(name: str) -> None:
    assert offer("one", "m", prefix="team").serves(name) is None


def test_without_a_prefix_a_slash_is_part_of_the_name() -> None:
    assert offer("one", "vendor/m").serves("vendor/m") == "vendor/m"
    assert offer("one", "m").serves("/m") is None


def test_a_name_that_begins_like_the_prefix_is_served_before_the_prefix_is_taken_off() -> None:
    both = Offer(ONE, {"team/m": ModelName("whole"), "m": ModelName("part")}, prefix="team")
    assert both.serves("team/m") == "whole"


@pytest.mark.parametrize("excluded", ["claude-opus-5", "claude-opus-*", "*"])
@pytest.mark.parametrize("asked", ["claude-opus-5", "team/claude-opus-5"])
def test_what_is_excluded_is_not_served(excluded: str, asked: str) -> None:
    assert offer(patterns=("claude-*",), excluded=(excluded,), prefix="team").serves(asked) is None


def test_exclusion_speaks_of_the_upstream_s_name_so_no_alias_gets_around_it() -> None:
    aliased = Offer(ONE, {"fast": ModelName("claude-haiku-4-5")}, excluded=("claude-haiku-*",))
    assert aliased.serves("fast") is None
    assert Offer(ONE, {"fast": ModelName("claude-haiku-4-5")}, excluded=("fast",)).serves("fast") == "claude-haiku-4-5"


@pytest.mark.parametrize("excluded", ["claude-[o]pus-5", "claude-opus-?", "[a-z]*"])
def test_an_exclusion_knows_no_other_pattern_than_a_star(excluded: str) -> None:
    assert offer(patterns=("claude-*",), excluded=(excluded,)).serves("claude-opus-5") == "claude-opus-5"


def test_names_to_show_come_with_and_without_prefix_and_without_the_excluded() -> None:
    shown = offer("one", "a", "b", listed=("c", "d"), prefix="team", excluded=("b", "d"))
    assert list(shown.names()) == ["a", "team/a", "c", "team/c"]


@given(st.sets(texts), st.lists(texts, max_size=2), texts)
def test_every_name_that_is_shown_is_served(names: set[str], excluded: list[str], prefix: str) -> None:
    shown = offer("one", *names, prefix=prefix, excluded=tuple(excluded))
    assert all(shown.serves(name) is not None for name in shown.names())


def test_with_the_prefix_alone_plain_names_are_not_served() -> None:
    team = offer("one", "m", prefix="team", patterns=("claude-*",), prefixed_alone=True)
    assert [team.serves(name) for name in ("m", "team/m", "claude-x", "team/claude-x", "team/team/m", "team/")] == [
        None,
        "m",
        None,
        "claude-x",
        None,
        None,
    ]


def test_with_the_prefix_alone_names_are_shown_with_it() -> None:
    assert list(offer("one", "a", listed=("b",), prefix="team", prefixed_alone=True).names()) == ["team/a", "team/b"]


def test_who_has_no_prefix_is_asked_by_plain_names_whatever_holds_for_prefixes() -> None:
    plain = offer("one", "m", prefixed_alone=True)
    assert plain.serves("m") == "m"
    assert list(plain.names()) == ["m"]


def test_with_the_prefix_alone_a_name_that_begins_like_it_needs_it_too() -> None:
    both = Offer(ONE, {"team/m": ModelName("whole"), "m": ModelName("part")}, prefix="team", prefixed_alone=True)
    assert [both.serves(name) for name in ("team/m", "team/team/m")] == ["part", "whole"]


@given(st.sets(texts), st.lists(texts, max_size=2), texts)
def test_every_name_that_is_shown_is_served_with_the_prefix_alone(
    names: set[str], excluded: list[str], prefix: str
) -> None:
    shown = offer("one", *names, prefix=prefix, excluded=tuple(excluded), prefixed_alone=True)
    assert all(shown.serves(name) is not None for name in shown.names())


# -- all of them


def test_candidates_come_in_the_order_of_the_configuration() -> None:
    catalogue = Catalogue([offer("two", "m"), Offer(ONE, {"m": ModelName("upstream-m")}), offer("three", "other")])
    assert catalogue.candidates("m") == (Candidate(TWO, ModelName("m")), Candidate(ONE, ModelName("upstream-m")))


def test_an_unknown_name_has_no_candidates() -> None:
    assert Catalogue([offer("one", "m")]).candidates("n") == ()
    assert Catalogue([]).candidates("n") == ()


def test_asking_twice_gives_the_same() -> None:
    catalogue = Catalogue([offer("one", patterns=("claude-*",))])
    assert catalogue.candidates("claude-x") == catalogue.candidates("claude-x") != ()
    assert catalogue.candidates("x") == catalogue.candidates("x") == ()


def test_the_terms_are_those_of_the_offer() -> None:
    catalogue = Catalogue([offer("one", "m", terms=Terms(priority=3, weight=2, max_concurrency=4, cools=False))])
    assert catalogue.terms(ONE) == Terms(priority=3, weight=2, max_concurrency=4, cools=False)


def test_who_offers_nothing_here_has_the_plainest_terms() -> None:
    assert Catalogue([offer("one", "m", terms=Terms(priority=3))]).terms(TWO) == Terms()


def test_an_answer_is_the_same_object_each_time_so_that_it_is_sorted_once() -> None:
    catalogue = Catalogue([offer("one", patterns=("claude-*",))])
    assert catalogue.candidates("claude-x") is catalogue.candidates("claude-x")


def test_what_is_asked_for_again_is_remembered_however_many_names_are_made_up() -> None:
    catalogue = Catalogue([offer("one", patterns=("claude-*",))])
    known = catalogue.candidates("claude-x")
    for i in range(3000):
        catalogue.candidates(f"claude-{i}")
        assert catalogue.candidates("claude-x") is known


def test_a_name_that_is_new_is_remembered_though_many_were_asked_for_before() -> None:
    catalogue = Catalogue([offer("one", patterns=("claude-*",))])
    for i in range(3000):
        catalogue.candidates(f"claude-{i}")
    assert catalogue.candidates("claude-x") is catalogue.candidates("claude-x")


def test_long_answers_are_remembered_up_to_a_number_of_candidates_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_REMEMBERED_CANDIDATES", 100)
    catalogue = Catalogue([offer(f"c{i}", patterns=("claude-*",)) for i in range(30)])
    for i in range(50):
        assert len(catalogue.candidates(f"claude-{i}")) == 30
        assert len(catalogue._found) <= 3
    assert catalogue._remembered == sum(map(len, catalogue._found.values())) == 90


def test_an_answer_that_is_too_long_alone_is_remembered_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_REMEMBERED_CANDIDATES", 100)
    catalogue = Catalogue([offer(f"c{i}", patterns=("claude-*",)) for i in range(200)])
    catalogue.candidates("claude-x")
    assert catalogue.candidates("claude-y") is catalogue.candidates("claude-y")
    assert list(catalogue._found) == ["claude-y"]


def test_however_many_names_are_asked_for_few_are_remembered_and_all_are_served() -> None:
    catalogue = Catalogue([offer("one", patterns=("claude-*",))])
    for i in range(3000):
        assert catalogue.candidates(f"claude-{i}") == (Candidate(ONE, ModelName(f"claude-{i}")),)
    assert len(catalogue._found) <= 1024


def test_a_name_that_several_offer_is_shown_once() -> None:
    assert Catalogue([offer("one", "a", "b"), offer("two", "b", "c")]).names == ("a", "b", "c")


def test_whoever_offers_nothing_is_a_credential_still() -> None:
    assert Catalogue([offer("one"), offer("two", "m")]).credentials == (ONE, TWO)


def test_the_nearest_names_are_the_most_alike() -> None:
    catalogue = Catalogue([offer("one", "claude-opus-4-8", "claude-sonnet-5", "gpt-5")])
    assert catalogue.nearest("claude-opus-4-9")[0] == "claude-opus-4-8"
    assert catalogue.nearest("zzz") == ()


def test_a_name_of_megabytes_is_compared_in_no_time() -> None:
    catalogue = Catalogue([offer("one", *(f"claude-{i}" for i in range(200)))])
    before = time.process_time()
    catalogue.nearest("claude-" * 1_000_000)
    assert time.process_time() - before < 1
