"""Names of tools on their way to a target and back."""

from __future__ import annotations

import re
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.events import Closed, Delta, Event, Opened
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text, ToolCall
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, ToolChoice
from cliproxy.translate.names import Key, assign, declared_once, fit_names
from tests.support.fitting import LENIENT, STRICT, assistant, call, fed, request, result, told, user

GEMINI = attrs.evolve(STRICT, name_pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]*$")


def one(key: Key, *others: Key) -> str:
    """The name of a declared tool beside others."""
    namespace, name = assign([key, *others], [], STRICT)[key]
    assert namespace == ""
    return name


def fitted(asked: Request) -> Request:
    return fit_names(asked, STRICT, Losses())[0]


# -- how a name is spelled


@pytest.mark.parametrize("name", ["look", "Read-File_2", "a" * 64, "_", "1st"])
def test_a_legal_name_stays(name: str) -> None:
    assert one(("", name)) == name


def test_letters_keep_their_case() -> None:
    assert one(("", "Read.File")) == "Read_File"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mcp.look", "mcp_look"), ("a b@c/d", "a_b_c_d"), ("größe", "gr__e"), ("", "_"), ("\U0001f600", "_")],
)
def test_what_the_target_does_not_bear_becomes_an_underscore(name: str, expected: str) -> None:
    assert one(("", name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("1st", "_1st"), ("a.b:c-d", "a.b:c-d"), ("-x", "_-x"), ("a@b", "a_b"), ("x" * 65, None)]
)
def test_a_first_character_that_is_refused_gets_an_underscore(name: str, expected: str | None) -> None:
    _, spelled = assign([("", name)], [], GEMINI)["", name]
    assert re.fullmatch(GEMINI.name_pattern, spelled)
    assert expected is None or spelled == expected


def test_a_namespace_is_written_into_the_name() -> None:
    assert one(("mcp", "look")) == "mcp__look"


def test_a_name_that_is_too_long_is_cut_and_told_apart_by_a_hash() -> None:
    name = one(("", "a" * 65))
    assert len(name) == 64
    assert re.fullmatch(r"a{55}_[0-9a-f]{8}", name)


def test_long_names_that_differ_at_their_end_stay_apart() -> None:
    assert one(("", "a" * 70 + "1")) != one(("", "a" * 70 + "2"))


def test_namespaces_stay_where_they_are_known() -> None:
    assert assign([("mcp", "look.up")], [], LENIENT) == {("mcp", "look.up"): ("mcp", "look_up")}


# -- collisions


def test_a_plain_legal_name_wins() -> None:
    names = assign([("a", "b"), ("", "a__b")], [], STRICT)
    assert names["", "a__b"] == ("", "a__b")
    assert re.fullmatch(r"a__b_[0-9a-f]{8}", names["a", "b"][1])


def test_of_two_that_must_change_neither_wins() -> None:
    names = assign([("", "a.b"), ("", "a:b")], [], STRICT)
    assert all(re.fullmatch(r"a_b_[0-9a-f]{8}", name) for _, name in names.values())
    assert len(set(names.values())) == 2


def test_a_hashed_name_that_somebody_has_already_is_hashed_again() -> None:
    taken = one(("", "a.b"), ("", "a_b"))
    names = assign([("", "a.b"), ("", "a_b"), ("", taken)], [], STRICT)
    assert len(set(names.values())) == 3
    assert names["", taken] == ("", taken)


def test_a_tool_of_the_history_does_not_rename_a_declared_one() -> None:
    names = assign([("", "a.b")], [("", "a:b")], STRICT)
    assert names["", "a.b"] == ("", "a_b")
    assert re.fullmatch(r"a_b_[0-9a-f]{8}", names["", "a:b"][1])


def test_a_plain_call_in_the_history_means_the_tool_of_that_name() -> None:
    assert assign([("a", "b")], [("", "a__b")], STRICT)["", "a__b"] == ("", "a__b")


names_of_tools = st.text(st.sampled_from("aA_.:-1 é"), max_size=12)
keys = st.tuples(st.sampled_from(["", "", "a", "a_", "n.s"]), names_of_tools)


