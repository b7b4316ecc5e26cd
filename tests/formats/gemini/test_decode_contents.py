"""Contents, read as messages."""

from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    Inline,
    Json,
    Media,
    Part,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.decode_contents import decode_contents, decode_system


def parts_of(*parts: Json, role: str = "user") -> tuple[Part, ...]:
    messages = decode_contents([{"role": role, "parts": list(parts)}], Losses())
    return messages[0].parts if messages else ()


def losses_of(*parts: Json) -> list[str]:
    losses = Losses()
    decode_contents([{"parts": list(parts)}], losses)
    return [loss.field for loss in losses.dropped]


def call(name: str, call_id: str = "", **args: Json) -> dict[str, Json]:
    inner: dict[str, Json] = {"name": name, "args": args}
    if call_id:
        inner["id"] = call_id
    return {"functionCall": inner}


def answer(name: str, call_id: str = "") -> dict[str, Json]:
    response: dict[str, Json] = {"name": name, "response": {"output": name}}
    return {"functionResponse": response | ({"id": call_id} if call_id else {})}


@pytest.mark.parametrize(
    ("role", "read"),
    [("user", Role.USER), ("function", Role.USER), (None, Role.USER), ("model", Role.ASSISTANT)],
)
def test_each_role_has_its_side(role: str | None, read: Role) -> None:
    assert decode_contents([{"role": role, "parts": [{"text": "x"}]}], Losses()) == (Message(read, (Text("x"),)),)


def test_another_role_is_refused_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"contents\.0\.role: One of user, model was expected\."):
        decode_contents([{"role": "assistant", "parts": []}], Losses())


def test_contents_are_required() -> None:
    with pytest.raises(BadRequest, match=r"contents: Field required\."):
        decode_contents(None, Losses())


def test_a_part_that_is_no_object_is_refused_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"contents\.0\.parts\.1: An object was expected\."):
        decode_contents([{"parts": [{"text": "x"}, "y"]}], Losses())


def test_one_content_may_stand_without_a_list() -> None:
    assert decode_contents({"parts": {"text": "x"}}, Losses()) == (Message(Role.USER, (Text("x"),)),)


def test_the_pieces_of_a_users_turn_stay_apart() -> None:
    assert parts_of({"text": "a"}, {"text": "b"}) == (Text("a"), Text("b"))


def test_the_pieces_of_a_streamed_turn_are_one_part_again() -> None:
    assert parts_of({"text": "a"}, {"text": "b"}, role="model") == (Text("ab"),)


def test_the_contents_of_a_streamed_turn_are_one_message() -> None:
    pieces: list[Json] = [
        {"text": "h", "thought": True},
        {"text": "m", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "QUFB"},
        {"text": "a"},
        {"text": "b"},
        {"text": ""},
    ]
    assert decode_contents([{"role": "model", "parts": [piece]} for piece in pieces], Losses()) == (
        Message(Role.ASSISTANT, (Thinking("hm", Blob("QUFB")), Text("ab"))),
    )


def test_the_messages_of_a_user_stay_apart() -> None:
    contents: list[Json] = [{"role": "user", "parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": "b"}]}]
    assert len(decode_contents(contents, Losses())) == 2


def test_empty_parts_are_left_out() -> None:
    assert parts_of({"text": ""}, {}, {"thought": True}, {"text": "x"}) == (Text("x"),)


def test_a_content_that_is_empty_is_no_message() -> None:
    assert decode_contents([{"role": "model", "parts": [{"text": ""}]}], Losses()) == ()


def test_a_thought_keeps_its_signature() -> None:
    read = parts_of({"text": "hm", "thought": True, "thought_signature": "a-_a"}, role="model")
    assert read == (Thinking("hm", Blob("a+/a")),)


def test_the_signature_that_follows_thinking_is_the_thinkings() -> None:
    read = parts_of(
        {"text": "h", "thought": True},
        {"text": "m", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "c2ln"},
        role="model",
    )
    assert read == (Thinking("hm", Blob("c2ln")),)


def test_differently_signed_thoughts_stay_apart() -> None:
    read = parts_of(
        {"text": "a", "thought": True, "thoughtSignature": "QUFB"},
        {"text": "b", "thought": True},
        {"text": "c", "thought": True, "thoughtSignature": "QkJC"},
        {"thought": True, "thoughtSignature": "Q0ND"},
        {"text": "d", "thought": True},
        role="model",
    )
    assert read == (
        Thinking("a", Blob("QUFB")),
        Thinking("b"),
        Thinking("c", Blob("QkJC")),
        Thinking("", Blob("Q0ND")),
        Thinking("d"),
    )


def test_signed_text_stands_alone() -> None:
    read = parts_of({"text": "a"}, {"text": "b", "thoughtSignature": "QUFB"}, {"text": "c"}, role="model")
    assert read == (Text("a"), Text("b", blob=Blob("QUFB")), Text("c"))


def test_a_signature_on_an_empty_text_is_kept_there() -> None:
    assert parts_of({"text": "a"}, {"text": "", "thoughtSignature": "QUFB"}, role="model") == (
        Text("a"),
        Text("", blob=Blob("QUFB")),
    )


def test_a_call_has_its_arguments_as_text() -> None:
    read = parts_of(call("f", "c1", n=12345678901234567890123) | {"thoughtSignature": "QUFB"}, role="model")
    assert read == (ToolCall("c1", "f", '{"n":12345678901234567890123}', blob=Blob("QUFB")),)


def test_a_call_without_arguments_has_empty_ones() -> None:
    assert parts_of({"functionCall": {"id": "c1", "name": "f"}}, role="model") == (ToolCall("c1", "f", "{}"),)


