"""Tools with free text, as functions and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import Closed, Delta, Event, Failed, Finished, Opened, Signed, Stop
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Text, ToolCall, ToolResult
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.request import Custom, Function
from cliproxy.translate.custom_tools import MAX_HELD_CHARACTERS, InputReader, UnwrapInputs, fit_custom_tools
from tests.support.fitting import LENIENT, STRICT, apply_whole, assistant, call, fed, request, result, told, user

PATCH = frozenset({("", "patch")})


def read(*pieces: str) -> str:
    """The input that arguments in pieces hold."""
    reader = InputReader()
    return "".join(map(reader.feed, pieces)) + reader.finish()


# -- requests


def test_a_tool_with_free_text_becomes_a_function_with_one_string() -> None:
    fitted, _ = fit_custom_tools(request(tools=[Custom("patch", "Edits files.", namespace="n")]), STRICT, Losses())
    (tool,) = fitted.tools
    assert isinstance(tool, Function)
    assert (tool.name, tool.namespace, tool.description) == ("patch", "n", "Edits files.")
    assert tool.parameters == {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The tool's whole input, as free text."}},
        "required": ["input"],
        "additionalProperties": False,
    }


def test_the_grammar_stands_in_the_description() -> None:
    fitted, _ = fit_custom_tools(request(tools=[Custom("patch", "Edits.", "lark", 'start: "x"')]), STRICT, Losses())
    (tool,) = fitted.tools
    assert isinstance(tool, Function)
    assert tool.description == 'Edits.\n\nThe input must match this lark grammar:\nstart: "x"'


def test_each_tool_with_free_text_is_noted() -> None:
    losses = Losses()
    fit_custom_tools(request(tools=[Function("a"), Custom("b"), Custom("c")]), STRICT, losses)
    assert told(losses) == [("tools.1", "emulated"), ("tools.2", "emulated")]


def test_where_free_text_is_known_the_request_is_the_same_object() -> None:
    asked = request(assistant(ToolCall("1", "patch", "x", custom=True)), tools=[Custom("patch")])
    assert fit_custom_tools(asked, LENIENT, Losses()) == (asked, None)


def test_without_free_text_the_request_is_the_same_object() -> None:
    asked = request(assistant(call("1")), user(result("1", "x")), tools=[Function("look")])
    fitted, stage = fit_custom_tools(asked, STRICT, Losses())
    assert fitted is asked
    assert stage is None


def test_a_call_in_the_history_gets_arguments_in_json() -> None:
    fitted, stage = fit_custom_tools(
        request(
            user("go"),
            assistant("I edit.", ToolCall("1", "patch", 'say "ä"\n', custom=True)),
            user(ToolResult("1", (Text("done"),), custom=True)),
        ),
        STRICT,
        Losses(),
    )
    assert fitted.messages == (
        user("go"),
        assistant("I edit.", ToolCall("1", "patch", '{"input":"say \\"ä\\"\\n"}')),
        user(result("1", "done")),
    )
    assert stage is None


# -- the reply


def test_the_call_becomes_one_with_free_text() -> None:
    events = fed(
        UnwrapInputs(PATCH),
        Opened(0, call("1", "patch", "")),
        Delta(0, '{"input'),
        Delta(0, '": "*** Be'),
        Delta(0, "gin"),
        Delta(0, '\\n"}'),
        Closed(0),
        Finished(Stop.TOOLS),
    )
    assert events == [
        Opened(0, ToolCall("1", "patch", custom=True)),
        Delta(0, "*** Be"),
        Delta(0, "gin"),
        Delta(0, "\n"),
        Closed(0),
        Finished(Stop.TOOLS),
    ]


def test_a_piece_of_plain_input_is_the_same_object() -> None:
    stage = UnwrapInputs(PATCH)
    fed(stage, Opened(0, call("1", "patch", "")), Delta(0, '{"input":"'))
    piece = Delta(0, "as it stands")
    assert stage.feed(piece)[0] is piece


def test_other_calls_and_texts_pass() -> None:
    events: list[Event] = [
        Opened(0, Text("")),
        Delta(0, '{"input":"x"}'),
        Closed(0),
        Opened(1, call("1", "look", "")),
        Delta(1, '{"input":"x"}'),
        Closed(1),
    ]
    assert fed(UnwrapInputs(PATCH), *events) == events


def test_a_tool_of_another_namespace_is_another_tool() -> None:
    events: list[Event] = [Opened(0, call("1", "patch", "", "n")), Delta(0, '{"input":"x"}'), Closed(0)]
    assert fed(UnwrapInputs(PATCH), *events) == events


def test_calls_that_come_interleaved_are_kept_apart() -> None:
    events = fed(
        UnwrapInputs(PATCH),
        Opened(0, call("1", "patch", "")),
        Opened(1, call("2", "patch", "")),
        Delta(0, '{"input":"a'),
        Delta(1, '{"input":"b'),
        Delta(0, 'A"}'),
        Closed(0),
        Delta(1, 'B"}'),
        Closed(1),
    )
    assert [event for event in events if isinstance(event, Delta)] == [
        Delta(0, "a"),
        Delta(1, "b"),
        Delta(0, "A"),
        Delta(1, "B"),
    ]


def test_a_signature_stays_with_its_call() -> None:
    events = fed(UnwrapInputs(PATCH), Opened(0, call("1", "patch", "")), Signed(0, Blob("s")), Closed(0))
    assert events == [Opened(0, ToolCall("1", "patch", custom=True)), Signed(0, Blob("s")), Closed(0)]


def test_what_no_input_came_of_is_told_when_the_call_closes() -> None:
    events = fed(UnwrapInputs(PATCH), Opened(0, call("1", "patch", "")), Delta(0, '{"text":"x"}'), Closed(0))
    assert events[1:] == [Delta(0, '{"text":"x"}'), Closed(0)]


def test_a_failure_passes() -> None:
    failed = Failed(502, "gone")
    assert fed(UnwrapInputs(PATCH), Opened(0, call("1", "patch", "")), failed)[-1:] == [failed]


def test_a_whole_reply_is_unwrapped_too() -> None:
    reply = Reply(choices=(Choice((call("1", "patch", '{"input":"a\\tb"}'),), Stop.TOOLS),))
    assert apply_whole([UnwrapInputs(PATCH)], reply).choices == (
        Choice((ToolCall("1", "patch", "a\tb", custom=True),), Stop.TOOLS),
    )


# -- the input in its wrapping


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input":"x"}', "x"),
        (' {\n "input" : "x" } ', "x"),
        ('{"input":""}', ""),
        ('{"a":1,"input":"x"}', "x"),
        ('{"a":{"input":"no"},"b":["}",{"c":[]}],"d":"\\"}","input":"x","e":2}', "x"),
        ('{"input":"x","more":"y"}', "x"),
        ('{"\\u0069nput":"x"}', "x"),
        (r'{"\x":"no","input":"x"}', "x"),
        ('{"input":"x"} and more', "x"),
        ('{"input":"cut of', "cut of"),
        ('{"input":"cut\\', "cut"),
        ('{"input":"cut\\u00', "cut"),
        (r'{"input":"\"\\\/\b\f\n\r\t"}', '"\\/\b\f\n\r\t'),
        (r'{"input":"\u00e4\u20AC"}', "ä€"),
        (r'{"input":"\ud83d\ude00!"}', "\U0001f600!"),
        (r'{"input":"\ud83dx\ude00\ud83d"}', "\ufffdx\ufffd\ufffd"),
        (r'{"input":"\ud83d\ud83d\ude00\ud83d\n"}', "\ufffd\U0001f600\ufffd\n"),
        (r'{"input":"\d+ \u12xy"}', r"\d+ \u12xy"),
        ('{"input":"a\nb"}', "a\nb"),
        ('{"input":"😀"}', "😀"),
    ],
)
def test_the_input_is_taken_out(arguments: str, expected: str) -> None:
    assert read(arguments) == expected
    assert read(*arguments) == expected


@pytest.mark.parametrize("nothing", ["", " ", "{}", " { } "])
def test_no_arguments_are_no_input(nothing: str) -> None:
    assert read(nothing) == ""
    assert read(*nothing) == ""


@pytest.mark.parametrize(
    "arguments",
    [
        "*** Begin Patch",
        '"a string"',
        "[1]",
        '{"input":5}',
        '{"input":null, "x":1}',
        '{"input":{"input":"x"}}',
        '{"text":"x"}',
        '{"text":"x"',
        "{input: x}",
        '{"input" "x"}',
        '{"a":1]',
    ],
)
def test_arguments_without_an_input_are_told_as_they_are(arguments: str) -> None:
    assert read(arguments) == arguments
    assert read(*arguments) == arguments


def test_what_cannot_be_an_input_any_more_flows() -> None:
    reader = InputReader()
    assert [reader.feed(piece) for piece in ["*", "**", " Begin"]] == ["*", "**", " Begin"]


def test_no_more_than_so_much_is_held() -> None:
    reader = InputReader()
    assert reader.feed('{"other":"' + "x" * MAX_HELD_CHARACTERS) == '{"other":"' + "x" * MAX_HELD_CHARACTERS
    assert reader.feed('","input":"y"}') == '","input":"y"}'
    assert reader.finish() == ""


@st.composite
def wrapped(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An input, and arguments that hold it, in pieces."""
    text = draw(st.text(st.one_of(st.sampled_from('"\\\n{}u\U0001f600ä'), st.characters(codec="utf-8")), max_size=20))
    others = draw(st.dictionaries(st.text(max_size=3), st.recursive(st.text(max_size=3), st.lists), max_size=2))
    others.pop("input", None)
    arguments = json.dumps({**others, "input": text, "z": "\\"}, ensure_ascii=draw(st.booleans()))
    cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=12)))
    return text, [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]


@given(wrapped())
def test_any_input_comes_out_however_its_arguments_are_cut(drawn: tuple[str, list[str]]) -> None:
    text, pieces = drawn
    assert read(*pieces) == text


@given(st.text(st.sampled_from('{}[]":,\\u00dinput '), max_size=30), st.integers(0, 30))
def test_garbage_gives_the_same_however_it_is_cut(arguments: str, cut: int) -> None:
    assert read(arguments[:cut], arguments[cut:]) == read(*arguments) == read(arguments)
