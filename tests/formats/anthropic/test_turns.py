from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Blob,
    CacheMark,
    Citation,
    Hit,
    Inline,
    Json,
    JsonObject,
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
from cliproxy.formats.anthropic.turns import awaits_thoughtless, hoisted, write_turns

ASK = Message(Role.USER, (Text("Ask."),))
ASKED: Json = {"role": "user", "content": [{"type": "text", "text": "Ask."}]}
SEARCH = VendorPart("anthropic", {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
FOUND = VendorPart("anthropic", {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []})


def written(*messages: Message) -> tuple[list[dict[str, Json]], list[str]]:
    losses = Losses()
    turns = write_turns(messages, losses)
    return turns, [loss.field for loss in losses.dropped]


def said(role: Role, *parts: Part) -> tuple[Json, list[str]]:
    """The blocks of a turn that follows one of the user's, or, if it is the user's, stands alone."""
    message = Message(role, parts)
    turns, lost = written(message) if role is Role.USER else written(ASK, message, ASK)
    return turns[0 if role is Role.USER else 1]["content"], lost


def user(*blocks: Json) -> dict[str, Json]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> dict[str, Json]:
    return {"role": "assistant", "content": list(blocks)}


def words(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("words"), {"type": "text", "text": "words"}),
        (
            Text("words", CacheMark("5m")),
            {"type": "text", "text": "words", "cache_control": {"type": "ephemeral", "ttl": "5m"}},
        ),
        (Refusal("No."), {"type": "text", "text": "No."}),
        (Thinking("hm", Blob("E3L9")), {"type": "thinking", "thinking": "hm", "signature": "E3L9"}),
        (Thinking("", Blob("E3L9")), {"type": "thinking", "thinking": "", "signature": "E3L9"}),
        (Thinking("", Blob("E3L9"), redacted=True), {"type": "redacted_thinking", "data": "E3L9"}),
        (
            ToolCall("toolu_1", "read", '{"path":"/a"}', cache=CacheMark()),
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "read",
                "input": {"path": "/a"},
                "cache_control": {"type": "ephemeral"},
            },
        ),
        (ToolCall("toolu_1", "read"), {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}),
        (
            ToolCall("toolu_1", "read", '{"n":12345678901234567890123}'),
            {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"n": 12345678901234567890123}},
        ),
        (
            ToolCall("toolu_1", "read", '{"path":'),
            {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"_raw": '{"path":'}},
        ),
        (ServerCall("srvtoolu_1", "web_search", "{}", SEARCH), SEARCH.value),
        (ServerResult("srvtoolu_1", "web_search", raw=FOUND), FOUND.value),
        (VendorPart("anthropic", {"type": "compaction", "content": "c"}), {"type": "compaction", "content": "c"}),
    ],
)
def test_a_part_of_the_assistants_is_written_without_a_loss(part: Part, block: JsonObject) -> None:
    assert said(Role.ASSISTANT, part) == ([block], [])


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            ToolResult("toolu_1", (Text("words"),)),
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [words("words")]},
        ),
        (ToolResult("toolu_1", ()), {"type": "tool_result", "tool_use_id": "toolu_1"}),
        (ToolResult("toolu_1", (Text(""),)), {"type": "tool_result", "tool_use_id": "toolu_1"}),
        (
            ToolResult("toolu_1", (Text("Alas."),), is_error=True, cache=CacheMark()),
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "is_error": True,
                "content": [words("Alas.")],
                "cache_control": {"type": "ephemeral"},
            },
        ),
        (
            ToolResult("toolu_1", (Text("See:"), Media("image", Inline("image/png", "AAAA")))),
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [
                    words("See:"),
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                ],
            },
        ),
    ],
)
def test_a_result_is_written_without_a_loss(part: Part, block: JsonObject) -> None:
    assert said(Role.USER, part) == ([block], [])


def test_an_error_says_something() -> None:
    (block,), _ = written(Message(Role.USER, (ToolResult("toolu_1", (), is_error=True),)))
    assert block == user(
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "is_error": True,
            "content": [words("The tool failed and said nothing.")],
        }
    )


def test_an_error_with_an_image_is_told_as_a_success() -> None:
    image = Media("image", Inline("image/png", "AAAA"))
    turns, lost = written(Message(Role.USER, (ToolResult("toolu_1", (image,), is_error=True),)))
    assert "is_error" not in str(turns)
    assert lost == ["messages.0.content.0.is_error"]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Thinking("hm"), "messages.1.content.0.thinking"),
        (Thinking("", redacted=True), "messages.1.content.0.thinking"),
        (ServerCall("ws_1", "web_search", '{"query":"q"}'), "messages.1.content.0"),
        (ServerResult("ws_1", "web_search", (Hit("https://a"),)), "messages.1.content.0"),
        (VendorPart("gemini", {"executableCode": {}}), "messages.1.content.0"),
    ],
)
def test_what_anthropic_does_not_take_back_is_left_out_and_named(part: Part, field: str) -> None:
    assert written(ASK, Message(Role.ASSISTANT, (part, Text("Yes.")))) == ([ASKED, assistant(words("Yes."))], [field])


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Text("Yes.", citations=(Citation("https://a"),)), "messages.1.content.0.citations"),
        (Text("Yes.", blob=Blob("s")), "messages.1.content.0.signature"),
        (ToolCall("a", "b", blob=Blob("s")), "messages.1.content.0.signature"),
    ],
)
def test_what_a_block_cannot_carry_is_named(part: Part, field: str) -> None:
    assert written(ASK, Message(Role.ASSISTANT, (part,)))[1] == [field]