def test_a_call_without_a_name_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"contents\.0\.parts\.0\.functionCall\.name: Field required\."):
        parts_of({"functionCall": {"args": {}}})


def test_an_empty_text_beside_a_call_does_not_hide_it() -> None:
    assert parts_of({"text": "", **call("f", "c1")}, role="model") == (ToolCall("c1", "f", "{}"),)


def test_calls_and_results_without_ids_are_paired() -> None:
    messages = decode_contents(
        [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [call("f"), call("g"), call("f")]},
            {"role": "user", "parts": [answer("g"), answer("f"), answer("f")]},
        ],
        Losses(),
    )
    calls = [part.id for part in messages[1].parts if isinstance(part, ToolCall)]
    results = [part.call_id for part in messages[2].parts if isinstance(part, ToolResult)]
    assert calls == ["call_none_1_0", "call_none_1_1", "call_none_1_2"]
    assert results == ["call_none_1_1", "call_none_1_0", "call_none_1_2"]


def test_ids_that_were_made_stay_as_a_history_grows() -> None:
    contents: list[Json] = [{"role": "model", "parts": [call("f")]}, {"role": "user", "parts": [answer("f")]}]
    grown: list[Json] = [*contents, {"role": "model", "parts": [call("f")]}]
    assert decode_contents(grown, Losses())[:2] == decode_contents(contents, Losses())


def test_a_results_id_is_respected() -> None:
    messages = decode_contents(
        [
            {"role": "model", "parts": [call("f", "c1"), call("f", "c2")]},
            {"role": "user", "parts": [answer("f", "c2"), answer("f")]},
        ],
        Losses(),
    )
    assert [part.call_id for part in messages[1].parts if isinstance(part, ToolResult)] == ["c2", "c1"]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "x"}, "x", False),
        ({"result": "x"}, "x", False),
        ({"error": "x"}, "x", True),
        ({"output": {"a": 1}}, '{"a":1}', False),
        ({"temperature": 20}, '{"temperature":20}', False),
        ({"output": "x", "error": None}, '{"output":"x","error":null}', False),
        ({"output": "", "error": "no"}, '{"output":"","error":"no"}', True),
        ("x", "x", False),
    ],
)
def test_what_a_tool_said_is_text(response: Json, text: str, is_error: bool) -> None:
    read = parts_of({"functionResponse": {"id": "c1", "name": "f", "response": response}})
    assert read == (ToolResult("c1", (Text(text),), is_error, "f"),)


@pytest.mark.parametrize("response", [None, {"output": ""}, {"output": None}])
def test_a_tool_that_said_nothing_has_no_text(response: Json) -> None:
    assert parts_of({"functionResponse": {"id": "c1", "name": "f", "response": response}}) == (
        ToolResult("c1", (), False, "f"),
    )


def test_pictures_of_a_tools_stand_in_its_result() -> None:
    picture: Json = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}
    read = parts_of({"function_response": {"id": "c1", "name": "f", "response": {"output": "x"}, "parts": [picture]}})
    assert read == (ToolResult("c1", (Text("x"), Media("image", Inline("image/png", "AAAA"))), False, "f"),)


def test_a_picture_beside_a_result_stays_beside_it() -> None:
    read = parts_of(answer("f", "c1"), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}})
    assert [type(part) for part in read] == [ToolResult, Media]


def test_what_has_no_place_beside_a_part_is_noted() -> None:
    assert losses_of(
        {"text": "x", "partMetadata": {"a": 1}},
        {"functionResponse": {"name": "f", "response": {}, "scheduling": "SILENT"}},
        {"inlineData": {"mimeType": "image/png", "data": ""}, "documentMetadata": {}},
    ) == [
        "contents.0.parts.0.partMetadata",
        "contents.0.parts.1.functionResponse.scheduling",
        "contents.0.parts.2.documentMetadata",
    ]


def test_the_resolution_of_a_picture_is_its_detail() -> None:
    read = parts_of(
        {
            "inlineData": {"mimeType": "image/png", "data": ""},
            "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"},
        }
    )
    assert read == (Media("image", Inline("image/png", ""), detail="high"),)


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"somethingNew": {}},
        {"fileData": {"fileUri": "gs://b/a.mp4"}, "videoMetadata": {"startOffset": "1s"}},
        {"inlineData": {"mimeType": "image/png", "data": ""}, "thoughtSignature": "QUFB"},
    ],
)
def test_what_google_alone_has_words_for_stays_as_it_stands(part: dict[str, Json]) -> None:
    (read,) = parts_of(part, role="model")
    assert isinstance(read, VendorPart)
    assert (read.format, read.value) == ("gemini", part)


def test_calls_of_googles_own_tools_are_known_and_kept() -> None:
    call_of_googles: dict[str, Json] = {
        "toolCall": {"id": "s1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["x"]}},
        "thoughtSignature": "QUFB",
    }
    result: dict[str, Json] = {"toolResponse": {"id": "s1", "toolType": "URL_CONTEXT", "response": {}}}
    assert parts_of(call_of_googles, result, role="model") == (
        ServerCall("s1", "web_search", '{"queries":["x"]}', VendorPart("gemini", call_of_googles)),
        ServerResult("s1", "web_fetch", raw=VendorPart("gemini", result)),
    )


@pytest.mark.parametrize(
    "value", ["be brief", {"parts": [{"text": "be brief"}]}, {"text": "be brief"}, [{"text": "be brief"}, {"text": ""}]]
)
def test_the_systems_words_may_come_in_any_shape(value: Json) -> None:
    assert decode_system(value) == (Text("be brief"),)


@pytest.mark.parametrize("value", [None, "", {"parts": []}])
def test_without_words_of_the_systems_there_are_none(value: Json) -> None:
    assert decode_system(value) == ()
