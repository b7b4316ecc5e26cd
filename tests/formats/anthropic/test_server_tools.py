from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Citation, Hit, Json, JsonObject, ServerCall, ServerResult, VendorPart
from cliproxy.formats.anthropic.server_tools import (
    arguments_of,
    is_result,
    read_call,
    read_citation,
    read_result,
    write_call,
    write_citation,
    write_result,
)

HIT: Json = {
    "type": "web_search_result",
    "url": "https://a.b",
    "title": "A",
    "page_age": "April 30, 2025",
    "encrypted_content": "EqgfCioIARgB",
}


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ({"a": 1}, '{"a":1}'),
        ({}, "{}"),
        (None, "{}"),
        ({"n": 12345678901234567890123}, '{"n":12345678901234567890123}'),
        ('{"a": 1}', '{"a": 1}'),
        ([1], "[1]"),
        (7, "7"),
    ],
)
def test_arguments_become_text(value: Json, arguments: str) -> None:
    assert arguments_of(value) == arguments


def test_a_call_keeps_its_block_without_the_arguments() -> None:
    block: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    rest: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
    assert read_call(block) == ServerCall("srvtoolu_1", "web_search", raw=VendorPart("anthropic", rest))


def test_a_call_of_an_mcp_server_is_one_of_mcp() -> None:
    assert read_call({"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s"}).tool == "mcp"


def test_hits_of_a_search_are_read() -> None:
    block: JsonObject = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [HIT, None, 7]}
    hits = (Hit("https://a.b", "A", "April 30, 2025", "EqgfCioIARgB"),)
    assert read_result(block) == ServerResult("srvtoolu_1", "web_search", hits, raw=VendorPart("anthropic", block))


def test_the_error_of_a_search_is_read() -> None:
    error: Json = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    found = read_result({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": error})
    assert (found.hits, found.error) == ((), "max_uses_exceeded")


def test_a_result_of_another_tool_is_kept_as_it_is() -> None:
    block: JsonObject = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {}}
    assert read_result(block) == ServerResult("srvtoolu_1", "bash_code_execution", raw=VendorPart("anthropic", block))


@pytest.mark.parametrize(
    ("kind", "result"), [("web_fetch_tool_result", True), ("tool_result", False), ("tool_use", False), ("", False)]
)
def test_results_of_servers_are_known_by_their_end(kind: str, result: bool) -> None:
    assert is_result(kind) is result


@pytest.mark.parametrize(
    ("value", "citation"),
    [
        (
            {
                "type": "web_search_result_location",
                "url": "https://a.b",
                "title": "A",
                "cited_text": "words",
                "encrypted_index": "x",
            },
            Citation("https://a.b", "A", "words"),
        ),
        (
            {"type": "char_location", "document_title": "D", "cited_text": "words", "start_char_index": 0},
            Citation("", "D", "words"),
        ),
        (
            {"type": "search_result_location", "source": "https://s", "title": None, "cited_text": "words"},
            Citation("https://s", "", "words"),
        ),
        ({}, Citation("")),
        (None, None),
        (7, None),
    ],
)
def test_a_citation_is_read(value: Json, citation: Citation | None) -> None:
    assert read_citation(value) == citation


def test_a_call_of_anthropics_is_written_as_it_was() -> None:
    raw: JsonObject = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s"}
    assert write_call(ServerCall("mcptoolu_1", "mcp", "{}", VendorPart("anthropic", raw))) == raw


def test_a_search_of_another_vendors_is_written() -> None:
    assert write_call(ServerCall("ws_1", "web_search", "{}", VendorPart("openai-responses", {}))) == {
        "type": "server_tool_use",
        "id": "ws_1",
        "name": "web_search",
    }


def test_another_tool_of_another_vendors_has_no_block() -> None:
    assert write_call(ServerCall("fs_1", "file_search")) is None
    assert write_result(ServerResult("fs_1", "file_search")) is None


def test_hits_are_written() -> None:
    result = ServerResult("ws_1", "web_search", (Hit("https://a.b", "A"),))
    assert write_result(result) == {
        "type": "web_search_tool_result",
        "tool_use_id": "ws_1",
        "content": [
            {
                "type": "web_search_result",
                "url": "https://a.b",
                "title": "A",
                "page_age": None,
                "encrypted_content": "",
            }
        ],
    }


@pytest.mark.parametrize(("error", "code"), [("too_many_requests", "too_many_requests"), ("gone", "unavailable")])
def test_the_error_of_a_search_is_one_that_clients_know(error: str, code: str) -> None:
    assert write_result(ServerResult("ws_1", "web_search", error=error)) == {
        "type": "web_search_tool_result",
        "tool_use_id": "ws_1",
        "content": {"type": "web_search_tool_result_error", "error_code": code},
    }


def test_a_citation_is_written() -> None:
    assert write_citation(Citation("https://a.b", "A", "words")) == {
        "type": "web_search_result_location",
        "url": "https://a.b",
        "title": "A",
        "cited_text": "words",
        "encrypted_index": "",
    }
