from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.words import WORDS
from cliproxy.demo.openai_responses.reasoning import check_encrypted, early, encrypted


def check(item_id: str, blob: str) -> None:
    check_encrypted(Node({"id": item_id, "encrypted_content": blob}, ("input", 0), WORDS))


@given(st.text(max_size=30))
def test_what_was_made_here_is_known_again(text: str) -> None:
    check("rs_1", encrypted("rs_1", text))


@given(st.integers(0, 100), st.sampled_from("Ab9-_="))
def test_a_changed_letter_is_noticed(place: int, letter: str) -> None:
    blob = encrypted("rs_1", "hm")
    changed = blob[:place] + letter + blob[place + 1 :]
    if changed != blob:
        with pytest.raises(Mistake):
            check("rs_1", changed)


def test_what_is_told_early_is_worth_nothing() -> None:
    with pytest.raises(Mistake):
        check("rs_1", early("rs_1", "hm"))


def test_it_begins_like_that_of_the_real_service() -> None:
    assert encrypted("rs_1", "hm").startswith("gAAAAA")
