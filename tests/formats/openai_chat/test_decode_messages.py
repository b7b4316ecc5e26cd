from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    CacheMark,
    Citation,
    Inline,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_messages import decode_messages
from cliproxy.formats.openai_chat.fields import Place

USER: dict[str, object] = {"role": "user", "content": "u"}
ASKED = Message(Role.USER, (Text("u"),))


def decoded(*messages: object, losses: Losses | None = None) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    return decode_messages(Place({"messages": list(messages)}), Losses() if losses is None else losses)


def said(**fields: object) -> tuple[Part, ...]:
    _, (message,) = decoded({"role": "assistant", **fields})
    assert message.role is Role.ASSISTANT
    return message.parts


def call(call_id: str | None, name: str = "f", arguments: str = "{}") -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def complaint(*messages: object) -> str:
    with pytest.raises(BadRequest) as caught:
        decoded(*messages)
    return caught.value.message


def test_what_the_operator_says_first_is_the_system_prompt() -> None:
    system, messages = decoded({"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, USER)
    assert (system, messages) == ((Text("a"), Text("b")), (ASKED,))


def test_each_part_of_it_is_a_text_of_its_own() -> None:
    parts = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]
    system, _ = decoded({"role": "system", "content": parts}, USER)
    assert system == (Text("a", CacheMark()), Text("b"))


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_what_the_operator_says_later_stays_where_it_is(role: Role) -> None:
    system, messages = decoded(USER, {"role": role.value, "content": "x"}, USER)
    assert (system, messages) == ((), (ASKED, Message(role, (Text("x"),)), ASKED))


def test_the_name_of_a_first_word_of_the_operators_is_lost() -> None:
    losses = Losses()
    decoded({"role": "system", "name": "n", "content": "a"}, USER, losses=losses)
    assert [loss.field for loss in losses] == ["messages.name"]


def test_a_participant_has_a_name() -> None:
    _, (message,) = decoded({**USER, "name": "n"})
    assert message.name == "n"


def test_results_of_one_row_are_one_message() -> None:
    _, messages = decoded(
        {"role": "assistant", "content": None, "tool_calls": [call("1"), call("2")]},
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "tool", "tool_call_id": "2", "content": "b"},
        USER,
    )
    assert messages[1:] == (
        Message(Role.USER, (ToolResult("1", (Text("a"),)), ToolResult("2", (Text("b"),)))),
        ASKED,
    )


def test_a_result_of_a_custom_tool_is_one() -> None:
    custom = {"id": "1", "type": "custom", "custom": {"name": "patch", "input": "*** x"}}
    _, messages = decoded(
        {"role": "assistant", "tool_calls": [custom]}, {"role": "tool", "tool_call_id": "1", "content": "a"}
    )
    assert messages == (
        Message(Role.ASSISTANT, (ToolCall("1", "patch", "*** x", custom=True),)),
        Message(Role.USER, (ToolResult("1", (Text("a"),), custom=True),)),
    )


def test_a_results_mark_is_kept() -> None:
    _, messages = decoded({"role": "tool", "tool_call_id": "1", "content": "a", "cache_control": {"ttl": "1h"}})
    assert messages[0].parts == (ToolResult("1", (Text("a"),), cache=CacheMark("1h")),)


def test_calls_without_ids_get_some_and_results_find_them() -> None:
    _, messages = decoded(
        {"role": "assistant", "tool_calls": [call(None, "f"), call("", "g")]},
        {"role": "tool", "name": "g", "content": "of g"},
        {"role": "tool", "content": "of f"},
    )
    assert [part.id for part in messages[0].parts if isinstance(part, ToolCall)] == ["call_none_1", "call_none_2"]
    assert messages[1].parts == (
        ToolResult("call_none_2", (Text("of g"),), name="g"),
        ToolResult("call_none_1", (Text("of f"),)),
    )