def test_a_search_that_another_vendor_ran_is_left_out_whole() -> None:
    call: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result: JsonObject = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    parts = (
        ServerCall("srvtoolu_1", "web_search", "{}", VendorPart("anthropic", call)),
        ServerResult("srvtoolu_1", "web_search", (Hit("https://a"),), raw=VendorPart("anthropic", result)),
        Text("Yes."),
    )
    turns, lost = written(ASK, Message(Role.ASSISTANT, parts))
    assert turns[1] == assistant(words("Yes."))
    assert lost == ["messages.1.content.0", "messages.1.content.1"]


def test_a_call_of_a_server_with_an_id_of_another_vendors_is_left_out() -> None:
    part = ServerCall("ws_1", "web_search", "{}", VendorPart("anthropic", {"type": "server_tool_use", "id": "ws_1"}))
    assert written(ASK, Message(Role.ASSISTANT, (part,))) == ([ASKED], ["messages.1.content.0"])


def test_neighbours_of_one_role_are_joined_block_by_block() -> None:
    turns, _ = written(ASK, Message(Role.USER, (Text("And.", CacheMark()), Text("So."))))
    marked: Json = {"type": "text", "text": "And.", "cache_control": {"type": "ephemeral"}}
    assert turns == [user(words("Ask."), marked, words("So."))]


def test_a_message_that_says_nothing_does_not_part_its_neighbours() -> None:
    turns, _ = written(ASK, Message(Role.ASSISTANT, (Text(""), Text(" \n"))), ASK)
    assert turns == [user(words("Ask."), words("Ask."))]


def test_results_of_tools_stand_first_in_their_turn() -> None:
    calls = Message(Role.ASSISTANT, (ToolCall("a", "x"), ToolCall("b", "x")))
    results = Message(Role.USER, (Text("Look."), ToolResult("a", ()), Text("Now."), ToolResult("b", ())))
    turns, _ = written(ASK, calls, results)
    assert turns[2] == user(
        {"type": "tool_result", "tool_use_id": "a"},
        {"type": "tool_result", "tool_use_id": "b"},
        words("Look."),
        words("Now."),
    )


def test_the_assistants_parts_keep_their_order() -> None:
    turns, _ = written(ASK, Message(Role.ASSISTANT, (Text("1"), ToolCall("a", "x"), Text("2"))), ASK)
    assert turns[1] == assistant(words("1"), {"type": "tool_use", "id": "a", "name": "x", "input": {}}, words("2"))


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_the_operator_may_speak_in_mid_conversation(role: Role) -> None:
    turns, lost = written(ASK, Message(role, (Text("Be brief."),)))
    assert turns == [ASKED, {"role": "system", "content": [words("Be brief.")]}]
    assert lost == []


def test_the_operator_says_nothing_but_text() -> None:
    image = Media("image", Inline("image/png", "AAAA"))
    turns, lost = written(ASK, Message(Role.SYSTEM, (image, Text("See."))))
    assert turns[1] == {"role": "system", "content": [words("See.")]}
    assert lost == ["messages.1"]


def test_a_conversation_begins_with_the_user() -> None:
    turns, _ = written(Message(Role.ASSISTANT, (Text("Hello."),)), ASK)
    assert turns == [user(words("Begin.")), assistant(words("Hello.")), ASKED]


def test_a_conversation_is_never_empty() -> None:
    losses = Losses()
    assert write_turns((), losses) == [user(words("Begin."))]
    assert [(loss.field, loss.emulated) for loss in losses] == [("messages", True)]


def test_the_assistants_last_words_do_not_end_in_white_space() -> None:
    turns, _ = written(ASK, Message(Role.ASSISTANT, (Text("So \n"),)))
    assert turns[-1] == assistant(words("So"))


def test_the_assistants_earlier_words_stay_as_they_are() -> None:
    turns, _ = written(ASK, Message(Role.ASSISTANT, (Text("So \n"),)), ASK)
    assert turns[1] == assistant(words("So \n"))


def test_the_name_of_a_participant_is_lost() -> None:
    assert written(Message(Role.USER, (Text("Hi."),), "anna"))[1] == ["messages.0.name"]


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        ((), 0),
        ((ASK,), 0),
        ((Message(Role.SYSTEM, (Text("a"),)), Message(Role.DEVELOPER, (Text("b"),)), ASK), 2),
        ((Message(Role.SYSTEM, (Text("a"),)),), 1),
        ((ASK, Message(Role.SYSTEM, (Text("a"),))), 0),
    ],
)
def test_the_operators_first_messages_are_counted(messages: tuple[Message, ...], count: int) -> None:
    assert hoisted(messages) == count


THOUGHT: Json = {"type": "thinking", "thinking": "", "signature": "E"}
CALL: Json = {"type": "tool_use", "id": "a", "name": "x", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "a"}


@pytest.mark.parametrize(
    ("turns", "awaits"),
    [
        ([user(words("a"))], False),
        ([user(words("a")), assistant(words("b"))], False),
        ([user(words("a")), assistant(words("b")), user(words("c"))], False),
        ([user(words("a")), assistant(CALL), user(RESULT)], True),
        ([user(words("a")), assistant(THOUGHT, CALL), user(RESULT)], False),
        ([user(words("a")), assistant(CALL), user(RESULT), {"role": "system", "content": [words("s")]}], True),
        ([user(words("a")), assistant(CALL), user(RESULT), assistant(words("d")), user(words("e"))], False),
    ],
)
def test_a_call_without_thinking_that_awaits_its_result_is_seen(turns: list[dict[str, Json]], awaits: bool) -> None:
    assert awaits_thoughtless(turns) is awaits
