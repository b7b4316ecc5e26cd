"""What is asked in the benchmark: a small question in every format, and one as large and nested as Claude Code's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, Literal

import attrs

from bench.wires import WIRES, Format, path

BodyName = Literal["small", "large"]

SIZES: Final[Mapping[BodyName, int]] = {"small": 1_000, "large": 118_000}
"""Bytes. The large one is what a coding CLI sends a few turns into a session: most of it tools and tool results."""

_RULES = (
    "Read the files that a change touches before you write one, and keep to the style that you find there.",
    'Run the tests after every change; say "not run" where you could not, and why.',
    "Prefer the smallest change that is right.\nName what you left out.",
    "Paths are relative to the root of the repository unless they begin with a slash.",
)
_CODE = (
    "def settle(orders: list[Order], *, until: datetime) -> dict[str, Decimal]:\n"
    '    """Sum the open orders of each customer, \\"closed\\" ones aside."""\n'
    "    totals: dict[str, Decimal] = {}\n"
    "    for order in orders:\n"
    '        if order.state != "closed" and order.placed <= until:\n'
    "            totals[order.customer] = totals.get(order.customer, Decimal(0)) + order.amount\n"
    "\treturn totals  # \u2190 rounded by the caller\n"
)
_TOOLS: Final = 24
_TURNS: Final = 17


@attrs.frozen
class Question:
    """One request."""

    body: BodyName = "small"
    """`large` is asked by Anthropic's clients alone."""
    streamed: bool = False
    client: Format = "anthropic"
    model: str = WIRES["anthropic"].model

    @property
    def path(self) -> str:
        """Where it is sent."""
        return path(self.client, self.model, streamed=self.streamed)

    def content(self) -> bytes:
        """The body, of exactly `SIZES[body]` bytes: it is filled up at its last message."""
        request = _SMALL[self.client]() if self.body == "small" else _large()
        if self.client != "gemini":  # whose URL says both
            request = {"model": self.model, **request, **({"stream": True} if self.streamed else {})}
        bare = len(_json(request))
        filling = (b"so far and no further. " * 5_000)[: SIZES[self.body] - bare + len(b"FILL")]
        return _json(request).replace(b"FILL", filling)


def _json(request: Mapping[str, object]) -> bytes:
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def _messages() -> dict[str, object]:
    """As Anthropic's and OpenAI Chat's clients say it."""
    return {"max_tokens": 1024, "messages": [{"role": "user", "content": "FILL"}]}


def _responses() -> dict[str, object]:
    return {"max_output_tokens": 1024, "input": "FILL", "store": False}


def _gemini() -> dict[str, object]:
    contents = [{"role": "user", "parts": [{"text": "FILL"}]}]
    return {"contents": contents, "generationConfig": {"maxOutputTokens": 1024}}


_SMALL: Final[Mapping[Format, Callable[[], dict[str, object]]]] = {
    "anthropic": _messages,
    "openai-chat": _messages,
    "openai-responses": _responses,
    "gemini": _gemini,
}


def _large() -> dict[str, object]:
    """In the order of keys that coding CLIs use."""
    messages: list[object] = [{"role": "user", "content": [{"type": "text", "text": "Why are totals off by a cent?"}]}]
    for turn in range(_TURNS):
        call = f"toolu_{turn:024d}"
        use = {"type": "tool_use", "id": call, "name": f"tool_{turn:02d}", "input": {"path": f"src/part_{turn}.py"}}
        messages.append({"role": "assistant", "content": [{"type": "text", "text": _RULES[turn % 4]}, use]})
        result = {"type": "tool_result", "tool_use_id": call, "content": _CODE * 8}
        messages.append({"role": "user", "content": [result]})
    messages.append({"role": "user", "content": "FILL"})
    return {
        "messages": messages,
        "system": [{"type": "text", "text": "\n".join(_RULES * 30), "cache_control": {"type": "ephemeral"}}],
        "tools": [_tool(number) for number in range(_TOOLS)],
        "metadata": {"user_id": "benchmark"},
        "max_tokens": 32_000,
    }


def _tool(number: int) -> dict[str, object]:
    properties: dict[str, object] = {
        f"option_{option}": {"type": "string", "description": _RULES[option % 4], "enum": ["first", "last", "every"]}
        for option in range(5)
    }
    properties["ranges"] = {"type": "array", "items": {"type": "object", "properties": {"from": {"type": "integer"}}}}
    return {
        "name": f"tool_{number:02d}",
        "description": " ".join(_RULES) * 2,
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": ["option_0"],
            "additionalProperties": False,
        },
    }
