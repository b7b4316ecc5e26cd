"""Token counting between formats: what of a request a counter takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.parts import Json

Body = dict[str, Json]

_ANTHROPIC_FIELDS: Final = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "mcp_servers"}
)
_RESPONSES_FIELDS: Final = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "reasoning", "text", "parallel_tool_calls", "truncation"}
)
_GEMINI_FIELDS: Final = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"})


def count_body(format_name: str, body: Body, model: str) -> Body:
    """The body for a format's token counter, from that for generating."""
    return _BODIES[format_name](body, model)


def _anthropic(body: Body, model: str) -> Body:
    return _only(body, _ANTHROPIC_FIELDS)


def _responses(body: Body, model: str) -> Body:
    return _only(body, _RESPONSES_FIELDS)


def _gemini(body: Body, model: str) -> Body:
    """Tools and the system's words count only inside a whole request, which then names its model."""
    return {"generateContentRequest": {"model": f"models/{model}", **_only(body, _GEMINI_FIELDS)}}


def _only(body: Body, fields: frozenset[str]) -> Body:
    return {name: value for name, value in body.items() if name in fields}


_BODIES: Final[Mapping[str, Callable[[Body, str], Body]]] = MappingProxyType(
    {"anthropic": _anthropic, "openai-responses": _responses, "gemini": _gemini}
)
