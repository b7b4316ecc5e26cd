"""What Anthropic answers, told to a client of OpenAI Responses."""

from __future__ import annotations

from tests.support.pairs import Body, answered, asking, streamed
from tests.support.spoken import SIGNATURE, claude, claude_call, claude_text, claude_thinking, items_of

R, A = "openai-responses", "anthropic"
ASKED = asking(
    R,
    tools=[
        {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "patch"},
        {
            "type": "namespace",
            "name": "mcp",
            "description": "",
            "tools": [{"type": "function", "name": "find", "parameters": {"type": "object", "properties": {}}}],
        },
    ],
)
USAGE: Body = {
    "input_tokens": 13,
    "cache_creation_input_tokens": 31,
    "cache_read_input_tokens": 22000,
    "output_tokens": 1,
}
SEARCH = (
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
    [{"type": "input_json_delta", "partial_json": '{"query":"q"}'}],
)
FOUND: tuple[Body, list[Body]] = (
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"type": "web_search_result", "url": "https://e.org", "title": "T", "encrypted_content": "x"}],
    },
    [],
)
TURN = claude(
    claude_text("a"),
    claude_text("b"),
    SEARCH,
    FOUND,
    claude_text("c"),
    claude_call("t1", "look", '{"a":', "1}"),
    claude_thinking("hm"),
    claude_text("d"),
    stop="tool_use",
)


def kinds(events: list[Body]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_texts_stand_in_one_message_until_something_else_comes() -> None:
    items = items_of(streamed(R, A, TURN, ASKED))
    kinds_of_items = ["message", "web_search_call", "message", "function_call", "reasoning", "message"]
    assert [item["type"] for item in items] == kinds_of_items
    assert [part["text"] for part in items[0]["content"]] == ["a", "b"]


def test_every_item_has_an_id_of_its_own() -> None:
    ids = [item["id"] for item in items_of(streamed(R, A, TURN, ASKED))]
    assert len(set(ids)) == len(ids)


def test_items_are_numbered_as_they_are_opened() -> None:
    added = [event for event in streamed(R, A, TURN, ASKED) if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(6))


def test_a_stream_begins_with_created_and_in_progress() -> None:
    assert kinds(streamed(R, A, TURN, ASKED))[:2] == ["created", "in_progress"]


def test_no_word_of_the_upstreams_wire_is_told() -> None:
    assert all(event["type"].startswith("response.") for event in streamed(R, A, TURN, ASKED))


def test_the_signature_comes_with_the_whole_item_alone_and_is_not_the_upstreams() -> None:
    events = streamed(R, A, claude(claude_thinking("hm")), ASKED)
    carriers = [event for event in events if "encrypted_content" in str(event)]
    assert kinds(carriers) == ["output_item.done", "completed"]
    assert SIGNATURE not in str(events)


def test_a_function_that_is_called_without_arguments_gets_an_empty_object() -> None:
    (item,) = items_of(streamed(R, A, claude(claude_call("t1", "look"), stop="tool_use"), ASKED))
    assert item["arguments"] == "{}"


def test_a_free_form_tool_that_is_called_without_a_word_gets_none() -> None:
    (item,) = items_of(streamed(R, A, claude(claude_call("t1", "patch"), stop="tool_use"), ASKED))
    assert (item["type"], item["input"]) == ("custom_tool_call", "")


def test_a_tool_of_a_namespace_is_called_by_its_own_name() -> None:
    (item,) = items_of(streamed(R, A, claude(claude_call("t1", "mcp__find", "{}"), stop="tool_use"), ASKED))
    assert (item["namespace"], item["name"]) == ("mcp", "find")


def test_a_call_with_free_text_has_no_event_of_a_functions() -> None:
    events = streamed(R, A, claude(claude_call("t1", "patch", '{"inp', 'ut":"x\\ny"}'), stop="tool_use"), ASKED)
    assert not [kind for kind in kinds(events) if "function_call" in kind]
    assert [event["delta"] for event in events if event["type"].endswith("input.delta")] == ["x\ny"]


def test_a_whole_body_names_its_calls_as_a_stream_does() -> None:
    calls = [
        {"type": "tool_use", "id": "t1", "name": "mcp__find", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "patch", "input": {"input": "x"}},
    ]
    body: Body = {"type": "message", "role": "assistant", "content": calls, "stop_reason": "tool_use", "usage": USAGE}
    stream = claude(
        claude_call("t1", "mcp__find", '{"a":1}'), claude_call("t2", "patch", '{"input":"x"}'), stop="tool_use"
    )
    assert answered(R, A, body, ASKED)["output"] == items_of(streamed(R, A, stream, ASKED))


def test_tokens_that_the_cache_gave_or_took_are_part_of_the_input() -> None:
    usage = streamed(R, A, claude(claude_text("a"), usage=USAGE), ASKED)[-1]["response"]["usage"]
    assert usage == {
        "input_tokens": 22044,
        "input_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 31},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 22048,
    }


def test_reasoning_tokens_are_those_that_were_counted_not_guessed() -> None:
    usage = {**USAGE, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 3}}
    body: Body = {
        "type": "message",
        "content": [{"type": "thinking", "thinking": "a long thought", "signature": "c2ln"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    assert answered(R, A, body, ASKED)["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}
