"""Whole replies, and single steps of streams, where the order in which these come is the very question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.support.pairs import Body
from tests.support.spoken import chunk

# -- Anthropic

CLAUDE_USAGE: Final[Body] = {
    "input_tokens": 13,
    "cache_creation_input_tokens": 31,
    "cache_read_input_tokens": 22000,
    "output_tokens": 1,
}


def claude_body(content: Sequence[Body], stop: str | None = "end_turn", **fields: Any) -> Body:
    """A whole message."""
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(content)}
    return told | {"stop_reason": stop, "stop_sequence": None, "usage": {**CLAUDE_USAGE, "output_tokens": 4}} | fields


def blocks_of(events: Sequence[Body]) -> list[Body]:
    """The content blocks that a client of Anthropic's is told in a stream, put together; insists on their grammar."""
    blocks: list[Body] = []
    is_open = False
    for event in events:
        if event["type"] == "content_block_start":
            assert not is_open
            assert event["index"] == len(blocks)
            blocks.append(dict(event["content_block"]))
            is_open = True
        elif event["type"] == "content_block_delta":
            assert is_open
            assert event["index"] == len(blocks) - 1
            _grow(blocks[-1], event["delta"])
        elif event["type"] == "content_block_stop":
            assert is_open
            assert event["index"] == len(blocks) - 1
            is_open = False
    assert not is_open
    return blocks


def _grow(block: Body, delta: Body) -> None:
    kind = delta["type"]
    if kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        assert not block["signature"]
        block["signature"] = delta["signature"]
    elif kind == "input_json_delta":
        block["arguments"] = block.get("arguments", "") + delta["partial_json"]
    else:
        block.setdefault("citations", []).append(delta["citation"])


def closing(events: Sequence[Body]) -> Body:
    """The one event that ends a message for a client of Anthropic's; only the terminator is behind it."""
    deltas = [event for event in events if event["type"] == "message_delta"]
    assert len(deltas) == 1
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    return deltas[0]


# -- OpenAI Chat


def call_chunk(index: int, **entry: Any) -> Body:
    """One entry of `tool_calls`."""
    return chunk({"tool_calls": [{"index": index} | entry]})


CHAT_USAGE: Final[Body] = {
    "prompt_tokens": 100,
    "completion_tokens": 9,
    "total_tokens": 109,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


def chat_body(message: Body, finish: str = "stop") -> Body:
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": CHAT_USAGE}


# -- OpenAI Responses

RESPONSES_USAGE: Final[Body] = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 109,
}


def step(kind: str, **fields: Any) -> Body:
    """One event, named without its `response.`."""
    return {"type": f"response.{kind}"} | fields


def response(output: Sequence[Body] = (), status: str = "completed", **fields: Any) -> Body:
    told = {"id": "resp_1", "object": "response", "model": "gpt", "status": status, "output": list(output)}
    return told | {"usage": RESPONSES_USAGE} | fields


def responses_stream(*steps: Body, output: Sequence[Body] = (), status: str = "completed", **end: Any) -> list[Body]:
    """Events between the opening and the end."""
    begun = {"id": "resp_1", "model": "gpt", "status": "in_progress", "output": []}
    return [step("created", response=begun), *steps, step(status, response=response(output, status, **end))]


def item_added(place: int, item: Body) -> Body:
    return step("output_item.added", output_index=place, item=item)


def item_done(place: int, item: Body) -> Body:
    return step("output_item.done", output_index=place, item=item)


def call_item(call_id: str, arguments: str = "", *, item_id: str = "", name: str = "look") -> Body:
    told = {"type": "function_call", "id": item_id or f"fc_{call_id}", "call_id": call_id, "arguments": arguments}
    return told | ({"name": name} if name else {})


def arguments_delta(place: int, item_id: str, delta: str) -> Body:
    return step("function_call_arguments.delta", output_index=place, item_id=item_id, delta=delta)


def message_item(text: str, *annotations: Body) -> Body:
    content = [{"type": "output_text", "text": text, "annotations": list(annotations)}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def reasoning_item(*summary: str, blob: str = "") -> Body:
    told: Body = {"type": "reasoning", "id": "rs_1", "summary": [_summary(text) for text in summary]}
    return told | ({"encrypted_content": blob} if blob else {})


def _summary(text: str) -> Body:
    return {"type": "summary_text", "text": text}


def summary_delta(text: str, number: int = 0, place: int = 0) -> Body:
    return step("reasoning_summary_text.delta", output_index=place, item_id="rs_1", summary_index=number, delta=text)


# -- Gemini

GEMINI_USAGE: Final[Body] = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 30,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 4,
    "toolUsePromptTokenCount": 7,
    "totalTokenCount": 116,
}
