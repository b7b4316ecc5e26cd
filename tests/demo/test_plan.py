from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.plan import ECHO_CHARACTERS, FILLER, Talk, pieces, plan
from cliproxy.demo.script import Call, Script
from cliproxy.demo.settings import DemoSettings

TALK = Talk("hi", "hi", (), frozenset({"Read", "Bash"}), "off", 4096)
READ, BASH = Call("Read", {"path": "a"}), Call("Bash", {})


def talk(results: tuple[str, ...] = (), max_tokens: int = 4096, words: str = "hi") -> Talk:
    return Talk(words, words, results, TALK.tools, "shown", max_tokens)


@given(st.text(alphabet="aé☕你 "), st.integers(1, 30))
def test_pieces_put_together_are_the_text(text: str, count: int) -> None:
    parts = pieces(text, count)
    assert "".join(parts) == text
    assert len(parts) == min(count, len(text))
    assert all(parts)


def test_the_greeting_repeats_the_users_words() -> None:
    text = "".join(plan(talk(words="where is my key?"), Script(), DemoSettings()).text)
    assert "demo upstream of cliproxy" in text
    assert "where is my key?" in text


def test_the_greeting_repeats_only_the_beginning_of_many_words() -> None:
    text = "".join(plan(talk(words="ß" * 1000), Script(), DemoSettings()).text)
    assert text.count("ß") == ECHO_CHARACTERS


def test_the_greeting_is_filled_up_to_the_number_of_deltas() -> None:
    text = plan(talk(), Script(), DemoSettings(deltas=100)).text
    assert len(text) == 100
    assert text[-1] == FILLER


def test_a_said_text_is_never_filled_up() -> None:
    assert plan(talk(), Script(say="abc", deltas=9), DemoSettings()).text == ("a", "b", "c")


def test_calls_come_one_a_turn() -> None:
    script = Script(calls=(READ, BASH))
    assert plan(talk(), script, DemoSettings()).calls == (READ,)
    assert plan(talk(("one",)), script, DemoSettings()).calls == (BASH,)


def test_parallel_calls_come_in_one_turn() -> None:
    assert plan(talk(), Script(calls=(READ, BASH), parallel=True), DemoSettings()).calls == (READ, BASH)


def test_after_the_last_result_the_results_are_told() -> None:
    turn = plan(talk(("one", "two")), Script(calls=(READ, BASH)), DemoSettings())
    assert turn.stop == "end"
    assert "one\ntwo" in "".join(turn.text)


def test_a_tool_that_is_not_on_offer_is_not_called() -> None:
    turn = plan(talk(), Script(calls=(Call("Rm", {}),)), DemoSettings())
    assert (turn.calls, turn.stop) == ((), "end")
    assert "Rm" in "".join(turn.text)


@given(st.integers(1, 200))
def test_a_turn_is_never_over_max_tokens(max_tokens: int) -> None:
    script = Script(calls=(READ, BASH), parallel=True)
    turn = plan(talk(max_tokens=max_tokens), script, DemoSettings(deltas=3))
    assert turn.tokens() <= max_tokens
    assert (turn.stop == "length") == (len(turn.calls) < 2)
