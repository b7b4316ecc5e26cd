"""Histories that strict vendors refuse, and what is made of them."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Inline, Media, Text, Thinking, ToolCall, ToolResult
from cliproxy.conversation.request import Message, Role
from cliproxy.translate.history import repair
from tests.support.fitting import assistant, call, request, result, system, told, user

IMAGE = Media("image", Inline("image/png", "AAAA"))


def repaired(*messages: Message) -> tuple[Message, ...]:
    return repair(request(*messages), Losses()).messages


def noted(*messages: Message) -> list[tuple[str, str]]:
    losses = Losses()
    repair(request(*messages), losses)
    return told(losses)


def unanswered(call_id: str, name: str = "look") -> ToolResult:
    return ToolResult(call_id, (Text("[no output]"),), is_error=True, name=name)


# -- healthy ones


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (user("hello"),),
        (user("hello"), assistant("hi"), user("more"), user("and more")),
        (user("go"), assistant("I look", call("1")), user(result("1", "x"), "and now?"), assistant("done")),
        (user("go"), assistant(call("1"), call("2")), user(result("1", "x"), result("2", "y"))),
        (user("go"), assistant("so far", call("1"))),
        (user("go"), assistant("a"), assistant("b", call("1")), user(result("1"))),
        (system("rules"), user("go"), system("more rules")),
        (assistant(call("0")), user(result("0", "x")), assistant(call("0")), user(result("0", "y"))),
        (user(Text("", blob=Blob("signed"))),),
    ],
)
def test_a_healthy_history_is_the_same_object(messages: tuple[Message, ...]) -> None:
    asked = request(*messages)
    losses = Losses()
    assert repair(asked, losses) is asked
    assert not losses


# -- calls without results


def test_a_call_that_nobody_answered_gets_an_error() -> None:
    history = (user("go"), assistant(call("1")), user("never mind"))
    assert repaired(*history) == (user("go"), assistant(call("1")), user(unanswered("1")), user("never mind"))
    assert noted(*history) == [("messages.1", "emulated")]


def test_of_several_calls_only_those_without_results_get_one() -> None:
    assert repaired(assistant(call("1"), call("2")), user(result("2", "x"))) == (
        assistant(call("1"), call("2")),
        user(unanswered("1"), result("2", "x")),
    )


def test_calls_before_another_turn_of_the_assistants_are_not_the_last() -> None:
    assert repaired(assistant(call("1")), user("stop"), assistant(call("2")))[1] == user(unanswered("1"))


def test_the_last_turn_may_wait_for_its_results_beside_repairs() -> None:
    assert repaired(user(""), assistant(call("1"))) == (assistant(call("1")),)


def test_an_operators_word_behind_a_call_does_not_answer_it() -> None:
    assert repaired(assistant(call("1")), system("hurry")) == (
        assistant(call("1")),
        user(unanswered("1")),
        system("hurry"),
    )


def test_a_free_text_call_is_answered_as_such() -> None:
    (_, answer, _) = repaired(assistant(ToolCall("1", "patch", "x", custom=True)), user("no"))
    assert answer == user(attrs.evolve(unanswered("1", "patch"), custom=True))


# -- results without calls


def test_a_result_without_its_call_is_told_as_text() -> None:
    history = (user(result("9", "found it", name="look")), assistant("ok"))
    assert repaired(*history) == (user("[Result of an earlier tool call of look]", "found it"), assistant("ok"))
    assert noted(*history) == [("messages.0", "emulated")]


def test_an_error_without_its_call_is_told_as_one() -> None:
    assert repaired(user(ToolResult("9", (Text("no"),), is_error=True))) == (
        user("[Error of an earlier tool call]", "no"),
    )


def test_images_of_a_result_without_its_call_are_kept() -> None:
    assert repaired(user(result("9", IMAGE))) == (user("[Result of an earlier tool call]", IMAGE),)


def test_a_result_before_its_call_does_not_answer_it() -> None:
    assert repaired(user(result("1", "x")), assistant(call("1")), user("go")) == (
        user("[Result of an earlier tool call]", "x"),
        assistant(call("1")),
        user(unanswered("1")),
        user("go"),
    )


def test_an_orphan_keeps_its_place_among_the_users_words() -> None:
    assert repaired(user("a", result("9", "x"), "b")) == (user("a", "[Result of an earlier tool call]", "x", "b"),)


# -- several results of one call


def test_the_last_of_several_results_counts() -> None:
    history = (assistant(call("1")), user(result("1", "old")), user(result("1", "new")))
    assert repaired(*history) == (assistant(call("1")), user(result("1", "new")))
    assert noted(*history) == [("messages.1", "lost")]


def test_an_id_that_comes_again_belongs_to_its_latest_call() -> None:
    assert repaired(
        assistant(call("0")), user(result("0", "a"), result("0", "b")), assistant(call("0")), user(result("0", "c"))
    ) == (assistant(call("0")), user(result("0", "b")), assistant(call("0")), user(result("0", "c")))


def test_results_of_two_calls_with_one_id_go_to_them_in_their_order() -> None:
    assert repaired(assistant(call("0"), call("0")), user("so", result("0", "a"), result("0", "b"))) == (
        assistant(call("0"), call("0")),
        user(result("0", "a"), result("0", "b")),
        user("so"),
    )


# -- places


def test_a_users_word_in_between_goes_behind_the_results() -> None:
    history = (assistant(call("1")), user("wait"), user(result("1", "x")))
    assert repaired(*history) == (assistant(call("1")), user(result("1", "x")), user("wait"))
    assert noted(*history) == [("messages.2", "emulated")]


def test_words_before_the_results_in_one_message_go_behind_them() -> None:
    history = (assistant(call("1")), user("wait", result("1", "x")))
    assert repaired(*history) == (assistant(call("1")), user(result("1", "x")), user("wait"))
    assert noted(*history) == []


def test_results_in_messages_of_their_own_come_together() -> None:
    history = (assistant(call("1"), call("2")), user(result("1", "x")), user(result("2", "y")), user("so?"))
    assert repaired(*history) == (
        assistant(call("1"), call("2")),
        user(result("1", "x"), result("2", "y")),
        user("so?"),
    )
    assert noted(*history) == []


def test_results_come_in_the_order_of_the_calls() -> None:
    assert repaired(assistant(call("1"), call("2")), user(result("2", "y"), result("1", "x"), "ok")) == (
        assistant(call("1"), call("2")),
        user(result("1", "x"), result("2", "y")),
        user("ok"),
    )


def test_a_late_result_goes_back_to_its_call() -> None:
    history = (assistant(call("1")), user("wait"), assistant("I wait"), user(result("1", "x"), "there"))
    assert repaired(*history) == (
        assistant(call("1")),
        user(result("1", "x")),
        user("wait"),
        assistant("I wait"),
        user("there"),
    )
    assert noted(*history) == [("messages.3", "emulated")]


def test_an_operators_word_in_between_goes_behind_the_results() -> None:
    assert repaired(assistant(call("1")), system("hurry"), user(result("1", "x"))) == (
        assistant(call("1")),
        user(result("1", "x")),
        system("hurry"),
    )


def test_calls_in_neighbouring_messages_are_one_turn() -> None:
    assert repaired(assistant(call("1")), assistant(call("2"), "hm"), user(result("1", "x"), result("2", "y"))) == (
        assistant(call("1"), call("2"), "hm"),
        user(result("1", "x"), result("2", "y")),
    )


def test_words_before_a_call_in_a_message_of_their_own_stay_there() -> None:
    assert repaired(assistant("I look"), assistant(call("1")), user("no")) == (
        assistant("I look"),
        assistant(call("1")),
        user(unanswered("1")),
        user("no"),
    )


# -- empty messages


@pytest.mark.parametrize("empty", [user(), user(""), assistant("", ""), system()])
def test_an_empty_message_is_left_out(empty: Message) -> None:
    assert repaired(user("a"), empty, user("b")) == (user("a"), user("b"))


def test_an_empty_message_does_not_part_a_call_from_its_result() -> None:
    assert repaired(assistant(call("1")), user(""), user(result("1", "x"))) == (
        assistant(call("1")),
        user(result("1", "x")),
    )


def test_a_message_with_thinking_alone_is_not_empty() -> None:
    assert repaired(user(""), assistant(Thinking("hm"))) == (assistant(Thinking("hm")),)


# -- laws

call_ids = st.sampled_from("12")
parts_of_users = st.one_of(st.just(Text("u")), st.just(Text("")), st.builds(result, call_ids, st.sampled_from("xy")))
parts_of_assistants = st.one_of(st.just(Text("a")), st.builds(call, call_ids))
messages = st.lists(
    st.one_of(
        st.builds(lambda parts: user(*parts), st.lists(parts_of_users, max_size=3)),
        st.builds(lambda parts: assistant(*parts), st.lists(parts_of_assistants, max_size=3)),
        st.just(system("s")),
    ),
    max_size=7,
)


@given(messages)
def test_what_is_repaired_is_healthy(history: list[Message]) -> None:
    once = repair(request(*history), Losses())
    losses = Losses()
    assert repair(once, losses) is once
    assert not losses


@given(messages)
def test_every_result_stands_behind_its_call_in_order(history: list[Message]) -> None:
    fixed = repaired(*history)
    for before, after in pairwise(fixed):
        called = [part.id for part in before.parts if isinstance(part, ToolCall)]
        given_back = [part.call_id for part in after.parts if isinstance(part, ToolResult)]
        assert given_back == called or before.role is not Role.ASSISTANT
        assert before.role is Role.ASSISTANT or not given_back


@given(messages)
def test_no_word_is_lost(history: list[Message]) -> None:
    def words(of: list[Message]) -> list[str]:
        texts = [part.text for message in of for part in message.parts if isinstance(part, Text)]
        return sorted(text for text in texts if text in ("u", "a", "s"))

    assert words(list(repaired(*history))) == words(history)
