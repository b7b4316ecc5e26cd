from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.history import Attachment, Instruction
from cliproxy.demo.plan import ECHO_CHARACTERS, FILLER, Choice, Talk, Tool, Turn, pieces, plan
from cliproxy.demo.replies import Json
from cliproxy.demo.script import Call, Script
from cliproxy.demo.settings import DemoSettings

PATH: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = (Tool("Read", PATH), Tool("Bash"), Tool("Patch", custom=True))
READ, BASH = Call("Read", {"path": "a"}), Call("Bash", {})


def talk(results: tuple[str, ...] = (), max_tokens: int = 4096, words: str = "hi") -> Talk:
    return Talk(Instruction((words,), results), TOOLS, thinking="shown", max_tokens=max_tokens)


def chosen(choice: Choice, *calls: Call, parallel: bool = False) -> Turn:
    return plan(Talk(Instruction(("hi",)), TOOLS, choice), Script(calls, parallel), DemoSettings())


def stopped(text: str, *stops: str) -> Turn:
    return plan(Talk(Instruction(("hi",)), stops=stops), Script(say=text), DemoSettings(deltas=5))


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


@given(st.integers(1, 200))
def test_thinking_is_a_part_of_the_tokens(max_tokens: int) -> None:
    turn = plan(talk(max_tokens=max_tokens), Script(), DemoSettings())
    assert 0 < turn.thinking_tokens() <= turn.tokens()


# -- what was attached ---------------------------------------------------------------------------------------------


def test_attachments_are_told_with_their_sizes() -> None:
    seen = Instruction(("hi",), (), (Attachment("image", 70), Attachment("document", None)))
    text = "".join(plan(Talk(seen), Script(), DemoSettings()).text)
    assert "I see 2 attached: image of 70 bytes, document by link." in text


def test_attachments_of_tool_results_are_told_too() -> None:
    seen = Instruction(("hi",), ("[image]",), (Attachment("image", 70),))
    assert "image of 70 bytes" in "".join(plan(Talk(seen), Script(), DemoSettings()).text)


# -- tool choice ---------------------------------------------------------------------------------------------------


def test_a_required_call_has_arguments_of_its_schema() -> None:
    turn = chosen(Choice("required"))
    assert (turn.calls, turn.stop) == ((Call("Read", {"path": "demo"}),), "tools")


def test_a_required_call_is_the_scripts_if_it_names_one() -> None:
    assert chosen(Choice("required"), BASH).calls == (BASH,)


def test_a_tool_that_is_forced_goes_before_the_scripts() -> None:
    assert [call.name for call in chosen(Choice("required", ("Bash",)), READ).calls] == ["Bash"]


def test_no_tool_is_called_where_none_may_be() -> None:
    assert chosen(Choice("none"), READ).calls == ()


def test_only_allowed_tools_are_called() -> None:
    assert chosen(Choice("auto", ("Bash",)), READ).calls == ()


def test_calls_come_one_a_turn_where_several_may_not() -> None:
    assert chosen(Choice(parallel=False), READ, BASH, parallel=True).calls == (READ,)


def test_a_tool_of_free_text_gets_the_input() -> None:
    (call,) = chosen(Choice(), Call("Patch", {"input": "*** Begin"})).calls
    assert (call.free_text, call.written) == ("*** Begin", "*** Begin")


def test_a_required_call_of_free_text_says_something() -> None:
    (call,) = chosen(Choice("required", ("Patch",))).calls
    assert call.written == "demo"


# -- stop sequences, structure -------------------------------------------------------------------------------------


def test_a_text_ends_before_the_stop_sequence_that_comes_first() -> None:
    turn = stopped("one two three", "three", "two")
    assert ("".join(turn.text), turn.stop, turn.sequence) == ("one ", "sequence", "two")


def test_a_stop_sequence_across_deltas_is_found() -> None:
    assert "".join(stopped("abcdefghij", "bcdefghi").text) == "a"


def test_a_stop_sequence_at_the_beginning_leaves_nothing() -> None:
    assert stopped("abc", "a").text == ()


def test_a_text_without_the_stop_sequence_is_whole() -> None:
    assert stopped("abc", "x", "").stop == "end"


def test_a_structured_answer_fits_its_schema() -> None:
    told = plan(Talk(Instruction(("hi",)), structured=True, schema=PATH), Script(), DemoSettings())
    assert "".join(told.text) == '{"path":"demo"}'


def test_a_said_text_goes_before_structure() -> None:
    told = plan(Talk(Instruction(("hi",)), structured=True, schema=PATH), Script(say="x"), DemoSettings())
    assert told.text == ("x",)
