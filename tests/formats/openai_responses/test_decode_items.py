from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Json,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Function, Message, Role
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.decode_items import History, read_input

USER: Json = {"role": "user", "content": "hi"}
CALL: Json = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "done"}


def messages(*items: Json) -> tuple[Message, ...]:
    return read_input(list(items), Losses()).messages


def losses_of(*items: Json) -> list[str]:
    losses = Losses()
    read_input(list(items), losses)
    return [loss.field for loss in losses]


def test_a_string_is_one_message_of_the_users() -> None:
    assert read_input("hi", Losses()) == History((), (Message(Role.USER, (Text("hi"),)),), ())


def test_leading_words_of_the_operators_are_the_system_prompt() -> None:
    history = read_input(
        [
            {"role": "developer", "content": "a"},
            {"role": "system", "content": [{"type": "input_text", "text": "b"}]},
            USER,
        ],
        Losses(),
    )
    assert history.system == (Text("a"), Text("b"))


def test_later_words_of_the_operators_keep_their_place_and_role() -> None:
    found = messages(USER, {"role": "developer", "content": "b"}, {"role": "system", "content": "c"})
    assert found[1:] == (Message(Role.DEVELOPER, (Text("b"),)), Message(Role.SYSTEM, (Text("c"),)))


def test_a_leading_image_of_the_operators_is_a_message() -> None:
    image: Json = {"type": "input_image", "image_url": "https://a.example/a.png"}
    history = read_input([{"role": "developer", "content": [image]}, {"role": "developer", "content": "b"}], Losses())
    assert (history.system, len(history.messages)) == ((), 2)


def test_what_the_model_did_in_a_row_is_one_message() -> None:
    reasoning: Json = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAAA",
    }
    text: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look"}]}
    assert messages(USER, reasoning, text, CALL)[1] == Message(
        Role.ASSISTANT,
        (Thinking("hm", Blob("gAAAA")), Text("I look"), ToolCall("c1", "f", '{"a":1}')),
    )


def test_results_in_a_row_are_one_message() -> None:
    other: Json = {"type": "custom_tool_call_output", "call_id": "c2", "output": "x"}
    assert messages(OUTPUT, other) == (
        Message(Role.USER, (ToolResult("c1", (Text("done"),)), ToolResult("c2", (Text("x"),), custom=True))),
    )


def test_the_users_words_after_results_are_their_own_message() -> None:
    assert [message.role for message in messages(CALL, OUTPUT, USER)] == [Role.ASSISTANT, Role.USER, Role.USER]


def test_calls_after_results_are_another_turn() -> None:
    assert len(messages(CALL, OUTPUT, CALL)) == 3


def test_an_empty_message_does_not_split_a_turn() -> None:
    assert len(messages(CALL, {"role": "assistant", "content": ""}, CALL)) == 1


def test_an_empty_message_of_the_users_is_none() -> None:
    assert messages(CALL, {"role": "user", "content": ""}, CALL)[0].role is Role.ASSISTANT


def test_summaries_are_joined_by_an_empty_line() -> None:
    summary: Json = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    assert messages({"type": "reasoning", "summary": summary})[0].parts == (Thinking("a\n\nb"),)


def test_the_summary_wins_over_the_content() -> None:
    item: Json = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "short"}],
        "content": [{"type": "reasoning_text", "text": "long"}],
    }
    assert messages(item)[0].parts == (Thinking("short"),)


def test_without_summary_the_content_is_the_thinking() -> None:
    item: Json = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "long"}]}
    assert messages(item)[0].parts == (Thinking("long"),)


def test_encrypted_reasoning_alone_is_thinking_without_text() -> None:
    item: Json = {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAAA"}
    assert messages(item)[0].parts == (Thinking("", Blob("gAAAA")),)


def test_reasoning_by_its_id_alone_is_noted_as_lost() -> None:
    assert losses_of(USER, {"type": "reasoning", "id": "rs_1", "summary": []}) == ["input.1"]


def test_a_free_form_call_keeps_its_text_and_namespace() -> None:
    item: Json = {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "status": "completed",
        "call_id": "c9",
        "name": "apply_patch",
        "input": "*** Begin",
        "namespace": "ns",
    }
    assert messages(item)[0].parts == (ToolCall("c9", "apply_patch", "*** Begin", custom=True, namespace="ns"),)


def test_arguments_that_are_an_object_become_text() -> None:
    item: Json = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 12345678901234567890}}
    assert messages(item)[0].parts == (ToolCall("c", "f", '{"a":12345678901234567890}'),)


def test_what_nobody_knows_of_a_call_is_noted() -> None:
    item: Json = {
        "type": "function_call",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "caller": {"type": "program"},
    }
    assert losses_of(item) == ["input.0.caller"]


def test_the_phase_of_a_message_is_no_loss() -> None:
    assert losses_of({"role": "assistant", "content": "a", "phase": "commentary"}) == []


def test_an_assistants_refusal_is_read() -> None:
    item: Json = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    assert messages(item)[0].parts == (Refusal("no"),)


def test_a_search_of_earlier_is_a_call_with_its_result() -> None:
    item: Json = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}
    assert [type(part) for part in messages(item)[0].parts] == [ServerCall, ServerResult]


@pytest.mark.parametrize("kind", ["apply_patch_call", "local_shell_call", "shell_call", "compaction", "program"])
def test_what_only_this_wire_knows_stays_in_the_models_turn(kind: str) -> None:
    assert messages(CALL, {"type": kind, "x": 1})[0].parts[1] == VendorPart("openai-responses", {"type": kind, "x": 1})


def test_what_a_vendors_tool_gave_stays_among_the_results() -> None:
    item: Json = {"type": "apply_patch_call_output", "call_id": "c2", "status": "completed"}
    assert len(messages(CALL, OUTPUT, item)[1].parts) == 2


def test_a_reference_needs_no_kind() -> None:
    assert messages({"id": "msg_1"})[0].parts == (VendorPart("openai-responses", {"id": "msg_1"}),)


def test_additional_tools_are_declared_and_say_nothing() -> None:
    declared: Json = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "g"}]}
    history = read_input([declared, {"role": "developer", "content": "a"}, CALL, declared, CALL], Losses())
    assert (history.tools, history.system, len(history.messages)) == (
        (Function("g"), Function("g")),
        (Text("a"),),
        1,
    )


def test_an_output_may_have_a_name_in_the_place_of_an_id() -> None:
    item: Json = {"type": "function_call_output", "name": "f", "output": ""}
    assert messages(item)[0].parts == (ToolResult("", (), name="f"),)


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (3, "input.0: An object was expected."),
        ({}, "input.0.type: A string was expected."),
        ({"role": "wizard", "content": ""}, "input.0.role: One of user, assistant, system, developer was expected."),
        ({"role": "user"}, "input.0.content: Field required."),
        ({"role": "user", "content": 5}, "input.0.content: An array was expected."),
        ({"type": "function_call", "name": "f"}, "input.0.call_id: A string was expected."),
        ({"type": "function_call", "call_id": "c"}, "input.0.name: A string was expected."),
        ({"type": "function_call_output", "output": ""}, "input.0.call_id: A string was expected."),
        ({"type": "reasoning", "summary": "x"}, "input.0.summary: An array was expected."),
        ({"type": "additional_tools", "tools": [1]}, "input.0.tools.0: An object was expected."),
    ],
)
def test_garbage_is_refused_with_its_path(item: Json, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        messages(item)
    assert caught.value.message == told