def test_a_result_that_nobody_asked_for_gets_an_id_of_its_own() -> None:
    _, messages = decoded({"role": "tool", "content": "a"})
    assert messages[0].parts == (ToolResult("call_none_1", (Text("a"),)),)


def test_the_older_way_to_call_is_understood() -> None:
    _, messages = decoded(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"role": "function", "name": "f", "content": "x"},
    )
    assert messages == (
        Message(Role.ASSISTANT, (ToolCall("call_none_1", "f", '{"a":1}'),)),
        Message(Role.USER, (ToolResult("call_none_1", (Text("x"),), name="f"),)),
    )


def test_thinking_stands_before_words_and_calls() -> None:
    parts = said(content="a", reasoning_content="hm", tool_calls=[call("1")])
    assert parts == (Thinking("hm"), Text("a"), ToolCall("1", "f", "{}"))


def test_arguments_keep_every_digit() -> None:
    arguments = '{"n": 123456789012345678901234567890, "f": 1.10}'
    assert said(tool_calls=[call("1", arguments=arguments)]) == (ToolCall("1", "f", arguments),)


def test_arguments_may_be_an_object() -> None:
    assert said(tool_calls=[{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]) == (
        ToolCall("1", "f", '{"a":1}'),
    )


def test_a_call_may_be_signed() -> None:
    signed = {**call("1"), "extra_content": {"google": {"thought_signature": "s"}}}
    assert said(tool_calls=[signed]) == (ToolCall("1", "f", "{}", blob=Blob("s")),)


def test_words_may_be_signed() -> None:
    extra = {"google": {"thought_signature": "s"}}
    assert said(content="a", extra_content=extra) == (Text("a", blob=Blob("s")),)


def test_a_refusal_is_one() -> None:
    assert said(content=None, refusal="no") == (Refusal("no"),)


def test_an_earlier_answer_in_sound_is_carried_as_it_stands() -> None:
    assert said(content=None, audio={"id": "x"}) == (VendorPart("openai-chat", {"audio": {"id": "x"}}),)


def test_citations_of_an_earlier_answer_are_kept() -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    assert said(content="a", annotations=[annotation]) == (Text("a", citations=(Citation("u", "t", "", 0, 1),)),)


@pytest.mark.parametrize("content", [None, "", []])
def test_an_empty_message_has_no_parts(content: object) -> None:
    assert said(content=content) == ()


def test_what_sdks_write_for_nothing_is_nothing() -> None:
    losses = Losses()
    decoded(
        {
            "role": "assistant",
            "content": "a",
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": None,
        },
        {"role": "assistant", "tool_calls": [{**call("1"), "index": 0}]},
        losses=losses,
    )
    assert not losses


def test_a_field_that_nobody_knows_is_a_loss() -> None:
    losses = Losses()
    decoded({**USER, "mood": "good"}, losses=losses)
    assert [loss.field for loss in losses] == ["messages.mood"]


def test_images_of_a_tool_are_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    _, messages = decoded({"role": "tool", "tool_call_id": "1", "content": [image]})
    assert messages[0].parts == (ToolResult("1", (Media("image", Inline("image/png", "AA")),)),)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({}, "messages.0.role: Field required."),
        ({"role": "x"}, "messages.0.role: One of system, developer, user, assistant, tool, function was expected."),
        ({"role": "assistant", "tool_calls": {}}, "messages.0.tool_calls: A list was expected."),
        ({"role": "assistant", "tool_calls": [{}]}, "messages.0.tool_calls.0.function: Field required."),
        (
            {"role": "assistant", "tool_calls": [{"function": {}}]},
            "messages.0.tool_calls.0.function.name: Field required.",
        ),
        ({"role": "tool", "tool_call_id": 3}, "messages.0.tool_call_id: A string was expected."),
        (3, "messages.0: An object was expected."),
    ],
)
def test_a_mistake_is_told_with_its_path(message: object, told: str) -> None:
    assert complaint(message) == told


def test_nobody_said_anything() -> None:
    assert complaint() == "messages: At least one message was expected."
