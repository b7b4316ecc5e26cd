from __future__ import annotations

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role
from cliproxy.formats.openai_responses.encode_items import write_input
from cliproxy.formats.openai_responses.encode_parts import PartWriter

SAID: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}


def items(*messages: Message, system: tuple[Text, ...] = ()) -> tuple[list[Json], list[str]]:
    losses = Losses()
    return write_input(system, messages, PartWriter(losses, False)), [loss.field for loss in losses]


def said(*parts: Part) -> tuple[list[Json], list[str]]:
    return items(Message(Role.ASSISTANT, parts))


def given(*parts: Part) -> tuple[list[Json], list[str]]:
    return items(Message(Role.USER, parts))


def test_words_of_the_users_are_a_message() -> None:
    assert given(Text("hi"))[0] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]


def test_words_of_the_operators_are_the_developers() -> None:
    assert items(Message(Role.SYSTEM, (Text("a"),)), Message(Role.DEVELOPER, (Text("b"),)))[0] == [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "b"}]},
    ]


def test_the_rest_of_the_system_prompt_comes_first() -> None:
    assert items(Message(Role.USER, (Text("hi"),)), system=(Text("a"),))[0][0] == {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "a"}],
    }


def test_a_turn_of_the_assistants_keeps_its_order() -> None:
    written, losses = said(Thinking("hm", Blob("gAAAA")), Text("a"), ToolCall("c1", "f", '{"x":1}'), Text("b"))
    assert written == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAAA"},
        SAID,
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x":1}'},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
    ]
    assert losses == []


def test_neighbouring_texts_share_a_message() -> None:
    written, _ = said(Text("a"), Refusal("b"))
    assert written == [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        }
    ]


def test_encrypted_reasoning_without_text_has_no_summary() -> None:
    assert said(Thinking("", Blob("gAAAA")), Text("a"))[0][0] == {
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "gAAAA",
    }


def test_thinking_that_nobody_encrypted_is_lost() -> None:
    assert said(Thinking("hm"), Text("a")) == ([SAID], ["thinking"])


def test_reasoning_of_which_nothing_came_is_left_out() -> None:
    user = Message(Role.USER, (Text("stop"),))
    written, losses = items(Message(Role.ASSISTANT, (Text("a"), Thinking("", Blob("b")))), user)
    assert (written[0], len(written), losses) == (SAID, 2, ["thinking"])


def test_reasoning_at_the_very_end_is_left_out() -> None:
    assert said(Thinking("", Blob("b"))) == ([], ["thinking"])


def test_reasoning_stays_if_what_came_of_it_is_in_the_next_message() -> None:
    written, losses = items(Message(Role.ASSISTANT, (Thinking("", Blob("b")),)), Message(Role.ASSISTANT, (Text("a"),)))
    assert (len(written), losses) == (2, [])


def test_reasoning_whose_fruit_is_lost_is_left_out() -> None:
    written, losses = said(Thinking("", Blob("b")), ServerCall("s", "web_fetch"))
    assert (written, losses) == ([], ["server tools", "thinking"])


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert said(ToolCall("c", "f"))[0] == [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]


def test_a_free_form_call_has_its_input_and_namespace() -> None:
    assert said(ToolCall("c", "p", "text", custom=True, namespace="ns"))[0] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "text", "namespace": "ns"}
    ]


def test_results_stand_before_words_of_the_same_message() -> None:
    assert given(ToolResult("c", (Text("done"),)), Text("and?"))[0] == [
        {"type": "function_call_output", "call_id": "c", "output": "done"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and?"}]},
    ]


def test_the_result_of_a_free_form_call_is_of_its_kind() -> None:
    call = Message(Role.ASSISTANT, (ToolCall("c", "p", "x", custom=True),))
    assert items(call, Message(Role.USER, (ToolResult("c", (Text("done"),)),)))[0][1] == {
        "type": "custom_tool_call_output",
        "call_id": "c",
        "output": "done",
    }


def test_a_result_without_id_has_its_name() -> None:
    assert given(ToolResult("", (), name="f"))[0] == [{"type": "function_call_output", "name": "f", "output": ""}]


def test_an_image_the_assistant_made_is_an_item() -> None:
    written, _ = said(Media("image", Inline("image/webp", "AAAA")))
    assert written == [
        {
            "type": "image_generation_call",
            "id": "ig_63c1dd951ffedf6f7fd968ad4efa39b8",
            "status": "completed",
            "result": "AAAA",
            "output_format": "webp",
        }
    ]


def test_a_linked_image_of_the_assistants_is_lost() -> None:
    assert said(Media("image", Link("https://a.example"))) == ([], ["image"])


def test_a_search_of_this_wire_is_given_back_as_it_stood() -> None:
    item: dict[str, Json] = {"type": "web_search_call", "id": "ws_1"}
    raw = VendorPart("openai-responses", item)
    assert said(ServerCall("ws_1", "web_search", raw=raw), ServerResult("ws_1", "web_search")) == ([item], [])


def test_a_search_of_another_vendors_is_lost() -> None:
    assert said(ServerCall("s", "web_search"), ServerResult("s", "web_search")) == ([], ["server tools"])


def test_an_item_of_this_wire_is_given_back_as_it_stood() -> None:
    item: dict[str, Json] = {"type": "compaction", "encrypted_content": "x"}
    assert said(VendorPart("openai-responses", item)) == ([item], [])


def test_a_reference_is_given_back_as_it_stood() -> None:
    assert said(Thinking("", Blob("b")), VendorPart("openai-responses", {"id": "m"}))[0][1] == {"id": "m"}


def test_content_of_this_wire_stays_in_its_message() -> None:
    assert given(Text("a"), VendorPart("openai-responses", {"type": "input_x"}))[0] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_x"}]}
    ]


def test_what_another_vendor_knows_is_lost() -> None:
    assert said(VendorPart("gemini", {"x": 1})) == ([], ["content"])


def test_an_empty_turn_is_no_item() -> None:
    assert said(Text("")) == ([], [])


def test_the_name_of_a_participant_is_lost() -> None:
    assert items(Message(Role.USER, (Text("a"),), "bob"))[1] == ["name"]
