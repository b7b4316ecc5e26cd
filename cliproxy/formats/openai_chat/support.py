"""What a client of this format can say, and what becomes of each thing when it is written in this format."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from cliproxy.formats.codec import Field, Support

SAYS: Final[Mapping[Field, Literal[True]]] = MappingProxyType(
    {
        "system": True,
        "system in mid-conversation": True,
        "images by bytes": True,
        "images by URL": True,
        "documents": True,
        "audio": True,
        "thinking of earlier turns": True,
        "tools": True,
        "free-form tools": True,
        "web search": True,
        "tool choice: auto, required, none": True,
        "tool choice: one tool": True,
        "tool choice: some tools": True,
        "parallel tool calls off": True,
        "images in tool results": True,
        "max tokens": True,
        "stop sequences": True,
        "several choices": True,
        "temperature, top_p": True,
        "top_k": True,
        "seed": True,
        "penalties": True,
        "logit bias": True,
        "logprobs": True,
        "thinking: effort": True,
        "thinking: budget": True,
        "thinking: visibility": True,
        "JSON output": True,
        "JSON Schema output": True,
        "verbosity": True,
        "cache marks": True,
        "cache key": True,
        "end user": True,
        "metadata": True,
        "service tier": True,
        "store": True,
    }
)
"""With the fields of compatible servers: OpenAI itself has no top_k, budget, visibility or cache marks."""

SUPPORT: Final[Mapping[Field, Support]] = MappingProxyType(
    {
        "system": Support.EXACT,
        "system in mid-conversation": Support.EXACT,
        "images by bytes": Support.EXACT,
        "images by URL": Support.EXACT,
        "documents": Support.EXACT,
        "audio": Support.EXACT,
        "thinking of earlier turns": Support.LOST,
        "tools": Support.EXACT,
        "free-form tools": Support.EXACT,
        "tool namespaces": Support.EMULATED,
        "web search": Support.LOST,
        "tool choice: auto, required, none": Support.EXACT,
        "tool choice: one tool": Support.EXACT,
        "tool choice: some tools": Support.EXACT,
        "parallel tool calls off": Support.EXACT,
        "images in tool results": Support.EMULATED,
        "errors of tools": Support.EMULATED,
        "max tokens": Support.EXACT,
        "stop sequences": Support.EXACT,
        "several choices": Support.EXACT,
        "temperature, top_p": Support.EXACT,
        "top_k": Support.LOST,
        "seed": Support.EXACT,
        "penalties": Support.EXACT,
        "logit bias": Support.EXACT,
        "logprobs": Support.EXACT,
        "thinking: effort": Support.EXACT,
        "thinking: budget": Support.EMULATED,
        "thinking: visibility": Support.LOST,
        "JSON output": Support.EXACT,
        "JSON Schema output": Support.EXACT,
        "verbosity": Support.EXACT,
        "cache marks": Support.EMULATED,
        "cache key": Support.EXACT,
        "end user": Support.EXACT,
        "metadata": Support.EXACT,
        "service tier": Support.EXACT,
        "store": Support.EXACT,
        "citations": Support.LOST,
    }
)
"""By the defaults of `Dialect`. Namespaces are fitted before; caches need no marks here."""
