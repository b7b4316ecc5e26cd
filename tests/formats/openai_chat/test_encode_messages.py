from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Inline,
    Json,
    Media,
    Part,
    Plain,
    Refusal,
    ServerCall,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.formats.codec import Dialect
from cliproxy.formats.openai_chat.encode_messages import encode_messages

PLAIN = Dialect()
IMAGE = Media("image", Inline("image/png", "AA"))
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def written(
    *messages: Message, system: tuple[Text, ...] = (), dialect: Dialect = PLAIN
) -> tuple[list[dict[str, Json]], list[str]]:
    losses = Losses()
    request = Request("anthropic", "m", messages, system)
    return encode_messages(request, dialect, losses), [loss.field for loss in losses]


def entry(call_id: str, arguments: str = "{}") -> dict[str, Json]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_one_text_of_the_operators_is_a_string() -> None:
    messages, _ = written(user(Text("u")), system=(Text("s"),))
    assert messages == [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]


def test_several_are_parts_of_one_message() -> None:
    messages, _ = written(user(Text("u")), system=(Text("a"), Text(""), Text("b")))
    assert messages[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(("knows", "word"), [(True, "developer"), (False, "system")])
def test_the_operator_is_called_as_the_server_knows(knows: bool, word: str) -> None:
    operator = Message(Role.DEVELOPER, (Text("x"),))
    messages, _ = written(user(Text("u")), operator, system=(Text("s"),), dialect=Dialect(developer_role=knows))
    assert [message["role"] for message in messages] == [word, "user", word]


def test_words_and_calls_are_one_message() -> None:
    messages, _ = written(assistant(Text("a"), ToolCall("1", "f"), Text("b"), ToolCall("2", "f", '{"x":1}')))
    assert messages == [{"role": "assistant", "content": "ab", "tool_calls": [entry("1"), entry("2", '{"x":1}')]}]


def test_a_call_without_words_has_null_for_content() -> None:
    messages, _ = written(assistant(ToolCall("1", "f")))
    assert messages == [{"role": "assistant", "content": None, "tool_calls": [entry("1")]}]


def test_a_custom_call_keeps_its_text() -> None:
    messages, _ = written(assistant(ToolCall("1", "c", "*** x", custom=True)))
    assert messages[0]["tool_calls"] == [{"id": "1", "type": "custom", "custom": {"name": "c", "input": "*** x"}}]


def test_a_signed_call_keeps_its_signature() -> None:
    messages, _ = written(assistant(ToolCall("1", "f", blob=Blob("s"))))
    assert messages[0]["tool_calls"] == [{**entry("1"), "extra_content": {"google": {"thought_signature": "s"}}}]


def test_signed_words_keep_their_signature() -> None:
    messages, _ = written(assistant(Text("a", blob=Blob("s"))))
    assert messages == [{"role": "assistant", "content": "a", "extra_content": {"google": {"thought_signature": "s"}}}]


def test_a_refusal_has_its_own_field() -> None:
    messages, _ = written(assistant(Refusal("no")))
    assert messages == [{"role": "assistant", "content": None, "refusal": "no"}]


def test_an_empty_message_of_the_assistants_is_left_out() -> None:
    messages, _ = written(user(Text("u")), assistant(), user(Text("v")))
    assert [message["role"] for message in messages] == ["user", "user"]


def test_there_is_always_a_message() -> None:
    assert written(assistant()) == ([{"role": "user", "content": ""}], [])


def test_an_own_field_stands_as_it_stood() -> None:
    messages, _ = written(assistant(VendorPart("openai-chat", {"audio": {"id": "x"}})))
    assert messages == [{"role": "assistant", "content": None, "audio": {"id": "x"}}]


def test_results_stand_behind_their_calls_and_words_behind_them() -> None:
    messages, _ = written(
        assistant(ToolCall("1", "f"), ToolCall("2", "f")),
        user(Text("before"), ToolResult("1", (Text("a"),)), Text("after")),
        user(ToolResult("2", (Text("b"),))),
        assistant(Text("c")),
    )
    assert messages[1:] == [
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "tool", "tool_call_id": "2", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "before"}, {"type": "text", "text": "after"}]},
        {"role": "assistant", "content": "c"},
    ]


def test_a_result_without_a_call_stays_where_it_is() -> None:
    messages, _ = written(user(Text("u")), user(ToolResult("1", ())))
    assert [message["role"] for message in messages] == ["user", "tool"]


