"""What upstreams say, each in its own wire's words: the pieces that tests of translated replies are put together of."""

from __future__ import annotations

from typing import Any, Final

from tests.support.pairs import Body

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
IMAGE_URL: Final = f"data:image/png;base64,{PIXEL}"
SIGNATURE: Final = "c2lnbmF0dXJl"


# -- Anthropic: a stream of blocks


def claude_text(text: str) -> tuple[Body, list[Body]]:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]


def claude_thinking(text: str) -> tuple[Body, list[Body]]:
    deltas = [{"type": "thinking_delta", "thinking": text}] if text else []
    signature = {"type": "signature_delta", "signature": SIGNATURE}
    return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]


def claude_call(call_id: str, name: str, *pieces: str) -> tuple[Body, list[Body]]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas


def claude(
    *blocks: tuple[Body, list[Body]], stop: str | None = "end_turn", usage: Body | None = None, **used: Any
) -> list[Body]:
    """A whole stream. `usage`: what is told at its beginning; `used`: what else is told of it at its end."""
    start = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": usage or {"input_tokens": 13, "output_tokens": 1},
    }
    events: list[Body] = [{"type": "message_start", "message": start}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 4, **used}})
    return [*events, {"type": "message_stop"}]


# -- OpenAI Chat: chunks


def chunk(delta: Body | None = None, finish: str | None = None) -> Body:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def piece_of_call(index: int, arguments: str, **fields: Any) -> Body:
    """A chunk with a piece of a call; `name` is the function's, other fields the call's."""
    function = {"arguments": arguments} | ({"name": fields.pop("name")} if "name" in fields else {})
    return chunk({"tool_calls": [{"index": index, "function": function, **fields}]})


USAGE_CHUNK: Final[Body] = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}


# -- OpenAI Responses: events


def event(kind: str, **fields: Any) -> Body:
    return {"type": f"response.{kind}", **fields}


CREATED: Final = event("created", response={"id": "resp_1", "model": "gpt", "status": "in_progress", "output": []})


def ending(kind: str = "completed", **fields: Any) -> Body:
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    whole = {"id": "resp_1", "model": "gpt", "status": kind, "output": [], "usage": usage, **fields}
    return event(kind, response=whole)


def call_item(number: int, name: str, *pieces: str) -> list[Body]:
    """A function call's events."""
    item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name, "arguments": ""}
    whole = {**item, "arguments": "".join(pieces), "status": "completed"}
    where = {"item_id": item["id"], "output_index": number}
    return [
        event("output_item.added", output_index=number, item=item),
        *(event("function_call_arguments.delta", **where, delta=piece) for piece in pieces),
        event("function_call_arguments.done", **where, arguments=whole["arguments"]),
        event("output_item.done", output_index=number, item=whole),
    ]


def message_item(number: int, text: str) -> list[Body]:
    """A message's events."""
    item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": text, "annotations": []}
    where = {"item_id": item["id"], "output_index": number, "content_index": 0}
    return [
        event("output_item.added", output_index=number, item=item),
        event("content_part.added", **where, part={**part, "text": ""}),
        event("output_text.delta", **where, delta=text),
        event("output_text.done", **where, text=text),
        event("content_part.done", **where, part=part),
        event("output_item.done", output_index=number, item={**item, "content": [part], "status": "completed"}),
    ]


# -- Gemini: chunks


def candidate(*parts: Body, finish: str = "", usage: Body | None = None, **fields: Any) -> Body:
    said: Body = {"index": 0, "content": {"role": "model", "parts": list(parts)}, **fields}
    if finish:
        said["finishReason"] = finish
    told: Body = {"candidates": [said], "modelVersion": "g", "responseId": "r"}
    return told | ({"usageMetadata": usage} if usage else {})


def thought(text: str, **fields: Any) -> Body:
    return {"text": text, "thought": True, **fields}


def calling(name: str, call_id: str = "", **fields: Any) -> Body:
    """A part with a call of Gemini's, in a reply or in a history."""
    return {"functionCall": {"name": name, "args": {"a": 1}} | ({"id": call_id} if call_id else {}), **fields}


def responding(name: str, text: str, call_id: str = "") -> Body:
    """A part with what a tool gave, in a history of Gemini's."""
    result = {"name": name, "response": {"output": text}} | ({"id": call_id} if call_id else {})
    return {"functionResponse": result}


# -- what clients were told


def items_of(events: list[Body]) -> list[Body]:
    """The output items of a stream that a client of OpenAI Responses was told, as it will send them back."""
    items: list[Body] = events[-1]["response"]["output"]
    return items


def parts_of(chunks: list[Body]) -> list[Body]:
    """The parts of a stream that a client of Gemini's was told, without empty ones."""
    return [part for told in chunks for part in told["candidates"][0]["content"]["parts"] if part != {"text": ""}]


def deltas_of(chunks: list[Body]) -> list[Body]:
    """What the chunks add that a client of OpenAI Chat was told."""
    return [told["choices"][0]["delta"] for told in chunks if told["choices"]]


def finishes_of(chunks: list[Body]) -> list[str]:
    """The finish reasons among them."""
    return [choice["finish_reason"] for told in chunks for choice in told["choices"] if choice["finish_reason"]]
