"""A request, fitted to its target, and its reply on the way back."""

from __future__ import annotations

import attrs
import pytest

from cliproxy.conversation.events import Closed, Delta, Ended, Event, Finished, Opened, Stop
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Inline, Json, JsonObject, Media, Text, ToolCall, ToolResult
from cliproxy.conversation.request import Custom, Function, Message, Output, Request, Role, ToolChoice
from cliproxy.formats.codec import Limits
from cliproxy.translate.fitting import fit
from cliproxy.translate.stages import apply
from tests.support.fitting import LENIENT, STRICT, assistant, call, request, result, system, told, user


def fitted(asked: Request, limits: Limits = STRICT, structured: bool = True) -> Request:
    return fit(asked, limits, Losses(), structured=structured).request


def noted(extras: JsonObject, target: str = "anthropic") -> list[tuple[str, str]]:
    losses = Losses()
    fit(attrs.evolve(request(), extras=extras), STRICT, losses, structured=True, target=target)
    return told(losses)


# -- nothing to do


@pytest.mark.parametrize("limits", [STRICT, LENIENT])
def test_a_request_that_needs_nothing_is_the_same_object(limits: Limits) -> None:
    asked = request(user("go"), assistant(call("1")), user(result("1", "x", name="look")), tools=[Function("look")])
    losses = Losses()
    done = fit(asked, limits, losses, structured=True)
    assert done.request is asked
    assert done.stages == ()
    assert not losses


def test_what_the_target_bears_stays() -> None:
    asked = attrs.evolve(
        request(user("go"), system("rules"), tools=[Custom("patch"), Function("look", namespace="m")]),
        stop=("a", "b"),
        choices=3,
        output=Output("schema", {"type": "object"}),
    )
    assert fitted(asked, LENIENT) is asked


def test_several_choices_are_left_to_whoever_asks() -> None:
    assert fitted(attrs.evolve(request(user("go")), choices=3)).choices == 3


def test_fitting_twice_gives_the_same() -> None:
    asked = attrs.evolve(
        request(user("go"), system("s"), assistant(call("a.b", "c.d")), user("no"), tools=[Custom("x.y")]),
        stop=("s",),
        output=Output("json"),
    )
    assert fitted(asked, structured=False) == fitted(asked, structured=False)


def test_each_reply_gets_stages_of_its_own() -> None:
    asked = attrs.evolve(request(user("go")), stop=("END",))
    first = fit(asked, STRICT, Losses(), structured=True).stages
    assert first[0] is not fit(asked, STRICT, Losses(), structured=True).stages[0]


# -- the operator in mid-conversation


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_the_operators_words_become_a_marked_text_in_their_place(role: Role) -> None:
    asked = request(user("go"), Message(role, (Text("be brief"),)), assistant("ok"))
    losses = Losses()
    done = fit(asked, STRICT, losses, structured=True)
    assert done.request.messages == (
        user("go"),
        user("<system-reminder>\nbe brief\n</system-reminder>"),
        assistant("ok"),
    )
    assert told(losses) == [("messages.1", "emulated")]


def test_what_else_the_operator_shows_is_kept() -> None:
    image = Media("image", Inline("image/png", "AAAA"))
    mark = CacheMark()
    asked = request(system(image, Text("x", cache=mark)), user("go"))
    assert fitted(asked).messages[0] == user(image, Text("<system-reminder>\nx\n</system-reminder>", cache=mark))


def test_the_operators_words_do_not_part_a_call_from_its_result() -> None:
    asked = request(assistant(call("1")), system("hurry"), user(result("1", "x")))
    assert fitted(asked).messages == (
        assistant(call("1")),
        user(result("1", "x")),
        user("<system-reminder>\nhurry\n</system-reminder>"),
    )


# -- histories


def test_a_history_is_repaired_where_every_call_must_be_answered() -> None:
    asked = request(assistant(call("1")), user("no"))
    assert len(fitted(asked).messages) == 3
    assert fitted(asked, attrs.evolve(STRICT, answers_all_calls=False)) is asked


def test_a_result_that_was_made_up_has_the_calls_new_name_and_id() -> None:
    called, answered, _ = fitted(request(assistant(call("a.b", "c.d")), user("no"))).messages
    (spoken,), (made_up,) = called.parts, answered.parts
    assert isinstance(spoken, ToolCall)
    assert isinstance(made_up, ToolResult)
    assert (made_up.call_id, made_up.name) == (spoken.id, "c_d")


