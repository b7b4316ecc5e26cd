"""Messages, written as contents."""

from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    FileId,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Plain,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Dialect, Target
from cliproxy.formats.gemini.encode_contents import encode_contents, encode_system

USER, MODEL = Role.USER, Role.ASSISTANT
A_PICTURE = Media("image", Inline("image/png", "AAAA"))
A_PICTURE_ON_THE_WIRE: Json = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}


def said(*messages: Message, losses: Losses | None = None, target: Target | None = None) -> Json:
    request = Request("anthropic", "m", messages)
    contents = encode_contents(request, target or Target("gemini-2.5-pro"), Losses() if losses is None else losses)
    return jsontext.loads(jsontext.dumps(contents))


def parts_of(*parts: Part, role: Role = USER, losses: Losses | None = None, model: str = "gemini-2.5-pro") -> Json:
    (content,) = encode_contents(
        Request("anthropic", "m", (Message(role, parts),)), Target(model), Losses() if losses is None else losses
    )
    assert isinstance(content, dict)
    return jsontext.loads(jsontext.dumps(content["parts"]))


def lost(*parts: Part, role: Role = USER) -> list[str]:
    losses = Losses()
    request = Request("anthropic", "m", (Message(USER, (Text("x"),)), Message(role, parts)))
    encode_contents(request, Target("gemini-3-pro"), losses)
    return [loss.field for loss in losses.dropped]


def emulated(*parts: Part, role: Role = USER) -> list[str]:
    losses = Losses()
    encode_contents(Request("anthropic", "m", (Message(role, parts),)), Target("gemini-3-pro"), losses)
    return [loss.field for loss in losses if loss.emulated]


def test_each_side_has_its_role() -> None:
    assert said(Message(USER, (Text("a"),)), Message(MODEL, (Text("b"),))) == [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "b"}]},
    ]


def test_neighbours_of_one_side_are_one_turn_of_separate_parts() -> None:
    assert said(Message(USER, (Text("a"),)), Message(USER, (Text("b"),))) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
    ]


def test_a_message_that_ends_up_empty_splits_no_turn() -> None:
    assert said(Message(USER, (Text("a"),)), Message(MODEL, (Text(""),)), Message(USER, (Text("b"),))) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
    ]


def test_contents_are_never_empty() -> None:
    losses = Losses()
    assert said(Message(USER, (Text(""),)), losses=losses) == [{"role": "user", "parts": [{"text": "Continue."}]}]
    assert [loss.field for loss in losses] == ["messages"]


def test_words_of_the_operators_in_mid_conversation_become_a_marked_text() -> None:
    losses = Losses()
    written = said(Message(USER, (Text("a"),)), Message(Role.DEVELOPER, (Text("b"), Text("c"))), losses=losses)
    assert written == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "<system-reminder>\nb\n\nc\n</system-reminder>"}]}
    ]
    assert [(loss.field, loss.emulated) for loss in losses] == [("messages.1", True)]


def test_the_last_turn_may_be_the_models() -> None:
    written = said(Message(USER, (Text("a"),)), Message(MODEL, (Text("b"),)))
    assert isinstance(written, list)
    assert written[-1] == {
        "role": "model",
        "parts": [{"text": "b"}],
    }


def test_results_stand_first_in_the_order_of_their_calls() -> None:
    calls = Message(MODEL, (ToolCall("c1", "f"), ToolCall("c2", "g")))
    results = (Text("so:"), ToolResult("c2", (Text("2"),)), ToolResult("c1", (Text("1"),)))
    assert said(calls, Message(USER, results)) == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "c1", "name": "f", "args": {}}},
                {"functionCall": {"id": "c2", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "1"}}},
                {"functionResponse": {"id": "c2", "name": "g", "response": {"output": "2"}}},
                {"text": "so:"},
            ],
        },
    ]