@given(st.lists(keys, unique=True, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_declarations_changes_no_name(declared: list[Key], random: Random) -> None:
    shuffled = list(declared)
    random.shuffle(shuffled)
    assert assign(shuffled, [], STRICT) == assign(declared, [], STRICT)


@given(st.lists(keys, unique=True, max_size=12), st.lists(keys, max_size=6))
def test_declared_tools_have_legal_names_of_their_own(declared: list[Key], spoken: list[Key]) -> None:
    limits = attrs.evolve(STRICT, name_length=14)
    names = assign(declared, spoken, limits)
    own = [names[key] for key in declared]
    assert len(set(own)) == len(own)
    assert all(len(name) <= 14 and re.fullmatch(limits.name_pattern, name) for _, name in names.values())


@given(st.lists(keys, unique=True, max_size=8), st.lists(keys, max_size=6))
def test_a_longer_history_changes_no_declared_name(declared: list[Key], spoken: list[Key]) -> None:
    names = assign(declared, spoken, STRICT)
    assert {key: names[key] for key in declared} == assign(declared, [], STRICT)


# -- a request


def test_a_request_with_legal_names_is_the_same_object() -> None:
    asked = request(assistant(call("1")), user(result("1", "x", name="look")), tools=[Function("look")])
    assert fit_names(asked, STRICT, Losses()) == (asked, None)
    assert fitted(asked) is asked


def test_tools_of_the_vendor_keep_their_names() -> None:
    tools = (ServerTool("web.search", "anthropic"), Function("a.b"))
    assert fitted(request(tools=tools)).tools == (ServerTool("web.search", "anthropic"), Function("a_b"))


def test_calls_and_results_are_renamed_with_their_tool() -> None:
    asked = request(
        assistant(call("1", "look", namespace="m")), user(result("1", "x", name="look")), tools=[Function("look")]
    )
    assert fitted(asked).messages == (assistant(call("1", "m__look")), user(result("1", "x", name="m__look")))


def test_a_call_whose_tool_is_not_declared_any_more_is_renamed() -> None:
    assert fitted(request(assistant(call("1", "old.tool")))).messages == (assistant(call("1", "old_tool")),)


def test_the_name_on_a_result_without_a_call_is_renamed() -> None:
    assert fitted(request(user(result("1", "x", name="a.b")))).messages == (user(result("1", "x", name="a_b")),)


def test_a_result_belongs_to_the_latest_call_of_its_id() -> None:
    asked = request(
        assistant(call("1", "a.b")),
        user(result("1", "x", name="a.b")),
        assistant(call("1", "c.d")),
        user(result("1", "y", name="c.d")),
    )
    assert [message.parts[0] for message in fitted(asked).messages if message.role.value == "user"] == [
        result("1", "x", name="a_b"),
        result("1", "y", name="c_d"),
    ]


def test_messages_without_tools_stay_the_same_objects() -> None:
    asked = request(user("hello"), tools=[Function("a.b")])
    assert fitted(asked).messages[0] is asked.messages[0]


def test_a_choice_names_the_tool_as_the_target_does() -> None:
    asked = attrs.evolve(
        request(tools=[Function("look", namespace="n.s"), Function("a.b")]),
        tool_choice=ToolChoice("required", ("n.s__look", "a.b")),
    )
    assert fitted(asked).tool_choice == ToolChoice("required", ("n_s__look", "a_b"))


def test_a_choice_keeps_the_namespace_where_it_is_known() -> None:
    asked = attrs.evolve(
        request(tools=[Function("a.b", namespace="m")]), tool_choice=ToolChoice("required", ("m__a.b",))
    )
    changed, _ = fit_names(asked, LENIENT, Losses())
    assert changed.tool_choice == ToolChoice("required", ("m__a_b",))


def test_changed_names_are_noted_once() -> None:
    losses = Losses()
    fit_names(request(tools=[Function("a.b"), Function("c", namespace="d"), Function("e")]), STRICT, losses)
    assert told(losses) == [("tools", "emulated")]


# -- twice the same


def test_a_tool_that_is_declared_again_is_left_out() -> None:
    losses = Losses()
    asked = request(tools=[Function("a", "first"), Custom("a", "second"), Function("a", namespace="n")])
    assert declared_once(asked, losses).tools == (Function("a", "first"), Function("a", namespace="n"))
    assert told(losses) == [("tools.1", "lost")]


def test_tools_of_the_vendor_may_come_twice() -> None:
    asked = request(tools=[ServerTool("x", "anthropic"), ServerTool("x", "anthropic"), Function("a")])
    assert declared_once(asked, Losses()) is asked


# -- the reply


def test_a_call_in_the_reply_has_the_clients_name() -> None:
    _, restore = fit_names(request(tools=[Function("look", namespace="m")]), STRICT, Losses())
    assert restore
    assert fed(restore, Opened(0, call("1", "m__look"))) == [Opened(0, call("1", "look", namespace="m"))]


def test_a_name_that_the_model_made_up_passes() -> None:
    _, restore = fit_names(request(tools=[Function("a.b")]), STRICT, Losses())
    assert restore
    events: list[Event] = [Opened(0, call("1", "nobody")), Opened(1, Text("")), Delta(0, "{}"), Closed(0)]
    assert fed(restore, *events) == events


def test_a_call_of_a_tool_that_only_the_history_knows_has_the_clients_name() -> None:
    _, restore = fit_names(request(assistant(call("1", "a.b"))), STRICT, Losses())
    assert restore
    assert fed(restore, Opened(0, call("2", "a_b"))) == [Opened(0, call("2", "a.b"))]


@given(st.lists(keys, unique=True, min_size=1, max_size=10))
def test_every_declared_tool_comes_back_as_itself(declared: list[Key]) -> None:
    tools = [Function(name, namespace=namespace) for namespace, name in declared]
    changed, restore = fit_names(request(tools=tools), STRICT, Losses())
    for (namespace, name), tool in zip(declared, changed.tools, strict=True):
        assert isinstance(tool, Function)
        event = Opened(0, ToolCall("1", tool.name, namespace=tool.namespace))
        assert (fed(restore, event) if restore else [event]) == [Opened(0, call("1", name, "", namespace))]