def test_the_operator_does_not_come_between_results() -> None:
    messages, _ = written(
        assistant(ToolCall("1", "f"), ToolCall("2", "f")),
        user(ToolResult("1", ())),
        Message(Role.SYSTEM, (Text("s"),)),
        user(ToolResult("2", ())),
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "system"]


def test_an_error_is_told_by_its_first_word() -> None:
    messages, losses = written(user(ToolResult("1", (Text("no file"),), is_error=True)))
    assert messages == [{"role": "tool", "tool_call_id": "1", "content": "Error: no file"}]
    assert losses == ["is_error"]


def test_an_error_without_words_is_told_too() -> None:
    messages, _ = written(user(ToolResult("1", (), is_error=True)))
    assert messages[0]["content"] == "Error: "


def test_several_texts_of_a_tool_are_one_string() -> None:
    messages, _ = written(user(ToolResult("1", (Text("a"), Text("b"), Media("document", Plain("c"))))))
    assert messages[0]["content"] == "a\nb\nc"


def test_images_of_a_tool_follow_in_a_message_of_the_users() -> None:
    messages, losses = written(
        assistant(ToolCall("1", "f"), ToolCall("2", "f")),
        user(ToolResult("1", (Text("a"), IMAGE)), ToolResult("2", (Text("b"),))),
        user(Text("u")),
    )
    assert messages[1:] == [
        {
            "role": "tool",
            "tool_call_id": "1",
            "content": "a\n[More of this result follows in the next message of the user's.]",
        },
        {"role": "tool", "tool_call_id": "2", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "[Returned by tool call 1:]"}, URL]},
        {"role": "user", "content": "u"},
    ]
    assert losses == ["images in tool results"]


def test_images_of_a_tool_stay_where_the_server_takes_them() -> None:
    messages, losses = written(user(ToolResult("1", (Text("a"), IMAGE))), dialect=Dialect(tool_images=True))
    assert messages == [{"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "a"}, URL]}]
    assert losses == []


def test_an_error_with_an_image_begins_with_the_word() -> None:
    messages, _ = written(user(ToolResult("1", (IMAGE,), is_error=True)), dialect=Dialect(tool_images=True))
    assert messages[0]["content"] == [{"type": "text", "text": "Error: "}, URL]


def test_thinking_is_lost_where_nobody_wants_it() -> None:
    messages, losses = written(assistant(Thinking("hm"), Text("a")))
    assert (messages, losses) == ([{"role": "assistant", "content": "a"}], ["thinking"])


def test_thinking_goes_back_where_it_must() -> None:
    messages, losses = written(
        assistant(Thinking("a"), Thinking("b"), ToolCall("1", "f")), dialect=Dialect(replays_reasoning=True)
    )
    assert messages[0]["reasoning_content"] == "a\n\nb"
    assert losses == []


def test_thinking_that_nobody_knows_any_more_is_empty_beside_calls() -> None:
    messages, _ = written(assistant(ToolCall("1", "f")), assistant(Text("a")), dialect=Dialect(replays_reasoning=True))
    assert ["reasoning_content" in message for message in messages] == [True, False]
    assert messages[0]["reasoning_content"] == ""


def test_thinking_with_a_blob_goes_back_to_its_maker() -> None:
    messages, losses = written(assistant(Thinking("hm", Blob("s")), Thinking("", Blob("r"), redacted=True), Text("a")))
    assert messages[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "s"},
        {"type": "reasoning.encrypted", "data": "r", "redacted": True},
    ]
    assert losses == []


def test_an_empty_blob_is_none() -> None:
    messages, losses = written(assistant(Thinking("hm", Blob("", "x")), Text("a")))
    assert (messages, losses) == ([{"role": "assistant", "content": "a"}], ["thinking"])


def test_earlier_citations_are_lost() -> None:
    _, losses = written(assistant(Text("a", citations=(Citation("u"),))))
    assert losses == ["citations"]


def test_calls_of_the_vendors_own_tools_are_lost() -> None:
    _, losses = written(assistant(Text("a"), ServerCall("1", "web_search")))
    assert losses == ["ServerCall"]


def test_a_participant_keeps_the_name() -> None:
    messages, _ = written(Message(Role.USER, (Text("u"),), "n"))
    assert messages == [{"role": "user", "content": "u", "name": "n"}]
