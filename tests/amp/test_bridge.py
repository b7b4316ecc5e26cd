"""Model and action in Gemini's older paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.bridge import gemini_action


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("publishers/google/models/gemini-2.5-pro:generateContent", ("gemini-2.5-pro", "generateContent")),
        ("publishers/google/models/gemini-2.5-pro:streamGenerateContent", ("gemini-2.5-pro", "streamGenerateContent")),
        ("publishers/google/models/gemini-2.5-pro:countTokens", ("gemini-2.5-pro", "countTokens")),
        ("projects/p/locations/l/publishers/google/models/m:generateContent", ("m", "generateContent")),
        ("models/gemini-2.5-pro:generateContent", ("gemini-2.5-pro", "generateContent")),
    ],
)
def test_model_and_action_are_found(rest: str, found: tuple[str, str]) -> None:
    assert gemini_action(rest) == found


@pytest.mark.parametrize(
    "rest", ["/publishers/google/models/m:go", "models//m:go", "/models/m:go", "//publishers/google/models//m:go"]
)
def test_a_slash_before_it_is_no_part_of_the_name(rest: str) -> None:
    assert gemini_action(rest) == ("m", "go")


def test_a_name_may_hold_slashes() -> None:
    rest = "publishers/google/models/accounts/fireworks/models/llama:generateContent"
    assert gemini_action(rest) == ("accounts/fireworks/models/llama", "generateContent")


def test_the_last_colon_parts_the_action() -> None:
    assert gemini_action("models/llama3.2:3b:generateContent") == ("llama3.2:3b", "generateContent")


def test_a_suffix_is_part_of_the_name() -> None:
    assert gemini_action("models/gemini-3-pro(high):generateContent") == ("gemini-3-pro(high)", "generateContent")


def test_a_project_may_be_called_models() -> None:
    assert gemini_action("projects/models/locations/l/publishers/google/models/m:go") == ("m", "go")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/",
        ":",
        "models",
        "models/",
        "models/m",
        "models/m:",
        "models/:generateContent",
        "models/ :generateContent",
        "publishers/google/models/m",
        "publishers/google/models:list",
        "publishers/google/models/m:a/b",
        "publishers/google/models/m/operations/7",
        "projects/p/locations/l:go",
        "publishers/models/m:go",
        "cachedContents/c:go",
    ],
)
def test_any_other_path_is_none(rest: str) -> None:
    assert gemini_action(rest) is None


@given(
    name=st.text(min_size=1).filter(lambda name: name.strip() and not name.startswith("/")),
    action=st.text("abcXYZ", min_size=1),
    before=st.sampled_from(["", "publishers/google/", "projects/p/locations/l/publishers/google/"]),
)
def test_every_name_is_found_in_every_path(name: str, action: str, before: str) -> None:
    assert gemini_action(f"{before}models/{name}:{action}") == (name, action)
