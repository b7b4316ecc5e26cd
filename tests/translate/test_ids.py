"""Ids of tool calls on their way to a target."""

from __future__ import annotations

import re

import attrs
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import ToolCall, ToolResult
from cliproxy.conversation.request import Message, Request
from cliproxy.formats.codec import NO_CALL_ID
from cliproxy.translate.ids import fit_ids
from tests.support.fitting import STRICT, assistant, call, request, result, user

SHORT = attrs.evolve(STRICT, id_length=40)


def ids(asked: Request) -> list[str]:
    """Of calls and results, in order."""
    return [
        part.id if isinstance(part, ToolCall) else part.call_id
        for message in asked.messages
        for part in message.parts
        if isinstance(part, ToolCall | ToolResult)
    ]


def pair(call_id: str) -> tuple[Message, Message]:
    return assistant(call(call_id)), user(result(call_id, "x"))


def test_a_request_with_legal_ids_is_the_same_object() -> None:
    asked = request(*pair("toolu_01"), *pair("call-2"))
    assert fit_ids(asked, STRICT) is asked


def test_an_illegal_id_keeps_its_legal_part() -> None:
    (of_call, of_result) = ids(fit_ids(request(*pair("functions.look:0")), STRICT))
    assert re.fullmatch(r"functions_look_0_[0-9a-f]{16}", of_call)
    assert of_result == of_call


def test_a_long_id_is_cut() -> None:
    (of_call, _) = ids(fit_ids(request(*pair("a" * 41)), SHORT))
    assert re.fullmatch(r"a{23}_[0-9a-f]{16}", of_call)


def test_an_id_as_long_as_may_be_stays() -> None:
    assert ids(fit_ids(request(*pair("a" * 40)), SHORT)) == ["a" * 40] * 2


def test_an_empty_id_becomes_one() -> None:
    (of_call, _) = ids(fit_ids(request(*pair("")), STRICT))
    assert re.fullmatch(r"call_[0-9a-f]{16}", of_call)


def test_an_id_that_was_made_for_none_is_still_known_as_such() -> None:
    (of_call, _) = ids(fit_ids(request(*pair(NO_CALL_ID + "a.b" * 30)), SHORT))
    assert of_call.startswith(NO_CALL_ID)


def test_ids_that_look_alike_stay_apart() -> None:
    first, _, second, _ = ids(fit_ids(request(*pair("a.b"), *pair("a:b")), STRICT))
    assert first != second


def test_an_id_does_not_become_one_that_is_there_already() -> None:
    (made, _) = ids(fit_ids(request(*pair("a.b")), STRICT))
    first, _, second, _ = ids(fit_ids(request(*pair("a.b"), *pair(made)), STRICT))
    assert second == made
    assert first != made


def test_the_second_call_with_an_id_gets_another_with_its_result() -> None:
    first, of_first, second, of_second = ids(fit_ids(request(*pair("call_0"), *pair("call_0")), STRICT))
    assert (first, of_first) == ("call_0", "call_0")
    assert re.fullmatch(r"call_0_[0-9a-f]{16}", second)
    assert of_second == second


def test_results_of_calls_with_one_id_come_in_their_order() -> None:
    asked = request(assistant(call("x"), call("x")), user(result("x", "1"), result("x", "2")))
    first, second, of_first, of_second = ids(fit_ids(asked, STRICT))
    assert first != second
    assert (of_first, of_second) == (first, second)


def test_a_result_without_a_call_gets_a_legal_id() -> None:
    (made,) = ids(fit_ids(request(user(result("a.b", "x"))), STRICT))
    assert re.fullmatch(r"a_b_[0-9a-f]{16}", made)


def test_a_conversation_that_goes_on_keeps_its_ids() -> None:
    before = [*pair("a.b"), *pair("c"), *pair("c")]
    assert ids(fit_ids(request(*before, *pair("a.b"), *pair("c")), STRICT))[:6] == ids(
        fit_ids(request(*before), STRICT)
    )


def test_messages_whose_ids_are_legal_stay_the_same_objects() -> None:
    asked = request(user("hello"), *pair("a.b"))
    assert fit_ids(asked, STRICT).messages[0] is asked.messages[0]


@given(st.lists(st.text(st.sampled_from("ab.:é"), max_size=50), max_size=8))
def test_no_two_calls_share_an_id_and_each_result_has_its_calls(call_ids: list[str]) -> None:
    told = ids(fit_ids(request(*(message for call_id in call_ids for message in pair(call_id))), SHORT))
    calls = told[::2]
    assert told[1::2] == calls
    assert len(set(calls)) == len(calls)
    assert all(len(made) <= 40 and re.fullmatch(SHORT.id_pattern, made) for made in calls)