# -- fields of one format alone


def test_fields_that_only_the_clients_format_knows_are_noted() -> None:
    assert noted({"previous_response_id": "resp_1", "prompt": {"id": "p"}}) == [
        ("previous_response_id", "lost"),
        ("prompt", "lost"),
    ]


def test_a_place_for_fields_is_no_field() -> None:
    extras: JsonObject = {"generationConfig": {"speechConfig": {"x": 1}, "responseModalities": ["TEXT"]}}
    assert noted(extras) == [("generationConfig.speechConfig", "lost")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream_options", {"include_obfuscation": False}),
        ("betas", ["x-2026"]),
        ("include", ["reasoning.encrypted_content"]),
        ("client_metadata", {"a": "b"}),
        ("truncation", "disabled"),
        ("modalities", ["text"]),
        ("previous_response_id", None),
        ("background", False),
        ("mcp_servers", []),
    ],
)
def test_fields_that_change_no_answer_are_not_noted(field: str, value: Json) -> None:
    assert noted({field: value}) == []


def test_the_targets_own_fields_are_not_noted() -> None:
    assert noted({"prompt": {"id": "p"}}, target="openai-responses") == []


# -- the shape of the answer


@pytest.mark.parametrize(
    ("kind", "structured", "json_mode", "by_tool"),
    [
        ("text", False, False, False),
        ("schema", True, None, False),
        ("schema", False, True, True),
        ("json", True, None, False),
        ("json", False, None, True),
        ("json", True, False, True),
        ("json", False, True, False),
    ],
)
def test_a_tool_stands_in_for_what_the_model_cannot_be_held_to(
    kind: str, structured: bool, json_mode: bool | None, by_tool: bool
) -> None:
    output = {"text": Output(), "json": Output("json"), "schema": Output("schema", {"type": "object"})}[kind]
    asked = attrs.evolve(request(user("go")), output=output)
    done = fit(asked, STRICT, Losses(), structured=structured, json_mode=json_mode)
    assert bool(done.request.tools) is by_tool
    assert bool(done.stages) is by_tool


def test_where_no_tool_may_be_forced_none_is() -> None:
    asked = attrs.evolve(request(user("go")), output=Output("json"))
    done = fit(asked, STRICT, Losses(), structured=False, forced_tools=False)
    assert done.request.tool_choice is None


# -- everything at once


def test_a_free_text_tool_in_a_namespace_comes_back_as_itself() -> None:
    asked = request(
        user("go"),
        assistant(ToolCall("c.1", "patch", "old", custom=True, namespace="fs")),
        user(result("c.1", "done")),
        tools=[Custom("patch", namespace="fs")],
    )
    done = fit(asked, STRICT, Losses(), structured=True)
    (tool,) = done.request.tools
    assert isinstance(tool, Function)
    assert tool.name == "fs__patch"
    (spoken,) = done.request.messages[1].parts
    assert isinstance(spoken, ToolCall)
    assert (spoken.name, spoken.arguments, spoken.custom) == ("fs__patch", '{"input":"old"}', False)
    reply: list[Event] = [Opened(0, call("2", "fs__patch", "")), Delta(0, '{"input":"new"}'), Closed(0)]
    assert list(apply(done.stages, reply)) == [
        Opened(0, ToolCall("2", "patch", custom=True, namespace="fs")),
        Delta(0, "new"),
        Closed(0),
    ]


def test_an_answer_by_a_tool_is_cut_at_a_stop_sequence() -> None:
    asked = attrs.evolve(request(user("go")), stop=("END",), output=Output("json"))
    done = fit(asked, STRICT, Losses(), structured=False)
    reply: list[Event] = [Opened(0, call("1", "json_output", "")), Delta(0, '{"a":"END"}')]
    assert list(apply(done.stages, reply)) == [
        Opened(0, Text("")),
        Delta(0, '{"a":"'),
        Closed(0),
        Finished(Stop.SEQUENCE, "END"),
        Ended(),
    ]


def test_the_choice_of_a_namespaced_tool_follows_its_name() -> None:
    asked = attrs.evolve(
        request(user("go"), tools=[Function("look", namespace="m.x")]),
        tool_choice=ToolChoice("required", ("m.x__look",)),
    )
    assert fitted(asked).tool_choice == ToolChoice("required", ("m_x__look",))
