"""Anthropic Messages requests: bytes in, a `Talk` out, with the checks that the real service makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import attrs
import orjson

from cliproxy.demo.anthropic.conversation import read_messages
from cliproxy.demo.anthropic.words import WORDS, dotted
from cliproxy.demo.fields import Node, read_object, size_of
from cliproxy.demo.history import asked_before, instruction
from cliproxy.demo.plan import NO_LIMIT, Choice, Talk, Tool
from cliproxy.demo.replies import Json
from cliproxy.demo.usage import BYTES_A_TOKEN, tokens_of
from cliproxy.errors import BadRequest

LEAST_BUDGET: Final = 1024
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MODES: Final[Mapping[str, Literal["auto", "required", "none"]]] = {
    "auto": "auto",
    "any": "required",
    "tool": "required",
    "none": "none",
}


@attrs.frozen
class Prompt:
    """What was read, in tokens. Nothing is counted twice."""

    fresh: int
    cache_read: int = 0
    cache_write: int = 0
    long: bool = False
    """What was written is kept for an hour, not five minutes."""


@attrs.frozen
class Asked:
    """A request body, understood."""

    model: str
    streamed: bool
    prompt: Prompt
    input_tokens: int
    talk: Talk


def read_body(body: bytes, generates: bool = True) -> Asked:
    """The request in `body`; a count needs no `max_tokens`. Raises `BadRequest` with the path of what is wrong."""
    node = read_object(body, WORDS)
    model = node.need("model").text()
    if not model:
        raise BadRequest("model: String should have at least 1 character")
    messages = node.need("messages").each()
    if not messages:
        raise BadRequest("messages: at least one message is required")
    max_tokens = _max_tokens(node) if generates else NO_LIMIT
    output = node.at("output_config")
    form = output.at("format") if output is not None else None
    talk = Talk(
        instruction=instruction(read_messages(messages)),
        tools=tuple(_tool(tool) for tool in node.each("tools")),
        choice=_choice(node),
        thinking=_thinking(node, max_tokens),
        max_tokens=max_tokens,
        stops=tuple(_stop(stop) for stop in node.each("stop_sequences")),
        structured=form is not None,
        schema=form.need("schema").fields() if form is not None else None,
    )
    fields = node.fields()
    size = size_of(fields.get("system"), fields.get("messages"), fields.get("tools"))
    return Asked(model, node.flag_at("stream"), _prompt(node, messages, size), tokens_of(size), talk)


def _max_tokens(node: Node) -> int:
    max_tokens = node.need("max_tokens").integer()
    if max_tokens < 1:
        raise BadRequest("max_tokens: Input should be greater than or equal to 1")
    return max_tokens


def _stop(stop: Node) -> str:
    if not stop.text().strip():
        raise BadRequest(f"{dotted(stop.path)}: each stop sequence must contain non-whitespace")
    return stop.text()


# -- thinking ------------------------------------------------------------------------------------------------------


def _thinking(node: Node, max_tokens: int) -> Literal["off", "shown", "omitted"]:
    thinking = node.at("thinking")
    kind = "disabled" if thinking is None else thinking.need("type").text()
    if thinking is None or kind == "disabled":
        return "off"
    if kind == "enabled":
        budget = thinking.need("budget_tokens").integer()
        if budget < LEAST_BUDGET:
            raise BadRequest(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
        if budget >= max_tokens:
            raise BadRequest("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if _choice(node).mode == "required":
            raise BadRequest("Thinking may not be enabled when tool_choice forces tool use.")
        _check_begun(node)
    return "omitted" if thinking.text_at("display") == "omitted" else "shown"


def _check_begun(node: Node) -> None:
    """With a budget, a turn that has called tools and gets their results must have begun with thinking."""
    messages = [message for message in node.each("messages") if message.fields().get("role") != "system"]
    if len(messages) < 2 or "tool_result" not in _kinds(messages[-1]):
        return
    called = _kinds(messages[-2])
    if "tool_use" in called and called[0] not in ("thinking", "redacted_thinking"):
        raise BadRequest(
            f"{dotted(messages[-2].path)}.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
            f" `{called[0]}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _kinds(message: Node) -> list[str]:
    """Of a message's blocks."""
    content = message.need("content")
    return [block.text_at("type") for block in content.each()] if isinstance(content.value, list) else []


# -- tools ---------------------------------------------------------------------------------------------------------


def _tool(tool: Node) -> Tool:
    name = tool.need("name").text()
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{dotted(tool.path)}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if tool.text_at("type", "custom") != "custom":  # one that Anthropic runs or knows, by a type with a date
        return Tool(name, tool.fields().get("input_schema"))
    schema = tool.need("input_schema")
    if schema.text_at("type") != "object":
        raise BadRequest(f"{dotted(schema.path)}.type: Input should be 'object'")
    return Tool(name, schema.value)


def _choice(node: Node) -> Choice:
    choice = node.at("tool_choice")
    if choice is None:
        return Choice()
    kind = choice.need("type").text()
    if kind not in _MODES:
        raise BadRequest("tool_choice: Input tag found does not match any of the expected tags: " + ", ".join(_MODES))
    if kind != "none" and not node.each("tools"):
        raise BadRequest("tool_choice may only be specified while providing tools.")
    names = None
    if kind == "tool":
        names = (choice.need("name").text(),)
        if names[0] not in {tool.text_at("name") for tool in node.each("tools")}:
            raise BadRequest(f"Tool '{names[0]}' not found in provided tools")
    return Choice(_MODES[kind], names, parallel=not choice.flag_at("disable_parallel_tool_use"))


# -- the cache -----------------------------------------------------------------------------------------------------


def _prompt(node: Node, messages: list[Node], size: int) -> Prompt:
    """What the cache would give and take: with a breakpoint, all that an earlier request held is read from it, and the
    rest up to the last breakpoint is written.
    """
    fields = node.fields()
    answers = [message.fields().get("role") == "assistant" for message in messages]
    values = [message.value for message in messages]
    segments: list[Json] = [fields.get("tools"), fields.get("system"), *values]
    marked = [i for i, segment in enumerate(segments) if _MARK in _written(segment)]
    if node.at("cache_control") is not None:
        marked.append(len(segments) - 1)
    if not marked:
        return Prompt(tokens_of(size))
    last = max(marked) + 1
    read = len(asked_before(values, answers))
    known = segments[: min(last, read + 2)] if read else []
    cache_read = size_of(*known) // BYTES_A_TOKEN
    cache_write = size_of(*segments[:last]) // BYTES_A_TOKEN - cache_read
    long = any(_LONG in _written(segment) for segment in (*segments[:last], fields.get("cache_control")))
    return Prompt(tokens_of(size) - cache_read - cache_write, cache_read, cache_write, long)


_MARK: Final = b'"cache_control":{'
"""In a text its quotes would be escaped."""
_LONG: Final = b'"ttl":"1h"'


def _written(segment: Json) -> bytes:
    return orjson.dumps(segment)