def test_a_results_name_is_that_of_its_call_never_part_of_the_id() -> None:
    written = said(
        Message(MODEL, (ToolCall("toolu_other-1", "read"),)), Message(USER, (ToolResult("toolu_other-1", ()),))
    )
    assert isinstance(written, list)
    assert written[1] == {
        "role": "user",
        "parts": [{"functionResponse": {"id": "toolu_other-1", "name": "read", "response": {"output": ""}}}],
    }


def test_ids_that_were_made_are_not_told() -> None:
    written = said(Message(MODEL, (ToolCall("call_none_0_0", "f"),)), Message(USER, (ToolResult("call_none_0_0", ()),)))
    assert written == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": ""}}}]},
    ]


def test_ids_are_not_told_where_the_server_refuses_them() -> None:
    target = Target("gemini-2.5-pro", Dialect(call_ids=False))
    assert said(Message(MODEL, (ToolCall("c1", "f"),)), target=target) == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c", (Text("a"),)), {"output": "a"}),
        (ToolResult("c", (Text("a"), Text("b"))), {"output": ["a", "b"]}),
        (ToolResult("c", ()), {"output": ""}),
        (ToolResult("c", (Text("no"),), is_error=True), {"error": "no"}),
    ],
)
def test_what_a_tool_said_stands_under_googles_keys(result: ToolResult, response: Json) -> None:
    assert parts_of(result) == [{"functionResponse": {"id": "c", "name": "", "response": response}}]


def test_a_picture_of_a_tools_stands_in_its_result() -> None:
    written = parts_of(ToolResult("c", (Text("a"), A_PICTURE), name="f"), model="gemini-3-pro")
    assert written == [
        {
            "functionResponse": {
                "id": "c",
                "name": "f",
                "response": {"output": "a"},
                "parts": [A_PICTURE_ON_THE_WIRE],
            }
        }
    ]


def test_an_older_model_gets_it_beside_the_result() -> None:
    losses = Losses()
    written = parts_of(ToolResult("c", (A_PICTURE,), name="f"), losses=losses)
    assert written == [
        {"functionResponse": {"id": "c", "name": "f", "response": {"output": ""}}},
        A_PICTURE_ON_THE_WIRE,
    ]
    assert [loss.emulated for loss in losses] == [True]


def test_signed_thinking_goes_back_with_its_signature() -> None:
    assert parts_of(Thinking("hm", Blob("QUFB")), role=MODEL) == [
        {"thought": True, "text": "hm", "thoughtSignature": "QUFB"}
    ]


def test_thinking_without_a_signature_is_lost() -> None:
    assert lost(Thinking("hm"), role=MODEL) == ["messages.1.content.0"]


def test_signed_text_goes_back_with_its_signature() -> None:
    assert parts_of(Text("a", blob=Blob("QUFB")), Text("", blob=Blob("QkJC")), role=MODEL) == [
        {"text": "a", "thoughtSignature": "QUFB"},
        {"text": "", "thoughtSignature": "QkJC"},
    ]


def test_a_signed_call_goes_back_with_its_signature() -> None:
    assert parts_of(ToolCall("c", "f", '{"a":1}', blob=Blob("QUFB")), role=MODEL) == [
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "QUFB"}
    ]


def signatures(written: Json) -> list[list[object]]:
    assert isinstance(written, list)
    found: list[list[object]] = []
    for content in written:
        assert isinstance(content, dict)
        parts = content["parts"]
        assert isinstance(parts, list)
        calls = [part for part in parts if isinstance(part, dict) and "functionCall" in part]
        if calls:
            found.append([call.get("thoughtSignature") for call in calls])
    return found


SKIP = "skip_thought_signature_validator"


