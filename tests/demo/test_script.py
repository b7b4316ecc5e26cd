from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.script import MAX_DIRECTIVES, Call, Script, has_directive, read_script
from cliproxy.errors import BadRequest


def test_a_text_without_directives_stays_as_it_is() -> None:
    assert read_script("if [[ -f x ]]; then") == (Script(), "if [[ -f x ]]; then")


def test_directives_are_taken_out_of_the_text() -> None:
    assert read_script("a [[deltas:3]]b[[parallel]] c") == (Script(deltas=3, parallel=True), "a b c")


def test_a_tool_directive_names_tool_and_arguments() -> None:
    script, _ = read_script('[[tool:Read {"path": "a b"}]]')
    assert script.calls == (Call("Read", {"path": "a b"}),)


def test_a_tool_directive_needs_no_arguments() -> None:
    assert read_script("[[tool:Read]] {")[0].calls == (Call("Read", {}),)


def test_arguments_may_hold_the_closing_brackets() -> None:
    script, rest = read_script('[[tool:Read {"a": [[1]], "b": "]]"}]] on')
    assert script.calls == (Call("Read", {"a": [[1]], "b": "]]"}),)
    assert rest == " on"


def test_tools_keep_their_order() -> None:
    assert [call.name for call in read_script("[[tool:B]][[tool:A]]")[0].calls] == ["B", "A"]


def test_texts_to_say_are_joined_by_lines() -> None:
    assert read_script("[[say:one]][[say:two]]")[0].say == "one\ntwo"


def test_delays_are_given_in_milliseconds() -> None:
    assert read_script("[[delay:250]]")[0].delta_pause_seconds == 0.25


def test_stalls_are_given_in_seconds() -> None:
    assert read_script("[[stall:2.5]]")[0].stall_seconds == 2.5


def test_an_unclosed_directive_is_text() -> None:
    assert read_script("[[say:what") == (Script(), "[[say:what")


@pytest.mark.parametrize(
    "text",
    [
        "[[deltas:0]]",
        "[[deltas:many]]",
        "[[delay:-1]]",
        "[[delay:nan]]",
        "[[stall:inf]]",
        "[[fault:rain]]",
        "[[tool:]]",
        "[[tool:Read {oops}]]",
        "[[tool:Read [1]]]",
        "[[tool:Read {" + '"a":[' * 5000 + "]]",
        '[[tool:Read {"a":' + "[" * 300 + "]" * 300 + "}]]",
        "[[parallel]]" * (MAX_DIRECTIVES + 1),
    ],
)
def test_a_known_directive_that_is_wrong_is_the_clients_mistake(text: str) -> None:
    with pytest.raises(BadRequest):
        read_script(text)


def test_only_known_directives_count_as_such() -> None:
    assert has_directive("x [[say:y]]")
    assert not has_directive("x [[sing:y]]")


@given(st.text(alphabet='[]{}":say tolprdefu1', max_size=60))
def test_no_text_raises_anything_but_bad_request(text: str) -> None:
    with suppress(BadRequest):
        read_script(text)
