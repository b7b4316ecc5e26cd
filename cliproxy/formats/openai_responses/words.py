"""The words of the wire that several files need."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NAME: Final = "openai-responses"

CALLS: Final[Mapping[str, str]] = MappingProxyType({"function_call": "arguments", "custom_tool_call": "input"})
"""Items by which the model calls a tool of the client's, and where each has what it calls the tool with."""

OUTPUTS: Final[Mapping[str, bool]] = MappingProxyType({"function_call_output": False, "custom_tool_call_output": True})
"""Items that tell what such a tool gave, and whether the tool takes free text."""

BETWEEN_SUMMARIES: Final = "\n\n"
"""Between the parts of a reasoning summary, which are one stretch of thinking elsewhere."""

ENCRYPTED_REASONING: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"
"""Values of `include`."""


def on_the_users_side(kind: str) -> bool:
    """Whether an item of this kind comes from the client's side, as results do, and not from the model's."""
    return kind.endswith("_output") or kind in ("mcp_approval_response", "compaction_trigger")
