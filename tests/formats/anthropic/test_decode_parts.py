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
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.decode_parts import read_content

PATH = "messages.0.content"
SEARCHED: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND: JsonObject = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "E"}],
}


def read(block: JsonObject) -> Part:
    losses = Losses()
    (part,) = read_content([dict(block)], PATH, losses)
    assert not len(losses)
    return part


def lost(block: JsonObject) -> list[str]:
    losses = Losses()
    read_content([dict(block)], PATH, losses)
    return [loss.field for loss in losses.dropped]


def test_a_string_is_one_text() -> None:
    assert read_content("words", PATH, Losses()) == (Text("words"),)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "words"}, Text("words")),
        (
            {"type": "text", "text": "words", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("words", CacheMark("1h")),
        ),
        (
            {"type": "text", "text": "words", "citations": [{"url": "https://a", "cited_text": "w"}, None]},
            Text("words", citations=(Citation("https://a", "", "w"),)),
        ),
        ({"type": "text", "text": "words", "citations": None}, Text("words")),
        ({"type": "thinking", "thinking": "hm", "signature": "E3L9"}, Thinking("hm", Blob("E3L9"))),
        ({"type": "thinking", "thinking": "", "signature": "E3L9"}, Thinking("", Blob("E3L9"))),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Thinking("hm")),
        ({"type": "redacted_thinking", "data": "E3L9"}, Thinking("", Blob("E3L9"), redacted=True)),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "/a"}},
            ToolCall("toolu_1", "read", '{"path":"/a"}'),
        ),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}, "caller": {"type": "direct"}},
            ToolCall("toolu_1", "read", "{}"),
        ),
        ({"type": "tool_use", "id": "toolu_1", "name": "read"}, ToolCall("toolu_1", "read", "{}")),
        (
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "words", "is_error": True},
            ToolResult("toolu_1", (Text("words"),), is_error=True),
        ),
        ({"type": "tool_result", "tool_use_id": "toolu_1"}, ToolResult("toolu_1", ())),
        ({"type": "tool_result", "tool_use_id": "toolu_1", "content": None}, ToolResult("toolu_1", ())),
        (
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": {"a": 1}},
            ToolResult("toolu_1", (Text('{"a":1}'),)),
        ),
        (SEARCHED, ServerCall("srvtoolu_1", "web_search", '{"query":"q"}', VendorPart("anthropic", SEARCHED))),
        (
            FOUND,
            ServerResult(
                "srvtoolu_1", "web_search", (Hit("https://a", "A", "", "E"),), raw=VendorPart("anthropic", FOUND)
            ),
        ),
        (
            {"type": "container_upload", "file_id": "file_1"},
            VendorPart("anthropic", {"type": "container_upload", "file_id": "file_1"}),
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": []},
            VendorPart("anthropic", {"type": "search_result", "source": "s", "title": "t", "content": []}),
        ),
    ],
)
def test_a_block_is_read(block: JsonObject, part: Part) -> None:
    assert read(block) == part


def test_a_result_may_hold_texts_images_and_references() -> None:
    reference: JsonObject = {"type": "tool_reference", "tool_name": "read"}
    block: JsonObject = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [
            {"type": "text", "text": "words"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            dict(reference),
        ],
        "cache_control": {"type": "ephemeral"},
    }
    assert read(block) == ToolResult(
        "toolu_1",
        (Text("words"), Media("image", Inline("image/png", "AAAA")), VendorPart("anthropic", reference)),
        cache=CacheMark(),
    )


def test_a_result_within_a_result_stays_as_it_is() -> None:
    inner: JsonObject = {"type": "tool_result", "tool_use_id": "toolu_2"}
    block: JsonObject = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [dict(inner)]}
    assert read(block) == ToolResult("toolu_1", (VendorPart("anthropic", inner),))


def test_a_code_that_calls_a_tool_is_named_as_lost() -> None:
    caller: Json = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
    block: JsonObject = {"type": "tool_use", "id": "a", "name": "b", "input": {}, "caller": caller}
    assert lost(block) == ["messages.0.content.0.caller"]


def test_a_field_without_a_neutral_place_is_named_as_lost() -> None:
    block: JsonObject = {"type": "tool_use", "id": "a", "name": "b", "input": {}, "toolset_name": "computer"}
    assert lost(block) == ["messages.0.content.0.toolset_name"]


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (None, "messages.0.content"),
        (7, "messages.0.content"),
        ({}, "messages.0.content"),
        (["words"], "messages.0.content.0"),
        ([{}], "messages.0.content.0.type"),
        ([{"type": 7}], "messages.0.content.0.type"),
        ([{"type": "text"}], "messages.0.content.0.text"),
        ([{"type": "text", "text": "a", "citations": 7}], "messages.0.content.0.citations"),
        ([{"type": "text", "text": "a", "cache_control": 7}], "messages.0.content.0.cache_control"),
        ([{"type": "thinking", "thinking": 7}], "messages.0.content.0.thinking"),
        ([{"type": "redacted_thinking", "data": 7}], "messages.0.content.0.data"),
        ([{"type": "tool_use", "id": 7, "name": "a"}], "messages.0.content.0.id"),
        ([{"type": "tool_use", "id": "a"}], "messages.0.content.0.name"),
        ([{"type": "tool_result"}], "messages.0.content.0.tool_use_id"),
        ([{"type": "tool_result", "tool_use_id": "a", "content": 7}], "messages.0.content.0.content"),
        ([{"type": "tool_result", "tool_use_id": "a", "content": [7]}], "messages.0.content.0.content.0"),
        ([{"type": "tool_result", "tool_use_id": "a", "content": [{}]}], "messages.0.content.0.content.0.type"),
        ([{"type": "tool_result", "tool_use_id": "a", "is_error": "no"}], "messages.0.content.0.is_error"),
    ],
)
def test_broken_content_is_refused_with_its_path(content: Json, path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        read_content(content, PATH, Losses())
