"""Anthropic Messages requests: bytes in, a `Talk` out, with the checks that the real service makes."""

from __future__ import annotations

import base64
import hashlib
from typing import Final, Literal

import attrs
import orjson

from cliproxy.demo.plan import BYTES_A_TOKEN, Talk
from cliproxy.demo.replies import Json, JsonObject
from cliproxy.demo.script import has_directive
from cliproxy.errors import BadRequest

NO_LIMIT: Final = 1 << 31
"""Where a request need not say `max_tokens`."""


@attrs.frozen
class Asked:
    """A request body, understood."""

    model: str
    streamed: bool
    input_tokens: int
    talk: Talk


def read_body(body: bytes, generates: bool = True) -> Asked:
    """The request in `body`; a count needs no `max_tokens`. Raises `BadRequest` with the path of what is wrong."""
    try:
        decoded: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The request body is not valid JSON.") from error
    if not isinstance(decoded, dict):
        raise BadRequest("The request body is not a JSON object.")
    model = _text(decoded, "model")
    max_tokens = _max_tokens(decoded) if generates else NO_LIMIT
    instruction, results = _instruction(_turns(_list(decoded, "messages", required=True)))
    talk = Talk(
        prompt="\n".join(instruction),
        last_words=instruction[-1] if instruction else "",
        results=tuple(results),
        tools=frozenset(_text(tool, f"tools.{i}.name") for i, tool in enumerate(_objects(decoded, "tools"))),
        thinking=_thinking(decoded),
        max_tokens=max_tokens,
    )
    return Asked(model, decoded.get("stream") is True, _input_tokens(decoded), talk)


def signature_of(thinking: str) -> str:
    """What the demo signs a thinking block with, and knows again when the block comes back."""
    digests = (hashlib.sha512(b"cliproxy demo %d " % i + thinking.encode()).digest() for i in range(3))
    return "Eq" + base64.b64encode(b"".join(digests)).decode()


def _input_tokens(body: JsonObject) -> int:
    """A quarter of the bytes of `system`, `messages` and `tools` as compact JSON, rounded up."""
    try:
        size = sum(len(orjson.dumps(body[name])) for name in ("system", "messages", "tools") if name in body)
    except orjson.JSONEncodeError as error:  # it reads deeper nesting than it writes
        raise BadRequest("The request body is nested too deeply.") from error
    return -(-size // BYTES_A_TOKEN)


# -- the conversation ----------------------------------------------------------------------------------------------


@attrs.define
class _UserTurn:
    """All that the user's side says between two of the assistant's turns; filled while the messages are read."""

    texts: list[str] = attrs.field(factory=list)
    results: dict[str, str] = attrs.field(factory=dict)


def _turns(messages: list[Json]) -> list[_UserTurn]:
    """The user's turns. Every tool result must answer a call of the turn before it, and every call have one."""
    turns: list[_UserTurn] = []
    calls: set[str] = set()
    turn: _UserTurn | None = None
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise BadRequest(f"messages.{i}: Input should be an object")
        role, blocks = message.get("role"), _blocks(message, i)
        if role == "assistant":
            if turn is not None:
                _check_answered(calls, turn, i)
            turn, calls = None, set()
            for j, block in enumerate(blocks):
                _read_assistant(block, f"messages.{i}.content.{j}", calls)
        elif role == "user":
            if turn is None:
                turn = _UserTurn()
                turns.append(turn)
            for j, block in enumerate(blocks):
                _read_user(block, f"messages.{i}.content.{j}", calls, turn)
        elif role != "system":
            raise BadRequest(f"messages.{i}.role: Input should be 'user', 'assistant' or 'system'")
    if turn is not None:
        _check_answered(calls, turn, len(messages))
    return turns


def _instruction(turns: list[_UserTurn]) -> tuple[list[str], list[str]]:
    """The texts of the last instruction, and the tool results since.

    A turn that brings tool results is none, though a CLI may add reminders to it; unless it holds a directive.
    """
    instruction: list[str] = []
    results: list[str] = []
    for turn in turns:
        if turn.texts and (not turn.results or any(has_directive(text) for text in turn.texts)):
            instruction, results = turn.texts, []
        else:
            results.extend(turn.results.values())
    return instruction, results


def _read_assistant(block: JsonObject, path: str, calls: set[str]) -> None:
    if block["type"] == "tool_use":
        calls.add(_text(block, f"{path}.id"))
    elif block["type"] == "thinking":
        thinking, signature = block.get("thinking"), block.get("signature")
        if not isinstance(thinking, str) or signature != signature_of(thinking):
            raise BadRequest(f"{path}: Invalid `signature` in `thinking` block")


def _read_user(block: JsonObject, path: str, calls: set[str], turn: _UserTurn) -> None:
    if block["type"] == "text":
        turn.texts.append(_text(block, f"{path}.text", may_be_empty=True))
    elif block["type"] == "tool_result":
        call = _text(block, f"{path}.tool_use_id")
        if call not in calls:
            raise BadRequest(f"{path}: `tool_use_id` {call} is the id of no `tool_use` block in the previous message")
        turn.results[call] = _flat(block.get("content"))


def _check_answered(calls: set[str], turn: _UserTurn, i: int) -> None:
    missing = sorted(calls - turn.results.keys())
    if missing:
        raise BadRequest(f"messages.{i - 1}: `tool_use` ids without `tool_result` blocks: {', '.join(missing)}")


def _flat(content: Json) -> str:
    """The text of a tool result; a block that is no text is named in brackets."""
    if isinstance(content, str):
        return content
    parts = []
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            text = block.get("text")
            parts.append(text if isinstance(text, str) else f"[{block.get('type')}]")
    return "\n".join(parts)


# -- fields --------------------------------------------------------------------------------------------------------


def _blocks(message: JsonObject, i: int) -> list[JsonObject]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise BadRequest(f"messages.{i}.content: Input should be a string or a list of blocks")
    blocks = []
    for j, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise BadRequest(f"messages.{i}.content.{j}: Input should be a block with a `type`")
        blocks.append(block)
    return blocks


def _text(holder: JsonObject, path: str, may_be_empty: bool = False) -> str:
    """The string under the last name of `path`."""
    text = holder.get(path.rpartition(".")[2])
    if not isinstance(text, str) or not (text or may_be_empty):
        raise BadRequest(f"{path}: Field required, a string")
    return text


def _list(holder: JsonObject, name: str, required: bool = False) -> list[Json]:
    found = holder.get(name, [])
    if not isinstance(found, list) or (required and not found):
        raise BadRequest(f"{name}: Field required, a list" if required else f"{name}: Input should be a list")
    return found


def _objects(holder: JsonObject, name: str) -> list[JsonObject]:
    objects = []
    for i, item in enumerate(_list(holder, name)):
        if not isinstance(item, dict):
            raise BadRequest(f"{name}.{i}: Input should be an object")
        objects.append(item)
    return objects


def _max_tokens(body: JsonObject) -> int:
    max_tokens = body.get("max_tokens")
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1:
        raise BadRequest("max_tokens: Field required, an integer of at least 1")
    return max_tokens


def _thinking(body: JsonObject) -> Literal["off", "shown", "omitted"]:
    thinking = body.get("thinking")
    if thinking is None:
        return "off"
    if not isinstance(thinking, dict):
        raise BadRequest("thinking: Input should be an object")
    if thinking.get("type") not in ("enabled", "adaptive"):
        return "off"
    return "omitted" if thinking.get("display") == "omitted" else "shown"
