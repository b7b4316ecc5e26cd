"""An answer of a given shape, asked for as a tool's call."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Citation, Inline, JsonObject, Media, Refusal, Text, Thinking
from cliproxy.conversation.reply import Choice, Reply, unfold
from cliproxy.conversation.request import Function, Output, Request, Tool, ToolChoice
from cliproxy.conversation.usage import Usage
from cliproxy.translate.schema_tool import (
    MAX_HELD_CHARACTERS,
    MAX_WRAPPED_CHARACTERS,
    JsonAnswer,
    fit_output,
    parameters_for,
    unwrapped,
)
from tests.support.fitting import apply_whole, call, fed, request, text_of, told

SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LOOK = Function("look")


def asked(*tools: Tool, choice: ToolChoice | None = None, output: Output | None = None) -> Request:
    return attrs.evolve(request(tools=tools), output=output or Output("schema", SCHEMA), tool_choice=choice)


def fitted(of: Request, *, forced_tools: bool = True) -> Request:
    return fit_output(of, Losses(), forced_tools=forced_tools)[0]


def answer(wrapped: bool = False) -> JsonAnswer:
    return JsonAnswer("json_output", wrapped)


def json_call(index: int = 0, choice: int = 0) -> Opened:
    return Opened(index, call("1", "json_output", ""), choice)


# -- requests


def test_a_request_for_text_is_the_same_object() -> None:
    plain = request(tools=[LOOK])
    assert fit_output(plain, Losses(), forced_tools=True) == (plain, None)


def test_the_schema_becomes_that_of_a_tool() -> None:
    changed = fitted(asked(output=Output("schema", SCHEMA, "weather", "Of today.", strict=True)))
    (tool,) = changed.tools
    assert isinstance(tool, Function)
    assert (tool.name, tool.parameters, tool.strict) == ("json_output", SCHEMA, True)
    assert tool.description.endswith("\n\nOf today.")
    assert changed.output == Output()


def test_json_without_a_schema_is_any_object() -> None:
    (tool,) = fitted(asked(output=Output("json"))).tools
    assert isinstance(tool, Function)
    assert tool.parameters == {"type": "object"}


def test_it_is_noted() -> None:
    losses = Losses()
    fit_output(asked(), losses, forced_tools=True)
    assert told(losses) == [("output", "emulated")]


def test_another_tool_of_that_name_keeps_it() -> None:
    changed = fitted(asked(Function("json_output"), Function("output_2", namespace="json")))
    assert isinstance(changed.tools[-1], Function)
    assert changed.tools[-1].name == "json_output_2"


@pytest.mark.parametrize(
    ("tools", "choice", "expected"),
    [
        ((), None, ToolChoice("required", ("json_output",))),
        ((), ToolChoice("auto"), ToolChoice("required", ("json_output",))),
        ((LOOK,), ToolChoice("none"), ToolChoice("required", ("json_output",))),
        ((LOOK,), None, ToolChoice("required")),
        ((LOOK,), ToolChoice("auto"), ToolChoice("required")),
        ((LOOK,), ToolChoice("auto", ("look",)), ToolChoice("required", ("look", "json_output"))),
    ],
)
def test_some_call_is_demanded(tools: tuple[Tool, ...], choice: ToolChoice | None, expected: ToolChoice) -> None:
    assert fitted(asked(*tools, choice=choice)).tool_choice == expected


@pytest.mark.parametrize(
    ("tools", "choice", "expected"),
    [
        ((), None, None),
        ((LOOK,), None, None),
        ((LOOK,), ToolChoice("none"), ToolChoice("auto", ("json_output",))),
        ((LOOK,), ToolChoice("auto", ("look",)), ToolChoice("auto", ("look", "json_output"))),
    ],
)
def test_where_no_tool_may_be_forced_the_system_asks(
    tools: tuple[Tool, ...], choice: ToolChoice | None, expected: ToolChoice | None
) -> None:
    changed = fitted(asked(*tools, choice=choice), forced_tools=False)
    assert changed.tool_choice == expected
    assert changed.system == (
        Text("Give your final answer by calling the tool json_output, and write nothing beside it."),
    )


def test_a_demanded_call_needs_no_shape() -> None:
    losses = Losses()
    of = asked(LOOK, choice=ToolChoice("required", ("look",)))
    assert fit_output(of, losses, forced_tools=True) == (attrs.evolve(of, output=Output()), None)
    assert told(losses) == [("output", "emulated")]


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": ["object", "null"]}, {"anyOf": []}, {"type": "object", "oneOf": []}, {}]
)
def test_a_root_that_is_no_plain_object_is_wrapped(schema: JsonObject) -> None:
    assert parameters_for(Output("schema", schema)) == (
        {
            "type": "object",
            "properties": {"value": schema},
            "required": ["value"],
            "additionalProperties": False,
        },
        True,
    )


def test_what_references_point_to_stays_at_the_root() -> None:
    schema, _ = parameters_for(Output("schema", {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}))
    assert schema["$defs"] == {"x": {"type": "string"}}
    assert schema["properties"] == {"value": {"$ref": "#/$defs/x"}}


# -- the reply


def test_the_call_becomes_text_as_it_comes() -> None:
    events = fed(
        answer(),
        Started("id"),
        json_call(),
        Delta(0, '{"city":'),
        Delta(0, '"Ulm"}'),
        Closed(0),
        Finished(Stop.TOOLS),
        Used(Usage(output=3)),
        Ended(),
    )
    assert events == [
        Started("id"),
        Opened(0, Text("")),
        Delta(0, '{"city":'),
        Delta(0, '"Ulm"}'),
        Closed(0),
        Finished(Stop.END),
        Used(Usage(output=3)),
        Ended(),
    ]


def test_an_answer_that_was_cut_off_still_says_so() -> None:
    assert fed(answer(), json_call(), Closed(0), Finished(Stop.LENGTH))[-1] == Finished(Stop.LENGTH)


def test_a_call_without_arguments_is_an_empty_object() -> None:
    assert fed(answer(), json_call(), Closed(0)) == [Opened(0, Text("")), Delta(0, "{}"), Closed(0)]


def test_text_before_the_call_is_left_out() -> None:
    events = fed(answer(), Opened(0, Text("")), Delta(0, "Here: "), Closed(0), json_call(1), Delta(1, "{}"), Closed(1))
    assert events == [Opened(0, Text("")), Delta(0, "{}"), Closed(0)]


def test_text_that_is_still_open_at_the_call_is_left_out() -> None:
    events = fed(
        answer(), Opened(0, Text("")), Delta(0, "a"), json_call(1), Delta(0, "b"), Closed(0), Delta(1, "{}"), Closed(1)
    )
    assert events == [Opened(0, Text("")), Delta(0, "{}"), Closed(0)]


def test_text_behind_the_call_is_left_out() -> None:
    events = fed(
        answer(),
        json_call(),
        Delta(0, "{}"),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "Done."),
        Cited(1, Citation("https://example.com")),
        Closed(1),
        Finished(Stop.TOOLS),
    )
    assert events == [Opened(0, Text("")), Delta(0, "{}"), Closed(0), Finished(Stop.END)]


def test_a_second_call_is_left_out() -> None:
    events = fed(answer(), json_call(), Delta(0, "{}"), Closed(0), json_call(1), Delta(1, "{}"), Closed(1))
    assert events == [Opened(0, Text("")), Delta(0, "{}"), Closed(0)]


def test_the_calls_signature_is_left_out() -> None:
    events = fed(answer(), json_call(), Delta(0, "{}"), Signed(0, Blob("s")), Closed(0))
    assert events == [Opened(0, Text("")), Delta(0, "{}"), Closed(0)]


def test_text_without_a_call_is_told_at_the_end() -> None:
    said: list[Event] = [
        Opened(0, Text("")),
        Delta(0, "I cannot."),
        Cited(0, Citation("https://example.com")),
        Signed(0, Blob("s")),
        Closed(0),
    ]
    assert fed(answer(), *said) == []
    assert fed(answer(), *said, Finished(Stop.END)) == [*said, Finished(Stop.END)]


def test_text_before_a_call_of_the_clients_is_told() -> None:
    events: list[Event] = [
        Opened(0, Text("")),
        Delta(0, "I look."),
        Closed(0),
        Opened(1, call("1", "look", "")),
        Delta(1, "{}"),
        Closed(1),
        Finished(Stop.TOOLS),
    ]
    assert fed(answer(), *events) == events


def test_beside_a_call_of_the_clients_the_reply_waits_for_it() -> None:
    events = fed(answer(), json_call(), Closed(0), Opened(1, call("2", "look", "")), Closed(1), Finished(Stop.TOOLS))
    assert events[-1] == Finished(Stop.TOOLS)


def test_parts_are_numbered_anew_where_some_are_left_out() -> None:
    events = fed(
        answer(),
        Opened(0, Thinking("")),
        Delta(0, "hm"),
        Closed(0),
        Opened(1, Text("")),
        Delta(1, "Here:"),
        Opened(2, Thinking("")),
        Delta(2, "so"),
        Signed(2, Blob("s")),
        Closed(2),
        json_call(3),
        Delta(3, "{}"),
        Closed(3),
    )
    assert events == [
        Opened(0, Thinking("")),
        Delta(0, "hm"),
        Closed(0),
        Opened(1, Thinking("")),
        Delta(1, "so"),
        Signed(1, Blob("s")),
        Closed(1),
        Opened(2, Text("")),
        Delta(2, "{}"),
        Closed(2),
    ]


def test_a_refusal_comes_behind_the_text_before_it() -> None:
    events = fed(answer(), Opened(0, Text("")), Delta(0, "a"), Closed(0), Opened(1, Refusal("")), Delta(1, "no"))
    assert events == [Opened(0, Text("")), Delta(0, "a"), Closed(0), Opened(1, Refusal("")), Delta(1, "no")]


def test_text_that_goes_on_and_on_flows() -> None:
    stage = answer()
    long = Delta(0, "x" * (MAX_HELD_CHARACTERS + 1))
    assert fed(stage, Opened(0, Text("")), long) == [Opened(0, Text("")), long]
    assert fed(stage, Delta(0, "y")) == [Delta(0, "y")]


def test_text_that_waits_is_told_before_a_failure() -> None:
    events = fed(answer(), Opened(0, Text("")), Delta(0, "a"), Failed(502, "gone"))
    assert events == [Opened(0, Text("")), Delta(0, "a"), Failed(502, "gone")]


def test_each_choice_has_its_own_answer() -> None:
    events = fed(
        answer(),
        json_call(0, 0),
        json_call(1, 1),
        Delta(1, "[1]"),
        Delta(0, "[0]"),
        Closed(0),
        Closed(1),
        Finished(Stop.TOOLS, choice=0),
        Finished(Stop.TOOLS, choice=1),
    )
    assert (text_of(events, 0), text_of(events, 1)) == ("[0]", "[1]")
    assert events[-2:] == [Finished(Stop.END, choice=0), Finished(Stop.END, choice=1)]


def test_a_call_of_that_name_in_a_namespace_is_the_clients() -> None:
    events: list[Event] = [Opened(0, call("1", "json_output", "", "n")), Delta(0, "{}"), Closed(0)]
    assert fed(answer(), *events) == events


def test_a_whole_reply_becomes_text_too() -> None:
    reply = Reply(choices=(Choice((Text("Here:"), call("1", "json_output", '{"a":1}')), Stop.TOOLS),))
    assert apply_whole([answer()], reply).choices == (Choice((Text('{"a":1}'),), Stop.END),)


parts = st.sampled_from(
    [
        Text("said"),
        Text(""),
        Thinking("hm", Blob("s")),
        Refusal("no"),
        call("1", "json_output", '{"a":1}'),
        call("2", "look"),
        Media("image", Inline("image/png", "AAAA")),
    ]
)
replies = st.builds(
    Reply,
    choices=st.lists(
        st.builds(Choice, st.lists(parts, max_size=5).map(tuple), st.just(Stop.TOOLS)), min_size=1, max_size=2
    ).map(tuple),
)


@given(replies)
def test_parts_that_are_told_keep_the_grammar(reply: Reply) -> None:
    open_parts: set[int] = set()
    opened = 0
    for event in fed(answer(), *unfold(reply)):
        if isinstance(event, Opened):
            assert event.index == opened
            opened += 1
            open_parts.add(event.index)
        elif isinstance(event, Closed):
            open_parts.remove(event.index)
        elif isinstance(event, Delta | Signed | Cited):
            assert event.index in open_parts
        elif isinstance(event, Finished):
            assert not open_parts
    assert not open_parts


# -- the wrapping


def test_a_wrapped_answer_is_unwrapped_at_the_end() -> None:
    events = fed(answer(wrapped=True), json_call(), Delta(0, '{"value":'), Delta(0, "[1,2]}"), Closed(0))
    assert events == [Opened(0, Text("")), Delta(0, "[1,2]"), Closed(0)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"value":[1.0,12345678901234567890123]}', "[1.0,12345678901234567890123]"),
        ('{"value":null}', "null"),
        ('{"value":"ä"}', '"ä"'),
        ('{"other":1}', '{"other":1}'),
        ('{"value":[1', '{"value":[1'),
        ("[1]", "[1]"),
    ],
)
def test_the_value_keeps_every_digit(arguments: str, expected: str) -> None:
    assert unwrapped(arguments) == expected


def test_a_wrapped_answer_that_goes_on_and_on_flows() -> None:
    stage = answer(wrapped=True)
    long = '{"value":"' + "x" * MAX_WRAPPED_CHARACTERS
    assert text_of(fed(stage, json_call(), Delta(0, long))) == long
    assert fed(stage, Delta(0, '"}'), Closed(0)) == [Delta(0, '"}'), Closed(0)]