def test_the_first_unsigned_call_of_each_step_gets_the_word_for_it() -> None:
    losses = Losses()
    step_one = Message(MODEL, (Text("x"), ToolCall("c1", "f"), ToolCall("c2", "f")))
    results = Message(USER, (ToolResult("c1", ()), ToolResult("c2", ())))
    step_two = Message(MODEL, (ToolCall("c3", "f", blob=Blob("QUFB")), ToolCall("c4", "f")))
    written = said(step_one, results, step_two, losses=losses, target=Target("gemini-3.1-pro"))
    assert signatures(written) == [[SKIP, None], ["QUFB", None]]
    assert [loss.field for loss in losses if loss.emulated] == ["signatures of calls"]


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemma-3-27b", "claude-opus-4-8"])
def test_other_models_get_no_such_word(model: str) -> None:
    assert signatures(said(Message(MODEL, (ToolCall("c", "f"),)), target=Target(model))) == [[None]]


def test_arguments_that_are_no_object_are_kept() -> None:
    assert parts_of(ToolCall("c", "f", '{"a'), role=MODEL) == [
        {"functionCall": {"id": "c", "name": "f", "args": {"_raw": '{"a'}}}
    ]


def test_every_digit_of_the_arguments_is_kept() -> None:
    contents = encode_contents(
        Request("anthropic", "m", (Message(MODEL, (ToolCall("c", "f", '{"a":1.10}'),)),)), Target("m"), Losses()
    )
    assert b'"args":{"a":1.10}' in jsontext.dumps(contents)


def test_a_link_is_a_file_at_its_address() -> None:
    assert parts_of(Media("image", Link("https://example.org/a.png"))) == [
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}}
    ]


def test_what_a_file_is_called_is_told_before_it() -> None:
    media = Media("document", Plain("a"), name="notes.txt", context="from Tuesday")
    assert parts_of(media) == [
        {"text": "File: notes.txt\nfrom Tuesday"},
        {"inlineData": {"mimeType": "text/plain", "data": "YQ=="}},
    ]
    assert emulated(media) == ["messages.0.content.0.title"]


def test_a_refusal_is_written_as_text() -> None:
    assert parts_of(Refusal("No."), role=MODEL) == [{"text": "No."}]
    assert emulated(Refusal("No."), role=MODEL) == ["messages.0.content.0.refusal"]


def test_googles_own_parts_go_back_as_they_stood() -> None:
    code: dict[str, Json] = {"executableCode": {"language": "PYTHON", "code": "1"}}
    search: dict[str, Json] = {"toolCall": {"id": "s"}}
    written = parts_of(
        VendorPart("gemini", code), ServerCall("s", "web_search", raw=VendorPart("gemini", search)), role=MODEL
    )
    assert written == [code, search]


@pytest.mark.parametrize(
    "part",
    [
        VendorPart("anthropic", {"type": "container_upload"}),
        ServerCall("s", "web_search", "{}"),
        ServerResult("s", "web_search", raw=VendorPart("anthropic", {})),
        Media("document", FileId("file-1", "openai-chat")),
        Media("image", Link("data:image/png,x")),
    ],
)
def test_what_belongs_to_others_is_lost(part: Part) -> None:
    assert lost(part, role=MODEL) == ["messages.1.content.0"]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Text("a", citations=(Citation("https://a.org"),)), "citations"),
        (Media("document", Plain("a"), cited=True), "citations"),
        (Media("image", Inline("image/png", ""), detail="high"), "detail"),
    ],
)
def test_what_cannot_be_said_of_a_part_is_lost(part: Part, field: str) -> None:
    assert lost(part) == [f"messages.1.content.0.{field}"]


def test_the_name_of_a_participant_is_lost() -> None:
    losses = Losses()
    said(Message(USER, (Text("a"),), name="Ann"), losses=losses)
    assert [loss.field for loss in losses.dropped] == ["messages.0.name"]


def test_the_systems_words_are_a_content_without_a_role() -> None:
    assert encode_system([Text("a"), Text(""), Text("b")]) == {"parts": [{"text": "a"}, {"text": "b"}]}


def test_without_words_there_is_no_system() -> None:
    assert encode_system([Text("")]) is None
