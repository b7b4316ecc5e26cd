from __future__ import annotations

import pytest

from cliproxy.demo.history import Attachment, Instruction, Said, asked_before, base64_size, data_url, instruction
from tests.demo.asking import PIXEL


def test_the_last_texts_are_the_instruction() -> None:
    assert instruction([Said(["a"]), Said(["b", "c"])]) == Instruction(("b", "c"))


def test_results_since_belong_to_it() -> None:
    told = instruction([Said(["a"]), Said(results={"1": "one"}), Said(results={"2": "two"})])
    assert (told.texts, told.results) == (("a",), ("one", "two"))


def test_a_reminder_beside_a_result_is_no_instruction() -> None:
    assert instruction([Said(["a"]), Said(["reminder"], {"1": "one"})]).texts == ("a",)


def test_a_directive_beside_a_result_is_one() -> None:
    assert instruction([Said(["a"]), Said(["[[say:b]]"], {"1": "one"})]) == Instruction(("[[say:b]]",))


def test_attachments_of_results_are_told_too() -> None:
    image = Attachment("image", 70)
    assert instruction([Said(["a"]), Said([], {"1": ""}, [image])]).attachments == (image,)


def test_the_last_words_are_the_last_block() -> None:
    assert (Instruction(("a", "b")).prompt, Instruction(("a", "b")).last_words) == ("a\nb", "b")


@pytest.mark.parametrize(
    ("roles", "known"),
    [("u", ""), ("uau", "u"), ("uauau", "uau"), ("uaau", "u"), ("ua", "u"), ("", ""), ("uauu", "u")],
)
def test_an_earlier_request_held_what_stands_before_the_last_answer(roles: str, known: str) -> None:
    assert list(asked_before(list(roles), [role == "a" for role in roles])) == list(known)


def test_base64_has_its_size() -> None:
    assert base64_size(PIXEL) == 70


@pytest.mark.parametrize("data", ["not base64!", "QQ", "☕"])
def test_what_is_no_base64_has_none(data: str) -> None:
    assert base64_size(data) is None


def test_a_data_url_has_type_and_size() -> None:
    assert data_url(f"data:image/png;base64,{PIXEL}") == ("image/png", 70)
    assert data_url("data:text/plain,hello") == ("text/plain", None)
    assert data_url("https://example.com/a,b") is None
